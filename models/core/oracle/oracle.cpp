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

std::vector<Oracle::Run> Oracle::runs(std::int64_t index) const {
  std::vector<Run> out;
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
        Run run{-1, 0, f, (kh * c->kernel_w + kw) * depth, depth};
        if (inside) {
          // A row of the inputs is a pixel.
          run.input_row = (b * c->height + h) * c->width + w;
          run.input_k = group * depth;
        }
        out.push_back(run);
      }
    return out;
  }
  Matmul p;
  if (const auto* g = std::get_if<Gemm>(&op_))
    p = Matmul{1, g->m, g->n, g->k, 1};
  else
    p = std::get<Matmul>(op_);
  const std::int64_t n = index % p.n, row = index / p.n;
  const std::int64_t operand = row / p.m / p.shared;
  out.push_back({row, 0, operand * p.n + n, 0, p.k});
  return out;
}

double Oracle::reference(const std::vector<Run>& all) const {
  double sum = 0;
  for (const Run& run : all) {
    if (run.input_row < 0) continue;
    const float* a = &float_inputs_[at_index(run.input_row * inputs_.k() + run.input_k)];
    const float* w = &float_weights_[at_index(run.weight_row * weights_.k() + run.weight_k)];
    for (std::int64_t i = 0; i < run.length; ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(w[i]);
  }
  return sum;
}

void Oracle::add_floats(const Run& run, float& sum) const {
  const float* w = &weight_values_[at_index(run.weight_row * weights_.k() + run.weight_k)];
  const float* a = run.input_row < 0
                       ? nullptr
                       : &input_values_[at_index(run.input_row * inputs_.k() + run.input_k)];
  for (std::int64_t i = 0; i < run.length; ++i) {
    const float product = (a == nullptr ? 0.0f : a[i]) * w[i];
    sum = sum + product;
  }
}

void Oracle::add_integers(const Run& run, std::int64_t za, std::int64_t zw,
                          IntegerSums& sums) const {
  if (run.input_row < 0) return;
  const std::int16_t* a = &input_codes_[at_index(run.input_row * inputs_.k() + run.input_k)];
  const std::int16_t* w = &weight_codes_[at_index(run.weight_row * weights_.k() + run.weight_k)];
  for (std::int64_t i = 0; i < run.length; ++i) {
    sums.products += (a[i] - za) * (w[i] - zw);
    sums.activations += a[i] - za;
  }
}

namespace {

/// Calls f(part) for the parts of runs that end at a chunk's end, and then f_end() there.
template <class Run, class F, class G>
void by_chunks(const std::vector<Run>& runs, const std::vector<std::int64_t>& ends, F part,
               G end_of_chunk) {
  std::size_t i = 0;
  std::int64_t done = 0, taken = 0;  // of all k; of run i
  for (std::int64_t end : ends) {
    while (done < end) {
      Run run = runs[i];
      run.input_k += taken;
      run.weight_k += taken;
      run.length = std::min(run.length - taken, end - done);
      part(run);
      done += run.length;
      taken += run.length;
      if (taken == runs[i].length) ++i, taken = 0;
    }
    end_of_chunk();
  }
}

}  // namespace

OracleResult Oracle::at(std::int64_t index) const {
  const std::vector<Run> all = runs(index);
  OracleResult result;
  result.reference = reference(all);
  if (mac_.is_integer)
    at_integers(all, result);
  else
    at_floats(all, result);
  apply_stage(all.front().weight_row, result);
  return result;
}

void Oracle::at_floats(const std::vector<Run>& all, OracleResult& result) const {
  float total = 0, sum = 0;
  bool first = true;
  by_chunks(
      all, chunks_, [&](const Run& run) { add_floats(run, sum); },
      [&] {
        total = first ? sum : total + sum;
        first = false;
        sum = 0;
      });
  result.value = total;
}

void Oracle::at_integers(const std::vector<Run>& all, OracleResult& result) const {
  float total = 0, sa = 0, sw = 0, min = 0;
  std::int64_t za = 0, zw = 0;
  IntegerSums sums;
  bool first = true, first_part = true;
  const auto part = [&](const Run& run) {
    if (first_part) {
      // Scales and zero-points are those of the chunk's first element; padding has the first's.
      const std::int64_t row = std::max<std::int64_t>(0, run.input_row);
      const std::int64_t k = run.input_row < 0 ? 0 : run.input_k;
      za = inputs_.zero_point(row, k);
      sa = inputs_.scale(row, k);
      zw = weights_.zero_point(run.weight_row, run.weight_k);
      sw = weights_.scale(run.weight_row, run.weight_k);
      min = weights_.min(run.weight_row, run.weight_k);
      first_part = false;
    }
    add_integers(run, za, zw, sums);
  };
  by_chunks(all, chunks_, part, [&] {
    result.sum += sums.products;
    result.real_scale = static_cast<double>(sa) * static_cast<double>(sw);
    if (grouped_) {
      float term = static_cast<float>(sums.products) * sw * sa;
      if (min != 0.0f) term = term + min * sa * static_cast<float>(sums.activations);
      total = first ? term : total + term;
      first = false;
    }
    sums = {};
    first_part = true;
  });
  result.overflow = result.sum > INT32_MAX || result.sum < INT32_MIN;
  if (!grouped_) {
    const Run& head = all.front();
    const std::int64_t row = std::max<std::int64_t>(0, head.input_row);
    const float scale = inputs_.scale(row, head.input_row < 0 ? 0 : head.input_k);
    total = static_cast<float>(result.sum) * weights_.scale(head.weight_row, 0) * scale;
  }
  result.value = total;
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
