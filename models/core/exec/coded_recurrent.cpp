// Sigmoid and tanh of int16, and the cells of recurrent layers of codes, as TensorFlow Lite's
// kernels have them (reference/integer_ops/logistic.h and tanh.h, lstm_eval.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/exec/coded_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

/// 65536 * sigmoid(i / 24), as TensorFlow Lite has it (sigmoid_table_uint16 of internal/common.h):
/// no closed formula gives every last bit.
constexpr std::uint16_t kSigmoid[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
    41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
    48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
    54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
    58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
    61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
    63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
    64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
    64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
    65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
    65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
    65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
    65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
    65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
    65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};

/// What 16-bit curves make of a scale: to 3 * 4096 steps for 1.
struct CurveScale {
  std::int32_t multiplier = 3;
  int shift = 0;  ///< to the right
};

std::int32_t to_curve(std::int32_t x, CurveScale scale) {
  const std::int64_t half = scale.shift > 0 ? std::int64_t{1} << (scale.shift - 1) : 0;
  return static_cast<std::int32_t>((std::int64_t{x} * scale.multiplier + half) >> scale.shift);
}

/// The exponent of a scale that is a power of two; nothing for others.
bool is_power_of_two(float scale, int& exponent) {
  const float mantissa = std::frexp(scale, &exponent);
  --exponent;
  return mantissa == 0.5f;
}

/// Of LOGISTIC and TANH: without a shift up to 2^(-12 + most_shift), else by a multiplier of 15
/// bits.
CurveScale curve_scale(float scale, int most_shift) {
  int exponent = 0;
  if (is_power_of_two(scale, exponent) && exponent >= -12 && exponent <= most_shift - 12)
    return {3 << (exponent + 12), 0};
  CurveScale result;
  double multiplier = static_cast<double>(scale) * 4096.0 * 3.0;
  while (multiplier <= 32767.0 / 2.0 && result.shift <= 30) {
    ++result.shift;
    multiplier *= 2;
  }
  if (multiplier > 32767) throw input_error("the operand's scale is outside what the kernels take");
  result.multiplier = static_cast<std::int32_t>(multiplier);
  return result;
}

/// Between two entries of the table, with `bits` bits of a fraction.
std::int32_t between_entries(std::int32_t magnitude, int bits, std::int32_t beyond) {
  const std::int32_t index = magnitude >> bits;
  if (index >= 255) return beyond;
  const std::int32_t low = kSigmoid[index], high = kSigmoid[index + 1];
  return (low << bits) + (magnitude & ((1 << bits) - 1)) * (high - low);
}

std::int32_t sigmoid_16(std::int32_t x, CurveScale scale = {}) {
  const std::int32_t v = to_curve(x, scale);
  const std::int32_t y = between_entries(std::abs(v), 9, 0x7FFF << 10);
  return (v >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1) >> 10;
}

std::int32_t tanh_16(std::int32_t x, CurveScale scale = {}) {
  const std::int32_t v = to_curve(x, scale);
  const std::int32_t y = between_entries(std::abs(v), 8, 0xFFFF << 8);
  return (v >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1) >> 8;
}

template <class F>
Codes curve_16(const CodedJob& job, F curve) {
  if (job.zero(0) != 0 || job.output_zero() != 0 || job.output_scale() != 1.0f / 32768)
    throw input_error(
        fmt::format("{}: expected int16 without zero-points, and a result of scale "
                    "2^-15",
                    vector_row(job.op.kind).name));
  Codes y;
  y.reserve(job.inputs[0].size());
  for (const std::int32_t q : job.inputs[0]) {
    check_interrupt_after(4);
    y.push_back(curve(q));
  }
  return y;
}

// Sigmoid and tanh in fixed point, by products alone: what gemmlowp's fixedpoint.h defines and the
// LSTM of the built-in kernels takes for its gates.

