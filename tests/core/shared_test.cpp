#include "core/shared.h"

#include <doctest/doctest.h>

#include <vector>

namespace bitjoule::shared_test {

TEST_CASE("shared: copies are one value until one of them is edited") {
  Shared<std::vector<int>> a = std::vector<int>{1, 2};
  Shared<std::vector<int>> b = a;
  CHECK(&*a == &*b);
  b.edit().push_back(3);
  CHECK(a->size() == 2);
  CHECK(*b == std::vector<int>{1, 2, 3});
  const std::vector<int>* alone = &*b;
  CHECK(&b.edit() == alone);  // nobody else's
}

TEST_CASE("shared: what are copies of one is told from what is equal") {
  struct Pair {
    int a = 0, b = 0;
  };
  Shared<Pair> pair;
  pair = {1, 2};
  CHECK(pair->b == 2);
  Shared<Pair> copy = pair;
  CHECK(copy.is_same(pair));
  copy = {1, 2};
  CHECK(!copy.is_same(pair));
  copy = pair;
  copy.edit().a = 3;
  CHECK(!copy.is_same(pair));
  CHECK(pair->a == 1);
}

}  // namespace bitjoule::shared_test
