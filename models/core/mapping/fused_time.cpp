#include "core/mapping/fused_time.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/index.h"
#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/folds.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/memory_rates.h"
#include "core/mapping/program_transfers.h"

namespace bitjoule {

ArrayOperation array_operation(const MappingProblem& p, const Tile& tile) {
  ArrayTimeline timeline(p.machine.array.overlap, array_rates(p, 1));
  Attribution attribution;
  ArrayOperation result;
  for_each_fold(p, tile, [&](const FoldJob& job) {
    timeline.issue(0, job.timing, &attribution);
    count_fold(p, job, result.counts);
  });
  timeline.drain(attribution);
  result.released = timeline.last().stream_end;
  result.last_mac = timeline.end();
  result.computed = timeline.out_end();
  result.stalls = attribution.breakdown();
  result.held = attribution.held();
  return result;
}

const ArrayOperation& ArrayOperations::of(const ComputeOp& op) {
  // Sums begin anew, or are added to what is there.
  const std::array<std::int64_t, 5> key = {static_cast<std::int64_t>(op.product), op.tile.m(),
                                           op.tile.n(), op.tile.k(), op.tile.k0 > 0 ? 1 : 0};
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  return known_[key] = array_operation(*program_.products[op.product], op.tile);
}

std::int64_t fused_compute_cycles(const Program& program) {
  ArrayOperations operations(program);
  std::int64_t cycles = 0;
  for (const ComputeOp& op : program.computes) {
    const ArrayOperation& one = operations.of(op);
    cycles += &op == &program.computes.back() ? one.last_mac : one.computed;
  }
  return cycles - 1;
}

MachineCounts first_product_counts(const Program& program) {
  ArrayOperations operations(program);
  MachineCounts counts;
  for (const ComputeOp& op : program.computes)
    if (op.product == 0) counts += operations.of(op).counts;
  for (const auto buffer : kBufferCounts) counts.*buffer = {};
  // Weights come in the order of the operations.
  std::size_t load = 0;
  for (const ComputeOp& op : program.computes)
    for (; load < at(op.weights_needed); ++load)
      if (op.product == 0) counts.dequantized_weights += program.weight_loads[load].dequantize;
  return counts;
}

namespace {

// Put to the memory at most, but for so many operations.
constexpr std::int64_t kMostFusedBursts = 500'000;
// Parts of a long program that are walked, and where in its share of the program each of them
// begins: groups are alike, so the same place in each would tell less.
constexpr std::int64_t kLeastParts = 3, kMostParts = 21;
// Where a part that meets the begin of a group is one of few, it weighs as many: so many of each
// side are left out.
constexpr std::size_t kOddShare = 8;
constexpr double kGolden = 0.6180339887498949;
constexpr double kLeastMet = 4;                      // refreshes, to tell what one costs
constexpr std::int64_t kLeastOperations = 40;        // of a part
constexpr std::int64_t kLeastWarm = 16, kAhead = 4;  // of these not counted

constexpr double FusedTime::*kFusedTimes[] = {&FusedTime::cycles, &FusedTime::vector,
                                              &FusedTime::reads, &FusedTime::writes};

/// Operations of a program. Of a part, time counts behind the first `warm` until `last` are done:
/// behind these, transfers for the next ones are under way.
struct FusedSpan {
  std::size_t begin = 0, warm = 0, last = 0, end = 0;
};

/// The operations of a span in time, each when what it waits for is done. All ahead of it is done
/// when it begins.
class FusedClock {
 public:
  FusedClock(const MappingProblem& problem, const Program& program, const FusedSpan& span,
             TileDma& dma)
      : p_(problem), program_(program), operations_(program), dma_(dma), span_(span) {
    // Also of operations behind the span: their loads are in the way of the last ones' as soon as
    // there is room for them, queries a whole tile ahead.
    loads_ = {program.input_loads.size(), program.weight_loads.size()};
    vectors_ = vectors_behind(span.end);
    if (span.begin == 0) return;
    const ComputeOp& ahead = program.computes[span.begin - 1];
    pushed_ = {at(ahead.inputs_needed), at(ahead.weights_needed)};
    released_.resize(span.begin);
    computed_.resize(span.begin);
    vector_done_.resize(vectors_behind(span.begin));
    for (std::size_t i = 0; i < vector_done_.size(); ++i)
      if (program.vectors[i].yields) ++stored_;
    done_[kInputStream].resize(pushed_[kInputStream]);
    done_[kWeightStream].resize(pushed_[kWeightStream]);
    done_[kStoreStream].resize(stored_);
  }

