#include "hw/pe_grid.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/exec/layer_values.h"
#include "core/index.h"
#include "core/numeric/mac.h"
#include "hw/pe_drain.h"
#include "hw/pe_multipliers.h"
#include "hw/pe_registers.h"

namespace bitjoule {
namespace {

/// A row of PEs in the hierarchy of modules. A module for every PE would take several times the
/// memory of its registers, which stand in arrays (pe_registers.h).
struct PeRow : public sc_core::sc_module {
  explicit PeRow(sc_core::sc_module_name name) : sc_module(name) {}
};

template <class T>
const Panel<T>& panel_of(const PeTile& t, bool inputs) {
  if constexpr (std::is_same_v<T, float>)
    return inputs ? t.float_inputs : t.float_weights;
  else
    return inputs ? t.integer_inputs : t.integer_weights;
}

/// The word of a fold that an edge takes in.
template <class T>
EnteringWord<T> word_at(const FoldInFlight& fold, const EdgeWord& at_edge) {
  const FoldJob& job = fold.job;
  const std::int64_t from = at_edge.word * fold.macs_per_pe;
  EnteringWord<T> w;
  w.fold = fold.number;
  w.group = static_cast<std::int32_t>(at_edge.g);
  w.count = std::min(fold.macs_per_pe, job.k() - from);
  if (fold.tile->values) {
    const Tile& tile = fold.tile->tile;
    const std::int64_t g = at_edge.g - tile.g0;
    const Panel<T>& panel = panel_of<T>(*fold.tile, at_edge.inputs);
    const std::int64_t index =
        at_edge.inputs ? g * tile.m() + at_edge.row : g * tile.n() + at_edge.row - tile.n0;
    w.lanes = panel.row(index) + (job.k0 - tile.k0) + from;
  }
  return w;
}

template <class T, class Sum>
class Grid : public PeGrid {
 public:
  Grid(const ArrayConfig& config, const std::string& kind, Simd simd)
      : rows_(config.rows),
        cols_(config.cols),
        simd_(simd),
        steps_(at(rows_ + cols_)),
        loads_(at(rows_ + cols_)),
        meets_(at(cols_)) {
    for (std::int64_t r = 0; r < rows_; ++r)
      pe_rows_.push_back(std::make_unique<PeRow>((kind + "_row_" + std::to_string(r)).c_str()));
  }

  ~Grid() override {
    while (!pe_rows_.empty()) pe_rows_.pop_back();
  }

  void enter_row(const FoldInFlight& fold, std::int64_t row) override { row_now_ = {&fold, row}; }
  void enter_step(const FoldInFlight& fold, std::int64_t step) override {
    step_now_ = {&fold, step};
  }

  void step(std::int64_t cycle, MachineCounts& counts) override {
    // After a pause nothing useful is under way: what the edges and registers still hold is stale.
    if (cycle != cycle_ + 1) clear();
    cycle_ = cycle;
    if (step_now_.fold != nullptr) last_entry_ = cycle;
    if (row_now_.fold != nullptr) last_entry_ = last_load_ = cycle;
    steps_[slot(0)] = step_now_;
    loads_[slot(0)] = row_now_;
    step_now_ = row_now_ = {};
    if (cycle >= last_entry_ + rows_ + cols_) return;  // nothing is in the grid any more
    east_.move(cycle);
    dataflow_->outputs_stay() ? step_outputs(counts) : step_stationary(counts);
    multipliers_.count_words(counts);
  }

  void collect(const FoldInFlight& fold, std::int64_t cycle, ResultSink& sink,
               MachineCounts& counts) override {
    if (dataflow_->outputs_stay())
      collect_drained(fold, cycle, sink, counts.moves);
    else
      collect_sums(fold, cycle, sink);
  }

  void forget(const FoldInFlight& fold) override {
    for (auto* entries : {&steps_, &loads_})
      for (Entry& e : *entries)
        if (e.fold == &fold) e = {};
  }

  void begin(const PeDataflow& dataflow, const PeRules& rules, std::int64_t lanes,
             bool values) override {
    const PeShape shape = {rows_, cols_, values ? lanes : 0, dataflow.outputs_stay()};
    const bool same = dataflow_ != nullptr && shape.lanes == shape_.lanes &&
                      shape.outputs_stay == shape_.outputs_stay;
    dataflow_ = &dataflow;
    shape_ = shape;
    if (same) {
      clear();
    } else {
      build();
    }
    multipliers_.begin(shape, rules, lanes);
  }

