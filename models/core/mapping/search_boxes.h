// The boxes that a search has yet to open.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/objective.h"

namespace bitjoule {

struct SearchNode {
  MappingCost bound;
  Box box;
  std::int64_t number = 0;  ///< in the order of creation
  bool counted = false;     ///< a tiling that fits, whose bound has its exact traffic
};

/// The place of a single tiling in the space, for tables.
struct PointKey {
  std::uint16_t scheme = 0;
  std::array<std::uint16_t, kAxes> sizes{};

  explicit PointKey(const Box& point) : scheme(point.scheme), sizes(point.lo) {}
  friend bool operator==(const PointKey& a, const PointKey& b) {
    return a.scheme == b.scheme && a.sizes == b.sizes;
  }
  struct Hash {
    std::size_t operator()(const PointKey& key) const;
  };
};

/// The lowest bound first; of equal ones the newest, down to a single tiling.
class SearchBoxes {
 public:
  bool empty() const { return heap_.empty(); }
  void push(SearchNode node);
  const SearchNode& front() const { return heap_.front(); }
  SearchNode pop();

 private:
  std::vector<SearchNode> heap_;
  std::int64_t pushed_ = 0;
};

/// The halves of a box along the axis along which its sizes differ most.
std::array<Box, 2> halves(const MappingSpace& space, const Box& box);

/// All tilings of a scheme.
Box whole_box(const MappingSpace& space, std::size_t scheme);

}  // namespace bitjoule
