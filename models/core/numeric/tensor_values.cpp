#include "core/numeric/tensor_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// Rows of the last dimension.
std::int64_t row_length(const StoredTensor& t) { return t.shape.empty() ? 1 : t.shape.back(); }

void require_data(const StoredTensor& t) {
  if (t.data == nullptr && t.bytes != 0)
    throw input_error(
        fmt::format("{}: tensor \"{}\": the file ends before its data", t.blob.name(), t.name));
}

std::vector<std::uint8_t> block_bytes(const StoredTensor& t, std::int64_t rows, std::int64_t k) {
  std::vector<std::uint8_t> bytes(t.data, t.data + t.bytes);
  if (t.type->format == std::string("mxfp4")) return mxfp4_from_ggml(bytes, rows, k);
  if (t.type->format == std::string("nvfp4")) return nvfp4_from_ggml(bytes, rows, k);
  return bytes;
}

QuantizedTensor packed_tensor(const StoredTensor& t, std::int64_t rows, std::int64_t k) {
  QuantizedTensor tensor = QuantizedTensor::from_stored(t.packed->format, t.packed->bytes, rows, k);
  if (!t.packed->groups.empty()) tensor.set_groups(t.packed->groups);
  return tensor;
}

bool same(const TensorFormat& a, const TensorFormat& b) {
  return a.format == b.format && a.granularity == b.granularity && a.group_size == b.group_size &&
         a.symmetric == b.symmetric && a.scale == b.scale && a.zero_point == b.zero_point;
}

const Format* format_of(const StoredTensor& t) {
  const std::vector<Format>& all = formats();
  const auto same = [&](const Format& f) { return f.name == t.type->format; };
  const auto found = std::find_if(all.begin(), all.end(), same);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::vector<float> tensor_values(const StoredTensor& t) {
  if (t.packed != nullptr) {
    std::vector<float> values(static_cast<std::size_t>(t.elements()));
    const std::int64_t k = row_length(t);
    if (!values.empty()) packed_tensor(t, t.elements() / k, k).decode(values.data());
    return values;
  }
  require_data(t);
  if (t.type->block_elements == 1) return to_floats(t);
  const Format* stored = format_of(t);
  if (stored == nullptr || !stored->has_values)
    throw input_error(fmt::format("{}: tensor \"{}\": {} blocks cannot be decoded{}", t.blob.name(),
                                  t.name, t.type->format,
                                  stored == nullptr ? "" : ": choose values: off"));
  std::vector<float> values(static_cast<std::size_t>(t.elements()));
  if (values.empty()) return values;
  const std::int64_t k = row_length(t), rows = t.elements() / k;
  TensorFormat format;
  format.format = t.type->format;
  QuantizedTensor::from_stored(format, block_bytes(t, rows, k), rows, k).decode(values.data());
  return values;
}

std::optional<QuantizedTensor> as_stored(const StoredTensor& t, const TensorFormat& format,
                                         std::int64_t rows, std::int64_t k) {
  if (t.packed != nullptr) {
    if (!same(t.packed->format, format) || k != row_length(t)) return {};
    return packed_tensor(t, rows, k);
  }
  const Format* stored = format_of(t);
  const bool whole = stored != nullptr &&
                     (stored->cls == FormatClass::kFloat || stored->cls == FormatClass::kBlock);
  if (!whole || stored->name != format.format || k % t.type->block_elements != 0) return {};
  require_data(t);
  return QuantizedTensor::from_stored(format, block_bytes(t, rows, k), rows, k);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return shape.empty() ? "one number" : fmt::format("{}", fmt::join(shape, " x "));
}

namespace {

/// Whether no exponent is that of NaN and infinities.
BITJOULE_VECTORIZE bool are_finite(const float* values, std::int64_t n) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t magnitude = bits_of(values[i]) & 0x7fffffffu;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest < 0x7f800000u;
}

}  // namespace

void require_representable(const std::string& where, const std::string& format,
                           const std::vector<float>& values) {
  const Format& f = find_format(format);
  const bool plain = f.cls == FormatClass::kFloat;
  const bool nans = plain && f.fp.specials != FloatSpecials::kNone;
  const bool infinities = nans && f.fp.specials == FloatSpecials::kIeee;
  if (infinities) return;
  const auto lost = [&](float v) { return std::isnan(v) ? !nans : std::isinf(v); };
  if (are_finite(values.data(), static_cast<std::int64_t>(values.size()))) return;
  const auto first = std::find_if(values.begin(), values.end(), lost);
  if (first == values.end()) return;
  throw input_error(fmt::format("{}: element {} is {}, which {} cannot hold", where,
                                first - values.begin(), *first, format));
}

}  // namespace bitjoule
