// From accumulators to the output format: LayerValues' second half.
#include <algorithm>
#include <cmath>

#include "core/exec/layer_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/requantize.h"

namespace bitjoule {
void LayerValues::set_output_scale(float scale, std::int32_t zero_point) {
  output_scale_ = scale;
  output_zero_ = zero_point;
  output_ready_ = false;
}

/// What does not change from result to result.
void LayerValues::prepare_output() {
  const Lowered& l = problem_.layer;
  output_ready_ = true;
  is_bounded_ = !problem_.stage.activation.empty();
  bounds_ = activation_bounds(problem_.stage.activation);
  requantizer_.reset();
  weight_sums_.clear();
  if (integer_output())
    range_ = activation_range(clamp_range(problem_.path.output.format.format), output_scale_,
                              output_zero_, bounds_.lo, bounds_.hi);
  if (acc_i_.empty()) return;
  if (input_scales_->has_zero())
    for (std::int64_t row = 0; row < l.weight_rows(); ++row) {
      check_interrupt_after(l.extents.k);
      weight_sums_.push_back(weight_sum(row, 0, l.extents.k));
    }
  if (!integer_output() || yields_sums_ || !input_scales_->is_one()) return;
  std::vector<double> multipliers;
  for (std::int64_t row = 0; row < (weight_scales_->is_one() ? 1 : l.weight_rows()); ++row)
    multipliers.push_back(mode_.multiplier(input_scales_->at(0, 0).scale,
                                           weight_scales_->at(row, 0).scale, output_scale_));
  requantizer_.emplace(mode_.mode, std::move(multipliers), output_zero_, range_, mode_.wide_sums);
}

/// What zero-points add to an accumulator, to be subtracted:
/// sum (qa - za)(qw - zw) = sum qa qw - (zw sum qa + za sum qw - k za zw). `inputs` is sum qa.
std::int64_t LayerValues::correction(std::int64_t g, std::int64_t pixel, std::int64_t n,
                                     std::int64_t inputs) const {
  const std::int64_t row = problem_.layer.weight_row(g, n), k = problem_.layer.extents.k;
  const std::int64_t zw = weight_scales_->at(row, 0).zero;
  const std::int64_t za = input_scale(g, pixel, 0).zero;
  return zw * inputs + (za != 0 ? za * weight_sums_[at(row)] : 0) - k * za * zw;
}

float LayerValues::with_bias(std::int64_t row, float value) const {
  return bias_ == nullptr ? value : value + bias_->values[at(row)];
}

float LayerValues::activated(float value) const {
  if (!is_bounded_) return value;
  return static_cast<float>(std::clamp(static_cast<double>(value), bounds_.lo, bounds_.hi));
}

/// Scaled groups or float MACs: `count` results of rows `row` and up.
void LayerValues::finish_floats(std::int64_t row, std::int64_t count, std::size_t index) {
  if (!integer_output()) {
    const float* sums = &acc_f_[index];
    float* outputs = &outputs_[index];
    if (bias_ == nullptr && !is_bounded_) {
      std::copy_n(sums, count, outputs);
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) outputs[i] = activated(with_bias(row + i, sums[i]));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i, ++index) {
    const float value = with_bias(row + i, acc_f_[index]);
    // Round half to even, then clamp.
    const double code = std::nearbyint(static_cast<double>(value) / output_scale_) + output_zero_;
    output_codes_[index] =
        static_cast<std::int32_t>(std::clamp<double>(code, range_.lo, range_.hi));
    outputs_[index] = static_cast<float>(output_codes_[index] - output_zero_) * output_scale_;
  }
}

/// One pixel's sums of whole rows.
void LayerValues::finish_integers(const Tile& tile, std::int64_t g, std::int64_t pixel) {
  const Lowered& l = problem_.layer;
  const bool int_bias = bias_ != nullptr && integer_bias(problem_.path);
  const bool corrects = weight_scales_->has_zero() || input_scales_->has_zero();
  const std::int64_t inputs = weight_scales_->has_zero() ? input_sum(g, pixel, 0, l.extents.k) : 0;
  const float scale_a = input_scale(g, pixel, 0).scale;
  std::size_t index = at(l.output_index(g, pixel, tile.n0));
  for (std::int64_t n = tile.n0; n < tile.n1; ++n, ++index) {
    const std::int64_t row = l.weight_row(g, n);
    std::int64_t sum = acc_i_[index];
    if (corrects) sum -= correction(g, pixel, n, inputs);
    if (int_bias) sum += bias_->codes[at(row)];
    if (sum > INT32_MAX || sum < INT32_MIN) ++overflows_;
    if (yields_sums_) {
      output_codes_[index] = static_cast<std::int32_t>(sum);
      outputs_[index] = static_cast<float>(output_codes_[index]);
      continue;
    }
    const float scale_w = weight_scales_->at(row, 0).scale;
    if (!integer_output()) {
      outputs_[index] = activated(with_bias(row, static_cast<float>(sum) * scale_w * scale_a));
      continue;
    }
    output_codes_[index] =
        requantizer_
            ? (*requantizer_)(sum, row)
            : requantize(mode_.mode, static_cast<std::int32_t>(sum),
                         mode_.multiplier(scale_a, scale_w, output_scale_), output_zero_, range_);
    outputs_[index] = static_cast<float>(output_codes_[index] - output_zero_) * output_scale_;
  }
}

void LayerValues::finish(const Tile& tile) {
  if (!output_ready_) prepare_output();
  const Lowered& l = problem_.layer;
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      check_interrupt_after(8 * tile.n() + (weight_scales_ ? l.extents.k : 0));
      const std::int64_t pixel = output_pixel(l, tile, m);
      if (!acc_i_.empty())
        finish_integers(tile, g, pixel);
      else
        finish_floats(l.weight_row(g, tile.n0), tile.n(), at(l.output_index(g, pixel, tile.n0)));
    }
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
