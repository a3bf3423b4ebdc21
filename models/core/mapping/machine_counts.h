// Integer counts of what the modules did in one layer, and their rows for pricing.
#pragma once

#include <array>
#include <cstdint>

#include "core/energy/action.h"
#include "core/mapping/array_work.h"
#include "core/mapping/folds.h"
#include "core/mapping/program.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// Port-wide accesses of one buffer, and the most that it held.
struct BufferCounts {
  std::int64_t reads = 0, writes = 0;
  std::int64_t peak_bytes = 0;
};

struct MachineCounts {
  std::int64_t macs = 0;
  std::int64_t mac_slots = 0;  ///< MACs that the whole array could have done during the steps
  PeAdds adds;
  ArrayMoves moves;
  OperandCounts operands;  ///< where they are counted (DataEnergy)
  BufferCounts input, weight, accumulator, output, scale;
  std::int64_t unified_peak_bytes = 0;   ///< the most that the roles of a unified buffer held
  std::int64_t dequantized_weights = 0;  ///< elements
  std::int64_t dequantized_inputs = 0;
  std::int64_t accumulations = 0;    ///< results added to a partial sum in the accumulator buffer
  std::int64_t group_results = 0;    ///< integer partial sums scaled to float (scale groups)
  std::int64_t activation_sums = 0;  ///< activations added up for weight zero-points
  std::int64_t corrections = 0;      ///< results corrected by a sum of activations
  std::int64_t outputs = 0;          ///< elements converted by the output unit
  /// By the vector unit: primitives in the order of Primitive, operands that become fp32, results
  /// that leave it.
  std::array<std::int64_t, kVectorPrimitives> vector{};
  std::int64_t vector_widened = 0, vector_narrowed = 0;
  std::int64_t dram_read_bits = 0, dram_write_bits = 0;  ///< whole bursts
};

inline constexpr BufferCounts MachineCounts::*kBufferCounts[] = {
    &MachineCounts::input, &MachineCounts::weight, &MachineCounts::accumulator,
    &MachineCounts::output, &MachineCounts::scale};

/// Calls f with every count that adds up (all but the peaks) of each of `counts`, in one order:
/// whatever sums, compares or prices them goes by this list.
template <class F, class... C>
constexpr void each_count(F f, C&... counts) {
  constexpr std::int64_t MachineCounts::*kScalars[] = {&MachineCounts::macs,
                                                       &MachineCounts::mac_slots,
                                                       &MachineCounts::dequantized_weights,
                                                       &MachineCounts::dequantized_inputs,
                                                       &MachineCounts::accumulations,
                                                       &MachineCounts::group_results,
                                                       &MachineCounts::activation_sums,
                                                       &MachineCounts::corrections,
                                                       &MachineCounts::outputs,
                                                       &MachineCounts::vector_widened,
                                                       &MachineCounts::vector_narrowed,
                                                       &MachineCounts::dram_read_bits,
                                                       &MachineCounts::dram_write_bits};
  for (const auto scalar : kScalars) f(counts.*scalar...);
  for (const auto buffer : kBufferCounts) {
    f((counts.*buffer).reads...);
    f((counts.*buffer).writes...);
  }
  f(counts.adds.wide...);
  for (std::size_t i = 0; i < kTreeLevels; ++i) f(counts.adds.tree[i]...);
  for (std::size_t i = 0; i < kArrayMoves; ++i) f(counts.moves.counts[i]...);
  for (std::size_t i = 0; i < kOperandCounts; ++i) f(counts.operands.counts[i]...);
  for (std::size_t i = 0; i < kVectorPrimitives; ++i) f(counts.vector[i]...);
}

/// How many that are.
constexpr std::size_t count_of_counts() {
  std::size_t n = 0;
  const MachineCounts none;
  each_count([&n](const std::int64_t&) { ++n; }, none);
  return n;
}
inline constexpr std::size_t kMachineCounts = count_of_counts();

bool operator==(const MachineCounts& a, const MachineCounts& b);
/// Adds what is counted one after the other; peaks are the higher of the two.
MachineCounts& operator+=(MachineCounts& a, const MachineCounts& b);
/// So many times, one after the other; peaks stay.
MachineCounts& operator*=(MachineCounts& a, std::int64_t n);

/// Bits of the scales whose first element is one of k0..k1: read per row of either operand that
/// lies along k.
struct ScaleBits {
  std::int64_t weights = 0, inputs = 0;
};
ScaleBits fold_scale_bits(const MappingProblem& problem, std::int64_t k0, std::int64_t k1);
/// The same of n0..n1, where weights lie as rows of n; else 0.
std::int64_t column_scale_bits(const MappingProblem& problem, std::int64_t n0, std::int64_t n1);

/// Accesses to the scale buffer for one fold: a scale is read with the first of its elements in a
/// row of k; a short last group has a whole one.
std::int64_t fold_scale_reads(const MappingProblem& problem, const FoldJob& job);

/// What the array and its buffers do in one fold, in closed form. The PE-level array counts for
/// itself; the two must agree.
void count_fold(const MappingProblem& problem, const FoldJob& job, MachineCounts& counts);

/// What the output unit and its buffers do for a finished tile.
void count_output(const MappingProblem& problem, const Tile& tile, MachineCounts& counts);

/// What a load writes into the buffers, and passes a dequantizer on the DRAM side; what a store
/// reads from the output buffer.
struct TransferCounts {
  std::int64_t input_writes = 0, weight_writes = 0, scale_writes = 0, output_reads = 0;
  std::int64_t dequantized_weights = 0;

  void add(const TransferCounts& other, std::int64_t times);
  void add_to(MachineCounts& counts, std::int64_t times) const;
};
TransferCounts transfer_counts(const MappingProblem& problem, const LoadOp& op);
TransferCounts transfer_counts(const MappingProblem& problem, const StoreOp& op);

void count_load(const MappingProblem& problem, const LoadOp& op, MachineCounts& counts);
void count_store(const MappingProblem& problem, const StoreOp& op, MachineCounts& counts);

/// What the vector unit and its buffers do for a chunk.
void count_vector(const MappingProblem& problem, const VectorJob& job, MachineCounts& counts);

/// Whether the PEs of a layer add their products in a tree: integers may. Floats are added one
/// after the other, as each addition rounds.
bool adds_in_tree(const MappingProblem& problem);

/// Rows for pricing, component by component (components.h).
Counts priced_actions(const MappingProblem& problem, const MachineCounts& counts);

/// The clock of a layer with MACs: all PEs in all of its cycles, whether they work or wait. A PE
/// has as many flip-flops as the layer's words take: an operand from the west and one from the
/// north, a sum; where outputs stay, one on its way out; else what stays, twice where the next is
/// loaded during a stream.
void append_array_clock(const MappingProblem& problem, Cycles cycles, Counts* counts);

}  // namespace bitjoule
