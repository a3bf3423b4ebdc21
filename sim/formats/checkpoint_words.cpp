// Codes of a few bits in words: GPTQ, AWQ, the packed integers of compressed-tensors, MLX.
#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "core/numeric/pack.h"
#include "core/units.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {
namespace words {
namespace {

using Module = ModuleTensors;
using Rules = CheckpointRules;

constexpr std::int64_t kWord = 32;

std::int64_t extent(const Module& m, const std::string& part, std::size_t axis,
                    std::size_t rank = 2) {
  const StoredTensor& t = m.at(part);
  if (t.shape.size() != rank)
    m.refuse(fmt::format("\"{}\" has {} dimensions, expected {}", part, t.shape.size(), rank));
  return t.shape[axis];
}

std::int64_t whole_codes(const Module& m, std::int64_t words, std::int64_t bits) {
  if (bits < 1 || bits > 8) m.refuse(fmt::format("codes of {} bits: expected 1..8", bits));
  if (words * kWord % bits != 0)
    m.refuse(fmt::format("{} words hold no whole number of codes of {} bits", words, bits));
  return words * kWord / bits;
}

/// Field `index` of the bit string of a row of words.
std::uint32_t field(const StoredTensor& t, std::int64_t first_word, std::int64_t index, int bits) {
  return get_bits(t.data + 4 * first_word, index * bits, bits);
}

// --- GPTQ: words along k in each column; zero-points along the outputs of each group.

/// 32 codes whose low bits come first, then the higher ones: 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2,
/// 7 = 4 + 2 + 1.
std::uint32_t planar_code(const std::uint32_t* words, int bits, int index) {
  std::uint32_t code = 0;
  int shift = 0;
  for (const int width : {8, 4, 2, 1}) {
    if ((bits & width) == 0) continue;
    const int bit = index * width;
    code |= (words[bit / 32] >> (bit % 32) & ((1u << width) - 1)) << shift;
    words += width;
    shift += width;
  }
  return code;
}

bool is_gptq(const Module& m, const Rules& r) {
  return (r.method == "gptq" || r.method == "auto-round") && m.has("qweight", "int32");
}

StoredForm gptq_form(const Module& m, const Rules& r) {
  StoredForm form;
  form.rows = extent(m, "qweight", 1);
  form.k = whole_codes(m, extent(m, "qweight", 0), r.bits);
  const std::int64_t group = r.group_size > 0 ? r.group_size : form.k;
  const StoredTensor& scales = m.at("scales");
  form.format = integer_storage(r.bits, r.symmetric, group, form.k, scale_format(m, scales));
  form.format.symmetric = r.symmetric;
  const std::int64_t groups = ceil_div(form.k, group);
  require_shape(m, "scales", {groups, form.rows});
  require_shape(m, "qzeros", {groups, ceil_div(form.rows * r.bits, kWord)});
  require_type(m, "qzeros", "int32");
  if (r.planar && form.rows % kWord != 0) m.refuse("planes need outputs in groups of 32");
  if (m.find("g_idx") == nullptr) return form;
  require_shape(m, "g_idx", {form.k});
  require_type(m, "g_idx", "int32");
  return form;
}

/// The zero-points of one group. "v1" keeps them less one, subtracted from the whole word where
/// fields fill it: only adding to the whole word undoes the borrow.
std::vector<std::uint32_t> gptq_zeros(const StoredTensor& t, std::int64_t group, std::int64_t rows,
                                      const Rules& r) {
  const auto bits = static_cast<int>(r.bits);
  const std::int64_t words = t.shape[1];
  std::vector<std::uint32_t> row;
  for (std::int64_t w = 0; w < words; ++w) row.push_back(word32(t, group * words + w));
  const bool fills = kWord % bits == 0;
  std::uint32_t ones = 0;
  for (int bit = 0; fills && bit < kWord; bit += bits) ones |= 1u << bit;
  if (!r.plain_zeros && fills)
    for (std::uint32_t& word : row) word += ones;
  std::vector<std::uint32_t> zeros;
  for (std::int64_t n = 0; n < rows; ++n) {
    std::uint32_t zero =
        r.planar ? planar_code(&row[static_cast<std::size_t>(n / kWord * bits)], bits,
                               static_cast<int>(n % kWord))
                 : get_bits(reinterpret_cast<const std::uint8_t*>(row.data()), n * bits, bits);
    if (!r.plain_zeros && !fills) zero = (zero + 1) & ((1u << bits) - 1);
    zeros.push_back(zero);
  }
  return zeros;
}

void gptq_fill(const Module& m, const Rules& r, std::int64_t, FieldWriter& w) {
  const StoredTensor &codes = m.at("qweight"), &scales = m.at("scales");
  const auto bits = static_cast<int>(r.bits);
  const std::uint32_t middle = 1u << (bits - 1), flip = r.symmetric ? middle : 0;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(bits));
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t start = 0; start < w.k(); start += kWord) {
      for (int i = 0; i < bits; ++i)
        words[static_cast<std::size_t>(i)] =
            word32(codes, (start / kWord * bits + i) * w.rows() + n);
      for (int i = 0; i < kWord && start + i < w.k(); ++i) {
        const std::uint32_t code =
            r.planar
                ? planar_code(words.data(), bits, i)
                : get_bits(reinterpret_cast<const std::uint8_t*>(words.data()), i * bits, bits);
        w.code(n, start + i, code ^ flip);
      }
    }
  const std::int64_t groups = scales.shape[0];
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::vector<std::uint32_t> zeros = gptq_zeros(m.at("qzeros"), g, w.rows(), r);
    for (std::int64_t n = 0; n < w.rows(); ++n) {
      const std::uint32_t zero = zeros[static_cast<std::size_t>(n)];
      w.scale(n * groups + g, scale_bits(scales, g * w.rows() + n));
      if (!r.symmetric)
        w.zero_point(n * groups + g, static_cast<std::int32_t>(zero));
      else if (zero != middle)
        m.refuse(fmt::format("sym: true, but the zero-point of output {} in group {} is {}, not {}",
                             n, g, zero, middle));
    }
  }
  const StoredTensor* order = m.find("g_idx");
  if (order == nullptr || groups == 1) return;
  bool apart = false;
  for (std::int64_t k = 0; k < w.k(); ++k) {
    w.groups.push_back(static_cast<std::int32_t>(word32(*order, k)));
    apart = apart || w.groups.back() != k / w.layout().scales.group;
  }
  if (!apart) w.groups.clear();
}

