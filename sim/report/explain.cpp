#include <fmt/format.h>

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
  if (d.scale_group != 0)
    text += fmt::format("; integer sums end every {} elements of k", d.scale_group);
  return text;
}

std::string cost_text(const MappingEstimate& e) {
  return fmt::format("{} of traffic, about {} cycles", bytes_text(e.traffic()),
                     with_commas(e.cycles));
}

/// What the loser pays more, first in traffic, then in time: the mapper's own order.
std::string loss_text(const MappingEstimate& e, const MappingEstimate& best) {
  const auto more = [](std::int64_t a, std::int64_t b) {
    return fmt::format("{:+.1f} %", (static_cast<double>(a) / static_cast<double>(b) - 1) * 100);
  };
  if (e.traffic() != best.traffic()) {
    std::string why;
    const auto part = [&](const char* name, std::int64_t a, std::int64_t b) {
      if (a > b) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", name, more(a, b));
    };
    part("inputs", e.input_bytes, best.input_bytes);
    part("weights", e.weight_bytes, best.weight_bytes);
    part("scales", e.scale_bytes, best.scale_bytes);
    part("outputs", e.output_bytes, best.output_bytes);
    return "traffic " + more(e.traffic(), best.traffic()) + " (" + why + ")";
  }
  if (e.cycles != best.cycles) return "same traffic, cycles " + more(e.cycles, best.cycles);
  return "equal; the first in a fixed order is taken";
}

}  // namespace

std::string explain_text(const RunConfig& run, const MappingProblem& p, const Mapping& m) {
  const GemmExtents& e = p.layer.extents;
  const MappingEstimate& c = m.estimate;
  const TripCounts trips = trip_counts(p.layer, m.tiling);
  const TileFootprint f = tile_footprint(p, m.tiling);
  const BuffersConfig& b = p.machine.buffers;
  std::string out;
  const auto line = [&out](const char* name, const std::string& text) {
    out += fmt::format("{:<12} {}\n", name, text);
  };
  line("layer",
       fmt::format("{}: {} x (m {} x n {} x k {})", run.layer.name, e.groups, e.m, e.n, e.k));
  line("numbers", path_text(p));
  line("mapping", tiling_text(m.tiling));
  line("tiles", fmt::format("{} = {} groups x {} m x {} n x {} k", with_commas(trips.total()),
                            trips.groups, trips.m(), trips.n, trips.k));
  const auto name_of = [](DramLayout layout) {
    return layout == DramLayout::kTiled ? "tile after tile" : "row-major";
  };
  line("layout", fmt::format("in DRAM: weights {}, activations {}", name_of(p.weight_layout),
                             name_of(p.activation_layout)));
  const auto fill = [](Bytes used, const BufferConfig& buffer) {
    return fmt::format("{} of {}", bytes_text(used.value), bytes_text(usable(buffer).value));
  };
  line("buffers",
       fmt::format("input {}, weight {}, scale {}, accumulator {}, output {}",
                   fill(f.input, b.input), fill(f.weight, b.weight), fill(f.scale, b.scale),
                   fill(f.accumulator, b.accumulator), fill(f.output, b.output)));
  line("traffic",
       fmt::format("inputs {}, weights {}, scales {}, outputs {}: {}", bytes_text(c.input_bytes),
                   bytes_text(c.weight_bytes), bytes_text(c.scale_bytes),
                   bytes_text(c.output_bytes), bytes_text(c.traffic())));
  line("cycles", fmt::format("array {}, DRAM {}, output unit {}: about {} in all",
                             with_commas(c.array_cycles), with_commas(c.dram_cycles),
                             with_commas(c.output_cycles), with_commas(c.cycles)));
  const double clock = static_cast<double>(run.accelerator.clock.value);
  const double peak =
      static_cast<double>(p.machine.array.rows * p.machine.array.cols * p.path.macs_per_pe) * clock;
  const double bandwidth = p.memory.bytes_per_cycle * clock;
  const double intensity = static_cast<double>(e.macs()) / static_cast<double>(c.traffic());
  line("roofline",
       fmt::format("{:.4g} MAC/B against a ridge of {:.4g}: {}-bound at {}", intensity,
                   peak / bandwidth, intensity * bandwidth < peak ? "memory" : "compute",
                   si(std::min(peak, intensity * bandwidth), "MAC/s")));
  line("search", fmt::format("{} candidates, {} of them do not fit", with_commas(m.candidates),
                             with_commas(m.misfits)));
  for (const MappingAlternative& a : m.alternatives)
    out += fmt::format("  lost: {}\n        {}; {}\n", tiling_text(a.tiling), cost_text(a.estimate),
                       loss_text(a.estimate, c));
  return out;
}

}  // namespace bitjoule
