#include "core/mapping/search_boxes.h"

#include <algorithm>

namespace bitjoule {
namespace {

/// Whether `a` is opened after `b`.
bool later(const SearchNode& a, const SearchNode& b) {
  if (b.bound < a.bound) return true;
  if (a.bound < b.bound) return false;
  return a.number < b.number;
}

}  // namespace

void SearchBoxes::push(SearchNode node) {
  node.number = ++pushed_;
  heap_.push_back(node);
  std::push_heap(heap_.begin(), heap_.end(), later);
}

SearchNode SearchBoxes::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const SearchNode node = heap_.back();
  heap_.pop_back();
  return node;
}

std::array<Box, 2> halves(const MappingSpace& space, const Box& box) {
  std::size_t widest = 0;
  double most = 0;
  for (std::size_t a = 0; a < kAxes; ++a) {
    if (box.lo[a] == box.hi[a]) continue;
    const double ratio = static_cast<double>(space.sizes[a][box.hi[a]]) /
                         static_cast<double>(space.sizes[a][box.lo[a]]);
    if (ratio > most) most = ratio, widest = a;
  }
  std::array<Box, 2> parts = {box, box};
  parts[0].hi[widest] = static_cast<std::uint16_t>((box.lo[widest] + box.hi[widest]) / 2);
  parts[1].lo[widest] = static_cast<std::uint16_t>(parts[0].hi[widest] + 1);
  return parts;
}

Box whole_box(const MappingSpace& space, std::size_t scheme) {
  Box box;
  box.scheme = static_cast<std::uint16_t>(scheme);
  for (std::size_t a = 0; a < kAxes; ++a)
    box.hi[a] = static_cast<std::uint16_t>(space.sizes[a].size() - 1);
  return box;
}

}  // namespace bitjoule
