#include "sim/report/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "core/energy/unpriced.h"
#include "core/enums.h"
#include "core/mapping/estimate.h"
#include "run/power.h"
#include "run/run_parts.h"
#include "sim/config/utf8.h"
#include "sim/output/text.h"
#include "sim/report/dram_text.h"

namespace bitjoule {
namespace {

std::string product_text(const LayerResult& r) {
  const GemmExtents& e = r.extents;
  return fmt::format("{}m {} x n {} x k {} = {} MACs in {}; weights {}, activations {}, output {}",
                     e.groups > 1 ? fmt::format("{} groups of ", e.groups) : "", e.m, e.n, e.k,
                     with_commas(e.macs()), r.mac, r.weight_format, r.activation_format,
                     r.output_format);
}

}  // namespace

std::string traffic_text(const DramTraffic& traffic) {
  std::string text;
  for (std::size_t i = 0; i < kTensors; ++i) {
    const auto tensor = static_cast<Tensor>(i);
    const TensorTraffic t = traffic.apart(tensor);
    if (t.read_bytes + t.write_bytes == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", tensor_name(tensor),
                        bytes_text(t.read_bytes + t.write_bytes));
  }
  const std::int64_t padding = traffic.total().padding(traffic.burst_bytes);
  return padding > 0 ? text + ", padding " + bytes_text(padding) : text;
}

std::string stalls_text(const StallBreakdown& stalls) {
  std::vector<std::pair<std::int64_t, Cause>> causes;
  for (std::size_t i = 0; i < kCauses; ++i)
    if (stalls.cycles[i] > 0) causes.emplace_back(stalls.cycles[i], static_cast<Cause>(i));
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [cycles, cause] : causes)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cause_name(cause),
                        percent(static_cast<double>(cycles) / static_cast<double>(stalls.total())));
  return text;
}

std::string run_title(const std::string& name, const std::string& machine) {
  return name.empty() ? "on " + printable_line(machine)
                      : fmt::format("{} on {}", printable_line(name), printable_line(machine));
}

std::string bound_text(const BoundEvidence& evidence) {
  const StallBreakdown& dma = evidence.dma;
  const char* bound = bound_name(evidence);
  std::string text = fmt::format("{}: {}", bound, bound_advice(bound, evidence));
  const std::int64_t dram = dma[Cause::kDramRead] + dma[Cause::kDramWrite];
  const auto total = static_cast<double>(evidence.held.total());
  const std::pair<const char*, std::int64_t> shares[] = {{"the memory's bandwidth", dram},
                                                         {"its window", dma[Cause::kDmaWindow]},
                                                         {"its rate", dma[Cause::kDmaRate]},
                                                         {"latency", dma[Cause::kDramLatency]}};
  std::string held;
  for (const auto& [name, cycles] : shares)
    if (cycles > 0)
      held += fmt::format("{}{} in {}", held.empty() ? "" : ", ", name,
                          percent(static_cast<double>(cycles) / total));
  return held.empty() ? text : text + " (the DMA was held by " + held + " of the cycles)";
}

std::string check_text(const OutputCheck& c) {
  if (c.checked == 0) return "not checked (verify: off)";
  std::string text =
      c.wrong == 0 ? fmt::format("{} of {} outputs equal the oracle's, bit by bit",
                                 with_commas(c.checked), with_commas(c.outputs))
                   : fmt::format("{} of {} outputs DIFFER from the oracle's; {}",
                                 with_commas(c.wrong), with_commas(c.checked), c.first_difference);
  if (c.overflows > 0)
    text += fmt::format("; {} sums LEFT the 32-bit accumulators", with_commas(c.overflows));
  return text;
}

std::string mapping_text(const AcceleratorConfig& machine, const MachineSetting& setting,
                         const Tiling& t) {
  std::string text;
  if (settings(machine).size() > 1) text = "dataflow " + enum_name(setting.dataflow) + "; ";
  std::string pixels = fmt::format("m {}", t.m());
  if (t.batch > 1 || t.out_rows > 1)
    pixels = fmt::format("m {} ({} x {} x {} pixels)", t.m(), t.batch, t.out_rows, t.out_cols);
  text += fmt::format("tile {}{}, n {}, k {}{}; loops {}",
                      t.groups > 1 ? fmt::format("{} groups, ", t.groups) : "", pixels, t.n, t.k,
                      t.input_full_k ? " (inputs hold all of k)" : "", order_name(t.order));
  if (t.fold_order == FoldOrder::kColumnsInnermost) text += "; folds with columns innermost";
  if (t.groups_at_once > 1)
    text += fmt::format("; {} groups on the array at once", t.groups_at_once);
  return text;
}

std::string estimate_text(const RunConfig& run) {
  if (run.options.fidelity != Fidelity::kEstimate) return "";
  return fmt::format(" (estimated; time within {:.3g} % of fast in 95 % of cases)",
                     100 * (run.phases.empty() ? kLayerTimeError : kNetworkTimeError));
}

