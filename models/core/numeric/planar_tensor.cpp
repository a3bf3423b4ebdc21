// QuantizedTensor's planar fields: codes, scales, zero-points, tables, one array each.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/elements.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/nf4.h"
#include "core/numeric/pack.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/scale_storage.h"
#include "core/units.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kChunk = 512;  // elements worked on at once; a multiple of 8, fits the L1

// Calls body(offset, count, k) for the parts of elements first..first + n - 1 that lie in one
// group.
template <class Body>
void for_each_group(std::int64_t group, std::int64_t first, std::int64_t n, Body body) {
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t k = first + i;
    const std::int64_t count = std::min(n - i, group - k % group);
    body(i, count, k);
    i += count;
  }
}

/// MX and nvfp4: scales follow from the largest magnitude of each group alone.
bool is_block(const StorageLayout& layout) {
  return layout.format->cls == FormatClass::kBlock && !layout.interleaved() &&
         !layout.progressive();
}

/// Whether what is stored of a group depends on all groups, block by block of them.
bool scales_follow(const StorageLayout& layout) {
  return layout.scale_format == ScaleFormat::kDynamic8;
}

/// Integers whose codes are rounded multiples of a scale.
bool is_affine(const StorageLayout& layout) {
  const Format& f = *layout.format;
  const bool is_mxint8 = is_block(layout) && !f.is_float_element();
  return is_mxint8 || (f.cls == FormatClass::kInteger && f.bits > 1 && !layout.mins.present());
}

bool is_scaled_float(const Format& f) {
  return f.cls != FormatClass::kFloat && f.is_float_element();
}

// Whole bytes, least significant first.
void put_fields(std::uint8_t* bytes, int bits, const std::vector<std::uint32_t>& fields) {
  if (bits == 8) {
    for (const std::uint32_t field : fields) *bytes++ = static_cast<std::uint8_t>(field);
    return;
  }
  for (const std::uint32_t field : fields)
    for (int bit = 0; bit < bits; bit += 8) *bytes++ = static_cast<std::uint8_t>(field >> bit);
}

}  // namespace

float QuantizedTensor::stored_scale(std::int64_t index) const {
  const int bits = static_cast<int>(layout_.scales.bits);
  const std::uint32_t stored = get_bits(&bytes_[at(scales_at_)], index * bits, bits);
  if (layout_.scale_format == ScaleFormat::kTwoLevel)
    return decode_two_level(layout_.inverse_scale, stored_tensor_scale(), stored);
  if (layout_.scale_format != ScaleFormat::kDynamic8) {
    return decode_scale(layout_.scale_format, stored);
  }
  // nf4_dq: the fp32 block scales, then the mean.
  const std::uint8_t* tables = &bytes_[at(tables_at_)];
  const std::uint8_t* mean = bytes_.data() + bytes_.size() - 4;
  const float block_scale =
      decode_float(kFp32, get_bits(tables, index / kDoubleQuantBlock * 32, 32));
  return decode_float(kFp32, get_bits(mean, 0, 32)) + block_scale * dynamic8_table()[stored];
}

void QuantizedTensor::elements(float* values) const {
  if (bytes_.empty()) return decode(values);
  const Format& f = *layout_.format;
  // Rows that adjoin are as one.
  const bool is_one = k_ * f.bits % 8 == 0;
  const std::int64_t rows = is_one ? 1 : rows_, length = is_one ? rows_ * k_ : k_;
  std::uint16_t codes[kChunk];
  for (std::int64_t row = 0; row < rows; ++row, values += length)
    for (std::int64_t k = 0; k < length; k += kChunk) {
      check_interrupt();
      const std::int64_t n = std::min(kChunk, length - k);
      unpack_codes(&bytes_[at(row * row_bytes_)], f.bits, k, n, codes);
      decode_floats(f.fp, codes, n, values + k);
    }
}

