#include "core/result/estimated_outcome.h"

#include <algorithm>
#include <cmath>

#include "core/energy/price.h"
#include "core/index.h"
#include "core/mapping/array_timing.h"
#include "core/mapping/estimate.h"
#include "core/mapping/folds.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/tile_layout.h"
#include "core/mapping/vector_time.h"

namespace bitjoule {
namespace {

/// Adds `cycles` to `sum`, divided as those of `like` are; all to `otherwise` where it has none.
void spread(std::int64_t cycles, const StallBreakdown& like, Cause otherwise, StallBreakdown& sum) {
  const auto all = static_cast<double>(like.total());
  std::int64_t left = cycles;
  for (std::size_t i = 0; i < kCauses && all > 0; ++i) {
    const auto part = static_cast<std::int64_t>(static_cast<double>(cycles) *
                                                static_cast<double>(like.cycles[i]) / all);
    sum.cycles[i] += part;
    left -= part;
  }
  const auto largest = std::max_element(like.cycles.begin(), like.cycles.end());
  sum.cycles[all > 0 ? static_cast<std::size_t>(largest - like.cycles.begin())
                     : static_cast<std::size_t>(otherwise)] += left;
}

StallBreakdown operator-(StallBreakdown a, const StallBreakdown& b) {
  for (std::size_t i = 0; i < kCauses; ++i) a.cycles[i] -= b.cycles[i];
  return a;
}

/// How the array spends its time on the first folds of the layer, again and again, if nothing makes
/// it wait.
struct ArraySample {
  struct Part {
    StallBreakdown stalls, held;
  };
  Part first, steady;  ///< from an idle array on, and from there on
  Part drain;          ///< behind the last fold
  std::int64_t mac_slots = 0;
};

ArraySample array_sample(const MappingProblem& p, const Tiling& tiling) {
  constexpr std::int64_t kFolds = 6;  // along each axis
  Tile tile = TileLayout(p, tiling).tile({});
  const FoldExtents step = fold_extents(p, {tile.m(), tile.n(), tile.k()});
  const std::int64_t m = std::min(tile.m(), kFolds * step.m);
  tile.b1 = tile.b0 + 1, tile.r1 = tile.r0 + 1, tile.c1 = tile.c0 + m;
  tile.n1 = std::min(tile.n1, tile.n0 + kFolds * step.n);
  tile.k1 = std::min(tile.k1, tile.k0 + kFolds * step.k);
  tile.g1 = std::min(tile.g1, tile.g0 + 2 * tile.groups_at_once);
  ArrayTimeline timeline(p.machine.array.overlap, array_rates(p, tiling.groups_at_once));
  Attribution attribution;
  ArraySample sample;
  ArraySample::Part before;
  const auto since = [&] {
    const ArraySample::Part now{attribution.breakdown(), attribution.held()};
    const ArraySample::Part part{now.stalls - before.stalls, now.held - before.held};
    before = now;
    return part;
  };
  const auto run = [&] {
    MachineCounts counts;
    for_each_fold(p, tile, [&](const FoldJob& job) {
      timeline.issue(0, job.timing, &attribution);
      count_fold(p, job, counts);
    });
    sample.mac_slots = counts.mac_slots;
    return since();
  };
  sample.first = run();
  sample.steady = run();
  timeline.drain(attribution);
  sample.drain = since();
  return sample;
}

/// The array's own cycles, as the sample has them: steps are counted, the end comes once.
void add_array(const MappingEstimate& e, const ArraySample& sample, LayerOutcome& o) {
  const double slots = std::max(1.0, static_cast<double>(sample.mac_slots));
  const std::int64_t steps =
      std::llround(static_cast<double>(e.counts.mac_slots) / slots *
                   static_cast<double>(sample.steady.stalls[Cause::kArrayBusy]));
  const std::int64_t busy = std::min(steps, e.array_cycles);
  const std::int64_t rest = e.array_cycles - busy;
  const std::int64_t drain = std::min(rest, sample.drain.stalls.total());
  const auto without_steps = [](StallBreakdown all) {
    all[Cause::kArrayBusy] = 0;
    return all;
  };
  const StallBreakdown steady = without_steps(sample.steady.stalls);
  o.stalls[Cause::kArrayBusy] = busy;
  spread(drain, sample.drain.stalls, Cause::kFillDrain, o.stalls);
  spread(rest - drain, steady.total() > 0 ? steady : without_steps(sample.first.stalls),
         Cause::kFillDrain, o.stalls);
  spread(drain, sample.drain.held, Cause::kFillDrain, o.evidence.held);
  spread(e.array_cycles - drain, sample.steady.held, Cause::kArrayBusy, o.evidence.held);
}

/// What moving all bursts takes if the array never makes the DMA wait, and what limits that.
struct DmaDemand {
  double cycles = 0;
  StallBreakdown causes;  ///< weights of the causes
};

DmaDemand dma_demand(const MappingProblem& p, const DramTraffic& traffic) {
  const MemoryPort& m = p.memory;
  const DmaConfig& dma = p.machine.dma;
  const TensorTraffic all = traffic.total();
  const auto many = static_cast<double>(dma.bursts_per_request(m.burst_bytes));
  const double memory = many * static_cast<double>(m.burst_bytes) / m.bytes_per_cycle;
  const double window = (m.hit_latency + memory) / static_cast<double>(dma.outstanding);
  const double rate = 1 / static_cast<double>(dma.requests_per_cycle);
  DmaDemand demand;
  demand.cycles = static_cast<double>(all.bursts) / many * std::max({memory, window, rate});
  if (memory >= std::max(window, rate)) {
    demand.causes[Cause::kDramWrite] = traffic[Tensor::kOutputs].bursts;
    demand.causes[Cause::kDramRead] = all.bursts - traffic[Tensor::kOutputs].bursts;
  } else {
    demand.causes[window >= rate ? Cause::kDmaWindow : Cause::kDmaRate] = 1;
  }
  return demand;
}

/// A memory of banks and rows reaches about this share of its peak at least: as long as all bursts
/// take at the peak, waits are its bandwidth's.
constexpr double kServed = 0.8;

/// What `waits` cycles in which the array has nothing to do wait for.
void add_waits(const MappingProblem& p, const MappingEstimate& e, std::int64_t waits,
               LayerOutcome& o) {
  const DmaDemand dma = dma_demand(p, e.traffic);
  const double output = static_cast<double>(e.output_cycles * output_interval(p));
  const double dequantizer = dequantizes_at_edge(p)
                                 ? 0
                                 : static_cast<double>(e.counts.dequantized_weights) /
                                       static_cast<double>(p.machine.dequantizer.lanes);
  const auto array = static_cast<double>(e.array_cycles), total = static_cast<double>(e.cycles);
  StallBreakdown like;
  if (output > std::max({dma.cycles, dequantizer, array})) {
    like[Cause::kOutput] = 1;
  } else if (dequantizer > std::max({dma.cycles, output, array})) {
    like[Cause::kDequantizer] = 1;
  } else if (kServed * static_cast<double>(waits) <= dma.cycles) {
    like = dma.causes;
  } else {  // too little to move for that
    spread(std::llround(dma.cycles), dma.causes, Cause::kIdle, like);
    like[Cause::kDramLatency] = waits - like.total();
  }
  spread(waits, like, Cause::kIdle, o.stalls);
  spread(waits, like, Cause::kIdle, o.evidence.held);
  const bool always = dma.cycles >= std::max({array, output, dequantizer}) &&
                      dma.cycles >= kServed * static_cast<double>(waits) &&
                      dma.cycles >= kServed * total;
  spread(always ? e.cycles : std::llround(std::min(dma.cycles, total)), dma.causes, Cause::kIdle,
         o.evidence.dma);
}

/// What all operations of a program do, but for those of the array.
void add_transfers_and_jobs(const MappingProblem& p, const Program& program, LayerOutcome& o) {
  o.traffic = traffic_of(program, p.memory.burst_bytes);
  for (const auto* loads : {&program.input_loads, &program.weight_loads})
    for (const LoadOp& op : *loads) count_load(p, op, o.counts);
  for (const VectorJob& job : program.vectors) count_vector(p, job, o.counts);
  for (const StoreOp& op : program.stores) count_store(p, op, o.counts);
  for (std::size_t i = 0; i < kTensors; ++i) {
    const auto tensor = static_cast<Tensor>(i);
    (tensor == Tensor::kOutputs ? o.counts.dram_write_bits : o.counts.dram_read_bits) +=
        o.traffic[tensor].bursts * p.memory.burst_bytes * 8;
  }
}

void add_dram(const MappingProblem& p, const Program& program, double activates, LayerOutcome& o) {
  std::int64_t written = 0;
  for (const StoreOp& op : program.stores) written += bursts_of(op.region, p.memory.burst_bytes);
  const DramWork work{o.traffic.bursts() - written, written, std::llround(activates), {}};
  o.dram = estimated_dram(p.memory, work, o.cycles.value);
}

/// Of a fused layer: the array's operations one after the other, and what it waits for.
LayerOutcome fused_outcome(const MappingProblem& p, const Program& program) {
  LayerOutcome o;
  add_transfers_and_jobs(p, program, o);
  ArrayOperations operations(program);
  for (const ComputeOp& op : program.computes) {
    const ArrayOperation& one = operations.of(op);
    o.counts += one.counts;
    o.stalls += one.stalls;
    o.evidence.held += one.held;
  }
  const std::int64_t array = o.stalls.total();
  const FusedTime time = fused_time(p, program);
  o.cycles = Cycles(std::max<std::int64_t>(array, std::llround(time.cycles)));
  add_dram(p, program, time.activates, o);
  const std::int64_t waits = o.cycles.value - array;
  const DmaDemand dma = dma_demand(p, o.traffic);
  const bool served = dma.cycles >= kServed * time.reads;
  StallBreakdown like;
  like[Cause::kVector] = std::llround(time.vector);
  like[served ? Cause::kDramRead : Cause::kDramLatency] = std::llround(time.reads);
  like[served ? Cause::kDramWrite : Cause::kDramLatency] += std::llround(time.writes);
  spread(waits, like, Cause::kIdle, o.stalls);
  spread(waits, like, Cause::kIdle, o.evidence.held);
  spread(std::min<std::int64_t>(o.cycles.value, std::llround(dma.cycles / kServed)), dma.causes,
         Cause::kIdle, o.evidence.dma);
  o.evidence.macs = o.counts.macs;
  o.evidence.mac_slots = o.counts.mac_slots;
  add_array_limits(p, o.evidence);
  return o;
}

}  // namespace

LayerOutcome estimated_outcome(const MappingProblem& p, const Mapping& mapping) {
  MappingEstimate e = mapping.estimate;
  Estimator(p).refine(mapping.tiling, e);
  LayerOutcome o;
  o.cycles = Cycles(e.cycles);
  o.counts = e.counts;
  o.traffic = e.traffic;
  const std::int64_t writes = e.traffic[Tensor::kOutputs].bursts;
  o.dram = estimated_dram(p.memory, {e.traffic.bursts() - writes, writes, e.activates, e.open},
                          e.cycles);
  add_array(e, array_sample(p, mapping.tiling), o);
  add_waits(p, e, e.cycles - e.array_cycles, o);
  o.evidence.macs = e.counts.macs;
  o.evidence.mac_slots = e.counts.mac_slots;
  add_array_limits(p, o.evidence);
  return o;
}

LayerOutcome estimated_outcome(const MappingProblem& p, const Program& program) {
  if (program.fused()) return fused_outcome(p, program);
  LayerOutcome o;
  add_transfers_and_jobs(p, program, o);
  const VectorTime time = vector_time(p, program);
  const std::int64_t cycles = std::llround(time.cycles);
  o.cycles = Cycles(cycles);
  add_dram(p, program, time.activates, o);
  const DmaDemand dma = dma_demand(p, o.traffic);
  StallBreakdown& s = o.stalls;
  s[Cause::kVector] = std::llround(time.busy);
  s[Cause::kIdle] = std::llround(time.idle);
  const std::int64_t waits = std::max<std::int64_t>(0, cycles - s.total());
  const bool served = dma.cycles >= kServed * static_cast<double>(waits);
  const std::int64_t writes = std::min(waits, static_cast<std::int64_t>(std::llround(time.writes)));
  if (served) s[Cause::kDramWrite] = writes;
  s[served ? Cause::kDramRead : Cause::kDramLatency] += waits - (served ? writes : 0);
  s[Cause::kVector] += cycles - s.total();  // of the roundings
  o.evidence.held = s;
  spread(std::min<std::int64_t>(cycles, std::llround(dma.cycles / kServed)), dma.causes,
         Cause::kIdle, o.evidence.dma);
  return o;
}

bool is_estimated(Primitive primitive) {
  return is_static(primitive) || primitive == Primitive::kClock ||
         primitive == Primitive::kDramActivate || primitive == Primitive::kDramRefresh ||
         primitive == Primitive::kDramRefreshBank;
}

}  // namespace bitjoule
