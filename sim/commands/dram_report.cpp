#include "sim/commands/dram_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/dram/actions.h"
#include "core/dram/priced_device.h"
#include "core/energy/unpriced.h"
#include "core/enums.h"
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

bool is_priced(const PricedAction& a) {
  return a.unit.origin == PriceOrigin::kQuoted || a.unit.origin == PriceOrigin::kDerived;
}

/// What the lines to and from the memory take, apart from its core.
bool is_interface(const PricedAction& a) {
  return a.action.primitive == Primitive::kDramRead || a.action.primitive == Primitive::kDramWrite;
}

bool is_background(const PricedAction& a) { return a.action.activity.rfind("background", 0) == 0; }

template <class Which>
Picojoules sum_of(const EnergyReport& energy, Which which) {
  Picojoules sum;
  for (const PricedAction& a : energy.actions)
    if (is_priced(a) && which(a)) sum += a.energy;
  return sum;
}

/// Prices per bit tell no interface apart.
bool has_commands(const DramReport& r) {
  return r.config.energy && std::holds_alternative<DramPerCommand>(r.config.energy->scheme);
}

const char* activity_of(const PricedAction& a, bool commands) {
  if (!commands || !is_interface(a)) return a.action.activity.c_str();
  return a.action.primitive == Primitive::kDramRead ? "read_io" : "write_io";
}

boost::json::object energy_json(const DramReport& r) {
  boost::json::object out;
  boost::json::array unpriced, prices;
  const bool commands = has_commands(r);
  for (const PricedAction& a : r.energy.actions) {
    if (a.unit.origin == PriceOrigin::kUnpriced) unpriced.emplace_back(a.action.activity);
    if (!a.unit.lacks.empty()) unpriced.emplace_back(a.action.activity + " of " + a.unit.lacks);
    if (!is_priced(a)) continue;
    const std::string activity = activity_of(a, commands);
    if (activity != "background") out[activity + "_pj"] = a.energy.value;
    prices.push_back({{"activity", activity},
                      {"count", a.action.count},
                      {"unit_pj", a.unit.energy.value},
                      {"uncertainty", a.unit.uncertainty},
                      {"why", a.unit.why}});
  }
  if (commands) {
    out["background_pj"] = sum_of(r.energy, is_background).value;
    out["io_pj"] = sum_of(r.energy, is_interface).value;
    out["core_pj"] = (r.energy.total - sum_of(r.energy, is_interface)).value;
  }
  out["total_pj"] = r.energy.total.value;
  if (r.config.energy) {
    out["low_pj"] = r.low.value;
    out["high_pj"] = r.high.value;
    out["boundary"] = enum_name(boundary_of(*r.config.energy));
  }
  out["unpriced"] = std::move(unpriced);
  out["prices"] = std::move(prices);
  return out;
}

/// A line for each command and state that took energy.
std::string energy_text(const DramReport& r) {
  if (!r.config.energy) return "  energy      not priced: the DRAM file names no `energy`\n";
  const double bits = 8.0 * static_cast<double>(r.stats.read_bytes + r.stats.write_bytes);
  const auto per_bit = [&](Picojoules energy) {
    return bits > 0 ? fmt::format("{:>10.4f} pJ/bit", energy.value / bits) : std::string();
  };
  const double total = r.energy.total.value;
  std::string out = fmt::format(
      "  energy      {:.6g} uJ ({}{})", total * 1e-6, enum_name(boundary_of(*r.config.energy)),
      r.high > r.low ? fmt::format(", {:.4g} to {:.4g} uJ", r.low.value * 1e-6, r.high.value * 1e-6)
                     : "");
  const std::vector<std::string> lacks = dram_kinds(r.energy.by_device->unpriced);
  if (!lacks.empty()) out += fmt::format(", without {}", fmt::join(lacks, ", "));
  out += "\n";
  for (const std::string& note : r.energy.notes) out += fmt::format("    note: {}\n", note);
  for (const PricedAction& a : r.energy.actions) {
    if (!is_priced(a) || a.action.count == 0) continue;
    out += fmt::format("    {:<22}{:>12.6g} uJ {:>6.2f} %{}", activity_of(a, has_commands(r)),
                       a.energy.value * 1e-6, total > 0 ? 100 * a.energy.value / total : 0.0,
                       per_bit(a.energy));
    if (a.unit.uncertainty > 1) out += fmt::format("  within a factor of {:g}", a.unit.uncertainty);
    out += "\n";
  }
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
  out["rank_clocks"] = {{"open", s.states.open},
                        {"closed", s.states.closed},
                        {"refreshing", s.states.refreshing},
                        {"power_down", s.states.power_down},
                        {"open_banks", s.states.open_banks}};
  out["power_downs"] = s.states.power_downs;
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
    Prices prices = make_prices(table, config.name, config.energy, DramPricing::kDevice);
    if (const auto* device = std::get_if<CycleDramConfig>(&config.model))
      prices.notes = device_notes(prices.counted_list()->dram, device->timing, config.name);
    r.energy = price(counts, prices);
    r.low = r.energy.by_device->low;
    r.high = r.energy.by_device->high;
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
  out["energy"] = energy_json(r);
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
    out +=
        fmt::format("\n  ranks       open {}, closed {}, refreshing {}, powered down {} clocks\n",
                    s.states.open, s.states.closed, s.states.refreshing, s.states.power_down);
  }
  out += energy_text(r);
  return out;
}

}  // namespace bitjoule
