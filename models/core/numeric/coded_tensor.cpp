#include "core/numeric/coded_tensor.h"

#include <string>

#include "core/error.h"
#include "core/index.h"
#include "core/numeric/pack.h"
#include "core/numeric/scale_storage.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw input_error(what);
}

/// Whether all of them are lo..hi, without which the narrow ones are wrong.
BITJOULE_VECTORIZE bool narrow_codes(const std::int32_t* codes, std::int64_t n, std::int32_t lo,
                                     std::int32_t hi, std::uint16_t* narrow) {
  std::int32_t least = hi, most = lo;
  for (std::int64_t i = 0; i < n; ++i) {
    least = codes[i] < least ? codes[i] : least;
    most = codes[i] > most ? codes[i] : most;
    narrow[i] = static_cast<std::uint16_t>(codes[i]);
  }
  return least >= lo && most <= hi;
}

template <class T>
const T& of_row(const std::vector<T>& values, std::int64_t row) {
  return values[values.size() == 1 ? 0 : at(row)];
}

}  // namespace

QuantizedTensor coded_tensor(const TensorFormat& format, const std::vector<std::int32_t>& codes,
                             std::int64_t rows, std::int64_t k, const std::vector<float>& scales,
                             const std::vector<std::int32_t>& zero_points) {
  const StorageLayout layout = storage_layout(format);
  const Format& f = *layout.format;
  const bool per_tensor = layout.scales.group == kWholeTensor;
  require(f.cls == FormatClass::kInteger && (per_tensor || layout.scales.group == kWholeRow),
          f.name + ": expected an integer format with a scale per tensor or per channel");
  require(codes.size() == at(rows * k),
          "expected " + std::to_string(rows * k) + " codes, got " + std::to_string(codes.size()));
  const std::int64_t groups = per_tensor ? 1 : rows;
  for (const std::size_t count : {scales.size(), zero_points.size()})
    require(count == 1 || count == at(groups), "expected 1 or " + std::to_string(groups) +
                                                   " scales and zero-points, got " +
                                                   std::to_string(count));

  const RegionBytes fields = tensor_bytes(layout, rows, k);
  std::vector<std::uint8_t> bytes(at(fields.total()));
  std::vector<std::uint16_t> row(at(k));
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t* from = &codes[at(r * k)];
    if (!narrow_codes(from, k, f.min_code, f.max_code, row.data()))
      for (std::int64_t i = 0; i < k; ++i)
        require(from[i] >= f.min_code && from[i] <= f.max_code,
                f.name + " does not hold " + std::to_string(from[i]));
    pack_codes(row.data(), k, f.bits, &bytes[at(fields.codes / rows * r)]);
  }
  const int scale_bits = static_cast<int>(layout.scales.bits);
  const int zero_bits = static_cast<int>(layout.zero_points.bits);
  for (std::int64_t g = 0; g < groups; ++g) {
    put_bits(&bytes[at(fields.codes)], g * scale_bits, scale_bits,
             encode_scale(layout.scale_format, of_row(scales, g)));
    const std::int32_t zero = of_row(zero_points, g);
    if (zero_bits == 0) {
      require(zero == 0,
              f.name + ": a symmetric format has no zero-point, got " + std::to_string(zero));
      continue;
    }
    const std::uint32_t stored = encode_zero_point(layout, zero);
    require(decode_zero_point(layout, stored) == zero,
            f.name + " does not hold the zero-point " + std::to_string(zero));
    put_bits(&bytes[at(fields.codes + fields.scales)], zero_point_bit(layout, g, rows, k),
             zero_bits, stored);
  }
  return QuantizedTensor::from_stored(format, std::move(bytes), rows, k);
}

}  // namespace bitjoule
