#include "sim/commands/dram_report.h"

#include <fmt/format.h>

#include "core/dram/actions.h"
#include "sim/config/writer.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule {
namespace {

struct Share {
  const char* name;
  std::int64_t DataBusCycles::*cycles;
};
constexpr Share kShares[] = {
    {"busy", &DataBusCycles::busy},         {"refresh", &DataBusCycles::refresh},
    {"activate", &DataBusCycles::activate}, {"turnaround", &DataBusCycles::turnaround},
    {"column", &DataBusCycles::column},     {"idle", &DataBusCycles::idle},
};

std::int64_t bus_cycles(const DataBusCycles& bus) {
  std::int64_t sum = 0;
  for (const Share& share : kShares) sum += bus.*share.cycles;
  return sum;
}

/// In one channel: each has a data bus, whose clocks are those of the channel.
double mean_queued(const DramStats& s) {
  const std::int64_t clocks = bus_cycles(s.bus);
  return clocks == 0 ? 0.0 : static_cast<double>(s.queued_cycles) / static_cast<double>(clocks);
}

boost::json::object latency_json(const DramStats& s) {
  const Histogram& h = s.latency;
  return {
      {"min", h.min()},           {"mean", h.mean()},
      {"p50", h.percentile(0.5)}, {"p99", h.percentile(0.99)},
      {"max", h.max()},           {"unit_s", static_cast<double>(s.latency_unit.value) * 1e-15}};
}

boost::json::object timeline_json(const DramStats& s) {
  const double bin =
      static_cast<double>(s.timeline.bin_cycles()) * static_cast<double>(s.period.value) * 1e-15;
  boost::json::array reads(s.timeline.read_bytes().begin(), s.timeline.read_bytes().end());
  boost::json::array writes(s.timeline.write_bytes().begin(), s.timeline.write_bytes().end());
  return {{"bin_s", bin}, {"read_bytes", std::move(reads)}, {"write_bytes", std::move(writes)}};
}

boost::json::object energy_by_activity(const EnergyReport& energy) {
  boost::json::object out;
  boost::json::array unpriced;
  for (const PricedAction& a : energy.actions) {
    if (a.unit.origin == PriceOrigin::kUnpriced) {
      unpriced.emplace_back(a.action.activity);
    } else if (a.unit.origin != PriceOrigin::kIncluded) {
      out[a.action.activity + "_pj"] = a.energy.value;
    }
  }
  out["total_pj"] = energy.total.value;
  out["unpriced"] = std::move(unpriced);
  return out;
}

}  // namespace

boost::json::object dram_stats_json(const DramStats& s, bool is_cycle) {
  boost::json::object out{{"latency", latency_json(s)}, {"timeline", timeline_json(s)}};
  if (!is_cycle) return out;
  out["row_hits"] = s.row_hits;
  out["row_misses"] = s.row_misses;
  out["row_conflicts"] = s.row_conflicts;
  boost::json::object commands;
  for (std::size_t i = 0; i < s.commands.size(); ++i)
    commands[kDramCommandNames[i]] = s.commands[i];
  commands["CAS"] = s.data_clock_syncs;
  out["commands"] = std::move(commands);
  out["queue"] = {{"mean", mean_queued(s)}, {"max", s.max_queued}};
  boost::json::object bus;
  for (const Share& share : kShares) bus[share.name] = s.bus.*share.cycles;
  out["data_bus_cycles"] = std::move(bus);
  return out;
}

DramReport make_dram_report(const DramConfig& config, const DramEngine& engine,
                            const DramStats& stats) {
  DramReport r;
  r.config = config;
  r.stats = stats;
  r.seconds = engine.clock().seconds(Cycles(stats.cycles));
  const auto bytes = static_cast<double>(stats.read_bytes + stats.write_bytes);
  r.bandwidth = r.seconds > 0 ? bytes / r.seconds : 0.0;
  r.peak = static_cast<double>(engine.peak_bandwidth().value);
  if (config.energy) {
    EnergyTable table;
    table.name = config.name;
    table.dram = *config.energy;
    Counts counts;
    append_dram_bits(stats, &counts);
    append_dram_commands(stats, &counts);
    r.energy = price(counts, table);
  }
  return r;
}

std::string dram_json(const DramReport& r) {
  const bool is_cycle = std::holds_alternative<CycleDramConfig>(r.config.model);
  boost::json::object out{{"schema_version", 1},
                          {"config", to_json(r.config)},
                          {"cycles", r.stats.cycles},
                          {"time_s", r.seconds},
                          {"read_bytes", r.stats.read_bytes},
                          {"write_bytes", r.stats.write_bytes},
                          {"bandwidth_bytes_per_s", r.bandwidth},
                          {"peak_bytes_per_s", r.peak}};
  for (auto& [key, value] : dram_stats_json(r.stats, is_cycle)) out[key] = std::move(value);
  out["energy"] = energy_by_activity(r.energy);
  return json_text(out);
}

std::string dram_text(const DramReport& r) {
  const DramStats& s = r.stats;
  const bool is_cycle = std::holds_alternative<CycleDramConfig>(r.config.model);
  std::string out = fmt::format(
      "{}\n  {} bytes read, {} written in {} {} = {:.6g} us\n"
      "  bandwidth   {:.4g} GB/s of {:.4g} GB/s ({:.2f} %)\n"
      "  latency     min {}, mean {:.1f}, p50 {}, p99 {}, max {} {}\n",
      r.config.name, s.read_bytes, s.write_bytes, s.cycles, is_cycle ? "cycles" : "fs",
      r.seconds * 1e6, r.bandwidth * 1e-9, r.peak * 1e-9,
      r.peak > 0 ? 100.0 * r.bandwidth / r.peak : 0.0, s.latency.min(), s.latency.mean(),
      s.latency.percentile(0.5), s.latency.percentile(0.99), s.latency.max(),
      is_cycle ? "cycles" : "ns");
  if (is_cycle) {
    out += fmt::format("  rows        {} hits, {} misses, {} conflicts\n", s.row_hits, s.row_misses,
                       s.row_conflicts);
    out += "  commands   ";
    for (std::size_t i = 0; i < s.commands.size(); ++i) {
      out += fmt::format(" {} {}", kDramCommandNames[i], s.commands[i]);
    }
    out +=
        fmt::format(" CAS {}\n  queue       mean {:.2f}, max {} bursts per channel\n  data bus   ",
                    s.data_clock_syncs, mean_queued(s), s.max_queued);
    const auto all = static_cast<double>(bus_cycles(s.bus));
    for (const Share& share : kShares) {
      const auto part = static_cast<double>(s.bus.*share.cycles);
      out += fmt::format(" {} {:.2f} %", share.name, all > 0 ? 100.0 * part / all : 0.0);
    }
    out += "\n";
  }
  if (r.config.energy) {
    out += fmt::format("  energy      {:.6g} uJ", r.energy.total.value * 1e-6);
    for (const PricedAction& a : r.energy.actions) {
      if (a.unit.origin == PriceOrigin::kUnpriced) out += ", without " + a.action.activity;
    }
    out += "\n";
  } else {
    out += "  energy      not priced: the DRAM file names no `energy`\n";
  }
  return out;
}

}  // namespace bitjoule
