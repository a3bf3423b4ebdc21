// Where the bits of a tensor lie. A tensor is `rows` (output channels) x `k`, k contiguous.
//
// Planar formats keep one array per field. Codes: each row starts at a whole byte, elements packed
// from the least significant bit. Scales, zero-points, minima: packed without gaps in the order
// [row][group]; a region's share of a field is rounded up to whole bytes once. AWQ's packed
// zero-points lie as in its checkpoints: words of eight rows, in the order [group][eight rows].
// Interleaved formats (GGML) are a sequence of blocks that hold all fields.
#pragma once

#include <cstdint>

#include "core/numeric/format.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

inline constexpr std::int64_t kWholeRow = 0;
inline constexpr std::int64_t kWholeTensor = -1;

/// `bits` per `group` consecutive elements of a row (or kWholeRow, kWholeTensor); bits 0: absent.
struct StorageField {
  std::int64_t bits = 0;
  std::int64_t group = 1;
  std::int64_t rows = 1;  ///< that share it
  bool present() const { return bits != 0; }
};

enum class ScaleFormat {
  kNone,
  kFloat32,
  kFloat16,
  kBfloat16,
  kE8m0,
  kDynamic8,
  kTwoLevel,
  kProgressive  ///< an int8 factor, then an int8 offset
};

/// As numbers of their own, or as wide as the codes: GPTQ stores zero - 1 in the order of the
/// scales, plain the zero itself; AWQ that, interleaved (zero_point_bit).
enum class ZeroPacking { kNone, kGptq, kPlain, kAwq };

/// How zero-points are stored: `bits` wide, holding lo..hi.
struct ZeroPointFormat {
  int bits = 0;
  std::int64_t lo = 0, hi = 0;
  ZeroPacking packing = ZeroPacking::kNone;
  FloatSpec fp;  ///< where stored as a float
};

/// A TensorFormat worked out: the fields that are stored, and how.
struct StorageLayout {
  const Format* format = nullptr;
  bool symmetric = true;
  /// Scales as the vector unit computes them: elements are multiplied by 1 / scale, not divided.
  bool dynamic = false;
  bool by_input = false;  ///< the weights have taken over a scale for each input
  std::int64_t block_elements = 0, block_bytes = 0;  ///< interleaved formats, else 0
  StorageField codes;
  StorageField scales;
  StorageField zero_points;
  StorageField mins;
  /// nf4_dq: fp32 scale of 256 consecutive scales (group counts scales). qoq4: the row's scale.
  StorageField tables;
  std::int64_t constant_bytes = 0;  ///< once per tensor, beside kWholeTensor fields: nf4_dq's
                                    ///< mean, nvfp4's scale
  ScaleFormat scale_format = ScaleFormat::kNone;
  ScaleFormat min_format = ScaleFormat::kNone;  ///< of offsets, in planar formats
  bool inverse_scale = false;                   ///< nvfp4's scale of the tensor divides
  ZeroPointFormat zero_format;

  bool interleaved() const { return block_bytes != 0; }
  bool progressive() const { return scale_format == ScaleFormat::kProgressive; }
  /// What an element's code takes at least, in whole bits.
  std::int64_t least_code_bits() const {
    return interleaved() ? format->block_code_bits() / block_elements : codes.bits;
  }
};

/// Bytes of each field of one region.
struct RegionBytes {
  std::int64_t codes = 0, scales = 0, zero_points = 0, mins = 0, tables = 0;
  std::int64_t total() const { return codes + scales + zero_points + mins + tables; }
  /// Everything but the codes: what the scale store holds.
  std::int64_t parameters() const { return total() - codes; }
};

/// Throws an input Error for unknown names and combinations that cannot be stored.
StorageLayout storage_layout(const TensorFormat& format);

/// Whether the vector unit has to find the scales when the values are there: integers per token, or
/// of a dynamic tensor.
bool has_dynamic_scales(const TensorFormat& format);
/// Whether what linear layers read in it has a static scale for each of their inputs.
bool has_channel_scales(const TensorFormat& format);

/// A k at which a region may start so that no byte, group or block is fetched twice (1, 2, 32,
/// ...).
std::int64_t region_alignment(const StorageLayout& layout);

/// Bytes of `rows` output channels x `k` consecutive elements that start at region_alignment, with
/// the padding stated above; a short last group has a whole scale. Per-tensor entries are not part
/// of regions (see tensor_constants). Throws an input Error where k does not fill whole blocks of
/// an interleaved format.
RegionBytes region_bytes(const StorageLayout& layout, std::int64_t rows, std::int64_t k);

/// Bytes read once per tensor: per-tensor scale and zero-point, nf4_dq's mean.
RegionBytes tensor_constants(const StorageLayout& layout);

/// Index of the scale (and zero-point) of element k of a row, in a planar tensor of rows of
/// `row_length` elements.
std::int64_t group_index(const StorageLayout& layout, std::int64_t row, std::int64_t k,
                         std::int64_t row_length);

/// The first bit of the zero-point with that group_index in a planar tensor of `rows` rows.
std::int64_t zero_point_bit(const StorageLayout& layout, std::int64_t index, std::int64_t rows,
                            std::int64_t row_length);

/// All bytes of a tensor: region_bytes + tensor_constants.
RegionBytes tensor_bytes(const StorageLayout& layout, std::int64_t rows, std::int64_t k);

/// Stored bits per element, everything included.
double effective_bits_per_weight(const StorageLayout& layout, std::int64_t rows, std::int64_t k);

/// Groups of a row of `k` elements for a field (1 for kWholeRow and kWholeTensor).
std::int64_t groups_per_row(const StorageField& field, std::int64_t k);

}  // namespace bitjoule
