// Cycles of the array that no tiling of a box is below.
#include <algorithm>

#include "core/mapping/bounds_view.h"

namespace bitjoule {

/// Of the streamed dimension a fold takes all that a tile has.
Bounds::FoldBound Bounds::folds(const View& v) const {
  const LoopDim streamed = dataflow_.streamed();
  FoldBound f{};
  f.m = streamed == LoopDim::kM ? real(v.loops[0]) : m_folds(v);
  f.n = streamed == LoopDim::kN ? real(v.loops[1]) : v.least_of(t_.n_folds, kAxisN);
  f.k = v.least_of(t_.k_folds, kAxisK);
  f.k_rows = v.least_of(t_.k_fold_rows, kAxisK);
  return f;
}

/// Of one tiling exactly those of its tiles. Else at least what all pixels fill; and each tile that
/// is not the last along an axis has those of the smallest.
double Bounds::m_folds(const View& v) const {
  const Lowered& l = p_.layer;
  const std::int64_t least = std::max(ceil_div(l.extents.m, quanta_.m), v.loops[0]);
  constexpr std::size_t kSides[] = {kAxisB, kAxisR, kAxisC};
  const std::int64_t totals[] = {l.batch, l.out_height, l.out_width};
  bool one = true;
  std::int64_t whole_tiles = 1;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t axis = kSides[i];
    one = one && v.box.lo[axis] == v.box.hi[axis];
    whole_tiles *= totals[i] / space_.sizes[axis][v.box.hi[axis]];
  }
  if (!one) return real(std::max(least, whole_tiles * ceil_div(v.m(), quanta_.m)));
  std::int64_t folds = 0;
  for (unsigned last = 0; last < 8; ++last) {  // along which axes it is the shorter last tile
    std::int64_t tiles = 1, pixels = 1;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t size = v.lo[kSides[i]], rest = totals[i] % size;
      tiles *= (last >> i & 1U) == 0 ? totals[i] / size : rest > 0 ? 1 : 0;
      pixels *= (last >> i & 1U) == 0 ? size : rest;
    }
    folds += tiles * ceil_div(pixels, quanta_.m);
  }
  return real(std::max(least, folds));
}

/// Steps, loads and drains of all folds: none overlaps another of its kind.
double Bounds::array_cycles(const View& v, const FoldBound& f) const {
  const GemmExtents& e = p_.layer.extents;
  const ArrayConfig& array = p_.machine.array;
  const LoopDim streamed = dataflow_.streamed();
  const bool drains = dataflow_.outputs_stay();
  const bool full = array.edge_folds == EdgeFolds::kFull;
  const double steps = streamed == LoopDim::kM   ? real(e.m) * f.n * f.k
                       : streamed == LoopDim::kN ? f.m * real(e.n) * f.k
                                                 : f.m * f.n * f.k_rows;
  const double rows = full     ? f.all() * real(array.rows)
                      : drains ? real(e.m) * f.n * f.k
                               : f.m * f.n * f.k_rows;
  // Groups side by side share steps; of rows they share those that are there anyway.
  const std::size_t g0 = v.box.lo[kAxisG], g1 = v.box.hi[kAxisG];
  const double packs = t_.group_packs(g0, g1), all_rows = rows * (full ? packs : real(e.groups));
  const double stream = steps * t_.group_steps(g0, g1);
  const double load = drains ? 0 : all_rows * real(rates_.load_interval);
  const double drain = drains ? all_rows * real(rates_.drain_interval) : 0;
  const double skew = full               ? f.all() * packs * real(array.rows + array.cols - 2)
                      : v.box.is_point() ? exact_skew(f) * packs
                                         : 0;
  // The first fold's load is ahead of all steps, the last fold's last row behind them.
  double cycles = std::max(first_load(v) + stream + last_skew(v), load);
  switch (array.overlap) {
    case Overlap::kNone:
      cycles = load + stream + std::max(skew, last_skew(v));
      break;
    case Overlap::kDrain:
      cycles = load + stream + last_skew(v);
      break;
    case Overlap::kWeights:
      cycles = std::max(cycles, first_load(v) + stream + skew);
      break;
    case Overlap::kFull:
      break;
  }
  // The results of the last fold leave when the array is done.
  const double last = real(array.rows) * real(rates_.drain_interval);
  if (array.overlap == Overlap::kDrain || array.overlap == Overlap::kFull)
    cycles = std::max(cycles, drain - last);
  return cycles - 1;
}

/// Rows and columns of all folds of one tiling, less two of each fold.
double Bounds::exact_skew(const FoldBound& f) const {
  const GemmExtents& e = p_.layer.extents;
  const double rows = dataflow_.outputs_stay() ? real(e.m) * f.n * f.k : f.m * f.n * f.k_rows;
  const double cols =
      dataflow_.columns() == LoopDim::kN ? real(e.n) * f.m * f.k : real(e.m) * f.n * f.k;
  return rows + cols - 2 * f.all();
}

double Bounds::first_load(const View& v) const {
  if (dataflow_.outputs_stay()) return 0;
  const std::int64_t rows = p_.machine.array.edge_folds == EdgeFolds::kFull
                                ? p_.machine.array.rows
                                : ceil_div(fold_k(p_, v.lo[kAxisK]), p_.path.macs_per_pe);
  return real(rows * rates_.load_interval);
}

double Bounds::last_skew(const View& v) const {
  const ArrayConfig& array = p_.machine.array;
  if (array.edge_folds == EdgeFolds::kFull) return real(array.rows + array.cols - 2);
  FoldExtents fold{1, 1, 1};
  if (v.most_m() == 1) fold.m = last_fold_.m;
  if (v.most[kAxisN] == 1) fold.n = last_fold_.n;
  if (v.most[kAxisK] == 1) fold.k = last_fold_.k;
  const FoldShape shape = dataflow_.shape(fold, p_.path.macs_per_pe);
  return real(shape.rows + shape.cols - 2);
}

/// When all operands have come, the last tile is still to do: on the array, in the output unit, and
/// in the memory.
double Bounds::behind_operands(const View& v) const {
  const auto last = [&](std::size_t axis) { return v.least_of(t_.last_size[axis], axis); };
  const double m = last(kAxisB) * last(kAxisR) * last(kAxisC), n = last(kAxisN), k = last(kAxisK);
  const double groups = last(kAxisG), results = groups * m * n;
  const auto folds_of = [](double extent, std::int64_t step) { return whole(extent / real(step)); };
  const LoopDim streamed = dataflow_.streamed();
  const double macs = real(p_.path.macs_per_pe);
  const double steps = (streamed == LoopDim::kM ? m : folds_of(m, quanta_.m)) *
                       (streamed == LoopDim::kN ? n : folds_of(n, quanta_.n)) *
                       (streamed == LoopDim::kK ? whole(k / macs) : folds_of(k, quanta_.k));
  const double stored = outputs_ > 0
                            ? whole(results * real(p_.path.output.layout.least_code_bits()) /
                                    (real(p_.memory.burst_bytes) * 8))
                            : 0;
  return least_time_.around_array(0, steps * real(rates_.stream_interval),
                                  whole(results / real(p_.machine.output_unit.lanes)), stored);
}

}  // namespace bitjoule