float QuantizedTensor::group_scale(std::int64_t row, std::int64_t k) const {
  if (layout_.scale_format != ScaleFormat::kTwoLevel) return scale(row, k);
  const std::int64_t bits = layout_.scales.bits, index = group_index(layout_, row, k, k_);
  return decode_float(kFp8E4m3,
                      get_bits(&bytes_[at(scales_at_)], index * bits, static_cast<int>(bits)));
}

double QuantizedTensor::tensor_factor() const {
  if (layout_.scale_format != ScaleFormat::kTwoLevel) return 1.0;
  const double stored = stored_tensor_scale();
  return layout_.inverse_scale ? 1.0 / stored : stored;
}

std::int32_t QuantizedTensor::stored_zero_point(std::int64_t index) const {
  if (!layout_.zero_points.present()) return 0;
  const int bits = static_cast<int>(layout_.zero_points.bits);
  return decode_zero_point(
      layout_, get_bits(&bytes_[at(zeros_at_)], zero_point_bit(layout_, index, rows_, k_), bits));
}

float QuantizedTensor::stored_offset(std::int64_t index) const {
  if (!layout_.mins.present()) return 0;
  const int bits = static_cast<int>(layout_.mins.bits);
  return decode_offset(layout_, get_bits(&bytes_[at(mins_at_)], index * bits, bits));
}

std::vector<GroupStatistics> QuantizedTensor::block_statistics(const float* data) const {
  const std::int64_t group = layout_.scales.group, per_row = groups_per_row(layout_.scales, k_);
  std::vector<GroupStatistics> groups(at(ceil_div(rows_, layout_.scales.rows) * per_row));
  for (std::int64_t row = 0; row < rows_; ++row) {
    check_interrupt_after(k_);
    for (std::int64_t k = 0; k < k_; k += group)
      groups[at(group_index(layout_, row, k, k_))].add(layout_, data + row * k_ + k,
                                                       std::min(group, k_ - k));
  }
  return groups;
}

std::vector<GroupStatistics> QuantizedTensor::statistics(const float* data) const {
  if (layout_.scales.rows > 1) return block_statistics(data);
  const std::int64_t group = layout_.scales.group;
  if (group == kWholeTensor || layout_.format->mean_scale) return whole_statistics(data);
  const std::int64_t length = group > 0 ? group : k_, per_row = ceil_div(k_, length);
  std::vector<GroupStatistics> groups(at(rows_ * per_row));
  std::vector<float> low(at(per_row)), high(at(per_row));
  const bool both = needs_min_max(layout_);
  for (std::int64_t row = 0; row < rows_; ++row) {
    check_interrupt_after(k_);
    const float* x = data + row * k_;
    if (both)
      min_max_of_groups(x, k_, length, low.data(), high.data());
    else
      abs_max_of_groups(x, k_, length, high.data());
    for (std::int64_t g = 0; g < per_row; ++g) {
      GroupStatistics& s = groups[at(row * per_row + g)];
      if (both)
        s.min = low[at(g)], s.max = high[at(g)];
      else
        s.abs_max = high[at(g)];
    }
  }
  return groups;
}

std::vector<GroupStatistics> QuantizedTensor::whole_statistics(const float* data) const {
  std::vector<GroupStatistics> groups;
  const std::int64_t group = layout_.scales.group, total = rows_ * k_;
  for (std::int64_t start = 0; start < total;) {
    // A group ends with its row unless it is the whole tensor.
    const std::int64_t row_end = (start / k_ + 1) * k_;
    std::int64_t end = group > 0 ? std::min(start + group, row_end) : row_end;
    if (group == kWholeTensor) end = total;
    check_interrupt_after(end - start);
    groups.emplace_back().add(layout_, data + start, end - start);
    start = end;
  }
  return groups;
}

std::vector<float> QuantizedTensor::largest_of_groups(const float* data) const {
  const std::int64_t group = std::min(row_group(), k_), per_row = ceil_div(k_, group);
  std::vector<float> largest(at(rows_ * per_row));
  // Whole groups go on over the ends of rows: of short rows the calls would take their time.
  const std::int64_t rows = k_ % group == 0 ? std::max<std::int64_t>(1, kChunk / k_) : 1;
  for (std::int64_t row = 0; row < rows_; row += rows) {
    const std::int64_t n = std::min(rows, rows_ - row) * k_;
    check_interrupt_after(n);
    abs_max_of_groups(data + row * k_, n, group, &largest[at(row * per_row)]);
  }
  return largest;
}

