// GGML's blocks against vectors that were compared with ggml itself, shared/reference.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/numeric/ggml_blocks.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/weight_quantizer.h"
#include "support/paths.h"

namespace bitjoule::ggml_vectors_test {
namespace {

namespace json = boost::json;

json::object vectors(const char* part) {
  const std::string path = test::source_dir() + "/../shared/reference/checkpoints-vectors.json";
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path);
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).at(part).as_object();
}

std::vector<std::uint8_t> bytes_of(const json::value& hex) {
  const std::string text(hex.as_string());
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<float> numbers(const json::value& list, double unit = 1) {
  std::vector<float> values;
  for (const json::value& v : list.as_array())
    values.push_back(static_cast<float>(v.to_number<double>() * unit));
  return values;
}

QuantizedTensor stored(const std::string& name, const std::vector<std::uint8_t>& block,
                       std::int64_t k) {
  TensorFormat format;
  format.format = name;
  if (name == "mxfp4")
    return QuantizedTensor::from_stored(format, mxfp4_from_ggml(block, 1, k), 1, k);
  if (name == "nvfp4")
    return QuantizedTensor::from_stored(format, nvfp4_from_ggml(block, 1, k), 1, k);
  return QuantizedTensor::from_stored(format, block, 1, k);
}

}  // namespace

TEST_CASE("ggml: blocks of the newer types decode as ggml decodes them") {
  int decoded = 0;
  for (const auto& entry : vectors("ggml_decode")) {
    const std::string name(entry.key());
    CAPTURE(name);
    const std::vector<float> expected = numbers(entry.value().at("values"));
    const auto k = static_cast<std::int64_t>(expected.size());
    std::vector<float> values(expected.size());
    stored(name, bytes_of(entry.value().at("block")), k).decode(values.data());
    CHECK(values == expected);
    ++decoded;
  }
  CHECK(decoded == 8);
}

TEST_CASE("ggml: blocks of the newer types are encoded as ggml encodes them") {
  int encoded = 0;
  for (const auto& entry : vectors("ggml_encode")) {
    const std::string title(entry.key()), name = title.substr(0, title.find(' '));
    CAPTURE(title);
    if (name == "nvfp4") continue;  // which has a scale for the tensor here
    const std::vector<float> x = numbers(entry.value().at("x_times_4096"), 1.0 / 4096);
    TensorFormat format;
    format.format = name;
    const auto k = static_cast<std::int64_t>(x.size());
    // The tool's search for iq4_nl is another than that of its reference.
    const bool of_weights = title == "iq4_nl 7 tries, no importance";
    const QuantizedTensor t =
        of_weights ? quantize_weights(format, WeightQuantizer::kNearest, x.data(), 1, k)
                   : QuantizedTensor::quantize(format, x.data(), 1, k);
    CHECK(t.bytes() == bytes_of(entry.value().at("block")));
    ++encoded;
  }
  CHECK(encoded == 7);
}

}  // namespace bitjoule::ggml_vectors_test
