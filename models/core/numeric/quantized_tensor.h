// A tensor as it lies in memory: format, shape and the stored bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/affine.h"
#include "core/numeric/storage.h"

namespace bitjoule {

struct BlockCodec;

/// Whether integer MACs can consume a format's codes directly, scales being applied to partial
/// sums: value = scale * (code - zero_point) + min.
struct NativeInteger {
  bool available = false;  ///< false: floats and codebooks, and uint16 (no signed 16-bit operand)
  int operand_bits = 0;    ///< width of a multiplier operand that holds every code
  bool is_signed = true;   ///< false: operands are 0..2^bits - 1
  int min_code = 0, max_code = 0;
  bool has_zero_point = false;  ///< costs a correction by the sum of the other operand
  bool has_min = false;         ///< likewise (q4_1, K-quants)
  bool has_lookup = false;      ///< the dequantizer makes the integers of codes (iq4_nl, qoq4)
};

NativeInteger native_integer(const TensorFormat& format);

/// Consecutive elements along k that share one scale: partial sums leave the integer domain there.
/// 0: the whole row (per channel and per tensor).
std::int64_t native_group(const TensorFormat& format);

class QuantizedTensor {
 public:
  /// Encodes rows x k floats, rounding as the format's origin does (docs/formats.md). Throws an
  /// input Error where the shape does not fit the format.
  static QuantizedTensor quantize(const TensorFormat& format, const float* data, std::int64_t rows,
                                  std::int64_t k);
  /// The same with scales and zero-points that were chosen before, as storage will return them: one
  /// for each group in the order of group_index. For planar formats but nf4_dq, nvfp4 and qoq4.
  static QuantizedTensor quantize(const TensorFormat& format, const float* data, std::int64_t rows,
                                  std::int64_t k, const std::vector<GroupParameters>& groups);

  /// Values of a float format, where they lie: they must outlive the tensor, which has no bytes.
  static QuantizedTensor over(const TensorFormat& format, const std::vector<float>& values,
                              std::int64_t rows, std::int64_t k);
  /// Its values where somebody has decoded them: they must outlive the tensor.
  void lend(const std::vector<float>& values) { values_ = &values; }

  /// Takes stored bytes as they are: interleaved blocks, or the planar fields in the order codes,
  /// scales, zero-points, offsets, tables. Throws an input Error where their number is not
  /// tensor_bytes.
  static QuantizedTensor from_stored(const TensorFormat& format, std::vector<std::uint8_t> bytes,
                                     std::int64_t rows, std::int64_t k);

  /// Which group each element along k belongs to, where that does not follow from its place (GPTQ's
  /// act order). Of planar formats with groups.
  void set_groups(std::vector<std::int32_t> groups);
  bool has_own_groups() const { return !groups_.empty(); }

