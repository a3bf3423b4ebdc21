#include "run/power.h"

#include <algorithm>

#include "core/dram/stats_sum.h"

namespace bitjoule {
namespace {

/// Energy that goes with bytes, not with time.
bool is_traffic(Primitive primitive) {
  switch (primitive) {
    case Primitive::kDramRead:
    case Primitive::kDramWrite:
    case Primitive::kDramPhy:
    case Primitive::kDramActivate:
    case Primitive::kDramReadBurst:
    case Primitive::kDramWriteBurst:
      return true;
    default:
      return false;
  }
}

double traffic_pj(const LayerResult& layer) {
  double sum = 0;
  for (const PricedAction& row : layer.energy.actions)
    if (is_traffic(row.action.primitive)) sum += row.energy.value;
  return sum;
}

struct Stretch {
  const LayerResult* layer;
  std::int64_t times;
};

/// Adds an energy to the bins from `from` to `to`, in cycles, by their share of the time.
void spread(double energy, double from, double to, double width, std::vector<double>* bins) {
  const auto first = static_cast<std::size_t>(from / width);
  for (std::size_t i = first; i < bins->size() && static_cast<double>(i) * width < to; ++i) {
    const double begin = std::max(from, static_cast<double>(i) * width);
    const double end = std::min(to, static_cast<double>(i + 1) * width);
    if (end > begin) (*bins)[i] += energy * (end - begin) / (to - from);
  }
}

PowerTimeline power_of(const std::vector<Stretch>& stretches) {
  std::vector<DramEpochs> epochs;
  for (const Stretch& s : stretches) epochs.push_back({&s.layer->outcome.dram, s.times});
  const DramStats sum = sum_of_epochs(epochs);
  const std::vector<std::int64_t>&reads = sum.timeline.read_bytes(),
        &writes = sum.timeline.write_bytes();
  PowerTimeline power;
  const double cycle_s = static_cast<double>(sum.period.value) * 1e-15;
  const auto width = static_cast<double>(sum.timeline.bin_cycles());
  const auto end = static_cast<double>(sum.cycles);
  power.bin_s = width * cycle_s;
  std::vector<double> energy(std::max(reads.size(), writes.size()));
  if (energy.empty() || end <= 0) return power;
  double at = 0, traffic = 0, bytes = 0;
  for (const Stretch& s : stretches) {
    const DramStats& dram = s.layer->outcome.dram;
    if (dram.cycles <= 0 || s.times <= 0) continue;
    const auto times = static_cast<double>(s.times);
    const double moved = traffic_pj(*s.layer);
    const double next = at + static_cast<double>(dram.cycles) * times;
    spread((s.layer->energy.total.value - moved) * times, at, next, width, &energy);
    traffic += moved * times;
    at = next;
  }
  for (std::size_t i = 0; i < energy.size(); ++i)
    bytes += static_cast<double>(reads[i] + writes[i]);
  for (std::size_t i = 0; i < energy.size(); ++i) {
    if (bytes > 0) energy[i] += traffic * static_cast<double>(reads[i] + writes[i]) / bytes;
    const double length = std::min(width, end - static_cast<double>(i) * width);
    power.watts.push_back(length > 0 ? energy[i] * 1e-12 / (length * cycle_s) : 0);
  }
  return power;
}

}  // namespace

double PowerTimeline::highest() const {
  return watts.empty() ? 0 : *std::max_element(watts.begin(), watts.end());
}

PowerTimeline power_of(const std::vector<LayerResult>& layers) {
  std::vector<Stretch> stretches;
  for (const LayerResult& layer : layers) stretches.push_back({&layer, layer.repeat});
  return power_of(stretches);
}

PowerTimeline power_of(const LayerResult& layer) {
  return power_of(std::vector<Stretch>{{&layer, 1}});
}

}  // namespace bitjoule
