#include "core/workload/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"

namespace bitjoule {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

/// The layer as an operation of the array; nothing for vector operators.
std::optional<GemmExtents> extents(const NetworkLayer& layer) {
  return std::visit(Overloaded{[](const VectorOp&) -> std::optional<GemmExtents> { return {}; },
                               [](const auto& op) { return std::optional(gemm_extents(op)); }},
                    layer.op);
}

std::int64_t expert_count(const NetworkLayer& layer) {
  return layer.experts ? layer.experts->count : 1;
}

void check_experts(const NetworkLayer& layer) {
  if (!layer.experts) return;
  const Experts& e = *layer.experts;
  const auto* product = std::get_if<Gemm>(&layer.op);
  if (product == nullptr || layer.accumulators || layer.batch_norm_epsilon > 0)
    throw input_error("experts: expected a gemm, without accumulators or a norm");
  if (e.chosen < 1 || e.chosen > e.count || product->m % e.chosen != 0)
    throw input_error("experts: expected 1 <= chosen <= count, and m a multiple of chosen");
  if (layer.inputs.size() != 2)
    throw input_error("experts: expected two inputs: rows by expert (dispatch), and the routing");
  const std::int64_t tokens = product->m / e.chosen;
  const bool fits = std::all_of(e.loads.begin(), e.loads.end(),
                                [&](std::int64_t load) { return load >= 1 && load <= tokens; });
  const std::int64_t rows = std::accumulate(e.loads.begin(), e.loads.end(), std::int64_t{0});
  if (!e.loads.empty() &&
      (!fits || rows != product->m || static_cast<std::int64_t>(e.loads.size()) > e.count))
    throw input_error(fmt::format(
        "experts: loads: expected at most {} numbers of 1..{} whose sum is {} ({} tokens, {} "
        "experts each), got [{}]",
        e.count, tokens, product->m, tokens, e.chosen, fmt::join(e.loads, ", ")));
}

void check_cache_input(const NetworkLayer& layer) {
  const auto found = std::find(layer.inputs.begin(), layer.inputs.end(), kCacheInput);
  if (found == layer.inputs.end()) return;
  const bool reads = layer.kv_cache && std::holds_alternative<Matmul>(layer.op);
  if (!reads || layer.inputs.size() != 2 || found == layer.inputs.begin())
    throw input_error(fmt::format(
        "inputs: {} stands for the second operand of a matmul with kv_cache", kCacheInput));
}

constexpr std::int64_t kMaxTotal = std::int64_t{1} << 62;

/// total += count * repeat, refused beyond 62 bits.
void accumulate(std::int64_t& total, std::int64_t count, std::int64_t repeat) {
  if (count != 0 && repeat > (kMaxTotal - total) / count)
    throw input_error(fmt::format("network totals exceed the limit of {}", kMaxTotal));
  total += count * repeat;
}

}  // namespace

Precision PrecisionOverride::apply(Precision base) const {
  if (weights) base.weights = *weights;
  if (activations) base.activations = *activations;
  if (output) base.output = output;
  if (mac) base.mac = *mac;
  if (requantize) base.requantize = *requantize;
  if (quantizer) base.quantizer = *quantizer;
  if (transform) base.transform = *transform;
  if (static_scales) base.static_scales = *static_scales;
  return base;
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

std::int64_t layer_macs(const NetworkLayer& layer) {
  const auto e = extents(layer);
  const std::int64_t scores = layer.fused ? layer_macs(layer.fused->scores) : 0;
  return (e ? e->macs() : 0) + scores;
}

std::int64_t layer_weights(const NetworkLayer& layer) {
  if (std::holds_alternative<Matmul>(layer.op)) return 0;
  const auto e = extents(layer);
  return e ? e->groups * e->n * e->k * expert_count(layer) : 0;
}

std::vector<std::int64_t> spread_loads(const Gemm& product, const Experts& experts) {
  const auto count = static_cast<double>(experts.count);
  const auto chosen = static_cast<double>(experts.chosen);
  const std::int64_t rows = product.m / experts.chosen;
  const auto tokens = static_cast<double>(rows);
  const double expected = count * (1 - std::pow(1 - chosen / count, tokens));
  const std::int64_t active = std::clamp(static_cast<std::int64_t>(std::floor(expected + 0.5)),
                                         experts.chosen, std::min(experts.count, product.m));
  std::vector<std::int64_t> loads(static_cast<std::size_t>(active), product.m / active);
  for (std::int64_t i = 0; i < product.m % active; ++i) ++loads[static_cast<std::size_t>(i)];
  return loads;
}

std::string default_kind(const NetworkOp& op) {
  if (const auto* conv = std::get_if<Conv2d>(&op))
    return conv->groups > 1 && conv->groups == conv->channels ? "depthwise" : "conv";
  if (std::holds_alternative<Gemm>(op)) return "linear";
  return std::holds_alternative<Matmul>(op) ? "attention" : "vector";
}

std::int64_t default_parameters(const NetworkLayer& layer, std::int64_t per_channel) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) return parameter_elements(*op);
  if (std::holds_alternative<Matmul>(layer.op)) return 0;
  const auto* conv = std::get_if<Conv2d>(&layer.op);
  const std::int64_t channels = conv != nullptr ? conv->filters : std::get<Gemm>(layer.op).n;
  return layer_weights(layer) + per_channel * channels * expert_count(layer);
}

