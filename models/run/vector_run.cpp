#include "run/vector_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/exec/coded_values.h"
#include "core/exec/vector_values.h"
#include "core/numeric/tensor_values.h"
#include "core/numeric/weight_quantizer.h"
#include "core/oracle/vector_reference.h"

namespace bitjoule {
namespace {

/// Operators whose results are some of their operand's elements (or zeros): codes and scale stay.
bool keeps_elements(const VectorOp& op) {
  switch (op.kind) {
    case VectorKind::kRelu:
    case VectorKind::kMaxPool:
    case VectorKind::kGlobalMaxPool:
    case VectorKind::kSlice:
    case VectorKind::kExpand:
    case VectorKind::kResizeNearest:
    case VectorKind::kReshape:
    case VectorKind::kTranspose:
    case VectorKind::kConcat:
    case VectorKind::kDispatch:
      return true;
    case VectorKind::kPad:
      return vector_alpha(op) == 0;
    default:
      return false;
  }
}

/// Results are integers where operands are.
bool keeps_integers(const VectorOp& op) {
  const bool reduces = op.kind == VectorKind::kReduceSum || op.kind == VectorKind::kReduceProd ||
                       op.kind == VectorKind::kReduceMax || op.kind == VectorKind::kReduceMin;
  const bool computes = op.kind > VectorKind::kRope && op.kind != VectorKind::kQuantizeLinear &&
                        op.kind != VectorKind::kDequantizeLinear &&
                        op.kind != VectorKind::kEmbedding;
  return reduces || computes;
}

/// Results are integers whatever the operands are: indices, and what holds or not.
bool makes_integers(VectorKind kind) {
  return kind == VectorKind::kArgMax || kind == VectorKind::kEqual || kind == VectorKind::kLess ||
         kind == VectorKind::kLessEqual;
}

std::vector<std::int64_t> per_column(const VectorOp& op) { return {op.cols}; }

class Run {
 public:
  Run(const NetworkLayer& layer, const VectorFormats& formats, const LayerTensors& tensors,
      const std::vector<const NetworkTensor*>& inputs, NetworkTensor* spent)
      : layer_(layer),
        op_(std::get<VectorOp>(layer.op)),
        formats_(formats),
        tensors_(tensors),
        inputs_(inputs),
        spent_(spent != nullptr && !spent->is_raw && !spent->is_number ? spent : nullptr) {}

  VectorOutcome run(bool measures, Side side) {
    if (op_.codes) return run_codes();
    op_.kind == VectorKind::kEmbedding ? read_table() : read_inputs();
    read_parameters();
    if (op_.kind == VectorKind::kCombine || op_.kind == VectorKind::kDispatch)
      operands_.indices = references_.indices =
          chosen_experts(*op_.routing, operands_.inputs.at(1));
    // Of `quantize` the format is the arithmetic: what it yields is how its operand is stored.
    const bool is_quantize = op_.kind == VectorKind::kQuantize;
    const bool is_choice = is_number_ || op_.kind == VectorKind::kRoute;  // which both sides make
    if (side == Side::kExact && !is_choice) return {exact_tensor(reference_values()), {}};
    VectorResult result;
    if (!is_quantize) result = vector_values(op_, operands_);
    // The network in float64 follows the choice that was made, else its rows would be others.
    if (op_.kind == VectorKind::kRoute)
      references_.indices = chosen_experts(*op_.routing, result.values);
    std::vector<double> reference;
    if (side != Side::kMachine || is_choice) reference = reference_values();
    VectorOutcome outcome;
    if (measures && !is_quantize) outcome.error = arithmetic_error(result.values);
    outcome.tensor = stored(std::move(result.values), std::move(reference));
    if (measures && is_quantize) outcome.error = arithmetic_error(outcome.tensor.values);
    return outcome;
  }

 private:
  /// In float64 `quantize` does nothing.
  std::vector<double> reference_values() {
    return spent_ != nullptr ? std::move(spent_->reference) : vector_reference(op_, references_);
  }

