#include "run/mac_operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/coded_tensor.h"
#include "core/numeric/tensor_values.h"
#include "core/numeric/weight_quantizer.h"
#include "core/oracle/mac_reference.h"
#include "run/native_order.h"

namespace bitjoule {
namespace {

template <class T>
const T& of_row(const std::vector<T>& values, std::int64_t row) {
  return values[values.size() == 1 ? 0 : at(row)];
}

/// Codes in rows of `k` elements.
struct CodeRows {
  const std::vector<std::int32_t>& codes;
  const std::vector<double>& reference;  ///< empty: the codes
  std::int64_t rows = 1, k = 1;
};

void require_elements(const NetworkTensor& tensor, std::int64_t rows, std::int64_t k,
                      const char* what) {
  if (static_cast<std::int64_t>(tensor.values.size()) != rows * k)
    throw input_error(fmt::format("the {} operand has {} elements, the layer reads {} x {}", what,
                                  tensor.values.size(), rows, k));
}

/// What a layer reads as the stored tensor, and what it stands for as real values.
struct CodedOperand {
  QuantizedTensor stored;
  std::vector<float> reals;
  std::vector<double> reference;  ///< empty: that of the tensor, or of weights `reals`
};

CodedOperand coded_operand(const CodeRows& rows, const TensorFormat& format,
                           const std::vector<float>& scales, const std::vector<std::int32_t>& zeros,
                           const char* what) {
  if (rows.codes.empty())
    throw input_error(
        fmt::format("the {} operand must be integers, as a quantized layer reads them", what));
  CodedOperand result{coded_tensor(format, rows.codes, rows.rows, rows.k, scales, zeros), {}, {}};
  result.reals.resize(rows.codes.size());
  result.reference.resize(rows.codes.size());
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const float scale = of_row(scales, r);
    const std::int32_t zero = of_row(zeros, r);
    check_interrupt_after(4 * rows.k);
    for (std::int64_t i = r * rows.k; i < (r + 1) * rows.k; ++i) {
      const double code = rows.reference.empty() ? rows.codes[at(i)] : rows.reference[at(i)];
      result.reals[at(i)] = static_cast<float>(rows.codes[at(i)] - zero) * scale;
      result.reference[at(i)] = (code - zero) * static_cast<double>(scale);
    }
  }
  return result;
}

/// gamma / sqrt(variance + epsilon) per row, and what it makes of a bias.
struct FoldedNorm {
  std::vector<float> factor, gamma, beta, mean;
};

FoldedNorm folded_norm(const NetworkLayer& layer, const LayerTensors& tensors, std::int64_t rows) {
  constexpr double kSpread = 0.1;
  FoldedNorm norm;
  norm.gamma = tensors.get(layer, "gamma", {rows}, kSpread, 1).values;
  norm.beta = tensors.get(layer, "beta", {rows}, kSpread).values;
  norm.mean = tensors.get(layer, "mean", {rows}, kSpread).values;
  const std::vector<float> variance = tensors.get(layer, "variance", {rows}, kSpread, 1).values;
  for (std::size_t i = 0; i < variance.size(); ++i)
    norm.factor.push_back(static_cast<float>(
        norm.gamma[i] / std::sqrt(double{variance[i]} + layer.batch_norm_epsilon)));
  return norm;
}

class Builder {
 public:
  Builder(const NetworkLayer& layer, const LayerOp& op, const MappingProblem& problem,
          const LayerTensors& tensors, WeightCache* known)
      : layer_(layer),
        op_(op),
        p_(problem),
        tensors_(tensors),
        known_(known),
        coded_(layer.accumulators || LayerTensors::has(layer, "input_scale")) {}

  std::optional<std::vector<double>> exact(const NetworkTensor& first,
                                           const NetworkTensor* second) {
    if (coded_ || weights_coded() || p_.stage.bias || layer_.batch_norm_epsilon > 0) return {};
    require_first(first);
    const ActivationBounds bounds = activation_bounds(p_.stage.activation);
    const ReferenceStage stage{{}, bounds.lo, bounds.hi};
    if (second != nullptr) {
      require_second(*second);
      return mac_reference(op_, first.reference, second->reference, stage);
    }
    own_weights();
    if (kept_ == nullptr) return {};
    return kept_->reference.empty() ? mac_reference(op_, first.reference, kept_->reals, stage)
                                    : mac_reference(op_, first.reference, kept_->reference, stage);
  }

