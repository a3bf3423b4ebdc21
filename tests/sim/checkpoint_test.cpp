// Checkpoints as they are stored: each scheme written here by its documentation, read back through
// the directory; packings against shared/reference/checkpoints-vectors.json.
#include "sim/formats/checkpoint.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "core/error.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/nf4.h"
#include "core/numeric/tensor_values.h"
#include "sim/formats/safetensors.h"
#include "sim/formats/tensor_file.h"
#include "sim/import/import.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::test::checkpoint_test {
namespace {

namespace json = boost::json;
using Shape = std::vector<std::int64_t>;

/// A directory under construction.
class Directory {
 public:
  explicit Directory(const std::string& quantization) : config_(quantization) {}

  template <class T>
  void add(const std::string& name, const char* type, const Shape& shape, std::vector<T> values) {
    auto bytes = std::make_shared<std::vector<T>>(std::move(values));
    StoredTensor t;
    t.name = name;
    t.type = find_stored_type(type);
    t.shape = shape;
    t.data = reinterpret_cast<const std::uint8_t*>(bytes->data());
    t.bytes = bytes->size() * sizeof(T);
    owners_.push_back(bytes);
    tensors_.push_back(t);
  }
  void add_fp16(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    std::vector<std::uint16_t> codes;
    for (const float v : values)
      codes.push_back(static_cast<std::uint16_t>(encode_float(kFp16, v)));
    add(name, "fp16", shape, codes);
  }

  /// Writes it, in two files with an index where there are several tensors.
  Checkpoint open() {
    std::ofstream(dir_.at("config.json")) << config_;
    const std::size_t half = tensors_.size() / 2;
    json::object map;
    for (std::size_t part = 0; part < 2; ++part) {
      const std::string file = fmt::format("model-0000{}-of-00002.safetensors", part + 1);
      const auto from = static_cast<std::ptrdiff_t>(part * half);
      std::vector<StoredTensor> some(
          tensors_.begin() + from,
          part == 0 ? tensors_.begin() + static_cast<std::ptrdiff_t>(half) : tensors_.end());
      for (const StoredTensor& t : some) map[t.name] = file;
      std::ofstream(dir_.at(file), std::ios::binary) << safetensors_bytes(some);
    }
    std::ofstream(dir_.at("model.safetensors.index.json"))
        << json::serialize(json::object{{"weight_map", map}});
    return Checkpoint(dir_.at(""));
  }
  std::string path() const { return dir_.at(""); }

 private:
  TemporaryDirectory dir_;
  std::string config_;
  std::vector<std::shared_ptr<void>> owners_;
  std::vector<StoredTensor> tensors_;
};

std::mt19937& random_bits() {
  static std::mt19937 random(31);
  return random;
}

template <class T>
std::vector<T> random_codes(std::size_t n, int bits) {
  std::vector<T> codes;
  for (std::size_t i = 0; i < n; ++i)
    codes.push_back(static_cast<T>(random_bits()() >> (32 - bits)));
  return codes;
}

/// Multiples of 1/64, which fp16 holds.
std::vector<float> random_reals(std::size_t n) {
  std::vector<float> values;
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(static_cast<float>(static_cast<int>(random_bits()() % 255) + 1) / 64);
  return values;
}

/// The bit string of fields, least significant first, in words.
std::vector<std::int32_t> dense(const std::vector<std::uint32_t>& codes, int bits) {
  std::vector<std::uint32_t> words((codes.size() * static_cast<std::size_t>(bits) + 31) / 32);
  for (std::size_t i = 0; i < codes.size(); ++i)
    for (int b = 0; b < bits; ++b) {
      const std::size_t at = i * static_cast<std::size_t>(bits) + static_cast<std::size_t>(b);
      words[at / 32] |= ((codes[i] >> b) & 1u) << (at % 32);
    }
  return std::vector<std::int32_t>(words.begin(), words.end());
}

/// Those of a matrix [a, b] in the order [b, a].
template <class T>
std::vector<T> transposed(const std::vector<T>& from, std::size_t a, std::size_t b) {
  std::vector<T> to(from.size());
  for (std::size_t i = 0; i < a; ++i)
    for (std::size_t j = 0; j < b; ++j) to[j * a + i] = from[i * b + j];
  return to;
}

void check_values(Checkpoint& checkpoint, const std::string& name, std::size_t rows, std::size_t k,
                  const std::function<float(std::size_t, std::size_t)>& expected) {
  const StoredTensor& t = checkpoint.get(name);
  CHECK(t.shape == Shape{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(k)});
  const std::vector<float> values = tensor_values(t);
  int wrong = 0;
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t i = 0; i < k; ++i) wrong += values[n * k + i] != expected(n, i);
  CHECK_MESSAGE(wrong == 0, name);
  // The layer takes the bytes as they are.
  CHECK(as_stored(t, t.packed->format, static_cast<std::int64_t>(rows),
                  static_cast<std::int64_t>(k)));
}

