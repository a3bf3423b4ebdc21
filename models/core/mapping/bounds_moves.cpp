// What moves inside the array, for bounds of energy: each move bounded by itself.
#include "core/mapping/bounds.h"

namespace bitjoule {

double Bounds::moves(const FoldBound& f) const {
  using M = ArrayMove;
  const GemmExtents& e = p_.layer.extents;
  const ArrayConfig& array = p_.machine.array;
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
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
