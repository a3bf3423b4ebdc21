// The parameters of the modelled accelerator: plain values, read by mapping, hw and reports.
// docs/architecture.md draws the machine, docs/timing.md gives every parameter its cycles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/units.h"

namespace bitjoule {

/// What stays in the PEs: weights (K x N on rows x cols), outputs (M x N) or inputs (K x M).
enum class Dataflow { kWeightStationary, kOutputStationary, kInputStationary };

/// How consecutive folds share time: one after the other; the next fold's stationary operand loads
/// once the stream has entered, while the array drains; it loads during the stream; or, beyond
/// that, the next stream follows at once behind the diagonal.
enum class Overlap { kNone, kDrain, kWeights, kFull };

/// Timing of a fold that does not fill the array: the whole array's, or only the used part's.
enum class EdgeFolds { kFull, kExact };

/// How many MACs a PE of `width` bits holds, for a MAC type of t bits and operands of b_w x b_a:
/// width / t; the precision-scalable width / t * (t / b_w) * (t / b_a); always one; or one
/// multiplier of width x width, through which wider integers pass in parts (macs_per_pe, mac_passes
/// in core/numeric/mac.h).
enum class Packing { kWidest, kProduct, kNone, kPasses };

/// How weights stand in DRAM and weight buffer: what there is of them, or in whole tiles of the
/// array, filled up with zeros that are stored and fetched like weights.
enum class WeightTiles { kExact, kPadded };

/// Where integer weights become floats: between weight buffer and array, or between DRAM and
/// buffer.
enum class DequantizerPlacement { kArrayEdge, kDramSide };

/// How the array is simulated: PE by PE and cycle by cycle, or tile by tile in closed form. Both
/// give the same numbers (docs/timing.md).
enum class Fidelity { kFast, kPe };

struct PeConfig {
  std::int64_t width = 32;  ///< bits of multiplier operands per PE
  Packing packing = Packing::kWidest;
};

struct ArrayConfig {
  std::int64_t rows = 32;
  std::int64_t cols = 32;
  Dataflow dataflow = Dataflow::kWeightStationary;
  std::vector<Dataflow> other_dataflows;  ///< that it can be set to instead, layer by layer
  Overlap overlap = Overlap::kFull;
  EdgeFolds edge_folds = EdgeFolds::kFull;
  WeightTiles weight_tiles = WeightTiles::kExact;
  PeConfig pe;
};

/// An SRAM of `banks` equal banks, each with one read and one write port of `port_width` bits, so
/// that up to banks * port_width bits move per cycle and direction. An access is one port-wide
/// word.
struct BufferConfig {
  Bytes capacity{64 * 1024};
  std::int64_t banks = 8;
  Bits port_width{64};
  bool double_buffered = true;  ///< two halves: one filled while the other is read
};

struct BuffersConfig {
  BufferConfig input, weight, accumulator, output;
  BufferConfig scale;  ///< scales, zero-points, minima, biases
};

struct DequantizerConfig {
  std::int64_t lanes = 128;  ///< elements per cycle
  Cycles latency{4};         ///< pipeline depth
  DequantizerPlacement placement = DequantizerPlacement::kArrayEdge;
};

struct OutputUnitConfig {
  std::int64_t lanes = 32;  ///< accumulators converted per cycle
  Cycles latency{4};        ///< pipeline depth
};

struct VectorUnitConfig {
  std::int64_t lanes = 32;  ///< elements per cycle of one primitive operation
  Cycles latency{8};        ///< pipeline depth
};

struct DmaConfig {
  Bytes request{64};                    ///< of consecutive bursts asked for together, at most
  std::int64_t outstanding = 128;       ///< requests in flight at most
  std::int64_t requests_per_cycle = 4;  ///< that may leave in one core cycle
  std::int64_t queue = 4;               ///< transfers that each stream holds

  std::int64_t bursts_per_request(std::int64_t burst_bytes) const {
    return std::max<std::int64_t>(1, request.value / burst_bytes);
  }
};

struct AcceleratorConfig {
  std::string name;
  Hertz clock{1'000'000'000};
  ArrayConfig array;
  BuffersConfig buffers;
  DequantizerConfig dequantizer;
  OutputUnitConfig output_unit;
  VectorUnitConfig vector_unit;
  DmaConfig dma;
};

}  // namespace bitjoule
