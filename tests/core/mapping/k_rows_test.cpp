// A second operand that lies as k rows of n: values of a cache, a row for each token.
#include <doctest/doctest.h>

#include "core/error.h"
#include "core/mapping/estimate.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/program.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule::k_rows_test {
namespace {

// 8 heads on 2 of values: 33 tokens of 64 numbers.
constexpr Matmul kProduct{8, 1, 64, 33, 4, true};

TensorFormat format_of(const std::string& name, Granularity granularity) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  return f;
}

MappingProblem problem_of(const TensorFormat& weights) {
  Precision precision;
  precision.weights = weights;
  precision.activations.format = "fp16";
  MappingProblem p;
  p.machine.array.rows = p.machine.array.cols = 16;
  p.layer = lower(kProduct);
  p.path = resolve_data_path(precision, p.machine.array.pe, kProduct);
  check_layer_formats(p);
  return p;
}

Tiling tiling_of(std::int64_t n, std::int64_t k) {
  Tiling t;
  t.out_cols = 4;
  t.n = n;
  t.k = k;
  return t;
}

std::int64_t read(const MappingProblem& p, const Tiling& t, Tensor tensor) {
  return estimate(p, t).traffic[tensor].read_bytes;
}

}  // namespace

TEST_CASE("k rows: blocks lie along n, whatever k is") {
  MappingProblem p = problem_of(format_of("q8_0", Granularity::kPerTensor));
  for (const DramLayout layout : {DramLayout::kTiled, DramLayout::kRowMajor}) {
    p.weight_layout = layout;
    for (const Tiling& t : {tiling_of(64, 33), tiling_of(32, 7)}) {
      CHECK(read(p, t, Tensor::kWeights) == 2 * 33 * 2 * (2 + 32));
      const Program program = make_program(p, t);
      check_addresses(p, t, program);
      CHECK(traffic_of(program, p.memory.burst_bytes)[Tensor::kWeights].read_bytes ==
            2 * 33 * 2 * (2 + 32));
    }
  }
  // Half of a row of 68 bytes, of 7 tokens.
  const Program program = make_program(p, tiling_of(32, 7));
  const Region& first = program.weight_loads.front().region;
  CHECK(first.run_bits == 34 * 8);
  CHECK(first.strides[3].count == 7);
  CHECK(first.strides[3].bits == 68 * 8);
}

TEST_CASE("k rows: a scale per token is fetched with each part of its row") {
  const MappingProblem p = problem_of(format_of("int8", Granularity::kPerToken));
  CHECK(p.path.weights.dequantized);
  CHECK(read(p, tiling_of(64, 33), Tensor::kWeights) == 2 * 33 * 64);
  CHECK(read(p, tiling_of(64, 33), Tensor::kScales) == 2 * 33 * 4);
  CHECK(read(p, tiling_of(16, 33), Tensor::kScales) == 4 * 2 * 33 * 4);
}

TEST_CASE("k rows: the first fold of a block reads its scales, for each row") {
  // Scale and minimum, 16 bits each, of 33 tokens; words of the scale buffer.
  const MappingProblem p = problem_of(format_of("q4_1", Granularity::kPerTensor));
  FoldJob job;
  job.g1 = 1, job.m1 = 4, job.k1 = 33;
  const std::int64_t word = p.machine.buffers.scale.port_width.value;
  for (std::int64_t n = 0; n < 64; n += 16) {
    job.n0 = n, job.n1 = n + 16;
    CHECK(fold_scale_reads(p, job) == (n % 32 == 0 ? ceil_div(33 * 32, word) : 0));
  }
}

TEST_CASE("k rows: scales that differ inside a sum need a MAC of floats") {
  Precision precision;
  precision.activations.format = "int8";
  const PeConfig pe;
  const auto mac = [&](const TensorFormat& weights, const std::string& name) {
    precision.weights = weights;
    precision.mac = name;
    return resolve_data_path(precision, pe, kProduct).mac.name;
  };
  CHECK(mac(format_of("int8", Granularity::kPerTensor), "auto") == "int8");
  CHECK(mac(format_of("int8", Granularity::kPerToken), "auto") == "fp16");
  CHECK(mac(format_of("q4_0", Granularity::kPerTensor), "auto") == "fp16");
  CHECK_THROWS_WITH_AS(
      mac(format_of("int8", Granularity::kPerToken), "int8"),
      "precision.mac: int8 sums integers along k, and the second operand lies as k rows of n, each "
      "with scales of its own; choose a float MAC or auto, or one scale per tensor",
      Error);
}

}  // namespace bitjoule::k_rows_test
