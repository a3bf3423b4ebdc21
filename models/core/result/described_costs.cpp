#include <algorithm>
#include <cmath>
#include <string>

#include "core/mapping/components.h"
#include "core/result/described.h"

namespace bitjoule {
namespace {

constexpr OverLayers kSum = OverLayers::kSum, kHighest = OverLayers::kHighest,
                     kDerived = OverLayers::kDerived;
constexpr bool kMore = true;  // is better

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

void describe_traffic(const DramTraffic& traffic, ResultVisitor& v) {
  const TensorTraffic all = traffic.total();
  v.value({"read_bytes", "B", "asked for by the mapping", kSum}, all.read_bytes);
  v.value({"write_bytes", "B", "asked for by the mapping", kSum}, all.write_bytes);
  v.value({"padding_bytes", "B", "moved beyond that, because bursts are whole", kSum},
          all.padding(traffic.burst_bytes));
  v.value({"burst_bytes", "B", "that move at once, whatever was asked for"}, traffic.burst_bytes);
  v.map({"per_tensor", "",
         "the same by tensor; `scales`: scales, zero-points, minima, tables of all operands, in "
         "GGML's blocks too"},
        [&] {
          for (std::size_t i = 0; i < kTensors; ++i) {
            const auto tensor = static_cast<Tensor>(i);
            const TensorTraffic told = traffic.apart(tensor);
            v.object({tensor_name(tensor), "", "one tensor"}, [&] {
              v.value({"read_bytes", "B", "asked for", kSum}, told.read_bytes);
              v.value({"write_bytes", "B", "asked for", kSum}, told.write_bytes);
              v.value({"padding_bytes", "B", "moved beyond that", kSum},
                      traffic[tensor].padding(traffic.burst_bytes));
            });
          }
        });
}

void describe_latency(const Histogram& latency, double unit, ResultVisitor& v) {
  const auto time = [&](const char* key, const char* meaning, double value) {
    v.value({key, "s", meaning}, value * unit);
  };
  v.object({"latency_s", "", "of requests, acceptance to the last data beat"}, [&] {
    time("min", "the shortest", static_cast<double>(latency.min()));
    time("mean", "the mean", latency.mean());
    time("p50", "the median", static_cast<double>(latency.percentile(0.5)));
    time("p99", "what 99 % do not exceed", static_cast<double>(latency.percentile(0.99)));
    time("max", "the longest", static_cast<double>(latency.max()));
  });
}

void describe_data_bus(const DataBusCycles& b, ResultVisitor& v) {
  const auto all =
      static_cast<double>(b.busy + b.idle + b.refresh + b.activate + b.turnaround + b.column);
  const auto share = [&](const char* key, const char* meaning, std::int64_t cycles) {
    v.value({key, "share", meaning}, ratio(static_cast<double>(cycles), all));
  };
  v.object({"data_bus_share", "",
            "clocks of the data bus by cause; each has one, so they sum to 1 (dram.md)"},
           [&] {
             share("busy", "data moves", b.busy);
             share("idle", "no request waits", b.idle);
             share("refresh", "a refresh since the last burst", b.refresh);
             share("activate", "the burst's row was not open", b.activate);
             share("turnaround", "a change of direction or rank", b.turnaround);
             share("column", "the rest: tCCD_L, command bus, queue not deep enough", b.column);
           });
}

void describe_states(const DramStats& s, ResultVisitor& v) {
  const auto clocks = [&](const char* key, const char* meaning, std::int64_t value) {
    v.value({key, "memory clocks", meaning, kSum}, value);
  };
  v.object({"rank_clocks", "",
            "clocks of the memory by state of its ranks; the first four sum to clocks x ranks of "
            "all channels; `model: cycle`"},
           [&] {
             clocks("open", "a bank is open, from ACT to PRE", s.states.open);
             clocks("closed", "none is", s.states.closed);
             clocks("refreshing", "none is, and a refresh under way", s.states.refreshing);
             clocks("power_down", "powered down (controller.power_down)", s.states.power_down);
             clocks("open_banks", "that a bank is open, summed over banks", s.states.open_banks);
           });
  v.value({"power_downs", "entries", "into power-down; `model: cycle`", kSum},
          s.states.power_downs);
}

/// What a DRAM with `model: cycle` has.
void describe_rows(const DramStats& s, ResultVisitor& v) {
  if (s.ranks > 0) describe_states(s, v);
  const std::int64_t columns = s.row_hits + s.row_misses + s.row_conflicts;
  if (columns == 0) return;
  v.value({"row_hits", "bursts", "whose row was open; `model: cycle`", kSum}, s.row_hits);
  v.value({"row_misses", "bursts", "whose bank was closed; `model: cycle`", kSum}, s.row_misses);
  v.value({"row_conflicts", "bursts", "whose bank had another row open; `model: cycle`", kSum},
          s.row_conflicts);
  v.value({"row_hit_rate", "share", "hits of all bursts; `model: cycle`", kDerived, kMore},
          static_cast<double>(s.row_hits) / static_cast<double>(columns));
  v.map({"commands", "commands", "by name, those that were sent; `model: cycle`", kSum}, [&] {
    for (std::size_t i = 0; i < s.commands.size(); ++i)
      if (s.commands[i] != 0)
        v.value({kDramCommandNames[i], "commands", "sent", kSum}, s.commands[i]);
  });
  describe_data_bus(s.bus, v);
}

void describe_sram(const MachineCounts& all, bool has_peaks, ResultVisitor& v) {
  v.map({"sram", "", "by buffer"}, [&] {
    for (const ComponentRow& row : machine_components()) {
      if (row.counts == nullptr) continue;
      const BufferCounts& counts = all.*row.counts;
      v.object({row.buffer, "", "one buffer"}, [&] {
        v.value({"reads", "accesses", "as wide as a port", kSum}, counts.reads);
        v.value({"writes", "accesses", "as wide as a port", kSum}, counts.writes);
        if (has_peaks)
          v.value({"peak_bytes", "B", "the most that it held", kHighest}, counts.peak_bytes);
      });
    }
    if (all.unified_peak_bytes > 0)
      v.object({"unified", "", "the roles of a unified buffer together"}, [&] {
        v.value({"peak_bytes", "B", "the most that it held", kHighest}, all.unified_peak_bytes);
      });
  });
}

/// Where they are counted: otherwise there is nothing at all.
void describe_operands(const OperandCounts& counts, ResultVisitor& v) {
  const auto is_some = [](std::int64_t count) { return count != 0; };
  if (std::none_of(counts.counts.begin(), counts.counts.end(), is_some)) return;
  const auto row = [&](const char* key, const char* unit, const char* meaning, OperandCount count) {
    v.value({key, unit, meaning, kSum}, counts[count]);
  };
  v.object({"operands", "", "of the array's multipliers; `operand_counts`"}, [&] {
    row("zero_inputs", "MACs", "whose input is zero", OperandCount::kInputZeros);
    row("zero_weights", "MACs", "whose weight is zero", OperandCount::kWeightZeros);
    row("zero_macs", "MACs", "with a zero among their operands", OperandCount::kZeroMacs);
    row("input_toggles", "bits", "of inputs that differ from the multiplier's input before",
        OperandCount::kInputToggles);
    row("weight_toggles", "bits", "of weights that differ from the multiplier's weight before",
        OperandCount::kWeightToggles);
  });
}

void describe_roofline(const Costs& t, ResultVisitor& v) {
  const auto macs = static_cast<double>(t.counts.macs);
  const double intensity = ratio(macs, static_cast<double>(t.moved_bytes));
  v.object({"roofline", "", "what machine and memory allow"}, [&] {
    v.value({"macs_per_byte", "MAC/B", "intensity: over the bytes moved", kDerived, kMore},
            intensity);
    v.value({"peak_macs_per_s", "MAC/s", "of the array", kHighest, kMore}, t.peak_macs_per_s);
    v.value({"attainable_macs_per_s", "MAC/s", "the peak, or what the memory's peak feeds",
             kDerived, kMore},
            std::min(t.peak_macs_per_s, intensity * t.peak_bytes_per_s));
    v.value({"achieved_macs_per_s", "MAC/s", "MACs over the time", kDerived, kMore},
            ratio(macs, t.time_s));
  });
}

}  // namespace

void describe_stalls(const StallBreakdown& stalls, ResultVisitor& v) {
  v.map({"stalls", "core cycles", "by cause; they sum to `cycles` (timing.md)", kSum}, [&] {
    for (std::size_t i = 0; i < kCauses; ++i)
      v.value({cause_name(static_cast<Cause>(i)), "core cycles", "because of this cause", kSum},
              stalls.cycles[i]);
  });
}

void describe_dma_cycles(const StallBreakdown& dma, ResultVisitor& v) {
  const auto cycles = [&](const char* key, const char* meaning, std::int64_t value) {
    v.value({key, "core cycles", meaning, kSum}, value);
  };
  v.object({"dma_cycles", "", "cycles in which transfers were under way, by what held them"}, [&] {
    cycles("dram", "the memory's bandwidth", dma[Cause::kDramRead] + dma[Cause::kDramWrite]);
    cycles("dma_window", "all requests that may be outstanding were", dma[Cause::kDmaWindow]);
    cycles("dma_rate", "as many requests left per cycle as may", dma[Cause::kDmaRate]);
    cycles("dram_latency", "too little was asked for to cover an access", dma[Cause::kDramLatency]);
  });
}

void describe_error(const Quality& q, ResultVisitor& v) {
  const auto real = [](double value) {
    return std::isfinite(value) ? ResultVisitor::Value(value) : ResultVisitor::Value(nullptr);
  };
  v.value({"sqnr_db", "dB", "null: the outputs are equal, or nothing is compared", OverLayers::kOwn,
           kMore},
          real(q.sqnr_db));
  v.value({"max_abs", "", "the largest absolute difference"}, real(q.max_abs));
  v.value({"mean_abs", "", "the mean absolute difference"}, real(q.mean_abs));
  v.value({"cosine", "", "of the angle between both", OverLayers::kOwn, kMore}, real(q.cosine));
  v.value({"compared", "outputs", "that were compared"}, q.count);
  v.value({"not_finite", "outputs", "NaN or infinite, here or in the reference: not compared"},
          q.not_finite);
}

void describe_timeline(const DramStats& s, ResultVisitor& v) {
  v.value(
      {"bin_s", "s", "the time of one element"},
      static_cast<double>(s.timeline.bin_cycles()) * (static_cast<double>(s.period.value) * 1e-15));
  v.numbers({"read_bytes", "B", "read in each bin"}, s.timeline.read_bytes());
  v.numbers({"write_bytes", "B", "written in each bin"}, s.timeline.write_bytes());
}

void describe_costs(const Costs& t, const DramStats* dram, const std::string* model,
                    std::int64_t shared_timeline, ResultVisitor& v) {
  v.value({"cycles", "core cycles", "start of the first load to the last byte written back", kSum},
          t.cycles);
  v.value({"compute_cycles", "core cycles",
           "what the array needs if memory never makes it wait (timing.md)", kSum},
          t.compute_cycles);
  v.value({"time_s", "s", "the same as `cycles`", kSum}, t.time_s);
  v.value({"macs", "MACs", "done for the layer", kSum}, t.counts.macs);
  v.value({"padded_macs", "MACs", "slots of the array that had nothing to do while steps entered",
           kSum},
          t.counts.mac_slots - t.counts.macs);
  v.value(
      {"utilization", "share", "MACs / (cycles x MACs of the array per cycle)", kDerived, kMore},
      t.utilization());
  v.value({"bound", "",
           "what one would have to enlarge: `compute`, `dram`, `dma_window`, `dma_rate`, or a "
           "cause of `stalls`",
           kDerived},
          bound_name(t.evidence));
  describe_stalls(t.stalls, v);
  describe_dma_cycles(t.evidence.dma, v);
  v.object({"dram", "", "the memory"}, [&] {
    describe_traffic(t.traffic, v);
    v.value(
        {"bandwidth_bytes_per_s", "B/s", "moved (padding included) over the time", kDerived, kMore},
        ratio(static_cast<double>(t.moved_bytes), t.time_s));
    v.value({"peak_bytes_per_s", "B/s", "of the memory", OverLayers::kOwn, kMore},
            t.peak_bytes_per_s);
    if (model != nullptr) v.value({"model", "", "the name of the DRAM"}, *model);
    if (dram == nullptr) return;
    if (model != nullptr) {
      v.object({"timeline", "", "bytes over time; of several layers as dram.md says"},
               [&] { describe_timeline(*dram, v); });
    } else {
      v.value({"timeline", "",
               "the element of `timelines[]` that the layer shares with those that move equal "
               "bytes at equal times"},
              shared_timeline);
    }
    describe_latency(dram->latency, static_cast<double>(dram->latency_unit.value) * 1e-15, v);
    describe_rows(*dram, v);
  });
  describe_sram(t.counts, dram != nullptr, v);
  describe_operands(t.counts.operands, v);
  describe_roofline(t, v);
}

}  // namespace bitjoule
