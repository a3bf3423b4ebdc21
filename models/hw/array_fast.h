// The systolic array as one module: a tile's values by vectorised loops, its cycles in closed form.
#pragma once

#include <memory>
#include <optional>
#include <systemc>

#include "core/exec/operand_activity.h"
#include "core/mapping/array_timing.h"
#include "hw/operand_ports.h"

namespace bitjoule {

class ArrayFast : public sc_core::sc_module, public ArrayIf {
 public:
  sc_core::sc_export<ArrayIf> from_sequencer;
  sc_core::sc_port<TokenIf> to_sequencer;
  OperandPorts operands;

  explicit ArrayFast(sc_core::sc_module_name name);

  void start(const LayerRun& run);
  void issue(const ComputeOp& op, Cycles usable) override;
  /// Attributes the cycles that the array still works after the last stream.
  void finish() { timeline_->drain(*run_.attribution); }

 private:
  void set_up(const MappingProblem& problem);
  void begin_anew(const MappingProblem& problem, Cycles& usable);

  LayerRun run_;
  Cycles free_{0};  ///< the last result of the operations so far is in the accumulators
  std::int32_t active_pes_ = 0;  ///< signal of the trace
  std::unique_ptr<ArrayTimeline> timeline_;
  std::optional<OperandActivity> activity_;  ///< where operands are counted
};

}  // namespace bitjoule
