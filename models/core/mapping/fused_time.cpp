#include "core/mapping/fused_time.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/index.h"
#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/folds.h"
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
constexpr std::int64_t kMostFusedBursts = 40'000;
constexpr std::size_t kLeastOperations = 16;

constexpr double FusedTime::*kFusedTimes[] = {&FusedTime::cycles, &FusedTime::vector,
                                              &FusedTime::reads, &FusedTime::writes,
                                              &FusedTime::activates};

/// The first operations of a program in time, each when what it waits for is done.
class FusedClock {
 public:
  FusedClock(const MappingProblem& problem, const Program& program, std::size_t computes,
             TileDma& dma)
      : p_(problem), program_(program), operations_(program), dma_(dma), computes_(computes) {
    const ComputeOp& last = program.computes[computes - 1];
    loads_ = {at(last.inputs_needed), at(last.weights_needed)};
    while (vectors_ < program.vectors.size() &&
           program.vectors[vectors_].computes_needed <= static_cast<std::int64_t>(computes))
      ++vectors_;
  }

  FusedTime run() {
    load(1);
    TileDma::Done done;
    go_on();
    while (dma_.next(&done)) {
      done_[done.stream].push_back(dequantized(done));
      go_on();
    }
    if (computed_.size() < computes_)
      throw internal_error("fused_time: the operations wait for one another");
    const double end = std::max(computed_.back(), vector_free_);
    time_.vector += end - computed_.back();
    time_.cycles = done_[kStoreStream].empty() ? end : std::max(end, done_[kStoreStream].back());
    time_.writes += time_.cycles - end;
    return time_;
  }

 private:
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
    if (computed_.size() == computes_) return false;
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
  std::size_t computes_, vectors_ = 0;
  std::array<std::size_t, 2> loads_{}, pushed_{};
  std::array<std::vector<double>, TileDma::kDmaStreams> done_;
  std::vector<double> released_, computed_, vector_done_;
  std::size_t stored_ = 0;
  double dequantizer_free_ = 0, accepted_ = 0, array_free_ = 0, vector_begun_ = 0, vector_free_ = 0;
  FusedTime time_;
};

/// The first operations alone.
FusedTime walk_fused(const MappingProblem& p, const Program& program, std::size_t computes) {
  if (!p.memory.sampled) {
    PeakRates rates(p.memory);
    DmaFluid dma(p, rates);
    return FusedClock(p, program, computes, dma).run();
  }
  DmaRequests dma(
      p, [&program](const TileTransfer& t) { return region_of(program, t); }, *p.memory.sampled);
  FusedTime time = FusedClock(p, program, computes, dma).run();
  time.activates =
      static_cast<double>(dma.stats().commands[static_cast<std::size_t>(DramCommand::kAct)]);
  return time;
}

}  // namespace

FusedTime fused_time(const MappingProblem& problem, const Program& program) {
  const std::size_t all = program.computes.size();
  const std::int64_t bursts = traffic_of(program, problem.memory.burst_bytes).total().bursts;
  const auto affordable =
      static_cast<std::size_t>(static_cast<double>(all) * static_cast<double>(kMostFusedBursts) /
                               static_cast<double>(std::max<std::int64_t>(1, bursts)));
  const std::size_t computes = std::min(all, std::max(affordable, kLeastOperations));
  FusedTime time = walk_fused(problem, program, computes);
  if (computes == all) return time;
  const std::size_t fewer = computes / 2;
  const FusedTime half = walk_fused(problem, program, fewer);
  const double more = static_cast<double>(all - computes) / static_cast<double>(computes - fewer);
  for (const auto part : kFusedTimes) time.*part += more * (time.*part - half.*part);
  return time;
}

}  // namespace bitjoule