  const TensorFormat& format() const { return format_; }
  const StorageLayout& layout() const { return layout_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t k() const { return k_; }
  /// Empty of a tensor over() values.
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  /// All rows x k values, where somebody has them; else nullptr.
  const std::vector<float>* values() const { return values_; }

  /// All rows x k values.
  void decode(float* values) const { decode_rows(0, rows_, 0, k_, values); }
  /// The values of rows row0..row1 - 1, elements k0..k1 - 1, densely.
  void decode_rows(std::int64_t row0, std::int64_t row1, std::int64_t k0, std::int64_t k1,
                   float* values) const;

  /// All elements without their scales; only where they are floats (is_float_element()).
  void elements(float* values) const;
  /// What multiplies a sum over the group that holds element k of the row: scale(), but of formats
  /// of two levels that of the group alone, beside which all sums have the tensor_factor().
  float group_scale(std::int64_t row, std::int64_t k) const;
  double tensor_factor() const;
  /// The same of `count` groups in the order of group_index, where nothing but planar scales is
  /// stored of them: has_plain_scales().
  void group_scales(std::int64_t first, std::int64_t count, float* scales) const;
  bool has_plain_scales() const {
    return layout_.scales.present() && layout_.scales.group != kWholeTensor &&
           layout_.scales.rows == 1 && !layout_.zero_points.present() && !layout_.mins.present() &&
           !layout_.interleaved() && !layout_.progressive() && !has_own_groups() &&
           layout_.scale_format != ScaleFormat::kDynamic8;
  }

  /// Integer codes of one row; only where native_integer(format).available.
  void codes(std::int64_t row, std::int64_t k0, std::int64_t k1, std::int16_t* integers) const;
  /// Of the group that holds element k of the row; value = scale * (code - zero_point) + min.
  float scale(std::int64_t row, std::int64_t k) const;
  std::int32_t zero_point(std::int64_t row, std::int64_t k) const;
  float min(std::int64_t row, std::int64_t k) const;

 private:
  QuantizedTensor(const TensorFormat& format, std::int64_t rows, std::int64_t k);

  /// Chooses, rounds and stores the scales; returns what elements are encoded with, per group.
  std::vector<GroupParameters> store_scales(const float* data);
  std::vector<GroupParameters> store_block_scales(const float* data);
  /// Of every group, in the order of group_index; groups have one row.
  std::vector<float> largest_of_groups(const float* data) const;
  void put_scales(const std::vector<GroupParameters>& groups,
                  const std::vector<std::uint32_t>& stored);
  /// Of every group, in the order of group_index.
  std::vector<GroupStatistics> statistics(const float* data) const;
  std::vector<GroupStatistics> whole_statistics(const float* data) const;
  std::vector<GroupStatistics> block_statistics(const float* data) const;
  void encode_progressive(const float* data);
  void check_progressive() const;
  void progressive_codes(std::int64_t row, std::int64_t k0, std::int64_t k1,
                         std::int16_t* integers) const;
  void decode_progressive_row(std::int64_t row, std::int64_t k0, std::int64_t k1,
                              float* values) const;
  float row_scale(std::int64_t row) const;
  void store_double_quantized(const std::vector<GroupParameters>& groups);
  /// Elements whose codes lie side by side, in groups whose parameters do.
  struct Run {
    std::int64_t byte = 0, index = 0;  ///< of the first element; of the first group
    std::int64_t group = 0;            ///< elements; 0: it is none
  };
  std::int64_t row_group() const;
  Run whole_run() const;
  Run run_of_row(std::int64_t row) const;
  void encode_run(const Run& run, const float* x, std::int64_t n,
                  const std::vector<GroupParameters>& groups);
  void encode_planar(const float* x, const std::vector<GroupParameters>& groups);
  void decode_run(const Run& run, std::int64_t k0, std::int64_t k1, float* values) const;
  void decode_planar(std::int64_t row0, std::int64_t row1, std::int64_t k0, std::int64_t k1,
                     float* values) const;
  void load_parameters(std::int64_t first, std::int64_t last,
                       std::vector<GroupParameters>& parameters) const;
  void decode_ordered_row(std::int64_t row, std::int64_t k0, std::int64_t k1, float* values) const;
  void decode_blocks_row(std::int64_t row, std::int64_t k0, std::int64_t k1, float* values) const;
  /// Interleaved formats: the block that holds element k.
  const std::uint8_t* block(std::int64_t row, std::int64_t k) const;
  float stored_scale(std::int64_t index) const;
  float stored_tensor_scale() const;  ///< of formats of two levels
  std::int32_t stored_zero_point(std::int64_t index) const;
  float stored_offset(std::int64_t index) const;

  TensorFormat format_;
  StorageLayout layout_;
  const BlockCodec* codec_ = nullptr;  // of interleaved formats
  std::int64_t rows_, k_;
  std::int64_t row_bytes_ = 0;  // of the codes, or of the blocks
  // planar: where fields start
  std::int64_t scales_at_ = 0, zeros_at_ = 0, mins_at_ = 0, tables_at_ = 0;
  std::vector<std::int32_t> groups_;  // of each k; empty: by its place
  std::vector<std::uint8_t> bytes_;
  const std::vector<float>* values_ = nullptr;  // what decode() yields
};

}  // namespace bitjoule
