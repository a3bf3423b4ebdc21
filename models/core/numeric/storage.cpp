#include "core/numeric/storage.h"

#include <numeric>
#include <utility>

#include "core/enums.h"
#include "core/units.h"

namespace bitjoule {
namespace {

struct ScaleRow {
  const char* name;
  ScaleFormat format;
  int bits;
};
constexpr ScaleRow kScales[] = {
    {"fp32", ScaleFormat::kFloat32, 32},
    {"fp16", ScaleFormat::kFloat16, 16},
    {"bf16", ScaleFormat::kBfloat16, 16},
    {"e8m0", ScaleFormat::kE8m0, 8},
};

const char* const kInverse = "fp32_inverse";

const ScaleRow& find_scale(const std::string& name) {
  if (name == kInverse)
    throw input_error("scale: fp32_inverse is of nvfp4's scale of the tensor alone");
  std::vector<std::string> valid;
  for (const ScaleRow& row : kScales) {
    if (name == row.name) return row;
    valid.push_back(row.name);
  }
  throw unknown_name_error("storage of scales", name, valid);
}

/// "offset_fp16": the floats that stand in the place of zero-points; nullptr: it is none.
const ScaleRow* find_offset(const std::string& name) {
  static const std::string kPrefix = "offset_";
  for (const ScaleRow& row : kScales)
    if (row.format != ScaleFormat::kE8m0 && name == kPrefix + row.name) return &row;
  return nullptr;
}

// Floats hold every integer up to 2^(mantissa + 1) exactly.
const struct ZeroPointRow {
  const char* name;
  ZeroPointFormat format;
} kZeroPoints[] = {
    {"fp32", {32, -(1 << 24), 1 << 24, ZeroPacking::kNone, kFp32}},
    {"fp16", {16, -2048, 2048, ZeroPacking::kNone, kFp16}},
    {"bf16", {16, -256, 256, ZeroPacking::kNone, kBf16}},
    {"int8", {8, -128, 127, ZeroPacking::kNone, {}}},
    {"uint8", {8, 0, 255, ZeroPacking::kNone, {}}},
    {"int16", {16, -32768, 32767, ZeroPacking::kNone, {}}},
    {"uint16", {16, 0, 65535, ZeroPacking::kNone, {}}},
};

ZeroPointFormat find_zero_point(const std::string& name, const Format& element) {
  static const std::pair<const char*, ZeroPacking> kPackings[] = {
      {"packed", ZeroPacking::kGptq},
      {"packed_plain", ZeroPacking::kPlain},
      {"packed_awq", ZeroPacking::kAwq}};
  std::vector<std::string> valid = {"offset_fp32", "offset_fp16", "offset_bf16"};
  for (const auto& [packing_name, packing] : kPackings) {
    valid.emplace_back(packing_name);
    if (name != packing_name) continue;
    const bool awq = packing == ZeroPacking::kAwq;
    if (awq && (element.bits != 4 || element.is_signed))
      throw input_error("zero-points in packed_awq are AWQ's words of eight uint4, the format is " +
                        element.name + "; choose packed, or uint4");
    return {element.bits, element.min_code, element.max_code, packing, {}};
  }
  for (const ZeroPointRow& row : kZeroPoints) {
    if (name == row.name) {
      if (row.format.lo > element.min_code || row.format.hi < element.max_code) {
        throw input_error("zero-points of " + element.name + " range over " +
                          std::to_string(element.min_code) + ".." +
                          std::to_string(element.max_code) + ", which " + name +
                          " does not hold exactly; choose packed or a wider one");
      }
      return row.format;
    }
    valid.push_back(row.name);
  }
  throw unknown_name_error("storage of zero-points", name, valid);
}

bool is_dynamic(Granularity granularity) {
  return granularity == Granularity::kPerToken || granularity == Granularity::kDynamicTensor;
}

std::int64_t group_of(const TensorFormat& format) {
  switch (format.granularity) {
    case Granularity::kPerTensor:
    case Granularity::kDynamicTensor:
    case Granularity::kPerInputChannel:
      return kWholeTensor;
    case Granularity::kPerChannel:
    case Granularity::kPerToken:
      return kWholeRow;
    case Granularity::kPerGroup:
    case Granularity::kPerBlock:
      break;
  }
  if (format.group_size < 1) {
    throw input_error("group_size must be at least 1, got " + std::to_string(format.group_size));
  }
  return format.group_size;
}

std::int64_t rows_of(const TensorFormat& format) {
  return format.granularity == Granularity::kPerBlock ? format.group_size : 1;
}

void integer_fields(const TensorFormat& format, StorageLayout& layout) {
  const ScaleRow& scale = find_scale(format.scale);
  const std::int64_t group = group_of(format);
  layout.scale_format = scale.format;
  layout.scales = {scale.bits, group, rows_of(format)};
  layout.symmetric = format.symmetric || layout.format->mean_scale;
  layout.dynamic = has_dynamic_scales(format);
  layout.by_input = has_channel_scales(format);
  const bool is_plain = layout.symmetric && layout.format->is_signed && !layout.format->mean_scale;
  if (layout.by_input && !is_plain)
    throw input_error(
        "granularity per_input_channel is of signed integers around zero, whose scale a "
        "calibration "
        "finds");
  if (layout.dynamic && layout.format->mean_scale)
    throw input_error(format.format + " takes the mean of its values as scale; granularity " +
                      enum_name(format.granularity) +
                      " is for a scale of the largest value: choose an integer format, or "
                      "per_channel");
  if (layout.dynamic && !layout.symmetric)
    throw input_error("granularity " + enum_name(format.granularity) +
                      " is symmetric: the vector unit finds the largest value of a " +
                      (group == kWholeTensor ? "tensor" : "row") + ", not a zero-point");
  if (layout.symmetric) return;
  if (layout.scales.rows != 1)
    throw input_error(
        "granularity per_block is symmetric: nobody stores a zero-point for each block");
  if (const ScaleRow* offset = find_offset(format.zero_point)) {
    if (group == kWholeTensor)
      throw input_error(
          "zero_point: offsets belong to channels or groups; choose granularity per_group or "
          "per_channel");
    layout.min_format = offset->format;
    layout.mins = {offset->bits, group};
  } else {
    layout.zero_format = find_zero_point(format.zero_point, *layout.format);
    layout.zero_points = {layout.zero_format.bits, group};
    if (layout.zero_format.packing == ZeroPacking::kAwq && group == kWholeTensor)
      throw input_error(
          "zero-points in packed_awq lie in words of eight channels; choose granularity per_group "
          "or per_channel");
  }
}

void codebook_fields(const TensorFormat& format, StorageLayout& layout) {
  const std::int64_t group =
      format.granularity == Granularity::kPerGroup ? group_of(format) : layout.format->group;
  if (layout.format->double_quantized) {
    layout.scale_format = ScaleFormat::kDynamic8;
    layout.scales = {8, group};
    layout.tables = {32, 256};
    layout.constant_bytes = 4;
    return;
  }
  const ScaleRow& scale = find_scale(format.scale);
  layout.scale_format = scale.format;
  layout.scales = {scale.bits, group};
}

void scaled_float_fields(const TensorFormat& format, StorageLayout& layout) {
  const ScaleRow& scale = find_scale(format.scale);
  if (is_dynamic(format.granularity) || format.granularity == Granularity::kPerInputChannel)
    throw input_error("granularity " + enum_name(format.granularity) + " is of integers; " +
                      format.format + " has scales per tensor, channel, group or block");
  layout.scale_format = scale.format;
  layout.scales = {scale.bits, group_of(format), rows_of(format)};
}

void progressive_fields(const TensorFormat& format, StorageLayout& layout) {
  const bool grouped = format.granularity == Granularity::kPerGroup;
  layout.scale_format = ScaleFormat::kProgressive;
  layout.scales = {16, grouped ? group_of(format) : layout.format->group};
  layout.tables = {16, kWholeRow};
}

void block_fields(const TensorFormat& format, StorageLayout& layout) {
  const Format& f = *layout.format;
  if (f.progressive) return progressive_fields(format, layout);
  if (!f.is_interleaved()) {
    layout.scale_format = f.two_level ? ScaleFormat::kTwoLevel : ScaleFormat::kE8m0;
    layout.scales = {8, f.group};
    layout.constant_bytes = f.two_level ? 4 : 0;
    layout.inverse_scale = f.two_level && format.scale == kInverse;
    return;
  }
  layout.block_elements = f.block_elements;
  layout.block_bytes = f.block_bytes;
  layout.scales = {f.scale_bits, f.block_elements};
  layout.mins = {f.min_bits, f.block_elements};
}

std::int64_t field_bytes(const StorageField& field, std::int64_t rows, std::int64_t k) {
  if (!field.present() || field.group == kWholeTensor) return 0;
  return ceil_div(ceil_div(rows, field.rows) * groups_per_row(field, k) * field.bits, 8);
}

// AWQ: a 32-bit word holds the zero-points of one group of eight rows.
constexpr std::int64_t kAwqRows = 8;

std::int64_t zero_point_bytes(const StorageLayout& layout, std::int64_t rows, std::int64_t k) {
  if (layout.zero_format.packing != ZeroPacking::kAwq)
    return field_bytes(layout.zero_points, rows, k);
  return groups_per_row(layout.zero_points, k) * ceil_div(rows, kAwqRows) * 4;
}

std::int64_t constant_bytes(const StorageField& field) {
  return field.present() && field.group == kWholeTensor ? ceil_div(field.bits, 8) : 0;
}

}  // namespace

bool has_channel_scales(const TensorFormat& format) {
  return format.granularity == Granularity::kPerInputChannel &&
         find_format(format.format).cls == FormatClass::kInteger;
}

bool has_dynamic_scales(const TensorFormat& format) {
  return is_dynamic(format.granularity) && find_format(format.format).cls == FormatClass::kInteger;
}

StorageLayout storage_layout(const TensorFormat& format) {
  const Format& element = find_format(format.format);
  StorageLayout layout;
  layout.format = &element;
  layout.codes = {element.bits, 1};
  switch (element.cls) {
    case FormatClass::kFloat:
      break;
    case FormatClass::kInteger:
      integer_fields(format, layout);
      break;
    case FormatClass::kScaledFloat:
      scaled_float_fields(format, layout);
      break;
    case FormatClass::kCodebook:
      codebook_fields(format, layout);
      break;
    case FormatClass::kBlock:
      block_fields(format, layout);
      break;
  }
  return layout;
}

std::int64_t groups_per_row(const StorageField& field, std::int64_t k) {
  return field.group > 0 ? ceil_div(k, field.group) : 1;
}

std::int64_t group_index(const StorageLayout& layout, std::int64_t row, std::int64_t k,
                         std::int64_t row_length) {
  const std::int64_t group = layout.scales.group;
  if (group == kWholeTensor) return 0;
  if (group == kWholeRow) return row;
  return row / layout.scales.rows * groups_per_row(layout.scales, row_length) + k / group;
}

std::int64_t zero_point_bit(const StorageLayout& layout, std::int64_t index, std::int64_t rows,
                            std::int64_t row_length) {
  const std::int64_t bits = layout.zero_points.bits;
  if (layout.zero_format.packing != ZeroPacking::kAwq) return index * bits;
  // The nibble of each of eight rows: AutoAWQ packs rows 0, 2, 4, 6, 1, 3, 5, 7 from the lowest.
  constexpr std::int64_t kNibble[kAwqRows] = {0, 4, 1, 5, 2, 6, 3, 7};
  const std::int64_t groups = groups_per_row(layout.zero_points, row_length);
  const std::int64_t row = index / groups, group = index % groups;
  const std::int64_t word = group * ceil_div(rows, kAwqRows) + row / kAwqRows;
  return (word * kAwqRows + kNibble[row % kAwqRows]) * bits;
}

std::int64_t region_alignment(const StorageLayout& layout) {
  if (layout.interleaved()) return layout.block_elements;
  std::int64_t alignment = 8 / std::gcd(layout.codes.bits, std::int64_t{8});
  for (const StorageField* field : {&layout.scales, &layout.zero_points}) {
    if (field->present() && field->group > 0) alignment = std::lcm(alignment, field->group);
  }
  return alignment;
}

RegionBytes region_bytes(const StorageLayout& layout, std::int64_t rows, std::int64_t k) {
  RegionBytes bytes;
  if (layout.interleaved() && k % layout.block_elements != 0) {
    throw input_error(layout.format->name + " stores blocks of " +
                      std::to_string(layout.block_elements) +
                      " elements along k; k = " + std::to_string(k) + " is not a multiple");
  }
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 55;  // keeps every product below 2^63
  if (rows < 0 || k < 0 || (k > 0 && rows > kMaxElements / k)) {
    throw input_error("a tensor of " + std::to_string(rows) + " x " + std::to_string(k) +
                      " elements is out of range");
  }
  bytes.codes = layout.interleaved()
                    ? rows * (k / layout.block_elements) * layout.format->block_code_bits() / 8
                    : rows * ceil_div(k * layout.codes.bits, 8);
  bytes.scales = field_bytes(layout.scales, rows, k);
  bytes.zero_points = zero_point_bytes(layout, rows, k);
  bytes.mins = field_bytes(layout.mins, rows, k);
  if (layout.tables.group == kWholeRow) bytes.tables = rows * layout.tables.bits / 8;
  if (layout.tables.present() && layout.tables.group > 0) {
    const std::int64_t scales = rows * groups_per_row(layout.scales, k);
    bytes.tables = ceil_div(scales, layout.tables.group) * layout.tables.bits / 8;
  }
  return bytes;
}

RegionBytes tensor_constants(const StorageLayout& layout) {
  RegionBytes bytes;
  bytes.scales = constant_bytes(layout.scales);
  bytes.zero_points = constant_bytes(layout.zero_points);
  bytes.tables = layout.constant_bytes;
  return bytes;
}

RegionBytes tensor_bytes(const StorageLayout& layout, std::int64_t rows, std::int64_t k) {
  RegionBytes bytes = region_bytes(layout, rows, k);
  const RegionBytes constants = tensor_constants(layout);
  bytes.scales += constants.scales;
  bytes.zero_points += constants.zero_points;
  bytes.tables += constants.tables;
  return bytes;
}

double effective_bits_per_weight(const StorageLayout& layout, std::int64_t rows, std::int64_t k) {
  return 8.0 * static_cast<double>(tensor_bytes(layout, rows, k).total()) /
         (static_cast<double>(rows) * static_cast<double>(k));
}

}  // namespace bitjoule
