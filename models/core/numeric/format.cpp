#include "core/numeric/format.h"

#include <algorithm>

#include "core/names.h"

namespace bitjoule {
namespace {

Format float_row(const char* name, const char* summary, FloatSpec fp, int stored_bits = 0) {
  Format f;
  f.name = name;
  f.summary = summary;
  f.cls = FormatClass::kFloat;
  f.fp = fp;
  f.bits = stored_bits != 0 ? stored_bits : fp.bits();
  return f;
}

Format integer_row(int bits, bool is_signed) {
  Format f;
  f.name = (is_signed ? "int" : "uint") + std::to_string(bits);
  f.summary =
      std::to_string(bits) + (is_signed ? "-bit two's complement, affine (ONNX, TFLite, GPTQ, AWQ)"
                                        : "-bit unsigned, affine (ONNX, TFLite, GPTQ, AWQ)");
  f.cls = FormatClass::kInteger;
  f.bits = bits;
  f.is_signed = is_signed;
  f.min_code = is_signed ? -(1 << (bits - 1)) : 0;
  f.max_code = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  return f;
}

// ternary and binary: integers whose scale is the mean magnitude.
Format sign_row(const char* name, const char* summary, int bits) {
  Format f;
  f.name = name;
  f.summary = summary;
  f.cls = FormatClass::kInteger;
  f.bits = bits;
  f.min_code = -1;
  f.max_code = 1;
  f.mean_scale = true;
  return f;
}

Format codebook_row(const char* name, const char* summary, int bits, std::int64_t group) {
  Format f;
  f.name = name;
  f.summary = summary;
  f.cls = FormatClass::kCodebook;
  f.bits = bits;
  f.group = group;
  f.lookup = "lut16";
  return f;
}

Format double_quantized(Format f) {
  f.double_quantized = true;
  return f;
}

Format scaled_float_row(const char* name, const char* summary, FloatSpec fp) {
  Format f = float_row(name, summary, fp);
  f.cls = FormatClass::kScaledFloat;
  return f;
}

constexpr std::int64_t kMxBlock = 32;  // OCP MX 1.0: k = 32, one E8M0 scale

Format mx_row(const char* name, const char* summary, FloatSpec fp) {
  Format f = float_row(name, summary, fp);
  f.cls = FormatClass::kBlock;
  f.group = kMxBlock;
  return f;
}

Format nvfp4_row() {
  Format f = mx_row("nvfp4", "NVIDIA: E2M1 elements, E4M3 scale per 16, an fp32 scale per tensor",
                    kFp4E2m1);
  f.group = 16;
  f.two_level = true;
  return f;
}

// Codes become int8 by integers of their group, which have one scale for each row.
Format qoq4_row() {
  Format f = integer_row(8, true);
  f.name = "qoq4";
  f.summary = "QServe (QoQ): int8 = s * q + z by integers per 128, fp16 scale per row; weights";
  f.cls = FormatClass::kBlock;
  f.bits = 4;
  f.operand_bits = 8;
  f.group = 128;
  f.progressive = true;
  return f;
}

Format mxint8_row() {
  Format f = integer_row(8, true);
  f.name = "mxint8";
  f.summary = "OCP MX: 8-bit integers times 2^-6, E8M0 scale per 32";
  f.cls = FormatClass::kBlock;
  f.group = kMxBlock;
  return f;
}

// A GGML block: `group` elements per (sub-)scale, sizes as ggml-common.h has them.
struct GgmlRow {
  const char* name;
  const char* summary;
  int bits, min_code, max_code;
  std::int64_t group, block_elements, block_bytes;
  int scale_bits, min_bits;
  const char* lookup = "";
  std::int64_t lookup_elements = 1;
  int operand_bits = 0;
  bool has_values = true;
};
constexpr GgmlRow kGgmlRows[] = {
    {"q4_0", "GGML: d * (q - 8), fp16 d per 32", 4, -8, 7, 32, 32, 18, 16, 0},
    {"q4_1", "GGML: d * q + m, fp16 d and m per 32", 4, 0, 15, 32, 32, 20, 16, 16},
    {"q5_0", "GGML: d * (q - 16), fp16 d per 32", 5, -16, 15, 32, 32, 22, 16, 0},
    {"q5_1", "GGML: d * q + m, fp16 d and m per 32", 5, 0, 31, 32, 32, 24, 16, 16},
    {"q8_0", "GGML: d * q, fp16 d per 32", 8, -128, 127, 32, 32, 34, 16, 0},
    {"q2_k", "GGML: 4-bit scales and minima per 16, fp16 d and dmin per 256", 2, 0, 3, 16, 256, 84,
     80, 80},
    {"q3_k", "GGML: 6-bit scales per 16, fp16 d per 256", 3, -4, 3, 16, 256, 110, 112, 0},
    {"q4_k", "GGML: 6-bit scales and minima per 32, fp16 d and dmin per 256", 4, 0, 15, 32, 256,
     144, 64, 64},
    {"q5_k", "GGML: 6-bit scales and minima per 32, fp16 d and dmin per 256", 5, 0, 31, 32, 256,
     176, 64, 64},
    {"q6_k", "GGML: 8-bit scales per 16, fp16 d per 256", 6, -32, 31, 16, 256, 210, 144, 0},
    {"q1_0", "GGML: d or -d, fp16 d per 128", 1, -1, 1, 128, 128, 18, 16, 0},
    {"q2_0", "GGML: d * (q - 1), fp16 d per 64", 2, -1, 2, 64, 64, 18, 16, 0},
    {"tq1_0", "GGML: ternary, five to a byte, fp16 d per 256", 2, -1, 1, 256, 256, 54, 16, 0,
     "lut256", 5},
    {"tq2_0", "GGML: d * (q - 1), fp16 d per 256", 2, -1, 2, 256, 256, 66, 16, 0},
    {"iq4_nl", "GGML: d * table[q] of 16 integers, fp16 d per 32", 4, -127, 113, 32, 32, 18, 16, 0,
     "lut16", 1, 8},
    {"iq4_xs", "GGML: the same, 6-bit scales per 32, fp16 d per 256", 4, -127, 113, 32, 256, 136,
     64, 0, "lut16", 1, 8},
    // Eight elements (iq3: four) by an index and signs; those of iq1 are 8 * trit +- 1.
    {"iq1_s", "GGML: 2048 x 8 trits and a shift, 3-bit scales per 32; no values", 2, -9, 9, 32, 256,
     50, 40, 0, "lut2048", 8, 5, false},
    {"iq1_m", "GGML: 2048 x 8 trits and a shift, 3-bit scales per 16; no values", 2, -9, 9, 16, 256,
     56, 64, 0, "lut2048", 8, 5, false},
    {"iq2_xxs", "GGML: 256 x 8 integers, 4-bit scales per 32; no values", 2, -43, 43, 32, 256, 66,
     48, 0, "lut256", 8, 7, false},
    {"iq2_xs", "GGML: 512 x 8 integers, 4-bit scales per 16; no values", 2, -43, 43, 16, 256, 74,
     80, 0, "lut512", 8, 7, false},
    {"iq2_s", "GGML: 1024 x 8 integers, 4-bit scales per 16; no values", 3, -43, 43, 16, 256, 82,
     80, 0, "lut1024", 8, 7, false},
    {"iq3_xxs", "GGML: 256 x 4 integers, 4-bit scales per 32; no values", 3, -62, 62, 32, 256, 98,
     48, 0, "lut256", 4, 7, false},
    {"iq3_s", "GGML: 512 x 4 integers, 4-bit scales per 32; no values", 4, -15, 15, 32, 256, 110,
     48, 0, "lut512", 4, 5, false},
};

Format ggml_row(const GgmlRow& row) {
  Format f;
  f.name = row.name;
  f.summary = row.summary;
  f.cls = FormatClass::kBlock;
  f.bits = row.bits;
  f.is_signed = row.min_code < 0;
  f.min_code = row.min_code;
  f.max_code = row.max_code;
  f.group = row.group;
  f.block_elements = row.block_elements;
  f.block_bytes = row.block_bytes;
  f.scale_bits = row.scale_bits;
  f.min_bits = row.min_bits;
  f.lookup = row.lookup;
  f.lookup_elements = row.lookup_elements;
  f.operand_bits = row.operand_bits;
  f.has_values = row.has_values;
  return f;
}

std::vector<Format> make_formats() {
  std::vector<Format> rows = {
      float_row("fp32", "IEEE 754 binary32", kFp32),
      float_row("tf32", "NVIDIA TF32: 1+8+10 bits, stored in 32", kTf32, 32),
      float_row("bf16", "bfloat16: 1+8+7 bits", kBf16),
      float_row("fp16", "IEEE 754 binary16: 1+5+10 bits", kFp16),
      float_row("fp8_e4m3", "OCP OFP8 E4M3 (no infinity), saturating", kFp8E4m3),
      float_row("fp8_e5m2", "OCP OFP8 E5M2, saturating", kFp8E5m2),
      float_row("fp6_e3m2", "OCP MX element E3M2, saturating, no specials", kFp6E3m2),
      float_row("fp6_e2m3", "OCP MX element E2M3, saturating, no specials", kFp6E2m3),
      float_row("fp4_e2m1", "OCP MX element E2M1, saturating, no specials", kFp4E2m1),
  };
  for (bool is_signed : {true, false}) {
    for (int bits : {2, 3, 4, 5, 6, 7, 8, 16}) rows.push_back(integer_row(bits, is_signed));
  }
  rows.insert(
      rows.end(),
      {
          sign_row("ternary", "-1, 0, 1 in 2 bits, scale = mean |x| (BitNet b1.58)", 2),
          sign_row("binary", "-1, 1 in 1 bit, scale = mean |x| (XNOR-Net)", 1),
          codebook_row("nf4", "bitsandbytes NormalFloat4: absmax * table[q], block 64", 4, 64),
          double_quantized(
              codebook_row("nf4_dq", "nf4 with 8-bit absmax, fp32 per 256 of them (QLoRA)", 4, 64)),
          codebook_row("fp4_bnb", "bitsandbytes fp4: absmax * table[q], block 64", 4, 64),
          double_quantized(codebook_row("fp4_bnb_dq", "fp4_bnb with 8-bit absmax", 4, 64)),
          scaled_float_row("fp8_e4m3_scaled", "scale * E4M3 element (FP8 checkpoints)", kFp8E4m3),
          scaled_float_row("fp8_e5m2_scaled", "scale * E5M2 element", kFp8E5m2),
          scaled_float_row("fp4_e2m1_scaled", "scale * E2M1 element", kFp4E2m1),
          mx_row("mxfp8_e4m3", "OCP MX: E4M3 elements, E8M0 scale per 32", kFp8E4m3),
          mx_row("mxfp8_e5m2", "OCP MX: E5M2 elements, E8M0 scale per 32", kFp8E5m2),
          mx_row("mxfp6_e3m2", "OCP MX: E3M2 elements, E8M0 scale per 32", kFp6E3m2),
          mx_row("mxfp6_e2m3", "OCP MX: E2M3 elements, E8M0 scale per 32", kFp6E2m3),
          mx_row("mxfp4", "OCP MX: E2M1 elements, E8M0 scale per 32", kFp4E2m1),
          mxint8_row(),
          nvfp4_row(),
          qoq4_row(),
      });
  for (const GgmlRow& row : kGgmlRows) rows.push_back(ggml_row(row));
  return rows;
}

}  // namespace

const std::vector<Format>& formats() {
  static const std::vector<Format> rows = make_formats();
  return rows;
}

const Format& find_format(const std::string& name) {
  for (const Format& f : formats())
    if (f.name == name) return f;
  std::vector<std::string> valid;
  for (const Format& f : formats()) valid.push_back(f.name);
  throw unknown_name_error("format", name, std::move(valid));
}

Error unknown_name_error(const std::string& what, const std::string& name,
                         std::vector<std::string> valid) {
  std::stable_sort(valid.begin(), valid.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  std::string list;
  for (const std::string& v : valid) list += (list.empty() ? "" : ", ") + v;
  return input_error("unknown " + what + " \"" + name + "\"; valid, nearest first: " + list);
}

}  // namespace bitjoule