  /// Codes in, codes out, by the arithmetic that the requantization names.
  VectorOutcome run_codes() {
    const VectorCodes& codes = *op_.codes;
    const bool quantizes = codes.operands.empty() && op_.kind == VectorKind::kQuantizeLinear;
    std::vector<std::vector<std::int32_t>> inputs;
    VectorOp real = op_;  // what the operator computes of the numbers that the codes stand for
    if (op_.kind == VectorKind::kQuantizeLinear) real.kind = VectorKind::kReshape;
    ReferenceOperands exact, same;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const NetworkTensor& input = *inputs_[i];
      if (input.is_number == quantizes)
        throw input_error(fmt::format("{}: operand {}: expected {}", vector_row(op_.kind).name, i,
                                      quantizes ? "real values" : "codes"));
      const CodeScale scale =
          quantizes || i >= codes.operands.size() ? CodeScale() : codes.operands[i];
      const auto zero = static_cast<double>(scale.zero_point);
      inputs.push_back(input.codes);
      std::vector<double>& whole = exact.inputs.emplace_back(input.reference).own();
      for (double& x : whole) x = (x - zero) * scale.scale;
      std::vector<double>& own = same.inputs.emplace_back().own();
      own.reserve(input.values.size());
      for (const float x : input.values)
        own.push_back((static_cast<double>(x) - zero) * scale.scale);
    }
    // fp32 stands for 32 bits.
    const ClampRange range = formats_.output.format == "fp32" ? ClampRange{INT32_MIN, INT32_MAX}
                                                              : clamp_range(formats_.output.format);
    const Requantize mode = layer_.precision.requantize.value_or(Requantize::kOnnxHalfEven);
    NetworkTensor tensor =
        number_tensor(quantizes ? quantized_codes(op_, inputs_.at(0)->values, range, mode)
                                : coded_values(op_, inputs, range, mode));
    tensor.unit = codes.output.scale;
    tensor.origin = static_cast<double>(codes.output.zero_point);
    const ActivationBounds bounds = activation_bounds(codes.activation);
    VectorOutcome outcome;
    const auto in_codes = [&](ReferenceOperands& operands) {
      std::vector<double> values = vector_reference(real, operands);
      for (double& y : values)
        y = std::clamp(y, bounds.lo, bounds.hi) / tensor.unit + tensor.origin;
      return values;
    };
    tensor.reference = in_codes(same);
    outcome.error = quality_of(tensor);
    tensor.reference = in_codes(exact);
    outcome.tensor = std::move(tensor);
    return outcome;
  }

  /// The operand as the vector unit reads it: what has not been stored yet is stored first.
  Borrowed<float> as_read(const NetworkTensor& tensor) const {
    if (!tensor.is_raw) return Borrowed<float>::of(tensor.values);
    const auto count = static_cast<std::int64_t>(tensor.values.size());
    const std::int64_t cols = count % op_.cols == 0 ? op_.cols : count;
    return stored_tensor(
               formats_.inputs, tensor.values, tensor.reference, count / cols, cols,
               tensors_.static_scale(tensor.input, formats_.inputs, formats_.static_scales))
        .values;
  }

  void read_inputs() {
    const std::vector<std::int64_t> elements = operand_elements(op_);
    if (inputs_.size() != elements.size())
      throw input_error(fmt::format("{} reads {} operands, got {}", vector_row(op_.kind).name,
                                    elements.size(), inputs_.size()));
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (static_cast<std::int64_t>(inputs_[i]->values.size()) != elements[i])
        throw input_error(fmt::format("{} reads {} elements as operand {}, got {}",
                                      vector_row(op_.kind).name, elements[i], i,
                                      inputs_[i]->values.size()));
      operands_.inputs.push_back(as_read(*inputs_[i]));
      references_.inputs.push_back(Borrowed<double>::of(inputs_[i]->reference));
    }
    const NetworkTensor& moved = *inputs_[op_.kind == VectorKind::kSelect ? 1 : 0];
    is_number_ = (keeps_integers(op_) && moved.is_number) || makes_integers(op_.kind);
    for (const NetworkTensor* input : inputs_)
      if (is_number_ && input->is_number && !moves())
        for (const std::int32_t code : input->codes)
          check_exact(static_cast<double>(code), 0x1p24 + 1);
  }

  /// Integers that are not computed with.
  bool moves() const { return op_.kind >= VectorKind::kConcat && inputs_.size() == 1; }

  /// Integers are computed in floats, which hold all of them up to 2^24; a result of just that may
  /// have been rounded to it.
  static void check_exact(double integer, double limit) {
    if (std::fabs(integer) >= limit)
      throw input_error(fmt::format(
          "{:.0f} is beyond 2^24, up to which the vector unit's floats hold every integer",
          integer));
  }