std::string gptq_config(int bits, int group, bool symmetric, const std::string& form) {
  return fmt::format(R"({{"quantization_config":{{"quant_method":"gptq","bits":{},"group_size":{},
    "sym":{},"desc_act":true,"checkpoint_format":"{}"}}}})",
                     bits, group, symmetric, form);
}

}  // namespace

TEST_CASE("checkpoints: GPTQ of 2, 3, 4 and 8 bits, both conventions of zero-points, act order") {
  MESSAGE("seed 31");
  constexpr std::size_t kRows = 32, kK = 96, kGroup = 32, kGroups = kK / kGroup;
  for (const int bits : {2, 3, 4, 8})
    for (const bool plain : {false, true})
      for (const bool scattered : {false, true}) {
        CAPTURE(bits);
        CAPTURE(plain);
        CAPTURE(scattered);
        Directory d(gptq_config(bits, kGroup, false, plain ? "gptq_v2" : "gptq"));
        const auto q = random_codes<std::uint32_t>(kRows * kK, bits);     // [rows, k]
        auto zeros = random_codes<std::uint32_t>(kGroups * kRows, bits);  // [groups, rows]
        for (std::uint32_t& z : zeros) z = std::max(z, 1u);
        const std::vector<float> scales = random_reals(kGroups * kRows);
        std::vector<std::int32_t> words, zero_words, order;
        for (std::size_t n = 0; n < kRows; ++n) {
          const std::vector<std::int32_t> column =
              dense({q.begin() + static_cast<std::ptrdiff_t>(n * kK),
                     q.begin() + static_cast<std::ptrdiff_t>((n + 1) * kK)},
                    bits);
          words.insert(words.end(), column.begin(), column.end());
        }
        const std::size_t per_column = words.size() / kRows;
        for (std::size_t g = 0; g < kGroups; ++g) {
          std::vector<std::uint32_t> row(
              zeros.begin() + static_cast<std::ptrdiff_t>(g * kRows),
              zeros.begin() + static_cast<std::ptrdiff_t>((g + 1) * kRows));
          if (!plain)
            for (std::uint32_t& z : row) --z;
          const std::vector<std::int32_t> packed = dense(row, bits);
          zero_words.insert(zero_words.end(), packed.begin(), packed.end());
        }
        for (std::size_t i = 0; i < kK; ++i)
          order.push_back(static_cast<std::int32_t>(scattered ? i % kGroups : i / kGroup));
        const auto columns = static_cast<std::int64_t>(per_column);
        d.add("m.qweight", "int32", {columns, kRows}, transposed(words, kRows, per_column));
        d.add("m.qzeros", "int32",
              {kGroups, static_cast<std::int64_t>(zero_words.size() / kGroups)}, zero_words);
        d.add_fp16("m.scales", {kGroups, kRows}, scales);
        d.add("m.g_idx", "int32", {kK}, order);
        Checkpoint checkpoint = d.open();
        REQUIRE(checkpoint.entries().size() == 1);
        check_values(checkpoint, "m.weight", kRows, kK, [&](std::size_t n, std::size_t i) {
          const auto g = static_cast<std::size_t>(order[i]);
          return scales[g * kRows + n] *
                 (static_cast<float>(q[n * kK + i]) - static_cast<float>(zeros[g * kRows + n]));
        });
      }
}

TEST_CASE("checkpoints: a zero-point of 0 borrows from the next field, which adding undoes") {
  Directory d(gptq_config(4, 32, false, "gptq"));
  // Zero-points 0, 8, 8, ... of a word less 0x11111111.
  const std::uint32_t word = 0x88888880u - 0x11111111u;
  d.add("m.qweight", "int32", {4, 8}, std::vector<std::int32_t>(32, 0x11111111));
  d.add("m.qzeros", "int32", {1, 1}, std::vector<std::uint32_t>{word});
  d.add_fp16("m.scales", {1, 8}, std::vector<float>(8, 1.0f));
  Checkpoint checkpoint = d.open();
  const std::vector<float> values = tensor_values(checkpoint.get("m.weight"));
  CHECK(values[0] == 1 - 0);
  CHECK(values[32] == 1 - 8);
  CHECK(values[7 * 32] == 1 - 8);
}

TEST_CASE("checkpoints: symmetric GPTQ gives signed codes, and says so where it is not symmetric") {
  for (const std::uint32_t zero : {0x77777777u, 0x77777770u}) {
    Directory d(gptq_config(4, 32, true, "gptq"));
    d.add("m.qweight", "int32", {4, 8}, std::vector<std::uint32_t>(32, 0xf0f0f0f0u));
    d.add("m.qzeros", "int32", {1, 1}, std::vector<std::uint32_t>{zero});
    d.add_fp16("m.scales", {1, 8}, std::vector<float>(8, 0.5f));
    Checkpoint checkpoint = d.open();
    CHECK(checkpoint.entries()[0].form.format.format == "int4");
    if (zero == 0x77777777u) {
      CHECK(tensor_values(checkpoint.get("m.weight"))[0] == -4);
      CHECK(tensor_values(checkpoint.get("m.weight"))[1] == 3.5f);
    } else {
      CHECK_THROWS_AS(checkpoint.get("m.weight"), Error);
    }
  }
}

