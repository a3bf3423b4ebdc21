#include "core/numeric/quantized_tensor.h"

#include <algorithm>
#include <cstring>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/elements.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/pack.h"
#include "core/numeric/scale_storage.h"
#include "core/resize.h"

namespace bitjoule {
NativeInteger native_integer(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  const Format& f = *layout.format;
  NativeInteger native;
  if (f.max_code == 0 || f.max_code > 32767) return native;
  native.available = true;
  native.is_signed = f.min_code < 0;
  native.min_code = f.min_code;
  native.max_code = f.max_code;
  native.operand_bits = std::max(f.operand_bits != 0 ? f.operand_bits : f.bits, 2);
  native.has_lookup = !f.lookup.empty() || f.progressive;
  native.has_zero_point = layout.zero_points.present();
  native.has_min = layout.mins.present();
  return native;
}

std::int64_t native_group(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  if (layout.interleaved()) return layout.format->group;
  if (layout.progressive()) return 0;  // what groups have are integers, and part of the sum
  return layout.scales.present() ? std::max<std::int64_t>(layout.scales.group, 0) : 0;
}

QuantizedTensor::QuantizedTensor(const TensorFormat& format, std::int64_t rows, std::int64_t k)
    : format_(format), layout_(storage_layout(format)), rows_(rows), k_(k) {
  if (rows < 1 || k < 1) {
    throw input_error("a tensor needs at least one row and one column, got " +
                      std::to_string(rows) + " x " + std::to_string(k));
  }
  if (layout_.interleaved()) codec_ = &find_block_codec(layout_.format->name);
  const RegionBytes fields = tensor_bytes(layout_, rows, k);
  row_bytes_ = (layout_.interleaved() ? fields.total() : fields.codes) / rows;
  scales_at_ = fields.codes;
  zeros_at_ = scales_at_ + fields.scales;
  mins_at_ = zeros_at_ + fields.zero_points;
  tables_at_ = mins_at_ + fields.mins;
}

QuantizedTensor QuantizedTensor::quantize(const TensorFormat& format, const float* data,
                                          std::int64_t rows, std::int64_t k) {
  QuantizedTensor tensor(format, rows, k);
  resize(tensor.bytes_, at(tensor_bytes(tensor.layout_, rows, k).total()));
  if (tensor.layout_.interleaved()) {
    for (std::int64_t row = 0; row < rows; ++row) {
      check_interrupt();
      tensor.codec_->encode(data + row * k, k / tensor.layout_.block_elements,
                            &tensor.bytes_[at(row * tensor.row_bytes_)]);
    }
    return tensor;
  }
  if (tensor.layout_.progressive())
    tensor.encode_progressive(data);
  else
    tensor.encode_planar(data, tensor.store_scales(data));
  return tensor;
}

QuantizedTensor QuantizedTensor::over(const TensorFormat& format, const std::vector<float>& values,
                                      std::int64_t rows, std::int64_t k) {
  QuantizedTensor tensor(format, rows, k);
  if (tensor.layout_.format->cls != FormatClass::kFloat ||
      static_cast<std::int64_t>(values.size()) != rows * k)
    throw internal_error("a tensor of " + std::to_string(rows) + " x " + std::to_string(k) +
                         " in " + format.format + " over " + std::to_string(values.size()) +
                         " values");
  tensor.lend(values);
  return tensor;
}

QuantizedTensor QuantizedTensor::from_stored(const TensorFormat& format,
                                             std::vector<std::uint8_t> bytes, std::int64_t rows,
                                             std::int64_t k) {
  QuantizedTensor tensor(format, rows, k);
  const std::int64_t expected = tensor_bytes(tensor.layout_, rows, k).total();
  if (static_cast<std::int64_t>(bytes.size()) != expected) {
    throw input_error("a " + std::to_string(rows) + " x " + std::to_string(k) + " tensor in " +
                      format.format + " takes " + std::to_string(expected) + " bytes, got " +
                      std::to_string(bytes.size()));
  }
  tensor.bytes_ = std::move(bytes);
  if (tensor.layout_.progressive()) tensor.check_progressive();
  return tensor;
}

void QuantizedTensor::set_groups(std::vector<std::int32_t> groups) {
  const std::int64_t count = groups_per_row(layout_.scales, k_);
  if (layout_.interleaved() || layout_.progressive() || layout_.scales.group < 1)
    throw internal_error("an order of groups, but " + format_.format + " has none");
  if (static_cast<std::int64_t>(groups.size()) != k_)
    throw input_error("expected the group of each of " + std::to_string(k_) + " inputs, got " +
                      std::to_string(groups.size()));
  for (const std::int32_t group : groups)
    if (group < 0 || group >= count)
      throw input_error("expected groups of 0.." + std::to_string(count - 1) + ", got " +
                        std::to_string(group));
  groups_ = std::move(groups);
}

void QuantizedTensor::decode_rows(std::int64_t row0, std::int64_t row1, std::int64_t k0,
                                  std::int64_t k1, float* values) const {
  if (values_ != nullptr) {
    for (std::int64_t row = row0; row < row1; ++row, values += k1 - k0) {
      check_interrupt_after(k1 - k0);
      std::copy_n(values_->begin() + row * k_ + k0, k1 - k0, values);
    }
    return;
  }
  const bool in_order = !layout_.interleaved() && !layout_.progressive() && !has_own_groups();
  if (in_order) return decode_planar(row0, row1, k0, k1, values);
  for (std::int64_t row = row0; row < row1; ++row, values += k1 - k0) {
    check_interrupt();
    if (layout_.progressive())
      decode_progressive_row(row, k0, k1, values);
    else if (layout_.interleaved())
      decode_blocks_row(row, k0, k1, values);
    else
      decode_ordered_row(row, k0, k1, values);
  }
}

const std::uint8_t* QuantizedTensor::block(std::int64_t row, std::int64_t k) const {
  return &bytes_[at(row * row_bytes_ + k / layout_.block_elements * layout_.block_bytes)];
}

void QuantizedTensor::decode_blocks_row(std::int64_t row, std::int64_t k0, std::int64_t k1,
                                        float* values) const {
  const std::int64_t size = layout_.block_elements;
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t whole = (k1 - k) / size;
    if (k % size == 0 && whole > 0) {
      codec_->decode(block(row, k), whole, values + (k - k0));
      k += whole * size;
      continue;
    }
    float part[256];
    codec_->decode(block(row, k), 1, part);
    const std::int64_t end = std::min(k1, (k / size + 1) * size);
    std::copy(part + k % size, part + k % size + (end - k), values + (k - k0));
    k = end;
  }
}