// --- AWQ

bool is_awq(const Module& m, const Rules& r) { return r.method == "awq" && m.find("qweight"); }

StoredForm awq_form(const Module& m, const Rules& r) {
  StoredForm form;
  if (r.bits != 4) m.refuse(fmt::format("AWQ of {} bits: expected 4", r.bits));
  if (r.version == "marlin")
    m.refuse(
        "AWQ's version marlin stores Marlin's tiles, which are not read: expected gemm, gemv "
        "or gemv_fast");
  const std::string zeros =
      r.version == "gemv_fast" && m.find("scaled_zeros") ? "scaled_zeros" : "qzeros";
  if (r.version == "gemm") {
    form.k = extent(m, "qweight", 0);
    form.rows = extent(m, "qweight", 1) * 8;
  } else if (r.version == "gemv") {
    form.rows = extent(m, "qweight", 0);
    form.k = extent(m, "qweight", 1) * 8;
  } else {
    form.rows = extent(m, "qweight", 0) * 4;
    form.k = extent(m, "qweight", 1);
  }
  const std::int64_t group = r.group_size > 0 ? r.group_size : form.k;
  form.format = integer_storage(4, r.symmetric, group, form.k, scale_format(m, m.at("scales")));
  form.format.symmetric = r.symmetric;
  const bool fast = r.version == "gemv_fast";
  require_type(m, "qweight", fast ? "int16" : "int32");
  if (!fast && !r.symmetric) require_type(m, "qzeros", "int32");
  const std::int64_t groups = ceil_div(form.k, group);
  // What is beside the codes is padded to words of 8 groups, of 2 or 4 such words for small ones.
  const std::int64_t padding = group >= 128 ? 1 : group >= 64 ? 2 : 4;
  const std::int64_t words = ceil_div(ceil_div(groups, 8), padding) * padding;
  if (r.version == "gemm") {
    form.format.zero_point = "packed_awq";
    require_shape(m, "scales", {groups, form.rows});
    if (!r.symmetric) require_shape(m, "qzeros", {groups, form.rows / 8});
  } else if (r.version == "gemv") {
    require_shape(m, "scales", {form.rows, 8 * words});
    if (!r.symmetric) require_shape(m, "qzeros", {form.rows, words});
  } else {
    if (r.symmetric || form.k % 64 != 0)
      m.refuse("version gemv_fast: expected zero-points, and inputs in blocks of 64");
    form.format.zero_point = "offset_" + scale_format(m, m.at(zeros));
    require_shape(m, "scales", {8 * words, form.rows});
    require_shape(m, zeros, {8 * words, form.rows});
  }
  return form;
}

constexpr std::array<int, 8> kAwqNibble = {0, 4, 1, 5, 2, 6, 3, 7};  // of output 8 j + i