// A number with b integer bits is code * 2^(b - 15); 1 without integer bits is the largest code.
constexpr std::int32_t kUnity16 = INT16_MAX;
constexpr int kFractionBits = 15;

std::int32_t wrapped_16(std::int32_t x) { return static_cast<std::int16_t>(x); }
std::int32_t product_16(std::int32_t a, std::int32_t b) {
  return saturated_16((std::int64_t{a} * b + (1 << 14)) >> kFractionBits);
}
/// The same number with so many integer bits fewer.
std::int32_t with_fewer(std::int32_t x, int bits) {
  return saturated_16(std::int64_t{x} * (std::int64_t{1} << bits));
}
/// A constant, rounded to 32 bits and those to 16.
std::int32_t constant_16(double value, int integer_bits) {
  const double wide_code = std::floor(std::ldexp(value, 31 - integer_bits) + 0.5);
  return rounding_divide_by_pot(static_cast<std::int32_t>(wide_code), 16);
}

/// e^a of -1/4 <= a < 0: the Taylor series around -1/8, up to the fourth power.
std::int32_t exp_of_quarter_16(std::int32_t a) {
  static const std::int32_t kMiddle = constant_16(std::exp(-0.125), 0),
                            kThird = constant_16(1.0 / 3, 0);
  const std::int32_t x = wrapped_16(a + (1 << (kFractionBits - 3)));
  const std::int32_t x2 = product_16(x, x), x3 = product_16(x2, x), x4 = product_16(x2, x2);
  const std::int32_t cubic = product_16(rounding_divide_by_pot(x4, 2) + x3, kThird);
  const std::int32_t higher = rounding_divide_by_pot(wrapped_16(cubic + x2), 1);
  return saturated_16(std::int64_t{kMiddle} + product_16(kMiddle, wrapped_16(x + higher)));
}

/// e^a of a <= 0: that of a's rest of a quarter times e^(-2^i) of each power of two in it.
std::int32_t exp_of_negative_16(std::int32_t a, int integer_bits) {
  constexpr int kLeast = -2, kMost = 4;
  static const auto kPowers = [] {
    std::array<std::int32_t, kMost - kLeast + 1> powers{};
    for (int i = kLeast; i <= kMost; ++i)
      powers[at(i - kLeast)] = constant_16(std::exp(-std::ldexp(1.0, i)), 0);
    return powers;
  }();
  if (a == 0) return kUnity16;
  const int fraction = kFractionBits - integer_bits;
  const std::int32_t quarter = 1 << (fraction - 2);
  const std::int32_t rest = (a & (quarter - 1)) - quarter;
  const std::int32_t quarters = wrapped_16(rest - a);
  std::int32_t y = exp_of_quarter_16(with_fewer(rest, integer_bits));
  for (int i = kLeast; i <= kMost && i < integer_bits; ++i)
    if ((quarters & (1 << (fraction + i))) != 0) y = product_16(y, kPowers[at(i - kLeast)]);
  constexpr int kFive = 5;  // beyond -2^5 there is nothing left
  return integer_bits > kFive && a < -(1 << (fraction + kFive)) ? 0 : y;
}

/// 2 / (1 + a) of 0 <= a <= 1, with two integer bits: three steps of Newton's from 48/17 - 32/17 d.
std::int32_t twice_reciprocal_16(std::int32_t a) {
  constexpr std::int32_t kOneOfTwo = 1 << (kFractionBits - 2);
  static const std::int32_t kStart = constant_16(48.0 / 17, 2), kSlope = constant_16(-32.0 / 17, 2);
  const std::int32_t half = (a + kUnity16 + 1) / 2;
  std::int32_t x = wrapped_16(kStart + product_16(half, kSlope));
  for (int step = 0; step < 3; ++step)
    x = wrapped_16(x + with_fewer(product_16(x, wrapped_16(kOneOfTwo - product_16(half, x))), 2));
  return x;
}

