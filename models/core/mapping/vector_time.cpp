#include "core/mapping/vector_time.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"
#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/memory_rates.h"
#include "core/mapping/program_transfers.h"

namespace bitjoule {
namespace {

// Put to the memory at most, but for so many chunks.
constexpr std::int64_t kMostBursts = 40'000;
constexpr std::size_t kLeastChunks = 8;

constexpr double VectorTime::*kTimes[] = {&VectorTime::cycles, &VectorTime::busy,
                                          &VectorTime::reads,  &VectorTime::writes,
                                          &VectorTime::idle,   &VectorTime::activates};

/// The operations of the first chunks of a program in time, each when what it waits for is done.
class VectorClock {
 public:
  VectorClock(const MappingProblem& problem, const Program& program, std::size_t chunks,
              TileDma& dma)
      : p_(problem), program_(program), chunks_(chunks), dma_(dma) {
    const VectorJob& last = program.vectors[chunks - 1];
    loads_ = {static_cast<std::size_t>(last.inputs_needed),
              static_cast<std::size_t>(last.weights_needed)};
  }

  VectorTime run() {
    load(1);
    TileDma::Done done;
    while (dma_.next(&done)) {
      done_[done.stream].push_back(done.at);
      while (issue()) {
      }
    }
    if (released_ < chunks_) throw internal_error("vector_time: the chunks wait for one another");
    time_.cycles =
        done_[kStoreStream].empty() ? free_ : std::max(free_, done_[kStoreStream].back());
    time_.writes += time_.cycles - free_;
    return time_;
  }

 private:
  void load(double usable) {
    load(kInputStream, program_.input_loads, usable);
    load(kWeightStream, program_.weight_loads, usable);
  }
  void load(std::size_t stream, const std::vector<LoadOp>& ops, double usable) {
    std::size_t& next = pushed_[stream];
    while (next < loads_[stream] &&
           ops[next].releases_needed <= static_cast<std::int64_t>(released_))
      push(stream, next++, usable);
  }
  void push(std::size_t stream, std::size_t operation, double usable) {
    dma_.push(stream, transfer_of(p_, program_, stream, operation, usable));
  }
  /// When so many operations of a stream were done; false: they are not.
  bool when(std::size_t stream, std::int64_t needed, double* at) const {
    if (needed > static_cast<std::int64_t>(done_[stream].size())) return false;
    *at = needed > 0 ? done_[stream][static_cast<std::size_t>(needed) - 1] : 0;
    return true;
  }
  bool issue() {
    if (released_ == chunks_) return false;
    const VectorJob& job = program_.vectors[released_];
    double inputs = 0, weights = 0, stores = 0;
    if (!when(kInputStream, job.inputs_needed, &inputs) ||
        !when(kWeightStream, job.weights_needed, &weights) ||
        !when(kStoreStream, job.stores_needed, &stores))
      return false;
    const double operands = std::max(inputs, weights), ready = std::max(operands, stores);
    const double begin = std::max(std::max(ready, begun_) + kTokenHandover, free_);
    const double waited = std::max(0.0, ready - free_), read = std::max(0.0, operands - free_);
    time_.reads += read;
    time_.writes += waited - read;
    time_.idle += begin - free_ - waited;
    begun_ = begin;
    free_ = begin + static_cast<double>(job.cycles.value);
    time_.busy += static_cast<double>(job.cycles.value);
    ++released_;
    for (std::int64_t i = 0; i < program_.stores_per_output; ++i)
      push(kStoreStream, stored_++, free_ + kTokenHandover);
    load(free_ + kTokenHandover);
    return true;
  }

  const MappingProblem& p_;
  const Program& program_;
  std::size_t chunks_;
  TileDma& dma_;
  std::array<std::size_t, 2> loads_{}, pushed_{};
  std::array<std::vector<double>, TileDma::kDmaStreams> done_;
  std::size_t stored_ = 0, released_ = 0;
  double begun_ = 0, free_ = 0;
  VectorTime time_;
};

/// The first chunks alone.
VectorTime walk(const MappingProblem& p, const Program& program, std::size_t chunks) {
  if (!p.memory.sampled) {
    PeakRates rates(p.memory);
    DmaFluid dma(p, rates);
    return VectorClock(p, program, chunks, dma).run();
  }
  DmaRequests dma(
      p, [&program](const TileTransfer& t) { return region_of(program, t); }, *p.memory.sampled);
  VectorTime time = VectorClock(p, program, chunks, dma).run();
  time.activates =
      static_cast<double>(dma.stats().commands[static_cast<std::size_t>(DramCommand::kAct)]);
  return time;
}

/// What waits at the end of the two walks differs, so that a part of the extrapolated time may be
/// less than nothing: reads get the rest.
void balance(VectorTime& time) {
  time.cycles = std::max(time.cycles, time.busy);
  const double waits = time.cycles - time.busy;
  time.idle = std::clamp(time.idle, 0.0, waits);
  time.writes = std::clamp(time.writes, 0.0, waits - time.idle);
  time.reads = waits - time.idle - time.writes;
}

}  // namespace

VectorTime vector_time(const MappingProblem& problem, const Program& program) {
  const std::size_t all = program.vectors.size();
  const std::int64_t bursts = traffic_of(program, problem.memory.burst_bytes).total().bursts;
  const auto affordable =
      static_cast<std::size_t>(static_cast<double>(all) * static_cast<double>(kMostBursts) /
                               static_cast<double>(std::max<std::int64_t>(1, bursts)));
  const std::size_t chunks = std::min(all, std::max(affordable, kLeastChunks));
  VectorTime time = walk(problem, program, chunks);
  if (chunks == all) return time;
  const std::size_t fewer = chunks / 2;
  const VectorTime half = walk(problem, program, fewer);
  const double more = static_cast<double>(all - chunks) / static_cast<double>(chunks - fewer);
  for (const auto part : kTimes) time.*part += more * (time.*part - half.*part);
  balance(time);
  return time;
}

}  // namespace bitjoule
