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
/// machines with one buffer for all activations. There nothing of them is moved, and they must fit;
/// but for what products read by the port of weights: keys, values and their cache.
enum class ActivationMemory { kDram, kOnChip };

/// Whether scores, softmax and context of an attention are layers of their own, or one: tile by
/// tile of the keys, so that no score leaves the chip (docs/attention.md).
enum class AttentionExecution { kUnfused, kFused };

/// What the mapper minimises. One number alone buys a little of itself at any price: the default is
/// the product of energy and delay.
enum class MappingObjective { kEdp, kEnergy, kCycles, kTraffic };

/// The objective in full: energy^a * cycles^b * traffic^c, a sum of logarithms that needs no units.
/// A weight of 2 says that 1 % of one is worth 2 % of what has a weight of 1.
struct ObjectiveWeights {
  double energy = 0, cycles = 0, traffic = 0;
};
ObjectiveWeights weights_of(MappingObjective objective);

/// What may differ from layer to layer.
struct TilePins {
  std::optional<MappingObjective> objective;  ///< default: edp
  std::optional<ObjectiveWeights> weights;    ///< instead of `objective`
  std::optional<LoopOrder> order;
  /// Sizes of a tile; m in output pixels: part of a row, whole rows, or whole maps. Those that
  /// exceed a layer are clipped to it.
  std::optional<std::int64_t> tile_m, tile_n, tile_k;
  std::optional<std::int64_t> tile_batch, tile_rows, tile_cols;  ///< a rectangle instead of m
  std::optional<std::int64_t> tile_groups;
  std::optional<FoldOrder> fold_order;
  std::optional<Dataflow> dataflow;  ///< one of the machine's
};

struct MappingPins : TilePins {
  /// So many of the best tilings by estimate are simulated before one is taken; default: 6 where
  /// the objective is cycles alone, which an estimate knows least, else 1.
  std::optional<std::int64_t> finalists;
  DramLayout weight_layout = DramLayout::kTiled;
  DramLayout activation_layout = DramLayout::kRowMajor;
  ActivationMemory activations = ActivationMemory::kDram;
  /// What leaves goes to DRAM even where activations stay on chip (NetworkLayer::to_memory).
  bool stores_outputs = false;
  AttentionExecution attention = AttentionExecution::kUnfused;
  /// Keys and values of a cache lie in pages of so many tokens, scattered (docs/attention.md,
  /// "Pages"); 0: token after token.
  std::int64_t kv_page = 0;
};

/// A layer's pins where it has any, the run's elsewhere.
TilePins with(const TilePins& layer, TilePins run);
MappingPins with(const TilePins& layer, MappingPins run);

}  // namespace bitjoule
