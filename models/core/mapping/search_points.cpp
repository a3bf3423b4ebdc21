#include "core/mapping/search_points.h"

#include <algorithm>

#include "core/mapping/folds.h"
#include "core/mapping/region.h"

namespace bitjoule {

const RandomNumbers::First& RandomNumbers::first() {
  static const First numbers = [] {
    First all{};
    std::mt19937 engine(kSeed);
    for (std::uint32_t& number : all) number = static_cast<std::uint32_t>(engine());
    return all;
  }();
  return numbers;
}

SearchPoints::SearchPoints(const MappingProblem& p, const MappingSpace& space) : space_(space) {
  const FoldExtents quanta = dataflow_of(p).quanta(p.machine.array, p.path.macs_per_pe);
  whole_.fill(1);
  whole_[at(TileAxis::kRows)] = whole_[at(TileAxis::kCols)] = quanta.m;
  whole_[at(TileAxis::kN)] = quanta.n;
  whole_[at(TileAxis::kK)] = quanta.k;
  for (std::size_t a = 0; a < kAxes; ++a)
    totals_[a] = axis_extent(p, static_cast<TileAxis>(a)).total;
  for (std::size_t a = 0; a < kAxes; ++a) {
    const std::size_t sizes = space.sizes[a].size();
    beside_[a] = std::vector<Entries>(sizes);
    has_all_[a] = space.sizes[a].back() == static_cast<std::int64_t>(sizes);
  }
}

/// The smallest entry of at least that size.
std::uint16_t SearchPoints::entry(std::size_t axis, std::int64_t size) const {
  const std::vector<std::int64_t>& sizes = space_.sizes[axis];
  const std::int64_t found =
      has_all_[axis] ? std::max<std::int64_t>(0, size - 1)
                     : std::lower_bound(sizes.begin(), sizes.end(), size) - sizes.begin();
  return static_cast<std::uint16_t>(
      std::min<std::int64_t>(found, static_cast<std::int64_t>(sizes.size()) - 1));
}

Box SearchPoints::random() {
  Box box;
  box.scheme = static_cast<std::uint16_t>(below(static_cast<std::int64_t>(space_.schemes.size())));
  for (std::size_t a = 0; a < kAxes; ++a) {
    if (space_.sizes[a].size() == 1) continue;
    std::int64_t size = totals_[a];
    for (std::int64_t halves = below(8); halves > 0; --halves) size = ceil_div(size, 2);
    if (below(2) == 0) size = 1 + below(size);
    box.lo[a] = box.hi[a] = entry(a, size);
  }
  return box;
}

Box SearchPoints::even(Box box, std::size_t axis) const {
  const std::int64_t tiles = ceil_div(totals_[axis], space_.sizes[axis][box.lo[axis]]);
  box.lo[axis] = box.hi[axis] = entry(axis, ceil_div(totals_[axis], tiles));
  return box;
}

Box SearchPoints::without_rest(Box box, std::size_t axis) const {
  const std::vector<std::int64_t>& sizes = space_.sizes[axis];
  std::uint16_t entry = box.lo[axis];
  while (entry > 0 && totals_[axis] % sizes[entry] != 0) --entry;
  if (totals_[axis] % sizes[entry] == 0) box.lo[axis] = box.hi[axis] = entry;
  return box;
}

const SearchPoints::Entries& SearchPoints::beside(std::size_t axis, std::uint16_t from) {
  Entries& all = beside_[axis][from];
  if (!all.empty()) return all;
  const std::vector<std::int64_t>& sizes = space_.sizes[axis];
  const std::int64_t size = sizes[from], total = totals_[axis], whole = whole_[axis];
  const std::int64_t tiles = ceil_div(total, size);
  const auto last = static_cast<std::uint16_t>(sizes.size() - 1);
  const auto add = [&](std::uint16_t to) {
    if (to != from && std::find(all.begin(), all.end(), to) == all.end()) all.push_back(to);
  };
  for (const std::int64_t to : {ceil_div(total, tiles), align(size, whole), size / whole * whole,
                                size * 2, ceil_div(size, 2)})
    add(entry(axis, to));
  for (const std::int64_t more : {-2, -1, 1, 2})
    add(entry(axis, ceil_div(total, std::max<std::int64_t>(1, tiles + more))));
  for (const int next : {-2, -1, 1, 2})
    add(static_cast<std::uint16_t>(std::clamp<int>(from + next, 0, last)));
  add(last);
  add(0);
  return all;
}

}  // namespace bitjoule
