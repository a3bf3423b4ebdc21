#include "core/exec/coded_values.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace bitjoule::coded_values_test {
namespace {

constexpr auto kDouble = Requantize::kTfliteDoubleRounding;
constexpr auto kSingle = Requantize::kTfliteSingleRounding;
constexpr auto kBuiltin = Requantize::kTfliteBuiltin;
constexpr auto kXnnpack = Requantize::kTfliteXnnpack;
constexpr auto kHalfEven = Requantize::kOnnxHalfEven;
constexpr ClampRange kInt8 = {-128, 127};

VectorOp op_of(VectorKind kind, std::int64_t cols, std::vector<CodeScale> operands,
               CodeScale output) {
  VectorOp op;
  op.kind = kind;
  op.cols = cols;
  op.codes = VectorCodes{std::move(operands), output, ""};
  return op;
}

Codes one(const VectorOp& op, Codes x, Requantize mode) {
  return coded_values(op, {std::move(x)}, kInt8, mode);
}

Codes all_codes() {
  Codes codes(256);
  std::iota(codes.begin(), codes.end(), -128);
  return codes;
}

}  // namespace

TEST_CASE("coded values: sums of one scale are sums of distances from the zero-points") {
  const VectorOp add = op_of(VectorKind::kAdd, 5, {{0.5, 10}, {0.5, -20}}, {0.5, 3});
  VectorOp sub = add;
  sub.kind = VectorKind::kSub;
  const Codes a = {10, 11, 127, -128, 50}, b = {-20, -15, 127, -128, -60};
  for (const Requantize mode : {kDouble, kSingle, kBuiltin, kXnnpack, kHalfEven}) {
    const Codes sum = coded_values(add, {a, b}, kInt8, mode);
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK(sum[i] == std::clamp((a[i] - 10) + (b[i] + 20) + 3, -128, 127));
    if (mode == kBuiltin) continue;
    const Codes difference = coded_values(sub, {a, b}, kInt8, mode);
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK(difference[i] == std::clamp((a[i] - 10) - (b[i] + 20) + 3, -128, 127));
  }
}

TEST_CASE("coded values: ties of a product round as the arithmetic says") {
  // 1 x 1 x 0.5: 1/2, 3/2, -1/2, -3/2 of the output's steps.
  const VectorOp mul = op_of(VectorKind::kMul, 4, {{1, 0}, {0.5, 0}}, {1, 0});
  const std::vector<Codes> inputs = {{1, 3, -1, -3}, {1, 1, 1, 1}};
  // gemmlowp's high multiplication and the single rounding alike: towards +infinity.
  CHECK(coded_values(mul, inputs, kInt8, kDouble) == Codes{1, 2, 0, -1});
  CHECK(coded_values(mul, inputs, kInt8, kSingle) == Codes{1, 2, 0, -1});
  CHECK(coded_values(mul, inputs, kInt8, kXnnpack) == Codes{0, 2, 0, -2});
  CHECK(coded_values(mul, inputs, kInt8, kHalfEven) == Codes{0, 2, 0, -2});
}

TEST_CASE("coded values: means round half away from zero and skip the padding") {
  VectorOp pool = op_of(VectorKind::kAvgPool, 1, {{1, 7}}, {1, 7});
  PoolWindow window;
  window.width = 4;
  window.kernel_w = window.stride_w = 2;
  window.pad_left = window.pad_right = 1;
  pool.window = window;
  pool.rows = 3;
  // [1], [2, 5], [-3]; halves: [2, 5] is 3.5.
  CHECK(one(pool, {1, 2, 5, -3}, kDouble) == Codes{1, 4, -3});
  CHECK(one(pool, {1, -2, -5, -3}, kXnnpack) == Codes{1, -4, -3});
  pool.kind = VectorKind::kMaxPool;
  CHECK(one(pool, {1, -2, -5, -3}, kDouble) == Codes{1, -2, -3});
  pool.codes->activation = "relu";  // not below the zero-point
  CHECK(one(pool, {1, -2, 9, -3}, kDouble) == Codes{7, 9, 7});

  VectorOp mean = op_of(VectorKind::kReduceMean, 2, {{1, 4}}, {0.5, -1});
  mean.reduced = 2;
  // (3 + 4) / 2 = 3.5 is 7 steps of 0.5; (-3 - 4) / 2 likewise.
  CHECK(one(mean, {7, 8, 1, 0}, kDouble) == Codes{6, -8});
  CHECK(one(mean, {7, 8, 1, 0}, kSingle) == Codes{6, -8});
}

TEST_CASE("coded values: relu and leaky relu change the scale, clip does not") {
  CHECK(one(op_of(VectorKind::kRelu, 3, {{1, 0}}, {2, 5}), {-8, 8, 100}, kDouble) ==
        Codes{5, 9, 55});
  VectorOp leaky = op_of(VectorKind::kLeakyRelu, 3, {{1, 2}}, {1, 1});
  leaky.alpha = 0.25;
  for (const Requantize mode : {kDouble, kSingle, kXnnpack, kHalfEven})
    CHECK(one(leaky, {2, 12, -38}, mode) == Codes{1, 11, -9});
  VectorOp clip = op_of(VectorKind::kClip, 4, {{0.5, -3}}, {0.5, -3});
  for (const Requantize mode : {kDouble, kBuiltin, kXnnpack, kHalfEven})
    CHECK(one(clip, {-100, -3, 5, 100}, mode) == Codes{-3, -3, 5, 9});  // 6 is 12 steps
  // To another scale the built-in kernels move the codes, the reference kernels leave them.
  VectorOp moved = op_of(VectorKind::kClip, 3, {{1, 0}}, {2, 10});
  CHECK(one(moved, {-4, 4, 100}, kDouble) == Codes{0, 4, 6});
  for (const Requantize mode : {kBuiltin, kXnnpack})
    CHECK(one(moved, {-4, 4, 100}, mode) == Codes{10, 12, 13});
}

