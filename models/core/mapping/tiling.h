// Tile sizes and loop order of one layer on one machine, and what they imply.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/dram/config.h"
#include "core/energy/price.h"
#include "core/machine/bound.h"
#include "core/machine/machine.h"
#include "core/mapping/array_timing.h"
#include "core/mapping/data_path.h"
#include "core/mapping/dataflow/dataflow.h"
#include "core/workload/lowering.h"
#include "core/workload/pins.h"

namespace bitjoule {

class ResolvedDram;

/// What mapping needs to know about the memory: sizes, and its peak rate in bytes per core cycle.
struct MemoryPort {
  std::int64_t burst_bytes = 64;
  double bytes_per_cycle = 12.8;
  std::int64_t latency_cycles = 100;  ///< of a single access, for estimates
  std::int64_t row_cycles = 0;        ///< opening a row, which a tile may have to, for estimates
  std::int64_t ranks = 0;             ///< of all channels; 0: the DRAM has no commands
  std::shared_ptr<const ResolvedDram> sampled;  ///< the memory itself, to be asked
  double hit_latency = 100;        ///< core cycles, acceptance to the data of an open row
  double write_latency = 100;      ///< the same of a write
  double open_latency = 0;         ///< more where the row is closed
  double refresh_lost = 0;         ///< core cycles without data around a refresh
  double refresh_cycles = 0;       ///< core cycles from refresh to refresh of a rank; 0: none
  double refresh_busy = 0;         ///< core cycles that a refresh of a rank takes
  double bank_refresh_cycles = 0;  ///< from refresh to refresh of banks of a rank; 0: none
  double bank_refresh_busy = 0;    ///< that a refresh of banks takes
  std::int64_t banks_per_rank = 0;
  std::int64_t rank_refreshes = 1;  ///< refreshes of banks that refresh as much as one of a rank
  double row_open_cycles =
      0;  ///< of a row, where pages are closed behind a burst; 0: they stay open
  Femtoseconds core_period{0};  ///< of the core clock, rounded
  Bytes capacity{std::int64_t{1} << 40};

  /// Whether a layer that takes so many core cycles meets a refresh of a rank.
  bool refreshes(double cycles) const {
    return refresh_cycles > 0 && cycles >= refresh_cycles - refresh_lost;
  }
};

/// The shares of a layer's operands that are taken not to be zero.
struct OperandDensity {
  double inputs = 1, weights = 1;
};

/// What energy takes notice of in the numbers that are multiplied.
struct DataEnergy {
  bool counted = false;                   ///< with values: zeros and toggling bits are counted
  std::optional<OperandDensity> density;  ///< without: zeros as many as these say
};

/// One layer to be mapped: everything that mapping, estimates and the program depend on.
struct MappingProblem {
  Lowered layer;
  OutputStage stage;
  DataPath path;
  AcceleratorConfig machine;
  MemoryPort memory;
  DramLayout weight_layout = DramLayout::kTiled;
  DramLayout activation_layout = DramLayout::kRowMajor;
  ActivationMemory activations = ActivationMemory::kDram;
  bool stores_outputs = false;  ///< as MappingPins::stores_outputs
  /// Of a product whose second operand is cached: its rows lie in pages of so many; 0: they do not.
  std::int64_t kv_page = 0;
  std::shared_ptr<const Prices> prices;  ///< what estimates are priced by; null: by nothing
  DataEnergy data;
  /// Nobody wants to know what the mapping costs: of those that yield the same values any will do.
  bool values_alone = false;
  std::int64_t bias_bits() const { return stage.bias ? 32 : 0; }  ///< of one output channel
};

inline bool inputs_on_chip(const MappingProblem& p) {
  return p.activations == ActivationMemory::kOnChip;
}
inline bool outputs_on_chip(const MappingProblem& p) {
  return inputs_on_chip(p) && !p.stores_outputs;
}

inline const ArrayDataflow& dataflow_of(const MappingProblem& problem) {
  return array_dataflow(problem.machine.array.dataflow);
}

/// A tile is groups x (batch, out_rows, out_cols) x n x k. Loops run over tiles in `order`, the
/// outermost first, inside a loop over the group tiles.
struct Tiling {
  std::int64_t groups = 1;
  std::int64_t batch = 1, out_rows = 1, out_cols = 1;
  std::int64_t n = 1, k = 1;
  /// The input buffer holds all of k for the tile's pixels, whatever k the weight tile has.
  bool input_full_k = false;
  std::array<LoopDim, 3> order = {LoopDim::kM, LoopDim::kN, LoopDim::kK};
  FoldOrder fold_order = FoldOrder::kKInnermost;
  /// Folds are of so many groups side by side: no more than a tile has, nor than
  /// most_groups_at_once().
  std::int64_t groups_at_once = 1;
  /// Buffers that hold one tile at a time, of those where the machine allows either.
  BufferRoles single;

