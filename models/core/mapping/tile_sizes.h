// What each tile of a stream asks of the DMA, on the average of those alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/mapping/stream_key.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule {

class TileSizes {
 public:
  struct Size {
    double requests = 0, bursts = 1;               ///< bursts of each request
    std::int64_t elements = 0, last_elements = 0;  ///< that pass a dequantizer on the DRAM side
  };

  /// Of a stream that does not move.
  TileSizes() = default;
  TileSizes(const MappingProblem& problem, const TileLayout& layout, Stream stream);

  /// Of the tile that a step needs.
  const Size& of(TileIndex index) const;
  /// Where tiles along an axis cease to be like the one before.
  void add_bounds(std::int64_t TileIndex::*axis, std::vector<std::int64_t>* bounds) const;

 private:
  static Size size_of(const MappingProblem& p, const TileLayout& layout, Stream stream,
                      const TileBox& box, std::int64_t request);

  std::array<bool, 3> depends_{};
  TileLayout::Boxes boxes_;
  Few<Size, 4> sizes_;            // of each
  mutable std::size_t last_ = 0;  // the box found last
};

/// Those of all tilings of a problem that were asked for: loops in another order, and tilings that
/// differ in what a stream does not depend on, have the same.
class KnownTileSizes {
 public:
  /// `problem` outlives it; its buffers may become others.
  explicit KnownTileSizes(const MappingProblem& problem) : p_(problem) {}

  const TileSizes& of(const Tiling& tiling, const TileLayout& layout, Stream stream);

 private:
  const MappingProblem& p_;
  std::array<std::unordered_map<SizesKey, TileSizes, SizesKey::Hash>, kStreams.size()> known_;
};

}  // namespace bitjoule
