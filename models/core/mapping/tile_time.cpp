#include "core/mapping/tile_time.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/few.h"
#include "core/index.h"
#include "core/mapping/dma_fluid.h"
#include "core/mapping/done_times.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/tile_sizes.h"

namespace bitjoule {
namespace {

/// Cycles between the states after two iterations that are alike, at most; after so many
/// iterations their mean is taken.
struct Likeness {
  double cycles;
  std::int64_t many, many_of_long;
};
constexpr Likeness kExactly{0.01, 16, 6}, kNearly{1.5, 4, 4};
constexpr std::int64_t kLong = 1500;     // steps
constexpr std::int64_t kLeastTrips = 5;  // of a loop, some of whose iterations are not walked

class TileClock {
 public:
  TileClock(const MappingProblem& p, const Tiling& t, const TileLayout& layout,
            KnownTileSizes& known, TileDma& dma, const Likeness& likeness);

  TileTime run() {
    walk(order_.total());
    if (step_ < order_.total() || !outputs_.empty())
      throw internal_error("tile_time: the tiles wait for one another");
    TileTime time;
    time.cycles = std::llround(end_ + skipped_);
    time.steps = walked_;
    return time;
  }

  SpanTime run(const StepSpan& span, const StepWatch& watch) {
    watch_ = &watch;
    step_ = span.begin;
    mark_ = span.warm;
    skips_ = false;
    for (Fills& fills : fills_) {
      fills.created = step_ / fills.steps;
      fills.done.shift(fills.created);
    }
    walk(span.end);
    return {marked_, stopped_ || span.end < order_.total() ? released_ : end_};
  }

 private:
  enum : std::size_t { kIn = 0, kWeight = 1, kStore = 2 };
  /// Tiles of operands that follow one another in a buffer.
  struct Fills {
    Few<Stream, kStreams.size()> streams;  // in the order of their loads
    std::int64_t slots = 1, steps = 1, created = 0;
    DoneTimes done;
  };
  struct Output {
    double computed;
    std::int64_t elements;
    TileIndex index;
  };
  /// The end of an iteration of a loop.
  struct Mark {
    std::int64_t step = -1, streak = 0;
    double time = 0, time_half = 0;
    std::int64_t streak_half = 0;
    std::vector<double> state;
  };

  /// Until the array has read the last tiles of a step, or the last result is stored.
  void walk(std::int64_t end) {
    for (const std::size_t queue : {kIn, kWeight})
      for (std::int64_t slot = 0; slot < fills_[queue].slots; ++slot) load(queue, 1);
    TileDma::Done done;
    while (!stopped_ && (step_ < end || end == order_.total()) && dma_.next(&done)) {
      finish(done);
      plan();
    }
  }
  void load(std::size_t queue, double usable);
  void finish(const TileDma::Done& done);
  void plan();
  bool plan_compute();
  bool plan_output();
  void look_back(double released);
  bool note_state(double from);
  void skip(std::size_t loop, std::int64_t iterations, double cycles);
  /// Whether an iteration of a loop lies in one part of k.
  bool in_one_k(std::size_t loop) const {
    for (std::size_t l = 0; l <= loop; ++l)
      if (order_.loops()[l].axis == &TileIndex::k) return true;
    return false;
  }
  std::int64_t slots(const BufferConfig& b) const { return b.double_buffered ? 2 : 1; }
  const TileSizes& sizes(Stream stream) const { return *sizes_[static_cast<std::size_t>(stream)]; }

