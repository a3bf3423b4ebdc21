#include "core/oracle/oracle.h"

#include <algorithm>
#include <cmath>

namespace bitjoule {
namespace {

std::size_t at_index(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t count_outputs(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return c->batch * c->out_height() * c->out_width() * c->filters;
  if (const auto* g = std::get_if<Gemm>(&op)) return g->m * g->n;
  const auto& m = std::get<Matmul>(op);
  return m.batch * m.m * m.n;
}

std::vector<float> decoded(const QuantizedTensor& t, const MacType& mac) {
  std::vector<float> values(at_index(t.rows() * t.k()));
  t.decode(values.data());
  if (mac.name != "fp32")
    for (float& v : values) v = decode_float(mac.fp, encode_float(mac.fp, v));
  return values;
}

std::vector<std::int16_t> coded(const QuantizedTensor& t) {
  std::vector<std::int16_t> codes(at_index(t.rows() * t.k()));
  for (std::int64_t r = 0; r < t.rows(); ++r) t.codes(r, 0, t.k(), &codes[at_index(r * t.k())]);
  return codes;
}

}  // namespace

Oracle::Oracle(const LayerOp& op, const MacType& mac, const QuantizedTensor& inputs,
               const QuantizedTensor& weights, const std::vector<float>& float_inputs,
               const std::vector<float>& float_weights, std::vector<std::int64_t> chunks,
               bool grouped)
    : op_(op),
      mac_(mac),
      inputs_(inputs),
      weights_(weights),
      float_inputs_(float_inputs),
      float_weights_(float_weights),
      chunks_(std::move(chunks)),
      grouped_(grouped),
      outputs_(count_outputs(op)) {
  if (mac.is_integer) {
    input_codes_ = coded(inputs);
    weight_codes_ = coded(weights);
  } else {
    input_values_ = decoded(inputs, mac);
    weight_values_ = decoded(weights, mac);
  }
}

void Oracle::terms(std::int64_t index, std::vector<Term>& out) const {
  out.clear();
  if (const auto* c = std::get_if<Conv2d>(&op_)) {
    const std::int64_t f = index % c->filters, pixel = index / c->filters;
    const std::int64_t ow = pixel % c->out_width();
    const std::int64_t oh = pixel / c->out_width() % c->out_height();
    const std::int64_t b = pixel / c->out_width() / c->out_height();
    const std::int64_t depth = c->channels / c->groups;
    const std::int64_t group = f / (c->filters / c->groups);
    for (std::int64_t kh = 0; kh < c->kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < c->kernel_w; ++kw) {
        const std::int64_t h = oh * c->stride_h + kh * c->dilation_h - c->pad_top;
        const std::int64_t w = ow * c->stride_w + kw * c->dilation_w - c->pad_left;
        const bool inside = h >= 0 && h < c->height && w >= 0 && w < c->width;
        for (std::int64_t d = 0; d < depth; ++d) {
          Term t{-1, 0, f, (kh * c->kernel_w + kw) * depth + d};
          if (inside) {
            const std::int64_t flat =
                ((b * c->height + h) * c->width + w) * c->channels + group * depth + d;
            t.input_row = flat / inputs_.k();
            t.input_k = flat % inputs_.k();
          }
          out.push_back(t);
        }
      }
    return;
  }
  Matmul p;
  if (const auto* g = std::get_if<Gemm>(&op_))
    p = Matmul{1, g->m, g->n, g->k, 1};
  else
    p = std::get<Matmul>(op_);
  const std::int64_t n = index % p.n, row = index / p.n;
  const std::int64_t operand = row / p.m / p.shared;
  for (std::int64_t k = 0; k < p.k; ++k) out.push_back({row, k, operand * p.n + n, k});
}

OracleResult Oracle::at(std::int64_t index) const {
  std::vector<Term> all;
  terms(index, all);
  const std::int64_t depth_a = inputs_.k(), depth_w = weights_.k();
  OracleResult result;
  for (const Term& t : all)
    if (t.input_row >= 0)
      result.reference +=
          static_cast<double>(float_inputs_[at_index(t.input_row * depth_a + t.input_k)]) *
          static_cast<double>(float_weights_[at_index(t.weight_row * depth_w + t.weight_k)]);

  std::size_t i = 0;
  float total = 0;
  bool first = true;
  for (std::int64_t end : chunks_) {
    if (!mac_.is_integer) {
      float sum = 0;
      for (; i < at_index(end); ++i) {
        const Term& t = all[i];
        const float a =
            t.input_row < 0 ? 0.0f : input_values_[at_index(t.input_row * depth_a + t.input_k)];
        const float product = a * weight_values_[at_index(t.weight_row * depth_w + t.weight_k)];
        sum = sum + product;
      }
      total = first ? sum : total + sum;
      first = false;
      continue;
    }
    // Scales and zero-points are those of the chunk's first element.
    const Term head = all[i];
    const std::int64_t a_row = std::max<std::int64_t>(0, head.input_row);
    const std::int64_t a_k = head.input_row < 0 ? 0 : head.input_k;
    const std::int64_t za = inputs_.zero_point(a_row, a_k);
    const std::int64_t zw = weights_.zero_point(head.weight_row, head.weight_k);
    const float sa = inputs_.scale(a_row, a_k), sw = weights_.scale(head.weight_row, head.weight_k);
    const float min = weights_.min(head.weight_row, head.weight_k);
    std::int64_t sum = 0, activations = 0;
    for (; i < at_index(end); ++i) {
      const Term& t = all[i];
      if (t.input_row < 0) continue;
      const std::int64_t qa = input_codes_[at_index(t.input_row * depth_a + t.input_k)] - za;
      const std::int64_t qw = weight_codes_[at_index(t.weight_row * depth_w + t.weight_k)] - zw;
      sum += qa * qw;
      activations += qa;
    }
    result.sum += sum;
    result.real_scale = static_cast<double>(sa) * static_cast<double>(sw);
    if (!grouped_) continue;
    float term = static_cast<float>(sum) * sw * sa;
    if (min != 0.0f) term = term + min * sa * static_cast<float>(activations);
    total = first ? term : total + term;
    first = false;
  }
  result.overflow = result.sum > INT32_MAX || result.sum < INT32_MIN;
  if (mac_.is_integer && !grouped_) {
    const Term head = all.front();
    const std::int64_t a_row = std::max<std::int64_t>(0, head.input_row);
    const float sa = inputs_.scale(a_row, head.input_row < 0 ? 0 : head.input_k);
    total = static_cast<float>(result.sum) * weights_.scale(head.weight_row, 0) * sa;
  }
  result.value = total;
  apply_stage(all.front().weight_row, result);
  return result;
}

void Oracle::apply_stage(std::int64_t weight_row, OracleResult& result) const {
  const std::size_t row = at_index(weight_row);
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
                               std::int32_t lo, std::int32_t hi) {
  double code = 0;
  if (mode == Requantize::kOnnxHalfEven) {
    code = std::nearbyint(static_cast<double>(sum) * multiplier);
  } else {
    int exponent = 0;
    const double mantissa = std::frexp(multiplier, &exponent);
    auto m0 = static_cast<std::int64_t>(std::llround(mantissa * 2147483648.0));
    if (m0 == std::int64_t{1} << 31) m0 /= 2, ++exponent;
    if (exponent < -31) m0 = 0, exponent = 0;
    if (mode == Requantize::kTfliteSingleRounding) {
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