  FusedTime run() {
    load(1);
    TileDma::Done done;
    go_on();
    while (dma_.next(&done)) {
      done_[done.stream].push_back(dequantized(done));
      go_on();
    }
    if (computed_.size() < span_.end)
      throw internal_error("fused_time: the operations wait for one another");
    if (span_.warm > 0) {
      for (const auto part : kFusedTimes) last_.*part -= warm_.*part;
      return last_;
    }
    const double end = std::max(computed_.back(), vector_free_);
    time_.vector += end - computed_.back();
    time_.cycles = done_[kStoreStream].empty() ? end : std::max(end, done_[kStoreStream].back());
    time_.writes += time_.cycles - end;
    return time_;
  }
  /// From the begin of the span.
  double elapsed() const { return array_free_; }

 private:
  std::size_t vectors_behind(std::size_t computes) const {
    std::size_t vectors = 0;
    while (vectors < program_.vectors.size() &&
           program_.vectors[vectors].computes_needed <= static_cast<std::int64_t>(computes))
      ++vectors;
    return vectors;
  }
  void go_on() {
    while (compute() || vector()) {
    }
  }
  /// When a transfer is in its buffer: a dequantizer on the DRAM side works from its first request
  /// on, and cannot end before the last one has passed.
  double dequantized(const TileDma::Done& done) {
    const TileTransfer& t = done.transfer;
    if (done.stream != kWeightStream || t.elements == 0) return done.at;
    const DequantizerConfig& dq = p_.machine.dequantizer;
    const auto cycles = [&dq](std::int64_t elements) {
      return static_cast<double>(ceil_div(elements, dq.lanes));
    };
    dequantizer_free_ = std::max(std::max(t.first_arrival, dequantizer_free_) + cycles(t.elements),
                                 done.at + cycles(t.last_elements));
    return dequantizer_free_ + static_cast<double>(dq.latency.value);
  }
  void load(double usable) {
    load(kInputStream, program_.input_loads, usable);
    load(kWeightStream, program_.weight_loads, usable);
  }
  void load(std::size_t stream, const std::vector<LoadOp>& ops, double usable) {
    std::size_t& next = pushed_[stream];
    while (next < loads_[stream] &&
           ops[next].releases_needed <= static_cast<std::int64_t>(released_.size()))
      push(stream, next++, usable);
  }
  void push(std::size_t stream, std::size_t operation, double usable) {
    dma_.push(stream, transfer_of(p_, program_, stream, operation, usable));
  }
  /// When the `needed`-th of these was done; false: it is not.
  static bool when(const std::vector<double>& times, std::int64_t needed, double* latest) {
    if (needed > static_cast<std::int64_t>(times.size())) return false;
    if (needed > 0) *latest = std::max(*latest, times[at(needed - 1)]);
    return true;
  }

  bool compute() {
    if (computed_.size() == span_.end) return false;
    const ComputeOp& op = program_.computes[computed_.size()];
    double reads = 0, vectors = 0;
    if (!when(done_[kInputStream], op.inputs_needed, &reads) ||
        !when(done_[kWeightStream], op.weights_needed, &reads) ||
        !when(vector_done_, op.vectors_needed, &vectors))
      return false;
    const double ready = std::max({reads, vectors, accepted_}) + kTokenHandover;
    const double begin = std::max(ready, array_free_), waited = begin - array_free_;
    (reads >= vectors ? time_.reads : time_.vector) += waited;
    const ArrayOperation& one = operations_.of(op);
    accepted_ = begin;
    released_.push_back(begin + static_cast<double>(one.released));
    array_free_ = begin + static_cast<double>(one.computed);
    computed_.push_back(array_free_);
    time_.cycles = array_free_;
    if (computed_.size() == span_.warm) warm_ = time_;
    if (computed_.size() == span_.last) last_ = time_;
    load(released_.back() + kTokenHandover);
    return true;
  }