  std::int64_t m() const { return batch * out_rows * out_cols; }
};

/// Throws an input Error where a layer's shape and its formats do not go together: scales that
/// differ inside one integer sum, rows that do not fill blocks.
void check_layer_formats(const MappingProblem& problem);

/// E.g. "m, n, k".
std::string order_name(const std::array<LoopDim, 3>& order);

/// Tiles along each loop.
struct TripCounts {
  std::int64_t groups, batch, out_rows, out_cols, n, k;
  std::int64_t m() const { return batch * out_rows * out_cols; }
  std::int64_t total() const { return groups * m() * n * k; }
};
TripCounts trip_counts(const Lowered& layer, const Tiling& tiling);

/// Half-open ranges of one tile, and how it is executed.
struct Tile {
  std::int64_t g0, g1;                  ///< groups
  std::int64_t b0, b1, r0, r1, c0, c1;  ///< batch, output rows, output columns
  std::int64_t n0, n1, k0, k1;
  FoldOrder fold_order = FoldOrder::kKInnermost;
  std::int64_t groups_at_once = 1;

  std::int64_t groups() const { return g1 - g0; }
  std::int64_t m() const { return (b1 - b0) * (r1 - r0) * (c1 - c0); }
  std::int64_t n() const { return n1 - n0; }
  std::int64_t k() const { return k1 - k0; }
};

/// E.g. "g0 m0 n64 k128": where the tile begins.
std::string tile_name(const Tile& tile);

/// Bytes that the largest tile occupies in each buffer.
struct TileFootprint {
  Bytes input, weight, scale, accumulator, output;

  Bytes of(BufferRole role) const;
};
TileFootprint tile_footprint(const MappingProblem& problem, const Tiling& tiling);

/// Whether biases are int32 of input scale x weight scale: integer sums that become an integer
/// output. Otherwise they are fp32.
bool integer_bias(const DataPath& path);

/// Output tiles whose partial sums live at once under a loop order.
std::int64_t live_output_tiles(const Tiling& tiling, const TripCounts& trips);

/// Throws an input Error where activations stay on chip and do not fit there.
void check_activation_memory(const MappingProblem& problem, std::int64_t input_bytes,
                             std::int64_t output_bytes);

/// Why a tiling does not fit, e.g. "weight tile of 147456 B exceeds 65536 B of the weight buffer
/// (half of 128 KiB)"; empty where it fits.
std::string misfit(const MappingProblem& problem, const Tiling& tiling,
                   const TileFootprint& footprint);

/// Whether the tiling fits every buffer.
bool fits(const MappingProblem& problem, const Tiling& tiling, const TileFootprint& footprint);

/// Bytes of a buffer available to one tile.
Bytes usable(const BufferConfig& buffer);

/// n and k of a weight tile as DRAM and weight buffer hold it: what lies on the array rounded up to
/// the whole of it, where the machine pads its weight tiles.
struct WeightExtent {
  std::int64_t n, k;
};
WeightExtent stored_weights(const MappingProblem& problem, std::int64_t n, std::int64_t k);

/// Bytes of so many groups of n x k weights, as they are stored.
RegionBytes weight_bytes(const MappingProblem& problem, std::int64_t groups, std::int64_t n,
                         std::int64_t k);

/// Bytes of the weight buffer that their codes take: packed as stored, or floats of the MAC's
/// format where the dequantizer stands on the DRAM side.
std::int64_t weight_buffer_bytes(const MappingProblem& problem, std::int64_t groups, std::int64_t n,
                                 std::int64_t k);

/// Whether weights become floats between the weight buffer and the array.
bool dequantizes_at_edge(const MappingProblem& problem);
/// Bits per weight read from the weight buffer.
std::int64_t weight_read_bits(const MappingProblem& problem);

/// The operand rates at the array for a layer whose folds are of so many groups.
ArrayRates array_rates(const MappingProblem& problem, std::int64_t groups_at_once);
/// ... with other buffers than the problem's.
ArrayRates array_rates(const MappingProblem& problem, std::int64_t groups_at_once,
                       const BuffersConfig& buffers);

/// Cycles of the output unit for each batch of its lanes: the slower of accumulator reads and
/// writes to the output buffer.
std::int64_t output_interval(const MappingProblem& problem);

/// Adds to what is known of a layer's cycles whether a larger array or narrower numbers help it.
void add_array_limits(const MappingProblem& problem, BoundEvidence& evidence);

}  // namespace bitjoule