std::int32_t gate_sigmoid(std::int32_t x) {
  constexpr int kIntegerBits = 3;
  if (x == 0) return 1 << (kFractionBits - 1);
  // The least number has no negation, so that all are taken below 0.
  const std::int32_t below = x > 0 ? -x : x;
  const std::int32_t y =
      with_fewer(twice_reciprocal_16(exp_of_negative_16(below, kIntegerBits)), 1);
  return x > 0 ? y : kUnity16 - y;
}

std::int32_t gate_tanh(std::int32_t x, int integer_bits) {
  if (x == 0) return 0;
  const std::int32_t below = x > 0 ? -x : x;
  const std::int32_t twice = twice_reciprocal_16(exp_of_negative_16(below, integer_bits + 1));
  const std::int32_t y = with_fewer(twice - (1 << (kFractionBits - 2)), 2);
  return x > 0 ? y : -y;
}

/// How kernels compute gates whose scale is 2^-12.
struct GateCurves {
  std::int32_t (*sigmoid)(std::int32_t x);
  std::int32_t (*hyperbolic)(std::int32_t x);
};
constexpr GateCurves kByTable = {[](std::int32_t x) { return sigmoid_16(x); },
                                 [](std::int32_t x) { return tanh_16(x); }};
constexpr GateCurves kByProducts = {gate_sigmoid, [](std::int32_t x) { return gate_tanh(x, 3); }};

/// The gates of one element of an LSTM's state, each a sum of two numbers of scale 2^-12.
class Gates {
 public:
  Gates(const CodedJob& job, const GateCurves& curves, std::int64_t i)
      : job_(job), curves_(curves) {
    const std::int64_t cols = job.op.cols, gates = static_cast<std::int64_t>(job.op.axes.size());
    first_ = i / cols * gates * cols + i % cols;
  }
  std::int32_t forget() const { return curves_.sigmoid(sum(from_last(3))); }
  /// What the forget gate leaves of 1 where there are three gates.
  std::int32_t input() const {
    return job_.op.axes.size() == 4 ? curves_.sigmoid(sum(0)) : INT16_MAX - forget();
  }
  std::int32_t fresh() const { return curves_.hyperbolic(sum(from_last(2))); }
  std::int32_t output() const { return curves_.sigmoid(sum(from_last(1))); }

 private:
  std::size_t from_last(std::size_t i) const { return job_.op.axes.size() - i; }
  std::int32_t sum(std::size_t gate) const {
    const std::size_t place = at(first_ + job_.op.axes[gate] * job_.op.cols);
    return saturated_16(std::int64_t{job_.inputs[0][place]} + job_.inputs[1][place]);
  }

  const CodedJob& job_;
  const GateCurves& curves_;
  std::int64_t first_;
};

/// The exponent of the cell's scale.
int require_lstm(const CodedJob& job) {
  for (std::size_t i = 0; i < 2; ++i)
    if (job.scale(i) != 1.0f / 4096 || job.zero(i) != 0)
      throw input_error("lstm: expected gates of scale 2^-12");
  int exponent = 0;
  if (job.zero(2) != 0 || !is_power_of_two(job.scale(2), exponent))
    throw input_error("lstm: expected a cell without zero-point whose scale is a power of two");
  return exponent;
}

void require_one_cell_scale(const CodedJob& job) {
  if (job.op.codes->output.scale != job.op.codes->operands[2].scale || job.output_zero() != 0)
    throw input_error("lstm: expected one scale of the cell");
}

/// The exponent of the cell's scale where the built-in kernels have a tanh of it.
int require_builtin_lstm(const CodedJob& job) {
  const int exponent = require_lstm(job);
  if (exponent < -15 || exponent > -9)
    throw input_error("lstm: expected a scale of the cell between 2^-15 and 2^-9");
  return exponent;
}

