// Results in formats whose scales are not inside blocks: a row is written with its scales beside
// its codes, and read so by vector operators. All bytes by hand.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "core/mapping/tile_bytes.h"
#include "core/mapping/vector_program.h"

namespace bitjoule::result_scales_test {
namespace {

TensorFormat format_of(const std::string& name) {
  TensorFormat f;
  f.format = name;
  return f;
}

TensorFormat per_row(const std::string& name, const std::string& scale) {
  TensorFormat f = format_of(name);
  f.granularity = Granularity::kPerChannel;
  f.scale = scale;
  return f;
}

/// uint4 in groups of 16 with an fp16 scale and what `zero_point` says.
TensorFormat in_groups(const std::string& zero_point) {
  TensorFormat f = format_of("uint4");
  f.granularity = Granularity::kPerGroup;
  f.group_size = 16;
  f.scale = "fp16";
  f.symmetric = zero_point.empty();
  if (!f.symmetric) f.zero_point = zero_point;
  return f;
}

MappingProblem problem_of(const LayerOp& op, const TensorFormat& output) {
  Precision precision;
  precision.weights = precision.activations = format_of("fp16");
  precision.mac = "fp16";
  precision.output = output;
  MappingProblem p;
  p.machine.array.rows = p.machine.array.cols = 16;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  p.path.output.scaled_row = p.layer.result_row();
  check_layer_formats(p);
  return p;
}

/// What a mapping writes, by its estimate and by its program.
DramTraffic written(const MappingProblem& p, const MappingPins& pins = {}) {
  const Mapping mapping = map_layer(p, pins);
  const Program program = make_program(p, mapping.tiling);
  check_addresses(p, mapping.tiling, program);
  const DramTraffic moved = traffic_of(program, p.memory.burst_bytes);
  CHECK(mapping.estimate.traffic.total().write_bytes == moved.total().write_bytes);
  CHECK(mapping.estimate.traffic[Tensor::kOutputs].bursts == moved[Tensor::kOutputs].bursts);
  return mapping.estimate.traffic;
}

std::int64_t bytes_written(const MappingProblem& p, const MappingPins& pins = {}) {
  return written(p, pins).total().write_bytes;
}

Conv2d convolution(std::int64_t groups, std::int64_t filters) {
  Conv2d conv;
  conv.height = conv.width = 6;
  conv.channels = 8 * groups;
  conv.groups = groups;
  conv.filters = filters * groups;
  conv.kernel_h = conv.kernel_w = 3;
  return conv;
}

struct Case {
  TensorFormat format;
  std::int64_t codes, scales;  ///< bytes of 40 results
};

/// Codes of 40 elements; 8 bits for 32 or 16 of them, a float for 64, or for all.
std::vector<Case> cases() {
  return {{format_of("mxfp8_e4m3"), 40, 2},
          {format_of("mxint8"), 40, 2},
          {format_of("mxfp6_e2m3"), 30, 2},
          {format_of("mxfp4"), 20, 2},
          {format_of("nvfp4"), 20, 3},
          {format_of("nf4"), 20, 4},
          {format_of("nf4_dq"), 20, 1 + 4},
          {per_row("fp8_e4m3_scaled", "fp32"), 40, 4},
          {per_row("fp8_e4m3_scaled", "fp16"), 40, 2},
          {in_groups(""), 20, 3 * 2},
          {in_groups("offset_fp16"), 20, 3 * (2 + 2)},
          {in_groups("packed"), 20, 8},  // 3 * 20 bits
          {format_of("fp16"), 80, 0},
          {format_of("fp8_e4m3"), 40, 0}};
}

}  // namespace

TEST_CASE("results: 64 x 64 of them") {
  const auto bytes = [](const TensorFormat& f) {
    return bytes_written(problem_of(Gemm{64, 64, 64}, f));
  };
  CHECK(bytes(format_of("mxfp8_e4m3")) == 4096 + 128);
  CHECK(bytes(format_of("mxfp4")) == 2048 + 128);
  CHECK(bytes(format_of("nvfp4")) == 2048 + 256);
  CHECK(bytes(format_of("nf4")) == 2048 + 64 * 4);
  CHECK(bytes(per_row("fp8_e5m2_scaled", "fp32")) == 4096 + 64 * 4);
  CHECK(bytes(format_of("q8_0")) == 4096 + 256);
  CHECK(bytes(in_groups("")) == 2048 + 64 * 4 * 2);
}

TEST_CASE("results: a row has a scale for each of its groups, the last one short") {
  for (const Case& c : cases()) {
    CAPTURE(c.format.format);
    CAPTURE(c.format.zero_point);
    const std::int64_t row = c.codes + c.scales;
    const DramTraffic product = written(problem_of(Gemm{24, 40, 64}, c.format));
    CHECK(product.total().write_bytes == 24 * row);
    CHECK(product.apart(Tensor::kOutputs).write_bytes == 24 * c.codes);
    CHECK(product.apart(Tensor::kScales).write_bytes == 24 * c.scales);
    CHECK(bytes_written(problem_of(convolution(1, 40), c.format)) == 4 * 4 * row);
    // Of the channels of groups, too, a pixel has one row.
    CHECK(bytes_written(problem_of(convolution(2, 20), c.format)) == 4 * 4 * row);
    Conv2d depthwise = convolution(40, 1);
    depthwise.channels = 40;
    CHECK(bytes_written(problem_of(depthwise, c.format)) == 4 * 4 * row);
    // Products of their own have rows of their own.
    Matmul products;
    products.batch = 3;
    products.m = 5;
    products.n = 40;
    products.k = 16;
    CHECK(bytes_written(problem_of(products, c.format)) == 3 * 5 * row);
  }
}

TEST_CASE("results: tiles part no block, and the last one of a row has its scale") {
  MappingPins pins;
  pins.tile_n = 16;
  CHECK_THROWS_WITH_AS(
      map_layer(problem_of(Gemm{24, 64, 64}, format_of("mxfp4")), pins),
      doctest::Contains(
          "mapping.tile.n: expected a multiple of 32 (blocks and scale groups of results "
          "in mxfp4 stay whole), got 16"),
      Error);
  CHECK(bytes_written(problem_of(Gemm{24, 64, 64}, format_of("nvfp4")), pins) == 24 * (32 + 4));
  CHECK(bytes_written(problem_of(Gemm{24, 40, 64}, per_row("fp8_e4m3_scaled", "fp32")), pins) ==
        24 * (40 + 4));
  CHECK(bytes_written(problem_of(Gemm{24, 32, 64}, per_row("fp8_e4m3_scaled", "fp32")), pins) ==
        24 * (32 + 4));
  pins.tile_n = 32;
  CHECK(bytes_written(problem_of(Gemm{24, 80, 64}, format_of("mxfp8_e4m3")), pins) ==
        24 * (80 + 3));
  // Of groups that share the scale of a row, one that fills a burst is cut.
  MappingPins parts;
  parts.tile_n = 16;
  CHECK(bytes_written(problem_of(convolution(2, 96), per_row("fp8_e4m3_scaled", "fp32")), parts) ==
        16 * (192 + 4));
  CHECK(bytes_written(problem_of(convolution(3, 72), format_of("mxfp8_e4m3")), parts) ==
        16 * (216 + 7));
  parts.tile_groups = 2;
  CHECK_THROWS_WITH_AS(
      map_layer(problem_of(convolution(2, 96), per_row("fp8_e4m3_scaled", "fp32")), parts),
      doctest::Contains("mapping.tile.groups: expected 1"), Error);
  // Groups that a block lies across: 8 of 5 channels, in tiles of 3.
  MappingPins three;
  three.tile_groups = 3;
  CHECK(bytes_written(problem_of(convolution(8, 5), format_of("mxfp8_e4m3")), three) ==
        16 * (40 + 2));
}

TEST_CASE("results: what they take on chip, in a tile and in all") {
  MappingProblem p = problem_of(Gemm{24, 40, 64}, format_of("mxfp8_e4m3"));
  CHECK(result_bytes(p) == 24 * 42);
  Tiling t;
  t.out_cols = 4;
  t.n = 32;
  t.k = 64;
  CHECK(tile_footprint(p, t).output == Bytes(4 * 33));
  Conv2d depthwise = convolution(40, 1);
  depthwise.channels = 40;
  p = problem_of(depthwise, format_of("mxfp4"));
  CHECK(result_bytes(p) == 16 * 22);
  // Kept there, the output unit writes them all the same.
  p = problem_of(Gemm{16, 64, 16}, format_of("mxfp8_e4m3"));
  MappingProblem plain = problem_of(Gemm{16, 64, 16}, format_of("fp8_e4m3"));
  Tiling all;
  all.out_cols = 16;
  all.n = 64;
  all.k = 16;
  const auto writes = [&all](const MappingProblem& problem) {
    return estimate(problem, all).counts.output.writes;
  };
  const std::int64_t word = p.machine.buffers.output.port_width.value;
  CHECK(writes(plain) == 16 * 64 * 8 / word);
  CHECK(writes(p) == 16 * 64 * 8 / word + 16 * 2 * 8 / word);
  p.activations = plain.activations = ActivationMemory::kOnChip;
  CHECK(writes(p) == writes(plain) + 16 * 2 * 8 / word);
  CHECK(written(p).total().write_bytes == 0);
  p.machine.buffers.output.capacity = Bytes(16 * 66 - 8);
  CHECK_THROWS_AS(make_program(p, all), Error);
}

namespace {

DramTraffic traffic(const VectorOp& op, const TensorFormat& in, const TensorFormat& out,
                    std::int64_t buffer = 1 << 20, std::vector<std::int64_t> rows = {}) {
  VectorFormats formats;
  formats.inputs = in;
  formats.parameters = format_of("fp32");
  formats.output = out;
  formats.operand_rows = std::move(rows);
  AcceleratorConfig machine;
  machine.buffers.input.capacity = machine.buffers.output.capacity = Bytes(buffer);
  const MappingProblem p = make_vector_problem(machine, MemoryPort{}, formats);
  const Program program = make_vector_program(p, op);
  for (const StoreOp& store : program.stores) CHECK(store.sram_bits <= buffer * 8);
  for (const LoadOp& load : program.input_loads) CHECK(load.sram_bits <= buffer * 8);
  return traffic_of(program, p.memory.burst_bytes);
}

VectorOp rows_of(VectorKind kind, std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = kind;
  op.rows = rows;
  op.cols = cols;
  return op;
}

}  // namespace

TEST_CASE("vector operators read and write scales; quantize writes them apart") {
  for (const Case& c : cases()) {
    if (c.format.zero_point == "packed") continue;  // parts of bytes, tile by tile
    CAPTURE(c.format.format);
    CAPTURE(c.format.zero_point);
    const std::int64_t row = c.codes + c.scales;
    for (const std::int64_t buffer : {1 << 20, 400, 250}) {
      CAPTURE(buffer);
      const DramTraffic sum = traffic(rows_of(VectorKind::kAdd, 6, 40), c.format, c.format, buffer);
      CHECK(sum.total().read_bytes == 2 * 6 * row);
      CHECK(sum.total().write_bytes == 6 * row);
      const DramTraffic norm =
          traffic(rows_of(VectorKind::kSoftmax, 6, 40), c.format, c.format, buffer);
      CHECK(norm.total().read_bytes == 6 * row);
      CHECK(norm.total().write_bytes == 6 * row);
    }
    if (c.scales == 0) continue;
    // 240 in a row, as some importers have it: of a result of 6 x 40.
    const DramTraffic flat =
        traffic(rows_of(VectorKind::kRelu, 1, 240), c.format, format_of("fp16"), 1 << 20, {40});
    CHECK(flat.total().read_bytes == 6 * row);
  }
  for (const Case& c : {Case{format_of("mxfp8_e4m3"), 40, 2}, Case{format_of("nvfp4"), 20, 3},
                        Case{format_of("nf4"), 20, 4}}) {
    CAPTURE(c.format.format);
    const DramTraffic made =
        traffic(rows_of(VectorKind::kQuantize, 6, 40), format_of("fp16"), c.format);
    CHECK(made.total().read_bytes == 6 * 80);
    CHECK(made[Tensor::kOutputs].write_bytes == 6 * c.codes);
    CHECK(made[Tensor::kScales].write_bytes == 6 * c.scales);
  }
}

TEST_CASE("vector operators that move parts of rows write each scale once") {
  const TensorFormat mx = format_of("mxfp8_e4m3");
  PoolWindow window;
  window.height = window.width = 4;
  window.channels = window.filters = window.groups = 40;
  window.kernel_h = window.kernel_w = window.stride_h = window.stride_w = 2;
  VectorOp pool = rows_of(VectorKind::kMaxPool, 4, 40);
  pool.window = window;
  for (const std::int64_t buffer : {1 << 20, 1000, 800}) {
    CAPTURE(buffer);
    const DramTraffic t = traffic(pool, mx, mx, buffer);
    CHECK(t.total().read_bytes == 16 * 42);
    CHECK(t.total().write_bytes == 4 * 42);
  }
  // 24 and 16 columns of 6 rows: blocks of the results begin in one and end in the other.
  VectorOp joined = rows_of(VectorKind::kConcat, 6, 40);
  joined.axes = {1};
  joined.operand_shapes = {{6, 24}, {6, 16}};
  for (const std::int64_t cols : {40, 240}) {
    joined.rows = 240 / cols;
    joined.cols = cols;
    const DramTraffic t = traffic(joined, mx, mx, 1 << 20, {24, 16});
    CHECK(t.total().read_bytes == 6 * (24 + 1) + 6 * (16 + 1));
    CHECK(t.total().write_bytes == (cols == 40 ? 6 * 42 : 240 + 8));
  }
}

TEST_CASE("results: producer and consumer move the same bytes") {
  std::mt19937 random(20261201);
  const auto to = [&random](std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(random);
  };
  const char* const kFormats[] = {"mxfp8_e4m3", "mxfp4", "mxint8", "nvfp4", "nf4", "nf4_dq"};
  for (int i = 0; i < 60; ++i) {
    const TensorFormat f = format_of(kFormats[to(0, 5)]);
    CAPTURE(f.format);
    const std::int64_t m = to(1, 40), n = 2 * to(1, 80);
    CAPTURE(m);
    CAPTURE(n);
    const std::int64_t bytes = bytes_written(problem_of(Gemm{m, n, 32}, f));
    CHECK(traffic(rows_of(VectorKind::kRelu, m, n), f, f).total().read_bytes == bytes);
    // As the first operand of a product whose tiles read once.
    MappingProblem next = problem_of(Gemm{m, 1, n}, format_of("fp16"));
    next.path.activations.format = f;
    next.path.activations.layout = storage_layout(f);
    next.path.activations.code_bits = next.path.activations.layout.codes.bits;
    Tiling whole;
    whole.out_cols = m;
    whole.k = n;
    const DramTraffic read = estimate(next, whole).traffic;
    CHECK(read[Tensor::kInputs].read_bytes + read[Tensor::kScales].read_bytes == bytes);
  }
}

}  // namespace bitjoule::result_scales_test
