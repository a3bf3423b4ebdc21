// Weights of a byte, or two to a byte: FP8, int8, NVFP4 and MX.
#include <fmt/format.h>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "core/units.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {
namespace bytes_of_codes {
namespace {

using Module = ModuleTensors;
using Rules = CheckpointRules;

bool is_byte(const Module& m, const std::string& part) {
  const StoredTensor* t = m.find(part);
  return t != nullptr && t->type->block_bytes == 1;
}

/// rows x k of a matrix of bytes.
StoredForm matrix(const Module& m, const std::string& part, std::int64_t codes_in_byte) {
  const StoredTensor& t = m.at(part);
  if (t.shape.size() != 2 || t.elements() == 0)
    m.refuse(fmt::format("\"{}\" has the shape {}, expected a matrix", part, shape_text(t.shape)));
  StoredForm form;
  form.rows = t.shape[0];
  form.k = t.shape[1] * codes_in_byte;
  return form;
}

/// Which elements share one of `count` scales.
void set_granularity(const Module& m, const Rules& r, const StoredTensor& scales,
                     StoredForm& form) {
  TensorFormat& f = form.format;
  f.scale = scale_format(m, scales);
  const std::int64_t count = scales.elements(), size = r.group_size > 0 ? r.group_size : 128;
  const std::vector<std::int64_t> blocks = {ceil_div(form.rows, size), ceil_div(form.k, size)};
  if (count == 1) {
    f.granularity = Granularity::kPerTensor;
  } else if (count == form.rows && (scales.shape.size() == 1 || scales.shape.back() == 1)) {
    f.granularity = Granularity::kPerChannel;
  } else if (scales.shape == blocks) {
    f.granularity = Granularity::kPerBlock;
    f.group_size = size;
  } else if (scales.shape == std::vector<std::int64_t>{form.rows, blocks[1]}) {
    f.granularity = Granularity::kPerGroup;
    f.group_size = size;
  } else {
    m.refuse(
        fmt::format("\"{}\" has the shape {}: expected one scale, one for each of {} outputs, "
                    "or {} x {} for blocks of {}",
                    scales.name, shape_text(scales.shape), form.rows, blocks[0], blocks[1], size));
  }
}

const char* const kFp8Scales[] = {"weight_scale_inv", "weight_scale", "scale", "qscale_weight"};

const StoredTensor* fp8_scale(const Module& m) {
  for (const char* part : kFp8Scales)
    if (const StoredTensor* scale = m.find(part)) return scale;
  return nullptr;
}

bool is_fp8(const Module& m, const Rules&) {
  const StoredTensor* scale = fp8_scale(m);
  return m.has("weight", "fp8_e4m3") && scale != nullptr && scale->type->block_bytes > 1;
}

StoredForm fp8_form(const Module& m, const Rules& r) {
  StoredForm form = matrix(m, "weight", 1);
  form.format.format = "fp8_e4m3_scaled";
  set_granularity(m, r, *fp8_scale(m), form);
  return form;
}

/// Codes as bytes; scales in the order that they lie in.
void copy(const StoredTensor& codes, const StoredTensor& scales, FieldWriter& w) {
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k) w.code(n, k, codes.data[n * w.k() + k]);
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, scale_bits(scales, i));
}

void fp8_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  copy(m.at("weight"), *fp8_scale(m), w);
}

bool is_int8(const Module& m, const Rules&) {
  return m.has("weight", "int8") && m.find("weight_scale") != nullptr;
}

StoredForm int8_form(const Module& m, const Rules& r) {
  StoredForm form = matrix(m, "weight", 1);
  form.format.format = "int8";
  set_granularity(m, r, m.at("weight_scale"), form);
  if (const StoredTensor* zeros = m.find("weight_zero_point")) {
    form.format.symmetric = false;
    form.format.zero_point = "int8";
    if (!m.has("weight_zero_point", "int8") || zeros->elements() != m.at("weight_scale").elements())
      m.refuse("\"weight_zero_point\": expected int8, one for each scale");
  }
  return form;
}

void int8_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  copy(m.at("weight"), m.at("weight_scale"), w);
  if (const StoredTensor* zeros = m.find("weight_zero_point"))
    for (std::int64_t i = 0; i < w.scales(); ++i)
      w.zero_point(i, static_cast<std::int8_t>(zeros->data[i]));
}

// --- two codes a byte, the first in the low bits

void copy_nibbles(const std::uint8_t* bytes, FieldWriter& w) {
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k)
      w.code(n, k, bytes[(n * w.k() + k) / 2] >> (k % 2 * 4) & 15);
}

std::string packed_part(const Module& m) {
  return m.find("weight_packed") != nullptr ? "weight_packed" : "weight";
}

void require_groups(const Module& m, const StoredForm& form, std::int64_t group) {
  require_shape(m, "weight_scale", {form.rows, ceil_div(form.k, group)});
}

