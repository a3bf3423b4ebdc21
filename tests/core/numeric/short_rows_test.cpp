// Rows that adjoin are coded as one: the same codes, scales and values as row by row.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/sole_rows.h"

namespace bitjoule::short_rows_test {
namespace {

std::vector<TensorFormat> planar_formats() {
  std::vector<TensorFormat> all;
  const auto add = [&](const char* name, Granularity granularity, bool symmetric = true,
                       std::int64_t group = 0) {
    TensorFormat f;
    f.format = name;
    f.granularity = granularity;
    f.symmetric = symmetric;
    f.group_size = group;
    all.push_back(f);
  };
  for (const char* name : {"int8", "uint8", "int4", "int3"}) {
    add(name, Granularity::kPerToken);
    add(name, Granularity::kPerChannel);
    add(name, Granularity::kPerGroup, true, 8);
  }
  add("uint4", Granularity::kPerChannel, false);
  add("uint4", Granularity::kPerGroup, false, 4);
  for (const char* name : {"fp32", "bf16", "fp16", "fp8_e4m3", "mxfp4", "mxfp6_e2m3", "mxfp8_e4m3",
                           "mxint8", "nf4", "ternary"})
    add(name, Granularity::kPerTensor);
  return all;
}

}  // namespace

TEST_CASE("short rows: values of rows at once are those of each row") {
  MESSAGE("seed 42");
  std::mt19937 random(42);
  std::normal_distribution<float> normal;
  for (const TensorFormat& format : planar_formats())
    for (const std::int64_t k : {3, 8, 12, 16, 40, 64}) {
      constexpr std::int64_t kRows = 75;  // more elements than are worked on at once
      std::vector<float> x(static_cast<std::size_t>(kRows * k));
      for (float& v : x) v = normal(random);
      CAPTURE(format.format);
      CAPTURE(k);
      const auto all = QuantizedTensor::quantize(format, x.data(), kRows, k);
      std::vector<float> values(x.size()), row(static_cast<std::size_t>(k));
      all.decode(values.data());
      const bool has_own_scale = format.format != "ternary";  // whose scale is the tensor's
      for (std::int64_t r = 0; r < kRows; ++r) {
        const auto first = values.begin() + r * k;
        if (has_own_scale) {
          const auto alone =
              QuantizedTensor::quantize(format, &x[static_cast<std::size_t>(r * k)], 1, k);
          alone.decode(row.data());
          CHECK(std::equal(row.begin(), row.end(), first));
        }
        // In two pieces, which no row is.
        all.decode_rows(r, r + 1, 0, k - 1, row.data());
        all.decode_rows(r, r + 1, k - 1, k, &row.back());
        CHECK(std::equal(row.begin(), row.end(), first));
      }
    }
}

TEST_CASE("short rows: some rows of a tensor are as if they had been coded alone") {
  std::mt19937 random(43);
  std::normal_distribution<float> normal;
  int tried = 0;
  for (const TensorFormat& format : planar_formats())
    for (const std::int64_t k : {3, 8, 12, 40}) {
      if (!has_sole_rows(format)) continue;
      ++tried;
      constexpr std::int64_t kRows = 9, kFirst = 3, kCount = 4;
      std::vector<float> x(static_cast<std::size_t>(kRows * k));
      for (float& v : x) v = normal(random);
      CAPTURE(format.format);
      CAPTURE(k);
      const auto all = QuantizedTensor::quantize(format, x.data(), kRows, k);
      const auto alone = QuantizedTensor::quantize(format, &x[kFirst * k], kCount, k);
      const QuantizedTensor part = rows_from(all, kFirst, kCount);
      CHECK(part.rows() == kCount);
      CHECK(part.bytes() == alone.bytes());
    }
  CHECK(tried > 40);
  TensorFormat whole;  // one scale
  whole.format = "int8";
  whole.granularity = Granularity::kPerTensor;
  CHECK_FALSE(has_sole_rows(whole));
  const std::vector<float> x(8, 1.0f);
  const auto integers = QuantizedTensor::quantize(whole, x.data(), 2, 4);
  CHECK_THROWS_AS(rows_from(integers, 0, 1), Error);
  for (const char* name : {"nvfp4", "nf4_dq", "qoq4"}) {
    whole.format = name;
    CHECK_FALSE(has_sole_rows(whole));
  }
}

}  // namespace bitjoule::short_rows_test
