// What the modules ask of one another. A token is given for the cycle in which its cause happens,
// at the latest in that cycle; the sequencer sees it one cycle later, and a command is acted upon
// one cycle after it is issued. So nothing depends on the order of calls within a cycle.
#pragma once

#include <systemc>

#include "core/exec/layer_values.h"
#include "core/mapping/program.h"
#include "core/result/machine_counts.h"
#include "core/result/stalls.h"
#include "core/result/trace.h"

namespace bitjoule {

enum class Token {
  kInputLoaded,
  kWeightArrived,  ///< ... from DRAM; a dequantizer on that side may still work on it
  kWeightLoaded,
  kAccepted,  ///< the array has begun the operation at the head of its queue
  kReleased,  ///< ... has read its operands for the last time
  kComputed,  ///< ... has written its last result into the accumulator buffer
  kOutput,
  kStored,
};
inline constexpr std::size_t kTokenKinds = 8;

/// What the modules share while they run one layer.
struct LayerRun {
  const MappingProblem* problem = nullptr;
  const Program* program = nullptr;
  LayerValues* values = nullptr;  ///< null: values off
  MachineCounts* counts = nullptr;
  Attribution* attribution = nullptr;
  Trace* trace = nullptr;  ///< null: nothing is recorded
};

struct TokenIf : virtual sc_core::sc_interface {
  virtual void give(Token token, Cycles at) = 0;
};

struct ArrayIf : virtual sc_core::sc_interface {
  /// Queues an operation whose operands are in the buffers; it may start at `usable`.
  virtual void issue(const ComputeOp& op, Cycles usable) = 0;
};

struct OutputUnitIf : virtual sc_core::sc_interface {
  virtual void issue(const OutputOp& op, Cycles usable) = 0;
};

struct DmaIf : virtual sc_core::sc_interface {
  virtual void load(const LoadOp& op, Token done, Cycles usable) = 0;
  virtual void store(const StoreOp& op, Cycles usable) = 0;
};

}  // namespace bitjoule