std::vector<GroupParameters> QuantizedTensor::store_block_scales(const float* data) {
  std::vector<float> largest = largest_of_groups(data);
  const auto count = static_cast<std::int64_t>(largest.size());
  std::vector<std::uint32_t> stored(largest.size());
  std::vector<float> powers;
  const bool two_level = layout_.scale_format == ScaleFormat::kTwoLevel;
  if (two_level) {
    const float tensor_scale =
        two_level_scales(layout_.inverse_scale, largest.data(), count, stored.data());
    std::memcpy(&bytes_[at(tables_at_)], &tensor_scale, 4);
  } else {
    powers.resize(largest.size());
    mx_scales(*layout_.format, largest.data(), count, stored.data(), powers.data());
  }
  put_fields(&bytes_[at(scales_at_)], 8, stored);
  std::vector<GroupParameters> groups(largest.size());
  for (std::size_t i = 0; i < groups.size(); ++i)
    groups[i].scale = two_level ? largest[i] : powers[i];
  return groups;
}

std::vector<GroupParameters> QuantizedTensor::store_scales(const float* data) {
  std::vector<GroupParameters> groups;
  if (!layout_.scales.present()) return groups;
  if (is_block(layout_)) return store_block_scales(data);
  const std::vector<GroupStatistics> all = statistics(data);
  const auto count = static_cast<std::int64_t>(all.size());
  groups.resize(all.size());
  std::vector<std::uint32_t> stored(all.size());
  if (layout_.format->cls == FormatClass::kInteger) {
    affine_parameters(layout_, all.data(), count, groups.data(), stored.data());
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) {
      groups[i] = group_parameters(layout_, all[i]);
      if (!scales_follow(layout_)) stored[i] = encode_scale(layout_.scale_format, groups[i].scale);
    }
  }
  if (layout_.scale_format == ScaleFormat::kDynamic8)
    store_double_quantized(groups);
  else
    put_scales(groups, stored);
  return groups;
}

void QuantizedTensor::put_scales(const std::vector<GroupParameters>& groups,
                                 const std::vector<std::uint32_t>& stored) {
  put_fields(&bytes_[at(scales_at_)], static_cast<int>(layout_.scales.bits), stored);
  const auto count = static_cast<std::int64_t>(groups.size());
  const int zero_bits = static_cast<int>(layout_.zero_points.bits);
  for (std::int64_t i = 0; zero_bits != 0 && i < count; ++i)
    put_bits(&bytes_[at(zeros_at_)], zero_point_bit(layout_, i, rows_, k_), zero_bits,
             encode_zero_point(layout_, groups[at(i)].zero_point));
  if (!layout_.mins.present()) return;
  std::vector<std::uint32_t> offsets;
  for (const GroupParameters& group : groups)
    offsets.push_back(encode_offset(layout_, group.offset));
  put_fields(&bytes_[at(mins_at_)], static_cast<int>(layout_.mins.bits), offsets);
}

QuantizedTensor QuantizedTensor::quantize(const TensorFormat& format, const float* data,
                                          std::int64_t rows, std::int64_t k,
                                          const std::vector<GroupParameters>& groups) {
  QuantizedTensor tensor(format, rows, k);
  tensor.bytes_.resize(at(tensor_bytes(tensor.layout_, rows, k).total()));
  std::vector<std::uint32_t> stored;
  for (const GroupParameters& group : groups)
    stored.push_back(encode_scale(tensor.layout_.scale_format, group.scale));
  if (tensor.layout_.scales.present()) tensor.put_scales(groups, stored);
  tensor.encode_planar(data, groups);
  return tensor;
}

