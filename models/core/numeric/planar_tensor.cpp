// QuantizedTensor's planar fields: codes, scales, zero-points, tables, one array each.
#include <algorithm>
#include <cstring>

#include "core/index.h"
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

// Calls body(offset, count, k) for the parts of row elements first..first + n - 1 that lie in one
// group.
template <class Body>
void for_each_group(const StorageLayout& layout, std::int64_t first, std::int64_t n, Body body) {
  const std::int64_t group = layout.scales.present() ? layout.scales.group : kWholeRow;
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t k = first + i;
    const std::int64_t count = group > 0 ? std::min(n - i, group - k % group) : n;
    body(i, count, k);
    i += count;
  }
}

}  // namespace

float QuantizedTensor::stored_scale(std::int64_t index) const {
  const int bits = static_cast<int>(layout_.scales.bits);
  const std::uint32_t stored = get_bits(&bytes_[at(scales_at_)], index * bits, bits);
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

std::int32_t QuantizedTensor::stored_zero_point(std::int64_t index) const {
  if (!layout_.zero_points.present()) return 0;
  const int bits = static_cast<int>(layout_.zero_points.bits);
  return decode_zero_point(
      layout_, get_bits(&bytes_[at(zeros_at_)], zero_point_bit(layout_, index, rows_, k_), bits));
}

std::vector<GroupParameters> QuantizedTensor::store_scales(const float* data) {
  std::vector<GroupParameters> groups;
  if (!layout_.scales.present()) return groups;
  const std::int64_t group = layout_.scales.group, total = rows_ * k_;
  const int scale_bits = static_cast<int>(layout_.scales.bits);
  const int zero_bits = static_cast<int>(layout_.zero_points.bits);
  for (std::int64_t start = 0; start < total;) {
    // A group ends with its row unless it is the whole tensor.
    const std::int64_t row_end = (start / k_ + 1) * k_;
    std::int64_t end = group > 0 ? std::min(start + group, row_end) : row_end;
    if (group == kWholeTensor) end = total;
    GroupStatistics statistics;
    statistics.add(layout_, data + start, end - start);
    const GroupParameters p = group_parameters(layout_, statistics);
    const auto index = static_cast<std::int64_t>(groups.size());
    groups.push_back(p);
    if (layout_.scale_format != ScaleFormat::kDynamic8) {
      put_bits(&bytes_[at(scales_at_)], index * scale_bits, scale_bits,
               encode_scale(layout_.scale_format, p.scale));
    }
    if (zero_bits != 0) {
      put_bits(&bytes_[at(zeros_at_)], zero_point_bit(layout_, index, rows_, k_), zero_bits,
               encode_zero_point(layout_, p.zero_point));
    }
    start = end;
  }
  if (layout_.scale_format == ScaleFormat::kDynamic8) store_double_quantized(groups);
  return groups;
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

void QuantizedTensor::encode_planar_row(const float* x, std::int64_t row,
                                        const std::vector<GroupParameters>& groups) {
  const Format& f = *layout_.format;
  std::uint8_t* bytes = &bytes_[at(row * row_bytes_)];
  std::uint16_t codes[kChunk];
  float rounded[kChunk];
  for (std::int64_t start = 0; start < k_; start += kChunk) {
    const std::int64_t n = std::min(kChunk, k_ - start);
    if (f.bits == 32) {  // fp32, and tf32 in fp32's clothes
      round_to(f.fp, x + start, n, rounded);
      std::memcpy(bytes + 4 * start, rounded, at(4 * n));
      continue;
    }
    for_each_group(layout_, start, n, [&](std::int64_t i, std::int64_t count, std::int64_t k) {
      const GroupParameters p =
          groups.empty() ? GroupParameters{} : groups[at(group_index(layout_, row, k, k_))];
      encode_elements(layout_, p, x + k, count, codes + i);
    });
    pack_codes(codes, n, f.bits, bytes + start * f.bits / 8);
  }
}

void QuantizedTensor::decode_planar_row(std::int64_t row, std::int64_t k0, std::int64_t k1,
                                        float* values) const {
  const Format& f = *layout_.format;
  const std::uint8_t* bytes = &bytes_[at(row * row_bytes_)];
  if (f.bits == 32) {
    if (k1 > k0) std::memcpy(values, bytes + 4 * k0, at(4 * (k1 - k0)));
    return;
  }
  std::uint16_t codes[kChunk];
  for (std::int64_t start = k0; start < k1; start += kChunk) {
    const std::int64_t n = std::min(kChunk, k1 - start);
    unpack_codes(bytes, f.bits, start, n, codes);
    for_each_group(layout_, start, n, [&](std::int64_t i, std::int64_t count, std::int64_t k) {
      GroupParameters p;
      if (layout_.scales.present()) {
        const std::int64_t index = group_index(layout_, row, k, k_);
        p = {stored_scale(index), stored_zero_point(index)};
      }
      decode_elements(layout_, p, codes + i, count, values + (start - k0) + i);
    });
  }
}

}  // namespace bitjoule
