#include "run/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/enums.h"
#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "core/numeric/weight_quantizer.h"
#include "run/generators.h"
#include "run/native_order.h"

namespace bitjoule {
namespace {

using Shape = std::vector<std::int64_t>;

struct Operand {
  std::vector<float> floats;
  QuantizedTensor stored;
  OperandOrigin origin;
};

Operand load(const char* key, const TensorSource& source, const Shape& native,
             const TensorFormat& format, std::int64_t rows, std::int64_t k, TensorReader& tensors,
             WeightQuantizer quantizer = WeightQuantizer::kNearest) {
  const StoredTensor& tensor = tensors.get(source.file, source.tensor);
  const std::string where = tensor.name.empty() ? fmt::format("layer.{}: {}", key, source.file)
                                                : fmt::format("layer.{}: {}: tensor \"{}\"", key,
                                                              source.file, tensor.name);
  const NativeOrder order(where, source.layout, native, tensor.shape);
  std::vector<float> floats = tensor_values(tensor);
  require_representable(where, format.format, floats);
  OperandOrigin origin{source, tensor.type->format, false};
  if (order.is_native()) {
    if (auto bytes = as_stored(tensor, format, rows, k)) {
      origin.as_stored = true;
      return {std::move(floats), std::move(*bytes), origin};
    }
  } else {
    floats = order.apply(floats);
  }
  QuantizedTensor stored = quantize_weights(format, quantizer, floats.data(), rows, k);
  return {std::move(floats), std::move(stored), origin};
}

Operand make(const char* key, const std::optional<TensorSource>& chosen, const Shape& native,
             const TensorFormat& format, std::int64_t rows, std::int64_t k, double deviation,
             std::uint64_t seed, TensorReader& tensors,
             WeightQuantizer quantizer = WeightQuantizer::kNearest) {
  const TensorSource source = chosen.value_or(TensorSource{});
  if (source.from_file()) return load(key, source, native, format, rows, k, tensors, quantizer);
  std::vector<float> floats = generate_values(source, rows, k, deviation, seed);
  QuantizedTensor stored = quantize_weights(format, quantizer, floats.data(), rows, k);
  return {std::move(floats), std::move(stored), {source, "", false}};
}

/// Biases are a fraction of the sums, whose variance is 1 where all is generated.
constexpr double kBiasDeviation = 0.25;
constexpr std::uint64_t kBiasSeed = 0xB1A5;

void require_bias_scale(const MappingProblem& p) {
  const StorageField& scales = p.path.activations.layout.scales;
  if (p.stage.bias && integer_bias(p.path) && scales.present() && scales.group != kWholeTensor)
    throw input_error(
        "layer.bias: it is added to integer sums, which needs one scale for all activations; use "
        "granularity per_tensor, or a float output");
}

}  // namespace

BiasValues stored_bias(const DataPath& path, const Operands& o) {
  BiasValues bias;
  if (!integer_bias(path)) {
    bias.values = o.float_bias;
    return bias;
  }
  for (std::size_t row = 0; row < o.float_bias.size(); ++row) {
    const double scale = static_cast<double>(o.inputs.scale(0, 0)) *
                         static_cast<double>(o.weights.scale(static_cast<std::int64_t>(row), 0));
    const double code = std::nearbyint(static_cast<double>(o.float_bias[row]) / scale);
    bias.codes.push_back(static_cast<std::int32_t>(std::clamp<double>(code, INT32_MIN, INT32_MAX)));
  }
  return bias;
}

Operands make_operands(const MappingProblem& p, const Layer& layer, std::int64_t seed,
                       TensorReader& tensors) {
  const Lowered& l = p.layer;
  const std::int64_t row = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  const RowExtent stored = l.stored_rows();
  const auto base = static_cast<std::uint64_t>(seed) * 2;
  Operand inputs = make("inputs", layer.inputs, input_shape(layer.op), p.path.activations.format,
                        l.input_elements() / row, row, 1.0, base, tensors);
  Operand weights =
      make("weights", layer.weights, weight_shape(layer.op), p.path.weights.format, stored.rows,
           stored.length, 1.0 / std::sqrt(static_cast<double>(l.extents.k)), base + 1, tensors,
           p.path.quantizer);
  Operands all{std::move(inputs.floats),
               std::move(weights.floats),
               std::move(inputs.stored),
               std::move(weights.stored),
               {},
               {},
               inputs.origin,
               weights.origin,
               {}};
  if (p.stage.bias) {
    require_bias_scale(p);
    TensorFormat fp32;
    fp32.format = "fp32";
    Operand bias = make("bias", layer.bias, {l.weight_rows()}, fp32, l.weight_rows(), 1,
                        kBiasDeviation, base ^ kBiasSeed << 32, tensors);
    all.float_bias = std::move(bias.floats);
    all.bias_origin = bias.origin;
    all.bias = stored_bias(p.path, all);
  }
  return all;
}

void check_operand_files(const MappingProblem& p, const Layer& layer, TensorReader& tensors) {
  const Lowered& l = p.layer;
  require_bias_scale(p);
  const std::int64_t row = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  if (layer.inputs && layer.inputs->from_file())
    load("inputs", *layer.inputs, input_shape(layer.op), p.path.activations.format,
         l.input_elements() / row, row, tensors);
  if (layer.weights && layer.weights->from_file())
    load("weights", *layer.weights, weight_shape(layer.op), p.path.weights.format,
         l.stored_rows().rows, l.stored_rows().length, tensors);
  if (p.stage.bias && layer.bias && layer.bias->from_file()) {
    TensorFormat fp32;
    fp32.format = "fp32";
    load("bias", *layer.bias, {l.weight_rows()}, fp32, l.weight_rows(), 1, tensors);
  }
}

std::string origin_text(const OperandOrigin& o, std::int64_t seed) {
  if (!o.source.from_file())
    return fmt::format("{} (seed {})", enum_name(o.source.generator), seed);
  return fmt::format("{}{}{} ({}{})", o.source.file, o.source.tensor.empty() ? "" : " ",
                     o.source.tensor, o.stored, o.as_stored ? " as stored" : ", quantized at load");
}

}  // namespace bitjoule
