// Rows that are computed side by side, and what of a product need not be computed: each result has
// the bits that it has by itself.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "core/exec/vector_values.h"
#include "core/oracle/mac_reference.h"
#include "core/oracle/vector_reference.h"

namespace bitjoule::rows_side_by_side_test {
namespace {

constexpr unsigned kSeed = 11;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

template <class T>
std::vector<T> numbers(std::mt19937& random, std::int64_t count) {
  std::normal_distribution<T> normal(0, 3);
  std::vector<T> values(at(count));
  for (T& v : values) v = normal(random);
  return values;
}

VectorOp softmax_of(std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = VectorKind::kSoftmax;
  op.rows = rows;
  op.cols = cols;
  op.alpha = 0.35;
  return op;
}

std::vector<float> softmax(const VectorOp& op, std::vector<float> x) {
  VectorOperands operands;
  operands.inputs.emplace_back(std::move(x));
  return vector_values(op, operands).values;
}

std::vector<double> softmax(const VectorOp& op, std::vector<double> x) {
  ReferenceOperands operands;
  operands.inputs.emplace_back(std::move(x));
  return vector_reference(op, operands);
}

template <class T>
void check_rows(VectorOp op, std::int64_t tokens, std::int64_t reach) {
  CAPTURE(op.rows);
  CAPTURE(reach);
  std::mt19937 random(kSeed);
  op.causal = tokens;
  op.reach = reach;
  const std::vector<T> x = numbers<T>(random, op.rows * op.cols);
  const std::vector<T> all = softmax(op, x);
  for (std::int64_t r = 0; r < op.rows; ++r) {
    const std::int64_t end = op.cols - tokens + r % tokens + 1;
    const std::int64_t begin = reach > 0 && reach < end ? end - reach : 0;
    std::vector<T> expected(at(op.cols));
    const auto row = x.begin() + r * op.cols;
    const std::vector<T> seen =
        softmax(softmax_of(1, end - begin), std::vector<T>(row + begin, row + end));
    std::copy(seen.begin(), seen.end(), expected.begin() + begin);
    CHECK(std::equal(expected.begin(), expected.end(), all.begin() + r * op.cols));
  }
}

Matmul product(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k,
               std::int64_t shared) {
  Matmul p;
  p.batch = batch;
  p.m = m;
  p.n = n;
  p.k = k;
  p.shared = shared;
  return p;
}

const ReferenceStage kPlain{{}, -INFINITY, INFINITY};

}  // namespace

TEST_CASE("rows side by side: a softmax of many rows is that of each row") {
  for (const std::int64_t rows : {1, 7, 8, 9, 22}) {
    const std::int64_t tokens = rows == 22 ? 11 : rows;  // of two heads, or one
    check_rows<float>(softmax_of(rows, 23), tokens, 0);
    check_rows<float>(softmax_of(rows, 11), tokens, 4);
    check_rows<double>(softmax_of(rows, 23), tokens, 0);
    check_rows<double>(softmax_of(rows, 11), tokens, 4);
  }
}

TEST_CASE("rows side by side: zeros at the end of rows are left out where that changes nothing") {
  std::mt19937 random(kSeed);
  for (const std::int64_t m : {5, 12, 13, 30}) {
    CAPTURE(m);
    Matmul p = product(2, m, 3, 31, 2);
    p.k_rows = true;
    std::vector<double> x = numbers<double>(random, 2 * m * p.k);
    for (std::int64_t row = 0; row < 2 * m; ++row)
      for (auto k = static_cast<std::int64_t>(random() % 32); k < p.k; ++k)
        x[at(row * p.k + k)] = k % 2 == 0 ? 0.0 : -0.0;
    std::vector<double> w = numbers<double>(random, p.k * p.n);
    const auto check = [&] {
      const std::vector<double> got = mac_reference(p, x, w, kPlain);
      for (std::int64_t i = 0; i < 2 * m * p.n; ++i) {
        double sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k)
          sum += x[at(i / p.n * p.k + k)] * w[at(k * p.n + i % p.n)];
        const double is = got[at(i)];
        CHECK((std::isnan(sum) ? std::isnan(is)
                               : is == sum && !std::signbit(is) == !std::signbit(sum)));
      }
    };
    check();
    w[at(29 * p.n + 1)] = std::numeric_limits<double>::infinity();  // times 0 it is NaN
    check();
  }
}

TEST_CASE("rows side by side: of a lower product all results up to the diagonal are there") {
  std::mt19937 random(kSeed);
  for (const std::int64_t m : {4, 25, 40}) {
    CAPTURE(m);
    Matmul p = product(6, m, 45, 3, 3);
    const std::vector<double> x = numbers<double>(random, p.batch * m * p.k);
    const std::vector<float> w = numbers<float>(random, p.batch / p.shared * p.n * p.k);
    const std::vector<double> whole = mac_reference(p, x, w, kPlain);
    p.lower = true;
    const std::vector<double> lower = mac_reference(p, x, w, kPlain);
    std::int64_t left = 0;
    for (std::int64_t i = 0; i < p.batch * m * p.n; ++i) {
      if (i % p.n <= p.n - m + i / p.n % m) CHECK(lower[at(i)] == whole[at(i)]);
      left += lower[at(i)] == 0 ? 1 : 0;
    }
    CHECK((left > 0) == (m > 12));  // blocks of twelve rows and eight columns
  }
}

}  // namespace bitjoule::rows_side_by_side_test
