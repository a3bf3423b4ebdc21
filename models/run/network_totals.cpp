#include "run/network_totals.h"

#include <algorithm>

namespace bitjoule {
namespace {

double peak_bytes_per_s(const NetworkResult& network) {
  return network.layers.empty() ? 0 : network.layers.front().peak_bytes_per_s;
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

std::vector<KindTotals> kind_totals(const std::vector<LayerResult>& layers, bool by_phase) {
  std::vector<KindTotals> kinds;
  double peak = 0;
  for (const LayerResult& r : layers) peak = std::max(peak, r.peak_macs_per_s);
  for (const LayerResult& r : layers) {
    const std::string name = by_phase ? r.phase + "/" + r.kind : r.kind;
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

std::vector<KindTotals> kind_totals(const NetworkResult& network) {
  return kind_totals(network.layers, is_generation(network));
}

bool is_generation(const NetworkResult& network) {
  return !network.passes.empty() && network.passes.front().phase != network.passes.back().phase;
}

PassResult phase_total(const NetworkResult& network, const std::string& phase) {
  PassResult sum;
  for (const PassResult& pass : network.passes)
    if (pass.phase == phase) add(pass, sum);
  return sum;
}

PassResult whole_pass(const NetworkResult& network) {
  if (network.passes.size() == 1 && network.passes.front().weight == 1)
    return network.passes.front();
  return network.passes.empty() ? PassResult() : phase_total(network, network.passes.front().phase);
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

}  // namespace bitjoule