  const MappingProblem& p_;
  const TileLayout& layout_;
  StepOrder order_;
  TileDma& dma_;
  RecentFolds folds_;
  ArrayTimeline array_;
  const TileSizes none_{};
  std::array<const TileSizes*, kStreams.size()> sizes_{};
  std::array<Fills, 2> fills_;
  std::array<std::vector<std::int64_t>, StepOrder::kLoops> bounds_;
  std::array<Mark, StepOrder::kLoops> marks_;
  std::int64_t last_k_, accumulator_slots_, output_slots_, output_interval_;
  const Likeness& likeness_;
  std::int64_t step_ = 0, walked_ = 0;
  std::int64_t begun_ = 0;   // output tiles
  double accepted_ = -1e18;  // of the step ahead
  double dequantizer_free_ = 0, weights_retired_ = 0;
  Few<Output, 4> outputs_;  // computed, not converted
  DoneTimes converted_, stored_;
  double end_ = 0, skipped_ = 0;
  bool skips_ = true;
  const StepWatch* watch_ = nullptr;
  bool stopped_ = false;
  std::vector<double> reached_;       // the state at the end of an iteration
  std::int64_t mark_ = 0;             // a step, ...
  double marked_ = 0, released_ = 0;  // ... when the array had read its tiles, and the last one's
};

TileClock::TileClock(const MappingProblem& p, const Tiling& t, const TileLayout& layout,
                     KnownTileSizes& known, TileDma& dma, const Likeness& likeness)
    : p_(p),
      layout_(layout),
      order_(t, layout),
      dma_(dma),
      folds_(p),
      array_(p.machine.array.overlap, array_rates(p, t.groups_at_once)),
      last_k_(layout.trips().k - 1),
      output_interval_(output_interval(p)),
      likeness_(likeness) {
  const BuffersConfig& b = p.machine.buffers;
  for (const Stream stream : kStreams)
    sizes_[static_cast<std::size_t>(stream)] =
        layout.moves(stream) ? &known.of(t, layout, stream) : &none_;
  fills_[kIn].streams.push_back(Stream::kInputs);
  if (layout.moves(Stream::kInputScales)) fills_[kIn].streams.push_back(Stream::kInputScales);
  fills_[kIn].slots = slots(b.input);
  fills_[kIn].steps = order_.period(Stream::kInputs);
  bool beside = false;
  for (const Stream stream : {Stream::kWeightScales, Stream::kBiases}) {
    if (!layout.moves(stream)) continue;
    beside = true;
    fills_[kWeight].streams.push_back(stream);
  }
  fills_[kWeight].streams.push_back(Stream::kWeights);
  fills_[kWeight].slots = beside ? std::min(slots(b.weight), slots(b.scale)) : slots(b.weight);
  fills_[kWeight].steps = order_.period(Stream::kWeights);
  const std::int64_t live = live_output_tiles(t, layout.trips());
  accumulator_slots_ = live > 1 ? live : slots(b.accumulator);
  output_slots_ = slots(b.output);
  for (std::size_t i = 0; i < StepOrder::kLoops; ++i) {
    const StepOrder::Loop& loop = order_.loops()[i];
    if (loop.trips < kLeastTrips) continue;
    std::vector<std::int64_t>& bounds = bounds_[i];
    for (const Stream stream : kStreams) known.of(t, layout, stream).add_bounds(loop.axis, &bounds);
    bounds.push_back(loop.trips);
    // Sums begin in the first part of k and are complete after the last.
    if (loop.axis == &TileIndex::k) bounds.insert(bounds.end(), {1, last_k_});
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  }
}

void TileClock::load(std::size_t queue, double usable) {
  Fills& fills = fills_[queue];
  const std::int64_t step = fills.created * fills.steps;
  if (step >= order_.total()) return;
  ++fills.created;
  const TileIndex index = order_.index(step);
  const Stream last = queue == kIn ? fills.streams.back() : Stream::kWeights;
  for (const Stream stream : fills.streams) {
    const bool begins = step % order_.period(stream) == 0;
    if (!begins && stream != last) continue;
    const TileSizes::Size& size = sizes(stream).of(index);
    TileTransfer transfer;
    transfer.tensor = stream;
    transfer.tile = index;
    transfer.requests = begins && layout_.moves(stream) ? size.requests : 0;
    transfer.bursts = size.bursts;
    transfer.usable = usable;
    transfer.elements = size.elements;
    transfer.last_elements = size.last_elements;
    transfer.last_of_fill = stream == last;
    dma_.push(queue, transfer);
  }
}

void TileClock::finish(const TileDma::Done& done) {
  if (done.stream == kStore) {
    stored_.push(done.at);
    end_ = done.at;
    return;
  }
  double at = done.at;
  const TileTransfer& t = done.transfer;
  if (t.elements > 0) {
    const DequantizerConfig& dq = p_.machine.dequantizer;
    const double begin = std::max(t.first_arrival, dequantizer_free_);
    dequantizer_free_ = std::max(begin + static_cast<double>(ceil_div(t.elements, dq.lanes)),
                                 at + static_cast<double>(ceil_div(t.last_elements, dq.lanes)));
    at = std::ceil(dequantizer_free_) + static_cast<double>(dq.latency.value);
  }
  if (done.stream == kWeight) at = weights_retired_ = std::max(weights_retired_, at);
  if (t.last_of_fill) fills_[done.stream].done.push(at);
}

void TileClock::plan() {
  while (plan_compute() || plan_output()) {
  }
}

bool TileClock::plan_compute() {
  if (stopped_ || step_ >= order_.total()) return false;
  double ready = accepted_;
  for (const Fills& fills : fills_) {
    const std::int64_t fill = step_ / fills.steps;
    if (fill >= fills.done.end()) return false;
    ready = std::max(ready, fills.done.at(fill));
  }
  const TileIndex index = order_.index(step_);
  if (index.k == 0) {
    const std::int64_t before = begun_ - accumulator_slots_;
    if (before >= converted_.end()) return false;
    if (before >= 0) ready = std::max(ready, converted_.at(before));
    ++begun_;
  }
  const Tile tile = layout_.tile(index);
  const auto usable = static_cast<std::int64_t>(ready + kHandover);
  accepted_ = static_cast<double>(folds_.run(
      {tile.groups(), tile.groups_at_once, tile.m(), tile.n(), tile.k(), tile.fold_order}, usable,
      array_));
  const auto released = static_cast<double>(array_.last().stream_end);
  if (index.k == last_k_)
    outputs_.push_back(
        {static_cast<double>(array_.out_end()), tile.groups() * tile.m() * tile.n(), index});
  ++step_;
  ++walked_;
  released_ = released;
  if (step_ == mark_) marked_ = released;
  stopped_ = watch_ != nullptr && *watch_ && !(*watch_)(step_, released);
  for (const std::size_t queue : {kIn, kWeight})
    if (step_ % fills_[queue].steps == 0) load(queue, released + kHandover);
  while (plan_output()) {
  }
  if (skips_) look_back(released);
  return true;
}

bool TileClock::plan_output() {
  if (outputs_.empty()) return false;
  const Output& output = outputs_.front();
  double ready = output.computed;
  const std::int64_t number = converted_.end(), before = number - output_slots_;
  if (before >= stored_.end()) return false;
  if (before >= 0) ready = std::max(ready, stored_.at(before));
  if (number > 0) ready = std::max(ready, converted_.at(number - 1));
  const OutputUnitConfig& unit = p_.machine.output_unit;
  const double end = ready + kHandover +
                     static_cast<double>(unit.latency.value +
                                         ceil_div(output.elements, unit.lanes) * output_interval_);
  converted_.push(end);
  TileTransfer store;
  const TileSizes::Size& size = sizes(Stream::kOutputs).of(output.index);
  store.tensor = Stream::kOutputs;
  store.tile = output.index;
  store.requests = layout_.moves(Stream::kOutputs) ? size.requests : 0;
  store.bursts = size.bursts;
  store.usable = end + kHandover;
  dma_.push(kStore, store);
  outputs_.erase(0);
  return true;
}

/// Into reached_. Whether all that counts can be told.
bool TileClock::note_state(double from) {
  std::vector<double>& s = reached_;
  s.clear();
  const ArrayTimeline::Phase phase = array_.phase();
  s.push_back(static_cast<double>(array_.now()) - from);
  for (const std::int64_t part : {phase.stream_end, phase.end, phase.out_end, phase.rows})
    s.push_back(static_cast<double>(part));
  s.push_back(accepted_ - from);
  for (const Fills& fills : fills_) {
    const std::int64_t needed = ceil_div(step_, fills.steps);
    s.push_back(static_cast<double>(fills.done.end() - needed));
    s.push_back(static_cast<double>(fills.created - needed));
    for (std::int64_t i = needed; i < fills.done.end(); ++i) s.push_back(fills.done.at(i) - from);
  }
  for (const Output& output : outputs_) s.push_back(output.computed - from);
  s.push_back(static_cast<double>(converted_.end() - stored_.end()));
  if (converted_.end() > 0) s.push_back(std::max(converted_.at(converted_.end() - 1) - from, -1e6));
  s.push_back(std::max(dequantizer_free_ - from, -1e6));
  return dma_.append_state(from, &s);
}

/// At the end of an iteration of a loop: the iterations to come that are like it need not be walked
/// if the machine is in the state in which the one before it ended, or, after many of them, if what
/// they take on average is known.
void TileClock::look_back(double released) {
  bool noted = false;
  for (std::size_t l = 0; l < StepOrder::kLoops; ++l) {
    const StepOrder::Loop& loop = order_.loops()[l];
    if (loop.trips < kLeastTrips || step_ % loop.steps != 0) continue;
    const std::int64_t digit = (step_ - 1) / loop.steps % loop.trips;
    const auto bound = std::upper_bound(bounds_[l].begin(), bounds_[l].end(), digit);
    const std::int64_t first = bound == bounds_[l].begin() ? 0 : *(bound - 1);
    const std::int64_t left = *bound - digit - 1;
    if (left < 4) continue;
    if (!noted && !note_state(released)) return;
    noted = true;
    Mark& mark = marks_[l];
    const double now = released + skipped_, taken = now - mark.time;
    const bool follows = digit > first && mark.step == step_ - loop.steps;
    const bool same =
        follows && reached_.size() == mark.state.size() &&
        std::equal(reached_.begin(), reached_.end(), mark.state.begin(),
                   [&](double a, double b) { return std::abs(a - b) <= likeness_.cycles; });
    if (same) return skip(l, left - 2, taken);
    mark.step = step_;
    mark.time = now;
    mark.state = reached_;
    if (!follows) {
      mark.streak = mark.streak_half = 0;
      mark.time_half = now;
      continue;
    }
    ++mark.streak;
    const std::int64_t many = walked_ < kLong ? likeness_.many : likeness_.many_of_long;
    bool quiet = true;
    for (const std::size_t queue : {kIn, kWeight})
      quiet = quiet && (fills_[queue].steps <= loop.steps || dma_.idle(queue));
    if (quiet && mark.streak >= many && mark.streak > mark.streak_half)
      return skip(l, left - 2,
                  (now - mark.time_half) / static_cast<double>(mark.streak - mark.streak_half));
    if (mark.streak == many / 2) mark.time_half = now, mark.streak_half = mark.streak;
  }
}

void TileClock::skip(std::size_t l, std::int64_t iterations, double cycles) {
  const StepOrder::Loop& loop = order_.loops()[l];
  const std::int64_t steps = iterations * loop.steps;
  const std::int64_t k = order_.index(step_ - 1).k, parts = last_k_ + 1;
  step_ += steps;
  skipped_ += static_cast<double>(iterations) * cycles;
  for (Fills& fills : fills_) {
    if (fills.steps > loop.steps) continue;
    fills.created += steps / fills.steps;
    fills.done.shift(steps / fills.steps);
  }
  // Output tiles that an iteration begins and completes: all that it has, but in a part of k alone
  // only the first begins some, and only the last completes them.
  const bool inside_k = in_one_k(l);
  const std::int64_t all = iterations * (inside_k ? loop.steps : loop.steps / parts);
  begun_ += inside_k && k != 0 ? 0 : all;
  const std::int64_t finished = inside_k && k != last_k_ ? 0 : all;
  converted_.shift(finished);
  stored_.shift(finished);
  // Loops outside go on: what was skipped is in their iterations' times, and their states are as if
  // it had been walked.
  for (std::size_t inside = l; inside < StepOrder::kLoops; ++inside) marks_[inside].step = -1;
}

}  // namespace

TileTime tile_time(const MappingProblem& problem, const Tiling& tiling, const TileLayout& layout,
                   KnownTileSizes& sizes, MemoryRates& rates, Alike alike) {
  DmaFluid dma(problem, rates);
  const Likeness& likeness = alike == Alike::kExactly ? kExactly : kNearly;
  return TileClock(problem, tiling, layout, sizes, dma, likeness).run();
}

SpanTime span_time(const MappingProblem& problem, const Tiling& tiling, const TileLayout& layout,
                   KnownTileSizes& sizes, TileDma& dma, const StepSpan& span,
                   const StepWatch& watch) {
  return TileClock(problem, tiling, layout, sizes, dma, kExactly).run(span, watch);
}

}  // namespace bitjoule