std::int64_t output_elements(const NetworkLayer& layer) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) return op->elements();
  const auto e = extents(layer);
  return e->groups * e->m * e->n;
}

std::int64_t total_macs(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers)
    accumulate(total, layer_macs(layer), layer.repeat);
  return total;
}

std::int64_t total_parameters(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers)
    accumulate(total, layer.parameters, layer.repeat);
  return total;
}

std::int64_t total_outputs(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers)
    accumulate(total, output_elements(layer), layer.repeat);
  return total;
}

std::int64_t kv_elements_written(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers)
    if (layer.kv_cache && !std::holds_alternative<Matmul>(layer.op))
      accumulate(total, output_elements(layer), layer.repeat);
  return total;
}

void check_network(const Network& network) {
  if (network.layers.empty()) throw input_error(network.name + ": a network needs a layer");
  std::set<std::string> known = {"", kOperandInput, kCacheInput};
  for (const NetworkInput& input : network.inputs)
    if (!known.insert(input.name).second)
      throw input_error(fmt::format("{}: two inputs are named \"{}\"", network.name, input.name));
  for (const NetworkInput& input : network.inputs)
    if (!input.source.input.empty())
      throw input_error(fmt::format("{}: input \"{}\" cannot come from \"{}\"", network.name,
                                    input.name, input.source.input));
  for (const NetworkLayer& layer : network.layers) {
    const std::string where = fmt::format("{}: layer \"{}\": ", network.name, layer.name);
    for (const std::string& input : layer.inputs)
      if (known.count(input) == 0)
        throw input_error(fmt::format("{}input \"{}\" is not produced before it", where, input));
    for (const auto& [role, source] : layer.tensors)
      if (known.count(source.input) == 0)
        throw input_error(fmt::format("{}tensors.{}: input \"{}\" is not produced before it", where,
                                      role, source.input));
    if (!known.insert(layer.name).second)
      throw input_error(where + "the name is empty or already taken");
    if (layer.repeat < 1)
      throw input_error(fmt::format("{}repeat: expected at least 1, got {}", where, layer.repeat));
    if (layer.parameters < 0)
      throw input_error(
          fmt::format("{}parameters: expected at least 0, got {}", where, layer.parameters));
    try {
      if (const auto* op = std::get_if<VectorOp>(&layer.op))
        check_vector_op(*op);
      else
        layer_macs(layer);
      check_experts(layer);
      if (layer.kv_view && (!layer.kv_cache || !std::holds_alternative<Matmul>(layer.op)))
        throw input_error("kv_view: expected a matmul with kv_cache");
      check_cache_input(layer);
    } catch (const Error& error) {
      throw input_error(where + error.what());
    }
  }
  for (const NetworkInput& input : network.inputs) {
    if (input.next.empty()) continue;
    const auto layer = std::find_if(network.layers.begin(), network.layers.end(),
                                    [&](const NetworkLayer& l) { return l.name == input.next; });
    std::int64_t elements = 1;
    for (const std::int64_t size : input.shape) elements *= size;
    if (layer == network.layers.end() || output_elements(*layer) != elements)
      throw input_error(fmt::format(
          "{}: input \"{}\": next: expected a layer that yields {} elements, got \"{}\"",
          network.name, input.name, elements, input.next));
  }
  for (const NetworkOutput& output : network.outputs)
    if (output.layer.empty() || known.count(output.layer) == 0)
      throw input_error(fmt::format("{}: output \"{}\" is no layer", network.name, output.layer));
  total_macs(network);
  total_parameters(network);
}

}  // namespace bitjoule