TEST_CASE("checkpoints: words of the vectors of the projects' own packers") {
  std::ifstream file(source_dir() + "/../shared/reference/checkpoints-vectors.json");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const json::value packing = json::parse(text.str()).at("packing");
  const auto words_of = [](const json::value& entry, const char* key) {
    std::vector<std::uint32_t> words;
    for (const json::value& w : entry.at(key).as_array())
      words.push_back(
          static_cast<std::uint32_t>(std::stoul(std::string(w.as_string()), nullptr, 16)));
    return words;
  };
  const auto codes_of = [](const json::value& entry) {
    return json::value_to<std::vector<int>>(entry.at("codes"));
  };
  int checked = 0;
  for (const auto& entry : packing.as_object()) {
    const std::string name(entry.key());
    CAPTURE(name);
    const bool gptq = name.rfind("gptq", 0) == 0;
    const bool packed = name.rfind("compressed-tensors pack", 0) == 0;
    if (!gptq && !packed && name.rfind("mlx", 0) != 0) continue;
    const std::size_t at = name.find(" bit");
    const int bits = name[at - 1] - '0';
    const std::vector<int> codes = codes_of(entry.value());
    const std::vector<std::uint32_t> words = words_of(entry.value(), "words");
    const auto count = static_cast<std::int64_t>(words.size());
    const bool planar = name.rfind("gptq_p", 0) == 0;
    const std::string config =
        gptq     ? gptq_config(bits, 32, false, planar ? "gptq_p" : "gptq_v2")
        : packed ? fmt::format(R"({{"quantization_config":{{"quant_method":"compressed-tensors",
                "config_groups":{{"group_0":{{"weights":{{"num_bits":{},"group_size":32}}}}}}}}}})",
                               bits)
                 : fmt::format(R"({{"quantization":{{"bits":{},"group_size":32}}}})", bits);
    Directory d(config);
    std::size_t rows = 1;
    if (gptq) {  // 32 outputs with the same codes
      rows = 32;
      std::vector<std::uint32_t> all;
      for (const std::uint32_t w : words) all.insert(all.end(), 32, w);
      d.add("m.qweight", "int32", {count, 32}, all);
      d.add("m.qzeros", "int32", {1, count}, std::vector<std::uint32_t>(words.size(), 0));
      d.add_fp16("m.scales", {1, 32}, std::vector<float>(32, 1.0f));
    } else if (packed) {
      d.add("m.weight_packed", "int32", {1, count}, words);
      d.add_fp16("m.weight_scale", {1, 1}, {1.0f});
      d.add("m.weight_shape", "int64", {2}, std::vector<std::int64_t>{1, 32});
    } else {
      d.add("m.weight", "uint32", {1, count}, words);
      d.add_fp16("m.scales", {1, 1}, {1.0f});
      d.add_fp16("m.biases", {1, 1}, {0.0f});
    }
    Checkpoint checkpoint = d.open();
    check_values(checkpoint, "m.weight", rows, 32,
                 [&](std::size_t, std::size_t i) { return static_cast<float>(codes[i]); });
    ++checked;
  }
  CHECK(checked == 4 + 4 + 5 + 1);

  // AWQ: eight outputs of one input; four outputs of 64 inputs.
  const auto& gemm = packing.at("awq gemm, 8 outputs at one k");
  Directory d(R"({"quantization_config":{"quant_method":"awq","bits":4,"group_size":128}})");
  d.add("m.qweight", "int32", {1, 1}, words_of(gemm, "words"));
  d.add("m.qzeros", "int32", {1, 1}, words_of(gemm, "words"));
  d.add_fp16("m.scales", {1, 8}, std::vector<float>(8, 1.0f));
  Checkpoint checkpoint = d.open();
  // Zero-points are packed alike, so that all values are 0; the codes are those of the file.
  const StoredTensor& t = checkpoint.get("m.weight");
  const auto stored = as_stored(t, t.packed->format, 8, 1);
  REQUIRE(stored);
  for (std::int64_t n = 0; n < 8; ++n) {
    std::int16_t code;
    stored->codes(n, 0, 1, &code);
    CHECK(code == codes_of(gemm)[static_cast<std::size_t>(n)]);
    CHECK(stored->zero_point(n, 0) == code);
  }
  const auto& fast = packing.at("awq gemv_fast and llm-awq, 4 outputs by 64 k");
  std::vector<std::uint16_t> halves;
  for (const std::uint32_t w : words_of(fast, "int16_words"))
    halves.push_back(static_cast<std::uint16_t>(w));
  Directory e(R"({"quantization_config":{"quant_method":"awq","bits":4,"group_size":64,
    "version":"gemv_fast"}})");
  e.add("m.qweight", "int16", {1, 64}, halves);
  std::vector<float> scales(16 * 4, 0.0f), offsets(16 * 4, 0.0f);
  for (std::size_t n = 0; n < 4; ++n) scales[n] = 0.5f, offsets[n] = -3;
  e.add_fp16("m.scales", {16, 4}, scales);
  e.add_fp16("m.qzeros", {16, 4}, offsets);
  Checkpoint quick = e.open();
  const json::array& matrix = fast.at("codes").as_array();
  check_values(quick, "m.weight", 4, 64, [&](std::size_t n, std::size_t i) {
    return 0.5f * static_cast<float>(matrix[n].as_array()[i].as_int64()) - 3;
  });
}

