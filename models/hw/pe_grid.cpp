#include "hw/pe_grid.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/exec/layer_values.h"
#include "core/index.h"

namespace bitjoule {
namespace {

/// A module of its own because SystemC searches the children of a module one by one.
template <class T, class Sum>
struct PeRow : public sc_core::sc_module {
  PeRow(sc_core::sc_module_name name, std::int64_t cols) : sc_module(name) {
    for (std::int64_t c = 0; c < cols; ++c)
      pes.push_back(std::make_unique<Pe<T, Sum>>(("pe_" + std::to_string(c)).c_str()));
  }
  ~PeRow() override {
    while (!pes.empty()) pes.pop_back();
  }
  std::vector<std::unique_ptr<Pe<T, Sum>>> pes;
};

template <class T, class Sum>
class Grid : public PeGrid {
 public:
  Grid(const ArrayConfig& config, const std::string& kind)
      : rows_(config.rows),
        cols_(config.cols),
        steps_(at(rows_ + cols_)),
        loads_(at(rows_ + cols_)) {
    for (std::int64_t r = 0; r < rows_; ++r) {
      pe_rows_.push_back(
          std::make_unique<PeRow<T, Sum>>((kind + "_row_" + std::to_string(r)).c_str(), cols_));
      for (auto& pe : pe_rows_.back()->pes) pes_.push_back(pe.get());
    }
  }

  ~Grid() override {
    while (!pe_rows_.empty()) pe_rows_.pop_back();
  }
  void free_first() override { pe_rows_.front()->pes.front().reset(); }

  void enter_row(const FoldInFlight& fold, std::int64_t row) override { row_now_ = {&fold, row}; }
  void enter_step(const FoldInFlight& fold, std::int64_t step) override {
    step_now_ = {&fold, step};
  }