  void begin_trace(Trace& trace) override {
    const SignalKind kind = std::is_same_v<T, float> ? SignalKind::kFloat : SignalKind::kInteger;
    first_signal_ = static_cast<std::int32_t>(trace.signals().size());
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < cols_; ++c) {
        const std::string name = "array.pe_" + std::to_string(r) + "_" + std::to_string(c) + ".";
        trace.add_signal(name + "operand", 16, kind);
        trace.add_signal(name + "operand_valid", 1);
        trace.add_signal(name + "stationary", 16, kind);
        trace.add_signal(name + "sum", 32, kind);
      }
    traced_.assign(at(rows_ * cols_ * 4), 0);
  }

  void trace(Trace& trace, Cycles now) override {
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < cols_; ++c) trace_pe(trace, now, r, c);
  }

 private:
  /// What entered at the first edge in one cycle.
  struct Entry {
    const FoldInFlight* fold = nullptr;
    std::int64_t index = 0;
  };

  template <class V>
  static std::int64_t bits(V value) {
    if constexpr (std::is_same_v<V, float>) {
      std::uint32_t pattern = 0;
      std::memcpy(&pattern, &value, sizeof pattern);
      return pattern;
    } else {
      return value;
    }
  }

  void trace_pe(Trace& trace, Cycles now, std::int64_t r, std::int64_t c) {
    const std::size_t i = at(r * cols_ + c);
    const std::uint32_t fold = east_.fold[east_.begin(r) + at(c)];
    const bool values = shape_.lanes > 0, valid = fold != kNoWord;
    T stays{};
    if (values && !shape_.outputs_stay) {
      const std::uint32_t kept = kept_.fold[fold & 1][i];
      if (kept != kNothingKept && (!valid || kept == fold)) stays = kept_.lane(fold & 1, 0)[i];
    }
    const std::int64_t now_there[4] = {
        bits(values && valid ? east_.lane(0)[east_.begin(r) + at(c)] : T{}), valid ? 1 : 0,
        bits(stays), bits(sums_.value[sums_.begin(r) + at(c)])};
    for (std::size_t j = 0; j < 4; ++j) {
      std::int64_t& last = traced_[i * 4 + j];
      if (last == now_there[j]) continue;
      last = now_there[j];
      trace.change(first_signal_ + static_cast<std::int32_t>(i * 4 + j), now, last);
    }
  }

  void build() {
    east_.build(shape_);
    south_.build(shape_);
    sums_.build(shape_);
    kept_.build(shape_);
    drained_.build(shape_);
    clear_edges();
  }
  /// What no word or sum has come to is empty already.
  void clear() {
    east_.clear();
    south_.clear();
    sums_.clear();
    kept_.clear();
    drained_.clear();
    clear_edges();
  }
  void clear_edges() {
    std::fill(steps_.begin(), steps_.end(), Entry{});
    std::fill(loads_.begin(), loads_.end(), Entry{});
    last_entry_ = last_load_ = -rows_ - cols_;
  }

  std::size_t slot(std::int64_t cycles_ago) const {
    return at((cycle_ - cycles_ago + rows_ + cols_) % (rows_ + cols_));
  }

  /// What the west edge gives to row r: delayed by r cycles.
  void enter_west(std::int64_t r, const Entry& e, ArrayMoves& moves) {
    if (e.fold == nullptr || r >= e.fold->job.shape.rows) return east_.enter(r, {});
    EnteringWord<T> w = word_at<T>(*e.fold, dataflow_->west(e.fold->job, r, e.index));
    w.last = e.index == e.fold->job.timing.steps - 1;
    w.reach = e.fold->job.timing.cols;
    ++moves[ArrayMove::kWestEntry];
    --moves[ArrayMove::kWestHop];  // count_west() takes it for one
    east_.enter(r, w);
  }

