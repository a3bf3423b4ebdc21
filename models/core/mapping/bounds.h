// What no tiling of a whole box of tilings can be cheaper than: what the search prunes by.
// docs/mapping.md, "Bounds", proves each term.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/mapping/energy_rates.h"
#include "core/mapping/folds.h"
#include "core/mapping/least_time.h"
#include "core/mapping/range_min.h"
#include "core/mapping/reuse.h"
#include "core/mapping/space.h"

namespace bitjoule {

/// Every tiling of one scheme whose sizes are entries lo..hi (both included) of the space's lists.
struct Box {
  std::uint16_t scheme = 0;
  std::array<std::uint16_t, kAxes> lo{}, hi{};
  bool is_point() const { return lo == hi; }
};

struct CostBound {
  double bursts = 0, cycles = 0, energy_pj = 0;
};

class Bounds {
 public:
  /// All outlive it.
  Bounds(const MappingProblem& problem, const MappingSpace& space, const EnergyRates& energy);

  /// Whether some tiling of the box may fit the buffers, and is not the same as one of a scheme
  /// ahead. Then `bound` is filled in.
  bool feasible(const Box& box, CostBound& bound) const;
  /// The same without the bound.
  bool feasible(const Box& box) const;

 private:
  struct View;
  View view(const Box& box) const;
  bool may_fit(View& v) const;
  /// Folds along each dimension, of all tiles of a group, and rows of their stationary operands.
  struct FoldBound {
    double m, n, k, k_rows;
    double all() const { return m * n * k; }
  };
  void tabulate_axes();
  void tabulate_groups();
  void tabulate_pixels();
  void tabulate_k();
  bool repeats_scheme(const View& v) const;
  bool smallest_fits(const View& v) const;
  bool limit_pixels(View& v) const;
  double input_bursts(const View& v) const;
  double output_bursts(const View& v) const;
  double weight_bursts(const View& v) const;
  FoldBound folds(const View& v) const;
  double array_cycles(const View& v, const FoldBound& f) const;
  double first_load(const View& v) const;
  double last_skew(const View& v) const;
  double first_bursts(const View& v) const;
  double packed(std::int64_t bits, const BufferConfig& buffer) const;
  double energy(const View& v, const FoldBound& f) const;
  /// Of a group, in the array.
  double moves(const FoldBound& f) const;

  const MappingProblem& p_;
  const MappingSpace& space_;
  const ArrayDataflow& dataflow_;
  FoldExtents quanta_;                                  // what the array takes at once
  std::array<std::vector<std::int64_t>, kAxes> trips_;  // of each size
  // By size of groups: times that the array takes some, side by side; cycles of a step in each.
  RangeMin packs_, pack_steps_;
  // By size: rows and columns that all tiles fetch, with all taps of the kernel; and of one tile,
  // those per output, with one tap and with all.
  RangeMin rows_, cols_, rows_each_[2], cols_each_[2];
  // By size of n: bursts that a pixel's outputs take, cut into tiles of it; folds.
  RangeMin output_runs_, n_folds_;
  // By size of k: bursts of the inputs and of rows of weights where its tiles are apart; folds, and
  // their rows.
  RangeMin input_runs_, weight_runs_, k_folds_, k_rows_;
  // Buffer accesses of all folds along n and k: rows of weights and of sums; columns of both
  // operands.
  RangeMin n_weight_words_, n_sum_words_, k_input_words_, k_weight_words_;
  double whole_inputs_ = 0;  // bytes of the inputs that any output looks at
  double weights_ = 0, weight_scales_ = 0, biases_ = 0, outputs_ = 0;  // in bursts
  ArrayRates rates_;
  const EnergyRates& energy_;
  LeastTime least_time_;
  FoldExtents last_fold_{};  // of the last tile along an axis that is not cut
};

}  // namespace bitjoule
