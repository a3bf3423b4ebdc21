// Attention cut into tiles: what is moved and done, by hand.
#include "core/mapping/attention.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "core/error.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/machine_counts.h"
#include "core/result/estimated_outcome.h"

namespace bitjoule::attention_test {
namespace {

TensorFormat format_of(const std::string& name, Granularity granularity = Granularity::kPerTensor) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  return f;
}

/// 8 heads on 2 of keys and values, of 64 numbers each.
constexpr std::int64_t kHeads = 8, kShared = 4, kGroups = 2, kDim = 64;

Attention attention_of(std::int64_t queries, std::int64_t keys, std::int64_t reach = 0) {
  Attention a;
  a.scores = Matmul{kHeads, queries, keys, kDim, kShared, false};
  a.context = Matmul{kHeads, queries, kDim, keys, kShared, true};
  a.softmax.kind = VectorKind::kSoftmax;
  a.softmax.rows = kHeads * queries;
  a.softmax.cols = keys;
  a.softmax.causal = queries;
  a.softmax.reach = reach;
  a.softmax.heads = kHeads;
  a.softmax.alpha = 0.125;
  return a;
}

MappingProblem product_of(const LayerOp& op, const TensorFormat& first,
                          const TensorFormat& second) {
  Precision precision;
  precision.weights = second;
  precision.activations = first;
  precision.output = format_of("fp16");
  MappingProblem p;
  p.machine.array.rows = p.machine.array.cols = 16;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  check_layer_formats(p);
  return p;
}

AttentionProblem problem_of(const Attention& a, const TensorFormat& activations,
                            const TensorFormat& cache) {
  return attention_problem(a, product_of(a.scores, activations, cache),
                           product_of(a.context, probability_format(activations), cache));
}

AttentionProblem problem_of(const Attention& a) {
  return problem_of(a, format_of("fp16"), format_of("fp16"));
}

struct Run {
  AttentionMapping mapping;
  AttentionProblem problem;
  Program program;
  DramTraffic traffic;
};

Run map_and_program(const AttentionProblem& problem, const MappingPins& pins = {}) {
  Run run;
  run.mapping = map_attention(problem, pins);
  run.problem = configured(problem, run.mapping);
  run.program = make_attention_program(run.problem, run.mapping.tiling);
  run.traffic = traffic_of(run.program, run.problem.context.memory.burst_bytes);
  return run;
}

MappingPins tiles(std::int64_t queries, std::int64_t keys) {
  MappingPins pins;
  pins.tile_m = queries;
  pins.tile_n = keys;
  return pins;
}

}  // namespace

TEST_CASE("attention: a decode step moves queries, keys, values and results, each once") {
  constexpr std::int64_t kKeys = 1000;
  const AttentionProblem problem = problem_of(attention_of(1, kKeys));
  for (const MappingPins& pins : {MappingPins(), tiles(1, 16), tiles(1, 100)}) {
    const Run run = map_and_program(problem, pins);
    CHECK(run.mapping.tiling.heads == kShared);  // they read the same keys
    CHECK(run.traffic[Tensor::kInputs].read_bytes == kHeads * kDim * 2);
    CHECK(run.traffic[Tensor::kWeights].read_bytes == 2 * kGroups * kKeys * kDim * 2);
    CHECK(run.traffic[Tensor::kOutputs].write_bytes == kHeads * kDim * 2);
    CHECK(run.traffic[Tensor::kScales].read_bytes == 0);
  }
}

TEST_CASE("attention: keys that no query of a tile sees are neither read nor multiplied") {
  constexpr std::int64_t kTokens = 96;
  // Tiles of 32 queries see 32, 64 and 96 keys; within a window of 20 the keys 0-31, 13-63, 45-95.
  struct Window {
    std::int64_t reach, rows;
  };
  for (const Window& window : {Window{0, 32 + 64 + 96}, {20, 32 + 51 + 51}}) {
    const std::int64_t reach = window.reach, rows = window.rows;
    CAPTURE(reach);
    const Run run =
        map_and_program(problem_of(attention_of(kTokens, kTokens, reach)), tiles(32, 16));
    CHECK(run.mapping.tiling.queries == 32);
    CHECK(run.mapping.tiling.keys == 16);
    CHECK(run.traffic[Tensor::kInputs].read_bytes == kHeads * kTokens * kDim * 2);
    CHECK(run.traffic[Tensor::kWeights].read_bytes == 2 * kGroups * rows * kDim * 2);
    CHECK(run.traffic[Tensor::kOutputs].write_bytes == kHeads * kTokens * kDim * 2);
    CHECK(estimated_outcome(run.problem.context, run.program).counts.macs ==
          kHeads * 32 * rows * 2 * kDim);
  }
  const Run step = map_and_program(problem_of(attention_of(1, kTokens, 20)));
  CHECK(step.traffic[Tensor::kWeights].read_bytes == 2 * kGroups * 20 * kDim * 2);
}

