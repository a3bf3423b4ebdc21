// Softmax, logistic, tanh and hard-swish of codes: gemmlowp's fixed-point exponential, and tables.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/exec/coded_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kMost32 = INT32_MAX;

std::int32_t saturated(std::int64_t x) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(x, INT32_MIN, kMost32));
}
std::int32_t high_mul(std::int32_t a, std::int32_t b) {
  return saturating_rounding_doubling_high_mul(a, b);
}

/// e^a for a in [-1/4, 0), both with 31 fractional bits.
std::int32_t exp_near_zero(std::int32_t a) {
  constexpr std::int32_t kThird = 715827883, kMinusEighth = 1895147668;  // 1/3; e^(-1/8)
  const std::int32_t x = a + (1 << 28);
  const std::int32_t x2 = high_mul(x, x), x3 = high_mul(x2, x), x4 = high_mul(x2, x2);
  const std::int32_t cubic = high_mul(rounding_divide_by_pot(x4, 2) + x3, kThird) + x2;
  return kMinusEighth + high_mul(kMinusEighth, x + rounding_divide_by_pot(cubic, 1));
}

/// e^a for a <= 0 with `integers` integer bits; the result has 31 fractional bits.
std::int32_t exp_of_negative(std::int32_t a, int integers) {
  if (a == 0) return INT32_MAX;
  const int fraction = 31 - integers;
  const std::int32_t quarter = 1 << (fraction - 2);
  const std::int32_t near = (a & (quarter - 1)) - quarter;
  std::int32_t result = exp_near_zero(near * (1 << integers));
  const std::int32_t rest = near - a;
  constexpr struct {
    int exponent;
    std::int32_t factor;  // e^(-2^exponent)
  } kFactors[] = {{-2, 1672461947}, {-1, 1302514674}, {0, 790015084}, {1, 290630308},
                  {2, 39332535},    {3, 720401},      {4, 242}};
  for (const auto& f : kFactors)
    if (integers > f.exponent && (rest & (1 << (fraction + f.exponent))) != 0)
      result = high_mul(result, f.factor);
  return integers > 5 && a < -(1 << (36 - integers)) ? 0 : result;
}

/// 1 / ((1 + a) / 2) with 29 fractional bits, a in [0, 1]: Newton-Raphson.
std::int32_t inverse_of_half(std::int32_t a) {
  const std::int64_t sum = std::int64_t{a} + kMost32;
  const auto half = static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  constexpr std::int32_t kOne = 1 << 29;
  std::int32_t x = 1515870810 + high_mul(half, -1010580540);  // 48/17 - 32/17 * half
  for (int i = 0; i < 3; ++i)
    x += saturated(std::int64_t{high_mul(x, kOne - high_mul(half, x))} * 4);
  return x;
}
/// 1 / (1 + a) and (1 - a) / (1 + a) with 31 fractional bits.
std::int32_t inverse(std::int32_t a) { return saturated(std::int64_t{inverse_of_half(a)} * 2); }
std::int32_t half_difference(std::int32_t a) {
  return saturated((std::int64_t{inverse_of_half(a)} - (1 << 29)) * 4);
}

/// One softmax row in fixed point.
class SoftmaxRow {
 public:
  explicit SoftmaxRow(const CodedJob& job) : job_(job) {
    const bool single = job.mode == Requantize::kTfliteSingleRounding;
    const double most = single ? 1073741823.0 : 2147483647.0;
    const double beta = static_cast<double>(static_cast<float>(vector_alpha(job.op)));
    const double real = std::min(beta * static_cast<double>(job.scale(0)) * 67108864, most);
    int exponent = 0;
    const double mantissa = std::frexp(real, &exponent);
    auto m0 = static_cast<std::int64_t>(std::round(mantissa * 2147483648.0));
    if (m0 == std::int64_t{1} << 31) m0 /= 2, ++exponent;
    factor_ = {static_cast<std::int32_t>(m0), exponent};
    if (exponent < 0 || exponent > 31)
      throw input_error("softmax: the operand's scale is outside what the kernels take");
    least_ = -static_cast<std::int64_t>(std::floor(31 * 67108864.0 / std::ldexp(1.0, exponent)));
    wide_ = job.range.hi > 255;
  }

