// Sizes of every format, and what the dequantizer does with it.
#include "core/numeric/storage.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "core/energy/dequant_cost.h"
#include "core/error.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::storage_test {
namespace {

TensorFormat named(const std::string& name) {
  TensorFormat f;
  f.format = name;
  f.granularity = Granularity::kPerChannel;
  return f;
}

double bits(const std::string& name, std::int64_t rows = 4096, std::int64_t k = 4096) {
  return effective_bits_per_weight(storage_layout(named(name)), rows, k);
}

// `primitive type` -> operations per element, times 256.
std::map<std::string, std::int64_t> operations(const TensorFormat& f) {
  const char* names[] = {"add", "multiply", "convert", "lookup"};
  std::map<std::string, std::int64_t> result;
  for (const DequantOperation& op : dequant_cost(f)) {
    REQUIRE(static_cast<int>(op.primitive) < 4);
    result[names[static_cast<int>(op.primitive)] + (" " + op.type)] += op.count * 256 / op.elements;
  }
  return result;
}

}  // namespace

TEST_CASE("effective bits per weight of the published formats") {
  CHECK(bits("fp32") == 32);
  CHECK(bits("tf32") == 32);
  CHECK(bits("fp16") == 16);
  CHECK(bits("bf16") == 16);
  CHECK(bits("fp8_e4m3") == 8);
  CHECK(bits("fp6_e3m2") == 6);
  CHECK(bits("fp4_e2m1") == 4);
  CHECK(bits("int8") == 8 + 32.0 / 4096);
  CHECK(bits("q8_0") == 8.5);
  CHECK(bits("mxfp8_e4m3") == 8.25);
  CHECK(bits("mxfp8_e5m2") == 8.25);
  CHECK(bits("mxint8") == 8.25);
  CHECK(bits("q6_k") == 6.5625);
  CHECK(bits("mxfp6_e3m2") == 6.25);
  CHECK(bits("mxfp6_e2m3") == 6.25);
  CHECK(bits("q5_k") == 5.5);
  CHECK(bits("q5_0") == 5.5);
  CHECK(bits("q5_1") == 6.0);
  CHECK(bits("q4_1") == 5.0);
  CHECK(bits("q4_0") == 4.5);
  CHECK(bits("q4_k") == 4.5);
  CHECK(bits("nf4") == 4.5);
  CHECK(bits("mxfp4") == 4.25);
  CHECK(bits("q3_k") == 3.4375);
  CHECK(bits("q2_k") == 2.625);
  CHECK(bits("q1_0") == 1.125);
  CHECK(bits("q2_0") == 2.25);
  CHECK(bits("tq1_0") == 1.6875);
  CHECK(bits("tq2_0") == 2.0625);
  CHECK(bits("iq4_nl") == 4.5);
  CHECK(bits("iq4_xs") == 4.25);
  CHECK(bits("iq1_s") == 1.5625);
  CHECK(bits("iq1_m") == 1.75);
  CHECK(bits("iq2_xxs") == 2.0625);
  CHECK(bits("iq2_xs") == 2.3125);
  CHECK(bits("iq2_s") == 2.5625);
  CHECK(bits("iq3_xxs") == 3.0625);
  CHECK(bits("iq3_s") == 3.4375);
  CHECK(bits("nvfp4") == 4.5 + 32.0 / (4096.0 * 4096.0));
  // 4 bits, a factor and an offset of 8 per 128, and fp16 per row.
  CHECK(bits("qoq4") == 4 + 16.0 / 128 + 16.0 / 4096);
  // 4 bits, 8 per 64, 32 per 64 * 256; and one mean.
  CHECK(bits("nf4_dq") == 4 + 8.0 / 64 + 32.0 / (64 * 256) + 32.0 / (4096.0 * 4096.0));
  CHECK(bits("ternary") == 2 + 32.0 / 4096);
  CHECK(bits("binary") == 1 + 32.0 / 4096);
}

