#include "core/numeric/sole_rows.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "core/numeric/pack.h"

namespace bitjoule {

bool has_sole_rows(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  if (layout.interleaved()) return true;
  return layout.scales.present() && layout.scales.group != kWholeTensor &&
         layout.scales.rows == 1 && !layout.tables.present() && layout.constant_bytes == 0 &&
         !layout.progressive() && layout.scale_format != ScaleFormat::kTwoLevel &&
         layout.scale_format != ScaleFormat::kDynamic8 &&
         layout.zero_format.packing != ZeroPacking::kAwq;
}

bool has_sole_rows(const QuantizedTensor& tensor) {
  return has_sole_rows(tensor.format()) && !tensor.has_own_groups() && !tensor.bytes().empty();
}

QuantizedTensor rows_from(const QuantizedTensor& tensor, std::int64_t first, std::int64_t count) {
  const TensorFormat& format = tensor.format();
  if (!has_sole_rows(tensor))
    throw internal_error("rows of a tensor in " + format.format + " are not by themselves");
  const StorageLayout& layout = tensor.layout();
  const std::int64_t k = tensor.k();
  const RegionBytes from = tensor_bytes(layout, tensor.rows(), k);
  const RegionBytes to = tensor_bytes(layout, count, k);
  std::vector<std::uint8_t> bytes(at(to.total()));
  // Fields of whole bytes, so many for each row.
  std::int64_t read = 0, written = 0;
  const auto copy = [&](std::int64_t of_tensor, std::int64_t of_part) {
    const std::int64_t skipped = first * (of_part / count);
    std::copy_n(tensor.bytes().begin() + read + skipped, of_part, bytes.begin() + written);
    read += of_tensor;
    written += of_part;
  };
  if (layout.interleaved()) {
    copy(from.total(), to.total());
    return QuantizedTensor::from_stored(format, std::move(bytes), count, k);
  }
  copy(from.codes, to.codes);
  copy(from.scales, to.scales);
  const int zero_bits = static_cast<int>(layout.zero_points.bits);
  const std::int64_t per_row = groups_per_row(layout.scales, k);
  for (std::int64_t i = 0; zero_bits != 0 && i < count * per_row; ++i)
    put_bits(&bytes[at(written)], zero_point_bit(layout, i, count, k), zero_bits,
             get_bits(&tensor.bytes()[at(read)],
                      zero_point_bit(layout, first * per_row + i, tensor.rows(), k), zero_bits));
  read += from.zero_points;
  written += to.zero_points;
  copy(from.mins, to.mins);
  return QuantizedTensor::from_stored(format, std::move(bytes), count, k);
}

}  // namespace bitjoule
