// The boxes that a search has yet to open.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
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