std::string unpriced_text(const RunConfig& run, const std::vector<LayerResult>& layers) {
  std::vector<std::string> names;
  std::optional<Prices> prices;
  for (const LayerResult& layer : layers) {
    const bool is_priced =
        !layer.energy.actions.empty();  // a network's keep no prices of their own
    if (!is_priced && !prices) prices = prices_of(run);
    std::vector<std::string> own =
        is_priced ? unpriced_names(layer.energy) : unpriced_names(price(layer.counts, *prices));
    for (std::string& name : own)
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

PriceUnit price_unit_of(const std::vector<LayerResult>& layers) {
  return layers.empty() ? PriceUnit::kPicojoule : layers.front().energy.unit;
}

const char* energy_kinds(const std::vector<LayerResult>& layers) {
  const bool has_static = std::any_of(layers.begin(), layers.end(), [](const LayerResult& layer) {
    return layer.energy.fixed.value > 0;
  });
  return has_static ? "dynamic and static" : "dynamic";
}

std::string bounds_text(const std::vector<LayerResult>& layers) {
  double low = 0, high = 0;
  for (const LayerResult& layer : layers) {
    low += layer.energy.low.value * static_cast<double>(layer.repeat);
    high += layer.energy.high.value * static_cast<double>(layer.repeat);
  }
  if (!(high > low)) return "; good for ratios, not for a chip's joules";
  const PriceUnit unit = price_unit_of(layers);
  return fmt::format("; {} to {} if every price is off by its factor", joules_text(low, unit),
                     joules_text(high, unit));
}

std::string energy_notes(const std::vector<LayerResult>& layers) {
  // "what: a, b" of one layer and "what: b, c" of another are one note of a, b and c.
  std::vector<std::pair<std::string, std::vector<std::string>>> all;
  for (const LayerResult& layer : layers)
    for (const std::string& note : layer.energy.notes) {
      const std::size_t colon = note.rfind(": ");
      const std::string what = colon == std::string::npos ? "" : note.substr(0, colon + 2);
      const auto known =
          std::find_if(all.begin(), all.end(), [&](const auto& row) { return row.first == what; });
      auto& names = known == all.end() ? all.emplace_back(what, std::vector<std::string>()).second
                                       : known->second;
      for (std::size_t at = what.size(); at <= note.size();) {
        const std::size_t end = std::min(note.find(", ", at), note.size());
        std::string name = note.substr(at, end - at);
        if (std::find(names.begin(), names.end(), name) == names.end())
          names.push_back(std::move(name));
        at = end + 2;
      }
    }
  std::string out;
  for (const auto& [what, names] : all)
    out += fmt::format("{:<12} {}{}\n", "energy note", what, fmt::join(names, ", "));
  return out;
}

std::string power_text(const RunConfig& run, const std::vector<LayerResult>& layers) {
  double energy = 0, fixed = 0, seconds = 0;
  for (const LayerResult& layer : layers) {
    const auto times = static_cast<double>(layer.repeat);
    energy += layer.energy.total.value * times;
    fixed += layer.energy.fixed.value * times;
    seconds += layer.time_s * times;
  }
  if (!(seconds > 0)) return "no time";
  const PriceUnit unit = price_unit_of(layers);
  const std::string supply =
      run.accelerator.voltage ? fmt::format(", at {} V", run.accelerator.voltage->value) : "";
  const std::string standing = fixed > 0 ? fmt::format(", {} of it leakage and standby",
                                                       watts_text(fixed * 1e-12 / seconds, unit))
                                         : "";
  const std::string peak = run.options.fidelity == Fidelity::kEstimate
                               ? ""
                               : "; at most " + watts_text(power_of(layers).highest(), unit);
  return fmt::format("{} on average{}{}{}", watts_text(energy * 1e-12 / seconds, unit), standing,
                     peak, supply);
}

std::string multipliers_text(const RunConfig& run, const std::vector<LayerResult>& layers) {
  if (const std::optional<OperandDensity>& density = run.options.data.density)
    return fmt::format("a zero is assumed in {} of the MACs (density)",
                       percent(1 - density->inputs * density->weights));
  MachineCounts all;
  for (const LayerResult& layer : layers) {
    MachineCounts counts = layer.outcome.counts;
    all += counts *= layer.repeat;
  }
  if (all.operands[OperandCount::kInputToggles] + all.operands[OperandCount::kZeroMacs] == 0)
    return "";
  const auto per_mac = [&](OperandCount count) {
    return static_cast<double>(all.operands[count]) / static_cast<double>(all.macs);
  };
  return fmt::format(
      "a zero in {} of the MACs (inputs {}, weights {}); {:.3g} bits of inputs and {:.3g} of "
      "weights toggle in each",
      percent(per_mac(OperandCount::kZeroMacs)), percent(per_mac(OperandCount::kInputZeros)),
      percent(per_mac(OperandCount::kWeightZeros)), per_mac(OperandCount::kInputToggles),
      per_mac(OperandCount::kWeightToggles));
}

std::string area_line(const RunConfig& run) {
  const AreaReport area = area_of(run);
  if (!area.has_figures()) return "";
  if (!area.total_mm2())
    return fmt::format("not known: {} mm2 by {} without {}", digits_text(area.known_mm2()),
                       area.table, fmt::join(area.unknown(), "; "));
  return fmt::format("{} mm2 ({} to {}) by {}; `sim area` lists the parts",
                     digits_text(*area.total_mm2()), digits_text(*area.lowest_mm2()),
                     digits_text(*area.highest_mm2()), area.table);
}

std::string run_summary(const RunConfig& run, const std::vector<LayerResult>& results) {
  const LayerResult& r = layer_of(results);
  const double seconds = r.time_s;
  const double achieved = static_cast<double>(r.outcome.counts.macs) / seconds;
  const double moved = static_cast<double>(r.moved_bytes());
  const double intensity = static_cast<double>(r.outcome.counts.macs) / moved;
  const double attainable = std::min(r.peak_macs_per_s, intensity * r.peak_bytes_per_s);
  std::string out;
  const auto line = [&out](const char* name, const std::string& text) {
    out += fmt::format("{:<12} {}\n", name, text);
  };
  line("run", run_title(run.name.empty() ? r.name : run.name, run.accelerator.name));
  line("layer", product_text(r));
  line("mapping", mapping_text(run.accelerator, r.mapping.setting, r.mapping.tiling));
  for (const LayerResult& pass : results)
    if (!pass.op.empty())
      line("beside it",
           fmt::format("{} of {} x {} in the vector unit: {} cycles, {}, {}", pass.name,
                       pass.extents.m, pass.extents.n, with_commas(pass.outcome.cycles.value),
                       bytes_text(pass.moved_bytes()),
                       joules_text(pass.energy.total.value, pass.energy.unit)));
  line("cycles",
       fmt::format("{} ({} at {}); the array alone needs {}", with_commas(r.outcome.cycles.value),
                   si(seconds, "s"), si(static_cast<double>(run.accelerator.clock.value), "Hz"),
                   with_commas(r.compute_cycles)) +
           estimate_text(run));
  line("utilization", fmt::format("{} of {}", percent(achieved / r.peak_macs_per_s),
                                  si(r.peak_macs_per_s, "MAC/s")));
  line("cycles by", stalls_text(r.outcome.stalls));
  line("bound by", bound_text(r.outcome.evidence));
  line("traffic", traffic_text(r.outcome.traffic));
  line("bandwidth",
       fmt::format("{} of {} peak ({})", si(moved / seconds, "B/s"), si(r.peak_bytes_per_s, "B/s"),
                   percent(moved / seconds / r.peak_bytes_per_s)));
  const std::string rows = dram_rows_text(r.outcome.dram);
  if (!rows.empty()) {
    line("DRAM", rows);
    line("data bus", dram_bus_text(r.outcome.dram->bus));
  }
  line("roofline",
       fmt::format("{} MAC/B: at most {} by {}, achieved {} ({})", digits_text(intensity),
                   si(attainable, "MAC/s"),
                   attainable < r.peak_macs_per_s ? "the DRAM's peak" : "the array's peak",
                   si(achieved, "MAC/s"), percent(achieved / attainable)));
  line("energy", fmt::format("{} ({}, by {}{})", joules_text(r.energy.total.value, r.energy.unit),
                             energy_kinds(results), r.energy.table, bounds_text({r})));
  out += energy_notes(results);
  for (const ComponentEnergy& c : r.energy.components)
    out += component_line(
        r.energy, c, 10, joules_text,
        percent(r.energy.total.value > 0 ? c.energy.value / r.energy.total.value : 0));
  line("DRAM prices", dram_prices_text(r.energy));
  if (const std::string zeros = multipliers_text(run, results); !zeros.empty())
    line("multipliers", zeros);
  line("power", power_text(run, results));
  if (const std::string area = area_line(run); !area.empty()) line("area", area);
  if (const std::string unpriced = unpriced_text(run, results); !unpriced.empty())
    line("not priced", unpriced);
  if (!r.check) {
    line("output", "not computed (values: off)");
    return out;
  }
  line("operands",
       fmt::format("inputs {}; weights {}{}", origin_text(r.input_origin, run.options.seed),
                   origin_text(r.weight_origin, run.options.seed),
                   r.bias_origin ? "; bias " + origin_text(*r.bias_origin, run.options.seed) : ""));
  line("output", check_text(*r.check));
  if (r.outputs)
    line("saved", r.outputs->codes.empty()
                      ? "outputs.npy"
                      : fmt::format("outputs.npy, output_codes.npy ({}, scale {})",
                                    r.outputs->format, r.outputs->scale));
  const Quality& q = r.check->error;
  if (r.check->checked > 0)
    line("error", sqnr_words(q) +
                      (q.count == 0 ? ""
                                    : fmt::format(", max {:.3g}, mean {:.3g}, cosine {:.6f}",
                                                  q.max_abs, q.mean_abs, q.cosine)) +
                      " against float64");
  return out;
}

}  // namespace bitjoule