TEST_CASE("checkpoints: AWQ in the order of single tokens") {
  Directory d(R"({"quantization_config":{"quant_method":"awq","bits":4,"group_size":64,
    "version":"gemv"}})");
  const auto q = random_codes<std::uint32_t>(4 * 128, 4);
  const auto zeros = random_codes<std::uint32_t>(4 * 16, 4);
  const std::vector<float> scales = random_reals(4 * 16);
  d.add("m.qweight", "int32", {4, 16}, dense(q, 4));
  d.add("m.qzeros", "int32", {4, 2}, dense(zeros, 4));
  d.add_fp16("m.scales", {4, 16}, scales);
  Checkpoint checkpoint = d.open();
  check_values(checkpoint, "m.weight", 4, 128, [&](std::size_t n, std::size_t i) {
    const std::size_t g = n * 16 + i / 64;
    return scales[g] * (static_cast<float>(q[n * 128 + i]) - static_cast<float>(zeros[g]));
  });
}

TEST_CASE("checkpoints: compressed-tensors, packed along the inputs, zero-points along outputs") {
  Directory d(R"({"quantization_config":{"quant_method":"compressed-tensors","config_groups":{"g":
    {"weights":{"num_bits":4,"group_size":32,"symmetric":false}}}}})");
  const auto q = random_codes<std::uint32_t>(16 * 64, 4);
  const auto zeros = random_codes<std::uint32_t>(2 * 16, 4);  // [groups, rows]
  const std::vector<float> scales = random_reals(16 * 2);
  std::vector<std::int32_t> packed = dense(zeros, 4);  // [groups, 2 words]
  d.add("m.weight_packed", "int32", {16, 8}, dense(q, 4));
  d.add("m.weight_zero_point", "int32", {2, 2}, transposed(packed, 2, 2));
  d.add_fp16("m.weight_scale", {16, 2}, scales);
  d.add("m.weight_shape", "int64", {2}, std::vector<std::int64_t>{16, 64});
  Checkpoint checkpoint = d.open();
  check_values(checkpoint, "m.weight", 16, 64, [&](std::size_t n, std::size_t i) {
    const std::size_t g = i / 32;
    // Both are offset by 8, which cancels.
    return scales[n * 2 + g] *
           (static_cast<float>(q[n * 64 + i]) - static_cast<float>(zeros[g * 16 + n]));
  });
}

TEST_CASE("checkpoints: FP8 with scales of tensor, outputs and blocks, and int8") {
  const auto q = random_codes<std::uint8_t>(200 * 300, 6);  // positive, no NaN
  const auto value = [&](std::size_t n, std::size_t i) {
    return decode_float(kFp8E4m3, q[n * 300 + i]);
  };
  Directory d(R"({"quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}})");
  const std::vector<float> blocks = random_reals(2 * 3), rows = random_reals(200);
  for (const char* name : {"block", "channel", "tensor"}) {
    d.add(std::string(name) + ".weight", "fp8_e4m3", {200, 300}, q);
  }
  d.add("block.weight_scale_inv", "fp32", {2, 3}, blocks);
  d.add("channel.weight_scale", "fp32", {200, 1}, rows);
  d.add("tensor.weight_scale", "fp32", {}, std::vector<float>{0.375f});
  d.add("tensor.input_scale", "fp32", {}, std::vector<float>{2});
  std::vector<std::int8_t> codes;
  for (const std::uint8_t c : q) codes.push_back(static_cast<std::int8_t>(c - 30));
  d.add("int.weight", "int8", {200, 300}, codes);
  d.add("int.weight_scale", "fp32", {200, 1}, rows);
  d.add("int.weight_zero_point", "int8", {200, 1}, std::vector<std::int8_t>(200, -3));
  d.add("bnb.weight", "int8", {200, 300}, codes);
  d.add("bnb.SCB", "fp32", {200}, rows);
  d.add("norm.weight", "fp32", {3}, std::vector<float>{1, 2, 3});
  Checkpoint checkpoint = d.open();
  CHECK(checkpoint.entries().size() == 6);
  check_values(checkpoint, "block.weight", 200, 300, [&](std::size_t n, std::size_t i) {
    return value(n, i) * blocks[n / 128 * 3 + i / 128];
  });
  check_values(checkpoint, "channel.weight", 200, 300,
               [&](std::size_t n, std::size_t i) { return value(n, i) * rows[n]; });
  check_values(checkpoint, "tensor.weight", 200, 300,
               [&](std::size_t n, std::size_t i) { return value(n, i) * 0.375f; });
  check_values(checkpoint, "int.weight", 200, 300, [&](std::size_t n, std::size_t i) {
    return rows[n] * static_cast<float>(codes[n * 300 + i] + 3);
  });
  check_values(checkpoint, "bnb.weight", 200, 300, [&](std::size_t n, std::size_t i) {
    return rows[n] / 127 * static_cast<float>(codes[n * 300 + i]);
  });
  CHECK(tensor_values(checkpoint.get("norm.weight")) == std::vector<float>{1, 2, 3});
}