/// TensorRT Model Optimizer's scale of the tensor multiplies, that of compressed-tensors divides.
bool is_nvfp4(const Module& m, const Rules&) {
  return m.has(packed_part(m), "uint8") && is_byte(m, "weight_scale") &&
         (m.find("weight_scale_2") != nullptr || m.find("weight_global_scale") != nullptr);
}

StoredForm nvfp4_form(const Module& m, const Rules&) {
  StoredForm form = matrix(m, packed_part(m), 2);
  form.format.format = "nvfp4";
  if (m.find("weight_global_scale") != nullptr) form.format.scale = "fp32_inverse";
  require_groups(m, form, 16);
  return form;
}

void nvfp4_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  copy_nibbles(m.at(packed_part(m)).data, w);
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, m.at("weight_scale").data[i]);
  const StoredTensor* global = m.find("weight_global_scale");
  const StoredTensor& scale = global != nullptr ? *global : m.at("weight_scale_2");
  if (scale.elements() != 1) m.refuse(fmt::format("\"{}\": expected one number", scale.name));
  w.table(0, float_at(scale, 0));
}

bool is_mxfp4(const Module& m, const Rules&) {
  return m.has(packed_part(m), "uint8") && is_byte(m, "weight_scale");
}

StoredForm mxfp4_form(const Module& m, const Rules&) {
  StoredForm form = matrix(m, packed_part(m), 2);
  form.format.format = "mxfp4";
  require_groups(m, form, 32);
  return form;
}

void mxfp4_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  copy_nibbles(m.at(packed_part(m)).data, w);
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, m.at("weight_scale").data[i]);
}

bool is_mxfp8(const Module& m, const Rules&) {
  return m.has("weight", "fp8_e4m3") && is_byte(m, "weight_scale");
}

StoredForm mxfp8_form(const Module& m, const Rules&) {
  StoredForm form = matrix(m, "weight", 1);
  form.format.format = "mxfp8_e4m3";
  require_groups(m, form, 32);
  return form;
}

void mxfp8_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  copy(m.at("weight"), m.at("weight_scale"), w);
}

// --- gpt-oss: experts x outputs x blocks x 16 bytes; gate and up are even and odd rows

bool is_gpt_oss(const Module& m, const Rules&) { return m.has("blocks", "uint8"); }

StoredForm gpt_oss_form(const Module& m, const Rules&) {
  const StoredTensor& blocks = m.at("blocks");
  if (blocks.shape.size() != 4 || blocks.shape[3] != 16)
    m.refuse(fmt::format("\"blocks\" has the shape {}, expected experts x outputs x blocks x 16",
                         shape_text(blocks.shape)));
  StoredForm form;
  form.experts = blocks.shape[0];
  form.rows = blocks.shape[1];
  form.k = blocks.shape[2] * 32;
  form.format.format = "mxfp4";
  require_shape(m, "scales", {form.experts, form.rows, blocks.shape[2]});
  require_type(m, "scales", "uint8");
  return form;
}

void gpt_oss_fill(const Module& m, const Rules&, std::int64_t expert, FieldWriter& w) {
  copy_nibbles(m.at("blocks").data + expert * w.rows() * w.k() / 2, w);
  const StoredTensor& scales = m.at("scales");
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, scales.data[expert * w.scales() + i]);
}

}  // namespace
}  // namespace bytes_of_codes

std::vector<CheckpointScheme> byte_schemes() {
  using namespace bytes_of_codes;
  const std::vector<const char*> fp4 = {"weight_scale", "weight_scale_2", "weight_global_scale",
                                        "input_scale", "input_global_scale"};
  const std::vector<const char*> eight = {
      "weight_scale_inv", "weight_scale",     "scale",
      "qscale_weight",    "qscale_act",       "input_scale",
      "input_scale_ub",   "input_zero_point", "weight_zero_point"};
  return {
      {"NVFP4", "weight", is_nvfp4, nvfp4_form, nvfp4_fill, fp4},
      {"NVFP4", "weight_packed", is_nvfp4, nvfp4_form, nvfp4_fill, fp4},
      {"MXFP4", "weight", is_mxfp4, mxfp4_form, mxfp4_fill, fp4},
      {"MXFP4", "weight_packed", is_mxfp4, mxfp4_form, mxfp4_fill, fp4},
      {"MXFP4 experts", "blocks", is_gpt_oss, gpt_oss_form, gpt_oss_fill, {"scales"}},
      {"FP8", "weight", is_fp8, fp8_form, fp8_fill, eight},
      {"MXFP8", "weight", is_mxfp8, mxfp8_form, mxfp8_fill, eight},
      {"int8", "weight", is_int8, int8_form, int8_fill, eight},
  };
}

}  // namespace bitjoule
