#include "run/fused_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "run/network_layers.h"
#include "run/tensor_store.h"

namespace bitjoule {
namespace {

/// Finds the layers of each attention, and puts one in their place.
class Fusion {
 public:
  explicit Fusion(const Network& network) : network_(network) {
    std::string before;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      NetworkLayer layer = network.layers[i];
      layer.inputs = named_inputs(layer, before);
      for (const std::string& input : layer.inputs) ++readers_[input];
      index_[layer.name] = i;
      before = layer.name;
      layers_.push_back(std::move(layer));
    }
    for (const NetworkOutput& output : network.outputs) ++readers_[output.layer];
  }

  Network take() {
    std::set<std::size_t> gone;
    std::map<std::size_t, NetworkLayer> fused;
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (is_product(layers_[i])) with_name(layers_[i], [&] { find(i, gone, fused); });
    if (fused.empty())
      throw input_error(
          fmt::format("mapping.attention: fused: {} has no softmax between two products{}",
                      network_.name, obstacle_));
    Network result = network_;
    result.layers.clear();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (gone.count(i) != 0) continue;
      const auto found = fused.find(i);
      result.layers.push_back(found != fused.end() ? std::move(found->second)
                                                   : std::move(layers_[i]));
    }
    return result;
  }

 private:
  static bool is_product(const NetworkLayer& layer) {
    return std::holds_alternative<Matmul>(layer.op);
  }
  static bool is_vector(const NetworkLayer& layer, VectorKind kind) {
    const auto* op = std::get_if<VectorOp>(&layer.op);
    return op != nullptr && op->kind == kind;
  }
  /// The producer of a layer's first operand; null: none.
  const NetworkLayer* source(const NetworkLayer& layer) const {
    const auto found = layer.inputs.empty() ? index_.end() : index_.find(layer.inputs[0]);
    return found == index_.end() ? nullptr : &layers_[found->second];
  }

  /// Whether a product multiplies probabilities with values, and what stands before it.
  void find(std::size_t place, std::set<std::size_t>& gone,
            std::map<std::size_t, NetworkLayer>& fused) {
    const NetworkLayer& context = layers_[place];
    std::vector<const NetworkLayer*> between;
    const NetworkLayer* at = source(context);
    for (; at != nullptr && is_vector(*at, VectorKind::kQuantize); at = source(*at))
      between.push_back(at);
    const NetworkLayer* const coded = at;
    while (at != nullptr && is_of_codes(*at)) at = source(*at);
    if (at == nullptr || !is_vector(*at, VectorKind::kSoftmax)) return;
    if (at != coded) refuse_codes(*coded);
    auto parts = std::make_shared<FusedLayers>();
    parts->context = context;
    if (const std::optional<NetworkLayer> rows = values_by_rows(context)) {
      std::get<Matmul>(parts->context.op).k_rows = true;
      fused[index_.at(rows->name)] = *rows;
    }
    parts->softmax = *at;
    between.push_back(at);
    at = source(*at);
    if (at != nullptr && is_vector(*at, VectorKind::kSoftcap)) {
      parts->softcap = *at;
      between.push_back(at);
      at = source(*at);
    }
    if (at != nullptr && is_of_codes(*at)) refuse_codes(*at);
    if (at == nullptr || !is_product(*at)) {
      if (at != nullptr && obstacle_.empty())
        obstacle_ = fmt::format(
            ": \"{}\" stands between scores and \"{}\", which only a cap of the scores may",
            at->name, parts->softmax.name);
      return;
    }
    parts->scores = *at;
    between.push_back(at);
    check(*parts, between);
    for (const NetworkLayer* part : between) gone.insert(index_.at(part->name));
    NetworkLayer layer = parts->context;
    layer.inputs = {parts->scores.inputs.at(0), parts->scores.inputs.at(1), context.inputs.at(1)};
    layer.parameters += parts->softmax.parameters;
    layer.fused = std::move(parts);
    check_attention(attention_of(layer));
    fused[place] = std::move(layer);
  }

