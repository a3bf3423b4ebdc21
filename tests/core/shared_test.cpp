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

}  // namespace bitjoule::shared_test
