#include "core/exec/coded_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/enums.h"
#include "core/error.h"
#include "core/exec/element_order.h"
#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {

std::int32_t CodedJob::code(std::int64_t relative) const {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(
      relative + op.codes->output.zero_point, std::int64_t{range.lo}, std::int64_t{range.hi}));
}

/// What selects codes, or averages them, leaves their scale.
void CodedJob::require_one_scale() const {
  const CodeScale& to = op.codes->output;
  for (const CodeScale& from : op.codes->operands)
    if (from.scale != to.scale || from.zero_point != to.zero_point)
      throw input_error(fmt::format("{}: expected one scale and zero-point of operands and result",
                                    vector_row(op.kind).name));
}

namespace {

/// Half to even, in fp32.
std::int64_t nearest(float x) { return static_cast<std::int64_t>(std::nearbyint(x)); }

std::int32_t distance(const CodedJob& job, std::size_t operand, std::size_t i) {
  return job.distance(operand, i);
}

/// Fractional bits of sums: int16 leaves room for fewer.
int sum_bits(const CodedJob& job) { return job.range.hi > 255 ? 15 : 20; }

/// Add and subtract in fixed point, at half the larger scale.
Codes fixed_sum(const CodedJob& job, const std::array<double, 3>& factors, int sign) {
  const std::int32_t fraction = 1 << sum_bits(job);
  FixedPointMultiplier m[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (factors[i] >= 1)
      throw input_error(
          fmt::format("the output's scale is too small for the operands': factor {} is not below 1",
                      factors[i]));
    m[i] = fixed_point_multiplier(factors[i]);
  }
  return each_result(job, [&](std::size_t i) {
    const std::int32_t a = fixed_point_product(job.mode, distance(job, 0, i) * fraction, m[0]);
    const std::int32_t b = fixed_point_product(job.mode, distance(job, 1, i) * fraction, m[1]);
    return fixed_point_product(job.mode, a + sign * b, m[2]);
  });
}

std::array<double, 3> sum_factors(const CodedJob& job) {
  const double a = wide(job.scale(0)), b = wide(job.scale(1)), twice = 2 * std::max(a, b);
  return {a / twice, b / twice, twice / ((1 << sum_bits(job)) * wide(job.output_scale()))};
}

Codes fixed_add(const CodedJob& job) { return fixed_sum(job, sum_factors(job), 1); }

/// TensorFlow Lite Micro forms these ratios in fp32.
Codes fixed_sub(const CodedJob& job) {
  const float a = job.scale(0), b = job.scale(1), twice = 2 * std::max(a, b);
  const float last = twice / (static_cast<float>(1 << sum_bits(job)) * job.output_scale());
  return fixed_sum(job, {wide(a / twice), wide(b / twice), wide(last)}, -1);
}

Codes builtin_sub(const CodedJob& job) { return fixed_sum(job, sum_factors(job), -1); }

/// The delegate leaves an operator whose factors are outside of its bounds to the built-in kernels.
CodedJob left_to_builtin(const CodedJob& job) {
  CodedJob left = job;
  left.mode = Requantize::kTfliteDoubleRounding;
  return left;
}

Codes xnnpack_sum(const CodedJob& job, int sign) {
  const float a = job.scale(0) / job.output_scale(), b = job.scale(1) / job.output_scale();
  if (std::min(a, b) < 1.0f / 1024 || std::max(a, b) >= 256)
    return sign > 0 ? fixed_add(left_to_builtin(job)) : builtin_sub(left_to_builtin(job));
  const int shift = 20 - std::ilogb(std::max(a, b));
  const std::int64_t ma = nearest(std::ldexp(a, shift)), mb = sign * nearest(std::ldexp(b, shift));
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  return each_result(job, [&](std::size_t i) {
    return (distance(job, 0, i) * ma + distance(job, 1, i) * mb + half) >> shift;
  });
}
Codes xnnpack_add(const CodedJob& job) { return xnnpack_sum(job, 1); }
Codes xnnpack_sub(const CodedJob& job) { return xnnpack_sum(job, -1); }

Codes fixed_mul(const CodedJob& job) {
  const FixedPointMultiplier m =
      fixed_point_multiplier(wide(job.scale(0)) * wide(job.scale(1)) / wide(job.output_scale()));
  return each_result(job, [&](std::size_t i) {
    return fixed_point_product(job.mode, distance(job, 0, i) * distance(job, 1, i), m);
  });
}

Codes xnnpack_mul(const CodedJob& job) {
  const float factor = job.scale(0) * job.scale(1) / job.output_scale();
  if (factor < 1.0f / 65536 || factor >= 256) return fixed_mul(left_to_builtin(job));
  return each_result(job, [&](std::size_t i) {
    return nearest(static_cast<float>(distance(job, 0, i) * distance(job, 1, i)) * factor);
  });
}

/// Means round half away from zero.
Codes pool(const CodedJob& job) {
  job.require_one_scale();
  const bool mean = job.op.kind == VectorKind::kAvgPool;
  const PoolWindow& w = *job.op.window;
  const Codes& x = job.inputs[0];
  return each_result(job, [&](std::size_t flat) {
    const auto i = static_cast<std::int64_t>(flat);
    const std::int64_t c = i % w.channels, pixel = i / w.channels;
    const std::int64_t column = pixel % w.out_width(), row = pixel / w.out_width() % w.out_height();
    const std::int64_t image = pixel / w.out_width() / w.out_height();
    std::int64_t count = 0, sum = 0, most = INT32_MIN;
    for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < w.kernel_w; ++kw) {
        const std::int64_t h = row * w.stride_h + kh * w.dilation_h - w.pad_top;
        const std::int64_t v = column * w.stride_w + kw * w.dilation_w - w.pad_left;
        if (h < 0 || h >= w.height || v < 0 || v >= w.width) continue;
        const std::int64_t q = x[at(((image * w.height + h) * w.width + v) * w.channels + c)];
        sum += q;
        most = std::max(most, q);
        ++count;
      }
    if (count == 0) throw input_error("a window of the pool covers padding alone");
    const std::int64_t result = mean ? (sum > 0 ? sum + count / 2 : sum - count / 2) / count : most;
    return result - job.output_zero();
  });
}