  /// What the north edge gives to the columns in this cycle, each delayed by its number: where
  /// outputs stay the words of steps, ...
  void enter_north() {
    for (std::int64_t c = 0; c < cols_; ++c) {
      const Entry& e = steps_[slot(c)];
      if (e.fold == nullptr || c >= e.fold->job.shape.cols) continue;
      const std::optional<EdgeWord> at_edge = dataflow_->north(e.fold->job, c, e.index);
      if (!at_edge) continue;
      EnteringWord<T> w = word_at<T>(*e.fold, *at_edge);
      w.reach = e.fold->job.timing.rows;
      south_.enter(c, w);
    }
  }
  /// ... else the words that come to stay, where the fold has some for the column, ...
  void enter_stationary(ArrayMoves& moves) {
    if (cycle_ >= last_load_ + cols_) return;
    for (std::int64_t c = 0; c < cols_; ++c) {
      const Entry& e = loads_[slot(c)];
      if (e.fold == nullptr) continue;
      const FoldJob& job = e.fold->job;
      if (c >= job.shape.cols || e.index >= job.shape.rows) continue;
      const std::optional<EdgeWord> at_edge = dataflow_->north(job, c, e.index);
      if (!at_edge) continue;
      EnteringWord<T> w = word_at<T>(*e.fold, *at_edge);
      w.row = e.index;
      south_.enter(c, w);
      ++moves[ArrayMove::kNorthEntry];
    }
  }
  /// ... and the empty sums of steps.
  void enter_sums() {
    std::size_t i = slot(0);
    for (std::int64_t c = 0; c < cols_; ++c) {
      const Entry& e = steps_[i];
      i = i == 0 ? steps_.size() - 1 : i - 1;
      if (e.fold != nullptr && c < e.fold->job.shape.cols) sums_.enter(c, e.fold->job.timing.rows);
    }
  }

  /// The columns of row r in which a word from the west may be.
  Columns east_columns(std::int64_t r) const {
    if (!east_.is_busy(r)) return {};
    return {east_.first_column(r), east_.end_column(r)};
  }

  void step_stationary(MachineCounts& counts) {
    using M = ArrayMove;
    ArrayMoves& moves = counts.moves;
    sums_.move();
    south_.move();
    enter_sums();
    moves[M::kNorthHop] += south_.words();
    enter_stationary(moves);
    std::size_t entry = slot(0);
    for (std::int64_t r = 0; r < rows_; ++r) {
      enter_west(r, steps_[entry], moves);
      entry = entry == 0 ? steps_.size() - 1 : entry - 1;
      Columns columns = east_columns(r);
      sums_.use(r, columns);
      columns = sums_.columns(r);
      if (!columns.empty()) {
        const std::size_t row = at(columns.begin);
        PeRowStep s = row_step(r, columns);
        for (int odd = 0; odd < 2; ++odd) s.kept[odd] = &kept_.fold[odd][kept_.begin(r) + row];
        s.sum_reach = &sums_.reach[sums_.begin(r) + row];
        const PeRowCounts n = step_passing(s, meets_.data(), simd_);
        count_west(n.west, moves);
        moves[M::kStationaryRead] += n.meet;
        moves[M::kSumShift] += n.north;
        if (r > 0) moves[M::kSumHop] += n.north;
        if (n.meet > 0) multipliers_.work(r, columns, n.meet, meets_.data(), counts);
      }
    }
    keep_arrived(moves);
  }

  /// After the PEs' multipliers have read what they kept before.
  void keep_arrived(ArrayMoves& moves) {
    for (const auto& word : south_.arrived()) {
      kept_.keep(word.row, word.column, south_, south_.begin(word.row) + at(word.column));
      ++moves[ArrayMove::kStationaryWrite];
    }
    south_.keep_arrived();
    moves[ArrayMove::kNorthShift] += south_.words();  // all others move on
  }

  void step_outputs(MachineCounts& counts) {
    using M = ArrayMove;
    ArrayMoves& moves = counts.moves;
    south_.move();
    enter_north();
    std::size_t entry = slot(0);
    for (std::int64_t r = 0; r < rows_; ++r) {
      enter_west(r, steps_[entry], moves);
      entry = entry == 0 ? steps_.size() - 1 : entry - 1;
      Columns columns = east_columns(r);
      columns.add(south_.columns(r));
      if (columns.empty()) continue;
      sums_.use(r, columns);
      const std::size_t north = south_.begin(r) + at(columns.begin);
      PeRowStep s = row_step(r, columns);
      s.group = &east_.group[east_.begin(r) + at(columns.begin)];
      s.north_fold = &south_.fold[north];
      s.north_reach = &south_.reach[north];
      s.north_group = &south_.group[north];
      const PeRowCounts n = step_meeting(s, meets_.data(), simd_);
      count_west(n.west, moves);
      moves[M::kNorthShift] += n.north;
      moves[r == 0 ? M::kNorthEntry : M::kNorthHop] += n.north;
      moves[M::kSumRead] += n.meet;
      moves[M::kSumWrite] += n.meet;
      if (n.meet > 0) multipliers_.work(r, columns, n.meet, meets_.data(), counts);
      if (east_.has_last(r)) set_aside(r, columns, moves);
    }
  }

