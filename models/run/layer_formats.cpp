#include "run/layer_formats.h"

#include "core/mapping/data_path.h"
#include "core/numeric/mac.h"
#include "core/numeric/storage.h"
#include "core/numeric/weight_quantizer.h"

namespace bitjoule {

Precision layer_precision(const NetworkLayer& layer, const Precision& run) {
  Precision precision = layer.precision.apply(run);
  const auto* product = std::get_if<Matmul>(&layer.op);
  if (product == nullptr) return precision;
  // No weights of its own would take scales over.
  if (has_channel_scales(precision.activations)) {
    precision.activations = wide_format(precision);
    if (!layer.precision.mac) precision.mac = "auto";
  }
  if (!layer.precision.weights) precision.weights = precision.activations;
  if (!layer.precision.mac && precision.mac != "auto" && find_mac_type(precision.mac).is_integer &&
      scales_differ_in_sums(precision.weights, product->k_rows))
    precision.mac = "auto";
  return precision;
}

TensorFormat between_layers(const Precision& layer, const Precision& run) {
  if (has_dynamic_scales(layer.activations) || has_channel_scales(layer.activations))
    return wide_format(layer);
  return run.output && makes_blocks(layer.activations, *run.output) ? *run.output
                                                                    : layer.activations;
}

VectorFormats vector_formats(const NetworkLayer& layer, const Precision& run) {
  const Precision precision = layer.precision.apply(run);
  VectorFormats formats;
  formats.inputs = between_layers(precision, run);
  formats.output = output_format(layer, run);
  formats.static_scales = precision.static_scales.value_or(ScaleRule::kOracle);
  formats.parameters.format = "fp32";
  if (std::get<VectorOp>(layer.op).kind == VectorKind::kEmbedding) {
    formats.parameters = precision.weights;
    // Its rows are looked up, not summed: no input weighs them, no error makes up for another.
    if (precision.quantizer.value_or(WeightQuantizer::kNearest) != WeightQuantizer::kNearest &&
        takes_quantizer(precision.weights, WeightQuantizer::kMse))
      formats.quantizer = WeightQuantizer::kMse;
  } else if (layer.precision.weights) {
    formats.parameters = *layer.precision.weights;
  }
  return formats;
}

TensorFormat output_format(const NetworkLayer& layer, const Precision& run) {
  const Precision precision = layer.precision.apply(run);
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op != nullptr && op->kind == VectorKind::kQuantize)
    return precision.output.value_or(precision.activations);
  return output_format(precision);
}

}  // namespace bitjoule