  /// Where values are columns because a layer that reads them for this product alone turns them
  /// round, that layer without the turn; tiles of keys go by rows.
  std::optional<NetworkLayer> values_by_rows(const NetworkLayer& context) const {
    const auto& product = std::get<Matmul>(context.op);
    const auto found = context.inputs.size() < 2 ? index_.end() : index_.find(context.inputs[1]);
    if (product.k_rows || found == index_.end()) return std::nullopt;
    NetworkLayer layer = layers_[found->second];
    auto* op = std::get_if<VectorOp>(&layer.op);
    if (op == nullptr || op->kind != VectorKind::kTranspose || op->codes ||
        readers_.at(layer.name) != 1 || op->shape.size() < 2 || op->shape.back() != product.k ||
        *(op->shape.end() - 2) != product.n)
      return std::nullopt;
    std::iter_swap(op->shape.end() - 1, op->shape.end() - 2);
    std::iter_swap(op->axes.end() - 1, op->axes.end() - 2);
    std::tie(op->rows, op->cols) = std::pair{op->elements() / product.n, product.n};
    return layer;
  }

  void check(const FusedLayers& parts, const std::vector<const NetworkLayer*>& between) const {
    for (const NetworkLayer* part : between) {
      if (readers_.at(part->name) != 1)
        throw input_error(fmt::format(
            "mapping.attention: fused: \"{}\" is read by others than the attention", part->name));
      if (part->repeat != parts.context.repeat)
        throw input_error("mapping.attention: fused: the parts of the attention repeat otherwise");
    }
    for (const NetworkLayer* part : {&parts.scores, &parts.softmax, &parts.context}) {
      const auto* op = std::get_if<VectorOp>(&part->op);
      if (part->accumulators || part->tensors.count("input_scale") != 0 ||
          (op != nullptr && op->codes))
        refuse_codes(*part);
    }
  }

  /// A step of a quantized graph between real numbers and its codes.
  static bool is_of_codes(const NetworkLayer& layer) {
    return is_vector(layer, VectorKind::kQuantizeLinear) ||
           is_vector(layer, VectorKind::kDequantizeLinear);
  }
  [[noreturn]] static void refuse_codes(const NetworkLayer& layer) {
    throw input_error(fmt::format(
        "mapping.attention: fused: \"{}\" is of codes of a quantized network, which rounds scores "
        "and probabilities by scales of its own: tiles of keys would have to round otherwise; "
        "choose unfused",
        layer.name));
  }

  const Network& network_;
  std::vector<NetworkLayer> layers_;  ///< their inputs named
  std::map<std::string, std::size_t> index_;
  std::map<std::string, int> readers_;
  std::string obstacle_;  ///< to what could have been the first attention
};

Precision context_precision(const NetworkLayer& layer, const Precision& run) {
  Precision precision = layer_precision(layer, run);
  precision.activations = probability_format(precision.activations);
  return precision;
}

}  // namespace

Network with_fused_attention(const Network& network, AttentionExecution attention) {
  return attention == AttentionExecution::kFused ? Fusion(network).take() : network;
}

Attention attention_of(const NetworkLayer& layer) {
  const FusedLayers& parts = *layer.fused;
  Attention op{std::get<Matmul>(parts.scores.op),
               {},
               std::get<VectorOp>(parts.softmax.op),
               std::get<Matmul>(parts.context.op)};
  if (parts.softcap) op.softcap = std::get<VectorOp>(parts.softcap->op);
  return op;
}

AttentionProblem attention_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                                   const NetworkLayer& layer, const Precision& run,
                                   const MappingPins& pins) {
  const Attention op = attention_of(layer);
  const auto problem = [&](const Matmul& product, Precision precision) {
    MappingProblem p = make_problem(machine, memory, product, precision, pins);
    if (!p.path.scaled_elements) return p;
    // Its tiles scale sums of integers only: elements of a cache pass the dequantizer.
    if (precision.mac != "auto")
      throw input_error(fmt::format(
          "mapping.attention: fused: {} MACs would take elements of {} without their scales, which "
          "tiles of keys do not do; choose a wider float MAC or auto, or unfused",
          p.path.mac.name, precision.weights.format));
    precision.mac = "fp16";
    return make_problem(machine, memory, product, precision, pins);
  };
  return attention_problem(op, problem(op.scores, layer_precision(layer.fused->scores, run)),
                           problem(op.context, context_precision(layer, run)));
}

std::string attention_key(const NetworkLayer& layer, const Precision& run) {
  const Attention op = attention_of(layer);
  return "a" + key_text(op.scores) + key_text(op.context) + key_text(without_values(op.softmax)) +
         (op.softcap ? key_text(without_values(*op.softcap)) : "") +
         key_text(layer_precision(layer.fused->scores, run)) +
         key_text(context_precision(layer, run));
}

}  // namespace bitjoule
