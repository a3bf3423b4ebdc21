#include "sim/formats/checkpoint_schemes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/pack.h"
#include "core/numeric/scale_storage.h"
#include "core/numeric/tensor_values.h"

namespace bitjoule {

const StoredTensor* ModuleTensors::find(const std::string& part) const {
  const auto found = parts.find(part);
  return found == parts.end() ? nullptr : found->second;
}

const StoredTensor& ModuleTensors::at(const std::string& part) const {
  if (const StoredTensor* tensor = find(part)) return *tensor;
  refuse(fmt::format("its tensor \"{}\" is missing", part));
}

bool ModuleTensors::has(const std::string& part, const char* type) const {
  const StoredTensor* tensor = find(part);
  return tensor != nullptr && tensor->type->format == std::string(type);
}

void ModuleTensors::refuse(const std::string& what) const {
  const std::string file = parts.empty() ? "" : parts.begin()->second->blob.name() + ": ";
  throw input_error(fmt::format("{}module \"{}\": {}", file, module, what));
}

FieldWriter::FieldWriter(const TensorFormat& format, std::int64_t rows, std::int64_t k)
    : layout_(storage_layout(format)), rows_(rows), k_(k) {
  const RegionBytes fields = tensor_bytes(layout_, rows, k);
  bytes_.resize(static_cast<std::size_t>(fields.total()));
  row_bits_ = fields.codes / rows * 8;
  scales_at_ = fields.codes * 8;
  zeros_at_ = scales_at_ + fields.scales * 8;
  mins_at_ = zeros_at_ + fields.zero_points * 8;
  tables_at_ = mins_at_ + fields.mins * 8;
}

FieldWriter::FieldWriter(const PackedValues& values, std::int64_t rows, std::int64_t k)
    : FieldWriter(values.format, rows, k) {
  bytes_ = values.bytes;
}

/// The index of group `index` of a row.
std::int64_t FieldWriter::group(std::int64_t row, std::int64_t index) const {
  return group_index(layout_, row, index * std::max<std::int64_t>(layout_.scales.group, 0), k_);
}

void FieldWriter::copy_bits(std::int64_t at, const FieldWriter& from, std::int64_t from_at,
                            std::int64_t bits) {
  if (bits > 0)
    put_bits(bytes_.data(), at, static_cast<int>(bits),
             get_bits(from.bytes_.data(), from_at, static_cast<int>(bits)));
}

void FieldWriter::copy_row(std::int64_t row, const FieldWriter& from, std::int64_t from_row) {
  std::copy_n(from.bytes_.begin() + from_row * row_bits_ / 8, row_bits_ / 8,
              bytes_.begin() + row * row_bits_ / 8);
  const StorageLayout& l = layout_;
  for (std::int64_t i = 0; i < groups_per_row(l.scales, k_); ++i) {
    const std::int64_t to = group(row, i), at = from.group(from_row, i);
    copy_bits(scales_at_ + to * l.scales.bits, from, from.scales_at_ + at * l.scales.bits,
              l.scales.bits);
    if (l.zero_points.present())
      copy_bits(zeros_at_ + zero_point_bit(l, to, rows_, k_), from,
                from.zeros_at_ + zero_point_bit(l, at, from.rows_, k_), l.zero_points.bits);
    copy_bits(mins_at_ + to * l.mins.bits, from, from.mins_at_ + at * l.mins.bits, l.mins.bits);
    if (l.tables.present() && l.tables.group > 0)
      copy_bits(tables_at_ + to / l.tables.group * l.tables.bits, from,
                from.tables_at_ + at / l.tables.group * l.tables.bits, l.tables.bits);
  }
  if (l.tables.present() && l.tables.group == kWholeRow)
    copy_bits(tables_at_ + row * l.tables.bits, from, from.tables_at_ + from_row * l.tables.bits,
              l.tables.bits);
  std::copy_n(from.bytes_.end() - l.constant_bytes, l.constant_bytes,
              bytes_.end() - l.constant_bytes);
}

void FieldWriter::code(std::int64_t row, std::int64_t k, std::uint32_t code) {
  const auto bits = static_cast<int>(layout_.codes.bits);
  put_bits(bytes_.data(), row * row_bits_ + k * bits, bits, code);
}

void FieldWriter::scale(std::int64_t index, std::uint32_t stored) {
  const auto bits = static_cast<int>(layout_.scales.bits);
  put_bits(bytes_.data(), scales_at_ + index * bits, bits, stored);
}

void FieldWriter::real_scale(std::int64_t index, float value) {
  scale(index, encode_scale(layout_.scale_format, value));
}

void FieldWriter::zero_point(std::int64_t index, std::int32_t zero) {
  put_bits(bytes_.data(), zeros_at_ + zero_point_bit(layout_, index, rows_, k_),
           static_cast<int>(layout_.zero_points.bits), encode_zero_point(layout_, zero));
}

void FieldWriter::offset(std::int64_t index, std::uint32_t stored) {
  const auto bits = static_cast<int>(layout_.mins.bits);
  put_bits(bytes_.data(), mins_at_ + index * bits, bits, stored);
}

void FieldWriter::row_scale(std::int64_t row, std::uint32_t stored) {
  const auto bits = static_cast<int>(layout_.tables.bits);
  put_bits(bytes_.data(), tables_at_ + row * bits, bits, stored);
}

void FieldWriter::table(std::int64_t index, float value) {
  put_bits(bytes_.data(), tables_at_ + index * 32, 32, encode_float(kFp32, value));
}

std::int64_t FieldWriter::scales() const {
  if (layout_.scales.group == kWholeTensor) return 1;
  return (rows_ + layout_.scales.rows - 1) / layout_.scales.rows *
         groups_per_row(layout_.scales, k_);
}

std::uint32_t word32(const StoredTensor& tensor, std::int64_t index) {
  std::uint32_t word;
  std::memcpy(&word, tensor.data + 4 * index, sizeof word);
  return word;
}

std::uint32_t word16(const StoredTensor& tensor, std::int64_t index) {
  std::uint16_t word;
  std::memcpy(&word, tensor.data + 2 * index, sizeof word);
  return word;
}

std::uint32_t scale_bits(const StoredTensor& scales, std::int64_t index) {
  if (scales.type->block_bytes == 4) return word32(scales, index);
  return scales.type->block_bytes == 2 ? word16(scales, index) : scales.data[index];
}

float float_at(const StoredTensor& tensor, std::int64_t index) {
  const std::string type = tensor.type->format;
  const FloatSpec& spec = type == "fp16" ? kFp16 : type == "bf16" ? kBf16 : kFp32;
  return decode_float(spec, scale_bits(tensor, index));
}

std::string scale_format(const ModuleTensors& module, const StoredTensor& scales) {
  std::string type = scales.type->format;
  if (type != "fp32" && type != "fp16" && type != "bf16")
    module.refuse(
        fmt::format("expected scales of fp32, fp16 or bf16, \"{}\" is {}", scales.name, type));
  return type;
}

void require_shape(const ModuleTensors& module, const std::string& part,
                   const std::vector<std::int64_t>& shape) {
  const StoredTensor& tensor = module.at(part);
  if (tensor.shape != shape)
    module.refuse(fmt::format("\"{}\" has the shape {}, expected {}", part,
                              shape_text(tensor.shape), shape_text(shape)));
}

void require_type(const ModuleTensors& module, const std::string& part, const char* type) {
  if (!module.has(part, type))
    module.refuse(
        fmt::format("\"{}\" is {}, expected {}", part, module.at(part).type->format, type));
}

TensorFormat integer_storage(std::int64_t bits, bool is_signed, std::int64_t group, std::int64_t k,
                             const std::string& scale) {
  TensorFormat format;
  format.format = fmt::format("{}int{}", is_signed ? "" : "u", bits);
  const bool whole = group <= 0 || group >= k;
  format.granularity = whole ? Granularity::kPerChannel : Granularity::kPerGroup;
  if (!whole) format.group_size = group;
  format.scale = scale;
  return format;
}

const std::vector<CheckpointScheme>& checkpoint_schemes() {
  static const std::vector<CheckpointScheme> kSchemes = [] {
    std::vector<CheckpointScheme> all;
    for (const auto& part : {tile_schemes(), word_schemes(), byte_schemes(), block_schemes()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kSchemes;
}

}  // namespace bitjoule