  void compute(const std::int32_t* x, std::int64_t n, std::int32_t* y) {
    const std::int32_t max = *std::max_element(x, x + n);
    exponentials_.assign(at(n), -1);
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t d = std::int64_t{x[i]} - max;
      if (d < least_) continue;
      exponentials_[at(i)] = exp_of_negative(scaled(static_cast<std::int32_t>(d)), 5);
      sum += rounding_divide_by_pot(exponentials_[at(i)], 12);
    }
    if (sum > kMost32) throw input_error("softmax: a row with too many equal maxima");
    const int zeros = __builtin_clz(static_cast<std::uint32_t>(sum));
    const auto fraction = static_cast<std::int32_t>((sum << zeros) - (std::int64_t{1} << 31));
    const std::int32_t share = inverse(fraction);
    const int shift = 12 - zeros + (wide_ ? 15 : 23);
    if (shift > 31) throw input_error("softmax: a row with 512 or more equal maxima");
    for (std::int64_t i = 0; i < n; ++i) {
      if (exponentials_[at(i)] < 0)
        y[i] = job_.range.lo;
      else
        y[i] = job_.code(rounding_divide_by_pot(high_mul(share, exponentials_[at(i)]), shift));
    }
  }

 private:
  std::int32_t scaled(std::int32_t d) const {
    if (job_.mode == Requantize::kTfliteSingleRounding)
      return fixed_point_product(job_.mode, d, factor_);
    return high_mul(saturated(std::int64_t{d} * (std::int64_t{1} << factor_.shift)), factor_.m0);
  }

  const CodedJob& job_;
  FixedPointMultiplier factor_;
  std::int64_t least_ = 0;
  bool wide_ = false;
  std::vector<std::int32_t> exponentials_;  // of one row; -1 below what counts
};

/// The kernels know one scale of their results.
void require_output(const CodedJob& job, double scale, std::int64_t zero_point) {
  const CodeScale& output = job.op.codes->output;
  if (output.scale != scale || output.zero_point != zero_point)
    throw input_error(fmt::format("{}: expected an output of scale {} and zero-point {}",
                                  vector_row(job.op.kind).name, scale, zero_point));
}

/// A function of one code: every code once. `curve` maps a distance from the zero-point, with 4
/// integer bits, to a result relative to the output's zero-point; beyond 15 it is the range's end.
template <class F>
Codes tabulated(const CodedJob& job, F curve) {
  int exponent = 0;
  const double mantissa = std::frexp(static_cast<double>(job.scale(0)) * 134217728, &exponent);
  auto m0 = static_cast<std::int64_t>(std::round(mantissa * 2147483648.0));
  if (m0 == std::int64_t{1} << 31) m0 /= 2, ++exponent;
  const FixedPointMultiplier factor{static_cast<std::int32_t>(m0), exponent};
  if (exponent < -30 || exponent > 30)
    throw input_error("the operand's scale is outside what the kernels take");
  const double reach = std::floor(15 * 134217728.0 / std::ldexp(1.0, exponent));
  std::vector<std::int32_t> known(1 << 16, INT32_MIN);
  Codes y;
  y.reserve(job.inputs[0].size());
  for (const std::int32_t q : job.inputs[0]) {
    check_interrupt_after(2);
    std::int32_t& code = known[at((std::int64_t{q} + (1 << 15)) & 0xFFFF)];
    if (code == INT32_MIN) {
      const std::int32_t d = q - job.zero(0);
      code = d <= -reach  ? job.range.lo
             : d >= reach ? job.range.hi
                          : job.code(curve(fixed_point_product(job.mode, d, factor)));
    }
    y.push_back(code);
  }
  return y;
}

std::int32_t high_mul_16(std::int32_t a, std::int32_t b) {
  if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
  const std::int32_t product = a * b;
  return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
}
/// The doubled high half of a product, towards zero.
std::int32_t truncated_mul_16(std::int32_t a, std::int32_t b) {
  return a == INT16_MIN && b == INT16_MIN ? INT16_MAX : a * b / (1 << 15);
}
std::int32_t narrowed_16(FixedPointMultiplier m) {
  return saturated_16((m.m0 + std::int64_t{1 << 15}) >> 16);
}

}  // namespace

FixedPointMultiplier fixed_reciprocal(std::int32_t x) {
  const int zeros = __builtin_clz(static_cast<std::uint32_t>(x));
  const auto fraction =
      static_cast<std::int32_t>((std::int64_t{x} << zeros) - (std::int64_t{1} << 31));
  return {inverse(fraction), 31 - zeros};
}

