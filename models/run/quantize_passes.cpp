#include "run/quantize_passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/mapping/data_path.h"
#include "core/numeric/storage.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/transforms.h"

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

Rows second_operand(const Matmul& p) {
  const std::int64_t matrices = p.batch / p.shared;
  return p.k_rows ? Rows{matrices * p.k, p.n} : Rows{matrices * p.n, p.k};
}

Rows result(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->batch * c->out_height() * c->out_width(), c->filters};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->n};
  const auto& p = std::get<Matmul>(op);
  return {p.batch * p.m, p.n};
}

VectorOp quantize_op(Rows rows, const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  const Format& f = *layout.format;
  // A scale is that of the tensor, of a row, or of a group, of which a row may hold a part at its
  // end.
  if (layout.scales.group == kWholeTensor) rows = {1, rows.rows * rows.cols};
  VectorOp op;
  if (const std::int64_t group = layout.scales.group; group > 0) {
    if (rows.cols % group == 0)
      rows = {rows.rows * (rows.cols / group), group};
    else
      op.reduced = groups_per_row(layout.scales, rows.cols);
  }
  op.kind = VectorKind::kQuantize;
  op.rows = rows.rows;
  op.cols = rows.cols;
  op.alpha = std::max({1, f.max_code, -f.min_code - (layout.dynamic ? 1 : 0)});
  if (layout.zero_points.present() || layout.mins.present())
    op.beta = 2;
  else if (!f.is_signed)
    op.beta = 1;
  return op;
}

bool is_product(const NetworkLayer& layer) { return std::holds_alternative<Matmul>(layer.op); }

/// Whether what is appended to a cache in this format gets scales that are found in its values.
bool is_scaled_when_appended(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  if (layout.constant_bytes > 0 || layout.scales.rows > 1 ||
      layout.zero_format.packing == ZeroPacking::kAwq)
    throw input_error(fmt::format(
        "kv_cache: {} as chosen stores fields of several rows together, and a cache is appended to "
        "row by row; choose another format, granularity or zero_point",
        format.format));
  if (layout.progressive())
    throw input_error(fmt::format(
        "kv_cache: {} is a format of weights, whose scales of both levels are chosen when they are "
        "stored; choose another",
        format.format));
  if (has_channel_scales(format))
    throw input_error(
        "kv_cache: granularity per_input_channel is of activations that linear layers read");
  if (format.granularity == Granularity::kDynamicTensor)
    throw input_error(
        "kv_cache: a cache is appended to token by token, and a scale of all its values would "
        "change with each; choose granularity per_token, or a float");
  return layout.scales.present() && layout.scales.group != kWholeTensor;
}

void check_rows(const std::string& layer, const std::optional<TensorFormat>& format,
                std::int64_t cols) {
  const std::int64_t block = format ? storage_layout(*format).block_elements : 0;
  if (block > 0 && cols % block != 0)
    throw input_error(fmt::format(
        "layer \"{}\": kv_cache: {} stores blocks of {} elements, a row of a head has {}", layer,
        format->format, block, cols));
}

/// By layer that appends to a cache: the elements of one row there, as its reader has them, or as
/// it is laid out for a reader of another phase.
std::map<std::string, std::int64_t> cache_rows(const Network& network) {
  std::map<std::string, std::int64_t> lengths;
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const NetworkLayer& layer = network.layers[i];
    index[layer.name] = i;
    if (const auto* op = std::get_if<VectorOp>(&layer.op);
        op != nullptr && op->kind == VectorKind::kTranspose && layer.inputs.size() == 1) {
      const auto found = index.find(layer.inputs.front());
      if (found != index.end() && network.layers[found->second].kv_cache)
        lengths.emplace(layer.inputs.front(), op->shape.back());
    }
    const auto* product = std::get_if<Matmul>(&layer.op);
    if (product == nullptr || !layer.kv_cache || layer.inputs.size() < 2) continue;
    std::string name = layer.inputs[1];
    std::size_t before = i;
    for (;;) {
      const auto found = name.empty() ? index.end() : index.find(name);
      if (!name.empty() && found == index.end()) break;  // an input of the network
      if (name.empty() && before == 0) break;
      before = name.empty() ? before - 1 : found->second;
      const NetworkLayer& source = network.layers[before];
      if (source.kv_cache && !is_product(source)) {
        lengths[source.name] = second_operand(*product).cols;
        break;
      }
      const auto* op = std::get_if<VectorOp>(&source.op);
      if (op == nullptr || !vector_row(op->kind).moves_nothing) break;
      name = source.inputs.empty() ? "" : source.inputs.front();
    }
  }
  return lengths;
}