  /// Indices from an operand of integers, else those that the traffic has.
  void read_table() {
    std::vector<std::int32_t> indices = default_indices(op_);
    if (!inputs_.empty() && inputs_[0]->is_number)
      indices = inputs_[0]->codes;
    else if (op_.tokens > 0 && op_.position + op_.tokens > op_.table_rows)
      throw input_error(fmt::format("position {} is beyond the table of {} rows",
                                    op_.position + op_.tokens - 1, op_.table_rows));
    const LayerTensor table = tensors_.get(layer_, "table", {op_.table_rows, op_.cols});
    is_number_ = !table.codes.empty();
    operands_.table = table.values;
    references_.table = table.reference;
    if (table.reference.empty()) references_.table.assign(table.values.begin(), table.values.end());
    if (!is_number_)
      store(table, op_.table_rows, operands_.table,
            tensors_.calibrates() ? WeightQuantizer::kNearest : formats_.quantizer);
    for (std::int32_t& index : indices) {
      if (index < 0) index += static_cast<std::int32_t>(op_.table_rows);  // as numpy counts
      operands_.indices.push_back(index);
    }
    references_.indices = operands_.indices;
  }

  /// Values of `rows` rows as the layer's parameters are stored: as the file has them where it
  /// stores that very format, which nothing quantizes again.
  void store(const LayerTensor& tensor, std::int64_t rows, std::vector<float>& values,
             WeightQuantizer quantizer = WeightQuantizer::kNearest) const {
    const TensorFormat& format = formats_.parameters;
    if (format.format == "fp32") return;
    if (tensor.file != nullptr && as_stored(*tensor.file, format, rows, op_.cols)) return;
    quantize_weights(format, quantizer, values.data(), rows, op_.cols).decode(values.data());
  }

  /// A norm's parameter times the factors that are folded into it, `offset` being what is added to
  /// it before it multiplies.
  void fold(std::vector<float>& values, std::vector<double>& reference, double offset) const {
    const std::vector<float>& factors = tensors_.factors(layer_.transform.output_factors);
    for (std::size_t i = 0; i < values.size(); ++i) {
      reference[i] = (reference[i] + offset) * static_cast<double>(factors.at(i)) - offset;
      values[i] = static_cast<float>(reference[i]);
    }
  }

  void read_parameters() {
    constexpr double kSpread = 0.1;
    const bool folds = !layer_.transform.output_factors.empty();
    const auto read = [&](const char* role, double mean, std::vector<float>& values,
                          std::vector<double>& reference) {
      LayerTensor tensor = tensors_.get(layer_, role, per_column(op_), kSpread, mean);
      values = tensor.values;
      reference.assign(values.begin(), values.end());
      if (folds) {
        fold(values, reference, op_.kind == VectorKind::kRmsNorm ? vector_beta(op_) : 0);
        tensor.file = nullptr;  // which stores other ones
      }
      store(tensor, 1, values);
    };
    const VectorKind kind = op_.kind;
    if (kind == VectorKind::kChannelScale) {
      if (folds) {
        operands_.gamma = tensors_.factors(layer_.transform.output_factors);
        references_.gamma.assign(operands_.gamma.begin(), operands_.gamma.end());
      } else {
        read("gamma", 1, operands_.gamma, references_.gamma);
      }
    }
    const bool centred = kind == VectorKind::kLayerNorm || kind == VectorKind::kBatchNorm;
    if (kind == VectorKind::kRmsNorm) {
      const double offset = vector_beta(op_);
      read("gamma", 1 - offset, operands_.gamma, references_.gamma);
      for (double& gamma : references_.gamma) gamma += offset;
      for (float& gamma : operands_.gamma) gamma += static_cast<float>(offset);
    }
    if (kind == VectorKind::kRope && LayerTensors::has(layer_, "factors")) {
      operands_.factors = tensors_.get(layer_, "factors", {rotated_cols(op_) / 2}).values;
      references_.factors.assign(operands_.factors.begin(), operands_.factors.end());
      for (const float factor : operands_.factors)
        if (!(factor > 0) || !std::isfinite(factor))
          throw input_error(fmt::format("factors: expected positive numbers, got {}", factor));
    }
    const auto read_all = [&](const char* role, std::int64_t count, std::vector<float>& values,
                              std::vector<double>& reference) {
      values = tensors_.get(layer_, role, {count}).values;
      reference.assign(values.begin(), values.end());
    };
    if (kind == VectorKind::kRoute && op_.routing->biased)
      read_all("bias", op_.cols, operands_.bias, references_.bias);
    if (op_.sinks) read_all("sinks", op_.heads, operands_.sinks, references_.sinks);
    if (op_.distances)
      read_all("distances", op_.distances->buckets * op_.heads, operands_.distances,
               references_.distances);
    if (centred) read("gamma", 1, operands_.gamma, references_.gamma);
    if (centred && kind == VectorKind::kLayerNorm && !LayerTensors::has(layer_, "beta") &&
        LayerTensors::has(layer_, "gamma")) {
      operands_.beta.assign(operands_.gamma.size(), 0.0f);  // ONNX leaves it out
      references_.beta.assign(operands_.gamma.size(), 0.0);
    } else if (centred) {
      read("beta", 0, operands_.beta, references_.beta);
    }
    if (kind == VectorKind::kBatchNorm) {
      read("mean", 0, operands_.mean, references_.mean);
      read("variance", 1, operands_.variance, references_.variance);
    }
    if (kind == VectorKind::kQuantizeLinear) read_scales("output");
    if (kind == VectorKind::kDequantizeLinear) read_scales("input");
  }

