#include "core/energy/dequant_cost.h"

#include <utility>

#include "core/numeric/storage.h"

namespace bitjoule {
namespace {

class OperationList {
 public:
  void add(Primitive primitive, const std::string& type, const char* purpose,
           std::int64_t elements = 1) {
    operations_.push_back({primitive, type, purpose, 1, elements});
  }
  std::vector<DequantOperation> take() { return std::move(operations_); }

 private:
  std::vector<DequantOperation> operations_;
};

// Turning stored scales into fp32: one conversion per group for fp16 and bf16; fp32 and e8m0 need
// none.
void add_scale_conversion(const StorageLayout& layout, OperationList& list) {
  const std::int64_t group = layout.scales.group;
  if (group <= 0) return;
  if (layout.scale_format == ScaleFormat::kFloat16 ||
      layout.scale_format == ScaleFormat::kBfloat16) {
    list.add(Primitive::kConvert, "fp32", "convert_scale", group);
  }
  if (layout.min_format == ScaleFormat::kFloat16 || layout.min_format == ScaleFormat::kBfloat16)
    list.add(Primitive::kConvert, "fp32", "convert_min", group);
  if (layout.scale_format == ScaleFormat::kTwoLevel) {
    list.add(Primitive::kConvert, "fp32", "convert_scale", group);
    list.add(Primitive::kMultiply, "fp32", "scale_scale", group);
  }
  if (layout.scale_format == ScaleFormat::kDynamic8) {
    list.add(Primitive::kLookup, "lut256", "lookup_scale", group);
    list.add(Primitive::kMultiply, "fp32", "scale_scale", group);
    list.add(Primitive::kAdd, "fp32", "offset_scale", group);
  }
}

// GGML: d and dmin are fp16 per block; K-quants multiply them by a group's small integers.
void add_block_scales(const Format& f, bool has_min, OperationList& list) {
  list.add(Primitive::kConvert, "fp32", "convert_scale", f.block_elements);
  if (has_min) list.add(Primitive::kConvert, "fp32", "convert_min", f.block_elements);
  if (f.group == f.block_elements) return;
  list.add(Primitive::kConvert, "fp32", "convert_sub_scale", f.group);
  list.add(Primitive::kMultiply, "fp32", "sub_scale", f.group);
  if (!has_min) return;
  list.add(Primitive::kConvert, "fp32", "convert_sub_min", f.group);
  list.add(Primitive::kMultiply, "fp32", "sub_min", f.group);
}

void add_lookup(const Format& f, OperationList& list) {
  if (!f.lookup.empty()) list.add(Primitive::kLookup, f.lookup, "lookup", f.lookup_elements);
}

/// The integers that codes stand for: from a table, or by those of their group.
void add_integers(const Format& f, OperationList& list) {
  add_lookup(f, list);
  if (!f.progressive) return;
  list.add(Primitive::kMultiply, "int4xint8", "group_scale");
  list.add(Primitive::kAdd, "int8", "group_offset");
}

}  // namespace

std::vector<DequantOperation> lookup_cost(const TensorFormat& format) {
  OperationList list;
  add_integers(find_format(format.format), list);
  return list.take();
}

std::vector<DequantOperation> dequant_cost(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  const Format& f = *layout.format;
  OperationList list;
  if (f.cls == FormatClass::kFloat) {
    // fp32 and tf32 already lie in memory as fp32.
    if (f.bits < 32) list.add(Primitive::kConvert, "fp32", "convert");
    return list.take();
  }
  if (layout.interleaved()) {
    add_block_scales(f, layout.mins.present(), list);
  } else {
    add_scale_conversion(layout, list);
  }
  if (f.cls == FormatClass::kCodebook) {
    add_lookup(f, list);
    list.add(Primitive::kMultiply, "fp32", "scale");
    return list.take();
  }
  if (layout.zero_points.present()) {
    // A difference of n-bit codes has n + 1 bits: an 8-bit adder below 8 bits.
    list.add(Primitive::kAdd, f.bits < 8 ? "int8" : f.bits < 16 ? "int16" : "int32", "zero_point");
  }
  // Tables of single elements hold floats; those of several, integers.
  add_integers(f, list);
  if (f.lookup.empty() || f.lookup_elements > 1) list.add(Primitive::kConvert, "fp32", "convert");
  if (layout.scale_format == ScaleFormat::kE8m0) {
    // A power of two: the scale is added to the exponent.
    list.add(Primitive::kAdd, "int8", "scale");
  } else {
    list.add(Primitive::kMultiply, "fp32", "scale");
  }
  if (layout.mins.present()) list.add(Primitive::kAdd, "fp32", "min");
  return list.take();
}

}  // namespace bitjoule
