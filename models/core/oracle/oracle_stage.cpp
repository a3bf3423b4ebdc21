// From sums to results: biases, the activation's range, output codes.
#include <algorithm>
#include <cmath>

#include "core/oracle/oracle.h"

namespace bitjoule {

void Oracle::apply_stage(std::int64_t weight_row, OracleResult& result) const {
  const auto row = static_cast<std::size_t>(weight_row);
  if (!stage_.bias_codes.empty()) result.sum += stage_.bias_codes[row];
  if (!stage_.bias.empty()) result.value = result.value + stage_.bias[row];
  if (!stage_.reference_bias.empty())
    result.reference += static_cast<double>(stage_.reference_bias[row]);
  result.reference = std::min(std::max(result.reference, stage_.lo), stage_.hi);
  if (stage_.clamps_value) {
    if (result.value < stage_.lo) result.value = static_cast<float>(stage_.lo);
    if (result.value > stage_.hi) result.value = static_cast<float>(stage_.hi);
  }
}

namespace {

/// Half away from zero, of numerator / 2^shift.
std::int64_t rounded_shift(std::int64_t numerator, int shift) {
  const std::int64_t magnitude = numerator < 0 ? -numerator : numerator;
  const std::int64_t rounded =
      shift == 0 ? magnitude : (magnitude + (std::int64_t{1} << (shift - 1))) >> shift;
  return numerator < 0 ? -rounded : rounded;
}

}  // namespace

std::int32_t oracle_requantize(Requantize mode, std::int64_t sum, double multiplier,
                               std::int32_t lo, std::int32_t hi, bool wide_sums) {
  double code = 0;
  if (mode == Requantize::kOnnxHalfEven) {
    code = std::nearbyint(static_cast<double>(sum) * multiplier);
  } else if (mode == Requantize::kTfliteXnnpack) {
    const float product = static_cast<float>(sum) * static_cast<float>(multiplier);
    code = std::nearbyint(product);
  } else {
    int exponent = 0;
    const double mantissa = std::frexp(multiplier, &exponent);
    auto m0 = static_cast<std::int64_t>(std::llround(mantissa * 2147483648.0));
    if (m0 == std::int64_t{1} << 31) m0 /= 2, ++exponent;
    if (exponent < -31) m0 = 0, exponent = 0;
    if (wide_sums) {
      // The factor to 15 bits, halves up; the product to the nearest, halves up.
      const double factor = std::min<std::int64_t>((m0 + 32768) / 65536, 32767);
      code = std::floor(std::ldexp(static_cast<double>(sum) * factor, exponent - 15) + 0.5);
    } else if (mode == Requantize::kTfliteSingleRounding) {
      const int shift = 31 - exponent;
      code = static_cast<double>((sum * m0 + (std::int64_t{1} << (shift - 1))) >> shift);
    } else {
      const int left = std::max(exponent, 0), right = std::max(-exponent, 0);
      // Doubling high multiplication rounds half up in magnitude for positive, half towards zero
      // less one for negative products (gemmlowp's nudge).
      const std::int64_t product = sum * (std::int64_t{1} << left) * m0;
      const std::int64_t nudge = product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
      const std::int64_t high = (product + nudge) / (std::int64_t{1} << 31);
      code = static_cast<double>(rounded_shift(high, right));
    }
  }
  return static_cast<std::int32_t>(
      std::clamp(code, static_cast<double>(lo), static_cast<double>(hi)));
}

}  // namespace bitjoule
