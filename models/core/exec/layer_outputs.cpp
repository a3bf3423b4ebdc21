// From accumulators to the output format: LayerValues' second half.
#include <algorithm>
#include <cmath>

#include "core/exec/layer_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/requantize.h"
#include "core/numeric/vectorize.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

BITJOULE_VECTORIZE void multiply_sums(const std::int32_t* sums, const float* row_scales,
                                      float input_scale, std::int64_t n, float* results) {
  for (std::int64_t i = 0; i < n; ++i)
    results[i] = static_cast<float>(sums[i]) * row_scales[i] * input_scale;
}

/// Sums with what is added to them, in 32 bits; returns how many those do not hold: whose sign is
/// neither operand's.
BITJOULE_VECTORIZE std::int64_t add_offsets(const std::int32_t* sums, const std::int32_t* offsets,
                                            std::int64_t n, std::int32_t* adjusted) {
  std::int32_t overflows = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = static_cast<std::uint32_t>(sums[i]), b = static_cast<std::uint32_t>(offsets[i]);
    const std::uint32_t sum = a + b;
    adjusted[i] = static_cast<std::int32_t>(sum);
    overflows += static_cast<std::int32_t>(((sum ^ a) & (sum ^ b)) >> 31);
  }
  return overflows;
}

BITJOULE_VECTORIZE void decode_codes(const std::int32_t* codes, std::int64_t n, std::int32_t zero,
                                     float scale, float* values) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(codes[i] - zero) * scale;
}

/// Reals as codes: rounded half to even, then clamped. Clamped first, to integers, which changes no
/// code and keeps the sum with 1.5 * 2^52 where doubles are integers: adding it rounds so.
BITJOULE_VECTORIZE_WIDELY void encode_reals(const float* reals, std::int64_t n, float scale,
                                            std::int32_t zero, ClampRange range,
                                            std::int32_t* codes) {
  constexpr double kHalfEven = 6755399441055744.0;
  const double lo = range.lo - zero, hi = range.hi - zero;
  for (std::int64_t i = 0; i < n; ++i) {
    double scaled = static_cast<double>(reals[i]) / static_cast<double>(scale);
    scaled = scaled < lo ? lo : scaled;
    scaled = scaled > hi ? hi : scaled;
    codes[i] = static_cast<std::int32_t>(((scaled + kHalfEven) - kHalfEven) + zero);
  }
}

BITJOULE_VECTORIZE void add_values(const float* sums, const float* values, std::int64_t n,
                                   float* results) {
  for (std::int64_t i = 0; i < n; ++i) results[i] = sums[i] + values[i];
}

}  // namespace

/// Results are the sums of floats as they are, which stay where they were summed.
bool LayerValues::yields_float_sums() const {
  return !acc_f_.empty() && !integer_output() && bias_ == nullptr &&
         problem_.stage.activation.empty();
}

void LayerValues::set_output_scale(float scale, std::int32_t zero_point) {
  output_scale_ = scale;
  output_zero_ = zero_point;
  output_ready_ = false;
}

/// What does not change from result to result.
void LayerValues::prepare_output() {
  const Lowered& l = problem_.layer;
  output_ready_ = true;
  if (!yields_float_sums() && outputs_.empty()) outputs_ = recycled<float>(at(l.output_elements()));
  is_bounded_ = !problem_.stage.activation.empty();
  bounds_ = activation_bounds(problem_.stage.activation);
  requantizer_.reset();
  weight_sums_.clear();
  sum_offsets_.clear();
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
  if (weight_scales_->has_zero() || mode_.wide_sums) return;
  const bool int_bias = bias_ != nullptr && integer_bias(problem_.path);
  for (std::int64_t row = 0; row < l.weight_rows(); ++row) {
    const std::int64_t bias = int_bias ? bias_->codes[at(row)] : 0;
    const std::int64_t offset = bias - correction(row, input_scales_->at(0, 0).zero, 0);
    if (offset > INT32_MAX || offset < INT32_MIN) return sum_offsets_.clear();
    sum_offsets_.push_back(static_cast<std::int32_t>(offset));
  }
}

/// What zero-points add to an accumulator, to be subtracted:
/// sum (qa - za)(qw - zw) = sum qa qw - (zw sum qa + za sum qw - k za zw). `inputs` is sum qa.
std::int64_t LayerValues::correction(std::int64_t row, std::int64_t za, std::int64_t inputs) const {
  const std::int64_t zw = weight_scales_->at(row, 0).zero;
  return zw * inputs + (za != 0 ? za * weight_sums_[at(row)] : 0) -
         problem_.layer.extents.k * za * zw;
}

float LayerValues::with_bias(std::int64_t row, float value) const {
  return bias_ == nullptr ? value : value + bias_->values[at(row)];
}

float LayerValues::activated(float value) const {
  if (!is_bounded_) return value;
  return static_cast<float>(std::clamp(static_cast<double>(value), bounds_.lo, bounds_.hi));
}

