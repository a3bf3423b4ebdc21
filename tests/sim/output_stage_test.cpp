// Biases and activations of the output unit: values worked out by hand, and what they cost.
#include <doctest/doctest.h>

#include "core/error.h"
#include "run/layer_runner.h"
#include "sim/formats/npy.h"
#include "sim/schema/run_file.h"
#include "support/shell.h"

namespace bitjoule::output_stage_test {
namespace {

using test::TemporaryDirectory;
using test::write_file;

LayerResult run(const TemporaryDirectory& dir, const std::string& layer,
                const std::string& precision) {
  const std::string text = "accelerator: edge-32x32.yaml\nname: stage\nlayer: {" + layer +
                           "}\nprecision: {" + precision + "}\nverify: full\n";
  RunConfig config = read_run(file_source(write_file(dir, "run.yaml", text)));
  config.options.keep_outputs = true;
  LayerRunner runner(config.accelerator, config.dram, config.energy, config.options);
  LayerResult result = runner.run(config.layer, config.precision, config.mapping);
  CHECK(result.check->checked == result.check->outputs);
  CHECK_MESSAGE(result.check->wrong == 0, result.check->first_difference);
  return result;
}

std::int64_t count_of(const LayerResult& r, const std::string& activity, const std::string& type) {
  std::int64_t count = 0;
  for (const Action& a : r.counts)
    if (a.component == "output_unit" && a.activity == activity && a.type == type) count += a.count;
  return count;
}

/// One row of 127, 1, -1, 2 by three columns: 1270 + 1 - 5 + 0, then -127, then 0.
void write_operands(const TemporaryDirectory& dir) {
  write_npy(dir.at("x.npy"), {1, 4}, {127, 1, -1, 2});
  write_npy(dir.at("w.npy"), {3, 4}, {10, 1, 5, 127, -1, 0, 0, 127, 0, 127, 127, 0});
  write_npy(dir.at("b.npy"), {3}, {-500, 100, 6.5});
}
const std::string kLayer =
    "gemm: {m: 1, n: 3, k: 4}, inputs: {file: x.npy}, weights: {file: w.npy}, "
    "bias: {file: b.npy}";

}  // namespace

// x . w = 1270 + 1 - 5 + 254 = 1520; -127 + 254 = 127; 127 - 127 = 0.
TEST_CASE("output stage: float sums take a float bias, then the activation") {
  const TemporaryDirectory dir;
  write_operands(dir);
  const LayerResult r =
      run(dir, kLayer + ", activation: relu6", "weights: fp32, activations: fp32");
  CHECK(r.outputs->values == std::vector<float>{6, 6, 6});
  CHECK(count_of(r, "bias", "fp32") == 3);
  CHECK(count_of(r, "activation", "fp32") == 6);
  // Three biases of 4 B, fetched once.
  CHECK(r.outcome.traffic.tensors[static_cast<std::size_t>(Tensor::kBiases)].read_bytes == 12);
}

TEST_CASE("output stage: without an activation sums keep their sign") {
  const TemporaryDirectory dir;
  write_operands(dir);
  const LayerResult r = run(dir, kLayer, "weights: fp32, activations: fp32");
  CHECK(r.outputs->values == std::vector<float>{1020, 227, 6.5});
  CHECK(count_of(r, "activation", "fp32") == 0);
}

TEST_CASE("output stage: integer sums of an integer output take an int32 bias") {
  const TemporaryDirectory dir;
  write_operands(dir);
  // Both scales are 1: 127 is the largest magnitude. Bias codes are -500, 100 and 6 (6.5 rounds to
  // even). The output's scale is the largest reference, 1020, over 127: codes 127,
  // round(227 * 127 / 1020) = round(28.26) = 28 and round(6 * 127 / 1020) = round(0.747) = 1.
  const LayerResult r = run(dir, kLayer, "weights: int8, activations: int8");
  CHECK(r.outputs->codes == std::vector<std::int32_t>{127, 28, 1});
  CHECK(count_of(r, "bias", "int32") == 3);
}

TEST_CASE("output stage: relu clamps the codes of an integer output") {
  const TemporaryDirectory dir;
  write_operands(dir);
  write_npy(dir.at("b.npy"), {3}, {-1600, 100, 0});
  // -80 becomes 0; the largest is 227: its code is 127.
  const LayerResult r = run(dir, kLayer + ", activation: relu", "weights: int8, activations: int8");
  CHECK(r.outputs->codes == std::vector<std::int32_t>{0, 127, 0});
  // The clamp is that of the format, with other bounds.
  CHECK(count_of(r, "activation", "fp32") == 0);
}

TEST_CASE("output stage: an integer bias needs one scale for all activations") {
  const TemporaryDirectory dir;
  write_operands(dir);
  CHECK_THROWS_WITH_AS(
      run(dir, kLayer, "weights: int8, activations: {format: int8, granularity: per_channel}"),
      doctest::Contains("needs one scale for all activations"), Error);
}

TEST_CASE("output stage: a product of activations has no bias") {
  const TemporaryDirectory dir;
  CHECK_THROWS_WITH_AS(
      run(dir, "matmul: {m: 1, n: 3, k: 4}, bias: true", "weights: int8, activations: int8"),
      doctest::Contains("has none"), Error);
}

}  // namespace bitjoule::output_stage_test