void QuantizedTensor::store_double_quantized(const std::vector<GroupParameters>& groups) {
  std::vector<float> scales;
  for (const GroupParameters& g : groups) scales.push_back(g.scale);
  const DoubleQuantized quantized = double_quantize(scales);
  std::memcpy(&bytes_[at(scales_at_)], quantized.codes.data(), quantized.codes.size());
  std::memcpy(&bytes_[at(tables_at_)], quantized.block_scales.data(),
              4 * quantized.block_scales.size());
  std::memcpy(bytes_.data() + bytes_.size() - 4, &quantized.mean, 4);
}

std::int64_t QuantizedTensor::row_group() const {
  return layout_.scales.present() && layout_.scales.group > 0 ? layout_.scales.group : k_;
}

/// Rows that adjoin, and whose groups are whole, are as one row: many a tensor has short ones.
QuantizedTensor::Run QuantizedTensor::whole_run() const {
  const std::int64_t group = std::min(row_group(), k_);
  const bool has_whole_groups = k_ % group == 0 && layout_.scales.rows == 1;
  if (k_ * layout_.format->bits % 8 != 0 || !has_whole_groups) return {};
  const bool one_group = !layout_.scales.present() || layout_.scales.group == kWholeTensor;
  return {0, 0, one_group ? rows_ * k_ : group};
}

QuantizedTensor::Run QuantizedTensor::run_of_row(std::int64_t row) const {
  const std::int64_t index = layout_.scales.present() ? group_index(layout_, row, 0, k_) : 0;
  return {row * row_bytes_, index, row_group()};
}

void QuantizedTensor::encode_run(const Run& run, const float* x, std::int64_t n,
                                 const std::vector<GroupParameters>& groups) {
  const Format& f = *layout_.format;
  std::uint8_t* bytes = &bytes_[at(run.byte)];
  const GroupParameters* parameters = groups.empty() ? nullptr : &groups[at(run.index)];
  std::uint16_t codes[kChunk];
  float rounded[kChunk];
  // Whole groups, and whole bytes.
  const bool is_short = run.group > 0 && run.group <= kChunk;
  const std::int64_t unit = is_short ? std::lcm(run.group, std::int64_t{8}) : kChunk + 1;
  const bool by_groups = (is_affine(layout_) || is_scaled_float(f)) && unit <= kChunk;
  const std::int64_t chunk = by_groups ? kChunk / unit * unit : kChunk;
  for (std::int64_t start = 0; start < n; start += chunk) {
    check_interrupt();
    const std::int64_t count = std::min(chunk, n - start);
    if (f.bits == 32) {  // fp32, and tf32 in fp32's clothes
      round_to(f.fp, x + start, count, rounded);
      std::memcpy(bytes + 4 * start, rounded, at(4 * count));
      continue;
    }
    if (by_groups)
      (is_scaled_float(f) ? encode_float_groups : encode_affine_groups)(
          layout_, parameters + start / run.group, x + start, count, run.group, codes);
    else
      for_each_group(run.group, start, count, [&](std::int64_t i, std::int64_t m, std::int64_t k) {
        encode_elements(layout_,
                        parameters == nullptr ? GroupParameters{} : parameters[k / run.group],
                        x + k, m, codes + i);
      });
    pack_codes(codes, count, f.bits, bytes + start * f.bits / 8);
  }
}

void QuantizedTensor::encode_planar(const float* x, const std::vector<GroupParameters>& groups) {
  if (const Run run = whole_run(); run.group > 0) return encode_run(run, x, rows_ * k_, groups);
  for (std::int64_t row = 0; row < rows_; ++row)
    encode_run(run_of_row(row), x + row * k_, k_, groups);
}

