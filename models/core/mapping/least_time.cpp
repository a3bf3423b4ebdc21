#include "core/mapping/least_time.h"

#include <algorithm>

#include "core/mapping/real.h"
#include "core/mapping/tile_time.h"

namespace bitjoule {

LeastTime::LeastTime(const MappingProblem& p) : m_(p.memory) {
  const MemoryPort& m = m_;
  const DmaConfig& dma = p.machine.dma;
  const double bursts = real(dma.bursts_per_request(m.burst_bytes));  // of the largest request
  const double peak = real(m.burst_bytes) / m.bytes_per_cycle;
  const double latency = std::min(m.hit_latency, m.write_latency);
  const double taken = 1 / (bursts * real(dma.requests_per_cycle));
  // Little's law: no more than `outstanding` are under way, each as long as this at least.
  const double served = std::max(peak, (latency / bursts + peak) / real(dma.outstanding));
  const double available = m.refresh_cycles > 0 ? 1 - m.refresh_lost / m.refresh_cycles : 1;
  open_ = m.hit_latency + m.open_latency;
  burst_ = std::max(served, taken);
  refreshed_burst_ = std::max(served / available, taken);
  output_interval_ = real(output_interval(p));
  output_latency_ = real(p.machine.output_unit.latency.value);
}

double LeastTime::memory(double bursts) const {
  if (bursts <= 0) return 0;
  const double without = open_ + bursts * burst_;
  return m_.refreshes(without) ? open_ + bursts * refreshed_burst_ : without;
}

double LeastTime::around_array(double first_bursts, double cycles, double batches,
                               double last_bursts) const {
  const double lead = first_bursts > 0 ? open_ + first_bursts * burst_ + kHandover : 0;
  const double converted = kHandover + output_latency_ + batches * output_interval_;
  const double stored = last_bursts > 0 ? kHandover + m_.write_latency + last_bursts * burst_ : 0;
  return lead + cycles + converted + stored;
}

}  // namespace bitjoule
