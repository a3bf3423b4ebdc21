#include "sim/run/network_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/network/describe_network.h"
#include "sim/run/layer_formats.h"
#include "sim/run/quantize_passes.h"

namespace bitjoule {
namespace {

/// The part of an operator that its cost depends on: constants and positions do not count.
NetworkOp without_values(NetworkOp op) {
  if (auto* vector = std::get_if<VectorOp>(&op)) {
    vector->alpha.reset();
    vector->beta.reset();
    vector->bias = 1;
    vector->position = 0;
    vector->interleaved = false;
  }
  return op;
}

std::string key_of(const NetworkLayer& layer, const Precision& run) {
  const auto text = [](const auto& value) { return boost::json::serialize(to_json(value)); };
  const NetworkOp op = without_values(layer.op);
  std::string key = fmt::format("{} {} {} ", op.index(), layer.bias, layer.activation);
  key += std::visit(text, op);
  if (std::holds_alternative<VectorOp>(op)) {
    const VectorFormats f = vector_formats(layer, run);
    return key + text(f.inputs) + text(f.parameters) + text(f.output);
  }
  return key + text(layer_precision(layer, run));
}

/// Roughly what a layer takes to simulate: the elements that move.
double work_of(const NetworkLayer& layer) {
  const auto elements = static_cast<double>(output_elements(layer));
  if (const auto* op = std::get_if<VectorOp>(&layer.op))
    return vector_row(op->kind).moves_nothing ? 0 : 2 * elements;
  return elements +
         static_cast<double>(layer_macs(layer)) /
             static_cast<double>(std::max<std::int64_t>(
                 1, std::visit(
                        [](const auto& op) -> std::int64_t {
                          if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>)
                            return 1;
                          else
                            return gemm_extents(op).m;
                        },
                        layer.op)));
}

bool moves_nothing(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && vector_row(op->kind).moves_nothing;
}

std::int64_t parameter(const Network& network, const char* name, std::int64_t otherwise) {
  const auto found = network.parameters.find(name);
  return found == network.parameters.end() ? otherwise : found->second;
}

}  // namespace

NetworkRunner::NetworkRunner(const RunConfig& run, bool share_equal)
    : run_(run),
      share_equal_(share_equal),
      runner_(run.accelerator, run.dram, run.energy, run.options),
      phases_(run.phases) {
  for (NetworkPhase& phase : phases_)
    phase.network = with_quantize_passes(phase.network, run.precision);
}

LayerResult NetworkRunner::simulate_anew(const NetworkLayer& layer) {
  try {
    if (const auto* op = std::get_if<VectorOp>(&layer.op))
      return runner_.run(layer.name, *op, vector_formats(layer, run_.precision));
    Layer mac{layer.name, {}};
    std::visit(
        [&mac](const auto& op) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, VectorOp>) mac.op = op;
        },
        layer.op);
    mac.stage = {layer.bias, layer.activation};
    return runner_.run(mac, layer_precision(layer, run_.precision), run_.mapping);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("layer \"{}\": {}", layer.name, e.what()));
  }
}

const LayerResult& NetworkRunner::simulate(const NetworkLayer& layer) {
  const std::string key = key_of(layer, run_.precision);
  const auto found = known_.find(key);
  if (found != known_.end() && share_equal_) return found->second;
  ++result_.simulated;
  return known_[key] = simulate_anew(layer);
}

/// One row per name and phase; decode steps of other contexts that cost the same are one row.
void NetworkRunner::add_layer(const LayerResult& simulated, const NetworkLayer& layer,
                              const NetworkPhase& phase) {
  const std::int64_t count = layer.repeat * phase.weight;
  const std::string row =
      fmt::format("{} {} {}", phase.name, layer.name, key_of(layer, run_.precision));
  if (const auto found = rows_.find(row); found != rows_.end()) {
    result_.layers[found->second].repeat += count;
    return;
  }
  LayerResult result = simulated;
  result.name = layer.name;
  // Later passes of a phase say their context where a layer costs something else than before.
  if (phases_.size() > 1) {
    const bool is_first =
        std::none_of(result_.passes.begin(), result_.passes.end(),
                     [&](const PassResult& pass) { return pass.phase == phase.name; });
    result.name = is_first ? fmt::format("{}/{}", phase.name, layer.name)
                           : fmt::format("{}@{}/{}", phase.name, phase.context, layer.name);
  }
  result.kind = layer.kind;
  result.phase = phase.name;
  result.repeat = count;
  rows_[row] = result_.layers.size();
  result_.layers.push_back(std::move(result));
}

PassResult NetworkRunner::run_pass(const NetworkPhase& phase, const Progress& progress) {
  PassResult pass;
  pass.phase = phase.name;
  pass.context = phase.context;
  pass.weight = phase.weight;
  const std::int64_t tokens = parameter(phase.network, "tokens", 0);
  const std::int64_t batch = parameter(phase.network, "batch", 1);
  (tokens > 0 ? pass.tokens : pass.images) = std::max<std::int64_t>(1, tokens) * batch;
  for (const NetworkLayer& layer : phase.network.layers) {
    if (progress) progress(work_ > 0 ? done_ / work_ : 0, layer.name);
    if (moves_nothing(layer)) continue;
    const std::int64_t before = result_.simulated;
    const LayerResult& r = simulate(layer);
    if (result_.simulated != before) done_ += work_of(layer);
    pass.cycles += r.outcome.cycles.value * layer.repeat;
    pass.time_s += r.time_s * static_cast<double>(layer.repeat);
    pass.energy_pj += r.energy.total.value * static_cast<double>(layer.repeat);
    pass.moved_bytes += r.moved_bytes() * layer.repeat;
    for (std::size_t i = 0; i < kCauses; ++i)
      pass.stalls.cycles[i] += r.outcome.stalls.cycles[i] * layer.repeat;
    const DramTraffic& t = r.outcome.traffic;
    if (layer.kv_cache && std::holds_alternative<Matmul>(layer.op))
      pass.kv_read_bytes +=
          (t[Tensor::kWeights].read_bytes + t[Tensor::kScales].read_bytes) * layer.repeat;
    else if (layer.kv_cache)
      pass.kv_written_bytes +=
          (t[Tensor::kOutputs].write_bytes + t[Tensor::kScales].write_bytes) * layer.repeat;
    add_layer(r, layer, phase);
  }
  return pass;
}

NetworkResult NetworkRunner::run(const Progress& progress) {
  result_ = {};
  known_.clear();
  rows_.clear();
  const Network& first = phases_.front().network;
  result_.name = first.name;
  result_.parameters = first.parameters;
  result_.capacity_bytes = runner_.memory().capacity.value;
  work_ = done_ = 0;
  std::set<std::string> keys;
  for (const NetworkPhase& phase : phases_)
    for (const NetworkLayer& layer : phase.network.layers)
      if (keys.insert(key_of(layer, run_.precision)).second || !share_equal_)
        work_ += work_of(layer);
  for (const NetworkPhase& phase : phases_) {
    result_.passes.push_back(run_pass(phase, progress));
    const NetworkMemory memory = network_memory(phase.network, run_.precision);
    if (memory.total() > result_.memory.total()) result_.memory = memory;
  }
  return std::move(result_);
}

}  // namespace bitjoule
