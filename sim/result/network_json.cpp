#include "sim/result/network_json.h"

#include <algorithm>

#include "sim/result/result_json.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::size_t kTop = 10;

double peak_bytes_per_s(const NetworkResult& network) {
  return network.layers.empty() ? 0 : network.layers.front().peak_bytes_per_s;
}

json::object kind_json(const KindTotals& k) {
  return {{"kind", k.name},
          {"cycles", k.cycles},
          {"time_s", k.time_s},
          {"energy_pj", k.energy_pj},
          {"dram_bytes", k.moved_bytes},
          {"macs", k.counts.macs},
          {"utilization", k.slots > 0 ? static_cast<double>(k.counts.macs) / k.slots : 0.0},
          {"bound", bound_name(k.evidence)},
          {"stalls", stalls_json(k.stalls)},
          {"dma_cycles", dma_json(k.evidence.dma)}};
}

json::array top_json(const NetworkResult& network, double (*amount)(const LayerResult&)) {
  json::array list;
  for (const LayerResult* layer : largest_layers(network, kTop, amount))
    list.push_back({{"name", layer->name}, {"amount", amount(*layer)}});
  return list;
}

json::object pass_json(const NetworkResult& network, const PassResult& p) {
  const UnitCost cost = unit_cost(network, p);
  return {{"phase", p.phase},
          {"context", p.context},
          {"weight", p.weight},
          {"cycles", p.cycles},
          {"time_s", p.time_s},
          {"energy_pj", p.energy_pj},
          {"dram_bytes", p.moved_bytes},
          {"ahead_bytes", p.ahead_bytes},
          {"kv_read_bytes", p.kv_read_bytes},
          {"kv_written_bytes", p.kv_written_bytes},
          {cost.unit + "s", cost.count},
          {cost.unit + "s_per_s", cost.per_s},
          {"joules_per_" + cost.unit, cost.joules},
          {"bytes_per_" + cost.unit, cost.bytes},
          {"limit_" + cost.unit + "s_per_s", cost.limit_per_s},
          {"bound", bound_name(p.evidence)},
          {"stalls", stalls_json(p.stalls)},
          {"dma_cycles", dma_json(p.evidence.dma)}};
}

/// What was computed, where values are on: the outputs of the last pass, and how far the layers
/// agree with the oracle.
json::object values_json(const NetworkResult& network) {
  json::array outputs;
  for (const NetworkOutputValues& output : network.outputs)
    outputs.push_back({{"name", output.name},
                       {"shape", json::array(output.shape.begin(), output.shape.end())},
                       {"type", output.type.empty() ? "fp32" : output.type},
                       {"error", error_json(output.error)}});
  const OutputCheck sum = check_total(network);
  return {{"outputs", std::move(outputs)},
          {"computed", sum.outputs},
          {"checked", sum.checked},
          {"wrong", sum.wrong},
          {"overflows", sum.overflows}};
}

/// Adds a pass so many times; tokens and images too.
void add(const PassResult& pass, PassResult& sum) {
  const Costs& costs = pass;
  sum += costs * pass.weight;
  sum.phase = pass.phase;
  sum.tokens += pass.tokens * pass.weight;
  sum.images += pass.images * pass.weight;
}

}  // namespace

std::vector<KindTotals> kind_totals(const NetworkResult& network) {
  std::vector<KindTotals> kinds;
  const bool phases = network.passes.size() > 1;
  double peak = 0;
  for (const LayerResult& r : network.layers) peak = std::max(peak, r.peak_macs_per_s);
  for (const LayerResult& r : network.layers) {
    const std::string name = phases ? r.phase + "/" + r.kind : r.kind;
    auto found = std::find_if(kinds.begin(), kinds.end(),
                              [&](const KindTotals& k) { return k.name == name; });
    if (found == kinds.end()) {
      kinds.emplace_back();
      kinds.back().name = name;
      found = std::prev(kinds.end());
    }
    *found += costs_of(r, r.repeat);
    found->slots +=
        r.time_s * static_cast<double>(r.repeat) * (r.op.empty() ? r.peak_macs_per_s : peak);
  }
  return kinds;
}

