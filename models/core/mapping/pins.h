// The part of a mapping that a user has fixed; the mapper searches the rest.
#pragma once

#include <cstdint>
#include <optional>

#include "core/machine/machine.h"

namespace bitjoule {

/// The order of the three tile loops, outermost first.
enum class LoopOrder { kMnk, kMkn, kNmk, kNkm, kKmn, kKnm };

/// A dimension of the product, and the loop over its tiles.
enum class LoopDim { kM, kN, kK };

/// Which loop over the folds of a tile is the innermost: that over k, so that the sums of some
/// columns are complete before those of others begin, or that over what lies on the columns, so
/// that folds of the same k follow one another.
enum class FoldOrder { kKInnermost, kColumnsInnermost };

/// Where a tensor's elements stand in DRAM: rows of its innermost axis one after the other, or tile
/// after tile, each contiguous from the start of a burst. Pixels that the windows of two tiled
/// inputs share stand in both.
enum class DramLayout { kRowMajor, kTiled };

/// Where inputs and outputs are between layers: in DRAM, or in the input and output buffers, as in
/// machines with one buffer for all activations. There nothing of them is moved, and they must fit.
enum class ActivationMemory { kDram, kOnChip };

/// What the mapper minimises first; the other decides between equals.
enum class MappingObjective { kTraffic, kCycles };

struct MappingPins {
  std::optional<MappingObjective> objective;  ///< default: traffic
  std::optional<LoopOrder> order;
  /// Sizes of a tile; m in output pixels: part of a row, whole rows, or whole maps.
  std::optional<std::int64_t> tile_m, tile_n, tile_k;
  std::optional<std::int64_t> tile_groups;
  std::optional<FoldOrder> fold_order;
  std::optional<Dataflow> dataflow;  ///< one of the machine's
  DramLayout weight_layout = DramLayout::kTiled;
  DramLayout activation_layout = DramLayout::kRowMajor;
  ActivationMemory activations = ActivationMemory::kDram;
};

}  // namespace bitjoule
