// The array between mocks, at both fidelities: in which cycle it does what. Expected cycles are the
// terms of docs/timing.md, written out: load L, stream Q, skew Z, drain D.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/mapping/program.h"
#include "hw/array_fast.h"
#include "hw/array_pe.h"
#include "hw/buffer.h"
#include "hw/dequantizer.h"

namespace bitjoule::array_test {
namespace {

struct Tokens : sc_core::sc_module, TokenIf {
  explicit Tokens(sc_core::sc_module_name name) : sc_module(name) { out.bind(*this); }
  void give(Token token, Cycles at) override { given.emplace_back(token, at.value); }
  std::vector<std::int64_t> of(Token token) const {
    std::vector<std::int64_t> cycles;
    for (const auto& [kind, at] : given)
      if (kind == token) cycles.push_back(at);
    return cycles;
  }
  sc_core::sc_export<TokenIf> out;
  std::vector<std::pair<Token, std::int64_t>> given;
};

/// 3 x 4 PEs of one int8 MAC each; ports that never limit unless a test narrows them.
AcceleratorConfig machine(Dataflow dataflow, Overlap overlap) {
  AcceleratorConfig m;
  m.array.rows = 3;
  m.array.cols = 4;
  m.array.dataflow = dataflow;
  m.array.overlap = overlap;
  m.array.pe.width = 8;
  for (BufferConfig* b : {&m.buffers.input, &m.buffers.weight, &m.buffers.accumulator}) {
    b->banks = 1;
    b->port_width = Bits(128);
  }
  return m;
}

MappingProblem problem_of(const AcceleratorConfig& m, const Gemm& gemm,
                          const std::string& activations = "int8",
                          const std::string& weights = "int8") {
  Precision precision;
  precision.weights.format = weights;
  precision.activations.format = activations;
  MappingProblem p;
  p.layer = lower(gemm);
  p.machine = m;
  p.path = resolve_data_path(precision, m.array.pe);
  return p;
}

struct Op {
  std::int64_t usable, m, n, k;
};

struct Times {
  std::vector<std::int64_t> accepted, released, computed;
};

/// One array of either kind, with all it is connected to.
template <class Array>
class Bench {
 public:
  template <class... Arguments>
  Bench(const std::string& name, const AcceleratorConfig& m, Arguments&&... arguments)
      : input_((name + "_input").c_str()),
        weight_((name + "_weight").c_str()),
        accumulator_((name + "_accumulator").c_str()),
        scale_((name + "_scale").c_str()),
        dequantizer_((name + "_dequantizer").c_str(), m.dequantizer),
        tokens_((name + "_tokens").c_str()),
        array_(name.c_str(), std::forward<Arguments>(arguments)...) {
    input_.start(m.buffers.input);
    weight_.start(m.buffers.weight);
    accumulator_.start(m.buffers.accumulator);
    scale_.start(m.buffers.scale);
    array_.to_sequencer(tokens_.out);
    array_.operands.to_input_buffer(input_.port);
    array_.operands.to_weight_buffer(weight_.port);
    array_.operands.to_accumulator_buffer(accumulator_.port);
    array_.operands.to_scale_buffer(scale_.port);
    array_.operands.to_dequantizer(dequantizer_.port);
  }

  Times run(const MappingProblem& problem, const std::vector<Op>& ops) {
    MachineCounts counts;
    Attribution attribution;
    LayerRun run;
    const Program program;  // one group at once
    run.problem = &problem;
    run.program = &program;
    run.counts = &counts;
    run.attribution = &attribution;
    tokens_.given.clear();
    dequantizer_.start(run);
    array_.start(run);
    std::int64_t macs = 0;
    for (const Op& op : ops) {
      ComputeOp compute;
      compute.tile = Tile{0, 1, 0, 1, 0, 1, 0, op.m, 0, op.n, 0, op.k};
      macs += op.m * op.n * op.k;
      array_.issue(compute, Cycles(op.usable));
    }
    if (sc_core::sc_pending_activity()) sc_core::sc_start();
    array_.finish();
    CHECK(counts.macs == macs);
    moves = counts.moves;
    Times times{tokens_.of(Token::kAccepted), tokens_.of(Token::kReleased),
                tokens_.of(Token::kComputed)};
    // Each cycle up to the last write has a cause; with it the array is through.
    CHECK(attribution.covered().value == times.computed.back());
    return times;
  }

  ArrayMoves moves;  ///< of the last run

