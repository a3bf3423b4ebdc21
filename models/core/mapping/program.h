// A layer as the machine executes it: four queues of tile operations that wait for one another by
// counting completions, as decoupled access-execute machines do with tokens.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/energy/action.h"
#include "core/mapping/region.h"
#include "core/mapping/tensor.h"
#include "core/mapping/tiling.h"
#include "core/mapping/traffic.h"

namespace bitjoule {

class TileLayout;

/// Fetches one region into a buffer. The weight queue holds both weights and their scales.
struct LoadOp {
  Tensor tensor = Tensor::kInputs;
  Region region;
  std::int64_t releases_needed = 0;  ///< compute operations whose slot must be free again
  /// Weights that no other layer computes may come while the layer ahead still runs: into this of
  /// the slots that it frees (Program::weight_slots_free). -1: not before the layer begins.
  std::int64_t slot_ahead = -1;
  std::int64_t sram_bits = 0;   ///< written into the buffer
  std::int64_t dequantize = 0;  ///< elements that pass a dequantizer on the DRAM side
};

/// What the scale buffer gets of a load of weights in blocks that hold their scales; nothing of
/// floats that a dequantizer on the DRAM side makes.
Bits block_scale_bits(const LoadOp& op);

/// Runs the folds of one tile on the array.
struct ComputeOp {
  Tile tile;
  std::int64_t inputs_needed = 0, weights_needed = 0;  ///< loads of each queue that must be done
  std::int64_t outputs_needed = 0;  ///< output operations that must have freed an accumulator slot
  bool first_k = true, last_k = true;
  // Of a fused layer.
  std::size_t product = 0;          ///< of Program::products
  std::int64_t vectors_needed = 0;  ///< vector jobs that must be done
  Bits freed_inputs{0};             ///< of the input buffer, that the vector unit had written there
};

/// Converts the finished accumulators of one output tile.
struct OutputOp {
  std::int64_t computes_needed = 0;
  std::int64_t stores_needed = 0;  ///< stores that must have freed an output slot
  std::int64_t elements = 0;
  std::int64_t compute = 0;  ///< the compute operation that finished the tile
};

/// Writes one output tile back, or its scales.
struct StoreOp {
  Tensor tensor = Tensor::kOutputs;
  Region region;
  std::int64_t outputs_needed = 0;
  std::int64_t sram_bits = 0;  ///< read from the output buffer
};

/// The primitives that the vector unit does: kAdd to kExp.
inline constexpr std::size_t kVectorPrimitives = static_cast<std::size_t>(Primitive::kExp) + 1;

/// One chunk of a vector operator: read from the input and weight buffers, written straight into
/// the output buffer.
struct VectorJob {
  std::int64_t inputs_needed = 0, weights_needed = 0;  ///< loads of each queue that must be done
  std::int64_t weights_done = 0;   ///< loads of weights that nothing reads after this chunk
  std::int64_t stores_needed = 0;  ///< stores that must have freed an output slot
  Cycles cycles{0};
  std::array<std::int64_t, kVectorPrimitives> work{};  ///< count of each primitive
  std::int64_t widened = 0;                            ///< operand elements that become fp32 first
  std::int64_t narrowed = 0;                           ///< results that leave fp32
  std::int64_t input_read_bits = 0, input_write_bits = 0;  ///< of the input buffer
  std::int64_t weight_read_bits = 0, output_write_bits = 0;
  // Of a fused layer, whose vector unit works on what the array yields and next takes.
  std::int64_t computes_needed = 0;  ///< whose results must be in the accumulator buffer
  std::int64_t releases_needed = 0;  ///< computes that must have read what this one writes over
  bool yields = true;                ///< writes an output tile, which a store follows
  std::int64_t accumulator_read_bits = 0, accumulator_write_bits = 0, scale_read_bits = 0;
  Bits freed_sums{0};   ///< of the accumulator buffer, that nothing reads afterwards
  Bits held_inputs{0};  ///< of the input buffer, for the array
};

/// Either computes and outputs, of a layer with MACs, or vectors have entries; `stores_per_output`
/// stores follow each output or vector. A fused layer has computes and vectors: its array and its
/// vector unit work at the same time, on tiles that wait for one another.
struct Program {
  std::vector<LoadOp> input_loads, weight_loads;
  std::vector<ComputeOp> computes;
  std::vector<OutputOp> outputs;
  std::vector<VectorJob> vectors;
  std::vector<StoreOp> stores;
  /// Of a fused layer, what ComputeOp::product counts; the array finishes every operation before it
  /// begins the next. Empty: all computes are the layer's.
  std::vector<std::shared_ptr<const MappingProblem>> products;
  std::int64_t stores_per_output = 1;  ///< 2: results, then their scales
  /// Computes (or vectors) that must be released until one slot of the weight buffer is free for
  /// another layer, until two are, ...
  std::vector<std::int64_t> weight_slots_free;
  std::int64_t groups_at_once = 1;  ///< on the array: Tiling::groups_at_once
  Bytes dram_footprint;             ///< end of the last tensor

  bool fused() const { return !products.empty(); }
};

/// What the array sees of an operation: the layer's problem, or that of one of its products.
inline const MappingProblem& problem_of(const MappingProblem& layer, const Program& program,
                                        const ComputeOp& op) {
  return program.fused() ? *program.products[op.product] : layer;
}

/// Weights of a layer that were fetched while the one ahead of it ran: its first loads.
struct WeightsAhead {
  std::vector<Cycles> usable;  ///< of each complete load, the layer's cycle from which it is
  std::int64_t bursts = 0;     ///< of the load after them, that have arrived
  std::int64_t all_bursts = 0;
  Cycles dequantizer_free{0};  ///< on the DRAM side: it works on them until this cycle
};

/// What the array needs for a program if memory never makes it wait: clock edges between its first
/// event and its last MAC. SCALE-Sim's reports count the same way (docs/timing.md,
/// "compute_cycles").
std::int64_t compute_cycles(const MappingProblem& problem, const Program& program);

/// Lays the tensors out in DRAM and writes the program of a tiling that fits, of a problem
/// configured() for it: with one setting, its buffers divided. Throws an input Error where the
/// tensors exceed the DRAM's capacity.
Program make_program(const MappingProblem& problem, const Tiling& tiling);

/// What of a program yields values, in few large tiles: each result's k in the parts of the
/// tiling's tiles, on which sums depend. It moves nothing.
Program values_program(const MappingProblem& problem, const Tiling& tiling);

/// What make_program() throws where the tensors of a tiling exceed the memory, without the program.
void check_capacity(const MappingProblem& problem, const TileLayout& layout);

/// What a program moves, by the regions of its operations.
DramTraffic traffic_of(const Program& program, std::int64_t burst_bytes);

/// Throws an internal Error where a transfer leaves the addresses of its tensor, two tensors
/// overlap, or the footprint is not the end of the last.
void check_addresses(const MappingProblem& problem, const Tiling& tiling, const Program& program);

}  // namespace bitjoule
