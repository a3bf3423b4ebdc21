#include <fmt/format.h>

#include <algorithm>

#include "core/numeric/tensor_values.h"
#include "run/network_totals.h"
#include "sim/config/utf8.h"
#include "sim/output/text.h"
#include "sim/report/dram_text.h"
#include "sim/report/summary.h"

namespace bitjoule {
namespace {

constexpr std::size_t kShown = 5;  // the file has ten

/// How fast, what it costs, and how far below what the memory allows.
std::string pass_text(const NetworkResult& network, const PassResult& pass) {
  const UnitCost c = unit_cost(network, pass);
  std::string text =
      fmt::format("{} {}s/s, {} and {} of DRAM traffic per {}", digits_text(c.per_s), c.unit,
                  joules_text(c.joules * 1e12, price_unit_of(network.layers)),
                  bytes_text(static_cast<std::int64_t>(c.bytes)), c.unit);
  text += fmt::format("\n{:13}the DRAM's peak allows {} {}s/s for so many bytes: {} of it", "",
                      digits_text(c.limit_per_s), c.unit, percent(c.per_s / c.limit_per_s));
  text += fmt::format("\n{:13}cycles by {}", "", stalls_text(pass.stalls));
  text += fmt::format("\n{:13}bound by {}", "", bound_text(pass.evidence));
  if (pass.ahead_bytes > 0)
    text += fmt::format("\n{:13}{} of weights per {} fetched while the layer ahead ran", "",
                        bytes_text(pass.ahead_bytes / static_cast<std::int64_t>(c.count)), c.unit);
  if (pass.kv_read_bytes + pass.kv_written_bytes > 0)
    text +=
        fmt::format("\n{:13}KV cache: {} read, {} written per {}", "",
                    bytes_text(pass.kv_read_bytes / static_cast<std::int64_t>(c.count)),
                    bytes_text(pass.kv_written_bytes / static_cast<std::int64_t>(c.count)), c.unit);
  return text;
}

std::string kinds_table(const NetworkResult& network) {
  std::string out = fmt::format("{:<20} {:>16} {:>7} {:>10} {:>10} {:>8}  {}\n", "kind", "cycles",
                                "share", "energy", "traffic", "use", "bound by");
  const std::vector<KindTotals> kinds = kind_totals(network);
  std::int64_t cycles = 0;
  for (const KindTotals& k : kinds) cycles += k.cycles;
  for (const KindTotals& k : kinds)
    out += fmt::format(
        "{:<20} {:>16} {:>7} {:>10} {:>10} {:>8}  {}\n", printable_line(k.name),
        with_commas(k.cycles), percent(static_cast<double>(k.cycles) / static_cast<double>(cycles)),
        joules_text(k.energy_pj, price_unit_of(network.layers)), bytes_text(k.moved_bytes),
        percent(k.slots > 0 ? static_cast<double>(k.counts.macs) / k.slots : 0),
        bound_name(k.evidence));
  return out;
}

std::string memory_text(const NetworkResult& network) {
  const NetworkMemory& m = network.memory;
  std::string text = fmt::format(
      "weights {}, {}activations {} at once: {} of {}", bytes_text(m.weights),
      m.kv_cache == 0 ? "" : "KV cache " + bytes_text(m.kv_cache) + ", ", bytes_text(m.activations),
      bytes_text(m.total()), bytes_text(network.capacity_bytes));
  if (m.total() > network.capacity_bytes) text += "\nwarning: the network does NOT FIT the DRAM";
  return text;
}

/// Values on: the oracle's word on the layers, and the outputs against float64.
std::string values_text(const NetworkResult& network) {
  std::string text = check_text(check_total(network));
  for (const NetworkOutputValues& output : network.outputs) {
    const Quality& q = output.error;
    text += fmt::format("\n{:13}output {} ({}): {}", "", printable_line(output.name),
                        shape_text(output.shape), sqnr_words(q));
    if (q.count > 0)
      text += fmt::format(", error at most {:.3g}, {:.3g} on average", q.max_abs, q.mean_abs);
  }
  return text;
}

}  // namespace

std::string network_summary(const RunConfig& run, const NetworkResult& network) {
  std::string out;
  const auto line = [&out](const std::string& name, const std::string& text) {
    out += fmt::format("{:<12} {}\n", name, text);
  };
  Costs all;
  std::int64_t layers = 0;
  for (const LayerResult& r : network.layers) {
    all += costs_of(r, r.repeat);
    layers += r.repeat;
  }
  line("run", run_title(run.name, run.accelerator.name));
  const bool estimated = run.options.fidelity == Fidelity::kEstimate;
  line("network",
       fmt::format("{}: {} layers run, {} of them {}; {} MACs", printable_line(network.name),
                   with_commas(layers), with_commas(network.simulated),
                   estimated ? "estimated" : "simulated", with_commas(all.counts.macs)));
  line("cycles", fmt::format("{} ({} at {})", with_commas(all.cycles), si(all.time_s, "s"),
                             si(static_cast<double>(run.accelerator.clock.value), "Hz")) +
                     estimate_text(run));
  line("energy",
       fmt::format("{} ({}, by {}{})", joules_text(all.energy_pj, run.energy->unit),
                   energy_kinds(network.layers), run.energy->name, bounds_text(network.layers)));
  out += energy_notes(network.layers);
  if (const std::string zeros = multipliers_text(run, network.layers); !zeros.empty())
    line("multipliers", zeros);
  line("power", power_text(run, network.layers));
  if (const std::string area = area_line(run); !area.empty()) line("area", area);
  if (!network.layers.empty()) line("DRAM prices", dram_prices_text(network.layers));
  if (const std::string unpriced = unpriced_text(run, network.layers); !unpriced.empty())
    line("not priced", unpriced);
  line("memory", memory_text(network));
  if (!network.outputs.empty()) line("values", values_text(network));
  if (is_generation(network)) {
    const PassResult prefill = phase_total(network, "prefill");
    line("prefill", fmt::format("first token after {}", si(prefill.time_s, "s")) +
                        fmt::format("\n{:13}", "") + pass_text(network, prefill));
    line("decode", pass_text(network, phase_total(network, "decode")));
  } else {
    const PassResult pass = whole_pass(network);
    line(pass.phase.empty() ? "inference" : pass.phase, pass_text(network, pass));
  }
  const DramStats dram = estimated ? DramStats() : dram_of_layers(network.layers);
  if (const std::string rows = dram_rows_text(dram); !rows.empty()) {
    line("dram rows", rows);
    line("data bus", dram_bus_text(dram.bus));
  }
  out += kinds_table(network);
  line("slowest", "");
  for (const LayerResult* layer : largest_layers(network, kShown, layer_cycles))
    out += fmt::format("  {:<34} {:>5} x {:>14} cycles, {} bound\n", printable_line(layer->name),
                       layer->repeat, with_commas(layer->outcome.cycles.value), layer->bound());
  return out;
}

}  // namespace bitjoule
