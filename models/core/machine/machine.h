// The parameters of the modelled accelerator: plain values, read by mapping, hw and reports.
// docs/architecture.md draws the machine, docs/timing.md gives every parameter its cycles.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
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

/// How the folds of a layer's groups share the array: several side by side, each with rows and
/// columns of its own, where the PEs of other groups can be left without an operand; or one by one.
enum class GroupFolds { kPacked, kAlone };

/// How weights stand in DRAM and weight buffer: what there is of them, or in whole tiles of the
/// array, filled up with zeros that are stored and fetched like weights.
enum class WeightTiles { kExact, kPadded };

/// Where integer weights become floats: between weight buffer and array, or between DRAM and
/// buffer.
enum class DequantizerPlacement { kArrayEdge, kDramSide };

/// How the array is simulated: PE by PE and cycle by cycle, or tile by tile in closed form. Both
/// give the same numbers (docs/timing.md).
enum class Fidelity { kFast, kPe, kEstimate };

/// How the products of a PE that holds several MACs become one sum, where their sums are exact (of
/// integers, and of fp4 and fp6 elements in groups): in a tree of narrow adders, whose result one
/// wide adder adds to the partial sum; or each by a wide adder of its own.
enum class PeAdders { kTree, kChain };

struct PeConfig {
  std::int64_t width = 32;  ///< bits of multiplier operands per PE
  Packing packing = Packing::kWidest;
  PeAdders adders = PeAdders::kTree;
};

struct ArrayConfig {
  std::int64_t rows = 32;
  std::int64_t cols = 32;
  Dataflow dataflow = Dataflow::kWeightStationary;
  std::vector<Dataflow> other_dataflows;  ///< that it can be set to instead, layer by layer
  Overlap overlap = Overlap::kFull;
  EdgeFolds edge_folds = EdgeFolds::kFull;
  GroupFolds group_folds = GroupFolds::kPacked;
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
  /// ... or either, as the mapper chooses for each layer: `double_buffered` is its choice then.
  bool either_buffering = false;
};

/// What a buffer holds.
enum class BufferRole { kInput, kWeight, kAccumulator, kOutput, kScale };
inline constexpr std::array<BufferRole, 5> kBufferRoles = {BufferRole::kInput, BufferRole::kWeight,
                                                           BufferRole::kAccumulator,
                                                           BufferRole::kOutput, BufferRole::kScale};

/// A set of roles.
class BufferRoles {
 public:
  constexpr BufferRoles() = default;
  constexpr BufferRoles(std::initializer_list<BufferRole> roles) {
    for (const BufferRole role : roles) add(role);
  }
  constexpr bool has(BufferRole role) const { return (bits_ & bit(role)) != 0; }
  constexpr void add(BufferRole role) { bits_ |= bit(role); }
  std::int64_t size() const {
    return std::count_if(kBufferRoles.begin(), kBufferRoles.end(),
                         [this](BufferRole role) { return has(role); });
  }
  friend constexpr bool operator==(BufferRoles a, BufferRoles b) { return a.bits_ == b.bits_; }

 private:
  static constexpr std::uint32_t bit(BufferRole role) { return 1U << static_cast<unsigned>(role); }
  std::uint32_t bits_ = 0;
};

/// One SRAM for several roles: each layer has its banks divided among them, every bank to one
/// (core/mapping/division.h).
struct UnifiedBufferConfig {
  BufferConfig sram{Bytes(512 * 1024), 64, Bits(64), true, false};
  BufferRoles roles{BufferRole::kInput, BufferRole::kWeight, BufferRole::kAccumulator,
                    BufferRole::kOutput};

  Bytes bank() const { return Bytes(sram.capacity.value / sram.banks); }
};

struct BuffersConfig {
  BufferConfig input, weight, accumulator, output;
  BufferConfig scale;  ///< scales, zero-points, minima, biases
  /// Whose roles' members above hold nothing until `divided`: then each role's share, for a layer.
  std::optional<UnifiedBufferConfig> unified;
  bool divided = false;

  bool unifies(BufferRole role) const { return unified && unified->roles.has(role); }
  BufferConfig& of(BufferRole role) { return this->*member(role); }
  const BufferConfig& of(BufferRole role) const { return this->*member(role); }
  /// Whether they may differ from layer to layer.
  bool flexible() const {
    return unified || std::any_of(kBufferRoles.begin(), kBufferRoles.end(),
                                  [this](BufferRole role) { return of(role).either_buffering; });
  }

 private:
  static BufferConfig BuffersConfig::*member(BufferRole role) {
    constexpr BufferConfig BuffersConfig::*kMembers[] = {
        &BuffersConfig::input, &BuffersConfig::weight, &BuffersConfig::accumulator,
        &BuffersConfig::output, &BuffersConfig::scale};
    return kMembers[static_cast<std::size_t>(role)];
  }
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
  std::optional<Volts> voltage;    ///< of the core; empty: the energy table's nominal one
  std::optional<Hertz> max_clock;  ///< the highest clock at the nominal voltage; empty: not known
  ArrayConfig array;
  BuffersConfig buffers;
  DequantizerConfig dequantizer;
  OutputUnitConfig output_unit;
  VectorUnitConfig vector_unit;
  DmaConfig dma;
};

}  // namespace bitjoule
