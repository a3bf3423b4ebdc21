#include "core/mapping/search_neighbours.h"

#include <algorithm>
#include <array>

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

std::vector<Box> SearchNeighbours::filled(std::uint16_t scheme) const {
  const std::array<std::vector<std::size_t>, 4> kinds = {
      {{kAxisC, kAxisR, kAxisB}, {kAxisN}, {kAxisK}, {kAxisG}}};
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  std::vector<Box> all;
  do {
    Box box;
    box.scheme = scheme;
    for (const std::size_t kind : order)
      for (const std::size_t axis : kinds[kind])
        if (space_.sizes[axis].size() > 1) box = largest(box, axis);
    if (trials_.may_fit(box)) all.push_back(box);
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

}  // namespace bitjoule
