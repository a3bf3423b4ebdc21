#include "core/mapping/memory_port.h"

#include <memory>
#include <variant>

#include "core/clock.h"
#include "core/dram/standard.h"

namespace bitjoule {
namespace {

/// A timing parameter of a cycle-level DRAM; 0 where it has none by that name.
Femtoseconds timing(const DramConfig& dram, const char* name) {
  const auto* cycle = std::get_if<CycleDramConfig>(&dram.model);
  if (cycle == nullptr) return Femtoseconds(0);
  const auto found = cycle->timing.values.find(name);
  return found == cycle->timing.values.end() ? Femtoseconds(0) : cycle->timing.tCK * found->second;
}

/// Of one read that finds its row closed, first request to first data.
Femtoseconds access_latency(const DramConfig& dram) {
  if (const auto* ideal = std::get_if<IdealDramConfig>(&dram.model)) return ideal->latency;
  return timing(dram, "tRCD") + timing(dram, "CL");
}

}  // namespace

MemoryPort memory_port(const DramConfig& dram, Hertz clock) {
  MemoryPort port;
  const Clock core = Clock::from_frequency(clock);
  const auto set_rate = [&](std::int64_t burst_bytes, BytesPerSecond peak, Bytes capacity) {
    port.burst_bytes = burst_bytes;
    port.bytes_per_cycle = static_cast<double>(peak.value) / static_cast<double>(clock.value);
    port.capacity = capacity;
  };
  port.latency_cycles = core.at_or_after(access_latency(dram)).value;
  port.row_cycles = core.at_or_after(timing(dram, "tRCD")).value;
  port.core_period = core.edge(Cycles(1));
  port.hit_latency = port.write_latency = static_cast<double>(port.latency_cycles);
  if (const auto* ideal = std::get_if<IdealDramConfig>(&dram.model)) {
    set_rate(ideal->burst.value, ideal->bandwidth, ideal->capacity);
  } else {
    const auto& cycle = std::get<CycleDramConfig>(dram.model);
    const DramStandard standard = resolve_standard(cycle);
    set_rate(standard.burst_bytes, peak_bandwidth(standard), Bytes(standard.capacity));
    const double burst = static_cast<double>(port.burst_bytes) / port.bytes_per_cycle;
    const DramOrganization& o = cycle.organization;
    port.ranks = o.channels * o.ranks;
    port.banks_per_rank = standard.banks_per_rank;
    const auto cycles = [&](std::initializer_list<const char*> names) {
      double sum = 0;
      for (const char* name : names) sum += static_cast<double>(timing(dram, name).value);
      return sum / static_cast<double>(port.core_period.value);
    };
    const double tick =
        static_cast<double>(cycle.timing.tCK.value) / static_cast<double>(port.core_period.value);
    // Accepted in one clock, its command in the next; the burst's own time is counted with all.
    const auto latency = [&](std::int64_t command_to_data) {
      return tick * static_cast<double>(1 + command_to_data + standard.burst_cycles) - burst;
    };
    port.hit_latency = latency(standard.read_latency);
    port.write_latency = latency(standard.write_latency);
    port.open_latency = cycles({"tRP", "tRCD"});  // the bank has another row open
    if (cycle.controller.refresh == RefreshPolicy::kAllBank) {
      port.refresh_cycles = cycles({"tREFI"});
      port.refresh_busy = cycles({"tRFC"});
      const bool all = cycle.timing.values.count("tRPab") != 0;
      port.refresh_lost = cycles({"tRTP", all ? "tRPab" : "tRP", "tRFC", "tRCD"}) - burst;
    }
    port.sampled = std::make_shared<const DramConfig>(dram);
  }
  return port;
}

RankTimes assumed_rank_times(const MemoryPort& m, std::int64_t cycles) {
  RankTimes times;
  if (m.refresh_cycles > 0) {
    times.refreshes =
        static_cast<std::int64_t>(static_cast<double>(cycles) / m.refresh_cycles) * m.ranks;
    times.refreshing =
        static_cast<std::int64_t>(static_cast<double>(times.refreshes) * m.refresh_busy);
  }
  times.open = cycles * m.ranks - times.refreshing;
  times.open_banks = times.open * m.banks_per_rank;
  return times;
}

DramConfig without_stops(DramConfig dram) {
  if (auto* cycle = std::get_if<CycleDramConfig>(&dram.model))
    if (cycle->controller.refresh == RefreshPolicy::kAllBank)
      cycle->controller.refresh = RefreshPolicy::kNone;
  return dram;
}

}  // namespace bitjoule