Codes fixed_softmax(const CodedJob& job) {
  const bool is_wide = job.range.hi > 255;
  // Exporters write 1 / 65535 as well.
  const double scale = is_wide ? 1.0 / 65536 : 1.0 / 256;
  const CodeScale& output = job.op.codes->output;
  if (is_wide && output.zero_point == 0) return softmax_16(job);
  if (std::fabs(output.scale / scale - 1) > 0.001 || output.zero_point != job.range.lo)
    throw input_error(fmt::format("softmax: expected an output of scale {} and zero-point {}",
                                  scale, job.range.lo));
  Codes y(job.inputs[0].size());
  SoftmaxRow row(job);
  for (std::int64_t r = 0; r < job.op.rows; ++r) {
    check_interrupt_after(32 * job.op.cols);
    row.compute(&job.inputs[0][at(r * job.op.cols)], job.op.cols, &y[at(r * job.op.cols)]);
  }
  return y;
}

/// In fp32 by a table of exponentials, summed in order.
Codes table_softmax(const CodedJob& job) {
  if (job.range.hi > 255 && job.output_zero() == 0) return softmax_16(job);
  const auto beta = static_cast<float>(vector_alpha(job.op));
  const std::int64_t n = job.op.cols;
  Codes y(job.inputs[0].size());
  for (std::int64_t r = 0; r < job.op.rows; ++r) {
    check_interrupt_after(16 * n);
    const std::int32_t* x = &job.inputs[0][at(r * n)];
    const std::int32_t max = *std::max_element(x, x + n);
    const auto term = [&](std::int64_t i) {
      return std::exp(-(job.scale(0) * beta) * static_cast<float>(max - x[i]));
    };
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += term(i);
    const float inverse = 1.0f / (sum * job.output_scale());
    for (std::int64_t i = 0; i < n; ++i)
      y[at(r * n + i)] = job.code(static_cast<std::int64_t>(std::floor(term(i) * inverse + 0.5f)));
  }
  return y;
}

Codes fixed_logistic(const CodedJob& job) {
  if (job.range.hi > 255) return logistic_16(job);
  require_output(job, 1.0 / 256, job.range.lo);
  return tabulated(job, [](std::int32_t x) {
    if (x == 0) return rounding_divide_by_pot(1 << 30, 23);
    const std::int32_t p = inverse(exp_of_negative(-std::abs(x), 4));
    return rounding_divide_by_pot(x > 0 ? p : INT32_MAX - p, 23);
  });
}

Codes fixed_tanh(const CodedJob& job) {
  if (job.range.hi > 255) return hyperbolic_16(job);
  require_output(job, 1.0 / 128, job.range.lo + 128);
  return tabulated(job, [](std::int32_t x) {
    const std::int32_t t = half_difference(exp_of_negative(-std::abs(x), 5));
    return rounding_divide_by_pot(x > 0 ? t : x < 0 ? -t : 0, 24);
  });
}

Codes fixed_hard_swish(const CodedJob& job) {
  const float step = job.scale(0) / 128;
  const FixedPointMultiplier out =
      fixed_point_multiplier(static_cast<double>(step / job.output_scale()));
  const FixedPointMultiplier relu =
      fixed_point_multiplier(static_cast<double>(step / (3.0f / 32768.0f)));
  const std::int32_t out_16 = narrowed_16(out), relu_16 = narrowed_16(relu);
  if (out.shift > 0)
    throw input_error("hard_swish: the output's scale is too small for the operand's");
  Codes y;
  y.reserve(job.inputs[0].size());
  for (const std::int32_t q : job.inputs[0]) {
    check_interrupt_after(4);
    const std::int32_t x = saturated_16(std::int64_t{q - job.zero(0)} * 128);
    const std::int32_t p = high_mul_16(x, out_16);
    std::int32_t r = x;
    if (relu.shift > 0) r = saturated_16(std::int64_t{r} * (std::int64_t{1} << (relu.shift - 1)));
    r = high_mul_16(r, relu_16);
    if (relu.shift > 0) r = saturated_16(std::int64_t{r} * 2);
    if (relu.shift < 0) r = rounding_divide_by_pot(r, -relu.shift);
    r = (r + 32768) >> 1;
    const std::int32_t scaled = truncated_mul_16(r, p);
    y.push_back(job.code(rounding_divide_by_pot(scaled, -out.shift)));
  }
  return y;
}

}  // namespace bitjoule