void QuantizedTensor::decode_run(const Run& run, std::int64_t k0, std::int64_t k1,
                                 float* values) const {
  const Format& f = *layout_.format;
  const std::uint8_t* bytes = &bytes_[at(run.byte)];
  if (f.bits == 32) {
    if (k1 > k0) std::memcpy(values, bytes + 4 * k0, at(4 * (k1 - k0)));
    return;
  }
  const bool by_groups = (is_affine(layout_) || is_scaled_float(f)) && layout_.scales.present() &&
                         !scales_follow(layout_);
  std::vector<GroupParameters> parameters;
  std::uint16_t codes[kChunk];
  for (std::int64_t start = k0; start < k1; start += kChunk) {
    check_interrupt();
    const std::int64_t n = std::min(kChunk, k1 - start);
    float* to = values + (start - k0);
    unpack_codes(bytes, f.bits, start, n, codes);
    if (by_groups) {
      load_parameters(run.index + start / run.group, run.index + (start + n - 1) / run.group,
                      parameters);
      (is_scaled_float(f) ? decode_float_groups : decode_affine_groups)(
          layout_, parameters.data(), codes, n, start % run.group, run.group, to);
      continue;
    }
    for_each_group(run.group, start, n, [&](std::int64_t i, std::int64_t count, std::int64_t k) {
      GroupParameters p;
      if (layout_.scales.present()) {
        const std::int64_t index = run.index + k / run.group;
        p = {stored_scale(index), stored_zero_point(index), stored_offset(index)};
      }
      decode_elements(layout_, p, codes + i, count, to + i);
    });
  }
}

void QuantizedTensor::decode_planar(std::int64_t row0, std::int64_t row1, std::int64_t k0,
                                    std::int64_t k1, float* values) const {
  if (const Run run = whole_run(); run.group > 0 && k0 == 0 && k1 == k_)
    return decode_run(run, row0 * k_, row1 * k_, values);
  for (std::int64_t row = row0; row < row1; ++row, values += k1 - k0)
    decode_run(run_of_row(row), k0, k1, values);
}

/// Of groups first..last, whose scales lie in whole bytes.
void QuantizedTensor::load_parameters(std::int64_t first, std::int64_t last,
                                      std::vector<GroupParameters>& parameters) const {
  float scales[kChunk];
  const std::int64_t count = last - first + 1, scale_bytes = layout_.scales.bits / 8;
  const std::uint8_t* stored = &bytes_[at(scales_at_ + first * scale_bytes)];
  if (layout_.scale_format == ScaleFormat::kTwoLevel)
    load_two_level(layout_.inverse_scale, stored_tensor_scale(), stored, count, scales);
  else
    load_scales(layout_.scale_format, stored, count, scales);
  parameters.resize(at(count));
  const bool has_zeros = layout_.zero_points.present();
  for (std::int64_t g = 0; g < count; ++g)
    parameters[at(g)] = {scales[g], has_zeros ? stored_zero_point(first + g) : 0, 0};
}

void QuantizedTensor::group_scales(std::int64_t first, std::int64_t count, float* scales) const {
  const std::uint8_t* stored = &bytes_[at(scales_at_ + first * layout_.scales.bits / 8)];
  if (layout_.scale_format == ScaleFormat::kTwoLevel)
    return load_two_level(false, 1.0f, stored, count, scales);
  load_scales(layout_.scale_format, stored, count, scales);
  const float unit = code_unit(layout_);
  for (std::int64_t i = 0; unit != 1 && i < count; ++i) scales[i] *= unit;
}

float QuantizedTensor::stored_tensor_scale() const {
  return decode_float(kFp32, get_bits(&bytes_[at(tables_at_)], 0, 32));
}

void QuantizedTensor::decode_ordered_row(std::int64_t row, std::int64_t k0, std::int64_t k1,
                                         float* values) const {
  for (std::int64_t k = k0; k < k1; ++k) {
    std::uint16_t code = 0;
    unpack_codes(&bytes_[at(row * row_bytes_)], layout_.format->bits, k, 1, &code);
    const std::int64_t index = group_index(layout_, row, groups_[at(k)] * layout_.scales.group, k_);
    decode_elements(layout_, {stored_scale(index), stored_zero_point(index), stored_offset(index)},
                    &code, 1, values + (k - k0));
  }
}

}  // namespace bitjoule
