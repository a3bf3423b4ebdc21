#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/numeric/format.h"
#include "core/numeric/tensor_values.h"
#include "sim/formats/gguf.h"
#include "support/gguf_builder.h"

namespace bitjoule::test::formats_gguf_test {

namespace {

GgufFile parse(const std::string& bytes) { return parse_gguf(Blob::from_memory("m.gguf", bytes)); }

std::string message_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

GgufBuilder small() {
  const std::string two_ints = little_endian(std::uint32_t{5}) + little_endian(std::uint64_t{2}) +
                               little_endian(7) + little_endian(-8);
  const std::string words = little_endian(std::uint32_t{8}) + little_endian(std::uint64_t{2}) +
                            gguf_string("a") + gguf_string("bc");
  return GgufBuilder()
      .text("general.architecture", "llama")
      .number("llama.block_count", 3)
      .entry("heads", 9, two_ints)
      .entry("tokens", 9, words)
      .tensor("w", {32, 2}, 2, std::string(36, 'q'))  // two rows of one q4_0 block
      .tensor("norm", {3}, 0, std::string(12, '\0'));
}

}  // namespace

TEST_CASE("gguf: metadata and tensors, rows last") {
  for (std::uint32_t version : {2u, 3u}) {
    GgufBuilder builder = small();
    std::string bytes = builder.bytes();
    bytes[4] = static_cast<char>(version);
    const GgufFile file = parse(bytes);
    CHECK(file.version == version);
    CHECK(file.string("general.architecture") == "llama");
    CHECK(file.integer("llama.block_count") == 3);
    CHECK(std::get<std::vector<double>>(file.metadata.at("heads")) == std::vector<double>{7, -8});
    CHECK(std::get<GgufStrings>(file.metadata.at("tokens")).texts.size() == 2);
    REQUIRE(file.tensors.size() == 2);
    CHECK(file.tensors[0].shape == std::vector<std::int64_t>{2, 32});
    CHECK(file.tensors[0].type->format == std::string("q4_0"));
    CHECK(file.tensors[0].bytes == 36);
    CHECK(file.tensors[0].data[35] == 'q');
    CHECK(to_floats(file.tensors[1]) == std::vector<float>{0, 0, 0});
  }
}

TEST_CASE("gguf: the header alone is enough without data") {
  const GgufFile file = parse(small().header());
  CHECK(file.tensors.size() == 2);
  CHECK(!file.has_data);
  CHECK(file.tensors[0].data == nullptr);
  CHECK(parse(small().bytes()).has_data);
}

TEST_CASE("gguf: every truncation is refused") {
  const std::string whole = small().bytes();
  // The builder pads the last tensor's data to 32 bytes; those may be missing.
  for (std::size_t size = 0; size < whole.size() - 20; ++size) {
    if (size == small().header().size()) continue;
    CAPTURE(size);
    CHECK_THROWS_AS(parse(whole.substr(0, size)), Error);
  }
}

TEST_CASE("gguf: faults are named") {
  CHECK(message_of("GGML") == "m.gguf: byte 4: no GGUF file: the magic is missing");
  CHECK(message_of(GgufBuilder(1).bytes()) ==
        "m.gguf: byte 8: version: expected 2 or 3 (little-endian), got 1");
  const std::string many = "GGUF" + little_endian(3) + little_endian(std::uint64_t{1} << 60) +
                           little_endian(std::uint64_t{0});
  CHECK(message_of(many) ==
        "m.gguf: byte 24: tensors: a count of 1152921504606846976 does not fit the 0 bytes that "
        "follow");
  CHECK(message_of(GgufBuilder().tensor("w", {32}, 77, "").bytes()) ==
        "m.gguf: tensor \"w\": ggml type 77 is unknown");
  CHECK(message_of(GgufBuilder().tensor("w", {33}, 2, "").bytes()) ==
        "m.gguf: tensor \"w\": a row of 33 elements does not hold whole q4_0 blocks of 32");
  CHECK(message_of(GgufBuilder().tensor("w", {1 << 30, 1 << 30}, 0, "").bytes()) ==
        "m.gguf: tensor \"w\": more than 70368744177664 elements");
  CHECK(message_of(GgufBuilder().tensor("w", {32}, 2, "short").bytes()) == "");  // padded to 32
  CHECK(message_of(GgufBuilder().tensor("w", {64, 9}, 2, "short").bytes()) ==
        "m.gguf: tensor \"w\": 324 bytes at 0 leave the 32 bytes of data");
  CHECK(message_of(GgufBuilder().number("k", 1).number("k", 2).bytes()) ==
        "m.gguf: byte 58: metadata key \"k\" occurs twice");
  CHECK(message_of(GgufBuilder().number("general.alignment", 3).bytes()) ==
        "m.gguf: general.alignment: expected a power of two, got 3");
}

TEST_CASE("gguf: types have ggml's numbers and block sizes") {
  const struct {
    const char* format;
    std::uint32_t number;
    std::int64_t elements, bytes;
  } rows[] = {{"iq2_xxs", 16, 256, 66}, {"iq2_xs", 17, 256, 74},  {"iq3_xxs", 18, 256, 98},
              {"iq1_s", 19, 256, 50},   {"iq4_nl", 20, 32, 18},   {"iq3_s", 21, 256, 110},
              {"iq2_s", 22, 256, 82},   {"iq4_xs", 23, 256, 136}, {"iq1_m", 29, 256, 56},
              {"tq1_0", 34, 256, 54},   {"tq2_0", 35, 256, 66},   {"mxfp4", 39, 32, 17},
              {"nvfp4", 40, 64, 36},    {"q1_0", 41, 128, 18},    {"q2_0", 42, 64, 18}};
  for (const auto& row : rows) {
    CAPTURE(row.format);
    const StoredType* type = find_ggml_type(row.number);
    REQUIRE(type != nullptr);
    CHECK(type->format == std::string(row.format));
    CHECK(type->block_elements == row.elements);
    CHECK(type->block_bytes == row.bytes);
    // Two rows of one block: ones, 0.5 where scales are halves, whatever else they are.
    const GgufFile file =
        parse(GgufBuilder()
                  .tensor("w", {static_cast<std::uint64_t>(row.elements), 2}, row.number,
                          std::string(static_cast<std::size_t>(2 * row.bytes), 0x38))
                  .bytes());
    if (find_format(row.format).has_values)
      CHECK(tensor_values(file.tensors[0]).size() == static_cast<std::size_t>(2 * row.elements));
    else
      CHECK_THROWS_WITH_AS(tensor_values(file.tensors[0]),
                           fmt::format("m.gguf: tensor \"w\": {} blocks cannot be decoded: choose "
                                       "values: off",
                                       row.format)
                               .c_str(),
                           Error);
  }
  // 0x38 is 1 as a scale of NVFP4, and the codes 8 (-0) and 3 (1.5).
  const GgufFile file = parse(GgufBuilder().tensor("w", {64}, 40, std::string(36, 0x38)).bytes());
  const std::vector<float> values = tensor_values(file.tensors[0]);
  CHECK(values[0] == 0);
  CHECK(values[8] == 1.5f);
}

}  // namespace bitjoule::test::formats_gguf_test