  void read_scales(const std::string& role) {
    const std::vector<float> scales = tensors_.scales(layer_, role + "_scale");
    const std::vector<std::int32_t> zeros = tensors_.zero_points(layer_, role + "_zero_point");
    references_.scales.assign(scales.begin(), scales.end());
    references_.zero_points.assign(zeros.begin(), zeros.end());
    operands_.scale = scales[0];
    operands_.zero_point = static_cast<float>(zeros[0]);
    if (zeros.size() != 1 && zeros.size() != scales.size())
      throw input_error(fmt::format("{} scales meet {} zero-points", scales.size(), zeros.size()));
    if (scales.size() == 1) return;
    operands_.axis_scales = scales;
    operands_.axis_zero_points.assign(zeros.begin(), zeros.end());
    operands_.axis_zero_points.resize(scales.size(), operands_.zero_point);
  }

  Quality arithmetic_error(const std::vector<float>& values) const {
    ReferenceOperands same = references_;
    for (std::size_t i = 0; i < same.inputs.size(); ++i)
      same.inputs[i] = std::vector<double>(operands_.inputs[i].begin(), operands_.inputs[i].end());
    same.table.assign(operands_.table.begin(), operands_.table.end());
    same.gamma.assign(operands_.gamma.begin(), operands_.gamma.end());
    same.bias.assign(operands_.bias.begin(), operands_.bias.end());
    same.sinks.assign(operands_.sinks.begin(), operands_.sinks.end());
    same.distances.assign(operands_.distances.begin(), operands_.distances.end());
    same.beta.assign(operands_.beta.begin(), operands_.beta.end());
    same.mean.assign(operands_.mean.begin(), operands_.mean.end());
    same.variance.assign(operands_.variance.begin(), operands_.variance.end());
    const std::vector<double> exact = vector_reference(op_, same);
    QualityMeter meter;
    meter.add(exact.data(), values.data(), static_cast<std::int64_t>(values.size()));
    return meter.result();
  }

  NetworkTensor stored(std::vector<float> values, std::vector<double> reference) {
    if (op_.kind == VectorKind::kQuantizeLinear || is_number_)
      return as_number(values, std::move(reference));
    if (keeps_elements(op_) && keeps_codes()) return with_codes(std::move(values), reference);
    // Storing with scales that are found in the values is what `quantize` does.
    if (spent_ != nullptr)
      values = std::move(spent_->values);
    else if (op_.kind == VectorKind::kQuantize)
      values = operands_.inputs[0].get();
    return stored_tensor(
        formats_.output, std::move(values), std::move(reference), op_.rows, op_.cols,
        tensors_.static_scale(layer_.name, formats_.output, formats_.static_scales));
  }

