// Runs a layer's values beside its timing, and compares the result with the oracle.
#pragma once

#include <memory>

#include "core/exec/layer_values.h"
#include "core/oracle/oracle.h"
#include "run/layer_progress.h"
#include "run/layer_result.h"
#include "run/operands.h"
#include "run/run_config.h"

namespace bitjoule {

/// Ends of the partial sums along k that the array forms under a tiling, ascending to k.
std::vector<std::int64_t> partial_sum_ends(const MappingProblem& problem, const Tiling& tiling);

/// What a layer of a network works on.
struct GivenOperands {
  Operands operands;
  float output_scale = 1;  ///< of an integer output
  std::int32_t output_zero_point = 0;
  bool yields_sums = false;  ///< the output is the 32-bit sums
  SumForm form = {};
  std::int64_t sampled_macs = 0;  ///< that the oracle may do for a sample
};

/// A sample costs at most this many MACs in the oracle, about a third of a second.
constexpr std::int64_t kSampledMacs = std::int64_t{1} << 27;

/// Outputs that are compared with the oracle.
std::int64_t checked_outputs(const MappingProblem& problem, Verify verify,
                             std::int64_t sampled_macs = kSampledMacs);

class LayerCheck {
 public:
  /// Makes the operands; an integer output gets the scale that its largest
  /// reference value needs (of the outputs that are checked).
  LayerCheck(const MappingProblem& problem, const Tiling& tiling, const Layer& layer,
             Requantize mode, const RunOptions& options, const LayerProgress& progress = {});

  /// With operands and output scale as given.
  LayerCheck(const MappingProblem& problem, const Tiling& tiling, const LayerOp& op,
             Requantize mode, Verify verify, GivenOperands given);

  LayerValues& values() { return *values_; }
  const Operands& operands() const { return operands_; }

  /// After the run.
  OutputCheck finish();
  /// After finish(), once.
  LayerOutputs take_outputs();

 private:
  void expect(const Tiling& tiling, const LayerOp& op, const LayerProgress& progress);
  bool integer_output() const;
  ClampRange expected_range() const;
  std::int32_t expected_code(const OracleResult& result, ClampRange range) const;

  const MappingProblem& problem_;
  SumRequantization mode_;
  bool yields_sums_ = false;
  std::vector<std::int64_t> output_shape_;
  Operands operands_;
  std::unique_ptr<LayerValues> values_;
  std::vector<std::int64_t> checked_;  ///< indices of the output
  std::vector<OracleResult> expected_;
};

}  // namespace bitjoule
