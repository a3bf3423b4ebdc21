// The inner loops of the fast array, written for SIMD.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/simd.h"

namespace bitjoule {

/// Rows of k elements, one `stride` elements after the other.
template <class T>
struct RowView {
  const T* first = nullptr;
  std::int64_t stride = 0;
  const T* row(std::int64_t i) const { return first + i * stride; }
};

/// sums[m x n] = a * b^T over k elements; exact as long as no sum leaves int32.
void multiply_integers(RowView<std::int16_t> a, RowView<std::int16_t> b, std::int64_t m,
                       std::int64_t n, std::int64_t k, std::int32_t* sums,
                       Simd simd = integer_simd());

/// Rows of k elements with sixteen of them side by side: blocks [k][kColumns], missing rows 0.
/// Arranged once, it serves every tile.
class PackedRows {
 public:
  static constexpr std::int64_t kColumns = 16;

  PackedRows() = default;
  PackedRows(const float* rows, std::int64_t count, std::int64_t k);
  bool empty() const { return data_.empty(); }
  /// Its memory, which is gone then.
  std::vector<float> taken() { return std::move(data_); }
  bool is_finite() const { return is_finite_; }
  /// Elements k0 and up of the block that holds a row.
  const float* block(std::int64_t row, std::int64_t k0) const {
    return data_.data() + (row / kColumns * k_ + k0) * kColumns;
  }

 private:
  std::int64_t k_ = 0;
  std::vector<float> data_;
  bool is_finite_ = true;
};

/// Which results of rows are wanted: of row i the first `ahead` + i % rows + 1 columns.
struct LowerRows {
  std::int64_t rows = 0;   ///< of a matrix; 0: all columns are wanted
  std::int64_t row = 0;    ///< in its matrix, of the first
  std::int64_t ahead = 0;  ///< may be negative

  /// Whether rows first..first + count - 1 want none from `column` on.
  bool leave_out(std::int64_t first, std::int64_t count, std::int64_t column) const {
    if (rows == 0) return false;
    const std::int64_t last = std::min((row + first) % rows + count, rows);
    return column >= ahead + last;
  }
};

/// What rows of `a` need for PackedRows to be worth their arrangement.
constexpr std::int64_t kRowsToPack = 4;

/// acc[m x n] = a * b^T over `k` elements in partial sums of `chunk` elements. Each starts at 0; a
/// product is rounded to fp32, then added with one rounding, k ascending: the order of a column of
/// PEs. Then it is added to acc; where not `accumulate`, the first one replaces it. Every form
/// keeps this order for each result by itself, so all give the same bits.
void multiply_floats(RowView<float> a, RowView<float> b, std::int64_t m, std::int64_t n,
                     std::int64_t k, std::int64_t chunk, bool accumulate, float* acc);

/// The same with rows `row` and up of `b`, from element k0 on. Where those are finite, zeros at the
/// end of rows of `a` are left out: they would add +-0, and no sum is -0 that began at 0. Results
/// that are not `wanted` may be left as they are.
void multiply_floats(RowView<float> a, const PackedRows& b, std::int64_t row, std::int64_t k0,
                     std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t chunk,
                     bool accumulate, float* acc, const LowerRows& wanted = {},
                     Simd simd = widest_simd());

}  // namespace bitjoule