void QuantizedTensor::codes(std::int64_t row, std::int64_t k0, std::int64_t k1,
                            std::int16_t* integers) const {
  if (layout_.progressive()) return progressive_codes(row, k0, k1, integers);
  const std::int64_t chunk = layout_.interleaved() ? layout_.block_elements : 512;
  std::int16_t part[256];
  std::uint16_t stored[512];
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t end = std::min(k1, (k / chunk + 1) * chunk);
    std::int16_t* out = integers + (k - k0);
    if (codec_ == nullptr) {
      unpack_codes(&bytes_[at(row * row_bytes_)], layout_.format->bits, k, end - k, stored);
      sign_extend(layout_, stored, end - k, out);
    } else if (end - k == chunk) {
      codec_->codes(block(row, k), out);
    } else {
      codec_->codes(block(row, k), part);
      std::copy(part + k % chunk, part + k % chunk + (end - k), out);
    }
    k = end;
  }
}

float QuantizedTensor::scale(std::int64_t row, std::int64_t k) const {
  if (layout_.interleaved()) {
    const auto group = static_cast<int>(k % layout_.block_elements / layout_.format->group);
    return codec_->scale(block(row, k), group);
  }
  if (!layout_.scales.present()) return 1.0f;
  if (layout_.progressive()) return row_scale(row);
  return stored_scale(group_index(layout_, row, k, k_)) * code_unit(layout_);
}

std::int32_t QuantizedTensor::zero_point(std::int64_t row, std::int64_t k) const {
  if (!layout_.zero_points.present()) return 0;
  return stored_zero_point(group_index(layout_, row, k, k_));
}

float QuantizedTensor::min(std::int64_t row, std::int64_t k) const {
  if (!layout_.mins.present()) return 0.0f;
  if (!layout_.interleaved()) return stored_offset(group_index(layout_, row, k, k_));
  const auto group = static_cast<int>(k % layout_.block_elements / layout_.format->group);
  return codec_->min(block(row, k), group);
}

}  // namespace bitjoule