  MacOperands build(const NetworkTensor& first, const NetworkTensor* second, Side side) {
    set_norm();
    CodedOperand x = input(first);
    CodedOperand w = second != nullptr ? second_operand(*second) : own_weights();
    const std::vector<double>& inputs = x.reference.empty() ? first.reference : x.reference;
    const std::vector<double>& weights = kept_ != nullptr ? kept_->reference
                                         : w.reference.empty() && second != nullptr
                                             ? second->reference
                                             : w.reference;
    Operands operands{std::move(x.reals),
                      std::move(w.reals),
                      std::move(x.stored),
                      std::move(w.stored),
                      {},
                      {},
                      {},
                      weight_origin_,
                      {}};
    ReferenceStage stage{{}, 0, 0};
    if (p_.stage.bias) set_bias(operands, stage);
    const ActivationBounds bounds = activation_bounds(p_.stage.activation);
    stage.lo = bounds.lo;
    stage.hi = bounds.hi;
    MacOperands result{{std::move(operands)}, {}};
    const std::vector<float>& reals =
        kept_ != nullptr ? kept_->reals : result.given.operands.float_weights;
    if (side != Side::kMachine)
      result.reference = weights.empty() ? mac_reference(op_, inputs, reals, stage)
                                         : mac_reference(op_, inputs, weights, stage);
    set_output(result);
    return result;
  }

 private:
  void set_norm() {
    if (layer_.batch_norm_epsilon > 0)
      norm_ = folded_norm(layer_, tensors_, p_.layer.weight_rows());
  }

  /// Rows and elements of a row.
  std::pair<std::int64_t, std::int64_t> require_first(const NetworkTensor& tensor) const {
    const Lowered& l = p_.layer;
    const std::int64_t k = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
    const std::int64_t rows = l.input_elements() / k;
    require_elements(tensor, rows, k, "first");
    return {rows, k};
  }

  std::pair<std::int64_t, std::int64_t> require_second(const NetworkTensor& tensor) const {
    const auto [rows, k] = p_.layer.stored_rows();
    require_elements(tensor, rows, k, "second");
    return {rows, k};
  }

  CodedOperand input(const NetworkTensor& tensor) const {
    const auto [rows, k] = require_first(tensor);
    const TensorFormat& format = p_.path.activations.format;
    if (coded_)
      return coded_operand({codes_of(tensor), tensor.reference, rows, k}, format,
                           tensors_.scales(layer_, "input_scale"),
                           tensors_.zero_points(layer_, "input_zero_point"), "first");
    require_representable("the first operand", format.format, tensor.values);
    if (tensor.is_raw)
      if (const auto scale = tensors_.static_scale(tensor.input, format, p_.path.static_scales))
        return {QuantizedTensor::quantize(format, tensor.values.data(), rows, k, {*scale}),
                reals_of(tensor),
                {}};
    return {as_operand(tensor, format, rows, k), reals_of(tensor), {}};
  }

  static const std::vector<std::int32_t>& codes_of(const NetworkTensor& tensor) {
    static const std::vector<std::int32_t> kNone;
    return tensor.is_number ? tensor.codes : kNone;
  }

  /// Real values are what an oracle begins with: an evaluation, which keeps weights, asks none.
  std::vector<float> reals_of(const NetworkTensor& tensor) const {
    return known_ == nullptr ? tensor.values : std::vector<float>();
  }

  CodedOperand second_operand(const NetworkTensor& tensor) const {
    const auto [rows, k] = require_second(tensor);
    if (weights_coded()) return coded_weights({codes_of(tensor), tensor.reference, rows, k});
    require_representable("the second operand", p_.path.weights.format.format, tensor.values);
    return {as_operand(tensor, p_.path.weights.format, rows, k), reals_of(tensor), {}};
  }

  bool weights_coded() const {
    return layer_.accumulators || LayerTensors::has(layer_, "weight_scale");
  }

  CodedOperand coded_weights(const CodeRows& rows) const {
    return coded_operand(rows, p_.path.weights.format, tensors_.scales(layer_, "weight_scale"),
                         tensors_.zero_points(layer_, "weight_zero_point"), "second");
  }

  CodedOperand own_weights() {
    const auto source = layer_.tensors.find("weights");
    const bool computed = source != layer_.tensors.end() && !source->second.input.empty();
    if (known_ == nullptr || computed) return weights();
    auto found = known_->find(layer_.name);
    if (found == known_->end()) {
      CodedOperand w = weights();
      found = known_
                  ->emplace(layer_.name, KnownWeights{std::move(w.stored), std::move(w.reals),
                                                      std::move(w.reference), weight_origin_})
                  .first;
    }
    kept_ = &found->second;
    weight_origin_ = kept_->origin;
    return {kept_->stored, {}, {}};
  }