TEST_CASE("checkpoints: NVFP4 of both conventions, MXFP4, MXFP8, experts of gpt-oss") {
  const float e2m1[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
  const auto q = random_codes<std::uint8_t>(4 * 32, 8);  // two codes each: 4 x 64
  const auto code = [&](std::size_t n, std::size_t i) {
    return e2m1[q[n * 32 + i / 2] >> (i % 2 * 4) & 15];
  };
  const auto fine = random_codes<std::uint8_t>(4 * 4, 6),
             coarse = random_codes<std::uint8_t>(4 * 2, 7);
  Directory d("{}");
  d.add("opt.weight", "uint8", {4, 32}, q);
  d.add("opt.weight_scale", "fp8_e4m3", {4, 4}, fine);
  d.add("opt.weight_scale_2", "fp32", {}, std::vector<float>{0.013f});
  d.add("ct.weight_packed", "uint8", {4, 32}, q);
  d.add("ct.weight_scale", "fp8_e4m3", {4, 4}, fine);
  d.add("ct.weight_global_scale", "fp32", {1}, std::vector<float>{77});
  d.add("mx.weight_packed", "uint8", {4, 32}, q);
  d.add("mx.weight_scale", "uint8", {4, 2}, coarse);
  std::vector<std::uint8_t> eight;
  for (const std::uint8_t c : q) eight.push_back(c & 0x3f);
  d.add("mx8.weight", "fp8_e4m3", {4, 32}, eight);
  d.add("mx8.weight_scale", "uint8", {4, 1}, std::vector<std::uint8_t>{120, 127, 130, 100});
  d.add("experts.gate_up_proj_blocks", "uint8", {2, 2, 2, 16}, q);
  d.add("experts.gate_up_proj_scales", "uint8", {2, 2, 2}, coarse);
  d.add("experts.gate_up_proj_bias", "fp32", {2, 2}, std::vector<float>{1, 2, 3, 4});
  d.add("experts.down_proj", "fp32", {2, 2, 3},
        std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  Checkpoint checkpoint = d.open();
  check_values(checkpoint, "opt.weight", 4, 64, [&](std::size_t n, std::size_t i) {
    return code(n, i) * (decode_float(kFp8E4m3, fine[n * 4 + i / 16]) * 0.013f);
  });
  check_values(checkpoint, "ct.weight", 4, 64, [&](std::size_t n, std::size_t i) {
    return code(n, i) * (decode_float(kFp8E4m3, fine[n * 4 + i / 16]) / 77);
  });
  const auto mx = [&](std::size_t n, std::size_t i) {
    return code(n, i) * std::ldexp(1.0f, coarse[n * 2 + i / 32] - 127);
  };
  check_values(checkpoint, "mx.weight", 4, 64, mx);
  check_values(checkpoint, "mx8.weight", 4, 32, [&](std::size_t n, std::size_t i) {
    const int exponents[] = {-7, 0, 3, -27};
    return decode_float(kFp8E4m3, eight[n * 32 + i]) * std::ldexp(1.0f, exponents[n]);
  });
  CHECK(checkpoint.entries().size() == 7);
  for (std::size_t expert = 0; expert < 2; ++expert)
    check_values(checkpoint, fmt::format("experts.gate_up_proj.weight[{}]", expert), 2, 64,
                 [&](std::size_t n, std::size_t i) { return mx(2 * expert + n, i); });
  // Rows that alternate keep codes and scales.
  for (std::size_t expert = 0; expert < 2; ++expert)
    for (std::size_t row = 0; row < 2; ++row) {
      const std::string name =
          fmt::format("experts.gate_up_proj.weight[{}][{}:{}/2]", expert, row, row + 1);
      const StoredTensor& part = checkpoint.get(name);
      REQUIRE(part.packed != nullptr);
      CHECK(part.packed->format.format == "mxfp4");
      const std::vector<float> values = tensor_values(part);
      REQUIRE(values.size() == 64);
      for (std::size_t i = 0; i < 64; ++i) CHECK(values[i] == mx(2 * expert + row, i));
    }
  const StoredTensor& bias = checkpoint.get("experts.gate_up_proj_bias[1][1:2/2]");
  CHECK(tensor_values(bias) == std::vector<float>{4});
  CHECK(tensor_values(checkpoint.get("experts.down_proj[1][:1:2/3]")) ==
        std::vector<float>{7.0f, 10.0f});
  for (const char* name : {"experts.down_proj[2]", "experts.down_proj[-1]", "mx.weight[1:2/3]",
                           "mx.weight[2:1/2]", "mx.weight[:0:1/2]T", "experts.down_proj[0:1/2]"})
    CHECK_THROWS_AS(checkpoint.get(name), Error);
  CHECK_THROWS_AS(checkpoint.get("experts.gate_up_proj.weight"), Error);
  CHECK_THROWS_AS(checkpoint.get("experts.gate_up_proj.weight[2]"), Error);
  CHECK_THROWS_AS(checkpoint.get("mx.weight[0]"), Error);
}

TEST_CASE("checkpoints: bitsandbytes, nested and not, the first code in the high bits") {
  for (const bool nested : {false, true}) {
    Directory d(R"({"quantization_config":{"quant_method":"bitsandbytes","load_in_4bit":true}})");
    const auto q = random_codes<std::uint8_t>(16 * 64 / 2, 8);
    const std::vector<float> absmax = random_reals(16), outer = random_reals(1);
    const auto inner = random_codes<std::uint8_t>(16, 8);
    for (const std::string type : {"nf4", "fp4"}) {
      const std::string w = type + ".weight";
      const float* table = codebook_of(type == "nf4" ? "nf4" : "fp4_bnb").values;
      d.add(w, "uint8", {512, 1}, q);
      d.add(w + ".quant_map", "fp32", {16}, std::vector<float>(table, table + 16));
      const std::string state = fmt::format(
          R"({{"quant_type":"{}","blocksize":64,"dtype":"bfloat16","shape":[16,64]{}}})", type,
          nested ? R"(,"nested_blocksize":256,"nested_dtype":"float32","nested_offset":0.25)" : "");
      d.add(fmt::format("{}.quant_state.bitsandbytes__{}", w, type), "uint8",
            {static_cast<std::int64_t>(state.size())},
            std::vector<std::uint8_t>(state.begin(), state.end()));
      if (nested) {
        d.add(w + ".absmax", "uint8", {16}, inner);
        d.add(w + ".nested_absmax", "fp32", {1}, outer);
        d.add(w + ".nested_quant_map", "fp32", {256},
              std::vector<float>(dynamic8_table(), dynamic8_table() + 256));
      } else {
        d.add(w + ".absmax", "fp32", {16}, absmax);
      }
    }
    Checkpoint checkpoint = d.open();
    CHECK(checkpoint.entries().size() == 2);
    for (const std::string type : {"nf4", "fp4"})
      check_values(checkpoint, type + ".weight", 16, 64, [&](std::size_t n, std::size_t i) {
        const float* table = codebook_of(type == "nf4" ? "nf4" : "fp4_bnb").values;
        const int byte = q[n * 32 + i / 2];
        const float scale = nested ? 0.25f + outer[0] * dynamic8_table()[inner[n]] : absmax[n];
        return scale * table[i % 2 == 0 ? byte >> 4 : byte & 15];
      });
  }
}

TEST_CASE("checkpoints: MLX, also of experts, and the narrow floats of its modes") {
  Directory d(
      R"({"quantization":{"bits":4,"group_size":32,"m.narrow":{"bits":3,"group_size":64}}})");
  const auto q = random_codes<std::uint32_t>(2 * 4 * 64, 4),
             three = random_codes<std::uint32_t>(64, 3);
  std::vector<float> scales = random_reals(16), biases = random_reals(16);
  scales[3] = -scales[3];
  d.add("m.experts.weight", "uint32", {2, 4, 8}, dense(q, 4));
  d.add_fp16("m.experts.scales", {2, 4, 2}, scales);
  d.add_fp16("m.experts.biases", {2, 4, 2}, biases);
  d.add("m.narrow.weight", "uint32", {1, 6}, dense(three, 3));
  d.add_fp16("m.narrow.scales", {1, 1}, {0.25f});
  d.add_fp16("m.narrow.biases", {1, 1}, {-1.0f});
  Checkpoint checkpoint = d.open();
  for (std::size_t e = 0; e < 2; ++e)
    check_values(checkpoint, fmt::format("m.experts.weight[{}]", e), 4, 64,
                 [&](std::size_t n, std::size_t i) {
                   const std::size_t g = (e * 4 + n) * 2 + i / 32;
                   return scales[g] * static_cast<float>(q[(e * 4 + n) * 64 + i]) + biases[g];
                 });
  check_values(checkpoint, "m.narrow.weight", 1, 64, [&](std::size_t, std::size_t i) {
    return 0.25f * static_cast<float>(three[i]) - 1;
  });
  for (const std::string mode : {"mxfp4", "nvfp4", "mxfp8"}) {
    CAPTURE(mode);
    Directory m(fmt::format(R"({{"quantization":{{"mode":"{}"}}}})", mode));
    const bool eight = mode == "mxfp8";
    const std::int64_t groups = mode == "nvfp4" ? 4 : 2;
    m.add("m.weight", "uint32", {1, eight ? 16 : 8},
          std::vector<std::uint32_t>(eight ? 16 : 8, eight ? 0x38383838u : 0x22222222u));
    m.add(
        "m.scales", "uint8", {1, groups},
        std::vector<std::uint8_t>(static_cast<std::size_t>(groups), mode == "nvfp4" ? 0x40 : 128));
    Checkpoint one = m.open();
    check_values(one, "m.weight", 1, 64, [](std::size_t, std::size_t) { return 2.0f; });
  }
}

TEST_CASE("checkpoints: tensors that nothing reads are refused, with what is read") {
  const auto message = [](Directory& d) {
    try {
      d.open();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  Directory unknown(R"({"quantization_config":{"quant_method":"aqlm"}})");
  unknown.add("m.qweight", "int32", {4, 8}, std::vector<std::int32_t>(32));
  CHECK(message(unknown).find("module \"m\": nothing reads its tensors (qweight of int32) as aqlm "
                              "stores them; what is read: QServe W4A8, GPTQ, AWQ") !=
        std::string::npos);
  // A module of 8 outputs and 64 inputs as others store it.
  Directory quark(R"({"quantization_config":{"quant_method":"quark"}})");
  quark.add("m.weight", "int32", {64, 1}, std::vector<std::int32_t>(64));
  quark.add_fp16("m.weight_scale", {2, 8}, std::vector<float>(16, 1.0f));
  CHECK(message(quark).find("module \"m\": nothing reads its tensors (weight of int32, "
                            "weight_scale of fp16) as quark stores them") != std::string::npos);
  const auto marlin = [&](const std::string& config) {
    Directory tiles(config);
    tiles.add("m.qweight", "int32", {4, 16}, std::vector<std::int32_t>(64));
    tiles.add_fp16("m.scales", {2, 8}, std::vector<float>(16, 1.0f));
    return message(tiles);
  };
  CHECK(marlin(R"({"quantization_config":{"quant_method":"awq","bits":4,"group_size":32,
                   "version":"marlin","zero_point":false}})")
            .find("AWQ's version marlin stores Marlin's tiles") != std::string::npos);
  CHECK(marlin("{}").find("nothing reads its tensors (qweight of int32, scales of fp16)") !=
        std::string::npos);
  Directory shape(gptq_config(4, 32, false, "gptq"));
  shape.add("m.qweight", "int32", {4, 8}, std::vector<std::int32_t>(32));
  shape.add("m.qzeros", "int32", {1, 1}, std::vector<std::int32_t>(1));
  shape.add_fp16("m.scales", {2, 8}, std::vector<float>(16, 1.0f));
  CHECK(message(shape).find("\"scales\" has the shape 2 x 8, expected 1 x 8") != std::string::npos);
  Directory type(gptq_config(4, 32, false, "gptq"));
  type.add("m.qweight", "int32", {4, 8}, std::vector<std::int32_t>(32));
  type.add("m.qzeros", "int8", {1, 1}, std::vector<std::int8_t>(1));
  type.add_fp16("m.scales", {1, 8}, std::vector<float>(8, 1.0f));
  CHECK(message(type).find("\"qzeros\" is int8, expected int32") != std::string::npos);
}

namespace {

/// A Llama of two blocks whose linear layers are stored by `add`.
std::string llama(const std::string& quantization, int layers = 2) {
  return fmt::format(R"({{"model_type":"llama","hidden_size":64,"num_hidden_layers":{},
    "num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":128,"vocab_size":96,
    "torch_dtype":"float16","tie_word_embeddings":false{}}})",
                     layers, quantization);
}

}  // namespace