/// Another scale for the same numbers; relu clamps as well. `ratio` as the kernel forms it.
Codes rescaled(const CodedJob& job, double ratio) {
  const FixedPointMultiplier m = fixed_point_multiplier(ratio);
  return each_result(
      job, [&](std::size_t i) { return fixed_point_product(job.mode, distance(job, 0, i), m); });
}

Codes fixed_rescale(const CodedJob& job) {
  return rescaled(job, wide(job.scale(0)) / wide(job.output_scale()));
}

CodedJob with_range(const CodedJob& job, double lo, double hi) {
  CodedJob narrowed = job;
  narrowed.range = activation_range(job.range, job.output_scale(), job.output_zero(), lo, hi);
  return narrowed;
}

Codes fixed_abs(const CodedJob& job) {
  const FixedPointMultiplier m = fixed_point_multiplier(wide(job.scale(0) / job.output_scale()));
  return each_result(job, [&](std::size_t i) {
    return fixed_point_product(job.mode, std::abs(distance(job, 0, i)), m);
  });
}

Codes fixed_relu(const CodedJob& job) {
  return rescaled(with_range(job, 0, INFINITY), wide(job.scale(0) / job.output_scale()));
}

/// Eight fractional bits: XNNPACK's.
std::int64_t by_256ths(std::int32_t distance, std::int64_t factor) {
  return (distance * factor + 128) >> 8;
}

Codes xnnpack_rescale(const CodedJob& job) {
  const std::int64_t m = nearest(256 * (job.scale(0) / job.output_scale()));
  return each_result(job, [&](std::size_t i) { return by_256ths(distance(job, 0, i), m); });
}

/// TensorFlow Lite Micro clamps the codes of the operand, whatever the result's scale.
Codes fixed_clip(const CodedJob& job) {
  const ClampRange bounds = activation_range(job.range, job.scale(0), job.zero(0),
                                             vector_alpha(job.op), vector_beta(job.op));
  return each_result(job, [&](std::size_t i) {
    return std::clamp(job.inputs[0][i], bounds.lo, bounds.hi) - job.output_zero();
  });
}

Codes builtin_clip(const CodedJob& job) {
  return rescaled(with_range(job, vector_alpha(job.op), vector_beta(job.op)),
                  wide(job.scale(0) / job.output_scale()));
}

/// Both factors as the kernel forms them.
Codes leaky_relu(const CodedJob& job, double ratio, double slope) {
  const auto above = fixed_point_multiplier(ratio), below = fixed_point_multiplier(slope);
  const double alpha = vector_alpha(job.op);
  return each_result(job, [&](std::size_t i) -> std::int64_t {
    const std::int32_t d = distance(job, 0, i);
    if (d >= 0) return fixed_point_product(job.mode, d, above);
    return fixed_point_product(job.mode, d, below) * (alpha < 0 ? -1 : 1);
  });
}

Codes fixed_leaky_relu(const CodedJob& job) {
  const float alpha = std::fabs(static_cast<float>(vector_alpha(job.op)));
  return leaky_relu(job, wide(job.scale(0) / job.output_scale()),
                    wide(job.scale(0) * alpha / job.output_scale()));
}