  void step(std::int64_t cycle, MachineCounts& counts) override {
    // After a pause nothing useful is under way: what the edges and registers still hold is stale.
    if (cycle != cycle_ + 1) clear();
    cycle_ = cycle;
    steps_[slot(0)] = step_now_;
    loads_[slot(0)] = row_now_;
    step_now_ = row_now_ = {};
    dataflow_->outputs_stay() ? step_outputs(counts) : step_stationary(counts);
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

  void begin(const PeDataflow& dataflow, const PeRules& rules) override {
    dataflow_ = &dataflow;
    rules_ = rules;
    clear();
    for (Pe<T, Sum>* pe : pes_) pe->forget_operands();
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
    traced_.assign(pes_.size() * 4, 0);
  }

  void trace(Trace& trace, Cycles now) override {
    for (std::size_t i = 0; i < pes_.size(); ++i) {
      const Pe<T, Sum>& pe = *pes_[i];
      const std::int64_t values[4] = {bits(pe.operand()), pe.east.valid ? 1 : 0,
                                      bits(pe.stationary()), bits(pe.sum.value)};
      for (std::size_t j = 0; j < 4; ++j) {
        std::int64_t& last = traced_[i * 4 + j];
        if (last == values[j]) continue;
        last = values[j];
        trace.change(first_signal_ + static_cast<std::int32_t>(i * 4 + j), now, last);
      }
    }
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

  void clear() {
    std::fill(steps_.begin(), steps_.end(), Entry{});
    std::fill(loads_.begin(), loads_.end(), Entry{});
    for (Pe<T, Sum>* pe : pes_) pe->clear();
  }

  std::size_t slot(std::int64_t cycles_ago) const {
    return at((cycle_ - cycles_ago + rows_ + cols_) % (rows_ + cols_));
  }
  Pe<T, Sum>& pe(std::int64_t r, std::int64_t c) { return *pes_[at(r * cols_ + c)]; }

  static const Panel<T>& inputs(const PeTile& t) {
    if constexpr (std::is_same_v<T, float>)
      return t.float_inputs;
    else
      return t.integer_inputs;
  }
  static const Panel<T>& weights(const PeTile& t) {
    if constexpr (std::is_same_v<T, float>)
      return t.float_weights;
    else
      return t.integer_weights;
  }

  Word<T> word(const FoldInFlight& fold, const EdgeWord& at_edge) const {
    const FoldJob& job = fold.job;
    const Tile& tile = fold.tile->tile;
    const std::int64_t from = at_edge.word * fold.macs_per_pe;
    Word<T> w;
    w.valid = true;
    w.fold = fold.number;
    w.group = static_cast<std::int32_t>(at_edge.g);
    w.count = static_cast<std::int32_t>(std::min(fold.macs_per_pe, job.k() - from));
    if (fold.tile->values) {
      const std::int64_t g = at_edge.g - tile.g0;
      const Panel<T>& panel = at_edge.inputs ? inputs(*fold.tile) : weights(*fold.tile);
      const std::int64_t index =
          at_edge.inputs ? g * tile.m() + at_edge.row : g * tile.n() + at_edge.row - tile.n0;
      w.lanes = panel.row(index) + (job.k0 - tile.k0) + from;
    }
    return w;
  }

  /// What the west edge gives to row r: delayed by r cycles.
  Word<T> west(std::int64_t r) const {
    const Entry& e = steps_[slot(r)];
    if (e.fold == nullptr || r >= e.fold->job.shape.rows) return {};
    Word<T> w = word(*e.fold, dataflow_->west(e.fold->job, r, e.index));
    w.last = e.index == e.fold->job.timing.steps - 1;
    w.reach = static_cast<std::int32_t>(e.fold->job.timing.cols);
    return w;
  }

  /// What the north edge gives to column c where outputs stay: delayed by c cycles.
  Word<T> north(std::int64_t c) const {
    const Entry& e = steps_[slot(c)];
    if (e.fold == nullptr || c >= e.fold->job.shape.cols) return {};
    const std::optional<EdgeWord> at_edge = dataflow_->north(e.fold->job, c, e.index);
    if (!at_edge) return {};
    Word<T> w = word(*e.fold, *at_edge);
    w.reach = static_cast<std::int32_t>(e.fold->job.timing.rows);
    return w;
  }

  /// The stationary operand for column c, if the fold has one for it.
  Word<T> passing(std::int64_t c) const {
    const Entry& e = loads_[slot(c)];
    if (e.fold == nullptr) return {};
    const FoldJob& job = e.fold->job;
    if (c >= job.shape.cols || e.index >= job.shape.rows) return {};
    const std::optional<EdgeWord> at_edge = dataflow_->north(job, c, e.index);
    if (!at_edge) return {};
    Word<T> w = word(*e.fold, *at_edge);
    w.row = static_cast<std::int32_t>(e.index);
    return w;
  }

  /// The empty sum of a step that the north edge gives to column c, if the fold has it.
  PartialSum<Sum> empty_sum(std::int64_t c) const {
    const Entry& e = steps_[slot(c)];
    PartialSum<Sum> sum;
    if (e.fold != nullptr && c < e.fold->job.shape.cols)
      sum.reach = static_cast<std::int32_t>(e.fold->job.timing.rows);
    return sum;
  }

  /// A word goes from the edge, or from PE to PE.
  static void moved(const Word<T>& w, bool from_edge, ArrayMove entry, ArrayMove hop,
                    ArrayMoves& moves) {
    if (w.valid && w.reach > 0) ++moves[from_edge ? entry : hop];
  }

  void step_stationary(MachineCounts& counts) {
    using M = ArrayMove;
    for (std::int64_t r = rows_ - 1; r >= 0; --r)
      for (std::int64_t c = cols_ - 1; c >= 0; --c) {
        const Word<T> w = c == 0 ? west(r) : pe(r, c - 1).east;
        const Word<T> p = r == 0 ? passing(c) : pe(r - 1, c).south;
        const PartialSum<Sum> s = r == 0 ? empty_sum(c) : pe(r - 1, c).sum;
        moved(w, c == 0, M::kWestEntry, M::kWestHop, counts.moves);
        if (p.valid) ++counts.moves[r == 0 ? M::kNorthEntry : M::kNorthHop];
        if (r > 0 && s.reach > 0) ++counts.moves[M::kSumHop];
        pe(r, c).step_stationary(w, p, s, static_cast<std::int32_t>(r), rules_, counts);
      }
  }

  void step_outputs(MachineCounts& counts) {
    using M = ArrayMove;
    for (std::int64_t r = rows_ - 1; r >= 0; --r)
      for (std::int64_t c = cols_ - 1; c >= 0; --c) {
        const Word<T> w = c == 0 ? west(r) : pe(r, c - 1).east;
        const Word<T> n = r == 0 ? north(c) : pe(r - 1, c).south;
        moved(w, c == 0, M::kWestEntry, M::kWestHop, counts.moves);
        moved(n, r == 0, M::kNorthEntry, M::kNorthHop, counts.moves);
        pe(r, c).step_output(w, n, rules_, counts);
      }
  }

  /// The foot of a column holds the sum of one step after the other, each from the cycle after its
  /// last MAC on.
  void collect_sums(const FoldInFlight& fold, std::int64_t cycle, ResultSink& sink) {
    const FoldJob& job = fold.job;
    for (std::int64_t c = 0; c < job.shape.cols; ++c) {
      const std::int64_t since = cycle - job.timing.rows - c - fold.first_step;
      if (since < 0 || since % fold.interval != 0 || since / fold.interval >= job.timing.steps)
        continue;
      const PartialSum<Sum>& sum = pe(job.timing.rows - 1, c).sum;
      sink.result(fold, c, since / fold.interval, sum.value, sum.overflow);
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
      const PartialSum<Sum> out = pe(height - 1, c).drained;
      for (std::int64_t r = height - 1; r > shift; --r) {
        pe(r, c).drained = pe(r - 1, c).drained;
        if (!pe(r, c).drained.valid) continue;
        ++moves[ArrayMove::kSumShift];
        ++moves[ArrayMove::kSumHop];
      }
      pe(shift, c).drained.valid = false;  // it has left, or its register is empty behind it
      if (row < job.shape.rows) sink.result(fold, c, row, out.value, out.overflow);
    }
  }

  std::int64_t rows_, cols_;
  const PeDataflow* dataflow_ = nullptr;
  PeRules rules_;
  std::int64_t cycle_ = -1;
  Entry step_now_, row_now_;
  std::int32_t first_signal_ = 0;
  std::vector<std::int64_t> traced_;  // last recorded values
  std::vector<Entry> steps_, loads_;  // by cycle, as long as the skew
  std::vector<std::unique_ptr<PeRow<T, Sum>>> pe_rows_;
  std::vector<Pe<T, Sum>*> pes_;  // row by row
};

}  // namespace

std::unique_ptr<PeGrid> make_integer_grid(const ArrayConfig& config) {
  return std::make_unique<Grid<std::int16_t, std::int32_t>>(config, "integer");
}
std::unique_ptr<PeGrid> make_float_grid(const ArrayConfig& config) {
  return std::make_unique<Grid<float, float>>(config, "float");
}

}  // namespace bitjoule
