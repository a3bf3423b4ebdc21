#include "core/mapping/search_neighbours.h"

namespace bitjoule {

Box SearchNeighbours::largest(Box box, std::size_t axis) const {
  std::size_t fits = 0, beyond = space_.sizes[axis].size();
  while (fits + 1 < beyond) {
    const std::size_t middle = (fits + beyond) / 2;
    box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(middle);
    (trials_.may_fit(box) ? fits : beyond) = middle;
  }
  box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(fits);
  return box;
}

}  // namespace bitjoule