/// Whether its output is its input's, by other addresses.
bool only_addresses(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && vector_row(op->kind).moves_nothing && !layer.inputs.empty();
}

bool is_quantize(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && op->kind == VectorKind::kQuantize;
}

/// Walks the layers in order and puts passes between them.
class Expansion {
 public:
  Expansion(const Network& network, const Precision& run)
      : run_(run), result_(network), cache_rows_(cache_rows(network)) {
    result_.layers.clear();
    for (const NetworkLayer& layer : network.layers) {
      NetworkLayer copy = layer;
      name_inputs(copy);
      quantize_operands(copy);
      place(std::move(copy));
      before_ = layer.name;
    }
  }

  Network take() {
    mark_stored();
    return std::move(result_);
  }

 private:
  /// "The layer before" is one of the network as written.
  void name_inputs(NetworkLayer& layer) const {
    if (layer.inputs.empty() && !before_.empty()) layer.inputs = {before_};
    for (std::string& input : layer.inputs)
      if (input.empty()) input = before_;
  }

  /// What a cache keeps, and what a product without one reads by the port of weights.
  void mark_stored() {
    std::map<std::string, NetworkLayer*> layers;
    for (NetworkLayer& layer : result_.layers) {
      layers[layer.name] = &layer;
      layer.to_memory = layer.kv_cache && !is_product(layer);
      if (!is_product(layer) || layer.kv_cache || layer.inputs.size() < 2) continue;
      auto from = layers.find(layer.inputs[1]);
      while (from != layers.end() && only_addresses(*from->second))
        from = layers.find(from->second->inputs.at(0));
      if (from != layers.end()) from->second->to_memory = true;
    }
  }

  void quantize_operands(NetworkLayer& layer) {
    const std::optional<LayerOp> op = mac_op(layer.op);
    if (!op) return;
    const Precision precision = layer_precision(layer, run_);
    if (needs_pass(layer, 0, precision.activations))
      read_quantized(layer, 0, first_operand(*op), precision.activations);
    const auto* product = std::get_if<Matmul>(&*op);
    if (product != nullptr && !layer.kv_cache && needs_pass(layer, 1, precision.weights))
      read_quantized(layer, 1, second_operand(*product), precision.weights);
  }

  bool needs_pass(const NetworkLayer& layer, std::size_t index, const TensorFormat& format) const {
    if (has_dynamic_scales(format)) return true;
    const auto from = index < layer.inputs.size() ? wide_.find(layer.inputs[index]) : wide_.end();
    return from != wide_.end() && makes_blocks(format, from->second.format);
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
    const std::string name = layer.name;
    const bool cached = layer.kv_cache && !is_product(layer);
    std::optional<TensorFormat> format = layer.precision.output;
    // A cache is stored as activations are, where nobody says otherwise.
    const TensorFormat activations = layer.precision.apply(run_).activations;
    if (cached && !format &&
        (has_dynamic_scales(activations) ||
         (run_.output && makes_blocks(activations, *run_.output))))
      format = activations;
    const bool is_pass = is_quantize(layer);
    const bool appends = format && cached && !is_pass && is_scaled_when_appended(*format);
    const bool pass = format && !is_pass && (appends || has_dynamic_scales(*format));
    if (appends) {
      PrecisionOverride rest = layer.precision;
      rest.output.reset();
      layer.precision.output = wide_format(rest.apply(run_));
    }
    wide_[name] = {output_format(layer, run_), is_pass};
    const std::int64_t repeat = layer.repeat;
    const auto* vector = std::get_if<VectorOp>(&layer.op);
    Rows rows =
        vector != nullptr ? Rows{vector->rows, vector->cols} : bitjoule::result(*mac_op(layer.op));
    if (const auto found = cache_rows_.find(name); cached && found != cache_rows_.end()) {
      rows = {output_elements(layer) / found->second, found->second};
      check_rows(name, format, rows.cols);
    }
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
  const std::map<std::string, std::int64_t> cache_rows_;
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

Network with_passes(const Network& network, const Precision& run) {
  return with_quantize_passes(with_transforms(network, run), run);
}

Network completed(const Network& network, const Precision& run) {
  Network complete = with_passes(network, run);
  const std::optional<Requantize> otherwise = run.requantize ? run.requantize : network.requantize;
  for (NetworkLayer& layer : complete.layers)
    if (!layer.precision.requantize) layer.precision.requantize = otherwise;
  return complete;
}

}  // namespace bitjoule
