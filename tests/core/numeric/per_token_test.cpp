// Dynamic scales: what a tensor stores per token is what the vector unit computes.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "core/error.h"
#include "core/exec/vector_values.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::per_token_test {
namespace {

TensorFormat per_token(const std::string& name) {
  TensorFormat f;
  f.format = name;
  f.granularity = Granularity::kPerToken;
  return f;
}

VectorOp quantize_op(std::int64_t rows, std::int64_t cols, const Format& f) {
  VectorOp op;
  op.kind = VectorKind::kQuantize;
  op.rows = rows;
  op.cols = cols;
  op.alpha = f.max_code;
  if (!f.is_signed) op.beta = 1;
  return op;
}

}  // namespace

TEST_CASE("per token: scale = max |x| * (1 / 127), code = round_half_even(x * (1 / scale))") {
  // Largest 127: scale 1. Largest 254: scale 2, of which 1 / 2 is exact, so 5 and 7 are ties.
  const std::vector<float> x = {127, -63.5f, 0.5f, 1.5f, 254, 5, 7, -1000.0f / 1000.0f};
  const auto t = QuantizedTensor::quantize(per_token("int8"), x.data(), 2, 4);
  CHECK(t.scale(0, 0) == 1.0f);
  CHECK(t.scale(1, 3) == 254.0f * (1.0f / 127.0f));
  std::int16_t q[4];
  t.codes(0, 0, 4, q);
  CHECK(std::vector<int>(q, q + 4) == std::vector<int>{127, -64, 0, 2});
  // 4 codes and an fp32 scale for each of 2 rows.
  CHECK(t.bytes().size() == 2 * (4 + 4));
}

TEST_CASE("per token: the stored tensor is the vector unit's result, bit by bit") {
  MESSAGE("seed 11");
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  constexpr std::int64_t kRows = 50, kCols = 67;
  std::vector<float> x(kRows * kCols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t row = i / kCols;
    x[i] = normal(random) * std::exp2(static_cast<float>(row) - 25);
  }
  std::fill_n(x.begin(), kCols, 0.0f);  // a row of zeros
  for (const char* name : {"int8", "uint8", "int4", "uint4", "int2", "int16"}) {
    CAPTURE(name);
    const auto t = QuantizedTensor::quantize(per_token(name), x.data(), kRows, kCols);
    VectorOperands operands;
    operands.inputs = {x};
    const VectorResult r = vector_values(quantize_op(kRows, kCols, find_format(name)), operands);
    int wrong = 0;
    std::vector<std::int16_t> q(kCols);
    for (std::int64_t row = 0; row < kRows; ++row) {
      t.codes(row, 0, kCols, q.data());
      wrong += t.scale(row, 0) != r.row_scales[static_cast<std::size_t>(row)];
      for (std::int64_t k = 0; k < kCols; ++k)
        wrong += static_cast<float>(q[static_cast<std::size_t>(k)]) !=
                 r.values[static_cast<std::size_t>(row * kCols + k)];
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "per token: formats with scales of their own ignore it, others refuse what is not there") {
  for (const char* name : {"fp16", "q8_0", "mxint8", "nf4"}) {
    CAPTURE(name);
    CHECK_FALSE(has_dynamic_scales(per_token(name)));
    CHECK_NOTHROW(storage_layout(per_token(name)));
  }
  CHECK(has_dynamic_scales(per_token("int8")));
  TensorFormat asymmetric = per_token("int8");
  asymmetric.symmetric = false;
  CHECK_THROWS_AS(storage_layout(asymmetric), Error);
  CHECK_THROWS_AS(storage_layout(per_token("ternary")), Error);
}

}  // namespace bitjoule::per_token_test
