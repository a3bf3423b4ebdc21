#include "core/mapping/memory_port.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "core/clock.h"
#include "core/dram/standard.h"
#include "core/index.h"

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
    port.sampled = std::make_shared<const ResolvedDram>(dram);
    const DramStandard& standard = *port.sampled->standard();
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
    } else if (cycle.controller.refresh == RefreshPolicy::kPerBank) {
      port.bank_refresh_cycles = cycles({"tREFIpb"});
      port.bank_refresh_busy = cycles({"tRFCpb"});
    }
    port.rank_refreshes = standard.banks_per_rank / standard.banks_per_refresh;
    if (cycle.controller.page_policy == PagePolicy::kClosed)
      port.row_open_cycles = cycles({"tRAS"});
  }
  return port;
}

DramStats estimated_dram(const MemoryPort& m, const DramWork& work, std::int64_t cycles) {
  DramStats s;
  s.ranks = m.ranks;
  s.period = m.core_period;
  s.cycles = cycles;
  s.reads = work.reads;
  s.writes = work.writes;
  s.read_bytes = work.reads * m.burst_bytes;
  s.write_bytes = work.writes * m.burst_bytes;
  const auto count = [&s](DramCommand c) -> std::int64_t& {
    return s.commands[at(std::int64_t(c))];
  };
  count(DramCommand::kRead) = work.reads;
  count(DramCommand::kWrite) = work.writes;
  count(DramCommand::kAct) = work.activates;
  const auto times = [](std::int64_t n, double length) {
    return static_cast<std::int64_t>(static_cast<double>(n) * length);
  };
  const auto refreshes = [&](double interval) {
    return interval > 0
               ? static_cast<std::int64_t>(static_cast<double>(cycles) / interval) * m.ranks
               : 0;
  };
  count(DramCommand::kRefAll) = refreshes(m.refresh_cycles);
  count(DramCommand::kRefBank) = refreshes(m.bank_refresh_cycles);
  s.rank_refreshes = m.rank_refreshes;
  s.states.refreshing = times(count(DramCommand::kRefAll), m.refresh_busy);
  const std::int64_t time = cycles * m.ranks - s.states.refreshing;
  if (work.open.share >= 0) {
    s.states.open = times(time, work.open.share);
    s.states.closed = time - s.states.open;
    s.states.open_banks = times(time, work.open.banks);
  } else if (m.row_open_cycles > 0) {
    s.states.open_banks = times(work.activates, m.row_open_cycles);
    s.states.open = std::min(time, s.states.open_banks);
    s.states.closed = time - s.states.open;
  } else {
    s.states.open = time;
    s.states.open_banks = time * m.banks_per_rank -
                          times(count(DramCommand::kRefBank) * m.banks_per_rank / m.rank_refreshes,
                                m.bank_refresh_busy);
  }
  return s;
}

ResolvedDram without_stops(DramConfig dram) {
  if (auto* cycle = std::get_if<CycleDramConfig>(&dram.model))
    if (cycle->controller.refresh == RefreshPolicy::kAllBank)
      cycle->controller.refresh = RefreshPolicy::kNone;
  return ResolvedDram(std::move(dram));
}

}  // namespace bitjoule
