#include "core/mapping/vector_time.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "core/dram/engine.h"
#include "core/error.h"
#include "core/mapping/dma_fluid.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/memory_rates.h"

namespace bitjoule {
namespace {

enum : std::size_t { kIn = 0, kWeight = 1, kStore = 2 };
// From a token to the operation that it starts (docs/timing.md, "Tokens").
constexpr double kHandover = 2;

using Regions = std::array<std::vector<const Region*>, TileDma::kDmaStreams>;

Regions regions_of(const Program& program) {
  Regions regions;
  for (const LoadOp& op : program.input_loads) regions[kIn].push_back(&op.region);
  for (const LoadOp& op : program.weight_loads) regions[kWeight].push_back(&op.region);
  for (const StoreOp& op : program.stores) regions[kStore].push_back(&op.region);
  return regions;
}

/// The requests of one stream after one another, from its middle on, and again from its begin.
class StreamRequests {
 public:
  StreamRequests(const std::vector<const Region*>& regions, RequestSize size)
      : regions_(regions), size_(size), at_(regions.size() / 2) {
    skip_empty();
  }
  bool empty() const { return cursor_.done(); }
  DramRequest take(bool write) {
    DramRequest request{cursor_.address(), cursor_.bursts() * size_.burst_bytes, write, 0};
    cursor_.next();
    if (cursor_.done()) skip_empty();
    return request;
  }

 private:
  void skip_empty() {
    for (std::size_t tried = 0; tried < regions_.size() && cursor_.done(); ++tried) {
      cursor_ = RequestCursor(*regions_[at_], size_);
      at_ = (at_ + 1) % regions_.size();
    }
  }

  const std::vector<const Region*>& regions_;
  RequestSize size_;
  std::size_t at_ = 0;
  RequestCursor cursor_;
};

/// What the memory's own model makes of the operator's requests, each active stream's in turn.
class VectorRates : public MemoryRates {
 public:
  VectorRates(const MappingProblem& problem, const Regions& regions)
      : p_(problem), regions_(regions), peak_(problem.memory) {}

  double burst_cycles(unsigned streams) override {
    if (!p_.memory.sampled) return peak_.burst_cycles(streams);
    double& rate = rates_[streams];
    if (rate == 0) rate = sample(streams);
    return rate;
  }
  double open_latency(unsigned streams) override { return peak_.open_latency(streams); }
  /// Rows opened for a burst, in all samples.
  double activates() const { return moved_ > 0 ? opened_ / moved_ : 0; }

 private:
  double sample(unsigned streams);

  const MappingProblem& p_;
  const Regions& regions_;
  PeakRates peak_;
  std::array<double, 8> rates_{};
  double opened_ = 0, moved_ = 0;
};

double VectorRates::sample(unsigned streams) {
  // Bursts until the queues are as always, and then measured.
  constexpr std::int64_t kWarm = 128, kMeasured = 512;
  const std::unique_ptr<DramEngine> engine = make_dram_engine(without_stops(*p_.memory.sampled));
  const DmaConfig& dma = p_.machine.dma;
  const RequestSize size{p_.memory.burst_bytes, dma.bursts_per_request(p_.memory.burst_bytes)};
  std::vector<StreamRequests> sources;
  std::vector<bool> writes;
  for (std::size_t i = 0; i < TileDma::kDmaStreams; ++i) {
    if ((streams >> i & 1U) == 0) continue;
    sources.emplace_back(regions_[i], size);
    writes.push_back(i == kStore);
    if (sources.back().empty()) return peak_.burst_cycles(streams);
  }
  const double core = static_cast<double>(p_.memory.core_period.value) /
                      static_cast<double>(engine->clock().edge(Cycles(1)).value);
  const double interval = core / static_cast<double>(dma.requests_per_cycle);
  std::int64_t outstanding = 0, done = 0, begun = 0;
  double now = 0, sent = 0, begin = 0;
  bool offered = false;
  std::size_t turn = 0;
  std::vector<std::int64_t> bursts;  // by tag
  while (done < kWarm + kMeasured) {
    while (!offered && outstanding < dma.outstanding) {
      DramRequest request = sources[turn].take(writes[turn]);
      request.tag = bursts.size();
      bursts.push_back(request.bytes / size.burst_bytes);
      turn = (turn + 1) % sources.size();
      sent = std::max(sent + interval, now);
      ++outstanding;
      const std::int64_t accepted = engine->offer(request, std::llround(sent));
      offered = accepted == kNever;
      if (!offered) sent = std::max(sent, static_cast<double>(accepted));
    }
    DramEvent event;
    if (!engine->advance(kNever, &event)) break;
    now = std::max(now, static_cast<double>(event.cycle));
    if (event.kind == DramEvent::Kind::kAccepted) {
      offered = false;
      sent = std::max(sent, now);
      continue;
    }
    --outstanding;
    done += bursts[event.tag];
    if (begin == 0 && done >= kWarm) begin = now, begun = done;
  }
  const DramStats stats = engine->stats(std::llround(now));
  opened_ += static_cast<double>(stats.commands[static_cast<std::size_t>(DramCommand::kAct)]);
  moved_ += static_cast<double>(stats.reads + stats.writes);
  return (now - begin) / core / static_cast<double>(std::max<std::int64_t>(1, done - begun));
}

/// The operations of a program in time, each when what it waits for is done.
class VectorClock {
 public:
  VectorClock(const MappingProblem& problem, const Program& program, MemoryRates& rates)
      : p_(problem), program_(program), dma_(problem, rates) {}

