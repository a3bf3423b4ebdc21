#include "core/mapping/search_neighbours.h"

#include <algorithm>
#include <iterator>

#include "core/few.h"

namespace bitjoule {

Box SearchNeighbours::largest(Box box, std::size_t axis) const {
  if (trials_.all_fit()) return largest_new(box, axis);
  constexpr std::uint16_t kAny = 0xFFFF;
  box.lo[axis] = kAny;
  std::uint16_t& known = largest_[PointKey(box)];
  if (known == 0) known = static_cast<std::uint16_t>(largest_tried(box, axis).lo[axis] + 1);
  box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(known - 1);
  return box;
}

/// Where all fit, what is left out is the same under another scheme, which all sizes are or none
/// that are cut alike: into one tile, or into several.
Box SearchNeighbours::largest_new(Box box, std::size_t axis) const {
  const std::size_t last = space_.sizes[axis].size() - 1;
  for (const std::size_t entry : {last, last > 0 ? last - 1 : 0}) {
    box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(entry);
    if (entry == 0 || trials_.may_fit(box)) return box;
  }
  box.lo[axis] = box.hi[axis] = 0;
  return box;
}

Box SearchNeighbours::largest_tried(Box box, std::size_t axis) const {
  std::size_t fits = 0, beyond = space_.sizes[axis].size();
  // What is tried first is all of a short axis, half of what is left then.
  for (std::size_t next = beyond - 1; fits + 1 < beyond; next = (fits + beyond) / 2) {
    box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(next);
    (trials_.may_fit(box) ? fits : beyond) = next;
  }
  box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(fits);
  return box;
}

std::vector<Box> SearchNeighbours::filled(std::uint16_t scheme) const {
  struct Kind {
    std::size_t axes[3], size;
  };
  constexpr Kind kKinds[] = {
      {{kAxisC, kAxisR, kAxisB}, 3}, {{kAxisN}, 1}, {{kAxisK}, 1}, {{kAxisG}, 1}};
  Few<std::size_t, std::size(kKinds)> order;  // of those that have a choice
  for (std::size_t kind = 0; kind < std::size(kKinds); ++kind)
    if (std::any_of(kKinds[kind].axes, kKinds[kind].axes + kKinds[kind].size,
                    [this](std::size_t axis) { return space_.sizes[axis].size() > 1; }))
      order.push_back(kind);
  constexpr std::size_t kOrders = 24;
  std::vector<Box> all;
  all.reserve(kOrders);
  do {
    Box box;
    box.scheme = scheme;
    for (const std::size_t kind : order)
      for (std::size_t i = 0; i < kKinds[kind].size; ++i) {
        const std::size_t axis = kKinds[kind].axes[i];
        if (space_.sizes[axis].size() > 1) box = largest(box, axis);
      }
    if (trials_.may_fit(box)) all.push_back(box);
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

}  // namespace bitjoule
