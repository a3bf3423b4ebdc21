// int32 accumulators to narrow integers, bit-exact, in named ways.
//
//   tflite_double_rounding: gemmlowp's SaturatingRoundingDoublingHighMul, then
//     RoundingDivideByPOT (half away from zero): TensorFlow Lite's reference kernels.
//   tflite_single_rounding: (acc * m0 + 2^(30 - shift)) >> (31 - shift), half towards +infinity:
//     TensorFlow Lite with TFLITE_SINGLE_ROUNDING.
//   tflite_builtin: its built-in kernels: depthwise layers by two roundings, all others by one.
//   tflite_xnnpack: round_half_even(float(acc) * factor), all in fp32: its XNNPACK delegate.
//   onnx_half_even: round_half_even(double(acc) * multiplier): ONNX QuantizeLinear.
// Then: + zero-point, clamp. Sources: gemmlowp fixedpoint.h, tensorflow/lite/kernels/internal/
// common.cc, onnx/defs/quantization/defs.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// A real factor as m0 * 2^(shift - 31), m0 in [2^30, 2^31) (or 0 for a factor below 2^-32).
struct FixedPointMultiplier {
  std::int32_t m0 = 0;
  int shift = 0;
};

/// Throws an input Error unless 0 <= multiplier < 2^30 (TFLite's limit on the left shift).
FixedPointMultiplier fixed_point_multiplier(double multiplier);

/// x times a factor in the way of a TFLite mode with fixed point.
std::int32_t fixed_point_product(Requantize mode, std::int32_t x, FixedPointMultiplier factor);

/// How the sums of one layer are requantized.
struct SumRequantization {
  Requantize mode = Requantize::kOnnxHalfEven;    ///< not tflite_builtin, which is two modes
  ScaleProduct product = ScaleProduct::kAllFp64;  ///< not kByLayer
  /// TFLite's kernels of int16 activations with sums of 64 bits multiply them by the upper 15 bits
  /// of the factor and round once, half up.
  bool wide_sums = false;

  /// Input scale * weight scale / output scale; tflite_xnnpack knows fp32 alone.
  double multiplier(float input_scale, float weight_scale, float output_scale) const;
};

/// x times the upper 15 bits of a factor: SumRequantization::wide_sums.
std::int32_t wide_product(std::int64_t x, FixedPointMultiplier factor);

/// gemmlowp's primitives.
std::int32_t saturating_rounding_doubling_high_mul(std::int32_t a, std::int32_t b);
std::int32_t rounding_divide_by_pot(std::int32_t x, int exponent);

/// Smallest and largest output code: of the format, possibly narrowed by an activation.
struct ClampRange {
  std::int32_t lo = 0, hi = 0;
};

/// intN or uintN. Throws an input Error for other formats.
ClampRange clamp_range(const std::string& format);
/// Narrowed to real values lo..hi (relu: 0..infinity, relu6: 0..6), as TFLite's
/// CalculateActivationRangeQuantized: code = zero_point + round(value / scale).
ClampRange activation_range(ClampRange range, float scale, std::int32_t zero_point, double lo,
                            double hi);

/// The code of an accumulator (bias already added) by a factor that it alone has, as where tokens
/// have scales of their own. Throws an input Error as Requantizer does.
std::int32_t requantize(Requantize mode, std::int32_t accumulator, double multiplier,
                        std::int32_t zero_point, ClampRange range);

/// Turns accumulators of one layer into output codes.
class Requantizer {
 public:
  /// `multipliers`: one per tensor or one per output channel. Throws an input Error where one is
  /// negative, not finite or, for the TFLite modes, out of range.
  Requantizer(Requantize mode, std::vector<double> multipliers, std::int32_t zero_point,
              ClampRange range, bool wide_sums = false);

  /// The code of an accumulator (bias already added), which wraps to 32 bits unless sums are wide.
  std::int32_t operator()(std::int64_t accumulator, std::int64_t channel) const;
  /// Those of n accumulators of consecutive channels, `first` and up.
  void codes(const std::int32_t* accumulators, std::int64_t n, std::int64_t first,
             std::int32_t* codes) const;

 private:
  Requantize mode_;
  std::vector<double> multipliers_;
  std::vector<FixedPointMultiplier> fixed_;  // of the TFLite modes
  bool wide_sums_;
  std::int32_t zero_point_;
  ClampRange range_;
};

}  // namespace bitjoule
