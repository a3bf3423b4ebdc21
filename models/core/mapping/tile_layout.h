// Where the tiles of a layer lie in DRAM: the one geometry, which both the program and the
// estimates read.
#pragma once

#include <array>
#include <cstdint>

#include "core/few.h"
#include "core/mapping/input_scales.h"
#include "core/mapping/region.h"
#include "core/mapping/reuse.h"
#include "core/mapping/tiling.h"
#include "core/mapping/window.h"

namespace bitjoule {

/// Which tile along each axis.
struct TileIndex {
  std::int64_t g = 0, b = 0, r = 0, c = 0, n = 0, k = 0;
};

/// What one tile of a stream moves.
struct Transfer {
  Region region;                ///< in DRAM
  std::int64_t sram_bits = 0;   ///< in its buffer
  std::int64_t dequantize = 0;  ///< elements that pass a dequantizer on the DRAM side
};

/// Tiles whose transfers of a stream have the same shape, and stand at equal distances along each
/// axis: those from `first` on, `count` of them along each axis.
struct TileBox {
  TileIndex first, count;
};

/// Bytes of DRAM.
struct AddressRange {
  std::int64_t begin = 0, end = 0;
};

class TileLayout {
 public:
  TileLayout(const MappingProblem& problem, const Tiling& tiling);

  const TripCounts& trips() const { return trips_; }
  Tile tile(const TileIndex& index) const;
  /// False where the layer has no such stream, or it stays on chip: its transfers are empty.
  bool moves(Stream stream) const { return moves_[at(stream)]; }
  Transfer transfer(Stream stream, const TileIndex& index) const;

  const Reuse& reuse() const { return reuse_; }

  /// Boxes that hold every tile of a stream once, but for tiles that move nothing.
  using Boxes = Few<TileBox, 4>;
  Boxes boxes(Stream stream) const;

  /// Where a stream's tensor lies, without the padding to the next one.
  const AddressRange& range(Stream stream) const { return ranges_[at(stream)]; }
  /// The end of the last tensor.
  Bytes footprint() const { return footprint_; }

 private:
  static std::size_t at(Stream stream) { return static_cast<std::size_t>(stream); }
  std::int64_t input_k_tiles() const { return t_.input_full_k ? 1 : trips_.k; }
  std::int64_t pixel_tile(const TileIndex& i) const;
  void place_tensors();
  std::int64_t largest_input_tile() const;
  InputWindow window(const Tile& tile, bool whole_k) const;
  Region input_rows(const Tile& tile) const;
  Region output_rows(const Tile& tile) const;
  Region input_scales(const Tile& tile) const;
  Region weight_rows(const Tile& tile) const;
  std::int64_t group_rows() const;
  std::int64_t row_bytes() const;
  Region bias_rows(const Tile& tile) const;
  Transfer activations(Stream stream, const Region& rows, std::int64_t index) const;
  std::int64_t tile_begin(Stream stream, std::int64_t index) const {
    return range(stream).begin + index * tile_bytes_[at(stream)];
  }
  TileRanges group_ranges(Stream stream) const;

  const MappingProblem& p_;
  const Tiling& t_;
  TripCounts trips_;
  Reuse reuse_;
  std::array<bool, kStreams.size()> moves_{};
  std::array<AddressRange, kStreams.size()> ranges_{};
  std::array<std::int64_t, kStreams.size()>
      tile_bytes_{};  // from tile to tile where they are contiguous
  Pages pages_;       ///< of the weights
  Bytes footprint_{0};
};

}  // namespace bitjoule