TEST_CASE("block formats: fields add up to the block") {
  for (const Format& f : formats()) {
    CAPTURE(f.name);
    if (!f.is_interleaved()) continue;
    // Where elements share bits, one takes less than its code.
    const std::int64_t codes = 8 * f.block_bytes - f.scale_bits - f.min_bits;
    CHECK(f.bits == (codes + f.block_elements - 1) / f.block_elements);
    CHECK((codes % f.block_elements == 0 || f.lookup_elements > 1));
    const RegionBytes r = region_bytes(storage_layout(named(f.name)), 3, 2 * f.block_elements);
    CHECK(r.total() == 3 * 2 * f.block_bytes);
    CHECK(r.codes == 3 * 2 * codes / 8);
    CHECK(region_alignment(storage_layout(named(f.name))) == f.block_elements);
    CHECK_THROWS_AS(region_bytes(storage_layout(named(f.name)), 1, f.block_elements + 1), Error);
  }
}

TEST_CASE("regions of aligned parts add up to the tensor") {
  constexpr std::int64_t kRows = 32, kK = 1024;
  for (const Format& f : formats()) {
    CAPTURE(f.name);
    const StorageLayout layout = storage_layout(named(f.name));
    const std::int64_t alignment = region_alignment(layout);
    REQUIRE(kK % alignment == 0);
    const RegionBytes whole = region_bytes(layout, kRows, kK);
    CHECK(2 * region_bytes(layout, kRows, kK / 2).codes == whole.codes);
    CHECK(2 * region_bytes(layout, kRows / 2, kK).codes == whole.codes);
    CHECK(2 * region_bytes(layout, kRows / 2, kK).scales == whole.scales);
    if (!f.has_values) continue;
    CHECK(QuantizedTensor::quantize(named(f.name), std::vector<float>(kRows * kK).data(), kRows, kK)
              .bytes()
              .size() == static_cast<std::size_t>(tensor_bytes(layout, kRows, kK).total()));
  }
}

TEST_CASE("native integer path: which formats, operand widths, groups") {
  const struct {
    const char* name;
    int operand_bits, min_code, max_code;
    bool has_min;
    std::int64_t group;
  } rows[] = {{"int8", 8, -128, 127, false, 0},
              {"uint4", 4, 0, 15, false, 0},
              {"q4_0", 4, -8, 7, false, 32},
              {"q4_1", 4, 0, 15, true, 32},
              {"q5_0", 5, -16, 15, false, 32},
              {"q8_0", 8, -128, 127, false, 32},
              {"q2_k", 2, 0, 3, true, 16},
              {"q3_k", 3, -4, 3, false, 16},
              {"q4_k", 4, 0, 15, true, 32},
              {"q6_k", 6, -32, 31, false, 16},
              {"qoq4", 8, -128, 127, false, 0},
              {"mxint8", 8, -128, 127, false, 32},
              {"ternary", 2, -1, 1, false, 0},
              {"binary", 2, -1, 1, false, 0},
              {"int16", 16, -32768, 32767, false, 0},
              {"iq4_nl", 8, -127, 113, false, 32},
              {"iq4_xs", 8, -127, 113, false, 32},
              {"tq1_0", 2, -1, 1, false, 256},
              {"tq2_0", 2, -1, 2, false, 256},
              {"q1_0", 2, -1, 1, false, 128},
              {"q2_0", 2, -1, 2, false, 64},
              {"iq2_xs", 7, -43, 43, false, 16},
              {"iq3_s", 5, -15, 15, false, 32},
              {"iq1_s", 5, -9, 9, false, 32}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const NativeInteger native = native_integer(named(row.name));
    CHECK(native.available);
    CHECK(native.operand_bits == row.operand_bits);
    CHECK(native.min_code == row.min_code);
    CHECK(native.max_code == row.max_code);
    CHECK(native.has_min == row.has_min);
    CHECK(native_group(named(row.name)) == row.group);
  }
  for (const char* name :
       {"fp32", "fp16", "fp8_e4m3", "nf4", "mxfp4", "nvfp4", "mxfp8_e4m3", "uint16"}) {
    CHECK_FALSE(native_integer(named(name)).available);
  }
  TensorFormat awq = named("uint4");
  awq.granularity = Granularity::kPerGroup;
  awq.symmetric = false;
  CHECK(native_integer(awq).has_zero_point);
  CHECK(native_group(awq) == 128);
}