TEST_CASE("checkpoints: a directory as a network, weights as they are stored") {
  Directory d(llama(R"(,"quantization_config":{"quant_method":"fp8","activation_scheme":"dynamic",
    "weight_block_size":[128,128],"modules_to_not_convert":["lm_head"]})"));
  const auto reals = [](std::size_t n) { return std::vector<float>(n, 0.5f); };
  d.add_fp16("model.embed_tokens.weight", {96, 64}, reals(96 * 64));
  d.add_fp16("lm_head.weight", {96, 64}, reals(96 * 64));
  d.add_fp16("model.norm.weight", {64}, reals(64));
  for (int block = 0; block < 2; ++block) {
    const std::string at = fmt::format("model.layers.{}.", block);
    d.add_fp16(at + "input_layernorm.weight", {64}, reals(64));
    d.add_fp16(at + "post_attention_layernorm.weight", {64}, reals(64));
    for (const auto& [name, n, k] :
         std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>{
             {"self_attn.q_proj", 64, 64},
             {"self_attn.k_proj", 32, 64},
             {"self_attn.v_proj", 32, 64},
             {"self_attn.o_proj", 64, 64},
             {"mlp.gate_proj", 128, 64},
             {"mlp.up_proj", 128, 64},
             {"mlp.down_proj", 64, 128}}) {
      d.add(at + name + ".weight", "fp8_e4m3", {n, k},
            random_codes<std::uint8_t>(static_cast<std::size_t>(n * k), 6));
      d.add(at + name + ".weight_scale_inv", "fp32", {1, 1}, std::vector<float>{0.01f});
    }
  }
  d.open();
  const Network network =
      network_of(import_file("", map_file(network_path(d.path())),
                             ImportOptions{{}, {}, {}, 1, false, false, d.path() + "config.json"}));
  int quantized = 0;
  for (const NetworkLayer& layer : network.layers) {
    if (!layer.precision.weights) continue;
    const bool in_block = layer.name.rfind("blk.", 0) == 0;
    CHECK(layer.precision.weights->format == (in_block ? "fp8_e4m3_scaled" : "fp16"));
    quantized += in_block ? 1 : 0;
  }
  CHECK(quantized == 14);
  const Outcome o = shell("cd " + d.path() + " && {sim} run " + source_dir() +
                          "/configs/runs/llama2-7b-decode.yaml --network . --set values=on "
                          "--set precision.mac=auto --set network.parameters.context=8 "
                          "--set verify=full -o out");
  REQUIRE_MESSAGE(o.code == 0, o.text);
  const json::value result = json::parse(text_of(d.path() + "out/result.json"));
  const json::value& values = result.at("network").at("values");
  // Codes of 8 bits, whose one scale is a constant of the layer; embedding and head in fp16, five
  // norms in fp32.
  CHECK(result.at("network").at("memory").at("weights_bytes").as_int64() ==
        2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64) + 2 * 96 * 64 * 2 + 5 * 64 * 4);
  CHECK(values.at("checked").as_int64() > 0);
  CHECK(values.at("wrong").as_int64() == 0);
}