  VectorTime run() {
    load(1);
    TileDma::Done done;
    while (dma_.next(&done)) {
      done_[done.stream].push_back(done.at);
      while (issue()) {
      }
    }
    if (released_.size() < program_.vectors.size())
      throw internal_error("vector_time: the chunks wait for one another");
    const double end = done_[kStore].empty() ? free_ : std::max(free_, done_[kStore].back());
    VectorTime time;
    time.cycles = std::llround(end);
    time.busy = std::llround(busy_);
    time.idle = std::llround(idle_);
    time.reads = std::llround(reads_);
    time.writes = time.cycles - time.busy - time.idle - time.reads;
    return time;
  }

 private:
  void load(double usable) {
    load(kIn, program_.input_loads, usable);
    load(kWeight, program_.weight_loads, usable);
  }
  void load(std::size_t stream, const std::vector<LoadOp>& ops, double usable) {
    std::size_t& next = pushed_[stream];
    const auto released = static_cast<std::int64_t>(released_.size());
    while (next < ops.size() && ops[next].releases_needed <= released)
      push(stream, ops[next++].region, usable);
  }
  void push(std::size_t stream, const Region& region, double usable) {
    const std::int64_t burst = p_.memory.burst_bytes;
    const auto bursts = static_cast<double>(region.empty() ? 0 : bursts_of(region, burst));
    const std::int64_t many = p_.machine.dma.bursts_per_request(burst);
    TileTransfer t;
    t.requests =
        many == 1 || bursts == 0 ? bursts : static_cast<double>(bursts_of(region, burst * many));
    t.bursts = t.requests > 0 ? bursts / t.requests : 1;
    t.usable = usable;
    dma_.push(stream, t);
  }
  /// When so many operations of a stream were done; nothing: they are not.
  bool when(std::size_t stream, std::int64_t needed, double* at) const {
    *at = 0;
    if (needed > static_cast<std::int64_t>(done_[stream].size())) return false;
    if (needed > 0) *at = done_[stream][static_cast<std::size_t>(needed) - 1];
    return true;
  }
  bool issue() {
    const std::size_t chunk = released_.size();
    if (chunk == program_.vectors.size()) return false;
    const VectorJob& job = program_.vectors[chunk];
    double inputs = 0, weights = 0, stores = 0;
    if (!when(kIn, job.inputs_needed, &inputs) || !when(kWeight, job.weights_needed, &weights) ||
        !when(kStore, job.stores_needed, &stores))
      return false;
    const double operands = std::max(inputs, weights), ready = std::max(operands, stores);
    const double begin = std::max(std::max(ready, begun_) + kHandover, free_);
    account(operands, ready, begin);
    begun_ = begin;
    free_ = begin + static_cast<double>(job.cycles.value);
    busy_ += static_cast<double>(job.cycles.value);
    released_.push_back(free_);
    for (std::int64_t i = 0; i < program_.stores_per_output; ++i)
      push(kStore, program_.stores[stored_++].region, free_ + kHandover);
    load(free_ + kHandover);
    return true;
  }
  /// Where the unit had nothing to do before a chunk.
  void account(double operands, double ready, double begin) {
    const double waited = std::max(0.0, ready - free_), read = std::max(0.0, operands - free_);
    reads_ += read;
    writes_ += waited - read;
    idle_ += begin - free_ - waited;
  }

  const MappingProblem& p_;
  const Program& program_;
  DmaFluid dma_;
  std::array<std::vector<double>, TileDma::kDmaStreams> done_;
  std::array<std::size_t, 2> pushed_{};
  std::size_t stored_ = 0;
  std::vector<double> released_;
  double begun_ = 0, free_ = 0, busy_ = 0, reads_ = 0, writes_ = 0, idle_ = 0;
};

}  // namespace

VectorTime vector_time(const MappingProblem& problem, const Program& program) {
  const Regions regions = regions_of(program);
  VectorRates rates(problem, regions);
  VectorTime time = VectorClock(problem, program, rates).run();
  const MemoryPort& m = problem.memory;
  if (m.refresh_cycles > 0 && static_cast<double>(time.cycles) >= m.refresh_cycles) {
    RefreshedRates refreshed(m, rates);
    time = VectorClock(problem, program, refreshed).run();
  }
  time.activates = rates.activates();
  return time;
}

}  // namespace bitjoule