TEST_CASE("dequantizer: operations per 256 elements") {
  using Ops = std::map<std::string, std::int64_t>;
  CHECK(operations(named("fp32")).empty());
  CHECK(operations(named("fp16")) == Ops{{"convert fp32", 256}});
  CHECK(operations(named("int8")) == Ops{{"convert fp32", 256}, {"multiply fp32", 256}});
  TensorFormat awq = named("uint4");
  awq.granularity = Granularity::kPerGroup;
  awq.symmetric = false;
  awq.scale = "fp16";
  CHECK(operations(awq) ==
        Ops{{"add int8", 256}, {"convert fp32", 256 + 2}, {"multiply fp32", 256}});
  CHECK(operations(named("nf4")) == Ops{{"lookup lut16", 256}, {"multiply fp32", 256}});
  CHECK(operations(named("nf4_dq")) == Ops{{"lookup lut16", 256},
                                           {"lookup lut256", 4},
                                           {"multiply fp32", 256 + 4},
                                           {"add fp32", 4}});
  CHECK(operations(named("mxfp4")) == Ops{{"convert fp32", 256}, {"add int8", 256}});
  CHECK(operations(named("q4_0")) == Ops{{"convert fp32", 256 + 8}, {"multiply fp32", 256}});
  CHECK(operations(named("q4_1")) ==
        Ops{{"convert fp32", 256 + 16}, {"multiply fp32", 256}, {"add fp32", 256}});
  // d and dmin once, 8 sub-scales and 8 sub-minima.
  CHECK(operations(named("q4_k")) ==
        Ops{{"convert fp32", 256 + 2 + 16}, {"multiply fp32", 256 + 16}, {"add fp32", 256}});
  CHECK(operations(named("q6_k")) ==
        Ops{{"convert fp32", 256 + 1 + 16}, {"multiply fp32", 256 + 16}});
  // A table of floats; of sub-scales a conversion and a multiplication for each of 8 groups.
  CHECK(operations(named("iq4_nl")) ==
        Ops{{"lookup lut16", 256}, {"convert fp32", 8}, {"multiply fp32", 256}});
  CHECK(operations(named("iq4_xs")) ==
        Ops{{"lookup lut16", 256}, {"convert fp32", 1 + 8}, {"multiply fp32", 256 + 8}});
  CHECK(operations(named("tq1_0")) ==
        Ops{{"lookup lut256", 256 / 5}, {"convert fp32", 256 + 1}, {"multiply fp32", 256}});
  CHECK(operations(named("iq2_xs")) ==
        Ops{{"lookup lut512", 32}, {"convert fp32", 256 + 1 + 16}, {"multiply fp32", 256 + 16}});
  // E4M3 to fp32, times the tensor's scale, for each of 16 groups.
  CHECK(operations(named("nvfp4")) == Ops{{"convert fp32", 256 + 16}, {"multiply fp32", 256 + 16}});
  // Both levels, integers first.
  const Ops to_int8 = {{"multiply int4xint8", 256}, {"add int8", 256}};
  Ops to_fp32 = to_int8;
  to_fp32["convert fp32"] = to_fp32["multiply fp32"] = 256;
  CHECK(operations(named("qoq4")) == to_fp32);
  CHECK(lookup_cost(named("qoq4")).size() == to_int8.size());
  // Before an integer MAC the table's integers alone.
  REQUIRE(lookup_cost(named("iq4_nl")).size() == 1);
  CHECK(lookup_cost(named("iq4_nl"))[0].type == "lut16");
  CHECK(lookup_cost(named("q4_0")).empty());
  for (const Format& f : formats()) CHECK_NOTHROW(dequant_cost(named(f.name)));
}

}  // namespace bitjoule::storage_test
