// The scales, zero-points and minima of a tensor, decoded once.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

/// value = scale * (code - zero) + min; of formats of two levels without that of the tensor.
struct ScaleEntry {
  float scale = 1;
  std::int32_t zero = 0;
  float min = 0;
};

class ScaleTable {
 public:
  /// Of a tensor whose codes, or elements, MACs take without their scales.
  explicit ScaleTable(const QuantizedTensor& tensor);

  /// Of the group that holds element k of a row.
  const ScaleEntry& at(std::int64_t row, std::int64_t k) const {
    const std::int64_t group = group_ == 0 ? 0 : k / group_;
    return entries_[static_cast<std::size_t>(row * per_row_ + group)];
  }
  /// Whether one entry is the whole tensor's.
  bool is_one() const { return per_row_ == 0; }
  std::int64_t group() const { return group_; }  ///< elements along k; 0: whole rows
  bool has_zero() const { return has_zero_; }
  bool has_min() const { return has_min_; }

 private:
  std::int64_t group_, per_row_;
  bool has_zero_ = false, has_min_ = false;
  std::vector<ScaleEntry> entries_;
};

}  // namespace bitjoule
