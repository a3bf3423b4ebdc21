#include <fmt/format.h>

#include <algorithm>

#include "core/enums.h"
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
  if (d.scale_group != 0)
    text += fmt::format("; integer sums end every {} elements of k", d.scale_group);
  return text;
}

std::string cost_text(const MappingEstimate& e) {
  return fmt::format("{} of traffic, about {} cycles", bytes_text(e.moved_bytes()),
                     with_commas(e.cycles));
}

/// What the loser pays more, first in traffic, then in time: the mapper's own order.
std::string loss_text(const MappingEstimate& e, const MappingEstimate& best) {
  const auto more = [](std::int64_t a, std::int64_t b) {
    return fmt::format("{:+.1f} %", (static_cast<double>(a) / static_cast<double>(b) - 1) * 100);
  };
  if (e.moved_bytes() != best.moved_bytes()) {
    std::string why;
    for (std::size_t i = 0; i < kTensors; ++i) {
      const auto burst_bytes = [&](const MappingEstimate& of) {
        return of.traffic.tensors[i].bursts * of.traffic.burst_bytes;
      };
      const std::int64_t lost = burst_bytes(e), won = burst_bytes(best);
      if (lost > won)
        why += fmt::format("{}{} {}", why.empty() ? "" : ", ", tensor_name(static_cast<Tensor>(i)),
                           more(lost, won));
    }
    return "traffic " + more(e.moved_bytes(), best.moved_bytes()) + " (" + why + ")";
  }
  if (e.cycles != best.cycles) return "same traffic, cycles " + more(e.cycles, best.cycles);
  return "equal; the first in a fixed order is taken";
}

}  // namespace

std::string explain_text(const RunConfig& run, const MappingProblem& p, const Mapping& m,
                         const LayerOutcome* simulated) {
  const GemmExtents e = gemm_extents(run.layer.op);
  const MappingEstimate& c = m.estimate;
  const TripCounts trips = trip_counts(p.layer, m.tiling);
  const TileFootprint f = tile_footprint(p, m.tiling);
  const BuffersConfig& b = p.machine.buffers;
  std::string out;
  const auto line = [&out](const char* name, const std::string& text) {
    out += fmt::format("{:<12} {}\n", name, text);
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
  line("roofline",
       fmt::format("{} MAC/B against a ridge of {}: at most {} by {}", digits_text(intensity),
                   peak / bandwidth, si(std::min(peak, intensity * bandwidth), "MAC/s"),
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
  line("search", fmt::format("{} candidates, {} of them do not fit", with_commas(m.candidates),
                             with_commas(m.misfits)));
  for (const MappingAlternative& a : m.alternatives)
    out += fmt::format("  lost: {}\n        {}; {}\n",
                       mapping_text(run.accelerator, a.setting, a.tiling), cost_text(a.estimate),
                       loss_text(a.estimate, c));
  return out;
}

}  // namespace bitjoule
