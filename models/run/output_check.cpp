#include "run/output_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/interrupt.h"
#include "core/numeric/requantize.h"
#include "run/native_order.h"

namespace bitjoule {
namespace {

std::vector<std::int64_t> indices_to_check(const MappingProblem& p, Verify verify,
                                           std::int64_t sampled_macs) {
  const std::int64_t outputs = p.layer.output_elements();
  const std::int64_t count = checked_outputs(p, verify, sampled_macs);
  // Evenly spread, so that every part of every tile has its share; both corners among them.
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    check_interrupt_after(8);
    indices.push_back(count == 1 ? 0
                                 : static_cast<std::int64_t>(static_cast<double>(i) *
                                                             static_cast<double>(outputs - 1) /
                                                             static_cast<double>(count - 1)));
  }
  return indices;
}

std::uint32_t bits_of_float(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
/// NaNs are equal: which of two operands' NaNs a sum keeps is the processor's choice.
bool same_bits(float a, float b) {
  return bits_of_float(a) == bits_of_float(b) || (std::isnan(a) && std::isnan(b));
}

/// The run's requantization as it is for a layer of that shape and those weights.
SumRequantization requantization_of(Requantize mode, const LayerOp& op,
                                    const MappingProblem& problem, const SumForm& form) {
  SumRequantization r{mode, form.product, form.wide_sums};
  const auto* conv = std::get_if<Conv2d>(&op);
  const bool is_depthwise = conv != nullptr && conv->groups > 1 && conv->groups == conv->channels;
  const bool is_state = form.product == ScaleProduct::kAllFp32;  // SVDF's
  const bool is_delegated = form.delegated && !is_state && !form.wide_sums;
  if (mode == Requantize::kTfliteBuiltin || (mode == Requantize::kTfliteXnnpack && !is_delegated)) {
    // Without a bias of 64 bits, sums of int16 have 32 there.
    const bool may_be_short = std::holds_alternative<Gemm>(op) || form.rounds_twice;
    if (may_be_short && !problem.stage.bias) r.wide_sums = false;
    const bool twice = is_depthwise || is_state || form.rounds_twice || r.wide_sums;
    r.mode = twice ? Requantize::kTfliteDoubleRounding : Requantize::kTfliteSingleRounding;
  }
  const StorageField& scales = problem.path.weights.layout.scales;
  const bool is_dense = conv == nullptr && (!scales.present() || scales.group == kWholeTensor);
  if (mode == Requantize::kOnnxHalfEven)
    r.product = ScaleProduct::kAllFp64;
  else if (form.product == ScaleProduct::kByLayer)
    r.product = is_dense ? ScaleProduct::kProductFp32 : ScaleProduct::kAllFp64;
  return r;
}

}  // namespace

std::int64_t checked_outputs(const MappingProblem& p, Verify verify, std::int64_t sampled_macs) {
  const std::int64_t outputs = p.layer.output_elements();
  if (verify == Verify::kOff) return 0;
  return verify == Verify::kSample
             ? std::clamp<std::int64_t>(sampled_macs / p.layer.extents.k, 1, outputs)
             : outputs;
}

std::vector<std::int64_t> partial_sum_ends(const MappingProblem& p, const Tiling& t) {
  std::vector<std::int64_t> ends;
  const std::int64_t k = p.layer.extents.k;
  for (std::int64_t tile = 0; tile < k; tile += t.k) {
    const std::int64_t end = std::min(tile + t.k, k), step = fold_k(p, end - tile);
    for (std::int64_t at = tile; at < end; at += step) ends.push_back(std::min(at + step, end));
  }
  return ends;
}

LayerCheck::LayerCheck(const MappingProblem& problem, const Tiling& tiling, const Layer& layer,
                       Requantize mode, const RunOptions& options, const LayerProgress& progress)
    : problem_(problem),
      mode_(requantization_of(mode, layer.op, problem, {})),
      output_shape_(output_shape(layer.op)),
      operands_(make_operands(problem, layer, options.seed, *options.tensors)),
      checked_(indices_to_check(problem, options.verify, kSampledMacs)) {
  values_ = std::make_unique<LayerValues>(problem, operands_.inputs, operands_.weights, mode_);
  expect(tiling, layer.op, progress);
  double largest = 0;
  for (const OracleResult& e : expected_) largest = std::max(largest, std::abs(e.reference));
  if (integer_output()) {
    const ClampRange range = clamp_range(problem.path.output.format.format);
    values_->set_output_scale(largest > 0 ? static_cast<float>(largest / range.hi) : 1.0f);
  }
}

LayerCheck::LayerCheck(const MappingProblem& problem, const Tiling& tiling, const LayerOp& op,
                       Requantize mode, Verify verify, GivenOperands given)
    : problem_(problem),
      mode_(requantization_of(mode, op, problem, given.form)),
      yields_sums_(given.yields_sums),
      output_shape_(output_shape(op)),
      operands_(std::move(given.operands)),
      checked_(indices_to_check(problem, verify, given.sampled_macs)) {
  values_ = std::make_unique<LayerValues>(problem, operands_.inputs, operands_.weights, mode_);
  expect(tiling, op, {});
  if (yields_sums_)
    values_->yield_sums();
  else if (integer_output())
    values_->set_output_scale(given.output_scale, given.output_zero_point);
}

/// What the oracle says of the outputs that are checked.
void LayerCheck::expect(const Tiling& tiling, const LayerOp& op, const LayerProgress& progress) {
  if (problem_.stage.bias) values_->set_bias(operands_.bias);
  if (checked_.empty()) return;
  Oracle oracle(op, problem_.path.mac, operands_.inputs, operands_.weights, operands_.float_inputs,
                operands_.float_weights, partial_sum_ends(problem_, tiling),
                problem_.path.scale_group != 0, problem_.path.scaled_elements);
  const ActivationBounds bounds = activation_bounds(problem_.stage.activation);
  oracle.set_stage({operands_.bias.codes, operands_.bias.values, operands_.float_bias, bounds.lo,
                    bounds.hi, !integer_output()});
  expected_ = oracle.at(
      checked_, [&](std::int64_t results) { progress.oracle(results * problem_.layer.extents.k); });
}

bool LayerCheck::integer_output() const {
  return problem_.path.output.layout.format->cls == FormatClass::kInteger;
}

/// Codes of an integer output that the activation lets pass, relative to the zero-point.
ClampRange LayerCheck::expected_range() const {
  const float scale = values_->output_scale();
  const std::int32_t zero = values_->output_zero_point();
  const ClampRange range = clamp_range(problem_.path.output.format.format);
  const ActivationBounds bounds = activation_bounds(problem_.stage.activation);
  std::int32_t lo = range.lo - zero, hi = range.hi - zero;
  const float low = static_cast<float>(bounds.lo) / scale;
  const float high = static_cast<float>(bounds.hi) / scale;
  if (low > static_cast<float>(lo)) lo = static_cast<std::int32_t>(std::lround(low));
  if (high < static_cast<float>(hi)) hi = static_cast<std::int32_t>(std::lround(high));
  return {lo, hi};
}

std::int32_t LayerCheck::expected_code(const OracleResult& e, ClampRange range) const {
  const auto scale = static_cast<double>(values_->output_scale());
  if (integer_bias(problem_.path)) {
    const auto rounded = static_cast<float>(e.real_scale);
    const bool is_rounded = mode_.product == ScaleProduct::kProductFp32;
    double factor = (is_rounded ? static_cast<double>(rounded) : e.real_scale) / scale;
    if (mode_.mode == Requantize::kTfliteXnnpack || mode_.product == ScaleProduct::kAllFp32)
      factor = rounded / values_->output_scale();
    return oracle_requantize(mode_.mode, e.sum, factor, range.lo, range.hi, mode_.wide_sums);
  }
  return oracle_requantize(Requantize::kOnnxHalfEven, 1, static_cast<double>(e.value) / scale,
                           range.lo, range.hi);
}

OutputCheck LayerCheck::finish() {
  const float scale = values_->output_scale();
  OutputCheck check;
  check.outputs = problem_.layer.output_elements();
  check.overflows = values_->overflows();
  const std::vector<float> before = checked_.empty() ? std::vector<float>() : values_->outputs();
  values_->finalize();
  std::vector<double> references;
  std::vector<float> outputs;
  const ClampRange range = integer_output() && !yields_sums_ ? expected_range() : ClampRange{};
  for (std::size_t i = 0; i < checked_.size(); ++i) {
    const auto at = static_cast<std::size_t>(checked_[i]);
    const OracleResult& e = expected_[i];
    float expected = e.value;
    if (yields_sums_)
      expected = static_cast<float>(static_cast<std::int32_t>(e.sum));
    else if (integer_output())
      expected = static_cast<float>(expected_code(e, range)) * scale;
    ++check.checked;
    if (!same_bits(before[at], expected) && !(before[at] == 0.0f && expected == 0.0f)) {
      if (check.wrong++ == 0)
        check.first_difference =
            fmt::format("output {}: got {}, expected {}", checked_[i], before[at], expected);
    }
    references.push_back(e.reference);
    outputs.push_back(values_->outputs()[at]);
  }
  QualityMeter meter;
  meter.add(references.data(), outputs.data(), static_cast<std::int64_t>(outputs.size()));
  check.error = meter.result();
  return check;
}

LayerOutputs LayerCheck::take_outputs() {
  LayerOutputs outputs{output_shape_,
                       {},
                       {},
                       problem_.path.output.layout.format->name,
                       values_->output_scale(),
                       values_->output_zero_point()};
  values_->take_outputs(outputs.values, outputs.codes);
  return outputs;
}

}  // namespace bitjoule