/// Sums of elements that have one scale along k, and what tensors of two levels have beside it.
void LayerValues::scale_float_sums(const ResultRun& run) {
  float* sums = &acc_f_[run.index];
  if (problem_.path.scale_group == 0) {
    const float input = input_scale(run.g, run.pixel, 0).scale;
    for (std::int64_t i = 0; i < run.count; ++i)
      sums[i] = scaled_sum(sums[i], sum_factor(weight_scales_->at(run.row + i, 0).scale, input));
  }
  if (tensor_factor_ == 1.0f) return;
  for (std::int64_t i = 0; i < run.count; ++i) sums[i] *= tensor_factor_;
}

/// Scaled groups or float MACs: `count` results of rows `row` and up.
void LayerValues::finish_floats(std::int64_t row, std::int64_t count, std::size_t index) {
  if (yields_float_sums()) return;
  float* outputs = &outputs_[index];
  const float* reals = &acc_f_[index];
  if (bias_ != nullptr) {
    add_values(reals, &bias_->values[at(row)], count, outputs);
    reals = outputs;
  }
  if (integer_output()) {
    std::int32_t* codes = &output_codes_[index];
    encode_reals(reals, count, output_scale_, output_zero_, range_, codes);
    decode_codes(codes, count, output_zero_, output_scale_, outputs);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) outputs[i] = activated(reals[i]);
}

/// Sums as reals, where nothing is to be added to them or cut off.
void LayerValues::scale_sums(const ResultRun& run) {
  if (row_scales_.empty())
    for (std::int64_t i = 0; i < problem_.layer.weight_rows(); ++i)
      row_scales_.push_back(weight_scales_->at(i, 0).scale);
  multiply_sums(&acc_i_[run.index], &row_scales_[at(run.row)],
                input_scale(run.g, run.pixel, 0).scale, run.count, &outputs_[run.index]);
}

/// Sums as codes by one factor for each row of the weights, whatever is added being known before.
void LayerValues::requantize_sums(const ResultRun& run) {
  adjusted_.resize(at(run.count));
  overflows_ +=
      add_offsets(&acc_i_[run.index], &sum_offsets_[at(run.row)], run.count, adjusted_.data());
  requantizer_->codes(adjusted_.data(), run.count, run.row, &output_codes_[run.index]);
  decode_codes(&output_codes_[run.index], run.count, output_zero_, output_scale_,
               &outputs_[run.index]);
}

void LayerValues::finish_integers(const ResultRun& run) {
  const bool int_bias = bias_ != nullptr && integer_bias(problem_.path);
  const bool corrects = weight_scales_->has_zero() || input_scales_->has_zero();
  if (!corrects && bias_ == nullptr && !yields_sums_ && !integer_output() && !is_bounded_)
    return scale_sums(run);
  if (!sum_offsets_.empty()) return requantize_sums(run);
  const std::int64_t inputs =
      weight_scales_->has_zero() ? input_sum(run.g, run.pixel, 0, problem_.layer.extents.k) : 0;
  const float scale_a = input_scale(run.g, run.pixel, 0).scale;
  std::size_t index = run.index;
  for (std::int64_t row = run.row; row < run.row + run.count; ++row, ++index) {
    std::int64_t sum = acc_i_[index];
    if (corrects) sum -= correction(row, input_scale(run.g, run.pixel, 0).zero, inputs);
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
  if (yields_float_sums() && !problem_.path.scaled_elements) return;
  const Lowered& l = problem_.layer;
  const bool is_integer = !acc_i_.empty();
  // Results of groups whose channels lie side by side, with one scale, are as those of one group.
  const bool is_joined = l.interleaved_groups && tile.n() == l.extents.n &&
                         (!is_integer || (input_scales_->is_one() && !weight_scales_->has_zero()));
  const std::int64_t groups = is_joined ? tile.groups() : 1;
  for (std::int64_t g = tile.g0; g < tile.g1; g += groups)
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      check_interrupt_after(8 * groups * tile.n() + (weight_scales_ ? l.extents.k : 0));
      const std::int64_t pixel = output_pixel(l, tile, m);
      const ResultRun run{g, pixel, l.weight_row(g, tile.n0), groups * tile.n(),
                          at(l.output_index(g, pixel, tile.n0))};
      if (is_integer) {
        finish_integers(run);
        continue;
      }
      if (problem_.path.scaled_elements) scale_float_sums(run);
      finish_floats(run.row, run.count, run.index);
    }
}

void LayerValues::finalize() {
  const StorageLayout& layout = problem_.path.output.layout;
  if (integer_output() || yields_sums_) return;
  if (yields_float_sums()) outputs_ = std::move(acc_f_);
  if (layout.format->cls == FormatClass::kFloat) {
    round_to(layout.format->fp, outputs_.data(), static_cast<std::int64_t>(outputs_.size()),
             outputs_.data());
    return;
  }
  const std::int64_t row = problem_.layer.result_row();
  const QuantizedTensor stored = QuantizedTensor::quantize(
      problem_.path.output.format, outputs_.data(), problem_.layer.output_elements() / row, row);
  stored.decode(outputs_.data());
}

}  // namespace bitjoule
