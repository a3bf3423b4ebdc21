// Results in formats whose scales are not inside blocks: a row is written with its scales beside
// its codes, and read so by vector operators. All bytes by hand.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "core/mapping/vector_program.h"

namespace bitjoule::result_scales_test {
namespace {

TensorFormat format_of(const std::string& name) {
  TensorFormat f;
  f.format = name;
  return f;
}

MappingProblem problem_of(const LayerOp& op, const std::string& output) {
  Precision precision;
  precision.weights = precision.activations = format_of("fp16");
  precision.mac = "fp16";
  precision.output = format_of(output);
  MappingProblem p;
  p.machine.array.rows = p.machine.array.cols = 16;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  check_layer_formats(p);
  return p;
}

/// What the best mapping writes.
std::int64_t written(const MappingProblem& p) {
  const Mapping mapping = map_layer(p, MappingPins{});
  const Program program = make_program(p, mapping.tiling);
  const std::int64_t bytes = traffic_of(program, p.memory.burst_bytes).total().write_bytes;
  CHECK(mapping.estimate.traffic.total().write_bytes == bytes);
  return bytes;
}

struct Case {
  const char* format;
  std::int64_t row;  ///< bytes of 40 results with their scales
};

}  // namespace

TEST_CASE("results: a row has a scale for each of its groups, the last one short") {
  // Codes of 40 elements; 8 bits for 32 or 16 of them, or a float for 64.
  for (const Case& c : {Case{"mxfp8_e4m3", 40 + 2}, Case{"mxfp4", 20 + 2}, Case{"mxint8", 40 + 2},
                        Case{"nvfp4", 20 + 3}, Case{"nf4", 20 + 4}, Case{"fp16", 80}}) {
    CAPTURE(c.format);
    CHECK(written(problem_of(Gemm{24, 40, 64}, c.format)) == 24 * c.row);
    Conv2d conv;
    conv.height = conv.width = 6;
    conv.channels = 8;
    conv.filters = 40;
    conv.kernel_h = conv.kernel_w = 3;
    CHECK(written(problem_of(conv, c.format)) == 4 * 4 * c.row);
    // Depthwise: channels of a pixel share their scales.
    conv.channels = conv.groups = 40;
    CHECK(written(problem_of(conv, c.format)) == 4 * 4 * c.row);
  }
}

TEST_CASE("results: a tile has all results that share a scale") {
  MappingPins pins;
  pins.tile_n = 16;
  CHECK_THROWS_AS(map_layer(problem_of(Gemm{24, 64, 64}, "mxfp4"), pins), Error);
  pins.tile_n = 32;
  CHECK(map_layer(problem_of(Gemm{24, 64, 64}, "mxfp4"), pins).tiling.n == 32);
  pins.tile_n = 16;
  CHECK(map_layer(problem_of(Gemm{24, 64, 64}, "nvfp4"), pins).tiling.n == 16);
}

TEST_CASE("results: vector operators read and write scales; quantize writes them apart") {
  VectorOp add;
  add.kind = VectorKind::kAdd;
  add.rows = 6;
  add.cols = 40;
  VectorOp quantize = add;
  quantize.kind = VectorKind::kQuantize;
  const auto traffic = [](const VectorOp& op, const char* in, const char* out) {
    const MappingProblem p = make_vector_problem(
        AcceleratorConfig{}, MemoryPort{},
        VectorFormats{format_of(in), format_of("fp32"), format_of(out), {}, {}});
    return traffic_of(make_vector_program(p, op), p.memory.burst_bytes);
  };
  for (const Case& c : {Case{"mxfp8_e4m3", 40 + 2}, Case{"nvfp4", 20 + 3}, Case{"nf4", 20 + 4}}) {
    CAPTURE(c.format);
    const DramTraffic sum = traffic(add, c.format, c.format);
    CHECK(sum.total().read_bytes == 2 * 6 * c.row);
    CHECK(sum.total().write_bytes == 6 * c.row);
    const DramTraffic made = traffic(quantize, "fp16", c.format);
    CHECK(made.total().read_bytes == 6 * 80);
    CHECK(made.total().write_bytes == 6 * c.row);
    const std::int64_t codes = std::string(c.format) == "mxfp8_e4m3" ? 40 : 20;
    CHECK(made[Tensor::kOutputs].write_bytes == 6 * codes);
    CHECK(made[Tensor::kScales].write_bytes == 6 * (c.row - codes));
  }
}

}  // namespace bitjoule::result_scales_test
