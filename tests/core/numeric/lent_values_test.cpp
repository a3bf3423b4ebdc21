// Tensors whose values somebody has decoded already: they read them there.
#include <doctest/doctest.h>

#include <vector>

#include "core/error.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::lent_values_test {

TEST_CASE("lent values: a float format over its values is as if it had stored them") {
  const std::vector<float> x = {0.5f, -0.0f, 3, 65504, -2.25f, 1, 0.125f, 7};
  for (const char* name : {"fp32", "fp16", "fp8_e5m2"}) {
    CAPTURE(name);
    TensorFormat format;
    format.format = name;
    const QuantizedTensor stored = QuantizedTensor::quantize(format, x.data(), 2, 4);
    std::vector<float> values(8), got(8), part(4), same(4);
    stored.decode(values.data());
    const QuantizedTensor over = QuantizedTensor::over(format, values, 2, 4);
    CHECK(over.values() == &values);
    CHECK(over.bytes().empty());
    over.decode(got.data());
    CHECK(got == values);
    over.elements(got.data());
    CHECK(got == values);
    over.decode_rows(0, 2, 1, 3, part.data());
    stored.decode_rows(0, 2, 1, 3, same.data());
    CHECK(part == same);
  }
  TensorFormat integers;
  CHECK_THROWS_AS(QuantizedTensor::over(integers, x, 2, 4), Error);
  TensorFormat fp32;
  fp32.format = "fp32";
  CHECK_THROWS_AS(QuantizedTensor::over(fp32, x, 2, 3), Error);
}

TEST_CASE("lent values: blocks keep their bytes and elements beside them") {
  const std::vector<float> x(64, 0.75f), lent(64, 5);
  TensorFormat format;
  format.format = "mxfp8_e4m3";
  QuantizedTensor tensor = QuantizedTensor::quantize(format, x.data(), 2, 32);
  std::vector<float> before(64), after(64);
  tensor.elements(before.data());
  tensor.lend(lent);
  tensor.elements(after.data());
  CHECK(after == before);
  CHECK_FALSE(tensor.bytes().empty());
  tensor.decode(after.data());
  CHECK(after == lent);
}

}  // namespace bitjoule::lent_values_test
