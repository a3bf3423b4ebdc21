// What the machine should have computed, straight from the definition of the layer. Shares no code
// with mapping, exec or hw: loops over the layer's own axes, one result at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/numeric/mac.h"
#include "core/numeric/quantized_tensor.h"
#include "core/workload/layer.h"

namespace bitjoule {

/// What happens to a sum before the output format. `bias_codes` (int32, of input scale x weight
/// scale) or `bias` (fp32) hold one value per row of the weights where there are biases.
struct OracleStage {
  std::vector<std::int32_t> bias_codes;
  std::vector<float> bias;               ///< as the hardware adds it; empty beside bias_codes
  std::vector<float> reference_bias;     ///< before quantization
  double lo = -INFINITY, hi = INFINITY;  ///< the activation's range
  bool clamps_value = true;              ///< false: an integer output clamps codes instead
};

/// One result: bit-exact as the hardware defines it, and in float64 from the operands as they were
/// before quantization.
struct OracleResult {
  float value = 0;        ///< before the output format
  double reference = 0;   ///<
  bool overflow = false;  ///< the exact integer sum does not fit int32
  std::int64_t sum = 0;   ///< integer MACs without scale groups: sum of (qa - za)(qw - zw), + bias
  double real_scale = 1.0;  ///< ... and what it is multiplied with
};

class Oracle {
 public:
  /// `inputs` rows of channels (NHWC pixels, or [batch][m] rows of k), `weights` rows of k.
  /// `chunks` are the ends of the partial sums along k, ascending to k: the array adds inside a
  /// chunk first. `grouped`: each chunk is scaled by itself. Floats: of the values before
  /// quantization.
  Oracle(const LayerOp& op, const MacType& mac, const QuantizedTensor& inputs,
         const QuantizedTensor& weights, const std::vector<float>& float_inputs,
         const std::vector<float>& float_weights, std::vector<std::int64_t> chunks, bool grouped);

  void set_stage(OracleStage stage) { stage_ = std::move(stage); }

  /// The result at an index of the output tensor (NHWC, or [batch][m][n]).
  OracleResult at(std::int64_t index) const;
  std::int64_t outputs() const { return outputs_; }

 private:
  /// Consecutive terms of a sum: `length` elements from k on, side by side in both operands.
  struct Run {
    std::int64_t input_row, input_k;  ///< -1: padding
    std::int64_t weight_row, weight_k;
    std::int64_t length;
  };
  /// What the integer terms of one chunk add up to.
  struct IntegerSums {
    std::int64_t products = 0, activations = 0;
  };
  void apply_stage(std::int64_t weight_row, OracleResult& result) const;
  std::vector<Run> runs(std::int64_t index) const;
  double reference(const std::vector<Run>& runs) const;
  void add_floats(const Run& run, float& sum) const;
  void add_integers(const Run& run, std::int64_t za, std::int64_t zw, IntegerSums& sums) const;
  void at_floats(const std::vector<Run>& runs, OracleResult& result) const;
  void at_integers(const std::vector<Run>& runs, OracleResult& result) const;

  LayerOp op_;
  const MacType mac_;
  const QuantizedTensor& inputs_;
  const QuantizedTensor& weights_;
  const std::vector<float>& float_inputs_;
  const std::vector<float>& float_weights_;
  std::vector<std::int64_t> chunks_;
  bool grouped_;
  OracleStage stage_;
  std::int64_t outputs_;
  // Decoded once: rows x k.
  std::vector<std::int16_t> input_codes_, weight_codes_;
  std::vector<float> input_values_, weight_values_;
};

/// What an integer output of scale `output_scale` should be, by the rules of the named mode.
std::int32_t oracle_requantize(Requantize mode, std::int64_t sum, double multiplier,
                               std::int32_t lo, std::int32_t hi);

}  // namespace bitjoule
