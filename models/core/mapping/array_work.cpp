#include "core/mapping/array_work.h"

namespace bitjoule {

void count_adds(std::int64_t products, bool tree, std::int64_t words, PeAdds& adds) {
  if (!tree) {
    adds.wide += words * products;
    return;
  }
  for (std::size_t level = 0; products > 1; ++level) {
    adds.tree[level] += words * (products / 2);
    products -= products / 2;
  }
  adds.wide += words;
}

}  // namespace bitjoule
