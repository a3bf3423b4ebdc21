#include <doctest/doctest.h>

#include "core/error.h"
#include "sim/formats/safetensors.h"

namespace bitjoule::formats_safetensors_test {

namespace {

std::string file(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i) & 255);
  return bytes + header + data;
}

std::vector<StoredTensor> parse(const std::string& bytes) {
  return parse_safetensors(Blob::from_memory("m.safetensors", bytes));
}

std::string message_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("safetensors: tensors come in the order of their bytes") {
  const auto tensors = parse(file(R"({"__metadata__":{"format":"pt"},
               "b":{"dtype":"I8","shape":[2],"data_offsets":[4,6]},
               "a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}})",
                                  std::string("\x80\x3f\x00\xc0\x05\xfb", 6)));
  REQUIRE(tensors.size() == 2);
  CHECK(tensors[0].name == "a");
  CHECK(to_floats(tensors[0]) == std::vector<float>{1, -2});  // 0x3f80, 0xc000
  CHECK(to_integers(tensors[1]) == std::vector<std::int64_t>{5, -5});
}

TEST_CASE("safetensors: lying headers are refused with the tensor's name") {
  const auto one = [](const std::string& entry, const std::string& data) {
    return message_of(file("{\"w\":" + entry + "}", data));
  };
  const std::string prefix = "m.safetensors: tensor \"w\": ";
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", "1234") ==
        prefix + "the shape needs 8 bytes, data_offsets span 4");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", "1234") ==
        prefix + "data_offsets [0, 8] leave the 4 bytes of data");
  CHECK(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,4]})", "1234") ==
        prefix + "shape: expected a non-negative integer");
  CHECK(one(R"({"dtype":"F3","shape":[1],"data_offsets":[0,4]})", "1234") ==
        prefix + "unknown dtype \"F3\"");
  CHECK(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", "12345678") ==
        prefix + "starts at byte 4 of the data, expected 0");
  CHECK(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "12345") ==
        "m.safetensors: the tensors span 4 bytes, the file has 5");
  CHECK(message_of(std::string(8, '\xff')) ==
        "m.safetensors: byte 8: the header: length 18446744073709551615 exceeds the limit of "
        "100000000");
  CHECK(message_of(file("[1]", "")) == "m.safetensors: header: expected a JSON object");
}

TEST_CASE("safetensors: every truncation is refused") {
  const std::string whole =
      file(R"({"w":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}})", "abcdef");
  CHECK(parse(whole).size() == 1);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_THROWS_AS(parse(whole.substr(0, size)), Error);
}

}  // namespace bitjoule::formats_safetensors_test
