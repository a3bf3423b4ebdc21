// The grid of PEs with its skewed edges. Integer and float arrays differ only in the types of a PE.
#pragma once

#include <cstdint>
#include <memory>
#include <systemc>
#include <vector>

#include "core/exec/layer_values.h"
#include "core/mapping/folds.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/tiling.h"
#include "core/result/trace.h"
#include "core/simd.h"
#include "hw/dataflow/pe_dataflow.h"
#include "hw/pe_multipliers.h"

namespace bitjoule {

/// The operands of one tile, kept while words of it are in the array.
struct PeTile {
  Tile tile;
  bool values = false;
  Panel<std::int16_t> integer_inputs, integer_weights;
  Panel<float> float_inputs, float_weights;
};

/// A fold under way, as the grid's edges need it.
struct FoldInFlight {
  FoldJob job;
  std::shared_ptr<const PeTile> tile;
  std::int64_t macs_per_pe = 1;
  std::uint32_t number = 0;     ///< from 1, in the order of loading
  std::int64_t first_step = 0;  ///< cycle in which the first step entered
  std::int64_t interval = 1;    ///< cycles from step to step
  std::int64_t drain_interval = 1;
};

/// Receives what leaves the array. `column` and `index` place a result: index is the step, or,
/// where outputs stay, the row.
struct ResultSink {
  virtual ~ResultSink() = default;
  virtual void result(const FoldInFlight& fold, std::int64_t column, std::int64_t index,
                      std::int32_t sum, bool overflow) = 0;
  virtual void result(const FoldInFlight& fold, std::int64_t column, std::int64_t index, float sum,
                      bool overflow) = 0;
};

class PeGrid {
 public:
  virtual ~PeGrid() = default;

  /// In this cycle a row of the stationary operand, or a step, of a fold enters at the first edge;
  /// the skew registers at the edges delay it for the others.
  virtual void enter_row(const FoldInFlight& fold, std::int64_t row) = 0;
  virtual void enter_step(const FoldInFlight& fold, std::int64_t step) = 0;
  /// One clock: moves everything by one register. Counts MACs, additions, moves and operands.
  virtual void step(std::int64_t cycle, MachineCounts& counts) = 0;
  /// Before step(): hands over what the registers at the foot of the columns hold of a fold's
  /// results in this cycle; where outputs stay, shifts the others down, and counts that.
  virtual void collect(const FoldInFlight& fold, std::int64_t cycle, ResultSink& sink,
                       MachineCounts& counts) = 0;
  /// The fold is over: what the skew registers still hold of it lies outside the PEs it uses.
  virtual void forget(const FoldInFlight& fold) = 0;
  /// Forgets what is under way, for a layer of this dataflow. Words have up to `lanes` elements,
  /// which are kept where the layer has `values`.
  virtual void begin(const PeDataflow& dataflow, const PeRules& rules, std::int64_t lanes,
                     bool values) = 0;
  /// Declares the registers of every PE in a trace; then records what changed in a cycle.
  virtual void begin_trace(Trace& trace) = 0;
  virtual void trace(Trace& trace, Cycles now) = 0;
};

/// Builds rows x cols PEs: a module for each row, as children of the module under construction. A
/// PE is a place in the arrays that hold the registers of all, with its own signals in a trace.
std::unique_ptr<PeGrid> make_integer_grid(const ArrayConfig& config, Simd simd = best_simd());
std::unique_ptr<PeGrid> make_float_grid(const ArrayConfig& config, Simd simd = best_simd());

}  // namespace bitjoule