TEST_CASE("attention: keys and values as every format of a cache stores them") {
  struct Row {
    TensorFormat format;
    std::int64_t bytes_of_32, scale_of_row;
  };
  TensorFormat int4 = format_of("int4", Granularity::kPerToken);
  int4.scale = "fp16";
  const Row rows[] = {{format_of("fp32"), 128, 0},
                      {format_of("bf16"), 64, 0},
                      {format_of("fp8_e4m3"), 32, 0},
                      {format_of("fp8_e5m2"), 32, 0},
                      {format_of("q8_0"), 34, 0},
                      {format_of("q5_1"), 24, 0},
                      {format_of("q5_0"), 22, 0},
                      {format_of("q4_1"), 20, 0},
                      {format_of("q4_0"), 18, 0},
                      {format_of("iq4_nl"), 18, 0},
                      {format_of("int8"), 32, 0},
                      {format_of("int8", Granularity::kPerToken), 32, 4},
                      {int4, 16, 2}};
  constexpr std::int64_t kKeys = 75;
  for (const Row& row : rows) {
    CAPTURE(row.format.format);
    const Run run = map_and_program(
        problem_of(attention_of(1, kKeys), format_of("fp16"), row.format), tiles(1, 32));
    CHECK(run.traffic[Tensor::kWeights].read_bytes ==
          2 * kGroups * kKeys * (kDim / 32) * row.bytes_of_32);
    CHECK(run.traffic[Tensor::kScales].read_bytes == 2 * kGroups * kKeys * row.scale_of_row);
  }
}

TEST_CASE("attention: what the vector unit does for a tile") {
  // A tile of 4 rows of 16 scores, 32 lanes: largest of them, differences, exponentials and sums,
  // of every row the running maximum and the factor of what was summed before.
  const AttentionProblem p = problem_of(attention_of(1, 64));
  const VectorJob job = scores_job(p, 4, 16);
  const auto count = [&job](Primitive primitive) {
    return job.work[static_cast<std::size_t>(primitive)];
  };
  CHECK(count(Primitive::kCompare) == 64 + 4);
  CHECK(count(Primitive::kAdd) == 2 * 64 + 2 * 4);
  CHECK(count(Primitive::kMultiply) == 64 + 2 * 4);
  CHECK(count(Primitive::kExp) == 64 + 4);
  CHECK(job.narrowed == 64);  // to fp16
  CHECK(job.accumulator_read_bits == 2 * 64 * 32);
  CHECK(job.accumulator_write_bits == 0);
  CHECK(job.input_write_bits == 64 * 16);
  const VectorJob rescale = rescale_job(p, 4);
  CHECK(rescale.work[static_cast<std::size_t>(Primitive::kMultiply)] == 4 * kDim);
  CHECK(rescale.accumulator_read_bits == 4 * kDim * 32);
  CHECK(rescale.accumulator_write_bits == 4 * kDim * 32);
  const VectorJob results = results_job(p, 4);
  CHECK(results.work[static_cast<std::size_t>(Primitive::kDivide)] == 4);
  CHECK(results.output_write_bits == 4 * kDim * 16);
  // Sums of integers become floats in their place, by a scale for each key and one for each query.
  const AttentionProblem integers =
      problem_of(attention_of(1, 64), format_of("int8", Granularity::kPerToken),
                 format_of("int8", Granularity::kPerToken));
  const VectorJob scaled = scores_job(integers, 4, 16);
  CHECK(scaled.accumulator_read_bits == 3 * 64 * 32);
  CHECK(scaled.accumulator_write_bits == 64 * 32);
  CHECK(scaled.scale_read_bits == 64 * 32 + 4 * 32);
}

TEST_CASE("attention: what does not fit names the buffer and what it would have to hold") {
  AttentionProblem p = problem_of(attention_of(1, 64));
  for (MappingProblem* product : {&p.scores, &p.context})
    product->machine.buffers.weight.capacity = Bytes(200);
  // Two rows of 64 numbers of 2 bytes.
  CHECK_THROWS_WITH_AS(map_attention(p, {}),
                       "attention: a tile of 1 head, 1 query and 1 key takes 256 B of the weight "
                       "buffer, which holds 200 B",
                       Error);
}

TEST_CASE("attention: formats whose scales each tile would have to find are refused") {
  CHECK_THROWS_AS(probability_format(format_of("mxfp8_e4m3")), Error);
  CHECK(probability_format(format_of("int8", Granularity::kPerToken)).granularity ==
        Granularity::kPerTensor);
  Attention a = attention_of(1, 64);
  a.context.k_rows = false;
  CHECK_THROWS_AS(check_attention(a), Error);
}

TEST_CASE("attention: a layer of ten thousand steps is programmed as it is counted") {
  const Run run = map_and_program(problem_of(attention_of(1, 20000)), tiles(1, 4));
  CHECK(run.program.computes.size() == std::size_t{2 * kGroups * 5000});
  const LayerOutcome outcome = estimated_outcome(run.problem.context, run.program);
  CHECK(outcome.counts.macs == kHeads * 20000 * 2 * kDim);
  CHECK(outcome.stalls.total() == outcome.cycles.value);
  CHECK(first_product_counts(run.program).macs == kHeads * 20000 * kDim);
}

}  // namespace bitjoule::attention_test
