// Values of the vector operators: by hand where they are few, else by the formula in double.
#include "core/exec/vector_values.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "core/error.h"

namespace bitjoule::vector_values_test {
namespace {

using Values = std::vector<float>;
using K = VectorKind;

VectorOp op_of(K kind, std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = kind;
  op.rows = rows;
  op.cols = cols;
  return op;
}

Values run(const VectorOp& op, const std::vector<Values>& inputs) {
  VectorOperands o;
  o.inputs.assign(inputs.begin(), inputs.end());
  return vector_values(op, o).values;
}

void check_close(const Values& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(static_cast<double>(got[i]) == doctest::Approx(expected[i]).epsilon(1e-6));
  }
}

const Values kX = {-3, -1, -0.25, 0, 0.5, 2, 7};

}  // namespace

TEST_CASE("vector values: every element-wise operator against its formula") {
  const double root = std::sqrt(2 / 3.14159265358979323846);
  const std::vector<std::pair<K, std::function<double(double)>>> formulas = {
      {K::kRelu, [](double x) { return x > 0 ? x : 0; }},
      {K::kAffine, [](double x) { return x; }},
      {K::kClip, [](double x) { return x < 0   ? 0
                                       : x > 6 ? 6
                                               : x; }},
      {K::kLeakyRelu, [](double x) { return x < 0 ? 0.01 * x : x; }},
      {K::kSigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {K::kSilu, [](double x) { return x / (1 + std::exp(-x)); }},
      {K::kHardSigmoid, [](double x) { return std::fmin(std::fmax(0.2 * x + 0.5, 0), 1); }},
      {K::kHardSwish, [](double x) { return x * std::fmin(std::fmax(x / 6 + 0.5, 0), 1); }},
      {K::kTanh, [](double x) { return std::tanh(x); }},
      {K::kSoftcap, [](double x) { return std::tanh(x); }},
      {K::kGelu, [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
      {K::kGeluTanh,
       [root](double x) { return 0.5 * x * (1 + std::tanh(root * (x + 0.044715 * x * x * x))); }},
      {K::kErf, [](double x) { return 1 - std::erfc(x); }},
      {K::kExp, [](double x) { return std::exp(x); }},
  };
  for (const auto& row : formulas) {
    const K kind = row.first;
    const auto& formula = row.second;
    CAPTURE(vector_row(kind).name);
    const Values got = run(op_of(kind, 1, 7), {kX});
    for (std::size_t i = 0; i < kX.size(); ++i)
      // The cancellation in 1 + erf(x) is of the formula, in fp32.
      CHECK(std::abs(static_cast<double>(got[i]) - formula(kX[i])) <=
            3e-7 * std::max(1.0, std::abs(formula(kX[i]))));
  }
  CHECK(run(op_of(K::kSqrt, 1, 3), {{0, 4, 2.25}}) == Values{0, 2, 1.5});
}

TEST_CASE("vector values: two operands, with broadcasting") {
  VectorOp op = op_of(K::kSub, 2, 3);
  CHECK(run(op, {{1, 2, 3, 4, 5, 6}, {1, 1, 1, 2, 2, 2}}) == Values{0, 1, 2, 2, 3, 4});
  op.shape = {2, 3};
  op.operand_shapes = {{2, 1}, {3}};
  CHECK(run(op, {{10, 20}, {1, 2, 3}}) == Values{9, 8, 7, 19, 18, 17});
  op.kind = K::kAdd;
  CHECK(run(op, {{10, 20}, {1, 2, 3}}) == Values{11, 12, 13, 21, 22, 23});
  op.kind = K::kMul;
  CHECK(run(op, {{10, 20}, {1, 2, 3}}) == Values{10, 20, 30, 20, 40, 60});
  op.kind = K::kDiv;
  CHECK(run(op, {{12, 24}, {1, 2, 4}}) == Values{12, 6, 3, 24, 12, 6});
  op.kind = K::kPow;
  CHECK(run(op, {{2, 3}, {0, 1, 2}}) == Values{1, 2, 4, 1, 3, 9});
  op.kind = K::kMax;
  CHECK(run(op, {{2, 0}, {1, 2, 3}}) == Values{2, 2, 3, 1, 2, 3});
  op.kind = K::kMin;
  CHECK(run(op, {{2, 0}, {1, 2, 3}}) == Values{1, 2, 2, 0, 0, 0});
}

TEST_CASE("vector values: remainders are exact, and angles have their quadrant") {
  VectorOp op = op_of(K::kRemainder, 1, 6);
  op.shape = {6};
  op.operand_shapes = {{6}, {6}};
  const Values a = {7, -7, 7, -7, 6, 16777215}, b = {3, 3, -3, -3, -3, 0.3f};
  const float rest = std::fmod(16777215.0f, 0.3f);  // a - b * trunc(a / b) in fp32: 0
  CHECK(run(op, {a, b}) == Values{1, -1, 1, -1, 0, rest});
  op.kind = K::kFloorMod;
  CHECK(run(op, {a, b}) == Values{1, 2, -2, -1, 0, rest});
  op.kind = K::kAtan2;
  const double quarter = std::acos(0.0);
  check_close(run(op, {{1, 1, -1, -1, 0, 2}, {1, -1, -1, 1, -1, 0}}),
              {quarter / 2, 1.5 * quarter, -1.5 * quarter, -quarter / 2, 2 * quarter, quarter});
}

TEST_CASE("vector values: softmax, and what a causal row does not see") {
  const double e = std::exp(1.0);
  check_close(run(op_of(K::kSoftmax, 1, 3), {{5, 6, 5}}), {1 / (2 + e), e / (2 + e), 1 / (2 + e)});
  VectorOp op = op_of(K::kSoftmax, 2, 3);
  op.causal = 2;  // the last two of three positions: the first row sees two of them
  check_close(run(op, {{4, 4, 90, 2, 2, 2}}), {0.5, 0.5, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0});
  op.reach = 2;  // of the columns that a row sees, the last two
  check_close(run(op, {{4, 4, 90, 90, 2, 2}}), {0.5, 0.5, 0, 0, 0.5, 0.5});
  op.reach = 1;
  check_close(run(op, {{4, 4, 90, 90, 2, 2}}), {0, 1, 0, 0, 0, 1});
}

TEST_CASE("vector values: softmax with ALiBi and with sinks, head by head") {
  VectorOp op = op_of(K::kSoftmax, 4, 2);
  op.heads = 2;
  op.causal = 2;  // rows: head 0 of two tokens, head 1 of two
  op.alibi = 2;   // slopes 1/2 and 1/4
  op.alpha = 0.5;
  const double first = std::exp(-0.5), second = std::exp(-0.25);
  check_close(run(op, {{6, 9, 6, 6, 6, 9, 6, 6}}), {1, 0, first / (1 + first), 1 / (1 + first), 1,
                                                    0, second / (1 + second), 1 / (1 + second)});
  op.alibi = 0;
  op.sinks = true;
  VectorOperands o;
  o.inputs = {{6, 9, 6, 6, 6, 9, 6, 6}};
  o.sinks = {3, 4};  // the scores are 3
  const double e = std::exp(1.0);
  check_close(vector_values(op, o).values,
              {0.5, 0, 1 / 3.0, 1 / 3.0, 1 / (1 + e), 0, 1 / (2 + e), 1 / (2 + e)});
  o.sinks = {3};
  CHECK_THROWS_AS(vector_values(op, o), Error);
}

TEST_CASE("vector: buckets of distances are T5's") {
  VectorOp op = op_of(K::kSoftmax, 1, 200);
  op.distances = Distances{32, 128};
  op.causal = 1;  // 16 of one distance each, then 16 * 8^(j / 16), j = 0, 1, ...
  const std::pair<std::int64_t, std::int64_t> before[] = {
      {-5, 0},  {0, 0},   {1, 1},   {15, 15},  {16, 16},  {18, 16},  {19, 17},
      {21, 18}, {45, 23}, {46, 24}, {112, 30}, {113, 31}, {128, 31}, {1000, 31}};
  for (const auto& row : before) {
    CAPTURE(row.first);
    CHECK(distance_bucket(op, row.first) == row.second);
  }
  op.causal = 0;  // 8 of one distance, then 8 * 16^(j / 8) = 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5
  const std::pair<std::int64_t, std::int64_t> both[] = {
      {0, 0},   {7, 7},   {8, 8},   {11, 8},  {12, 9},  {15, 9},  {16, 10},  {32, 12},  {63, 13},
      {64, 14}, {90, 14}, {91, 15}, {-1, 17}, {-7, 23}, {-8, 24}, {-64, 30}, {-500, 31}};
  for (const auto& row : both) {
    CAPTURE(row.first);
    CHECK(distance_bucket(op, row.first) == row.second);
  }
}

TEST_CASE("vector values: softmax with trained scores of distances") {
  VectorOp op = op_of(K::kSoftmax, 4, 2);  // two heads, each of two queries
  op.heads = 2;
  op.alpha = 0.5;
  op.distances =
      Distances{4, 4};  // of distance 0, of 1 and more; the same of keys behind the query
  VectorOperands o;
  o.inputs = {{2, 2, 2, 2, 2, 2, 2, 2}};
  o.distances = {0, 1, 2, 3, 0, 0, 4, 5};  // bucket by bucket, both heads
  const auto share = [](double a, double b) { return std::exp(a) / (std::exp(a) + std::exp(b)); };
  check_close(vector_values(op, o).values, {share(0, 4), share(4, 0), share(2, 0), share(0, 2),
                                            share(1, 5), share(5, 1), share(3, 1), share(1, 3)});
  op.causal = 2;
  check_close(vector_values(op, o).values,
              {1, 0, share(2, 0), share(0, 2), 1, 0, share(3, 1), share(1, 3)});
  o.distances.pop_back();
  CHECK_THROWS_AS(vector_values(op, o), Error);
  op.distances->buckets = 6;
  CHECK_THROWS_AS(check_vector_op(op), Error);
}

TEST_CASE("vector: slopes of ALiBi where heads are no power of two") {
  VectorOp op = op_of(K::kSoftmax, 6, 1);
  op.heads = 6;
  op.alibi = 8;
  const double expected[] = {0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-1, 0x1p-3};
  for (std::int64_t h = 0; h < 6; ++h) CHECK(alibi_slope(op, h) == expected[h]);
}

TEST_CASE("vector values: a router chooses, and what its choices weigh") {
  VectorOp op = op_of(K::kRoute, 1, 4);
  op.routing = Routing();
  op.routing->experts = 4;
  op.routing->chosen = 2;
  const float l2 = static_cast<float>(std::log(2.0)), l3 = static_cast<float>(std::log(3.0));
  // Scores 1, 2, 3, 2 of 8: of equal ones the first counts.
  check_close(run(op, {{0, l2, l3, l2}}), {0, 2 / 8.0, 3 / 8.0, 0});
  op.routing->normalized = true;
  op.routing->scale = 10;
  check_close(run(op, {{0, l2, l3, l2}}), {0, 4, 6, 0});
  op.routing->normalized = false;
  op.routing->scores = Routing::Scores::kChosenSoftmax;
  check_close(run(op, {{0, l2, l3, l2}}), {0, 4, 6, 0});
  op.routing->scores = Routing::Scores::kSigmoid;
  op.routing->scale = 1;
  op.routing->biased = true;
  VectorOperands o;
  o.inputs = {{0, l2, l3, l2}};  // 1/2, 2/3, 3/4, 2/3
  o.bias = {1, 0, 0, 0};         // for the choice alone
  check_close(vector_values(op, o).values, {0.5, 0, 0.75, 0});
  op.routing->groups = 2;  // 1/2 + 1 + 2/3 against 3/4 + 2/3
  op.routing->group_best = 2;
  check_close(vector_values(op, o).values, {0.5, 2 / 3.0, 0, 0});
}

TEST_CASE("vector values: rows go to their experts and come back weighted") {
  VectorOp op = op_of(K::kDispatch, 4, 2);
  op.routing = Routing();
  op.routing->experts = 3;
  op.routing->chosen = 2;
  VectorOperands o;
  const std::vector<float> weights = {0, 0.25, 0.5, 2, 1, 0};  // tokens: experts 1, 2 and 0, 1
  o.inputs = {{1, 2, 3, 4}, weights};
  o.indices = chosen_experts(*op.routing, weights);
  CHECK(o.indices == std::vector<std::int64_t>{1, 2, 0, 1});
  CHECK(expert_loads(*op.routing, o.indices) == std::vector<std::int64_t>{1, 2, 1});
  CHECK(vector_values(op, o).values == Values{3, 4, 1, 2, 3, 4, 1, 2});
  op.kind = K::kCombine;
  op.rows = 2;
  o.inputs = {{1, 1, 2, 2, 4, 4, 8, 8}, weights};  // of experts 0, 1, 1, 2
  CHECK(vector_values(op, o).values == Values{4.5, 4.5, 6, 6});
}

TEST_CASE("vector values: clamped SwiGLU") {
  VectorOp op = op_of(K::kClampedSwiglu, 1, 3);
  const double s = 1 / (1 + std::exp(-1.702)), t = 7 / (1 + std::exp(-7 * 1.702));
  check_close(run(op, {{1, 9, 1}, {2, -9, 9}}), {s * 3, t * -6, s * 8});
}

TEST_CASE("vector values: a soft cap has both of its constants") {
  VectorOp op = op_of(K::kSoftcap, 1, 3);
  op.alpha = 0.25;
  op.beta = 8;
  check_close(run(op, {{0, 4, -4e9f}}), {0, 8 * std::tanh(1.0), -8});
}

TEST_CASE("vector values: rope of a part of the columns, and frequencies that are scaled") {
  VectorOp op = op_of(K::kRope, 1, 6);
  op.position = 1;
  op.rotated = 4;  // frequencies 1 and 0.01; the pairs are halves of these four
  const double c = std::cos(1.0), s = std::sin(1.0);
  check_close(run(op, {{1, 1, 0, 0, 5, 6}}), {c, std::cos(0.01), s, std::sin(0.01), 5, 6});
  op.scaling = RopeScaling{4, 1, 4, 0};
  check_close(run(op, {{1, 1, 0, 0, 5, 6}}),
              {std::cos(0.25), std::cos(0.0025), std::sin(0.25), std::sin(0.0025), 5, 6});
  op.scaling->original = 12566;  // 4000 pi: 2000 and 20 turns: neither is scaled
  check_close(run(op, {{1, 1, 0, 0, 5, 6}}), {c, std::cos(0.01), s, std::sin(0.01), 5, 6});
  op.alpha = 1;  // both frequencies are 1
  op.scaling = RopeScaling{4, 1999, 2001, 12566};
  const double kept = (12566 / (2 * std::acos(-1.0)) - 1999) / 2;
  const double f = (1 - kept) / 4 + kept;
  check_close(run(op, {{1, 1, 0, 0, 5, 6}}),
              {std::cos(f), std::cos(f), std::sin(f), std::sin(f), 5, 6});
  VectorOperands o;
  o.inputs = {{1, 1, 0, 0, 5, 6}};
  o.factors = {2, 4};
  op.scaling.reset();
  check_close(vector_values(op, o).values,
              {std::cos(0.5), std::cos(0.25), std::sin(0.5), std::sin(0.25), 5, 6});
  o.factors = {2};
  CHECK_THROWS_AS(vector_values(op, o), Error);
  op.rotated = 3;
  CHECK_THROWS_AS(check_vector_op(op), Error);
  op.rotated = 8;
  CHECK_THROWS_AS(check_vector_op(op), Error);
}

TEST_CASE("vector values: norms by hand") {
  VectorOperands o;
  o.inputs = {{3, 4, 0, 0}};
  o.gamma = {1, 2, 3, 4};
  o.beta = {0, 1, 0, 1};
  VectorOp op = op_of(K::kRmsNorm, 1, 4);
  op.alpha = 0;
  // Mean square 25 / 4, root 2.5.
  check_close(vector_values(op, o).values, {1.2, 3.2, 0, 0});
  op.kind = K::kLayerNorm;
  o.inputs = {{1, 3, 1, 3}};  // mean 2, deviation 1
  check_close(vector_values(op, o).values, {-1, 3, -3, 5});
  op.kind = K::kBatchNorm;
  o.mean = {1, 1, 1, 1};
  o.variance = {4, 1, 1, 16};
  check_close(vector_values(op, o).values, {0, 5, 0, 3});
  VectorOp mean = op_of(K::kReduceMean, 1, 2);
  mean.reduced = 2;
  CHECK(run(mean, {{1, 3, 5, 7}}) == Values{2, 6});
  VectorOp lrn = op_of(K::kLrn, 1, 3);
  lrn.reduced = 3;
  lrn.alpha = 3;
  lrn.beta = 1;
  // 1 + sum of the neighbours' squares: 1 + 5, 1 + 14, 1 + 13.
  check_close(run(lrn, {{1, 2, 3}}), {1 / 6.0, 2 / 15.0, 3 / 14.0});
}

TEST_CASE("vector values: a scale per row, and per tensor") {
  VectorOperands o;
  o.inputs = {{127, -63.5, 0.6f, 0, 0, 0}};
  const VectorResult r = vector_values(op_of(K::kQuantize, 2, 3), o);
  CHECK(r.values == Values{127, -64, 1, 0, 0, 0});  // -63.5 rounds to even
  CHECK(r.row_scales == Values{1, 1});
  o.scale = 0.5;
  o.zero_point = 10;
  CHECK(vector_values(op_of(K::kQuantizeLinear, 2, 3), o).values ==
        Values{127, -117, 11, 10, 10, 10});
  CHECK(vector_values(op_of(K::kDequantizeLinear, 2, 3), o).values ==
        Values{58.5, -36.75, -4.7f, -5, -5, -5});
}

TEST_CASE("vector values: rope turns pairs, neighbours or halves") {
  VectorOp op = op_of(K::kRope, 2, 4);
  op.heads = 1;
  op.position = 1;
  op.interleaved = true;
  const double c = std::cos(1.0), s = std::sin(1.0), d = std::cos(0.01), t = std::sin(0.01);
  check_close(run(op, {{1, 0, 1, 0, 0, 0, 0, 0}}), {c, s, d, t, 0, 0, 0, 0});
  op.interleaved = false;
  check_close(run(op, {{1, 1, 0, 0, 0, 0, 0, 0}}), {c, d, s, t, 0, 0, 0, 0});
  op.heads = 2;  // both rows are of the same token
  check_close(run(op, {{1, 1, 0, 0, 1, 1, 0, 0}}), {c, d, s, t, c, d, s, t});
}

TEST_CASE("vector values: pools leave padding out, or count it") {
  VectorOp op = op_of(K::kMaxPool, 4, 1);
  PoolWindow w;
  w.height = w.width = 3;
  w.kernel_h = w.kernel_w = 2;
  w.stride_h = w.stride_w = 2;
  w.pad_bottom = w.pad_right = 1;
  op.window = w;
  const Values x = {-1, -2, -3, -4, -5, -6, -7, -8, -9};
  CHECK(run(op, {x}) == Values{-1, -3, -7, -9});
  op.kind = K::kAvgPool;
  CHECK(run(op, {x}) == Values{-3, -4.5, -7.5, -9});
  op.count_padding = true;
  CHECK(run(op, {x}) == Values{-3, -2.25, -3.75, -2.25});
  // What ceil_mode's last windows cover behind the padding: -(3 + 6) / 2, -(7 + 8) / 4, -9 / 2.
  op.window->beyond_right = 1;
  CHECK(run(op, {x}) == Values{-3, -4.5, -3.75, -4.5});
  op.window->beyond_bottom = 1;
  CHECK(run(op, {x}) == Values{-3, -4.5, -7.5, -9});
  op.window->beyond_bottom = 2;  // more than there is of padding
  CHECK_THROWS_AS(check_vector_op(op), Error);
  VectorOp global = op_of(K::kGlobalAvgPool, 1, 2);
  PoolWindow whole;
  whole.height = 1;
  whole.width = 2;
  whole.kernel_w = 2;
  whole.channels = whole.groups = whole.filters = 2;
  global.window = whole;
  CHECK(run(global, {{1, 10, 3, 20}}) == Values{2, 15});
  global.kind = K::kGlobalMaxPool;
  CHECK(run(global, {{1, 10, 3, 20}}) == Values{3, 20});
}

TEST_CASE("vector values: data movement") {
  VectorOperands o;
  o.table = {1, 2, 3, 4, 5, 6};
  o.indices = {2, 0};
  VectorOp embedding = op_of(K::kEmbedding, 2, 2);
  embedding.table_rows = 3;
  CHECK(vector_values(embedding, o).values == Values{5, 6, 1, 2});
  o.indices = {3, 0};
  CHECK_THROWS_AS(vector_values(embedding, o), Error);

  VectorOp op = op_of(K::kConcat, 2, 3);
  op.shape = {2, 3};
  op.operand_shapes = {{2, 1}, {2, 2}};
  op.axes = {1};
  CHECK(run(op, {{1, 4}, {2, 3, 5, 6}}) == Values{1, 2, 3, 4, 5, 6});
  op.kind = K::kSlice;
  op.shape = {2, 3};
  op.operand_shapes = {{3, 6}};
  op.starts = {1, 0};
  op.steps = {1, 2};
  Values grid(18);
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = static_cast<float>(i);
  CHECK(run(op, {grid}) == Values{6, 8, 10, 12, 14, 16});
  op.kind = K::kPad;
  op.operand_shapes = {{1, 2}};
  op.starts = {1, 0};
  op.steps.clear();
  op.alpha = 9;
  CHECK(run(op, {{1, 2}}) == Values{9, 9, 9, 1, 2, 9});
  op.kind = K::kTranspose;
  op.operand_shapes = {{3, 2}};
  op.axes = {1, 0};
  CHECK(run(op, {{1, 2, 3, 4, 5, 6}}) == Values{1, 3, 5, 2, 4, 6});
  op.axes = {1, 1};
  CHECK_THROWS_AS(run(op, {{1, 2, 3, 4, 5, 6}}), Error);
  CHECK(run(op_of(K::kReshape, 1, 3), {{1, 2, 3}}) == Values{1, 2, 3});
}

TEST_CASE("vector values: operands of the wrong size are refused") {
  CHECK_THROWS_AS(run(op_of(K::kRelu, 1, 3), {{1, 2}}), Error);
  CHECK_THROWS_AS(run(op_of(K::kAdd, 1, 2), {{1, 2}}), Error);
  CHECK_THROWS_AS(run(op_of(K::kRmsNorm, 1, 2), {{1, 2}}), Error);
}

}  // namespace bitjoule::vector_values_test
