#include "core/result/costs.h"

#include <algorithm>

namespace bitjoule {

Costs& Costs::operator+=(const Costs& other) {
  cycles += other.cycles;
  compute_cycles += other.compute_cycles;
  time_s += other.time_s;
  energy_pj += other.energy_pj;
  array_macs += other.array_macs;
  vector_s += other.vector_s;
  peak_macs_per_s = std::max(peak_macs_per_s, other.peak_macs_per_s);
  peak_bytes_per_s = other.peak_bytes_per_s;
  moved_bytes += other.moved_bytes;
  ahead_bytes += other.ahead_bytes;
  kv_read_bytes += other.kv_read_bytes;
  kv_written_bytes += other.kv_written_bytes;
  stalls += other.stalls;
  evidence += other.evidence;
  counts += other.counts;
  traffic += other.traffic;
  return *this;
}

double Costs::utilization() const {
  const double most = array_macs + vector_s * peak_macs_per_s;
  return most > 0 ? static_cast<double>(counts.macs) / most : 0;
}

Costs operator*(Costs costs, std::int64_t n) {
  for (std::int64_t* count : {&costs.cycles, &costs.compute_cycles, &costs.moved_bytes,
                              &costs.ahead_bytes, &costs.kv_read_bytes, &costs.kv_written_bytes})
    *count *= n;
  for (double* amount : {&costs.time_s, &costs.energy_pj, &costs.array_macs, &costs.vector_s})
    *amount *= static_cast<double>(n);
  costs.stalls *= n;
  costs.evidence *= n;
  costs.counts *= n;
  costs.traffic *= n;
  return costs;
}

}  // namespace bitjoule