/// Four rows by 64 inputs are 64 words of 16 bits. Of every 32 inputs of a row, position p holds
/// input 8 (p % 4) + p / 4 + ... : 0, 8, 16, 24, 1, 9, ...
std::uint32_t fast_code(const StoredTensor& t, std::int64_t n, std::int64_t k,
                        std::int64_t inputs) {
  const std::int64_t in = k % 32, place = in % 8 * 4 + in / 8;
  const std::int64_t code = n % 4 * 64 + k % 64 / 32 * 32 + place;  // of the 256
  const std::int64_t word = n / 4 * inputs + k / 64 * 64 + code / 4;
  return word16(t, word) >> (4 * (code % 4)) & 15;
}

void awq_fill(const Module& m, const Rules& r, std::int64_t, FieldWriter& w) {
  const StoredTensor &codes = m.at("qweight"), &scales = m.at("scales");
  const bool gemm = r.version == "gemm", gemv = r.version == "gemv";
  const std::uint32_t flip = r.symmetric ? 8 : 0;
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k) {
      const std::uint32_t code = gemm   ? field(codes, k * (w.rows() / 8) + n / 8,
                                                kAwqNibble[static_cast<std::size_t>(n % 8)], 4)
                                 : gemv ? field(codes, n * (w.k() / 8), k, 4)
                                        : fast_code(codes, n, k, w.k());
      w.code(n, k, code ^ flip);
    }
  const std::int64_t groups = w.scales() / w.rows();
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t index = n * groups + g;
      w.scale(index, scale_bits(scales, gemv ? n * scales.shape[1] + g : g * w.rows() + n));
      if (r.symmetric) continue;
      if (!gemm && !gemv) {
        const StoredTensor* zeros = m.find("scaled_zeros");
        w.offset(index, scale_bits(zeros != nullptr ? *zeros : m.at("qzeros"), g * w.rows() + n));
        continue;
      }
      const StoredTensor& zeros = m.at("qzeros");
      const std::uint32_t zero = gemm ? field(zeros, g * (w.rows() / 8) + n / 8,
                                              kAwqNibble[static_cast<std::size_t>(n % 8)], 4)
                                      : field(zeros, n * zeros.shape[1], g, 4);
      w.zero_point(index, static_cast<std::int32_t>(zero));
    }
}

// --- compressed-tensors, pack-quantized: signed codes with an offset, zero-points along outputs.

bool is_packed(const Module& m, const Rules& r) {
  return r.method == "compressed-tensors" && m.has("weight_packed", "int32");
}

StoredForm packed_form(const Module& m, const Rules& r) {
  StoredForm form;
  form.rows = extent(m, "weight_packed", 0);
  form.k = whole_codes(m, extent(m, "weight_packed", 1), r.bits);
  const StoredTensor& scales = m.at("weight_scale");
  const std::int64_t groups = scales.shape.size() == 2 ? scales.shape[1] : 1;
  std::int64_t group = form.k;
  if (groups > 1) group = r.group_size > 0 ? r.group_size : ceil_div(form.k, groups);
  form.format = integer_storage(r.bits, true, group, form.k, scale_format(m, scales));
  if (scales.elements() == 1 && form.rows > 1)
    form.format.granularity = Granularity::kPerTensor;
  else if (ceil_div(form.k, group) != groups || scales.elements() != form.rows * groups)
    m.refuse(fmt::format("\"weight_scale\" holds {} scales, expected {} x {}", scales.elements(),
                         form.rows, ceil_div(form.k, group)));
  if (m.find("weight_zero_point") != nullptr) {
    form.format.symmetric = false;
    form.format.zero_point = "packed_plain";
    require_shape(m, "weight_zero_point", {ceil_div(form.rows * r.bits, kWord), groups});
    require_type(m, "weight_zero_point", "int32");
  }
  if (m.find("weight_g_idx") == nullptr) return form;
  require_shape(m, "weight_g_idx", {form.k});
  require_type(m, "weight_g_idx", "int32");
  return form;
}

