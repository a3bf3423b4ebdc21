#include "core/numeric/requantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/numeric/format.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr std::int32_t kMin32 = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kMax32 = std::numeric_limits<std::int32_t>::max();

std::int32_t saturate32(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, kMin32, kMax32));
}

std::int32_t double_rounding(std::int32_t acc, FixedPointMultiplier m) {
  // TFLite's left shift may overflow (undefined there); it saturates here.
  const std::int32_t shifted =
      saturate32(static_cast<std::int64_t>(acc) * (std::int64_t{1} << std::max(m.shift, 0)));
  return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, m.m0),
                                std::max(-m.shift, 0));
}

std::int32_t single_rounding(std::int32_t acc, FixedPointMultiplier m) {
  const std::int64_t product = static_cast<std::int64_t>(acc) * m.m0;
  const std::int64_t half = std::int64_t{1} << (30 - m.shift);
  return saturate32((product + half) >> (31 - m.shift));
}

}  // namespace

FixedPointMultiplier fixed_point_multiplier(double multiplier) {
  if (!(multiplier >= 0) || multiplier >= 1073741824.0) {
    throw input_error("requantization factor " + std::to_string(multiplier) + " is not in 0..2^30");
  }
  if (multiplier == 0) return {};
  int shift;
  const double mantissa = std::frexp(multiplier, &shift);
  auto m0 = static_cast<std::int64_t>(std::round(mantissa * 2147483648.0));
  if (m0 == std::int64_t{1} << 31) {
    m0 /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  return {static_cast<std::int32_t>(m0), shift};
}

std::int32_t fixed_point_product(Requantize mode, std::int32_t x, FixedPointMultiplier factor) {
  return mode == Requantize::kTfliteDoubleRounding ? double_rounding(x, factor)
                                                   : single_rounding(x, factor);
}

double SumRequantization::multiplier(float input_scale, float weight_scale,
                                     float output_scale) const {
  const float scales = input_scale * weight_scale;
  if (mode == Requantize::kTfliteXnnpack || product == ScaleProduct::kAllFp32)
    return static_cast<double>(scales / output_scale);
  const double wide = product == ScaleProduct::kProductFp32
                          ? static_cast<double>(scales)
                          : static_cast<double>(input_scale) * static_cast<double>(weight_scale);
  return wide / static_cast<double>(output_scale);
}

std::int32_t wide_product(std::int64_t x, FixedPointMultiplier factor) {
  if (factor.shift > 7)
    throw input_error("requantization factor of sums of 64 bits: expected at most 2^7");
  const std::int64_t upper = factor.m0 < 0x7FFF0000 ? (factor.m0 + (1 << 15)) >> 16 : 0x7FFF;
  const int shift = 15 - factor.shift;
  return saturate32((x * upper + (std::int64_t{1} << (shift - 1))) >> shift);
}

std::int32_t saturating_rounding_doubling_high_mul(std::int32_t a, std::int32_t b) {
  if (a == kMin32 && b == kMin32) return kMax32;
  const std::int64_t product = static_cast<std::int64_t>(a) * b;
  const std::int64_t nudge = product >= 0 ? (1 << 30) : 1 - (1 << 30);
  return static_cast<std::int32_t>((product + nudge) / (std::int64_t{1} << 31));
}

std::int32_t rounding_divide_by_pot(std::int32_t x, int exponent) {
  const std::int64_t mask = (std::int64_t{1} << exponent) - 1;
  const std::int64_t remainder = x & mask;
  const std::int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<std::int32_t>((static_cast<std::int64_t>(x) >> exponent) +
                                   (remainder > threshold ? 1 : 0));
}

ClampRange clamp_range(const std::string& format) {
  const Format& f = find_format(format);
  if (f.cls != FormatClass::kInteger) {
    throw input_error("requantization gives integers, not " + format);
  }
  return {f.min_code, f.max_code};
}

ClampRange activation_range(ClampRange range, float scale, std::int32_t zero_point, double lo,
                            double hi) {
  const auto code = [&](double value) {
    const auto steps = static_cast<double>(std::round(static_cast<float>(value) / scale));
    const double q = zero_point + steps;
    return static_cast<std::int32_t>(
        std::clamp(q, static_cast<double>(range.lo), static_cast<double>(range.hi)));
  };
  return {code(lo), code(hi)};
}

namespace {

void require_factor(double multiplier) {
  if (!(multiplier >= 0) || !std::isfinite(multiplier))
    throw input_error("requantization factor " + std::to_string(multiplier) +
                      " is not a finite number");
}

std::int32_t clamped(double scaled, std::int32_t zero_point, ClampRange range) {
  // Exact in double: both terms are integers, or beyond every clamp.
  return static_cast<std::int32_t>(std::clamp(scaled + zero_point, static_cast<double>(range.lo),
                                              static_cast<double>(range.hi)));
}

bool is_fixed_point(Requantize mode) {
  return mode != Requantize::kOnnxHalfEven && mode != Requantize::kTfliteXnnpack;
}

/// Of the modes that multiply floating-point numbers.
double scaled_by(Requantize mode, std::int32_t accumulator, double multiplier) {
  if (mode == Requantize::kTfliteXnnpack)
    return std::nearbyint(static_cast<float>(accumulator) * static_cast<float>(multiplier));
  return std::nearbyint(static_cast<double>(accumulator) * multiplier);
}

}  // namespace

std::int32_t requantize(Requantize mode, std::int32_t accumulator, double multiplier,
                        std::int32_t zero_point, ClampRange range) {
  require_factor(multiplier);
  if (is_fixed_point(mode))
    return clamped(fixed_point_product(mode, accumulator, fixed_point_multiplier(multiplier)),
                   zero_point, range);
  return clamped(scaled_by(mode, accumulator, multiplier), zero_point, range);
}

Requantizer::Requantizer(Requantize mode, std::vector<double> multipliers, std::int32_t zero_point,
                         ClampRange range, bool wide_sums)
    : mode_(mode),
      multipliers_(std::move(multipliers)),
      wide_sums_(wide_sums),
      zero_point_(zero_point),
      range_(range) {
  if (multipliers_.empty()) throw internal_error("a Requantizer needs a multiplier");
  for (double m : multipliers_) {
    require_factor(m);
    if (is_fixed_point(mode_)) fixed_.push_back(fixed_point_multiplier(m));
  }
}

namespace {

/// kOnnxHalfEven. Clamped first, to integers, which changes no result and keeps the sum with 1.5 *
/// 2^52 where doubles are integers, so that adding it rounds half to even.
BITJOULE_VECTORIZE void codes_half_even(const std::int32_t* sums, const double* multipliers,
                                        std::int64_t n, double lo, double hi, double zero,
                                        std::int32_t* codes) {
  constexpr double kHalfEven = 6755399441055744.0;
  for (std::int64_t i = 0; i < n; ++i) {
    double scaled = static_cast<double>(sums[i]) * multipliers[i];
    scaled = scaled < lo ? lo : scaled;
    scaled = scaled > hi ? hi : scaled;
    codes[i] = static_cast<std::int32_t>(((scaled + kHalfEven) - kHalfEven) + zero);
  }
}

}  // namespace

void Requantizer::codes(const std::int32_t* accumulators, std::int64_t n, std::int64_t first,
                        std::int32_t* codes) const {
  if (mode_ != Requantize::kOnnxHalfEven) {
    for (std::int64_t i = 0; i < n; ++i) codes[i] = (*this)(accumulators[i], first + i);
    return;
  }
  const auto zero = static_cast<double>(zero_point_);
  const double lo = range_.lo - zero, hi = range_.hi - zero;
  if (multipliers_.size() > 1)
    return codes_half_even(accumulators, &multipliers_[static_cast<std::size_t>(first)], n, lo, hi,
                           zero, codes);
  constexpr std::int64_t kChunk = 64;
  double same[kChunk];
  std::fill_n(same, kChunk, multipliers_[0]);
  for (std::int64_t i = 0; i < n; i += kChunk)
    codes_half_even(accumulators + i, same, std::min(kChunk, n - i), lo, hi, zero, codes + i);
}

std::int32_t Requantizer::operator()(std::int64_t sum, std::int64_t channel) const {
  const std::size_t c = multipliers_.size() == 1 ? 0 : static_cast<std::size_t>(channel);
  if (wide_sums_ && is_fixed_point(mode_))
    return clamped(wide_product(sum, fixed_[c]), zero_point_, range_);
  const auto accumulator = static_cast<std::int32_t>(sum);
  return clamped(is_fixed_point(mode_) ? fixed_point_product(mode_, accumulator, fixed_[c])
                                       : scaled_by(mode_, accumulator, multipliers_[c]),
                 zero_point_, range_);
}

}  // namespace bitjoule