Codes builtin_leaky_relu(const CodedJob& job) {
  const double alpha = wide(std::fabs(static_cast<float>(vector_alpha(job.op))));
  return leaky_relu(job, wide(job.scale(0)) / wide(job.output_scale()),
                    wide(job.scale(0)) * alpha / wide(job.output_scale()));
}

Codes xnnpack_leaky_relu(const CodedJob& job) {
  const auto alpha = static_cast<float>(vector_alpha(job.op));
  const float ratio = job.scale(0) / job.output_scale();
  const std::int64_t above = nearest(256 * ratio), below = nearest(256 * (ratio * alpha));
  return each_result(job, [&](std::size_t i) {
    const std::int32_t d = distance(job, 0, i);
    return by_256ths(d, d >= 0 ? above : below);
  });
}

/// One after the other; codes of other scales become those of the result in fp32, as the kernels do
/// for uint8.
Codes joined_codes(const CodedJob& job) {
  const float inverse = 1 / job.output_scale();
  VectorOperands operands;
  for (std::size_t k = 0; k < job.inputs.size(); ++k) {
    const float ratio = job.scale(k) * inverse;
    const float bias = static_cast<float>(-job.zero(k)) * ratio;
    const bool is_same = job.scale(k) == job.output_scale() && job.zero(k) == job.output_zero();
    std::vector<float>& codes = operands.inputs.emplace_back().own();
    codes.reserve(job.inputs[k].size());
    for (const std::int32_t q : job.inputs[k]) {
      const auto code = static_cast<float>(q);
      const float moved = std::round(code * ratio + bias);
      codes.push_back(is_same ? code
                              : static_cast<float>(job.code(static_cast<std::int64_t>(moved))));
    }
  }
  VectorOp op = job.op;
  op.codes.reset();
  const std::vector<float> joined = vector_values(op, operands).values;
  return {joined.begin(), joined.end()};
}

using Rounding = Codes (*)(const CodedJob&);

/// The rules of an operator: of the reference kernels, of TensorFlow Lite's built-in kernels, and
/// of XNNPACK. Where the last is missing the delegate leaves the operator to the built-in kernels;
/// where that is missing, its arithmetic is not known.
struct RuleRow {
  VectorKind kind;
  Rounding fixed, builtin, xnnpack;
};

using K = VectorKind;
constexpr RuleRow kRules[] = {
    {K::kAdd, fixed_add, fixed_add, xnnpack_add},
    {K::kSub, fixed_sub, builtin_sub, xnnpack_sub},
    {K::kMul, fixed_mul, fixed_mul, xnnpack_mul},
    {K::kAvgPool, pool, pool, nullptr},
    {K::kMaxPool, pool, pool, nullptr},
    {K::kGlobalAvgPool, fixed_mean, builtin_mean, xnnpack_mean},
    {K::kReduceMean, fixed_mean, builtin_mean, xnnpack_mean},
    {K::kReduceSum, fixed_reduce_sum, builtin_sum, nullptr},
    {K::kReduceMax, extreme, extreme, nullptr},
    {K::kReduceMin, extreme, extreme, nullptr},
    {K::kMax, larger_or_smaller, larger_or_smaller, nullptr},
    {K::kMin, larger_or_smaller, larger_or_smaller, nullptr},
    {K::kDiv, fixed_div, fixed_div, nullptr},
    {K::kPrelu, fixed_prelu, fixed_prelu, nullptr},
    {K::kSquaredDifference, fixed_squared_difference, fixed_squared_difference, nullptr},
    {K::kResize, fixed_resize, builtin_resize, xnnpack_resize},
    {K::kShiftIn, shift_in, shift_in, nullptr},
    {K::kLstmCell, fixed_lstm_cell, builtin_lstm_cell, nullptr},
    {K::kLstmHidden, fixed_lstm_hidden, builtin_lstm_hidden, nullptr},
    {K::kQuantizeLinear, fixed_rescale, fixed_rescale, xnnpack_rescale},
    {K::kAbs, fixed_abs, fixed_abs, nullptr},
    {K::kRsqrt, fixed_inverse_root, fixed_inverse_root, nullptr},
    {K::kL2Norm, fixed_l2_norm, fixed_l2_norm, nullptr},
    {K::kExp, tabulated_reals, tabulated_reals, nullptr},
    {K::kLog, tabulated_reals, tabulated_reals, nullptr},
    {K::kConcat, joined_codes, joined_codes, nullptr},
    {K::kRelu, fixed_relu, fixed_relu, nullptr},
    {K::kClip, fixed_clip, builtin_clip, nullptr},
    {K::kLeakyRelu, fixed_leaky_relu, builtin_leaky_relu, xnnpack_leaky_relu},
    {K::kSoftmax, fixed_softmax, table_softmax, nullptr},
    {K::kSigmoid, fixed_logistic, tabulated_reals, tabulated_half_even},
    {K::kTanh, fixed_tanh, tabulated_reals, nullptr},
    {K::kElu, tabulated_reals, tabulated_reals, tabulated_half_even},
    {K::kGelu, tabulated_reals, tabulated_reals, nullptr},
    {K::kGeluTanh, tabulated_reals, tabulated_reals, nullptr},
    {K::kHardSwish, fixed_hard_swish, fixed_hard_swish, nullptr},
};

