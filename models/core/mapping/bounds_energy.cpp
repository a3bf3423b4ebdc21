// Energy that no tiling of a box is below.
#include <algorithm>

#include "core/mapping/bounds_view.h"

namespace bitjoule {

/// Accesses and operations of a group, each bounded by itself, times what one costs, but for those
/// of weights on their way into the buffer.
double Bounds::accesses(const View& v, const FoldBound& f) const {
  if (!p_.prices) return 0;
  const GemmExtents& e = p_.layer.extents;
  const BuffersConfig& b = p_.machine.buffers;
  const double m = real(e.m), n = real(e.n), k = real(e.k);
  const std::size_t n0 = v.box.lo[kAxisN], n1 = v.box.hi[kAxisN];
  const std::size_t k0 = v.box.lo[kAxisK], k1 = v.box.hi[kAxisK];
  // Words of m side by side: whole ones in every fold, of one group or of several.
  const auto wide_m = [&](double bits, const BufferConfig& buffer, bool stays) {
    const double folds_m = stays ? f.m : f.m / real(space_.most_groups_at_once);
    return std::max(folds_m, m * bits / real(buffer.port_width.value));
  };
  const double macs = real(p_.path.macs_per_pe);
  const double input_words =
      wide_m(macs * real(p_.path.activations.code_bits), b.input, dataflow_.inputs_stay());
  double inputs = 0, weights = 0, sums = 0;
  switch (dataflow_.streamed()) {
    case LoopDim::kM:
      inputs = m * f.n * t_.k_input_words(k0, k1);
      weights = f.m * f.k_rows * t_.n_weight_words(n0, n1);
      break;
    case LoopDim::kN:
      inputs = f.n * f.k_rows * input_words;
      weights = f.m * n * t_.k_weight_words(k0, k1);
      break;
    case LoopDim::kK:
      inputs = f.n * f.k_rows * input_words;
      weights = f.m * f.k_rows * t_.n_weight_words(n0, n1);
      break;
  }
  sums = dataflow_.streamed() == LoopDim::kN ? n * wide_m(32, b.accumulator, false)
                                             : m * t_.n_sum_words(n0, n1);
  return energy_.input_read * inputs + energy_.weight_read * weights +
         energy_.accumulator_write * sums * f.k + energy_.accumulator_read * sums * (f.k - 1) +
         energy_.accumulate * m * n * (f.k - 1) + energy_.group_result * m * n * f.k +
         energy_.activation_sum * m * k * f.n + energy_.correction * m * n * f.k +
         energy_.dequantize_input * m * k * f.n;
}

/// Of all groups, with `accesses` and `moves` of one.
double Bounds::energy(const View& v, const FoldBound& f, double accesses, double moves) const {
  if (!p_.prices) return 0;
  const GemmExtents& e = p_.layer.extents;
  const double n = real(e.n), k = real(e.k), groups = real(e.groups);
  const double weight_fetches = v.repetitions(false, true, true);
  double energy = accesses;
  energy += energy_.dequantize_weight * n * k * (dequantizes_at_edge(p_) ? f.m : weight_fetches);
  energy += energy_.weight_write * weight_words_ * weight_fetches;
  return (energy + moves) * groups;
}

/// What moves inside the array for a group, each move bounded by itself.
double Bounds::moves(const FoldBound& f) const {
  using M = ArrayMove;
  const GemmExtents& e = p_.layer.extents;
  const ArrayConfig& array = p_.machine.array;
  const bool full = array.edge_folds == EdgeFolds::kFull;
  // What lies on the columns, and in how many folds; the other of m and n, likewise.
  const bool columns_n = dataflow_.columns() == LoopDim::kN;
  const double cols = real(columns_n ? e.n : e.m), col_folds = columns_n ? f.n : f.m;
  const double other = real(columns_n ? e.m : e.n), other_folds = columns_n ? f.m : f.n;
  const double west = other * col_folds * f.k_rows, north = cols * other_folds * f.k_rows;
  const double macs = cols * other * f.k_rows, sums = cols * other * f.k;
  const double rows_full = real(array.rows), cols_full = real(array.cols);
  const auto& rate = energy_.moves;
  const auto cost = [&](M move, double count) {
    return rate[static_cast<std::size_t>(move)] * count;
  };
  double energy = cost(M::kWestEntry, west) + cost(M::kNorthEntry, north) +
                  cost(M::kWestShift, full ? west * cols_full : macs) +
                  cost(M::kWestHop, full ? west * (cols_full - 1) : 0) + cost(M::kSumExit, sums);
  if (dataflow_.outputs_stay())
    return energy + cost(M::kNorthShift, full ? north * rows_full : macs) +
           cost(M::kNorthHop, full ? north * (rows_full - 1) : 0) + cost(M::kSumRead, macs) +
           cost(M::kSumWrite, macs) + cost(M::kSumShift, sums);
  return energy + cost(M::kStationaryWrite, north) + cost(M::kStationaryRead, macs) +
         cost(M::kSumShift, full ? sums * rows_full : macs) +
         cost(M::kSumHop, full ? sums * (rows_full - 1) : 0);
}

}  // namespace bitjoule