TEST_CASE("checkpoints: torchao's tensors are refused by name") {
  Directory d(llama("", 1));
  d.add("model.layers.0.self_attn.q_proj._weight_qdata", "int8", {64, 64},
        std::vector<std::int8_t>(4096));
  d.open();
  try {
    import_file("", map_file(network_path(d.path())),
                ImportOptions{{}, {}, {}, 1, false, false, d.path() + "config.json"});
    FAIL("read");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("_weight_qdata") != std::string::npos);
  }
}

TEST_CASE("checkpoints: the headers of 100 GB are read within a second") {
  // Blocks of Llama 70B's shapes in FP8: sparse files whose data nobody writes.
  constexpr int kBlocks = 116;
  const TemporaryDirectory dir;
  std::ofstream(dir.at("config.json"))
      << R"({"model_type":"llama","hidden_size":8192,"num_hidden_layers":116,
    "num_attention_heads":64,"num_key_value_heads":8,"intermediate_size":28672,"vocab_size":128256,
    "torch_dtype":"bfloat16","quantization_config":{"quant_method":"fp8",
    "activation_scheme":"dynamic","weight_block_size":[128,128],
    "modules_to_not_convert":["lm_head"]}})";
  json::object map;
  std::uint64_t total = 0;
  const auto write = [&](const std::string& file,
                         const std::vector<std::tuple<std::string, const char*, Shape>>& tensors) {
    json::object header;
    std::uint64_t at = 0;
    for (const auto& [name, type, shape] : tensors) {
      const StoredType& stored = *find_safetensors_type(type);
      const std::uint64_t bytes = stored_bytes(stored, shape, name);
      header[name] = {{"dtype", type},
                      {"shape", json::array(shape.begin(), shape.end())},
                      {"data_offsets", {at, at + bytes}}};
      at += bytes;
      map[name] = file;
    }
    std::string text = json::serialize(header);
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string length;
    for (int b = 0; b < 8; ++b) length += static_cast<char>(text.size() >> (8 * b) & 255);
    std::ofstream(dir.at(file), std::ios::binary) << length << text;
    std::filesystem::resize_file(dir.at(file), 8 + text.size() + at);
    total += at;
  };
  write("model-00000.safetensors", {{"model.embed_tokens.weight", "BF16", {128256, 8192}},
                                    {"lm_head.weight", "BF16", {128256, 8192}},
                                    {"model.norm.weight", "BF16", {8192}}});
  for (int block = 0; block < kBlocks; ++block) {
    const std::string at = fmt::format("model.layers.{}.", block);
    std::vector<std::tuple<std::string, const char*, Shape>> tensors = {
        {at + "input_layernorm.weight", "BF16", {8192}},
        {at + "post_attention_layernorm.weight", "BF16", {8192}}};
    for (const auto& [name, n, k] :
         std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>{
             {"self_attn.q_proj", 8192, 8192},
             {"self_attn.k_proj", 1024, 8192},
             {"self_attn.v_proj", 1024, 8192},
             {"self_attn.o_proj", 8192, 8192},
             {"mlp.gate_proj", 28672, 8192},
             {"mlp.up_proj", 28672, 8192},
             {"mlp.down_proj", 8192, 28672}}) {
      tensors.emplace_back(at + name + ".weight", "F8_E4M3", Shape{n, k});
      tensors.emplace_back(at + name + ".weight_scale_inv", "F32", Shape{n / 128, k / 128});
    }
    write(fmt::format("model-{:05}.safetensors", block + 1), tensors);
  }
  std::ofstream(dir.at("model.safetensors.index.json"))
      << json::serialize(json::object{{"weight_map", map}});
  CHECK(total > 100'000'000'000u);
  const std::clock_t start = std::clock();
  const std::string path = network_path(dir.at(""));
  const Imported imported = import_file("", map_file(path), ImportOptions());
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  MESSAGE("import of " << total << " bytes: " << seconds << " s of the processor");
#ifndef __SANITIZE_ADDRESS__
  CHECK(seconds < 1);
#endif
  CHECK(std::get<TransformerFile>(imported.what).overrides.size() > kBlocks * 9);
}

}  // namespace bitjoule::test::checkpoint_test