PassResult phase_total(const NetworkResult& network, const std::string& phase) {
  PassResult sum;
  for (const PassResult& pass : network.passes)
    if (pass.phase == phase) add(pass, sum);
  return sum;
}

OutputCheck check_total(const NetworkResult& network) {
  OutputCheck sum;
  for (const LayerResult& layer : network.layers) {
    if (!layer.check || !layer.op.empty()) continue;
    OutputCheck check = *layer.check;
    if (check.wrong > 0) check.first_difference = layer.name + ": " + check.first_difference;
    sum += check;
  }
  return sum;
}

UnitCost unit_cost(const NetworkResult& network, const PassResult& pass) {
  UnitCost cost;
  cost.unit = pass.tokens > 0 ? "token" : "image";
  cost.count = static_cast<double>(pass.tokens > 0 ? pass.tokens : pass.images);
  if (cost.count == 0 || pass.time_s <= 0) return cost;
  cost.per_s = cost.count / pass.time_s;
  cost.joules = pass.energy_pj * 1e-12 / cost.count;
  cost.bytes = static_cast<double>(pass.moved_bytes) / cost.count;
  cost.limit_per_s = cost.bytes > 0 ? peak_bytes_per_s(network) / cost.bytes : 0;
  return cost;
}

double layer_cycles(const LayerResult& r) {
  return static_cast<double>(r.outcome.cycles.value * r.repeat);
}
double layer_energy(const LayerResult& r) {
  return r.energy.total.value * static_cast<double>(r.repeat);
}
double layer_bytes(const LayerResult& r) { return static_cast<double>(r.moved_bytes() * r.repeat); }

std::vector<const LayerResult*> largest_layers(const NetworkResult& network, std::size_t count,
                                               double (*amount)(const LayerResult&)) {
  std::vector<const LayerResult*> layers;
  for (const LayerResult& r : network.layers) layers.push_back(&r);
  std::stable_sort(layers.begin(), layers.end(), [&](const LayerResult* a, const LayerResult* b) {
    return amount(*a) > amount(*b);
  });
  layers.resize(std::min(count, layers.size()));
  return layers;
}

json::object network_json(const NetworkResult& network) {
  json::object out{{"name", network.name}};
  json::object parameters;
  for (const auto& [name, value] : network.parameters) parameters[name] = value;
  out["parameters"] = std::move(parameters);
  json::array kinds, passes;
  for (const KindTotals& kind : kind_totals(network)) kinds.push_back(kind_json(kind));
  out["kinds"] = std::move(kinds);
  out["largest"] = {{"cycles", top_json(network, layer_cycles)},
                    {"energy_pj", top_json(network, layer_energy)},
                    {"dram_bytes", top_json(network, layer_bytes)}};
  const NetworkMemory& m = network.memory;
  out["memory"] = {{"weights_bytes", m.weights},
                   {"kv_cache_bytes", m.kv_cache},
                   {"activations_bytes", m.activations},
                   {"total_bytes", m.total()},
                   {"capacity_bytes", network.capacity_bytes},
                   {"fits", m.total() <= network.capacity_bytes}};
  out["simulated_layers"] = network.simulated;
  if (!network.outputs.empty()) out["values"] = values_json(network);
  const bool generates = network.passes.size() > 1;
  if (generates) {
    const PassResult prefill = phase_total(network, "prefill");
    out["time_to_first_token_s"] = prefill.time_s;
    out["prefill"] = pass_json(network, prefill);
    out["decode"] = pass_json(network, phase_total(network, "decode"));
    for (const PassResult& pass : network.passes) passes.push_back(pass_json(network, pass));
    out["passes"] = std::move(passes);
  } else if (!network.passes.empty()) {
    out["pass"] = pass_json(network, network.passes.front());
  }
  return out;
}

}  // namespace bitjoule
