// What a search tries around a tiling: another scheme of loops, one size other, or one other and
// another as large as then fits.
#pragma once

#include <vector>

#include "core/mapping/search_points.h"
#include "core/mapping/search_trials.h"

namespace bitjoule {

class SearchNeighbours {
 public:
  /// All outlive it.
  SearchNeighbours(const MappingSpace& space, SearchPoints& points, const SearchTrials& trials)
      : space_(space), points_(points), trials_(trials) {}

  /// Whether `f` is true for any neighbour, tried one after the other.
  template <class F>
  bool any(const Box& from, F f) const {
    Box other = from;
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) {
      other.scheme = static_cast<std::uint16_t>(s);
      if (f(other)) return true;
    }
    for (std::size_t a = 0; a < kAxes; ++a) {
      if (space_.sizes[a].size() == 1) continue;
      for (const std::uint16_t size : points_.beside(a, from.lo[a]))
        if (any_with(from, a, size, f)) return true;
      const std::uint16_t most = largest(from, a).lo[a];
      if (most != from.lo[a] && any_with(from, a, most, f)) return true;
    }
    return false;
  }

  /// Tiles of one scheme that are as large as fits along one axis after another, in every order of
  /// pixels, n, k and groups.
  std::vector<Box> filled(std::uint16_t scheme) const;

 private:
  /// With one size, and another as it then may be.
  template <class F>
  bool any_with(const Box& from, std::size_t a, std::uint16_t size, F f) const {
    Box other = from;
    other.lo[a] = other.hi[a] = size;
    if (f(other)) return true;
    for (std::size_t b = 0; b < kAxes; ++b) {
      if (b == a || space_.sizes[b].size() == 1) continue;
      const Box filled = largest(other, b);
      if (filled.lo[b] == from.lo[b]) continue;
      if (f(filled)) return true;
      const Box even = points_.even(filled, b);
      if (even.lo[b] != filled.lo[b] && f(even)) return true;
      if (!trials_.flexible()) continue;
      // What one role leaves may go to any other: sizes between do, too.
      for (const std::uint16_t with : points_.beside(b, from.lo[b])) {
        if ((with < from.lo[b]) == (size < from.lo[a])) continue;
        Box both = other;
        both.lo[b] = both.hi[b] = with;
        if (f(both)) return true;
      }
    }
    return false;
  }

  /// With the largest size along an axis that may fit.
  Box largest(Box box, std::size_t axis) const;
  Box largest_new(Box box, std::size_t axis) const;
  Box largest_tried(Box box, std::size_t axis) const;

  mutable PointTable<std::uint16_t> largest_;  // with any size along the axis: its entry, and 1
  const MappingSpace& space_;
  SearchPoints& points_;
  const SearchTrials& trials_;
};

}  // namespace bitjoule
