// From accumulators to the output format: LayerValues' second half.
#include <algorithm>
#include <cmath>

#include "core/exec/layer_values.h"
#include "core/index.h"
#include "core/numeric/requantize.h"

namespace bitjoule {
/// An accumulator without the parts that zero-points add:
/// sum (qa - za)(qw - zw) = sum qa qw - zw sum qa - za sum qw + k za zw.
std::int64_t LayerValues::corrected(std::int64_t g, std::int64_t pixel, std::int64_t n,
                                    std::int32_t sum) {
  const Lowered& l = problem_.layer;
  const std::int64_t row = l.weight_row(g, n), k = l.extents.k;
  const std::int64_t zw = weights_.zero_point(row, 0);
  const auto [input_row, input_k] = input_position(g, pixel, 0);
  const std::int64_t za = inputs_.zero_point(input_row, input_k);
  std::int64_t value = sum;
  if (zw != 0) {
    const std::size_t i = at(g * l.extents.m + pixel);
    if (input_sums_.empty()) {
      input_sums_.resize(at(l.extents.groups * l.extents.m));
      input_sum_known_.resize(input_sums_.size());
    }
    if (!input_sum_known_[i]) {
      for (std::int64_t j = 0; j < k; ++j) input_sums_[i] += code_of_input(g, pixel, j);
      input_sum_known_[i] = true;
    }
    value -= zw * input_sums_[i];
  }
  if (za != 0) {
    if (weight_sums_.empty()) {
      weight_sums_.resize(at(l.weight_rows()));
      for (std::size_t r = 0; r < weight_sums_.size(); ++r)
        for (std::int64_t j = 0; j < k; ++j) weight_sums_[r] += wi_[r * at(k) + at(j)];
    }
    value -= za * weight_sums_[at(row)];
  }
  return value + k * za * zw;
}

float LayerValues::with_bias(std::int64_t g, std::int64_t n, float value) const {
  return bias_ == nullptr ? value : value + bias_->values[at(problem_.layer.weight_row(g, n))];
}

float LayerValues::activated(float value) const {
  if (problem_.stage.activation.empty()) return value;
  const ActivationBounds b = activation_bounds(problem_.stage.activation);
  return static_cast<float>(std::clamp(static_cast<double>(value), b.lo, b.hi));
}

void LayerValues::finish_result(std::int64_t g, std::int64_t pixel, std::int64_t n,
                                std::size_t index) {
  const bool integers = !acc_i_.empty();
  if (!integers && !integer_output()) {
    outputs_[index] = activated(with_bias(g, n, acc_f_[index]));
    return;
  }
  const auto range = [this] {
    const ActivationBounds b = activation_bounds(problem_.stage.activation);
    return activation_range(clamp_range(problem_.path.output.format.format), output_scale_,
                            output_zero_, b.lo, b.hi);
  };
  if (!integers) {
    // Scaled groups or float MACs, to an integer output: round half to even, then clamp.
    const double code =
        std::nearbyint(static_cast<double>(with_bias(g, n, acc_f_[index])) / output_scale_) +
        output_zero_;
    const ClampRange r = range();
    output_codes_[index] = static_cast<std::int32_t>(std::clamp<double>(code, r.lo, r.hi));
    outputs_[index] = static_cast<float>(output_codes_[index] - output_zero_) * output_scale_;
    return;
  }
  std::int64_t sum = corrected(g, pixel, n, acc_i_[index]);
  if (bias_ != nullptr && integer_bias(problem_.path))
    sum += bias_->codes[at(problem_.layer.weight_row(g, n))];
  if (sum > INT32_MAX || sum < INT32_MIN) ++overflows_;
  if (yields_sums_) {
    output_codes_[index] = static_cast<std::int32_t>(sum);
    outputs_[index] = static_cast<float>(output_codes_[index]);
    return;
  }
  const auto [input_row, input_k] = input_position(g, pixel, 0);
  const float scale_a = inputs_.scale(input_row, input_k);
  const float scale_w = weights_.scale(problem_.layer.weight_row(g, n), 0);
  if (!integer_output()) {
    outputs_[index] = activated(with_bias(g, n, static_cast<float>(sum) * scale_w * scale_a));
    return;
  }
  const Requantizer requantize(mode_, {requantize_multiplier(scale_a, scale_w, output_scale_)},
                               output_zero_, range());
  output_codes_[index] = requantize(static_cast<std::int32_t>(sum), 0);
  outputs_[index] = static_cast<float>(output_codes_[index] - output_zero_) * output_scale_;
}

void LayerValues::finalize() {
  const StorageLayout& layout = problem_.path.output.layout;
  if (integer_output() || yields_sums_ || layout.format->name == "fp32") return;
  const std::int64_t rows = problem_.layer.output_elements() / problem_.layer.extents.n;
  const QuantizedTensor stored = QuantizedTensor::quantize(
      problem_.path.output.format, outputs_.data(), rows, problem_.layer.extents.n);
  stored.decode(outputs_.data());
}

}  // namespace bitjoule
