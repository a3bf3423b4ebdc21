// Whether a tile fits the buffers, by limits that are worked out once for each of its sizes: what
// tile_footprint() says, in a fraction of the time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mapping/space.h"

namespace bitjoule {

class TileFit {
 public:
  /// Both outlive it.
  TileFit(const MappingProblem& problem, const MappingSpace& space);

  /// Whether weights, scales and results of one tile, at `entries` of the space's lists, fit
  /// their buffers, each by itself, and, where `inputs` says so, its inputs too.
  bool operator()(std::size_t scheme, const std::array<std::uint16_t, kAxes>& entries,
                  bool inputs) const;

  /// Whether every tile of the space does so; false also where that is not easily said.
  bool all() const;

 private:
  /// Rows and columns of the map that tiles with these taps look at, by their size.
  struct Window {
    std::int64_t taps_h, taps_w;
    std::vector<std::int64_t> rows, cols;
  };
  struct Looks {
    std::size_t window = 0;  // in windows_
    std::int64_t channels = 0;
  };
  bool inputs_fit(std::size_t scheme, const std::array<std::uint16_t, kAxes>& entries) const;
  bool scales_fit(std::size_t scheme, const std::array<std::uint16_t, kAxes>& entries) const;
  Looks looks_of(std::int64_t k, bool full_k);

  const MappingProblem& p_;
  const MappingSpace& space_;
  std::int64_t inputs_ = 0, results_ = 0;                   // elements, at most
  std::vector<std::int64_t> weight_rows_, parameter_rows_;  // by size of k: rows, at most
  std::vector<std::int64_t> stored_n_;                      // by size of n
  std::vector<Looks> looks_;                                // by size of k
  Looks whole_;                                             // with all of k
  std::vector<Window> windows_;
  bool has_input_scales_ = false;
};

}  // namespace bitjoule