  PeRowStep row_step(std::int64_t r, const Columns& columns) const {
    PeRowStep s;
    s.pes = columns.end - columns.begin;
    s.column = columns.begin;
    s.row = r;
    s.fold = &east_.fold[east_.begin(r) + at(columns.begin)];
    s.reach = &east_.reach[east_.begin(r) + at(columns.begin)];
    return s;
  }

  /// Words that moved: from their neighbours those that did not come from the edge (enter_west()).
  static void count_west(std::int64_t words, ArrayMoves& moves) {
    moves[ArrayMove::kWestShift] += words;
    moves[ArrayMove::kWestHop] += words;
  }

  /// Where the last words of a fold meet, the sum goes aside to make room for the next fold's.
  void set_aside(std::int64_t r, const Columns& columns, ArrayMoves& moves) {
    for (std::int64_t c = columns.begin; c < columns.end; ++c) {
      const std::size_t east = east_.begin(r) + at(c), south = south_.begin(r) + at(c);
      if (east_.fold[east] == kNoWord || south_.fold[south] == kNoWord || east_.last[east] == 0)
        continue;
      const bool works = east_.group[east] == south_.group[south];
      const std::size_t pe = at(r * cols_ + c);
      drained_.set(pe, sums_.value[pe], sums_.overflow[pe] != 0, works);
      if (works) ++moves[ArrayMove::kSumShift];
      sums_.value[pe] = Sum{};
      sums_.overflow[pe] = 0;
    }
  }

  /// The foot of a column holds the sum of one step after the other, each from the cycle after its
  /// last MAC on.
  void collect_sums(const FoldInFlight& fold, std::int64_t cycle, ResultSink& sink) {
    const FoldJob& job = fold.job;
    const std::int64_t newest = cycle - job.timing.rows - fold.first_step;  // of column 0
    const std::int64_t first = newest - job.timing.steps * fold.interval + 1;
    const std::size_t foot = sums_.begin(job.timing.rows - 1);
    for (std::int64_t c = std::max<std::int64_t>(0, first); c < job.shape.cols && c <= newest;
         ++c) {
      const std::int64_t since = newest - c;
      if (fold.interval > 1 && since % fold.interval != 0) continue;
      const std::int64_t step = fold.interval > 1 ? since / fold.interval : since;
      sink.result(fold, c, step, sums_.value[foot + at(c)], sums_.overflow[foot + at(c)] != 0);
    }
  }

  /// Results leave through the drain registers, the lowest row first, once the lowest has its own.
  void collect_drained(const FoldInFlight& fold, std::int64_t cycle, ResultSink& sink,
                       ArrayMoves& moves) {
    const FoldJob& job = fold.job;
    const std::int64_t height = job.timing.rows;
    const std::int64_t last_step = fold.first_step + (job.timing.steps - 1) * fold.interval;
    for (std::int64_t c = 0; c < job.shape.cols; ++c) {
      const std::int64_t since = cycle - (last_step + c + height);
      if (since < 0 || (since + 1) % fold.drain_interval != 0) continue;
      const std::int64_t shift = (since + 1) / fold.drain_interval - 1;
      if (shift >= height) continue;
      const std::int64_t row = height - 1 - shift;
      const auto out = drained_.shift(c, shift, height, moves);
      if (row < job.shape.rows) sink.result(fold, c, row, out.value, out.overflow);
    }
  }

  std::int64_t rows_, cols_;
  Simd simd_;
  PeShape shape_;
  const PeDataflow* dataflow_ = nullptr;
  std::int64_t cycle_ = -1;
  Entry step_now_, row_now_;
  std::int64_t last_entry_ = 0, last_load_ = 0;  // cycles
  std::int32_t first_signal_ = 0;
  std::vector<std::int64_t> traced_;  // last recorded values
  std::vector<Entry> steps_, loads_;  // by cycle, as long as the skew
  std::vector<std::unique_ptr<PeRow>> pe_rows_;

  EastRegisters<T> east_;
  SouthRegisters<T> south_;
  SumRegisters<Sum> sums_;
  KeptRegisters<T> kept_;
  DrainRegisters<Sum> drained_;
  Multipliers<T, Sum> multipliers_{east_, south_, kept_, sums_, simd_};
  std::vector<std::uint32_t> meets_;  // of a row: all ones where words meet
};

}  // namespace

std::unique_ptr<PeGrid> make_integer_grid(const ArrayConfig& config, Simd simd) {
  return std::make_unique<Grid<std::int16_t, std::int32_t>>(config, "integer", simd);
}
std::unique_ptr<PeGrid> make_float_grid(const ArrayConfig& config, Simd simd) {
  return std::make_unique<Grid<float, float>>(config, "float", simd);
}

}  // namespace bitjoule
