#include "run/power.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

/// Energies of bins as powers: bins last `width` cycles, the last of them until `end`, where the
/// run ends. What lies beyond, as layers end within a clock of the memory, or in less than a clock
/// before it, is of the bin ahead as well.
std::vector<double> powers(std::vector<double> energy, double width, double end, double cycle_s) {
  std::size_t bins = energy.size();
  while (bins > 1 && static_cast<double>(bins - 1) * width >= end) {
    energy[bins - 2] += energy[bins - 1];
    energy[--bins] = 0;
  }
  const double first = static_cast<double>(bins - 1) * width;  // of the last bin
  std::vector<double> watts(energy.size());
  for (std::size_t i = 0; i < bins; ++i)
    watts[i] =
        energy[i] * 1e-12 / (std::min(width, end - static_cast<double>(i) * width) * cycle_s);
  if (bins > 1 && end - first < 1)
    watts[bins - 1] = watts[bins - 2] =
        (energy[bins - 1] + energy[bins - 2]) * 1e-12 / ((end - first + width) * cycle_s);
  return watts;
}

PowerTimeline power_of(const std::vector<Stretch>& stretches) {
  std::vector<DramEpochs> epochs;
  for (const Stretch& s : stretches) epochs.push_back({&*s.layer->outcome.dram, s.times});
  const DramStats sum = sum_of_epochs(epochs);
  const std::vector<std::int64_t>&reads = sum.timeline.read_bytes(),
        &writes = sum.timeline.write_bytes();
  PowerTimeline power;
  const double cycle_s = static_cast<double>(sum.period.value) * 1e-15;
  const auto width = static_cast<double>(sum.timeline.bin_cycles());
  power.bin_s = width * cycle_s;
  std::vector<double> energy(std::max(reads.size(), writes.size()));
  if (energy.empty() || !(cycle_s > 0)) return power;
  double end = 0;
  for (const Stretch& s : stretches)
    end += s.layer->time_s / cycle_s * static_cast<double>(s.times);
  energy.resize(std::max(energy.size(), static_cast<std::size_t>(std::ceil(end / width))));
  double at = 0, traffic = 0, bytes = 0;  // `at` in clocks of the memory, of the time that passed
  for (const Stretch& s : stretches) {
    if (!(s.layer->time_s > 0) || s.times <= 0) continue;
    const auto times = static_cast<double>(s.times);
    const double moved = traffic_pj(*s.layer);
    const double next = at + s.layer->time_s / cycle_s * times;
    spread((s.layer->energy.total.value - moved) * times, at, next, width, &energy);
    traffic += moved * times;
    at = next;
  }
  if (!(at > 0)) return power;
  for (std::size_t i = 0; i < energy.size(); ++i)
    bytes += static_cast<double>(reads[i] + writes[i]);
  for (std::size_t i = 0; i < energy.size() && bytes > 0; ++i)
    energy[i] += traffic * static_cast<double>(reads[i] + writes[i]) / bytes;
  power.watts = powers(std::move(energy), width, at, cycle_s);
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
