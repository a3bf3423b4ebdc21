#include <fmt/format.h>

#include <algorithm>

#include "core/enums.h"
#include "core/mapping/traffic_bound.h"
#include "sim/config/utf8.h"
#include "sim/output/text.h"
#include "sim/report/summary.h"

namespace bitjoule {
namespace {

std::string path_text(const MappingProblem& p) {
  const DataPath& d = p.path;
  const auto operand = [](const char* name, const OperandPath& o) {
    return fmt::format("{} {} ({} bit codes{})", name, o.format.format, o.code_bits,
                       o.dequantized ? ", dequantized on chip" : "");
  };
  std::string text = operand("weights", d.weights) + ", " + operand("activations", d.activations) +
                     fmt::format("; {} MACs, {} per PE", d.mac.name, d.macs_per_pe);
  if (d.mac_passes > 1) text += fmt::format(", {} cycles each", d.mac_passes);
  if (d.scaled_elements) text += " of elements, whose scales multiply their sums";
  if (d.scale_group != 0)
    text += fmt::format("; {}sums end every {} elements of k", d.mac.is_integer ? "integer " : "",
                        d.scale_group);
  return text;
}

std::string cost_text(const MappingEstimate& e) {
  return fmt::format("{} of traffic, about {} cycles", bytes_text(e.moved_bytes()),
                     with_commas(e.cycles));
}

/// "traffic +12.0 % (weights +40.0 %), cycles +3.1 %, energy +5.0 %".
std::string loss_text(const MappingEstimate& e, const MappingEstimate& best) {
  const auto more = [](double a, double b) { return fmt::format("{:+.1f} %", (a / b - 1) * 100); };
  std::string why;
  for (std::size_t i = 0; i < kTensors; ++i) {
    const auto lost = static_cast<double>(e.traffic.tensors[i].bursts);
    const auto won = static_cast<double>(best.traffic.tensors[i].bursts);
    if (lost > won)
      why += fmt::format("{}{} {}", why.empty() ? "" : ", ", tensor_name(static_cast<Tensor>(i)),
                         more(lost, won));
  }
  const auto bytes = [](const MappingEstimate& of) {
    return static_cast<double>(of.moved_bytes());
  };
  std::string text = "traffic " + more(bytes(e), bytes(best));
  if (!why.empty()) text += " (" + why + ")";
  text += ", cycles " + more(static_cast<double>(e.cycles), static_cast<double>(best.cycles));
  if (best.energy_pj > 0) text += ", energy " + more(e.energy_pj, best.energy_pj);
  return text;
}

std::string least_text(const TrafficBound& bound, const MappingEstimate& e) {
  return fmt::format(
      "every tensor once {}; 2 MACs / sqrt(R S) = {} (R {}, S {} elements); chosen: {} of the "
      "larger",
      bytes_text(static_cast<std::int64_t>(bound.compulsory)),
      bytes_text(static_cast<std::int64_t>(bound.classical)), digits_text(bound.reuse),
      with_commas(static_cast<std::int64_t>(bound.on_chip)),
      digits_text(static_cast<double>(e.moved_bytes()) / bound.least()));
}

/// What the best mapping gains by one more KiB in each buffer; the one that gains most binds.
std::string more_text(const MappingPins& pins, const MappingProblem& p, const Mapping& m) {
  std::string gains, binding = "none: one more KiB anywhere brings nothing";
  const double cost = cost_with_cycles(p, m, pins, m.estimate.cycles);
  double least = cost;
  const auto enlarge = [&](const std::string& name, auto buffer_of) {
    MappingProblem larger = p;
    buffer_of(larger.machine.buffers).capacity += Bytes(1024);
    const Mapping other = map_layer(larger, pins);
    const double gained = cost_with_cycles(larger, other, pins, other.estimate.cycles);
    if (gained >= cost) return;
    if (gained < least) least = gained, binding = name;
    gains += fmt::format("\n  {:<11} {}", name, loss_text(other.estimate, m.estimate));
  };
  for (const BufferRole role : {BufferRole::kInput, BufferRole::kWeight, BufferRole::kScale,
                                BufferRole::kAccumulator, BufferRole::kOutput})
    if (!p.machine.buffers.unifies(role))
      enlarge(enum_name(role), [role](BuffersConfig& b) -> BufferConfig& { return b.of(role); });
  if (p.machine.buffers.unified)
    enlarge("unified", [](BuffersConfig& b) -> BufferConfig& { return b.unified->sram; });
  return binding + gains;
}

}  // namespace

std::string constraints_text(const std::vector<TrafficConstraint>& constraints) {
  std::string text;
  for (const TrafficConstraint& c : constraints)
    text += fmt::format("{}{:.3g} times by {}", text.empty() ? "" : ", ", c.times, c.what);
  return text;
}

std::string gap_text(double gap) {
  return gap < 0.0001 ? "within 0.01 % of the best at the memory's peak"
                      : fmt::format("within {:.2f} % of the best at the memory's peak", gap * 100);
}

/// What the estimate has to say of an alternative: its own error is about this share.
const char* verdict(const MappingAlternative& other) {
  constexpr double kError = 0.03;
  if (other.cost_ratio < 1 - kError) return "better (estimated; pin it to try)";
  return other.cost_ratio < 1 ? "close" : "lost";
}

std::string explain_text(const RunConfig& run, const MappingProblem& unset, const Mapping& m,
                         const LayerOutcome* simulated) {
  const MappingProblem p = configured(unset, m);
  const GemmExtents e = gemm_extents(run.layer.op);
  const MappingEstimate c = estimate(p, m.tiling);
  const TripCounts trips = trip_counts(p.layer, m.tiling);
  const TileFootprint f = tile_footprint(p, m.tiling);
  const BuffersConfig& b = p.machine.buffers;
  std::string out;
  const auto line = [&out](const char* name, const std::string& text) {
    out += fmt::format("{:<13}{}\n", name, text);
  };
  std::string shape = fmt::format("{} x (m {} x n {} x k {})", e.groups, e.m, e.n, e.k);
  if (!run.layer.name.empty()) shape = printable_line(run.layer.name) + ": " + shape;
  const GemmExtents& stacked = p.layer.extents;
  if (stacked.groups != e.groups)
    shape += fmt::format(", rows of shared operands together: {} x (m {} x n {} x k {})",
                         stacked.groups, stacked.m, stacked.n, stacked.k);
  line("layer", shape);
  line("numbers", path_text(p));
  line("mapping", mapping_text(run.accelerator, m.setting, m.tiling));
  line("tiles", fmt::format("{} = {} groups x {} m x {} n x {} k", with_commas(trips.total()),
                            trips.groups, trips.m(), trips.n, trips.k));
  const auto name_of = [](DramLayout layout) {
    return layout == DramLayout::kTiled ? "tile after tile" : "row-major";
  };
  const bool padded = p.machine.array.weight_tiles == WeightTiles::kPadded;
  line("layout",
       fmt::format("in DRAM: weights {}{}, activations {}", name_of(p.weight_layout),
                   padded ? ", padded to whole arrays" : "", name_of(p.activation_layout)));
  const auto fill = [](Bytes used, const BufferConfig& buffer) {
    return fmt::format("{} of {}", bytes_text(used.value), bytes_text(usable(buffer).value));
  };
  line("buffers",
       fmt::format("input {}, weight {}, scale {}, accumulator {}, output {}",
                   fill(f.input, b.input), fill(f.weight, b.weight), fill(f.scale, b.scale),
                   fill(f.accumulator, b.accumulator), fill(f.output, b.output)));
  if (b.unified) {
    std::string shares;
    std::int64_t left = b.unified->sram.banks;
    for (const BufferRole role : kBufferRoles) {
      if (!b.unifies(role)) continue;
      left -= b.of(role).banks;
      shares += fmt::format("{}{} {}{}", shares.empty() ? "" : ", ", enum_name(role),
                            b.of(role).banks, b.of(role).double_buffered ? "" : " (one tile)");
    }
    line("banks", fmt::format("{} of the unified buffer of {} x {}; {} not used", shares,
                              b.unified->sram.banks, bytes_text(b.unified->bank().value), left));
  }
  line("traffic", traffic_text(c.traffic) + ": " + bytes_text(c.moved_bytes()));
  line("cycles", fmt::format("array {}, DRAM {}, output unit {}: about {} in all",
                             with_commas(c.array_cycles), with_commas(c.dram_cycles),
                             with_commas(c.output_cycles), with_commas(c.cycles)));
  const double clock = static_cast<double>(run.accelerator.clock.value);
  const double peak =
      static_cast<double>(p.machine.array.rows * p.machine.array.cols * p.path.macs_per_pe) *
      clock / static_cast<double>(p.path.mac_passes);
  const double bandwidth = p.memory.bytes_per_cycle * clock;
  const double intensity = static_cast<double>(e.macs()) / static_cast<double>(c.moved_bytes());
  line(
      "roofline",
      fmt::format("{} MAC/B against a ridge of {}: at most {} by {}", digits_text(intensity),
                  digits_text(peak / bandwidth), si(std::min(peak, intensity * bandwidth), "MAC/s"),
                  intensity * bandwidth < peak ? "the DRAM's peak" : "the array's peak"));
  if (simulated != nullptr) {
    line("simulated", fmt::format("estimated {}, simulated {} cycles", with_commas(c.cycles),
                                  with_commas(simulated->cycles.value)));
    line("bound by", bound_text(simulated->evidence));
  } else {
    line("bound by", fmt::format("not simulated, as it moves more than {} bursts: `sim run "
                                 "--values off` tells",
                                 with_commas(kExplainedBursts)));
  }
  line("least", least_text(traffic_bound(p), c));
  const std::string above = constraints_text(traffic_constraints(unset, run.mapping, m));
  if (!above.empty()) line("above it", above);
  line("one more KiB", more_text(run.mapping, unset, m));
  line("search",
       fmt::format("{} boxes opened, {} tilings estimated: {}", with_commas(m.boxes),
                   with_commas(m.estimated),
                   m.gap > 0 ? gap_text(m.gap)
                             : std::string("nothing is better at the memory's peak, by bounds")));
  for (const std::string& note : m.notes) line("pins", note);
  for (const MappingAlternative& a : alternatives(unset, run.mapping, m))
    out += fmt::format("  {}: {}\n        {}; {}\n", verdict(a),
                       mapping_text(run.accelerator, a.setting, a.tiling), cost_text(a.estimate),
                       loss_text(a.estimate, c));
  return out;
}

}  // namespace bitjoule
