// How results lie in DRAM, and how vector operators read them: rows of elements, each with its
// scales.
#pragma once

#include <cstdint>

#include "core/numeric/storage.h"

namespace bitjoule {

/// Whether codes have scales beside them: those of planar formats, but one for a whole tensor.
bool has_row_scales(const StorageLayout& layout);

/// Bits of a scale with its zero-point or minimum; 0 where one covers the whole tensor, or lies in
/// a block.
std::int64_t scale_entry_bits(const StorageLayout& layout);
/// Bits of `count` of them, with the scales that they have themselves (nf4_dq).
std::int64_t scale_bits(const StorageLayout& layout, std::int64_t count);

/// Rows of `length` elements. A scale lies behind the last code that it is of, so that what is
/// between two places is what a transfer of the elements between them moves: who ends a block or a
/// row has its scale. The scales of a row take whole bytes.
struct StoredRows {
  const StorageLayout* layout;
  std::int64_t length;

  /// Bits ahead of an element; of blocks, which hold all of their fields, ahead of the next one.
  std::int64_t place(std::int64_t element) const;
  std::int64_t bits(std::int64_t first, std::int64_t end) const;
  /// That so many consecutive elements take at most, wherever they begin.
  std::int64_t most_bits(std::int64_t count) const;
  std::int64_t row_bits() const { return place(length); }
  /// Of those, scales.
  std::int64_t row_scale_bits() const;
  /// Whether so many elements take the same bits wherever whole rows or blocks begin.
  bool repeats(std::int64_t elements) const;
  /// Whether a chunk of so many begins and ends with whole blocks, wherever it is one of equals.
  bool in_whole_blocks(std::int64_t elements) const;
};

}  // namespace bitjoule
