#include "core/exec/scale_table.h"

#include "core/error.h"
#include "core/units.h"

namespace bitjoule {

ScaleTable::ScaleTable(const QuantizedTensor& t) : group_(native_group(t.format())) {
  if (t.has_own_groups())
    throw input_error(
        "the inputs of a group of these weights lie apart (GPTQ's act order), and integer sums end "
        "with a group: choose a float MAC");
  const bool whole_tensor = !t.layout().scales.present() || t.layout().scales.group == kWholeTensor;
  per_row_ = whole_tensor ? 0 : group_ == 0 ? 1 : ceil_div(t.k(), group_);
  const std::int64_t rows = whole_tensor ? 1 : t.rows(), groups = whole_tensor ? 1 : per_row_;
  entries_.reserve(static_cast<std::size_t>(rows * groups));
  if (t.has_plain_scales()) {
    std::vector<float> scales(static_cast<std::size_t>(rows * groups));
    t.group_scales(0, rows * groups, scales.data());
    for (const float scale : scales) entries_.push_back({scale, 0, 0});
    return;
  }
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t k = g * group_;
      entries_.push_back({t.group_scale(row, k), t.zero_point(row, k), t.min(row, k)});
      has_zero_ = has_zero_ || entries_.back().zero != 0;
      has_min_ = has_min_ || entries_.back().min != 0.0f;
    }
}

}  // namespace bitjoule