TEST_CASE("coded values: curves are within a step of the real ones") {
  struct Curve {
    VectorKind kind;
    CodeScale output;
    double (*of)(double);
  };
  const Curve curves[] = {
      {VectorKind::kSigmoid, {1.0 / 256, -128}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {VectorKind::kTanh, {1.0 / 128, 0}, [](double x) { return std::tanh(x); }},
      {VectorKind::kHardSwish, {0.05, -120}, [](double x) {
         return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
       }}};
  for (const Curve& curve : curves)
    for (const CodeScale input : {CodeScale{0.05, 3}, CodeScale{0.01, -20}})
      for (const Requantize mode : {kDouble, kSingle, kHalfEven}) {
        const Codes y = one(op_of(curve.kind, 256, {input}, curve.output), all_codes(), mode);
        for (int i = 0; i < 256; ++i) {
          const double x = (i - 128 - static_cast<double>(input.zero_point)) * input.scale;
          const double code =
              curve.of(x) / curve.output.scale + static_cast<double>(curve.output.zero_point);
          CHECK(std::abs(y[static_cast<std::size_t>(i)] - std::clamp(code, -128.0, 127.0)) <= 1.01);
        }
      }
}

TEST_CASE("coded values: softmax rows") {
  VectorOp softmax = op_of(VectorKind::kSoftmax, 4, {{0.1, 9}}, {1.0 / 256, -128});
  softmax.rows = 3;
  const Codes x = {5, 5, 5, 5, 127, 127, -128, -128, 0, 10, 20, 30};
  for (const Requantize mode : {kDouble, kSingle, kBuiltin, kXnnpack, kHalfEven}) {
    const Codes y = one(softmax, x, mode);
    CHECK(Codes(y.begin(), y.begin() + 8) == Codes{-64, -64, -64, -64, 0, 0, -128, -128});
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += std::exp(i);
    for (int i = 0; i < 4; ++i)
      CHECK(std::abs(y[static_cast<std::size_t>(8 + i)] + 128 - 256 * std::exp(i) / sum) <= 0.51);
  }
}

TEST_CASE("coded values: real values become codes") {
  const VectorOp op = op_of(VectorKind::kQuantizeLinear, 5, {}, {2, 1});
  const std::vector<float> x = {1, -1, 3, 1000, -1000};  // halves of a step
  CHECK(quantized_codes(op, x, kInt8, kDouble) == Codes{2, 0, 3, 127, -128});
  CHECK(quantized_codes(op, x, kInt8, kXnnpack) == Codes{1, 1, 3, 127, -128});
}

TEST_CASE("coded values: what is not known is refused") {
  const VectorOp mul = op_of(VectorKind::kMul, 1, {{1, 0}, {1, 0}}, {1, 0});
  VectorOp cell =
      op_of(VectorKind::kLstmCell, 1, {{1.0 / 4096, 0}, {1.0 / 4096, 0}, {0.5, 0}}, {0.5, 0});
  cell.axes = {0, 1, 2, 3};
  const std::vector<Codes> gates = {{1, 1, 1, 1}, {1, 1, 1, 1}, {1}};
  for (const Requantize mode : {kBuiltin, kXnnpack})
    CHECK_THROWS_WITH_AS(coded_values(cell, gates, kInt8, mode),
                         "lstm: expected a scale of the cell between 2^-15 and 2^-9", Error);
  CHECK_THROWS_AS(coded_values(mul, {{1}}, kInt8, kDouble), Error);
  CHECK_THROWS_AS(coded_values(mul, {{1}, {1, 2}}, kInt8, kDouble), Error);
  CHECK_THROWS_AS(one(op_of(VectorKind::kErf, 1, {{1, 0}}, {1, 0}), {1}, kDouble), Error);
  // Kernels that do not change the scale, or know one alone.
  CHECK_THROWS_WITH_AS(coded_values(op_of(VectorKind::kMin, 1, {{1, 0}, {1, 0}}, {2, 0}),
                                    {{1}, {1}}, kInt8, kDouble),
                       "min: expected one scale and zero-point of operands and result", Error);
  CHECK_THROWS_WITH_AS(one(op_of(VectorKind::kTanh, 1, {{1, 0}}, {1, 0}), {1}, kDouble),
                       "tanh: expected an output of scale 0.0078125 and zero-point 0", Error);
  // An output of so small a scale that sums would have to be shifted to the left.
  const VectorOp add = op_of(VectorKind::kAdd, 1, {{1, 0}, {1, 0}}, {1e-6, 0});
  CHECK_THROWS_AS(coded_values(add, {{1}, {1}}, kInt8, kDouble), Error);
}

}  // namespace bitjoule::coded_values_test