void packed_fill(const Module& m, const Rules& r, std::int64_t, FieldWriter& w) {
  const StoredTensor &codes = m.at("weight_packed"), &scales = m.at("weight_scale");
  const auto bits = static_cast<int>(r.bits);
  const std::uint32_t middle = 1u << (bits - 1);
  if (const StoredTensor* shape = m.find("weight_shape")) {
    const std::vector<std::int64_t> said = to_integers(*shape);
    if (said != std::vector<std::int64_t>{w.rows(), w.k()})
      m.refuse(
          fmt::format("\"weight_shape\" is no {} x {}: words that hold whole codes alone, or "
                      "rows that do not fill their words, are not read",
                      w.rows(), w.k()));
  }
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k)
      w.code(n, k, field(codes, n * codes.shape[1], k, bits) ^ middle);
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, scale_bits(scales, i));
  if (const StoredTensor* zeros = m.find("weight_zero_point")) {
    const std::int64_t groups = zeros->shape[1];
    for (std::int64_t g = 0; g < groups; ++g) {
      std::vector<std::uint32_t> column;
      for (std::int64_t i = 0; i < zeros->shape[0]; ++i)
        column.push_back(word32(*zeros, i * groups + g));
      for (std::int64_t n = 0; n < w.rows(); ++n) {
        const std::uint32_t stored =
            get_bits(reinterpret_cast<const std::uint8_t*>(column.data()), n * bits, bits);
        w.zero_point(n * groups + g,
                     static_cast<std::int32_t>(stored) - static_cast<std::int32_t>(middle));
      }
    }
  }
  const StoredTensor* order = m.find("weight_g_idx");
  if (order == nullptr || w.layout().scales.group < 1) return;
  for (std::int64_t k = 0; k < w.k(); ++k)
    w.groups.push_back(static_cast<std::int32_t>(word32(*order, k)));
}

// --- MLX: scale and offset of each group are floats of the model's type.

std::int64_t mlx_group(const Module& m, const Rules& r) {
  const auto own = r.module_groups.find(m.module);
  return own == r.module_groups.end() ? r.group_size : own->second;
}

bool is_mlx(const Module& m, const Rules& r) {
  return r.method == "mlx" && m.has("weight", "uint32") && m.find("scales") != nullptr;
}

StoredForm mlx_form(const Module& m, const Rules& r) {
  StoredForm form;
  const StoredTensor &codes = m.at("weight"), &scales = m.at("scales");
  const std::size_t rank = codes.shape.size();
  if (rank != 2 && rank != 3) m.refuse("\"weight\": expected two dimensions, or three of experts");
  if (scales.shape.size() != rank) m.refuse("\"scales\": expected as many dimensions as weight");
  if (rank == 3) form.experts = codes.shape[0];
  form.rows = codes.shape[rank - 2];
  const std::int64_t groups = scales.shape[rank - 1], words = codes.shape[rank - 1];
  std::vector<std::int64_t> shape = codes.shape;
  shape[rank - 1] = groups;
  require_shape(m, "scales", shape);
  if (r.mode == "affine") {
    const std::int64_t group = mlx_group(m, r);
    form.k = groups * group;
    const std::int64_t bits = form.k > 0 ? words * kWord / form.k : 0;
    if (whole_codes(m, words, bits) != form.k)
      m.refuse(
          fmt::format("{} words and {} groups of {} do not go together", words, groups, group));
    require_shape(m, "biases", shape);
    form.format = integer_storage(bits, false, group, form.k + 1, scale_format(m, scales));
    form.format.symmetric = false;
    form.format.zero_point = "offset_" + scale_format(m, m.at("biases"));
    return form;
  }
  const bool eight = r.mode == "mxfp8";
  form.k = words * (eight ? 4 : 8);
  form.format.format = eight ? "mxfp8_e4m3" : r.mode;
  if (scales.type->block_bytes != 1 || groups * (r.mode == "nvfp4" ? 16 : 32) != form.k)
    m.refuse(
        fmt::format("\"scales\": expected a byte for each {} inputs", r.mode == "nvfp4" ? 16 : 32));
  return form;
}

void mlx_fill(const Module& m, const Rules& r, std::int64_t expert, FieldWriter& w) {
  const StoredTensor &codes = m.at("weight"), &scales = m.at("scales");
  const std::int64_t words = codes.shape.back(), first = expert * w.rows() * words;
  const auto bits = static_cast<int>(w.layout().codes.bits);
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k) w.code(n, k, field(codes, first + n * words, k, bits));
  const std::int64_t at = expert * w.scales();
  for (std::int64_t i = 0; i < w.scales(); ++i) {
    w.scale(i, scale_bits(scales, at + i));
    if (r.mode == "affine") w.offset(i, scale_bits(m.at("biases"), at + i));
  }
  if (r.mode == "nvfp4") w.table(0, 1);
}

}  // namespace
}  // namespace words

std::vector<CheckpointScheme> word_schemes() {
  using namespace words;
  return {
      {"GPTQ", "qweight", is_gptq, gptq_form, gptq_fill, {"qzeros", "scales", "g_idx"}},
      {"AWQ", "qweight", is_awq, awq_form, awq_fill, {"qzeros", "scaled_zeros", "scales"}},
      {"compressed-tensors pack-quantized",
       "weight_packed",
       is_packed,
       packed_form,
       packed_fill,
       {"weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"}},
      {"MLX", "weight", is_mlx, mlx_form, mlx_fill, {"scales", "biases"}},
  };
}

}  // namespace bitjoule
