#include "sim/config/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "core/names.h"

namespace bitjoule {
namespace {

/// Letters in another order are one mistake, if they are enough to tell a word by.
std::size_t mistakes(const std::string& word, const std::string& name) {
  constexpr std::size_t kFewestLetters = 3;
  const bool is_reordered = word.size() == name.size() && word.size() >= kFewestLetters &&
                            std::is_permutation(word.begin(), word.end(), name.begin());
  return is_reordered ? (word == name ? 0 : 1) : edit_distance(word, name);
}

}  // namespace

std::string nearest_name(const std::string& word, const std::vector<std::string>& names) {
  constexpr std::size_t kLongestWord = 64;  // longer ones are no misspelt names
  if (word.size() > kLongestWord) return "";
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 2) + 1;
  for (const std::string& name : names) {
    const std::size_t distance = mistakes(word, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const std::string name = nearest_name(word, names);
  return name.empty() ? "" : ", did you mean \"" + name + "\"?";
}

std::string expected_got(const std::string& expected, const Node& node,
                         const std::vector<std::string>& names) {
  const std::string near =
      node.kind == Node::Kind::kScalar ? suggestion(node.text, names) : std::string();
  return fmt::format("{}, got {}{}", expected, node.shown(), near);
}

}  // namespace bitjoule
