// The part of the feature map that the windows of a tile look at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mapping/tiling.h"

namespace bitjoule {

/// Rows and columns after clipping to the map (halos included, padding not), and channels of each
/// group. Where all windows look at one row of theirs (a 1 x 1 kernel, say), the rows between
/// strides are left out, and so are the columns.
struct InputWindow {
  std::int64_t h0, rows, h_step;  ///< rows h0, h0 + h_step, ...
  std::int64_t w0, cols, w_step;
  std::int64_t c0, c1;
  std::int64_t pixels() const { return rows * cols; }
  std::int64_t channels() const { return c1 - c0; }
};
InputWindow input_window(const MappingProblem& problem, const Tile& tile, std::int64_t k0,
                         std::int64_t k1);

/// Columns between strides are fetched, as one run with the others, where they take less than a
/// burst. Tiles that are contiguous hold what is needed.
bool skips_columns(const MappingProblem& problem);

/// Consecutive tiles along one axis.
struct TileRange {
  std::int64_t first = 0, count = 1;
};

/// Some of them, mostly one or two, which take no memory of their own: a search asks for them tens
/// of thousands of times.
class TileRanges {
 public:
  TileRanges() = default;
  explicit TileRanges(const TileRange& one) { push_back(one); }
  void push_back(const TileRange& range) {
    if (size_ < kFew) {
      few_[size_++] = range;
      return;
    }
    if (size_ == kFew) many_.assign(few_.begin(), few_.end());
    many_.push_back(range);
    ++size_;
  }
  const TileRange* begin() const { return size_ <= kFew ? few_.data() : many_.data(); }
  const TileRange* end() const { return begin() + size_; }
  std::size_t size() const { return size_; }
  TileRange& back() { return size_ <= kFew ? few_[size_ - 1] : many_.back(); }

 private:
  static constexpr std::size_t kFew = 4;
  std::array<TileRange, kFew> few_{};
  std::vector<TileRange> many_;  // all of them, where they are more
  std::size_t size_ = 0;
};

/// The tiles of an axis as ranges of equal size: `total` in tiles of `tile`.
TileRanges equal_tiles(std::int64_t total, std::int64_t tile);

/// Tiles along k as ranges whose windows have equal taps, and channels at equal distances.
TileRanges equal_channels(const Lowered& layer, std::int64_t tile_k);

/// Tiles of `tile` output rows (columns) as ranges whose windows, for the taps of k0..k1, have
/// equally many rows (columns) at equal distances. Tiles with none are left out.
TileRanges equal_rows(const Lowered& layer, std::int64_t tile, std::int64_t k0, std::int64_t k1);
TileRanges equal_cols(const Lowered& layer, std::int64_t tile, std::int64_t k0, std::int64_t k1);

}  // namespace bitjoule
