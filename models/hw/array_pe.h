// The systolic array PE by PE: a controller that feeds its edges, and a grid that is stepped each
// clock. It works out no time in advance: what the closed forms of ArrayFast say must come out
// here.
#pragma once

#include <deque>
#include <memory>
#include <systemc>
#include <vector>

#include "core/mapping/array_timing.h"
#include "core/mapping/folds.h"
#include "hw/core_clock.h"
#include "hw/operand_ports.h"
#include "hw/pe_grid.h"

namespace bitjoule {

class ArrayPe : public sc_core::sc_module, public ArrayIf, private ResultSink {
 public:
  sc_core::sc_export<ArrayIf> from_sequencer;
  sc_core::sc_port<TokenIf> to_sequencer;
  OperandPorts operands;

  ArrayPe(sc_core::sc_module_name name, const CoreClock& clock, const ArrayConfig& config);
  ~ArrayPe() override;

  void start(const LayerRun& run);
  void issue(const ComputeOp& op, Cycles usable) override;
  /// Attributes the cycles that the array still worked after the last stream.
  void finish();

 private:
  /// One fold in the controller, and how far it has come.
  struct Active {
    FoldInFlight fold;
    bool first = false, last = false;  ///< of its operation
    Cycles accepted{0};                ///< its operation's first cycle
    std::int64_t latency_left = 0, rows_left = 0, row_wait = 0, extra_left = 0;
    std::int64_t steps_left = 0, step_wait = 0;
    std::int64_t tail_left = 0, drain_left = 0;
    bool loaded() const { return latency_left == 0 && rows_left == 0 && extra_left == 0; }
  };
  struct Waiting {
    std::shared_ptr<const PeTile> tile;
    Cycles usable{0};
    std::vector<FoldJob> folds;
    std::size_t next = 0;
    const MappingProblem* problem = nullptr;
  };

  void tick();
  /// Readies the empty array for a layer, or for a product of a fused one.
  void set_up(const MappingProblem& problem);
  PeGrid* grid_of(const MappingProblem& problem) const {
    return problem.path.mac.is_integer ? integer_grid_.get() : float_grid_.get();
  }
  bool begin_anew(Cycles now);
  bool begin_load(Cycles now);
  /// How many cycles behind the streams ahead the results of the loaded fold would come out.
  std::int64_t results_lead(Cycles now) const;
  bool begin_stream(Cycles now);
  bool tails_done() const;
  bool follows() const {
    return config_.overlap == Overlap::kFull || config_.overlap == Overlap::kDrain;
  }
  /// A cycle's cause, and what one would have to enlarge.
  struct Held {
    Cause cause, holds;
  };
  /// Why the stream of the loaded fold may not begin.
  Held stream_waits(Cycles now) const;
  Held advance_load();
  Held advance_stream(Cycles now);
  void advance_tails(Cycles now);
  template <class F>
  void entered(const FoldJob& job, std::int64_t width, F at);
  void row_entered(const FoldJob& job, std::int64_t row);
  void step_entered(const FoldJob& job, std::int64_t step);
  template <class Sum>
  void deliver(const FoldInFlight& fold, std::int64_t column, std::int64_t index, Sum sum,
               bool overflow);
  void result(const FoldInFlight& fold, std::int64_t column, std::int64_t index, std::int32_t sum,
              bool overflow) override {
    deliver(fold, column, index, sum, overflow);
  }
  void result(const FoldInFlight& fold, std::int64_t column, std::int64_t index, float sum,
              bool overflow) override {
    deliver(fold, column, index, sum, overflow);
  }

  const CoreClock& clock_;
  const ArrayConfig config_;
  LayerRun run_;
  const MappingProblem* problem_ = nullptr;  ///< of the operation that runs
  ArrayRates rates_;
  std::unique_ptr<PeGrid> integer_grid_, float_grid_;
  PeGrid* grid_ = nullptr;
  const PeDataflow* dataflow_ = nullptr;  ///< of the layer
  sc_core::sc_event tick_event_;
  std::deque<Waiting> queue_;
  std::shared_ptr<Active> loading_, streaming_;
  std::deque<std::shared_ptr<Active>> tails_;
  std::uint32_t folds_ = 0;
  Cycles accepted_{0};
  std::int32_t active_pes_ = 0;                    ///< signal of the trace
  std::int64_t stream_end_ = 0, stream_rows_ = 0;  ///< of the stream before
  Cycles tail_end_{0};                             ///< the last MAC of all streams so far
  Cycles last_out_{0};
  std::int64_t last_shifted_ = 0;  ///< last_out_ if one row of results left per cycle
  std::int64_t unreported_ = 0;    ///< PE-cycles since the last report of progress
};

}  // namespace bitjoule
