// The float64 references against what they are independent of: every vector operator against its
// fp32 arithmetic, layers with MACs against sums by hand and the oracle's reference.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "core/exec/vector_values.h"
#include "core/oracle/mac_reference.h"
#include "core/oracle/oracle.h"
#include "core/oracle/vector_reference.h"
#include "core/workload/lowering.h"

namespace bitjoule::reference_test {
namespace {

using K = VectorKind;
constexpr unsigned kSeed = 4;

std::vector<float> random_values(std::mt19937& random, std::int64_t count, float low, float high) {
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = distribution(random);
  return values;
}

std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

/// One small operator of each kind, with everything that makes it hard: broadcasting, padding,
/// dilation, an axis in the middle.
VectorOp example(K kind) {
  VectorOp op;
  op.kind = kind;
  op.rows = 6;
  op.cols = 8;
  if (kind == K::kSoftmax) op.causal = 3;
  if (kind == K::kSoftmax) op.reach = 2;
  if (kind == K::kSoftmax) {
    op.heads = 2;
    op.alibi = 4;
    op.sinks = true;
    op.alpha = 0.5;
  }
  if (kind == K::kRoute || kind == K::kCombine || kind == K::kDispatch) {
    op.routing = Routing();
    op.routing->experts = 8;
    op.routing->chosen = 3;
    if (kind == K::kRoute) {
      op.routing->groups = 4;
      op.routing->kept_groups = op.routing->group_best = 2;
      op.routing->scale = 2.5;
    }
    return op;
  }
  if (reduces(kind)) op.reduced = 5;
  for (std::int64_t gate = 0; gate < recurrent_gates(kind); ++gate)
    op.axes.push_back(recurrent_gates(kind) - 1 - gate);
  if (kind == K::kLstmCell) op.alpha = 0.5;
  if (kind == K::kLrn) op.reduced = 4;
  if (kind == K::kHadamard) op.reduced = 2;
  if (kind == K::kRope) {
    op.heads = 2;
    op.position = 7;
    op.tokens = 3;
    op.rotated = 6;
    op.scaling = RopeScaling{8, 1, 4, 40};  // frequencies of each of the three kinds
  }
  if (kind == K::kSoftcap) {
    op.alpha = 0.5;
    op.beta = 3;
  }
  if (broadcasts(op)) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 1, 8}, {3, 1}};
    if (vector_row(kind).operands == 3) op.operand_shapes.push_back({8});
  }
  if (kind == K::kResize || kind == K::kResizeNearest) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 2, 5}};
    op.resize = Resize();
  }
  if (kind == K::kExpand) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 1, 8}};
  }
  if (kind == K::kShiftIn) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 3, 8}, {2, 3, 1}};
  }
  if (kind == K::kScatter) {
    op.shape = {6, 8};
    op.operand_shapes = {{6, 8}, {4}, {4, 8}};
  }
  if (kind >= K::kMaxPool && kind <= K::kGlobalMaxPool) {
    PoolWindow w;
    w.batch = 2;
    w.height = 5;
    w.width = 6;
    w.channels = w.filters = w.groups = 3;
    const bool global = kind == K::kGlobalAvgPool || kind == K::kGlobalMaxPool;
    w.kernel_h = global ? 5 : 2;
    w.kernel_w = global ? 6 : 3;
    if (!global) {
      w.stride_w = w.dilation_h = 2;
      w.pad_top = w.pad_right = 1;
    }
    op.window = w;
    op.rows = w.batch * w.out_height() * w.out_width();
    op.cols = 3;
  }
  if (kind == K::kEmbedding) op.table_rows = 4;
  if (kind == K::kConcat) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 1, 8}, {2, 2, 8}};
    op.axes = {1};
  }
  if (kind == K::kSlice) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 9, 10}};
    op.starts = {0, 1, 2};
    op.steps = {1, 3, 1};
  }
  if (kind == K::kPad) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{2, 2, 5}};
    op.starts = {0, 1, 2};
    op.alpha = 0.5;
  }
  if (kind == K::kTranspose) {
    op.shape = {2, 3, 8};
    op.operand_shapes = {{3, 8, 2}};
    op.axes = {2, 0, 1};
  }
  if (kind == K::kQuantizeLinear || kind == K::kDequantizeLinear) {
    op.shape = {2, 3, 8};
    op.axes = {1};
  }
  return op;
}

}  // namespace

