// What the machine should have computed, straight from the definition of the layer. Shares no code
// with mapping, exec or hw: loops over the layer's own axes. Many results are computed side by
// side, each with the additions it would have by itself.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
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
  /// quantization. `scaled_elements`: a MAC of floats multiplies elements without their scales.
  Oracle(const LayerOp& op, const MacType& mac, const QuantizedTensor& inputs,
         const QuantizedTensor& weights, const std::vector<float>& float_inputs,
         const std::vector<float>& float_weights, std::vector<std::int64_t> chunks, bool grouped,
         bool scaled_elements = false);

  void set_stage(OracleStage stage) { stage_ = std::move(stage); }

  /// Told now and then how many results are done.
  using Progress = std::function<void(std::int64_t results)>;

  /// The results at indices of the output tensor (NHWC, or [batch][m][n]), which are fastest to
  /// find where they ascend.
  std::vector<OracleResult> at(const std::vector<std::int64_t>& indices,
                               const Progress& progress = {}) const;
  std::int64_t outputs() const { return outputs_; }

 private:
  /// The operands of one result.
  struct Place {
    std::int64_t window;  ///< of the inputs: (pixel, group), or a row
    std::int64_t weight_row;
    std::int64_t input_window = 0;  ///< the same, where `window` counts those at hand
  };
  /// Consecutive terms of a sum, side by side in a row of the inputs and in the weights.
  struct Run {
    std::int64_t input_row, input_k;  ///< row -1: padding
    std::int64_t length;
  };
  /// Of one chunk of a row of codes: its scales (of its first element), and the sum of its codes.
  struct Chunk {
    float scale, min;
    std::int64_t zero, codes;
  };
  struct Windows;

  template <class T>
  std::vector<T> by_column(std::vector<T> values) const;
  const std::vector<float>& real_weights() const {
    return turned_weights_.empty() ? float_weights_ : turned_weights_;
  }
  Place place(std::int64_t index) const;
  std::vector<Run> runs(std::int64_t window) const;
  void gather(std::int64_t window, Windows& to) const;
  std::vector<Chunk> weight_chunks(std::int64_t row) const;
  std::size_t gather_block(const std::vector<std::int64_t>& indices, std::size_t begin,
                           Windows& to) const;
  template <class T, class Take>
  void sum(const Windows& windows, const std::vector<T>& x, const std::vector<float>& weights,
           const std::vector<std::int64_t>& ends, Take take) const;
  void set_floats(const Windows& windows, OracleResult* results) const;
  double elements_factor(std::int64_t window, std::int64_t weight_row, std::int64_t k) const;
  double reference_inside(std::int64_t window, std::int64_t weight_row) const;
  void set_integers(const std::int16_t* codes, const Chunk* inputs, std::int64_t weight_row,
                    const std::vector<Chunk>& weights, OracleResult& result) const;
  void set_integers(const Windows& windows, OracleResult* results,
                    std::vector<std::vector<Chunk>>& weights) const;
  void apply_stage(std::int64_t weight_row, OracleResult& result) const;

  LayerOp op_;
  const MacType mac_;
  const QuantizedTensor& inputs_;
  const QuantizedTensor& weights_;
  const std::vector<float>& float_inputs_;
  const std::vector<float>& float_weights_;
  std::vector<std::int64_t> chunks_;
  bool grouped_, scaled_elements_;
  OracleStage stage_;
  std::int64_t outputs_;
  std::int64_t weight_rows_, depth_;   // of the second operand, its rows lying along k
  std::vector<float> turned_weights_;  // float_weights_ so, where they do not lie so
  std::int64_t safe_products_ = 1;     // codes' products, any so many of which add up within int32
  bool is_finite_ = true;              // all of float_weights_
  // Decoded once: rows x k.
  std::vector<std::int16_t> input_codes_, weight_codes_;
  std::vector<float> input_values_, weight_values_;
};

/// What an integer output of scale `output_scale` should be, by the rules of the named mode.
std::int32_t oracle_requantize(Requantize mode, std::int64_t sum, double multiplier,
                               std::int32_t lo, std::int32_t hi, bool wide_sums = false);

}  // namespace bitjoule