  CodedOperand weights() {
    const std::int64_t rows = p_.layer.weight_rows(), k = p_.layer.extents.k;
    LayerTensor tensor = bitjoule::own_weights(layer_, op_, tensors_);
    weight_origin_ = tensor.origin;
    const TensorFormat& format = p_.path.weights.format;
    if (weights_coded()) {
      CodedOperand coded = coded_weights({tensor.codes, tensor.reference, rows, k});
      scale_rows(coded.reals, k);
      scale_rows(coded.reference, k);
      if (norm_.factor.empty()) return coded;
      coded.stored = quantized(coded.reals, rows, k);
      return coded;
    }
    if (tensor.file != nullptr && norm_.factor.empty() && !is_transformed())
      if (auto stored = as_stored(*tensor.file, format, rows, k)) {
        weight_origin_.as_stored = true;
        return {std::move(*stored), std::move(tensor.values), {}};
      }
    scale_rows(tensor.values, k);
    scale_rows(tensor.reference, k);
    if (is_transformed()) transform(tensor, k);
    require_representable("weights", format.format, tensor.values);
    QuantizedTensor stored = quantized(tensor.values, rows, k);
    return {std::move(stored), std::move(tensor.values), std::move(tensor.reference)};
  }

  bool is_transformed() const {
    const TransformRole& role = layer_.transform;
    return role.rotation > 0 || role.output_rotation > 0 || !role.input_factors.empty() ||
           !role.output_factors.empty();
  }

  /// Real weights as they meet transformed inputs, in rows that yield transformed results.
  void transform(LayerTensor& weights, std::int64_t k) const {
    const TransformRole& role = layer_.transform;
    std::vector<double>& w = weights.reference;
    if (w.empty()) w.assign(weights.values.begin(), weights.values.end());
    if (!role.input_factors.empty()) {
      const std::vector<float>& factors = tensors_.factors(role.input_factors);
      for (std::size_t i = 0; i < w.size(); ++i) w[i] /= static_cast<double>(factors[i % at(k)]);
    }
    for (std::size_t row = 0; role.rotation > 0 && row < w.size(); row += at(k))
      hadamard(&w[row], k, role.rotation);
    const std::vector<double> factors = output_factors(static_cast<std::int64_t>(w.size()) / k);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] *= factors[i / at(k)];
    if (role.output_rotation > 0) hadamard_rows(w, k, role.output_rotation);
    for (std::size_t i = 0; i < w.size(); ++i) weights.values[i] = static_cast<float>(w[i]);
  }

  /// Of each output channel.
  std::vector<double> output_factors(std::int64_t rows) const {
    const TransformRole& role = layer_.transform;
    std::vector<double> factors(at(rows), 1);
    if (role.output_factors.empty()) return factors;
    const std::vector<float>& inputs = tensors_.factors(role.output_factors);
    for (std::int64_t row = 0; row < rows; ++row)
      factors[at(row)] = static_cast<double>(inputs.at(at(role.output_heads.input(row))));
    return factors;
  }

  /// Real weights, by the quantizer that the layer's precision says.
  QuantizedTensor quantized(const std::vector<float>& values, std::int64_t rows,
                            std::int64_t k) const {
    const TensorFormat& format = p_.path.weights.format;
    const WeightQuantizer quantizer =
        tensors_.calibrates() ? WeightQuantizer::kNearest : p_.path.quantizer;
    if (!needs_moments(quantizer))
      return quantize_weights(format, quantizer, values.data(), rows, k);
    const TransformRole& role = layer_.transform;
    InputMoments moments = tensors_.moments(layer_, k);
    if (role.rotation > 0) moments = rotated(std::move(moments), role.rotation);
    if (!role.input_factors.empty())
      moments = scaled(std::move(moments), tensors_.factors(role.input_factors));
    return quantize_weights(format, quantizer, values.data(), rows, k, &moments);
  }

  template <class T>
  void scale_rows(std::vector<T>& values, std::int64_t k) const {
    if (norm_.factor.empty()) return;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= norm_.factor[i / at(k)];
  }

