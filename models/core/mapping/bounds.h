// What no tiling of a whole box of tilings can be cheaper than: what the search prunes by.
// docs/mapping.md, "Bounds", proves each term.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/mapping/bound_tables.h"
#include "core/mapping/energy_rates.h"
#include "core/mapping/folds.h"
#include "core/mapping/least_time.h"
#include "core/mapping/point_table.h"
#include "core/mapping/space.h"
#include "core/mapping/tile_fit.h"

namespace bitjoule {

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
  bool feasible(const Box& box) const {
    if (!all_fit_) return may_fit(box);
    unsigned cut = 0;  // a bit for each axis
    for (std::size_t a = 0; a < kAxes; ++a)
      cut |= static_cast<unsigned>(box.lo[a] < whole_[a]) << a;
    return new_[box.scheme][loops_with_one_tile(cut)];
  }

  /// Whether every tile of the space fits the buffers, with all sums at once: `feasible` then only
  /// leaves out what is the same as one of another scheme.
  bool all_fit() const { return all_fit_; }

 private:
  struct View;
  View view(const Box& box) const;
  bool least_fits(const Box& box) const;
  bool may_fit(View& v) const;
  bool may_fit(const Box& box) const;
  bool limit_pixels(View& v) const;
  void note_limits();
  bool limits_nothing() const;
  void note_schemes();
  /// A bit each for m, n and k, from one for each axis along which there are several tiles.
  static unsigned loops_with_one_tile(unsigned cut) {
    constexpr unsigned kM = 1U << kAxisB | 1U << kAxisR | 1U << kAxisC;
    return ((cut & kM) == 0 ? 1U : 0U) | ((cut >> kAxisN & 1U) == 0 ? 2U : 0U) |
           ((cut >> kAxisK & 1U) == 0 ? 4U : 0U);
  }

  double once_together(const View& v) const;
  double once_apart(const View& v) const;
  double output_bursts(const View& v) const;
  double weight_bursts(const View& v) const;
  double first_bursts(const View& v) const;

  /// Folds along each dimension, of all tiles of a group, and rows of their stationary operands.
  struct FoldBound {
    double m, n, k, k_rows;
    double all() const { return m * n * k; }
  };
  FoldBound folds(const View& v) const;
  double m_folds(const View& v) const;
  double array_cycles(const View& v, const FoldBound& f) const;
  double exact_skew(const FoldBound& f) const;
  double first_load(const View& v) const;
  double last_skew(const View& v) const;
  double behind_operands(const View& v) const;

  double accesses(const View& v, const FoldBound& f) const;
  double energy(const View& v, const FoldBound& f, double accesses, double moves) const;
  double moves(const FoldBound& f) const;

  /// All of a bound but how often the loops repeat what. Where every tile fits, capacities do not
  /// add to the number of tiles, and boxes of the same sizes have the same parts under all orders
  /// of the loops.
  struct Parts {
    bool known = false;
    FoldBound folds{};
    double together = 0,
           apart = 0;  // bursts of inputs, once, so far as a box may have them
    double weights = 0, outputs = 0;
    double array_time = 0, behind = 0, accesses = 0, moves = 0;
  };
  void note_parts(const View& v, Parts& parts) const;
  void note_bound(const View& v, const Parts& parts, CostBound& bound) const;

  const MappingProblem& p_;
  const MappingSpace& space_;
  const ArrayDataflow& dataflow_;
  FoldExtents quanta_;  // what the array takes at once
  BoundTables t_;
  TileFit fits_;
  bool all_fit_ = false;
  // By scheme: combinations of loops with one tile (a bit for each) in which it is none of those
  // ahead.
  std::vector<std::array<bool, 8>> new_;
  std::array<std::uint16_t, kAxes> whole_{};  // from this entry on a size is all of an axis
  /// What the buffers hold, for a tile or, of sums, for those that live at once: elements.
  struct {
    double inputs, weights, results, sums, live_sums;
  } most_{};
  double weights_ = 0, weight_scales_ = 0, biases_ = 0, outputs_ = 0;  // of the layer, in bursts
  double weight_words_ = 0;  // of a group, in their buffer
  ArrayRates rates_;         // of one group
  const EnergyRates& energy_;
  LeastTime least_time_;
  FoldExtents last_fold_{};                  // of the last tile along an axis that is not cut
  mutable PointTable<Parts, BoxKey> parts_;  // by sizes, and by whether inputs stay for all of k
};

}  // namespace bitjoule
