// The vector unit between mocks, and chunks of operators on the whole machine.
#include "hw/vector_unit.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/mapping/vector_program.h"
#include "hw/accelerator.h"
#include "support/dram_configs.h"

namespace bitjoule::vector_unit_test {
namespace {

struct Tokens : sc_core::sc_module, TokenIf {
  explicit Tokens(sc_core::sc_module_name name) : sc_module(name) { out.bind(*this); }
  void give(Token token, Cycles at) override { given.emplace_back(token, at.value); }
  sc_core::sc_export<TokenIf> out;
  std::vector<std::pair<Token, std::int64_t>> given;
};

/// Eight lanes, three cycles deep; 1 KiB halves; ports that never limit unless a test narrows them.
AcceleratorConfig small_machine() {
  AcceleratorConfig m;
  m.vector_unit = {8, Cycles(3)};
  for (BufferConfig* b : {&m.buffers.input, &m.buffers.weight, &m.buffers.output,
                          &m.buffers.accumulator, &m.buffers.scale}) {
    b->capacity = Bytes(2048);
    b->banks = 16;
    b->port_width = Bits(64);
  }
  return m;
}

TensorFormat stored(const std::string& format) {
  TensorFormat f;
  f.format = format;
  return f;
}

MappingProblem problem_of(const AcceleratorConfig& m, const std::string& format) {
  MemoryPort memory;
  memory.burst_bytes = 32;
  return make_vector_problem(m, memory, {stored(format), stored("fp32"), stored(format)});
}

VectorOp rows_of(VectorKind kind, std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = kind;
  op.rows = rows;
  op.cols = cols;
  return op;
}

VectorOp pool(VectorKind kind, std::int64_t size, std::int64_t channels, std::int64_t kernel,
              std::int64_t stride) {
  PoolWindow w;
  w.height = w.width = size;
  w.channels = w.filters = w.groups = channels;
  w.kernel_h = w.kernel_w = kernel;
  w.stride_h = w.stride_w = stride;
  VectorOp op = rows_of(kind, w.out_height() * w.out_width(), channels);
  op.window = w;
  return op;
}

VectorOp concat(std::int64_t outer, std::vector<std::int64_t> inner) {
  const std::int64_t all = std::accumulate(inner.begin(), inner.end(), std::int64_t{0});
  VectorOp op = rows_of(VectorKind::kConcat, outer, all);
  op.shape = {outer, all};
  for (std::int64_t width : inner) op.operand_shapes.push_back({outer, width});
  op.axes = {1};
  return op;
}

VectorOp embedding(std::int64_t rows, std::int64_t cols, std::int64_t table) {
  VectorOp op = rows_of(VectorKind::kEmbedding, rows, cols);
  op.table_rows = table;
  return op;
}

VectorOp broadcast_add(std::int64_t rows, std::int64_t cols) {
  VectorOp op = rows_of(VectorKind::kAdd, rows, cols);
  op.shape = {rows, cols};
  op.operand_shapes = {{rows, cols}, {cols}};
  return op;
}

std::int64_t read_bytes(const std::vector<LoadOp>& loads) {
  std::int64_t bytes = 0;
  for (const LoadOp& op : loads) bytes += op.region.bytes();
  return bytes;
}

std::int64_t written_bytes(const Program& p) {
  std::int64_t bytes = 0;
  for (const StoreOp& op : p.stores) bytes += op.region.bytes();
  return bytes;
}

}  // namespace

TEST_CASE("vector unit: one chunk after the other, the next waits until N-1 and starts at N") {
  VectorUnit unit("unit");
  Tokens tokens("tokens");
  const AcceleratorConfig m = small_machine();
  Buffer input("input"), weight("weight"), output("output");
  Buffer accumulator("accumulator"), scale("scale");
  input.start(m.buffers.input);
  weight.start(m.buffers.weight);
  output.start(m.buffers.output);
  accumulator.start(m.buffers.accumulator);
  scale.start(m.buffers.scale);
  unit.to_sequencer(tokens.out);
  unit.to_input_buffer(input.port);
  unit.to_weight_buffer(weight.port);
  unit.to_output_buffer(output.port);
  unit.to_accumulator_buffer(accumulator.port);
  unit.to_scale_buffer(scale.port);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  MachineCounts counts;
  Attribution attribution;
  const MappingProblem problem = problem_of(m, "fp32");
  Program program;
  LayerRun run;
  run.problem = &problem;
  run.program = &program;
  run.counts = &counts;
  run.attribution = &attribution;
  unit.start(run);
  VectorJob job;
  job.cycles = Cycles(7);
  job.input_read_bits = 130;  // three accesses of 64 bits
  job.work[0] = 5;
  for (const auto& [usable, begin] :
       {std::pair<std::int64_t, std::int64_t>{10, 10}, {16, 17}, {24, 24}, {32, 32}}) {
    tokens.given.clear();
    unit.issue(job, Cycles(usable));
    REQUIRE(tokens.given.size() == 3);
    CHECK(tokens.given[0] == std::pair{Token::kAccepted, begin});
    CHECK(tokens.given[1] == std::pair{Token::kReleased, begin + 7});
    CHECK(tokens.given[2] == std::pair{Token::kOutput, begin + 7});
  }
  CHECK(counts.vector[0] == 4 * 5);
  CHECK(input.finish(nullptr).reads == 4 * 3);
  CHECK(attribution.breakdown()[Cause::kVector] == 4 * 7);
  // Of a fused layer the array's tokens are its own, and cycles are not the unit's to tell.
  program.products = {std::make_shared<const MappingProblem>(problem)};
  unit.start(run);
  input.start(m.buffers.input);
  accumulator.start(m.buffers.accumulator);
  job = {};
  job.cycles = Cycles(7);
  job.accumulator_read_bits = 130;
  job.accumulator_write_bits = 64;
  job.input_write_bits = 65;
  job.yields = false;
  tokens.given.clear();
  unit.issue(job, Cycles(40));
  job.yields = true;
  unit.issue(job, Cycles(41));
  const std::vector<std::pair<Token, std::int64_t>> expected = {{Token::kVectorBegun, 40},
                                                                {Token::kVectorDone, 47},
                                                                {Token::kVectorBegun, 47},
                                                                {Token::kVectorDone, 54},
                                                                {Token::kOutput, 54}};
  CHECK(tokens.given == expected);
  const BufferCounts sums = accumulator.finish(nullptr);
  CHECK(sums.reads == 2 * 3);
  CHECK(sums.writes == 2);
  CHECK(input.finish(nullptr).writes == 2 * 2);
  CHECK(attribution.breakdown()[Cause::kVector] == 4 * 7);
}

TEST_CASE("vector program: cycles of a chunk are the lanes', or the ports' where they are slower") {
  AcceleratorConfig m = small_machine();
  // One compare for each of 100 elements on 8 lanes, 3 cycles deep.
  const VectorOp relu = rows_of(VectorKind::kRelu, 1, 100);
  Program p = make_vector_program(problem_of(m, "fp32"), relu);
  REQUIRE(p.vectors.size() == 1);
  CHECK(p.vectors[0].cycles.value == 13 + 3);
  CHECK(p.vectors[0].input_read_bits == 100 * 32);
  // Softmax reads its rows in each of three passes and writes exponentials back in the second:
  // compare; two adds, multiply, exp; a divide per row and a multiply.
  p = make_vector_program(problem_of(m, "fp32"), rows_of(VectorKind::kSoftmax, 2, 50));
  REQUIRE(p.vectors.size() == 1);
  CHECK(p.vectors[0].cycles.value == 13 + 3 + (25 + 13 + 13) + 3 + (1 + 13) + 3);
  CHECK(p.vectors[0].input_read_bits == 3 * 100 * 32);
  CHECK(p.vectors[0].input_write_bits == 100 * 32);
  // One word of 32 bits per cycle.
  m.buffers.input.banks = 1;
  m.buffers.input.port_width = Bits(32);
  p = make_vector_program(problem_of(m, "fp32"), relu);
  CHECK(p.vectors[0].cycles.value == 100 + 3);
}

TEST_CASE("vector program: chunks fill half a buffer, every element is moved once") {
  const AcceleratorConfig m = small_machine();
  const MappingProblem p = problem_of(m, "fp32");
  // 1 KiB holds 256 floats: two operands of 128 each; 1000 results in 8 chunks.
  Program add = make_vector_program(p, rows_of(VectorKind::kAdd, 10, 100));
  CHECK(add.vectors.size() == 8);
  CHECK(read_bytes(add.input_loads) == 2 * 4000);
  CHECK(written_bytes(add) == 4000);
  CHECK(add.vectors[3].stores_needed == 2);            // two halves of the output buffer
  CHECK(add.input_loads[3 * 2].releases_needed == 2);  // and of the input buffer
  // Rows stay whole: two of 100 floats.
  CHECK(make_vector_program(p, rows_of(VectorKind::kSoftmax, 10, 100)).vectors.size() == 5);
  // A broadcast operand and norm parameters are loaded once.
  add = make_vector_program(p, broadcast_add(10, 100));
  CHECK(add.vectors.size() == 4);
  CHECK(read_bytes(add.weight_loads) == 400);
  CHECK(read_bytes(make_vector_program(p, rows_of(VectorKind::kRmsNorm, 10, 100)).weight_loads) ==
        400);
  // Only the rows looked up.
  const Program table = make_vector_program(p, embedding(7, 100, 30000));
  CHECK(read_bytes(table.weight_loads) == 7 * 400);
  CHECK(table.input_loads.empty());
  // 8 x 8 pixels of 4 channels, windows of 3 x 3 with stride 2: each row of 3 windows needs 3 rows
  // of 8 pixels, 384 B; three rows of windows need 7 rows, 896 B of 1024.
  const Program max = make_vector_program(p, pool(VectorKind::kMaxPool, 8, 4, 3, 2));
  CHECK(max.vectors.size() == 1);
  CHECK(read_bytes(max.input_loads) == 7 * 8 * 4 * 4);
  // An image that does not fit is taken by channels: 16 of 64 pixels' 4 B values at a time.
  const Program mean = make_vector_program(p, pool(VectorKind::kGlobalAvgPool, 4, 40, 4, 4));
  CHECK(mean.vectors.size() == 3);
  CHECK(read_bytes(mean.input_loads) == 4 * 4 * 40 * 4);
  const Program joined = make_vector_program(p, concat(5, {30, 70}));
  CHECK(read_bytes(joined.input_loads) == 2000);
  CHECK(written_bytes(joined) == 2000);
  CHECK(make_vector_program(p, rows_of(VectorKind::kReshape, 10, 100)).vectors.empty());
}

TEST_CASE("vector program: what does not fit is refused with its size") {
  const MappingProblem p = problem_of(small_machine(), "fp32");
  CHECK_THROWS_WITH_AS(make_vector_program(p, rows_of(VectorKind::kRmsNorm, 1, 300)),
                       doctest::Contains("a row of 300 results"), Error);
  CHECK_THROWS_WITH_AS(make_vector_program(p, rows_of(VectorKind::kLayerNorm, 1, 300)),
                       doctest::Contains("parameters of 2400 B exceed 2048 B"), Error);
  CHECK_THROWS_WITH_AS(make_vector_program(p, embedding(1, 300, 10)),
                       doctest::Contains("a row of 1200 B exceeds 1024 B"), Error);
}

TEST_CASE("vector unit: both fidelities agree, and every byte and operation is conserved") {
  use_femtosecond_resolution();
  const AcceleratorConfig m = small_machine();
  DramConfig dram;
  CycleDramConfig cycle = test::small_dram();
  cycle.organization.rows = 1 << 14;
  dram.model = cycle;
  Accelerator fast("fast", m, dram, Fidelity::kFast), pe("pe", m, dram, Fidelity::kPe);
  const VectorOp ops[] = {rows_of(VectorKind::kRelu, 40, 33),
                          rows_of(VectorKind::kSoftmax, 30, 100),
                          rows_of(VectorKind::kLayerNorm, 9, 128),
                          rows_of(VectorKind::kMul, 20, 77),
                          broadcast_add(50, 60),
                          embedding(20, 64, 1000),
                          pool(VectorKind::kMaxPool, 20, 8, 3, 2),
                          pool(VectorKind::kGlobalAvgPool, 7, 90, 7, 7),
                          concat(12, {50, 10, 70})};
  for (const VectorOp& op : ops)
    for (const char* format : {"fp32", "fp16", "int8"}) {
      CAPTURE(vector_row(op.kind).name);
      CAPTURE(format);
      MappingProblem p =
          make_vector_problem(m, fast.memory(), {stored(format), stored("fp32"), stored(format)});
      const Program program = make_vector_program(p, op);
      const LayerOutcome a = fast.run(p, program, nullptr), b = pe.run(p, program, nullptr);
      CHECK(a.cycles.value == b.cycles.value);
      CHECK(a.stalls.cycles == b.stalls.cycles);
      CHECK(a.counts == b.counts);
      CHECK(a.stalls.total() == a.cycles.value);
      std::int64_t busy = 0;
      for (const VectorJob& job : program.vectors) busy += job.cycles.value;
      CHECK(a.stalls[Cause::kVector] == busy);
      CHECK(a.cycles.value > busy);
      std::array<std::int64_t, kVectorPrimitives> work{};
      for (const auto& pass : vector_work(op))
        for (const VectorWork& step : pass)
          work[static_cast<std::size_t>(step.primitive)] += step.count;
      CHECK(a.counts.vector == work);
      CHECK(a.traffic[Tensor::kOutputs].write_bytes == written_bytes(program));
      CHECK(a.traffic[Tensor::kInputs].read_bytes == read_bytes(program.input_loads));
      CHECK(a.dram->read_bytes + a.dram->write_bytes ==
            a.traffic.total().bursts * a.traffic.burst_bytes);
    }
}

// Three passes over a row of 1,500 bytes in halves of 1 KiB: two pieces in each.
TEST_CASE("vector unit: scores that no buffer holds come piece by piece in each pass") {
  const AcceleratorConfig m = small_machine();
  for (const std::int64_t cols : {std::int64_t{1000}, std::int64_t{1500}}) {
    CAPTURE(cols);
    const VectorOp op = rows_of(VectorKind::kSoftmax, 3, cols);
    const MappingProblem p = divided(problem_of(m, "int8"), op);
    const Program program = make_vector_program(p, op);
    const DramTraffic traffic = traffic_of(program, 1);
    const bool whole = cols == 1000;
    CHECK(program.vectors.size() == (whole ? 3 : 3 * 3 * 2));
    CHECK(traffic[Tensor::kInputs].read_bytes == (whole ? 1 : 3) * 3 * cols);
    // What the second pass computes is stored over the scores, the third yields the results.
    CHECK(traffic[Tensor::kOutputs].write_bytes == (whole ? 1 : 2) * 3 * cols);
    std::array<std::int64_t, kVectorPrimitives> work{}, expected{};
    for (const VectorJob& job : program.vectors)
      for (std::size_t i = 0; i < work.size(); ++i) work[i] += job.work[i];
    for (const auto& pass : vector_work(op))
      for (const VectorWork& step : pass)
        expected[static_cast<std::size_t>(step.primitive)] += step.count;
    CHECK(work == expected);
  }
  // A piece of 1,024 in the first pass: a comparison each, eight lanes, three cycles deep.
  const VectorOp op = rows_of(VectorKind::kSoftmax, 1, 1500);
  const Program program = make_vector_program(divided(problem_of(m, "int8"), op), op);
  CHECK(program.vectors[0].cycles == Cycles(1024 / 8 + 3));
  CHECK(program.vectors[1].cycles == Cycles((1500 - 1024 + 7) / 8 + 3));
  // The division of the row, in the first piece of the last pass; then a multiplication each.
  CHECK(program.vectors[4].cycles == Cycles(1 + 1024 / 8 + 3));
  CHECK(program.vectors[5].cycles == Cycles((1500 - 1024 + 7) / 8 + 3));
}

TEST_CASE("combine: a row whose experts do not fit is cut into columns") {
  // Halves of 1 KiB: 4 results of 300 fp32 take 4,800 B, of 60 columns 960 B and 8 weights 32 B.
  VectorOp op = rows_of(VectorKind::kCombine, 2, 300);
  op.routing = Routing();
  op.routing->experts = 8;
  op.routing->chosen = 4;
  const MappingProblem p = problem_of(small_machine(), "fp32");
  const Program program = make_vector_program(p, op);
  std::int64_t results = 0, read = 0, written = 0, products = 0;
  for (const VectorJob& job : program.vectors)
    products += job.work[static_cast<std::size_t>(Primitive::kMultiply)];
  for (const LoadOp& load : program.input_loads) {
    CHECK(load.sram_bits <= 1024 * 8);
    read += load.region.runs() * load.region.run_bits;
  }
  for (const StoreOp& store : program.stores)
    written += store.region.runs() * store.region.run_bits;
  results = static_cast<std::int64_t>(program.vectors.size());
  CHECK(results == 2 * 5);  // 62 columns at most fit
  CHECK(written == 2 * 300 * 32);
  CHECK(products == 2 * 300 * 4);
  CHECK(read == (2 * 300 * 4 + results * 8) * 32);
  // Where a row fits, all its columns are read at once.
  op.cols = 50;
  CHECK(make_vector_program(p, op).vectors.size() == 2);
}

}  // namespace bitjoule::vector_unit_test