  bool vector() {
    if (vector_done_.size() == vectors_) return false;
    const VectorJob& job = program_.vectors[vector_done_.size()];
    double ready = 0;
    if (!when(computed_, job.computes_needed, &ready) ||
        !when(released_, job.releases_needed, &ready) ||
        !when(done_[kStoreStream], job.stores_needed, &ready))
      return false;
    const double begin = std::max(std::max(ready, vector_begun_) + kTokenHandover, vector_free_);
    vector_begun_ = begin;
    vector_free_ = begin + static_cast<double>(job.cycles.value);
    vector_done_.push_back(vector_free_);
    if (job.yields) push(kStoreStream, stored_++, vector_free_ + kTokenHandover);
    return true;
  }

  const MappingProblem& p_;
  const Program& program_;
  ArrayOperations operations_;
  TileDma& dma_;
  FusedSpan span_;
  std::size_t vectors_ = 0;
  std::array<std::size_t, 2> loads_{}, pushed_{};
  std::array<std::vector<double>, TileDma::kDmaStreams> done_;
  std::vector<double> released_, computed_, vector_done_;
  std::size_t stored_ = 0;
  double dequantizer_free_ = 0, accepted_ = 0, array_free_ = 0, vector_begun_ = 0, vector_free_ = 0;
  FusedTime time_, warm_, last_;
};

FusedTime flow_fused(const MappingProblem& p, const Program& program, const FusedSpan& span,
                     MemoryRates& rates) {
  DmaFluid dma(p, rates);
  return FusedClock(p, program, span, dma).run();
}

/// Parts that were put to the memory's own model.
struct FusedParts {
  double elapsed = 0;               ///< with what is ahead of FusedSpan::warm
  double met = 0;                   ///< refreshes
  double activates = 0, moved = 0;  ///< rows and bursts
};

void add_fused(const FusedTime& time, FusedTime& sum) {
  for (const auto part : kFusedTimes) sum.*part += time.*part;
}

FusedTime walk_fused(const MappingProblem& p, const Program& program, const FusedSpan& span,
                     const ResolvedDram& memory, FusedParts& parts) {
  DmaRequests dma(
      p, [&program](const TileTransfer& t) { return region_of(program, t); }, memory);
  FusedClock clock(p, program, span, dma);
  const FusedTime time = clock.run();
  parts.elapsed += clock.elapsed();
  if (p.memory.refresh_cycles > 0)
    parts.met += std::floor(clock.elapsed() / p.memory.refresh_cycles);
  const DramStats stats = dma.stats();
  parts.activates +=
      static_cast<double>(stats.commands[static_cast<std::size_t>(DramCommand::kAct)]);
  parts.moved += static_cast<double>(stats.reads + stats.writes);
  return time;
}

struct PartPlan {
  std::int64_t steps, parts, length;

