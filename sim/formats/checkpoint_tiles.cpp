// Codes in the order in which a kernel takes them: QServe's W4A8, as its w4a8_linear.py and the
// packing of its checkpoints have it.
#include <fmt/format.h>

#include "core/error.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {
namespace tiles {
namespace {

using Module = ModuleTensors;
using Rules = CheckpointRules;

constexpr std::int64_t kTile = 32, kTileBytes = kTile * kTile / 2;

bool is_qserve(const Module& m, const Rules&) {
  return m.has("qweight", "int8") && m.find("s1_scales") != nullptr;
}

StoredForm qserve_form(const Module& m, const Rules&) {
  const StoredTensor& codes = m.at("qweight");
  if (codes.shape.size() != 2) m.refuse("\"qweight\": expected two dimensions");
  StoredForm form;
  form.rows = codes.shape[0];
  form.k = codes.shape[1] * 2;
  if (form.rows % kTile != 0 || form.k % kTile != 0)
    m.refuse(fmt::format("{} x {}: expected whole tiles of 32 x 32", form.rows, form.k));
  require_type(m, "s1_scales", "fp16");
  require_shape(m, "s1_scales", {form.rows});
  if (m.find("s2_scales") == nullptr) {  // a scale and a zero-point for each output
    require_type(m, "s1_szeros", "fp16");
    require_shape(m, "s1_szeros", {form.rows});
    form.format = integer_storage(4, false, form.k, form.k, "fp16");
    form.format.symmetric = false;
    form.format.zero_point = "offset_fp16";
    return form;
  }
  const StoredTensor& scales = m.at("s2_scales");
  const std::int64_t groups = scales.shape.size() == 2 ? scales.shape[0] : 0;
  if (groups < 1 || form.k % groups != 0)
    m.refuse(
        fmt::format("\"s2_scales\" has {} groups, which {} inputs do not fill", groups, form.k));
  for (const char* part : {"s2_scales", "s2_zeros"}) {
    require_type(m, part, "int8");
    require_shape(m, part, {groups, form.rows});
  }
  form.format.format = "qoq4";
  form.format.granularity = Granularity::kPerGroup;
  form.format.group_size = form.k / groups;
  return form;
}

/// Tiles of 32 outputs by 32 inputs; outputs o and o + 16 share a byte.
std::uint32_t code_at(const StoredTensor& t, std::int64_t n, std::int64_t k, std::int64_t inputs) {
  const std::int64_t o = n % kTile, i = k % kTile;
  const std::int64_t tile = n / kTile * (inputs / kTile) + k / kTile;
  const std::int64_t byte = (((o % 8 * 4 + i % 16 / 4) * 2 + i / 16) * 2 + o % 16 / 8) * 4 + i % 4;
  return t.data[tile * kTileBytes + byte] >> (o / 16 * 4) & 15;
}

/// Of every 32 outputs place p holds number 8 (p % 4) + p / 4.
std::int64_t place_of(std::int64_t n) { return n / kTile * kTile + n % 8 * 4 + n % kTile / 8; }

void qserve_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  const StoredTensor &codes = m.at("qweight"), &rows = m.at("s1_scales");
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k) w.code(n, k, code_at(codes, n, k, w.k()));
  const StoredTensor* scales = m.find("s2_scales");
  if (scales == nullptr) {
    constexpr std::uint32_t kMinus = 0x8000;
    for (std::int64_t n = 0; n < w.rows(); ++n) {
      w.scale(n, scale_bits(rows, n));
      w.offset(n, scale_bits(m.at("s1_szeros"), n) ^ kMinus);
    }
    return;
  }
  const StoredTensor& zeros = m.at("s2_zeros");
  const std::int64_t groups = scales->shape[0];
  for (std::int64_t n = 0; n < w.rows(); ++n) {
    w.row_scale(n, scale_bits(rows, n));
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t at = g * w.rows() + place_of(n);
      w.scale(n * groups + g, scales->data[at] | std::uint32_t{zeros.data[at]} << 8);
    }
  }
}

}  // namespace
}  // namespace tiles

std::vector<CheckpointScheme> tile_schemes() {
  using namespace tiles;
  return {{"QServe W4A8",
           "qweight",
           is_qserve,
           qserve_form,
           qserve_fill,
           {"s1_scales", "s1_szeros", "s2_scales", "s2_zeros"}}};
}

}  // namespace bitjoule
