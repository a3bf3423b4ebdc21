#include "core/workload/vector_op.h"

#include <doctest/doctest.h>

#include <set>

#include "core/error.h"

namespace bitjoule::vector_op_test {

namespace {

VectorOp make(VectorKind kind, std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = kind;
  op.rows = rows;
  op.cols = cols;
  return op;
}

VectorOp pool(VectorKind kind, std::int64_t size, std::int64_t channels, std::int64_t window) {
  PoolWindow w;
  w.height = w.width = size;
  w.channels = w.filters = w.groups = channels;
  w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = window;
  VectorOp op = make(kind, (size / window) * (size / window), channels);
  op.window = w;
  return op;
}

}  // namespace

TEST_CASE("vector: the table has one row per kind, in order, with unique names") {
  std::set<std::string> names;
  for (std::size_t i = 0; i < vector_rows().size(); ++i) {
    const VectorRow& row = vector_rows()[i];
    CHECK(static_cast<std::size_t>(row.kind) == i);
    CHECK(names.insert(row.name).second);
    CHECK(&find_vector_row(row.name) == &row);
  }
  CHECK(static_cast<std::size_t>(VectorKind::kDispatch) + 1 == vector_rows().size());
  CHECK_THROWS_AS(find_vector_row("sofmax"), Error);
}

TEST_CASE("vector: softmax does three passes: maximum, exponentials and sum, scaling") {
  const std::int64_t rows = 3, cols = 100;
  const auto work = vector_work(make(VectorKind::kSoftmax, rows, cols));
  REQUIRE(work.size() == 3);
  CHECK(work[0][0].primitive == Primitive::kCompare);
  CHECK(work[0][0].count == rows * cols);
  CHECK(work[1][0].count == 2 * rows * cols);  // x - max, and the sum
  CHECK(work[1][2].primitive == Primitive::kExp);
  CHECK(work[1][2].count == rows * cols);
  CHECK(work[2][0].primitive == Primitive::kDivide);
  CHECK(work[2][0].count == rows);
}

TEST_CASE("vector: ALiBi costs a product and a sum in each pass over the scores, a sink a score") {
  VectorOp op;
  op.kind = VectorKind::kSoftmax;
  op.rows = 4;
  op.cols = 10;
  op.heads = 4;
  const auto count = [&](Primitive primitive) {
    std::int64_t total = 0;
    for (const auto& pass : vector_work(op))
      for (const VectorWork& work : pass) total += work.primitive == primitive ? work.count : 0;
    return total;
  };
  const std::int64_t adds = count(Primitive::kAdd), products = count(Primitive::kMultiply);
  op.alibi = 8;
  CHECK(count(Primitive::kAdd) == adds + 2 * 40);
  CHECK(count(Primitive::kMultiply) == products + 2 * 40);
  op.sinks = true;
  CHECK(count(Primitive::kAdd) == adds + 2 * 40 + 2 * 4);
  CHECK(count(Primitive::kExp) == 40 + 4);
  CHECK(count(Primitive::kCompare) == 40 + 4);
  CHECK(parameter_elements(op) == 4);
  op.alibi = 0;
  op.sinks = false;
  op.distances = Distances{32, 128};
  CHECK(count(Primitive::kAdd) == adds + 2 * 40);
  CHECK(count(Primitive::kMultiply) == products);
  CHECK(parameter_elements(op) == 32 * 4);
}

TEST_CASE("vector: a mixture's results are weighted and added for each of the chosen experts") {
  VectorOp op;
  op.kind = VectorKind::kCombine;
  op.rows = 3;
  op.cols = 10;
  op.routing = Routing();
  op.routing->experts = 8;
  op.routing->chosen = 2;
  const auto work = vector_work(op);
  REQUIRE(work.size() == 1);
  CHECK(work[0][0].count == 2 * 30);  // products
  CHECK(work[0][1].count == 30);      // sums: one less
  CHECK(operand_elements(op) == std::vector<std::int64_t>{2 * 30, 3 * 8});
}

TEST_CASE("vector: learned positions are the rows of an embedding") {
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = 10;
  op.rows = 4;
  op.tokens = 2;
  op.position = 5;
  const std::int64_t expected[] = {5, 6, 5, 6};  // of two sequences
  for (std::int64_t r = 0; r < 4; ++r) CHECK(default_index(op, r) == expected[r]);
}

TEST_CASE("vector: cycles are the primitives over the lanes, and a latency per pass") {
  VectorUnitConfig unit;
  unit.lanes = 32;
  unit.latency = Cycles(8);
  const std::int64_t exact = 64, over = 65;  // blocked one element later
  CHECK(vector_cycles(make(VectorKind::kRelu, 1, exact), unit) == Cycles(2 + 8));
  CHECK(vector_cycles(make(VectorKind::kRelu, 1, over), unit) == Cycles(3 + 8));
  const std::int64_t n = 320 / 32;
  CHECK(vector_cycles(make(VectorKind::kSoftmax, 1, 320), unit) ==
        Cycles((n + 8) + (2 * n + n + n + 8) + (1 + n + 8)));
  CHECK(vector_cycles(make(VectorKind::kReshape, 1, 320), unit) == Cycles(0));
  VectorOp lookup = make(VectorKind::kEmbedding, 1, 320);
  lookup.table_rows = 1000;
  CHECK(vector_cycles(lookup, unit) == Cycles(n + 8));
}

TEST_CASE("vector: a pool compares every element of every window and reads the image once") {
  const VectorOp op = pool(VectorKind::kMaxPool, 8, 16, 2);
  CHECK_NOTHROW(check_vector_op(op));
  CHECK(vector_work(op)[0][0].count == 4 * 4 * 16 * (2 * 2));
  CHECK(operand_elements(op) == std::vector<std::int64_t>{8 * 8 * 16});
}

TEST_CASE("vector: operands and parameters") {
  CHECK(operand_elements(make(VectorKind::kAdd, 4, 8)) == std::vector<std::int64_t>{32, 32});
  VectorOp bias = make(VectorKind::kAdd, 4, 8);
  bias.shape = {4, 8};
  bias.operand_shapes = {{4, 8}, {8}};
  CHECK(operand_elements(bias) == std::vector<std::int64_t>{32, 8});
  CHECK_NOTHROW(check_vector_op(bias));
  bias.operand_shapes[1] = {4};
  CHECK_THROWS_WITH_AS(check_vector_op(bias), "add: [4] does not broadcast to [4, 8]", Error);
  CHECK(parameter_elements(make(VectorKind::kLayerNorm, 4, 8)) == 16);
  CHECK(parameter_elements(make(VectorKind::kRmsNorm, 4, 8)) == 8);
}

TEST_CASE("vector: sizes that overflow are refused") {
  CHECK_THROWS_AS(check_vector_op(make(VectorKind::kRelu, 1ll << 40, 1ll << 40)), Error);
  CHECK_THROWS_AS(check_vector_op(make(VectorKind::kRelu, 0, 1)), Error);
  CHECK_THROWS_AS(check_vector_op(make(VectorKind::kMaxPool, 1, 1)), Error);
}

TEST_CASE("vector: a multiplication by a constant costs a multiplication, and no addition") {
  VectorOp op = make(VectorKind::kAffine, 3, 5);
  op.alpha = 8;
  auto work = vector_work(op);
  REQUIRE(work.size() == 1);
  REQUIRE(work[0].size() == 1);
  CHECK(work[0][0].primitive == Primitive::kMultiply);
  CHECK(work[0][0].count == 3 * 5);
  op.beta = 1;
  work = vector_work(op);
  REQUIRE(work[0].size() == 2);
  CHECK(work[0][1].primitive == Primitive::kAdd);
  CHECK(work[0][1].count == 3 * 5);
}

}  // namespace bitjoule::vector_op_test
