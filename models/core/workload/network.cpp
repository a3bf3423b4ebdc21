#include "core/workload/network.h"

#include <fmt/format.h>

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
  return base;
}

std::int64_t layer_macs(const NetworkLayer& layer) {
  const auto e = extents(layer);
  return e ? e->macs() : 0;
}

std::int64_t layer_weights(const NetworkLayer& layer) {
  if (std::holds_alternative<Matmul>(layer.op)) return 0;
  const auto e = extents(layer);
  return e ? e->groups * e->n * e->k : 0;
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
  return layer_weights(layer) + per_channel * channels;
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

std::int64_t kv_elements_written(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers)
    if (layer.kv_cache && !std::holds_alternative<Matmul>(layer.op))
      accumulate(total, output_elements(layer), layer.repeat);
  return total;
}

void check_network(const Network& network) {
  if (network.layers.empty()) throw input_error(network.name + ": a network needs a layer");
  std::set<std::string> known = {"", kOperandInput};
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
    } catch (const Error& error) {
      throw input_error(where + error.what());
    }
  }
  for (const NetworkOutput& output : network.outputs)
    if (output.layer.empty() || known.count(output.layer) == 0)
      throw input_error(fmt::format("{}: output \"{}\" is no layer", network.name, output.layer));
  total_macs(network);
  total_parameters(network);
}

}  // namespace bitjoule