 private:
  Buffer input_, weight_, accumulator_, scale_;
  Dequantizer dequantizer_;
  Tokens tokens_;
  Array array_;
};

/// A machine's array as closed form and PE by PE. All are built before the first runs.
struct Pair {
  Pair(std::string n, const AcceleratorConfig& m)
      : name(std::move(n)),
        machine(m),
        clock(Hertz(1'000'000'000)),
        fast(name + "_fast", m),
        pe(name + "_pe", m, clock, machine.array) {}

  /// Operations of one layer, which is as large as the first of them.
  Times run(const std::vector<Op>& ops, const std::string& activations = "int8",
            const std::string& weights = "int8") {
    const MappingProblem problem =
        problem_of(machine, {ops[0].m, ops[0].n, ops[0].k}, activations, weights);
    clock.begin_epoch();
    const Times of_fast = fast.run(problem, ops);
    clock.begin_epoch();
    Times of_pe = pe.run(problem, ops);
    CHECK(of_fast.accepted == of_pe.accepted);
    CHECK(of_fast.released == of_pe.released);
    CHECK(of_fast.computed == of_pe.computed);
    CHECK(fast.moves.counts == pe.moves.counts);
    return of_pe;
  }

  std::string name;
  AcceleratorConfig machine;
  CoreClock clock;
  Bench<ArrayFast> fast;
  Bench<ArrayPe> pe;
};

std::vector<std::unique_ptr<Pair>> pairs_of(
    const std::vector<Dataflow>& dataflows, const std::vector<Overlap>& overlaps,
    const std::function<void(AcceleratorConfig&)>& change = [](AcceleratorConfig&) {}) {
  std::vector<std::unique_ptr<Pair>> pairs;
  for (const Overlap overlap : overlaps)
    for (const Dataflow dataflow : dataflows) {
      AcceleratorConfig m = machine(dataflow, overlap);
      change(m);
      pairs.push_back(std::make_unique<Pair>("array" + std::to_string(pairs.size()), m));
    }
  return pairs;
}

using V = std::vector<std::int64_t>;
constexpr Dataflow kWs = Dataflow::kWeightStationary, kOs = Dataflow::kOutputStationary,
                   kIs = Dataflow::kInputStationary;

struct Results : ResultSink {
  void result(const FoldInFlight&, std::int64_t column, std::int64_t index, std::int32_t,
              bool) override {
    left.push_back({cycle, column, index});
  }
  void result(const FoldInFlight&, std::int64_t, std::int64_t, float, bool) override {}
  std::int64_t cycle = 0;
  std::vector<std::array<std::int64_t, 3>> left;  ///< cycle, column, index
};

}  // namespace

TEST_CASE("array: the cycles of one fold, from its first row to the write of its last result") {
  use_femtosecond_resolution();
  const auto arrays = pairs_of(
      {kWs, kIs, kOs}, {Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull});
  // L 3 rows, Q 5 steps, Z 3 + 4 - 2, D one row of results, or three where they are shifted out.
  for (const auto& array : arrays) {
    CAPTURE(array->name);
    const bool os = array->machine.array.dataflow == kOs;
    const Times times =
        os ? array->run({{10, 3, 4, 5}})
           : array->run({array->machine.array.dataflow == kWs ? Op{10, 5, 4, 3} : Op{10, 4, 5, 3}});
    CHECK(times.accepted == V{10});
    CHECK(times.released == V{os ? 10 + 5 : 10 + 3 + 5});
    CHECK(times.computed == V{os ? 10 + 5 + 5 + 3 : 10 + 3 + 5 + 5 + 1});
  }
}

TEST_CASE("array: a row of results is written in the last cycle of an interval of its own") {
  use_femtosecond_resolution();
  const auto arrays = pairs_of({kWs, kIs, kOs}, {Overlap::kNone}, [](AcceleratorConfig& m) {
    m.buffers.accumulator.port_width = Bits(64);  // two sums of 32 bits a cycle
  });
  for (const auto& array : arrays) {
    CAPTURE(array->name);
    // Four columns: two cycles a row. Where results leave with each step, so does the stream.
    if (array->machine.array.dataflow == kOs)
      CHECK(array->run({{0, 3, 4, 5}}).computed == V{5 + 5 + 3 * 2});
    else
      CHECK(array->run({{0, 4, 4, 3}}).computed == V{3 + 4 * 2 + 5 + 2});
  }
}

TEST_CASE("array: intervals are those of the layer's rows and columns, not of the array's") {
  use_femtosecond_resolution();
  AcceleratorConfig m = machine(kWs, Overlap::kNone);
  m.buffers.input.port_width = Bits(16);  // two activations a cycle
  m.buffers.accumulator.port_width = Bits(64);
  Pair array("intervals", m);
  // k 3: 24 bits a step, two cycles; k 2: one. The array's full timing (L, Z) stays.
  CHECK(array.run({{0, 4, 2, 3}}).released == V{3 + 4 * 2});
  CHECK(array.run({{0, 4, 2, 2}}).released == V{3 + 4});
  // n 3: 96 bits of sums a step, two cycles; n 2: one.
  CHECK(array.run({{0, 4, 3, 2}}).released == V{3 + 4 * 2});
  // The second fold of n 6 has two columns, but the layer has at least four: two cycles.
  CHECK(array.run({{0, 4, 6, 2}}).released == V{(3 + 4 * 2 + 5) + (3 + 4 * 2)});
}

TEST_CASE("array: the next fold is blocked until N-1 and begins at N") {
  use_femtosecond_resolution();
  // The first fold: load from 10, stream from 13, to 18, last MAC before 23.
  struct Row {
    Overlap overlap;
    std::int64_t load_from, stream_from;  // of the second, if its operands are there early
  };
  const std::vector<Row> rows = {{Overlap::kNone, 23, 23 + 3},
                                 {Overlap::kDrain, 18, 18 + 3},
                                 {Overlap::kWeights, 13, 23},
                                 {Overlap::kFull, 13, 18}};
  const auto arrays =
      pairs_of({kWs}, {Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(arrays[i]->name);
    for (const std::int64_t after : {-1, 0, 1}) {
      CAPTURE(after);
      const std::int64_t usable = rows[i].load_from + after;
      const std::int64_t begin = std::max(usable, rows[i].load_from);
      const std::int64_t stream = std::max(begin + 3, rows[i].stream_from);
      const Times t = arrays[i]->run({{10, 5, 4, 3}, {usable, 5, 4, 3}});
      CHECK(t.accepted == V{10, begin});
      CHECK(t.released == V{18, stream + 5});
      CHECK(t.computed == V{23 + 1, stream + 5 + 5 + 1});
    }
  }
}

TEST_CASE("array: with overlap drain a fold costs its load and its stream") {
  use_femtosecond_resolution();
  const auto arrays = pairs_of({kWs, kOs}, {Overlap::kDrain});
  // 4 x 3 folds of k and n, 16 steps each: L + Q = 3 + 16, and once Z and the write.
  const Times t = arrays[0]->run({{0, 16, 12, 12}});
  CHECK(t.released == V{12 * (3 + 16)});
  CHECK(t.computed == V{12 * (3 + 16) + 5 + 1});
  // Nothing loads where outputs stay: streams follow one another, as the drain registers allow.
  CHECK(arrays[1]->run({{0, 6, 8, 16}}).released == V{4 * 16});
  CHECK(arrays[1]->run({{0, 6, 8, 2}}).released == V{2 + 3 * 3});
}

TEST_CASE("array: exact edges tap the row in use, and results leave a column in order") {
  use_femtosecond_resolution();
  const auto arrays = pairs_of({kWs, kOs}, {Overlap::kFull}, [](AcceleratorConfig& m) {
    m.array.edge_folds = EdgeFolds::kExact;
  });
  // 2 rows, 3 columns: L 2, Z 2 + 3 - 2.
  CHECK(arrays[0]->run({{0, 5, 3, 2}}).computed == V{2 + 5 + 3 + 1});
  // Folds of 3, 3 and 1 rows: the last stream waits 3 - 1 cycles for the results ahead of it.
  const Times ws = arrays[0]->run({{0, 5, 4, 7}});
  CHECK(ws.released == V{3 + 5 + 5 + (3 - 1) + 5});
  CHECK(ws.computed == V{3 + 5 + 5 + (3 - 1) + 5 + (1 + 4 - 2) + 1});
  // Outputs stay, one step each, 3 rows and then 2: the second stream ends D' 3 and 3 - 2 later.
  const Times os = arrays[1]->run({{0, 5, 4, 1}});
  CHECK(os.released == V{1 + 3 + (3 - 2)});
  CHECK(os.computed == V{1 + 3 + (3 - 2) + (2 + 4 - 2) + 2});
}

TEST_CASE("array: wider integers take a pass for each pair of parts") {
  use_femtosecond_resolution();
  AcceleratorConfig m = machine(kWs, Overlap::kFull);
  m.array.pe.packing = Packing::kPasses;
  Pair array("passes", m);
  const std::vector<Op> op = {{0, 20, 4, 3}};
  CHECK(array.run(op).released == V{3 + 20});
  CHECK(array.run(op, "int4", "int4").released == V{3 + 20});
  CHECK(array.run(op, "int16", "int8").released == V{3 + 2 * 20});
  CHECK(array.run(op, "int8", "int16").released == V{3 + 2 * 20});
  CHECK(array.run(op, "int16", "int16").released == V{3 + 4 * 20});
}

TEST_CASE("array: the registers that the PEs write are those that can be counted on paper") {
  use_femtosecond_resolution();
  const auto arrays = pairs_of({kWs, kIs, kOs}, {Overlap::kNone, Overlap::kFull});
  for (const auto& array : arrays) {
    CAPTURE(array->name);
    // Two rows and two columns in use of 3 x 4, five steps, twice: words from the west pass four
    // columns, sums three rows.
    const bool os = array->machine.array.dataflow == kOs;
    const Op op = os                                     ? Op{0, 2, 2, 5}
                  : array->machine.array.dataflow == kWs ? Op{0, 5, 2, 2}
                                                         : Op{0, 2, 5, 2};
    array->run({op, op});
    const ArrayMoves& moves = array->pe.moves;
    CHECK(moves[ArrayMove::kWestShift] == 2 * 5 * 2 * 4);
    CHECK(moves[ArrayMove::kWestHop] == 2 * 5 * 2 * 3);
    CHECK(moves[ArrayMove::kNorthEntry] == 2 * (os ? 5 * 2 : 2 * 2));
    // What stays in the second row passes the first; where sums stay, words pass three rows.
    CHECK(moves[ArrayMove::kNorthShift] == 2 * (os ? 5 * 2 * 3 : 2));
    CHECK(moves[ArrayMove::kStationaryRead] == (os ? 0 : 2 * 5 * 2 * 2));
    CHECK(moves[ArrayMove::kSumWrite] == (os ? 2 * 5 * 2 * 2 : 0));
    // Sums that stayed: each aside, those of the first row two further, of the second one.
    CHECK(moves[ArrayMove::kSumShift] == 2 * (os ? 2 * 2 + 2 * (2 + 1) : 5 * 2 * 3));
    CHECK(moves[ArrayMove::kSumExit] == 2 * (os ? 2 * 2 : 5 * 2));
  }
}

TEST_CASE("array: a sum is in the register at the foot of its column one cycle before its write") {
  use_femtosecond_resolution();
  const std::int64_t rows = 3, cols = 2;
  ArrayConfig config;
  config.rows = rows;
  config.cols = cols;
  struct Holder : sc_core::sc_module {
    Holder(sc_core::sc_module_name name, const ArrayConfig& c)
        : sc_module(name), grid(make_integer_grid(c)) {}
    std::unique_ptr<PeGrid> grid;
  };
  for (const Dataflow dataflow : {kWs, kOs}) {
    Holder holder(dataflow == kWs ? "ws_grid" : "os_grid", config);
    holder.grid->begin(pe_dataflow(dataflow), {}, 1, false);
    MachineCounts counts;
    const AcceleratorConfig m = machine(dataflow, Overlap::kNone);
    const MappingProblem p = problem_of(m, {3, 2, 3});
    PeTile tile;
    tile.tile = Tile{0, 1, 0, 1, 0, 1, 0, 3, 0, 2, 0, 3};
    FoldInFlight fold;
    fold.job.m1 = 3, fold.job.n1 = 2, fold.job.k1 = 3;
    fold.job.shape.rows = rows, fold.job.shape.cols = cols;
    fold.job.timing.rows = rows, fold.job.timing.cols = cols, fold.job.timing.steps = 3;
    fold.tile = std::make_shared<PeTile>(tile);
    fold.number = 1;
    fold.first_step = dataflow == kWs ? rows : 0;
    Results results;
    for (results.cycle = 0; results.cycle < 20; ++results.cycle) {
      if (dataflow == kWs && results.cycle < rows) holder.grid->enter_row(fold, results.cycle);
      const std::int64_t step = results.cycle - fold.first_step;
      if (step >= 0 && step < 3) holder.grid->enter_step(fold, step);
      holder.grid->collect(fold, results.cycle, results, counts);
      holder.grid->step(results.cycle, counts);
    }
    REQUIRE(results.left.size() == 3 * cols);
    for (const auto& [cycle, column, index] : results.left) {
      // The last MAC of a sum of step e is in the row 2 of its column: e + 2 + column.
      const std::int64_t mac = dataflow == kWs ? fold.first_step + index + 2 + column
                                               : 2 + 2 + column;  // of the last step, at the foot
      CHECK(cycle == mac + 1 + (dataflow == kWs ? 0 : 2 - index));
    }
  }
}

}  // namespace bitjoule::array_test
