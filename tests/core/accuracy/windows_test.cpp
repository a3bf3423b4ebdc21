#include "core/accuracy/windows.h"

#include <doctest/doctest.h>

namespace bitjoule::windows_test {

/// How often each token of a text is predicted.
std::vector<int> predicted(std::int64_t tokens, std::int64_t size, std::int64_t stride) {
  std::vector<int> times(static_cast<std::size_t>(tokens));
  for (const TokenWindow& w : token_windows(tokens, size, stride)) {
    CHECK(w.first >= 0);
    CHECK(w.first + w.size <= tokens);
    CHECK(w.scored > w.first);  // something stands before
    for (std::int64_t i = w.scored; i < w.first + w.size; ++i) ++times[static_cast<std::size_t>(i)];
  }
  return times;
}

TEST_CASE("windows: one that fits") {
  const std::vector<TokenWindow> windows = token_windows(256, 256, 256);
  REQUIRE(windows.size() == 1);
  CHECK(windows[0].size == 256);
  CHECK(windows[0].scored == 1);
  CHECK(windows[0].predictions() == 255);
}

TEST_CASE("windows: side by side - each one's first token is not predicted") {
  CHECK(predicted(6, 3, 3) == std::vector<int>{0, 1, 1, 0, 1, 1});
}

TEST_CASE("windows: that overlap predict every token once") {
  CHECK(predicted(7, 4, 2) == std::vector<int>{0, 1, 1, 1, 1, 1, 1});
  const std::vector<TokenWindow> windows = token_windows(7, 4, 2);
  REQUIRE(windows.size() == 3);
  CHECK(windows[1].first == 2);
  CHECK(windows[1].scored == 4);  // behind what the first has seen
  CHECK(windows[2].first == 3);   // moved back to end with the text
  CHECK(windows[2].scored == 6);
}

TEST_CASE("windows: the last is moved back") {
  CHECK(predicted(8, 3, 3) == std::vector<int>{0, 1, 1, 0, 1, 1, 1, 1});
}

TEST_CASE("windows: texts that are shorter - and those with nothing to predict") {
  CHECK(predicted(2, 256, 256) == std::vector<int>{0, 1});
  CHECK(token_windows(1, 256, 256).empty());
  CHECK(token_windows(0, 256, 256).empty());
}

}  // namespace bitjoule::windows_test
