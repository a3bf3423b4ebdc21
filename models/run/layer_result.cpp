#include "run/layer_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/dram/stats_sum.h"
#include "core/error.h"

namespace bitjoule {

Costs costs_of(const LayerResult& r, std::int64_t times) {
  const auto n = static_cast<double>(times);
  Costs costs;
  costs.cycles = r.outcome.cycles.value * times;
  costs.compute_cycles = r.compute_cycles * times;
  costs.time_s = r.time_s * n;
  costs.energy_pj = r.energy.total.value * n;
  costs.array_macs = r.time_s * n * r.peak_macs_per_s;
  if (!r.op.empty()) costs.vector_s = costs.time_s;
  costs.peak_macs_per_s = r.peak_macs_per_s;
  costs.peak_bytes_per_s = r.peak_bytes_per_s;
  costs.moved_bytes = r.moved_bytes() * times;
  costs.ahead_bytes = r.outcome.handed_on * r.outcome.traffic.burst_bytes * times;
  costs.stalls = r.outcome.stalls;
  costs.stalls *= times;
  costs.evidence = r.outcome.evidence;
  costs.evidence *= times;
  costs.counts = r.outcome.counts;
  costs.counts *= times;
  costs.traffic = r.outcome.traffic;
  costs.traffic *= times;
  return costs;
}

OutputCheck& OutputCheck::operator+=(const OutputCheck& more) {
  if (first_difference.empty()) first_difference = more.first_difference;
  outputs += more.outputs;
  checked += more.checked;
  wrong += more.wrong;
  overflows += more.overflows;
  return *this;
}

DramStats dram_of_layers(const std::vector<LayerResult>& layers) {
  if (layers.size() == 1 && layers[0].repeat == 1) return layers[0].outcome.dram;
  std::vector<DramEpochs> epochs;
  for (const LayerResult& r : layers) epochs.push_back({&*r.outcome.dram, r.repeat});
  return sum_of_epochs(epochs);
}

std::vector<std::string> mapping_notes(const std::vector<LayerResult>& layers) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> names;
  for (const LayerResult& layer : layers)
    for (const std::string& note : layer.mapping.notes) {
      std::vector<std::string>& of = names[note];
      if (of.empty()) order.push_back(note);
      if (std::find(of.begin(), of.end(), layer.name) == of.end()) of.push_back(layer.name);
    }
  for (std::string& note : order) {
    const std::vector<std::string>& of = names[note];
    if (of.front().empty()) continue;
    note += fmt::format(" (layer \"{}\"{})", of.front(),
                        of.size() > 1 ? fmt::format(" and {} more", of.size() - 1) : "");
  }
  return order;
}

void require_verified(const LayerResult& layer) {
  if (!layer.check) return;
  const OutputCheck& check = *layer.check;
  const std::string name = layer.name.empty() ? "" : layer.name + ": ";
  // First, as outputs then differ for that reason.
  if (check.overflows > 0)
    throw Error(
        ErrorKind::kVerification,
        fmt::format("{}{} sums left the range of the 32-bit accumulators", name, check.overflows));
  if (check.wrong > 0)
    throw Error(ErrorKind::kVerification,
                fmt::format("{}{} of {} outputs differ from the oracle; {}", name, check.wrong,
                            check.checked, check.first_difference));
}

}  // namespace bitjoule
