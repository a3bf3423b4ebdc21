#include "run/layer_formats.h"

#include <map>
#include <string>
#include <vector>

#include "core/mapping/data_path.h"
#include "core/mapping/stored_rows.h"
#include "core/numeric/mac.h"
#include "core/numeric/storage.h"
#include "core/numeric/weight_quantizer.h"
#include "core/workload/lowering.h"

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
  formats.operand_rows = layer.operand_rows;
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

std::int64_t result_row(const NetworkLayer& layer) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) return op->cols;
  return lower(*mac_op(layer.op)).result_row();
}

void note_operand_rows(const Precision& run, Network& network) {
  std::map<std::string, std::int64_t> rows;  // by layer
  std::string before;
  for (NetworkLayer& layer : network.layers) {
    const auto* op = std::get_if<VectorOp>(&layer.op);
    const std::vector<std::string> inputs =
        layer.inputs.empty() ? std::vector<std::string>{before} : layer.inputs;
    const auto row_of = [&](const std::string& input) {
      const auto found = rows.find(input.empty() ? before : input);
      return found == rows.end() ? 0 : found->second;
    };
    if (op != nullptr && has_row_scales(storage_layout(vector_formats(layer, run).inputs))) {
      layer.operand_rows.clear();
      for (const std::string& input : inputs) layer.operand_rows.push_back(row_of(input));
    }
    // What only has other addresses lies as before.
    const bool is_view = op != nullptr && vector_row(op->kind).moves_nothing;
    const std::int64_t viewed = is_view ? row_of(inputs.front()) : 0;
    rows[layer.name] = viewed > 0 ? viewed : result_row(layer);
    before = layer.name;
  }
}

TensorFormat output_format(const NetworkLayer& layer, const Precision& run) {
  const Precision precision = layer.precision.apply(run);
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op != nullptr && op->kind == VectorKind::kQuantize)
    return precision.output.value_or(precision.activations);
  return output_format(precision);
}

}  // namespace bitjoule
