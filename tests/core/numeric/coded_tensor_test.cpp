// Integer tensors from given codes, scales and zero-points.
#include "core/numeric/coded_tensor.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace bitjoule::coded_tensor_test {
namespace {

TensorFormat format_of(const std::string& name, bool per_channel, bool symmetric) {
  TensorFormat format;
  format.format = name;
  if (per_channel) format.granularity = Granularity::kPerChannel;
  format.symmetric = symmetric;
  format.zero_point = name;
  return format;
}

std::vector<float> decoded(const QuantizedTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.rows() * tensor.k()));
  tensor.decode(values.data());
  return values;
}

}  // namespace

TEST_CASE("coded tensor: value = scale * (code - zero-point), codes as given") {
  const QuantizedTensor bytes =
      coded_tensor(format_of("uint8", false, false), {0, 1, 128, 255, 7, 8}, 2, 3, {0.5f}, {128});
  CHECK(decoded(bytes) == std::vector<float>{-64, -63.5, 0, 63.5, -60.5, -60});
  std::int16_t codes[3];
  bytes.codes(1, 0, 3, codes);
  CHECK(codes[0] == 255);
  CHECK(bytes.zero_point(1, 2) == 128);
  const QuantizedTensor rows = coded_tensor(format_of("int8", true, false), {-128, 127, 5, -5}, 2,
                                            2, {0.25f, 2.0f}, {-128, 3});
  CHECK(decoded(rows) == std::vector<float>{0, 63.75, 4, -16});
  // One scale serves all rows.
  CHECK(decoded(coded_tensor(format_of("int8", true, true), {-128, 127}, 2, 1, {1.0f}, {0})) ==
        std::vector<float>{-128, 127});
  // Narrow codes are packed.
  const QuantizedTensor packed =
      coded_tensor(format_of("int4", false, true), {-8, 7, -1}, 1, 3, {1.0f}, {0});
  CHECK(packed.bytes().size() == 2 + 4);
  CHECK(decoded(packed) == std::vector<float>{-8, 7, -1});
}

TEST_CASE("coded tensor: what does not fit is refused") {
  const TensorFormat int8 = format_of("int8", false, true);
  CHECK_THROWS_WITH_AS(coded_tensor(int8, {128}, 1, 1, {1.0f}, {0}), "int8 does not hold 128",
                       Error);
  CHECK_THROWS_WITH_AS(coded_tensor(int8, {1}, 1, 1, {1.0f}, {2}),
                       "int8: a symmetric format has no zero-point, got 2", Error);
  CHECK_THROWS_WITH_AS(coded_tensor(format_of("uint8", false, false), {1}, 1, 1, {1.0f}, {256}),
                       "uint8 does not hold the zero-point 256", Error);
  CHECK_THROWS_WITH_AS(coded_tensor(int8, {1, 2}, 1, 3, {1.0f}, {0}), "expected 3 codes, got 2",
                       Error);
  CHECK_THROWS_WITH_AS(coded_tensor(int8, {1, 2}, 1, 2, {1.0f, 2.0f}, {0}),
                       "expected 1 or 1 scales and zero-points, got 2", Error);
  CHECK_THROWS_AS(coded_tensor(format_of("fp16", false, true), {1}, 1, 1, {1.0f}, {0}), Error);
}

}  // namespace bitjoule::coded_tensor_test
