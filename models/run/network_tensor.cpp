#include "run/network_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/index.h"
#include "core/numeric/affine.h"
#include "core/numeric/coded_tensor.h"
#include "core/numeric/float_formats.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

bool is_integer_per_tensor(const StorageLayout& layout) {
  return layout.format->cls == FormatClass::kInteger && layout.scales.group == kWholeTensor;
}

bool same_format(const TensorFormat& a, const TensorFormat& b) {
  return a.format == b.format && a.granularity == b.granularity && a.group_size == b.group_size &&
         a.symmetric == b.symmetric && a.scale == b.scale && a.zero_point == b.zero_point;
}

constexpr std::int64_t kPiece = 2048;  // elements that stay in the first level of caches

/// body(first, count) for the pieces of `count` elements.
template <class Body>
void for_each_piece(std::int64_t count, Body body) {
  for (std::int64_t i = 0; i < count; i += kPiece) body(i, std::min(kPiece, count - i));
}

/// The scale that holds these values.
GroupParameters scale_of(const StorageLayout& layout, const std::vector<float>& values) {
  GroupStatistics statistics;
  statistics.add(layout, values.data(), static_cast<std::int64_t>(values.size()));
  return affine_parameters(layout, statistics);
}

}  // namespace

Quality quality_of(const NetworkTensor& tensor) {
  QualityMeter meter;
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    const double value =
        tensor.codes.empty() || !tensor.is_number ? tensor.values[i] : tensor.codes[i];
    const double wanted = tensor.unit * (tensor.reference[i] - tensor.origin);
    const auto got = static_cast<float>(tensor.unit * (value - tensor.origin));
    meter.add(&wanted, &got, 1);
  }
  return meter.result();
}

NetworkTensor raw_tensor(std::vector<float> values) {
  NetworkTensor tensor;
  tensor.reference.assign(values.begin(), values.end());
  tensor.values = std::move(values);
  tensor.is_raw = true;
  return tensor;
}

NetworkTensor exact_tensor(std::vector<double> reference) {
  NetworkTensor tensor;
  tensor.format.format = "fp32";
  tensor.values = converted<float>(reference);
  tensor.reference = std::move(reference);
  return tensor;
}

NetworkTensor number_tensor(std::vector<std::int32_t> codes) {
  NetworkTensor tensor;
  tensor.values.assign(codes.begin(), codes.end());
  tensor.reference.assign(codes.begin(), codes.end());
  tensor.codes = std::move(codes);
  tensor.is_number = true;
  return tensor;
}

GroupParameters calibrated(const TensorFormat& format, const std::vector<double>& reference) {
  const StorageLayout layout = storage_layout(format);
  GroupStatistics statistics;
  std::array<float, kPiece> piece;
  for_each_piece(static_cast<std::int64_t>(reference.size()), [&](std::int64_t i, std::int64_t n) {
    std::copy_n(reference.begin() + i, n, piece.begin());
    statistics.add(layout, piece.data(), n);
  });
  return affine_parameters(layout, statistics);
}

NetworkTensor stored_tensor(const TensorFormat& format, std::vector<float> values,
                            std::vector<double> reference, std::int64_t rows, std::int64_t cols,
                            const std::optional<GroupParameters>& scale) {
  NetworkTensor tensor;
  tensor.format = format;
  tensor.reference = std::move(reference);
  const StorageLayout layout = storage_layout(format);
  if (is_integer_per_tensor(layout)) {
    const GroupParameters p = scale            ? *scale
                              : layout.dynamic ? scale_of(layout, values)
                                               : calibrated(format, tensor.reference);
    const auto n = static_cast<std::int64_t>(values.size());
    std::array<std::uint16_t, kPiece> coded;
    std::array<std::int16_t, kPiece> extended;
    tensor.codes.reserve(values.size());
    for_each_piece(n, [&](std::int64_t first, std::int64_t count) {
      float* piece = &values[at(first)];
      encode_affine(layout, p, piece, count, coded.data());
      for (std::int64_t i = 0; i < count; ++i) coded[at(i)] &= (1u << layout.format->bits) - 1;
      decode_affine(layout, p, coded.data(), count, piece);
      if (layout.format->is_signed) {
        sign_extend(layout, coded.data(), count, extended.data());
        tensor.codes.insert(tensor.codes.end(), extended.begin(), extended.begin() + count);
      } else {
        tensor.codes.insert(tensor.codes.end(), coded.begin(), coded.begin() + count);
      }
    });
    tensor.scale = p.scale;
    tensor.zero_point = p.zero_point;
  } else if (layout.format->cls == FormatClass::kFloat) {
    round_to(layout.format->fp, values.data(), static_cast<std::int64_t>(values.size()),
             values.data());
  } else {
    auto stored = std::make_shared<QuantizedTensor>(
        QuantizedTensor::quantize(format, values.data(), rows, cols));
    stored->decode(values.data());
    if (layout.scales.present() || layout.interleaved()) tensor.stored = std::move(stored);
  }
  tensor.values = std::move(values);
  return tensor;
}

QuantizedTensor as_operand(const NetworkTensor& tensor, const TensorFormat& format,
                           std::int64_t rows, std::int64_t cols) {
  const bool is_same = same_format(tensor.format, format);
  const bool is_float = find_format(format.format).cls == FormatClass::kFloat;
  if (format.format == "fp32" || (is_same && is_float))  // which are rounded already
    return QuantizedTensor::over(format, tensor.values, rows, cols);
  if (is_same) {
    if (tensor.stored != nullptr && tensor.stored->rows() == rows && tensor.stored->k() == cols) {
      QuantizedTensor operand = *tensor.stored;
      operand.lend(tensor.values);
      return operand;
    }
    if (!tensor.codes.empty() && !tensor.is_number && find_format(format.format).bits > 1)
      return coded_tensor(format, tensor.codes, rows, cols, {tensor.scale}, {tensor.zero_point});
  }
  return QuantizedTensor::quantize(format, tensor.values.data(), rows, cols);
}

}  // namespace bitjoule