/// What a cell's code is clipped to; 0: nothing.
std::int32_t cell_bound(const CodedJob& job) {
  return static_cast<std::int32_t>(
      std::clamp(vector_alpha(job.op) / wide(job.output_scale()), -32768.0, 32767.0));
}

constexpr double kGate = 1.0 / 32768;  // the scale of what gates let through

}  // namespace

Codes logistic_16(const CodedJob& job) {
  const CurveScale scale = curve_scale(job.scale(0), 0);
  return curve_16(job, [&](std::int32_t q) { return sigmoid_16(q, scale); });
}

Codes hyperbolic_16(const CodedJob& job) {
  const CurveScale scale = curve_scale(job.scale(0), 1);
  return curve_16(job, [&](std::int32_t q) { return tanh_16(q, scale); });
}

Codes fixed_lstm_cell(const CodedJob& job) {
  require_lstm(job);
  require_one_cell_scale(job);
  const FixedPointMultiplier kept =
      fixed_point_multiplier(kGate * wide(job.scale(2)) / wide(job.output_scale()));
  const FixedPointMultiplier fresh =
      fixed_point_multiplier(kGate * kGate / wide(job.output_scale()));
  const std::int32_t bound = cell_bound(job);
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(32);
    const Gates gates(job, kByTable, static_cast<std::int64_t>(i));
    const std::int32_t old =
        saturated_16(fixed_point_product(job.mode, gates.forget() * job.inputs[2][i], kept));
    const std::int32_t added =
        saturated_16(fixed_point_product(job.mode, gates.input() * gates.fresh(), fresh));
    y[i] = saturated_16(std::int64_t{old} + added);
    if (bound > 0) y[i] = std::clamp(y[i], -bound, bound);
  }
  return y;
}

Codes fixed_lstm_hidden(const CodedJob& job) {
  const int shift = require_lstm(job) + 12;
  if (shift < -30 || shift > 13)
    throw input_error("lstm: the cell's scale is outside what the kernels take");
  const CurveScale cell = shift < 0 ? CurveScale{3, -shift} : CurveScale{3 << shift, 0};
  const FixedPointMultiplier out = fixed_point_multiplier(kGate * kGate / wide(job.output_scale()));
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(32);
    const Gates gates(job, kByTable, static_cast<std::int64_t>(i));
    const std::int32_t product = tanh_16(job.inputs[2][i], cell) * gates.output();
    y[i] = job.code(fixed_point_product(job.mode, product, out));
  }
  return y;
}

Codes builtin_lstm_cell(const CodedJob& job) {
  const int exponent = require_builtin_lstm(job);
  require_one_cell_scale(job);
  const std::int32_t bound = cell_bound(job);
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(64);
    const Gates gates(job, kByProducts, static_cast<std::int64_t>(i));
    const std::int32_t old = rounding_divide_by_pot(gates.forget() * job.inputs[2][i], 15);
    const std::int32_t added = rounding_divide_by_pot(gates.input() * gates.fresh(), 30 + exponent);
    y[i] = saturated_16(std::int64_t{old} + added);
    if (bound > 0) y[i] = std::clamp(y[i], -bound, bound);
  }
  return y;
}

Codes builtin_lstm_hidden(const CodedJob& job) {
  const int integer_bits = require_builtin_lstm(job) + 15;
  // It subtracts that of an intermediate tensor, which is of the file alone.
  if (job.output_zero() != 0)
    throw input_error(
        "lstm: the built-in kernels' rule is known for hidden states without a zero-point alone");
  const FixedPointMultiplier out = fixed_point_multiplier(kGate * kGate / wide(job.output_scale()));
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(64);
    const Gates gates(job, kByProducts, static_cast<std::int64_t>(i));
    const std::int32_t product = gate_tanh(job.inputs[2][i], integer_bits) * gates.output();
    y[i] = job.code(fixed_point_product(job.mode, product, out));
  }
  return y;
}

}  // namespace bitjoule
