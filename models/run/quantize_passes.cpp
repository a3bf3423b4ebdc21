#include "run/quantize_passes.h"

#include <map>
#include <utility>

#include "core/mapping/data_path.h"
#include "core/numeric/storage.h"
#include "run/key.h"
#include "run/layer_formats.h"

namespace bitjoule {
namespace {

/// Rows of a tensor, as the layer that reads or writes it has them.
struct Rows {
  std::int64_t rows, cols;
};

Rows first_operand(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->batch * c->height * c->width, c->channels};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->k};
  const auto& p = std::get<Matmul>(op);
  return {p.batch * p.m, p.k};
}

Rows second_operand(const Matmul& p) { return {p.batch / p.shared * p.n, p.k}; }

Rows result(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->batch * c->out_height() * c->out_width(), c->filters};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->n};
  const auto& p = std::get<Matmul>(op);
  return {p.batch * p.m, p.n};
}

VectorOp quantize_op(Rows rows, const TensorFormat& format) {
  const Format& f = find_format(format.format);
  VectorOp op;
  op.kind = VectorKind::kQuantize;
  op.rows = rows.rows;
  op.cols = rows.cols;
  op.alpha = f.max_code;
  if (!f.is_signed) op.beta = 1;
  return op;
}

std::optional<LayerOp> mac_op(const NetworkOp& op) {
  std::optional<LayerOp> mac;
  std::visit(
      [&mac](const auto& o) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(o)>, VectorOp>) mac = o;
      },
      op);
  return mac;
}

bool is_quantize(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && op->kind == VectorKind::kQuantize;
}

/// Walks the layers in order and puts passes between them.
class Expansion {
 public:
  Expansion(const Network& network, const Precision& run) : run_(run), result_(network) {
    result_.layers.clear();
    for (const NetworkLayer& layer : network.layers) {
      NetworkLayer copy = layer;
      name_inputs(copy);
      quantize_operands(copy);
      place(std::move(copy));
      before_ = layer.name;
    }
  }

  Network take() { return std::move(result_); }

 private:
  /// "The layer before" is one of the network as written.
  void name_inputs(NetworkLayer& layer) const {
    if (layer.inputs.empty() && !before_.empty()) layer.inputs = {before_};
    for (std::string& input : layer.inputs)
      if (input.empty()) input = before_;
  }

  void quantize_operands(NetworkLayer& layer) {
    const std::optional<LayerOp> op = mac_op(layer.op);
    if (!op) return;
    const Precision precision = layer_precision(layer, run_);
    if (has_dynamic_scales(precision.activations))
      read_quantized(layer, 0, first_operand(*op), precision.activations);
    const auto* product = std::get_if<Matmul>(&*op);
    if (product != nullptr && !layer.kv_cache && has_dynamic_scales(precision.weights))
      read_quantized(layer, 1, second_operand(*product), precision.weights);
  }

  /// Lets operand `index` come from a pass, a new one unless there is one already.
  void read_quantized(NetworkLayer& layer, std::size_t index, Rows rows,
                      const TensorFormat& format) {
    std::string producer = index < layer.inputs.size() ? layer.inputs[index] : "";
    const auto layer_of = wide_.find(producer);
    if (layer_of != wide_.end() && layer_of->second.is_quantized) return;
    auto [pass, is_new] =
        passes_.try_emplace(key_of(producer, format, rows), unique_name(producer, layer.name));
    if (is_new) {
      NetworkLayer quantize = pass_of(pass->second, rows, format, layer.repeat);
      quantize.precision.activations = wide_format(layer_precision(layer, run_));
      if (layer_of != wide_.end()) quantize.precision.activations = layer_of->second.format;
      if (!producer.empty()) quantize.inputs = {producer};
      result_.layers.push_back(std::move(quantize));
    }
    if (layer.inputs.size() <= index) layer.inputs.resize(index + 1);
    layer.inputs[index] = pass->second;
  }

  /// The layer, and a pass over its output where that has dynamic scales.
  void place(NetworkLayer layer) {
    const std::optional<TensorFormat> format = layer.precision.output;
    const std::string name = layer.name;
    wide_[name] = {output_format(layer, run_), is_quantize(layer)};
    const bool pass = format && has_dynamic_scales(*format) && !is_quantize(layer);
    const bool cached = layer.kv_cache && !std::holds_alternative<Matmul>(layer.op);
    const std::int64_t repeat = layer.repeat;
    const auto* vector = std::get_if<VectorOp>(&layer.op);
    const Rows rows =
        vector != nullptr ? Rows{vector->rows, vector->cols} : bitjoule::result(*mac_op(layer.op));
    if (pass && cached) layer.kv_cache = false;  // what is appended are the codes
    result_.layers.push_back(std::move(layer));
    if (!pass) return;
    NetworkLayer quantize = pass_of(name + ".quantize", rows, *format, repeat);
    quantize.precision.activations = wide_[name].format;
    quantize.inputs = {name};
    quantize.kv_cache = cached;
    passes_[key_of(name, *format, rows)] = quantize.name;
    result_.layers.push_back(std::move(quantize));
  }

  static std::string key_of(const std::string& producer, const TensorFormat& format, Rows rows) {
    return producer + " " + key_text(format) + std::to_string(rows.cols);
  }

  static NetworkLayer pass_of(const std::string& name, Rows rows, const TensorFormat& format,
                              std::int64_t repeat) {
    NetworkLayer quantize;
    quantize.name = name;
    quantize.kind = "quantize";
    quantize.op = quantize_op(rows, format);
    quantize.repeat = repeat;
    quantize.precision.output = format;
    return quantize;
  }

  std::string unique_name(const std::string& producer, const std::string& reader) const {
    std::string name = (producer.empty() ? reader : producer) + ".quantize";
    for (const auto& [key, taken] : passes_)
      if (taken == name) return reader + ".quantize_inputs";
    return name;
  }

  struct Produced {
    TensorFormat format;
    bool is_quantized;
  };
  const Precision& run_;
  Network result_;
  std::string before_;
  std::map<std::string, Produced> wide_;       ///< by layer
  std::map<std::string, std::string> passes_;  ///< by producer and format
};

}  // namespace

LayerPasses quantize_passes(const Layer& layer, const Precision& precision) {
  LayerPasses passes;
  const TensorFormat wide = wide_format(precision);
  TensorFormat parameters;
  parameters.format = "fp32";
  const auto pass = [&](const char* what, Rows rows, const TensorFormat& format) {
    return QuantizePass{(layer.name.empty() ? "" : layer.name + ".") + "quantize_" + what,
                        quantize_op(rows, format),
                        {wide, parameters, format}};
  };
  if (has_dynamic_scales(precision.activations))
    passes.before.push_back(pass("inputs", first_operand(layer.op), precision.activations));
  if (const auto* product = std::get_if<Matmul>(&layer.op))
    if (has_dynamic_scales(precision.weights))
      passes.before.push_back(pass("weights", second_operand(*product), precision.weights));
  if (precision.output && has_dynamic_scales(*precision.output))
    passes.after.push_back(pass("outputs", result(layer.op), *precision.output));
  return passes;
}

Network with_quantize_passes(const Network& network, const Precision& run) {
  return Expansion(network, run).take();
}

Network completed(const Network& network, const Precision& run) {
  Network complete = with_quantize_passes(network, run);
  const std::optional<Requantize> otherwise = run.requantize ? run.requantize : network.requantize;
  for (NetworkLayer& layer : complete.layers)
    if (!layer.precision.requantize) layer.precision.requantize = otherwise;
  return complete;
}

}  // namespace bitjoule
