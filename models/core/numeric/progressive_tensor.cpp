// QuantizedTensor of two levels of scales: 4-bit codes stand for int8 by a factor and an offset of
// their group, both integers, and those int8 have one scale for each row (Lin et al., QServe:
// W4A8KV4 Quantization and System Co-design, 2024, section 4.1).
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/pack.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/scale_storage.h"
#include "core/numeric/statistics.h"

namespace bitjoule {
namespace {

constexpr int kMostCode = 15;
/// Factors are at most 2 * 119 / 15, rounded: half of one more does not leave int8.
constexpr float kProtected = 119;

struct GroupIntegers {
  int factor = 1, offset = 0;
  int operator()(int code) const { return factor * code + offset; }
};

GroupIntegers stored_group(const std::uint8_t* scales, std::int64_t index) {
  return {static_cast<std::int8_t>(scales[2 * index]),
          static_cast<std::int8_t>(scales[2 * index + 1])};
}

int code_at(const std::uint8_t* codes, std::int64_t i) { return codes[i / 2] >> (i % 2 * 4) & 15; }

/// Of whole numbers that min_max() has extended to 0; `zero` is the code that stands for it.
GroupIntegers group_of(float min, float max, int& zero) {
  const float factor = std::max(1.0f, std::nearbyint((max - min) / kMostCode));
  zero = static_cast<int>(std::nearbyint(-min / factor));
  return {static_cast<int>(factor), -zero * static_cast<int>(factor)};
}

}  // namespace

float QuantizedTensor::row_scale(std::int64_t row) const {
  return decode_scale(ScaleFormat::kFloat16, get_bits(&bytes_[at(tables_at_)], row * 16, 16));
}

void QuantizedTensor::encode_progressive(const float* data) {
  const std::int64_t group = layout_.scales.group;
  std::vector<float> whole(at(k_));
  std::vector<std::uint16_t> codes(at(k_));
  for (std::int64_t row = 0; row < rows_; ++row) {
    check_interrupt_after(k_);
    const float* x = data + row * k_;
    const float largest = abs_max(x, k_);
    const std::uint32_t stored =
        encode_scale(ScaleFormat::kFloat16, largest > 0 ? largest / kProtected : 1.0f);
    put_bits(&bytes_[at(tables_at_)], row * 16, 16, stored);
    const float scale = decode_scale(ScaleFormat::kFloat16, stored);
    for (std::int64_t k = 0; k < k_; ++k)
      whole[at(k)] = std::isnan(x[k])
                         ? 0.0f
                         : std::clamp(std::nearbyint(x[k] / scale), -kProtected, kProtected);
    for (std::int64_t k = 0; k < k_; k += group) {
      const std::int64_t end = std::min(k + group, k_);
      float min = 0, max = 0;
      min_max(&whole[at(k)], end - k, min, max);
      int zero = 0;
      const GroupIntegers integers = group_of(min, max, zero);
      for (std::int64_t i = k; i < end; ++i) {
        const int code =
            static_cast<int>(std::nearbyint(whole[at(i)] / static_cast<float>(integers.factor)));
        codes[at(i)] = static_cast<std::uint16_t>(std::clamp(code + zero, 0, kMostCode));
      }
      std::uint8_t* fields = &bytes_[at(scales_at_ + 2 * group_index(layout_, row, k, k_))];
      fields[0] = static_cast<std::uint8_t>(integers.factor);
      fields[1] = static_cast<std::uint8_t>(integers.offset);
    }
    pack_codes(codes.data(), k_, layout_.format->bits, &bytes_[at(row * row_bytes_)]);
  }
}

void QuantizedTensor::check_progressive() const {
  for (std::int64_t row = 0; row < rows_; ++row) {
    check_interrupt_after(k_);
    for (std::int64_t k = 0; k < k_; ++k) {
      const GroupIntegers integers =
          stored_group(&bytes_[at(scales_at_)], group_index(layout_, row, k, k_));
      const int value = integers(code_at(&bytes_[at(row * row_bytes_)], k));
      if (value < layout_.format->min_code || value > layout_.format->max_code)
        throw input_error(format_.format + ": row " + std::to_string(row) + ", element " +
                          std::to_string(k) + " stands for " + std::to_string(value) +
                          ", which is no 8-bit integer");
    }
  }
}

void QuantizedTensor::progressive_codes(std::int64_t row, std::int64_t k0, std::int64_t k1,
                                        std::int16_t* integers) const {
  const std::uint8_t* codes = &bytes_[at(row * row_bytes_)];
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t end = std::min(k1, (k / layout_.scales.group + 1) * layout_.scales.group);
    const GroupIntegers group =
        stored_group(&bytes_[at(scales_at_)], group_index(layout_, row, k, k_));
    for (; k < end; ++k) integers[k - k0] = static_cast<std::int16_t>(group(code_at(codes, k)));
  }
}

void QuantizedTensor::decode_progressive_row(std::int64_t row, std::int64_t k0, std::int64_t k1,
                                             float* values) const {
  std::vector<std::int16_t> integers(at(k1 - k0));
  progressive_codes(row, k0, k1, integers.data());
  const float scale = row_scale(row);  // 11 bits by 8: exact in fp32
  for (const std::int16_t integer : integers) *values++ = scale * static_cast<float>(integer);
}

}  // namespace bitjoule
