#include "run/network_tensor.h"

#include <algorithm>
#include <cmath>

#include "core/numeric/affine.h"
#include "core/numeric/coded_tensor.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {
namespace {

bool is_integer_per_tensor(const StorageLayout& layout) {
  return layout.format->cls == FormatClass::kInteger && layout.scales.group == kWholeTensor;
}

bool same_format(const TensorFormat& a, const TensorFormat& b) {
  return a.format == b.format && a.granularity == b.granularity && a.group_size == b.group_size &&
         a.symmetric == b.symmetric && a.scale == b.scale && a.zero_point == b.zero_point;
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
  tensor.values.assign(reference.begin(), reference.end());
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
  return scale_of(storage_layout(format), {reference.begin(), reference.end()});
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
    std::vector<std::uint16_t> coded(values.size());
    encode_affine(layout, p, values.data(), n, coded.data());
    for (std::uint16_t& code : coded) code &= (1u << layout.format->bits) - 1;
    decode_affine(layout, p, coded.data(), n, values.data());
    tensor.scale = p.scale;
    tensor.zero_point = p.zero_point;
    tensor.codes.assign(coded.begin(), coded.end());
    if (layout.format->is_signed) {
      std::vector<std::int16_t> extended(coded.size());
      sign_extend(layout, coded.data(), n, extended.data());
      tensor.codes.assign(extended.begin(), extended.end());
    }
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