TEST_CASE("references: every vector operator is near its fp32 arithmetic") {
  std::mt19937 random(kSeed);
  for (const VectorRow& row : vector_rows()) {
    CAPTURE(row.name);
    VectorOp op = example(row.kind);
    for (const bool other : {false, true}) {
      op.interleaved = op.count_padding = other;
      if (op.routing && row.kind == K::kRoute) {
        op.routing->normalized = op.routing->biased = other;
        op.routing->scores = other ? Routing::Scores::kSigmoid : Routing::Scores::kSoftmax;
      }
      if (row.kind == K::kSoftmax && other) {
        op.alibi = 0;
        op.sinks = false;
        op.distances = Distances{8, 6};
      }
      VectorOperands o;
      ReferenceOperands r;
      if (row.kind == K::kEmbedding) {
        o.table = random_values(random, 4 * 8, -1, 1);
        o.indices = {3, 0, 1, 1, 2, 3};
      } else {
        const float low = row.kind == K::kSqrt || row.kind == K::kRsqrt || row.kind == K::kPow ||
                                  row.kind == K::kLog || row.kind == K::kReciprocal
                              ? 0.1f
                              : -3.0f;
        for (const std::int64_t count : operand_elements(op))
          o.inputs.push_back(random_values(random, count, low, 3));
      }
      if (row.kind == K::kScatter) {
        o.inputs[1] = {3, 0, -1, 3};
        op.beta = other ? 1 + static_cast<int>(random() % 4) : 0;
      }
      o.sinks = random_values(random, op.heads, -1, 1);
      if (op.distances) o.distances = random_values(random, 8 * op.heads, -1, 1);
      if (row.kind == K::kRoute && other) o.bias = random_values(random, op.cols, -1, 1);
      if (row.kind == K::kCombine || row.kind == K::kDispatch)
        o.indices = chosen_experts(*op.routing, o.inputs[1]);
      o.gamma = random_values(random, op.cols, 0.5, 2);
      o.beta = random_values(random, op.cols, -1, 1);
      o.mean = random_values(random, op.cols, -1, 1);
      o.variance = random_values(random, op.cols, 0.5, 2);
      if (row.kind == K::kQuantizeLinear || row.kind == K::kDequantizeLinear) {
        o.axis_scales = {0.25f, 0.5f, 0.125f};
        o.axis_zero_points = {0, 5, -3};
        r.scales = widened(o.axis_scales);
        r.zero_points = widened(o.axis_zero_points);
      }
      for (const auto& input : o.inputs) r.inputs.push_back(widened(input));
      r.gamma = widened(o.gamma);
      r.beta = widened(o.beta);
      r.mean = widened(o.mean);
      r.variance = widened(o.variance);
      r.table = widened(o.table);
      r.bias = widened(o.bias);
      r.sinks = widened(o.sinks);
      r.distances = widened(o.distances);
      r.indices = o.indices;
      VectorResult got = vector_values(op, o);
      // Rounding to codes is what the reference leaves out.
      double tolerance = 2e-6;
      if (row.kind == K::kQuantizeLinear) tolerance = 0.5001;
      if (row.kind == K::kQuantize) {
        for (std::size_t i = 0; i < got.values.size(); ++i)
          got.values[i] *= got.row_scales[i / static_cast<std::size_t>(op.cols)];
        tolerance = 0.5001 * 3 / 127;
      }
      const std::vector<double> expected = vector_reference(op, r);
      REQUIRE(got.values.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(static_cast<double>(got.values[i]) - expected[i]) <=
              tolerance * std::max(1.0, std::abs(expected[i])));
      }
    }
  }
}

TEST_CASE("references: quantize_linear neither rounds nor clamps") {
  VectorOp op;
  op.kind = K::kQuantizeLinear;
  op.cols = 3;
  ReferenceOperands r;
  r.inputs = {{1.0, -0.3, 1000}};
  r.scales = {0.5};
  r.zero_points = {10};
  CHECK(vector_reference(op, r) == std::vector<double>{12, 9.4, 2010});
}

TEST_CASE("references: layers with MACs are what the oracle says of single outputs") {
  std::mt19937 random(kSeed);
  Conv2d conv;
  conv.batch = 2;
  conv.height = 6;
  conv.width = 5;
  conv.channels = 4;
  conv.filters = 6;
  conv.groups = 2;
  conv.kernel_h = 3;
  conv.kernel_w = 2;
  conv.stride_h = 2;
  conv.dilation_w = 2;
  conv.pad_top = conv.pad_right = 1;
  TensorFormat fp32;
  fp32.format = "fp32";
  const std::vector<LayerOp> ops = {conv, Gemm{3, 7, 5}, Matmul{6, 2, 5, 3, 3},
                                    Matmul{6, 2, 5, 3, 3, true}};
  for (const LayerOp& op : ops) {
    CAPTURE(op.index());
    const GemmExtents e = gemm_extents(op);
    const bool is_conv = std::holds_alternative<Conv2d>(op);
    const auto* product = std::get_if<Matmul>(&op);
    const std::int64_t input_k = is_conv ? conv.channels : e.k;
    const std::int64_t input_rows =
        is_conv ? conv.batch * conv.height * conv.width : e.groups * e.m;
    const std::int64_t rows = (product != nullptr ? e.groups / product->shared : e.groups) * e.n;
    const std::vector<float> x = random_values(random, input_rows * input_k, -1, 1);
    const std::vector<float> w = random_values(random, rows * e.k, -1, 1);
    const std::vector<float> bias =
        product != nullptr ? std::vector<float>{} : random_values(random, rows, -1, 1);
    const QuantizedTensor stored_x = QuantizedTensor::quantize(fp32, x.data(), input_rows, input_k);
    const RowExtent lie = lower(op).stored_rows();
    const QuantizedTensor stored_w =
        QuantizedTensor::quantize(fp32, w.data(), lie.rows, lie.length);
    Oracle oracle(op, find_mac_type("fp32"), stored_x, stored_w, x, w, {e.k}, false);
    oracle.set_stage({{}, bias, bias, -0.5, 0.75});
    const std::vector<double> got = mac_reference(op, widened(x), w, {widened(bias), -0.5, 0.75});
    CHECK(mac_reference(op, widened(x), widened(w), {widened(bias), -0.5, 0.75}) == got);
    REQUIRE(static_cast<std::int64_t>(got.size()) == oracle.outputs());
    for (std::int64_t i = 0; i < oracle.outputs(); ++i) {
      CAPTURE(i);
      CHECK(got[static_cast<std::size_t>(i)] ==
            doctest::Approx(oracle.at({i}).front().reference).epsilon(1e-12));
    }
  }
}

}  // namespace bitjoule::reference_test