  NetworkTensor as_number(const std::vector<float>& values, std::vector<double> reference) {
    std::vector<std::int32_t> codes(values.size());
    if (moves()) {
      codes = moved_codes();
    } else {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (op_.kind != VectorKind::kQuantizeLinear)
          check_exact(static_cast<double>(values[i]), 0x1p24);
        codes[i] = to_integer(values[i]);
      }
    }
    NetworkTensor tensor = number_tensor(std::move(codes));
    tensor.reference = std::move(reference);
    if (op_.kind == VectorKind::kQuantizeLinear && operands_.axis_scales.empty()) {
      tensor.unit = operands_.scale;
      tensor.origin = operands_.zero_point;
    } else if (!inputs_.empty() && op_.kind != VectorKind::kQuantizeLinear &&
               !makes_integers(op_.kind)) {
      tensor.unit = inputs_[0]->unit;
      tensor.origin = inputs_[0]->origin;
    }
    return tensor;
  }

  static std::int32_t to_integer(float value) {
    if (!(std::fabs(value) <= 2147483520.0f)) throw input_error("a result exceeds 32 bits");
    return static_cast<std::int32_t>(value);  // towards zero, as integer division
  }

  /// Integers beyond 2^24 move in two halves, each of which a float holds.
  std::vector<std::int32_t> moved_codes() const {
    VectorOperands high = operands_, low = operands_;
    const std::vector<std::int32_t>& codes = inputs_[0]->codes;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      high.inputs[0].own()[i] = static_cast<float>(codes[i] >> 16);
      low.inputs[0].own()[i] = static_cast<float>(codes[i] & 0xFFFF);
    }
    VectorOp op = op_;
    const auto outside = static_cast<std::int32_t>(vector_alpha(op_));
    if (op_.kind == VectorKind::kPad) op.alpha = static_cast<double>(outside >> 16);
    const std::vector<float> h = vector_values(op, high).values;
    if (op_.kind == VectorKind::kPad) op.alpha = static_cast<double>(outside & 0xFFFF);
    const std::vector<float> l = vector_values(op, low).values;
    std::vector<std::int32_t> result(h.size());
    for (std::size_t i = 0; i < h.size(); ++i)
      result[i] = static_cast<std::int32_t>(h[i]) * 65536 + static_cast<std::int32_t>(l[i]);
    return result;
  }

  /// All operands are codes of the output's format with one scale.
  bool keeps_codes() const {
    const NetworkTensor& first = *inputs_[0];
    for (const NetworkTensor* input : inputs_) {
      if (op_.kind == VectorKind::kDispatch && input != inputs_[0]) continue;  // the routing
      if (input->codes.empty() || input->format.format != formats_.output.format ||
          input->scale != first.scale || input->zero_point != first.zero_point)
        return false;
    }
    const TensorFormat& format = formats_.output;
    return format.granularity == Granularity::kPerTensor &&
           format.symmetric == first.format.symmetric;
  }

  NetworkTensor with_codes(std::vector<float> values, std::vector<double>& reference) const {
    const NetworkTensor& first = *inputs_[0];
    NetworkTensor tensor;
    tensor.reference = std::move(reference);
    tensor.format = first.format;
    tensor.scale = first.scale;
    tensor.zero_point = first.zero_point;
    // Quotients of at most 16 bits, as good as integers: adding 1.5 * 2^23 rounds them.
    constexpr float kRound = 12582912.0f;
    tensor.codes.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      tensor.codes[i] =
          static_cast<std::int32_t>((values[i] / first.scale + kRound) - kRound) + first.zero_point;
    tensor.values = std::move(values);
    return tensor;
  }

  const NetworkLayer& layer_;
  const VectorOp& op_;
  const VectorFormats& formats_;
  const LayerTensors& tensors_;
  const std::vector<const NetworkTensor*>& inputs_;
  NetworkTensor* spent_;  ///< of `quantize` the operand, where nobody reads it afterwards
  VectorOperands operands_;
  ReferenceOperands references_;
  bool is_number_ = false;
};

}  // namespace

std::vector<std::int32_t> default_indices(const VectorOp& op) {
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < op.rows; ++i)
    indices.push_back(static_cast<std::int32_t>(default_index(op, i)));
  return indices;
}

VectorOutcome run_vector_op(const NetworkLayer& layer, const VectorFormats& formats,
                            const LayerTensors& tensors,
                            const std::vector<const NetworkTensor*>& inputs, bool measures,
                            Side side, NetworkTensor* spent) {
  return Run(layer, formats, tensors, inputs, spent).run(measures, side);
}

}  // namespace bitjoule