/// As ONNX composes it: dequantized, computed in fp32, quantized.
Codes by_real_values(const CodedJob& job) {
  VectorOp op = job.op;
  op.codes.reset();
  if (op.kind == K::kQuantizeLinear) op.kind = K::kReshape;
  VectorOperands operands;
  for (std::size_t i = 0; i < job.inputs.size(); ++i) {
    std::vector<float>& values = operands.inputs.emplace_back().own();
    values.reserve(job.inputs[i].size());
    for (const std::int32_t code : job.inputs[i])
      values.push_back(static_cast<float>(code - job.zero(i)) * job.scale(i));
  }
  if (op.kind != K::kConcat) op.operand_shapes.clear();  // the inputs are broadcast
  return quantized_codes(job.op, vector_values(op, operands).values, job.range,
                         Requantize::kOnnxHalfEven);
}

/// Whose arithmetic a requantization of the run is for this operator.
Requantize kernels_of(const RuleRow& row, const VectorCodes& codes, Requantize mode) {
  const bool is_left = mode == Requantize::kTfliteXnnpack && (!codes.delegated || !row.xnnpack);
  return is_left ? Requantize::kTfliteBuiltin : mode;
}

ClampRange narrowed(const VectorCodes& codes, ClampRange range) {
  const ActivationBounds bounds = activation_bounds(codes.activation);
  return activation_range(range, static_cast<float>(codes.output.scale),
                          static_cast<std::int32_t>(codes.output.zero_point), bounds.lo, bounds.hi);
}

}  // namespace

std::vector<std::int32_t> coded_values(const VectorOp& op,
                                       const std::vector<std::vector<std::int32_t>>& inputs,
                                       ClampRange range, Requantize mode) {
  const char* name = vector_row(op.kind).name;
  const RuleRow* row = std::find_if(std::begin(kRules), std::end(kRules),
                                    [&](const RuleRow& r) { return r.kind == op.kind; });
  if (row == std::end(kRules)) throw input_error(fmt::format("{}: codes are not computed", name));
  const std::vector<std::int64_t> sizes = operand_elements(op);
  if (inputs.size() != sizes.size() || op.codes->operands.size() != sizes.size())
    throw input_error(fmt::format("{}: expected {} operands of codes, got {} with {} scales", name,
                                  sizes.size(), inputs.size(), op.codes->operands.size()));
  std::vector<Codes> same_shape;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() != at(sizes[i]))
      throw input_error(fmt::format("{}: operand {}: expected {} codes, got {}", name, i, sizes[i],
                                    inputs[i].size()));
    same_shape.push_back(broadcasts(op) ? broadcast(op, inputs[i], i) : inputs[i]);
  }
  CodedJob job{op, same_shape, narrowed(*op.codes, range), mode};
  if (mode == Requantize::kOnnxHalfEven) return by_real_values(job);
  const Requantize kernels = kernels_of(*row, *op.codes, mode);
  if (kernels == Requantize::kTfliteXnnpack) return row->xnnpack(job);
  if (kernels != Requantize::kTfliteBuiltin) return row->fixed(job);
  job.mode = Requantize::kTfliteDoubleRounding;  // what they multiply in fixed point
  return row->builtin(job);
}

std::vector<std::int32_t> quantized_codes(const VectorOp& op, const std::vector<float>& values,
                                          ClampRange range, Requantize mode) {
  const bool half_even = mode == Requantize::kOnnxHalfEven ||
                         (mode == Requantize::kTfliteXnnpack && op.codes->delegated);
  const auto scale = static_cast<float>(op.codes->output.scale);
  const auto zero = static_cast<double>(op.codes->output.zero_point);
  const ClampRange limits = narrowed(*op.codes, range);
  Codes codes;
  codes.reserve(values.size());
  for (const float value : values) {
    const float steps = value / scale;
    const float rounded = half_even ? std::nearbyint(steps) : std::round(steps);
    const double code = std::isnan(rounded) ? zero : static_cast<double>(rounded) + zero;
    codes.push_back(static_cast<std::int32_t>(
        std::clamp(code, static_cast<double>(limits.lo), static_cast<double>(limits.hi))));
  }
  return codes;
}

}  // namespace bitjoule