  FusedSpan span(std::int64_t part) const {
    const double number = static_cast<double>(part);
    const double place = number + std::fmod((number + 0.5) * kGolden, 1.0);
    const auto begin = static_cast<std::int64_t>(static_cast<double>(steps - length) * place /
                                                 static_cast<double>(parts));
    return {at(begin), at(begin + std::max(kLeastWarm, length / 4)), at(begin + length - kAhead),
            at(begin + length)};
  }
};

/// A part as the memory's own model and as the fluid have it.
struct FusedPair {
  FusedTime real, fluid;
  double ratio() const { return real.cycles / fluid.cycles; }
};

/// `share` of the parts meet what is odd.
FusedPair sum_of(std::vector<FusedPair> pairs, double share) {
  std::sort(pairs.begin(), pairs.end(),
            [](const FusedPair& a, const FusedPair& b) { return a.ratio() < b.ratio(); });
  const bool few = share * static_cast<double>(kOddShare) < 1;
  const std::size_t odd = few ? pairs.size() / kOddShare : 0;
  FusedPair sum;
  for (std::size_t i = odd; i < pairs.size() - odd; ++i) {
    add_fused(pairs[i].real, sum.real);
    add_fused(pairs[i].fluid, sum.fluid);
  }
  return sum;
}

/// A part seldom sees as many refreshes as there are on average: they are told apart.
double refreshed_cycles(const MappingProblem& p, double without, const FusedParts& real,
                        const FusedParts& refreshed, double fluid_share) {
  const double interval = p.memory.refresh_cycles;
  if (!p.memory.refreshes(without)) return without;
  if (refreshed.met < kLeastMet) return without * fluid_share;
  const double each =
      std::clamp((refreshed.elapsed - real.elapsed) / refreshed.met, 0.0, interval / 2);
  return without + std::floor(without / (interval - each)) * each;
}

std::int64_t group_begins(const Program& program) {
  std::int64_t begins = 0, group = -1;
  for (const ComputeOp& op : program.computes) {
    begins += op.tile.g0 != group ? 1 : 0;
    group = op.tile.g0;
  }
  return begins;
}

/// Of a long program: some parts are put to the memory's own model. The fluid knows the work of
/// all.
FusedTime sampled_time(const MappingProblem& p, const Program& program, const PartPlan& plan,
                       std::int64_t bursts) {
  const std::size_t all = program.computes.size();
  PeakRates peak(p.memory);
  const ResolvedDram without = without_stops(p.memory.sampled->config());
  const bool refreshes = p.memory.refresh_cycles > 0;
  std::vector<FusedPair> pairs;
  FusedParts real, refreshed;
  for (std::int64_t part = 0; part < plan.parts; ++part) {
    const FusedSpan span = plan.span(part);
    pairs.push_back(
        {walk_fused(p, program, span, without, real), flow_fused(p, program, span, peak)});
    if (refreshes) walk_fused(p, program, span, *p.memory.sampled, refreshed);
  }
  const double share_of_begins =
      static_cast<double>(group_begins(program) * plan.length) / static_cast<double>(plan.steps);
  const FusedPair sum = sum_of(std::move(pairs), share_of_begins);
  FusedTime time = flow_fused(p, program, {0, 0, all, all}, peak);
  const double more = time.cycles / sum.fluid.cycles;
  double share = 1;
  if (refreshes) {
    RefreshedRates rates(p.memory, peak);
    share = flow_fused(p, program, {0, 0, all, all}, rates).cycles / time.cycles;
  }
  for (const auto part : kFusedTimes)
    time.*part = std::max(0.0, time.*part + more * (sum.real.*part - sum.fluid.*part));
  const double refreshed_time = refreshed_cycles(p, time.cycles, real, refreshed, share);
  time.reads += refreshed_time - time.cycles;
  time.cycles = refreshed_time;
  time.activates = real.activates / real.moved * static_cast<double>(bursts);
  return time;
}

}  // namespace

FusedTime fused_time(const MappingProblem& problem, const Program& program) {
  const std::size_t all = program.computes.size();
  const auto steps = static_cast<std::int64_t>(all);
  if (!problem.memory.sampled) {
    PeakRates peak(problem.memory);
    return flow_fused(problem, program, {0, 0, all, all}, peak);
  }
  const std::int64_t bursts = traffic_of(program, problem.memory.burst_bytes).total().bursts;
  const auto affordable =
      static_cast<std::int64_t>(static_cast<double>(steps) * static_cast<double>(kMostFusedBursts) /
                                static_cast<double>(std::max<std::int64_t>(1, bursts)));
  const std::int64_t parts = std::clamp(affordable / kLeastOperations, kLeastParts, kMostParts);
  const std::int64_t length = std::max(affordable / parts, kLeastOperations);
  // Parts are walked twice, with refreshes and without: up to so many bursts the whole costs no
  // more.
  if (bursts > 2 * kMostFusedBursts && parts * length < steps)
    return sampled_time(problem, program, {steps, parts, length}, bursts);
  FusedParts whole;
  FusedTime time = walk_fused(problem, program, {0, 0, all, all}, *problem.memory.sampled, whole);
  time.activates = whole.activates;
  return time;
}

}  // namespace bitjoule
