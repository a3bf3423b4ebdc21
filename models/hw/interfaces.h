// What the modules ask of one another. A token is given for the cycle in which its cause happens,
// at the latest in that cycle; the sequencer sees it one cycle later, and a command is acted upon
// one cycle after it is issued. So nothing depends on the order of calls within a cycle.
#pragma once

#include <functional>
#include <systemc>

#include "core/exec/layer_values.h"
#include "core/machine/stalls.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/program.h"
#include "core/result/trace.h"

namespace bitjoule {

enum class Token {
  kInputLoaded,
  kWeightArrived,  ///< ... from DRAM; a dequantizer on that side may still work on it
  kWeightLoaded,
  kAccepted,  ///< the array (or vector unit) has begun the operation at the head of its queue
  kReleased,  ///< ... has read its operands for the last time
  kComputed,  ///< ... has written its last result into the accumulator buffer
  kOutput,
  kStored,
  kFetchedAhead,  ///< a load of the next layer's weights
  // Of a fused layer, whose array gives kAccepted and kReleased:
  kVectorBegun,  ///< the vector unit has begun the job at the head of its queue
  kVectorDone,   ///< ... has written its last result
};
inline constexpr std::size_t kTokenKinds = 11;

/// What the modules share while they run one layer.
struct LayerRun {
  const MappingProblem* problem = nullptr;
  const Program* program = nullptr;
  LayerValues* values = nullptr;  ///< null: values off
  MachineCounts* counts = nullptr;
  Attribution* attribution = nullptr;
  Trace* trace = nullptr;                           ///< null: nothing is recorded
  std::function<void(std::int64_t macs)> progress;  ///< told now and then of the MACs done
  // Where layers overlap; null: they do not.
  const WeightsAhead* ahead = nullptr;  ///< what came of this layer's weights before cycle 0
  const Program* next = nullptr;        ///< whose weights come while this layer runs
  const MappingProblem* next_problem = nullptr;
};

/// Whether the array counts what its operands are.
inline bool counts_operands(const LayerRun& run) {
  return run.values != nullptr && run.problem->data.counted;
}

struct TokenIf : virtual sc_core::sc_interface {
  virtual void give(Token token, Cycles at) = 0;
};

/// What the units do with a buffer. Levels are told per tile: its bits are held from the cycle in
/// which it is complete to the one in which nobody needs it any more.
struct BufferIf : virtual sc_core::sc_interface {
  /// Port-wide accesses that so many bits, side by side, take.
  virtual std::int64_t accesses(Bits bits) const = 0;
  virtual void access(const BufferCounts& done) = 0;
  virtual void occupy(Cycles at, Bits bits) = 0;
  virtual void vacate(Cycles at, Bits bits) = 0;

  void read(std::int64_t count) { access({count, 0}); }
  void write(std::int64_t count) { access({0, count}); }
};

struct DequantizerIf : virtual sc_core::sc_interface {
  /// Elements that passed on their way from a buffer into the array.
  virtual void pass(std::int64_t weights, std::int64_t inputs) = 0;
  /// A tile (or the rest of one) on its way from DRAM into the weight buffer, by the arrivals of
  /// its first request and of its last one, of `last_elements`; returns when it is complete there.
  /// Does not count as pass() does.
  virtual Cycles pass_tile(std::int64_t elements, std::int64_t last_elements, Cycles first_arrival,
                           Cycles last_arrival) = 0;
  /// From this cycle on the lanes of the DRAM side have nothing to do.
  virtual Cycles free_from() const = 0;
};

struct ArrayIf : virtual sc_core::sc_interface {
  /// Queues an operation whose operands are in the buffers; it may start at `usable`.
  virtual void issue(const ComputeOp& op, Cycles usable) = 0;
};

struct OutputUnitIf : virtual sc_core::sc_interface {
  virtual void issue(const OutputOp& op, Cycles usable) = 0;
};

struct VectorUnitIf : virtual sc_core::sc_interface {
  virtual void issue(const VectorJob& job, Cycles usable) = 0;
};

struct DmaIf : virtual sc_core::sc_interface {
  virtual void load(const LoadOp& op, Token done, Cycles usable) = 0;
  /// Weights of the next layer: moved in what the others leave, until the last result is sent.
  virtual void load_ahead(const LoadOp& op, Cycles usable) = 0;
  virtual void store(const StoreOp& op, Cycles usable) = 0;
};

}  // namespace bitjoule