  void set_bias(Operands& o, ReferenceStage& stage) const {
    const std::int64_t rows = p_.layer.weight_rows();
    const StorageField& scales = p_.path.activations.layout.scales;
    if (integer_bias(p_.path) && scales.present() && scales.group != kWholeTensor)
      throw input_error(
          "bias: it is added to integer sums, which needs one scale for all activations; use "
          "granularity per_tensor, or a float output");
    LayerTensor bias;
    if (LayerTensors::has(layer_, "bias") || norm_.factor.empty()) {
      bias = tensors_.get(layer_, "bias", {rows}, 0.25);
      o.bias_origin = bias.origin;
    } else {
      bias.values.assign(at(rows), 0.0f);
    }
    const bool codes = coded_ && !bias.codes.empty();
    const std::vector<double> factors = output_factors(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      double value = bias.values[at(row)];
      if (codes)
        value =
            bias.codes[at(row)] * double{o.inputs.scale(0, 0)} * double{o.weights.scale(row, 0)};
      if (!norm_.factor.empty())
        value = (value - norm_.mean[at(row)]) * norm_.factor[at(row)] + norm_.beta[at(row)];
      stage.bias.push_back(value * factors[at(row)]);
    }
    if (layer_.transform.output_rotation > 0)
      hadamard_rows(stage.bias, 1, layer_.transform.output_rotation);
    o.float_bias.assign(stage.bias.begin(), stage.bias.end());
    if (codes && integer_bias(p_.path) && norm_.factor.empty())
      o.bias.codes = bias.codes;
    else
      o.bias = stored_bias(p_.path, o);
  }

  void set_output(MacOperands& result) const {
    GivenOperands& given = result.given;
    given.yields_sums = layer_.accumulators;
    given.form = layer_.sums;
    result.yields_numbers = layer_.accumulators;
    const bool integer = p_.path.output.layout.format->cls == FormatClass::kInteger;
    if (layer_.accumulators) {
      if (!p_.path.mac.is_integer || p_.path.scale_group != 0 || integer)
        throw input_error("accumulators: expected an integer MAC and output: fp32 (32 bits)");
      return;
    }
    if (LayerTensors::has(layer_, "output_scale")) {
      const std::vector<float> scales = tensors_.scales(layer_, "output_scale");
      const std::vector<std::int32_t> zeros = tensors_.zero_points(layer_, "output_zero_point");
      if (!integer || scales.size() != 1 || zeros.size() != 1)
        throw input_error("output_scale: expected one, of an integer output");
      given.output_scale = scales[0];
      given.output_zero_point = zeros[0];
      result.yields_numbers = true;
    } else if (integer) {
      const auto scale =
          tensors_.static_scale(layer_.name, p_.path.output.format, p_.path.static_scales);
      const GroupParameters p =
          scale ? *scale : calibrated(p_.path.output.format, result.reference);
      given.output_scale = p.scale;
      given.output_zero_point = p.zero_point;
    }
  }

  const NetworkLayer& layer_;
  const LayerOp& op_;
  const MappingProblem& p_;
  const LayerTensors& tensors_;
  WeightCache* known_;
  const KnownWeights* kept_ = nullptr;  ///< there, of the layer; read where they lie
  bool coded_;
  FoldedNorm norm_;
  OperandOrigin weight_origin_;
};

}  // namespace

MacOperands mac_operands(const NetworkLayer& layer, const LayerOp& op,
                         const MappingProblem& problem, const LayerTensors& tensors,
                         const NetworkTensor& first, const NetworkTensor* second,
                         WeightCache* known, Side side) {
  return Builder(layer, op, problem, tensors, known).build(first, second, side);
}

std::optional<std::vector<double>> exact_outputs(const NetworkLayer& layer, const LayerOp& op,
                                                 const MappingProblem& problem,
                                                 const LayerTensors& tensors,
                                                 const NetworkTensor& first,
                                                 const NetworkTensor* second, WeightCache& known) {
  return Builder(layer, op, problem, tensors, &known).exact(first, second);
}

NetworkTensor mac_result(MacOperands operands, LayerOutputs outputs,
                         const MappingProblem& problem) {
  if (operands.yields_numbers) {
    NetworkTensor tensor = number_tensor(std::move(outputs.codes));
    for (std::size_t i = 0; i < tensor.reference.size(); ++i)
      tensor.reference[i] =
          operands.reference[i] / static_cast<double>(outputs.scale) + outputs.zero_point;
    tensor.unit = outputs.scale;
    tensor.origin = outputs.zero_point;
    return tensor;
  }
  NetworkTensor tensor;
  tensor.reference = std::move(operands.reference);
  tensor.values = std::move(outputs.values);
  tensor.format = problem.path.output.format;
  if (!outputs.codes.empty() && problem.path.output.layout.scales.group == kWholeTensor) {
    tensor.codes = std::move(outputs.codes);
    tensor.scale = outputs.scale;
    tensor.zero_point = outputs.zero_point;
  }
  return tensor;
}

}  // namespace bitjoule
