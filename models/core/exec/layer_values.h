// The numbers of one layer on their way through the machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/borrowed.h"
#include "core/exec/kernels.h"
#include "core/exec/scale_table.h"
#include "core/mapping/folds.h"
#include "core/numeric/mac.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/requantize.h"

namespace bitjoule {

/// The operands of one tile as the array takes them: rows of consecutive k, dense.
template <class T>
struct Panel {
  std::vector<T> data;
  std::int64_t k0 = 0, k = 0;
  const T* row(std::int64_t r) const { return data.data() + r * k; }
  RowView<T> rows(std::int64_t r) const { return {row(r), k}; }
};

/// The biases of a layer, as the output unit adds them; the vector that does not apply is empty.
struct BiasValues {
  std::vector<std::int32_t> codes;
  std::vector<float> values;
};

/// Index of the output pixel (the layer's m) that is m-th in a tile.
std::int64_t output_pixel(const Lowered& layer, const Tile& tile, std::int64_t m);

/// Operands, accumulators and results of one layer. Arithmetic only: the modules say when.
class LayerValues {
 public:
  /// `inputs` is the first operand in the order of its tensor (NHWC or [group][m][k]), rows of
  /// `channels`; `weights` has the layer's stored_rows(). `output_scale` is the scale of integer
  /// outputs.
  LayerValues(const MappingProblem& problem, const QuantizedTensor& inputs,
              const QuantizedTensor& weights, SumRequantization mode);
  LayerValues(const LayerValues&) = delete;
  LayerValues& operator=(const LayerValues&) = delete;
  ~LayerValues();

  /// Sets scale and zero-point of an integer output per tensor; 1 and 0 where the output is a
  /// float.
  void set_output_scale(float scale, std::int32_t zero_point = 0);
  float output_scale() const { return output_scale_; }
  std::int32_t output_zero_point() const { return output_zero_; }
  /// The codes of an integer layer are its 32-bit sums as they are (ONNX ConvInteger).
  void yield_sums() {
    yields_sums_ = true;
    output_codes_.resize(acc_i_.size());
  }
  /// One bias per row of the weights: codes of input scale x weight scale where integer sums become
  /// an integer output, else real values.
  void set_bias(const BiasValues& bias) {
    bias_ = &bias;
    output_ready_ = false;
  }

  /// All folds of a tile, in the order and with the roundings of the array.
  void compute_tile(const Tile& tile);

  /// Loads the operands of a tile for an array that moves them word by word.
  void load_panels(const Tile& tile);
  bool is_integer() const { return problem_.path.mac.is_integer; }
  const Panel<std::int16_t>& integer_inputs() const { return ai_; }
  const Panel<std::int16_t>& integer_weights() const { return bi_; }
  const Panel<float>& float_inputs() const { return af_; }
  const Panel<float>& float_weights() const { return bf_; }

  /// A result leaves the array: adds its sum over job.k0..k1 to its accumulator.
  void add_result(const Tile& tile, const FoldJob& job, const ResultPlace& place, std::int32_t sum);
  void add_result(const Tile& tile, const FoldJob& job, const ResultPlace& place, float sum);

  /// Converts the finished accumulators of an output tile to the output format.
  void finish(const Tile& tile);

  /// After the last tile: brings real results into the output format, where that is not fp32.
  void finalize();

  /// Results in the order of the output tensor: real values, and integer codes where the output is
  /// an integer format.
  const std::vector<float>& outputs() const { return outputs_.empty() ? acc_f_ : outputs_; }
  const std::vector<std::int32_t>& output_codes() const { return output_codes_; }
  /// outputs() and output_codes(), which are gone then.
  void take_outputs(std::vector<float>& values, std::vector<std::int32_t>& codes) {
    values = std::move(outputs_);
    codes = std::move(output_codes_);
  }
  /// Sums that left the range of the 32-bit accumulators.
  std::int64_t overflows() const { return overflows_; }
  void report_overflow() { ++overflows_; }

 private:
  /// Results of one pixel that lie one after the other, as their rows of the weights do.
  struct ResultRun {
    std::int64_t g, pixel, row, count;
    std::size_t index;  ///< of the first
  };
  bool integer_output() const;
  bool yields_float_sums() const;
  void make_room();
  void load_inputs(const Tile& tile);
  bool has_pixels_in_order(const Tile& tile) const;
  bool lies_in_rows(const Tile& tile) const;
  bool yields_rows(const Tile& tile) const;
  template <class T>
  RowView<T> inputs(const std::vector<T>& all, const Panel<T>& panel, const Tile& tile,
                    std::int64_t g) const;
  template <class T>
  RowView<T> weights(const std::vector<T>& all, const Tile& tile, std::int64_t g) const;
  bool sums_fit() const;
  bool group_sums_fit() const;
  void compute_integer(const Tile& tile);
  void compute_groups(const Tile& tile);
  void compute_integer_fold(const Tile& tile, const FoldJob& job);
  void compute_float(const Tile& tile);
  void compute_float_groups(const Tile& tile);
  std::int64_t input_sum(std::int64_t g, std::int64_t pixel, std::int64_t k0,
                         std::int64_t k1) const;
  std::int64_t weight_sum(std::int64_t row, std::int64_t k0, std::int64_t k1) const;
  const ScaleEntry& input_scale(std::int64_t g, std::int64_t pixel, std::int64_t k) const;
  float scaled(std::int64_t g, std::int64_t pixel, std::int64_t n, std::int64_t k0, std::int64_t k1,
               std::int32_t sum) const;
  double sum_factor(float weight_scale, float input_scale) const {
    return bitjoule::sum_factor(weight_scale, input_scale, exact_scales_);
  }
  void prepare_output();
  std::int64_t correction(std::int64_t row, std::int64_t za, std::int64_t inputs) const;
  float activated(float value) const;
  float with_bias(std::int64_t row, float value) const;
  void finish_floats(std::int64_t row, std::int64_t count, std::size_t index);
  void scale_float_sums(const ResultRun& run);
  void finish_integers(const ResultRun& run);
  void scale_sums(const ResultRun& run);
  void requantize_sums(const ResultRun& run);

  const MappingProblem& problem_;
  const QuantizedTensor& inputs_;
  const QuantizedTensor& weights_;
  SumRequantization mode_;
  float output_scale_ = 1.0f;
  std::int32_t output_zero_ = 0;
  bool yields_sums_ = false;
  const BiasValues* bias_ = nullptr;
  std::vector<std::int16_t> xi_, wi_;  // operands as codes ...
  Borrowed<float> xf_;                 // ... or as values of the MAC's format
  std::vector<float> wf_;
  PackedRows packed_;                                       // wf_, where enough inputs meet it
  std::optional<ScaleTable> input_scales_, weight_scales_;  // of codes and elements
  bool exact_scales_ = false;                               // their products
  float tensor_factor_ = 1;                                 // that all sums of elements have
  std::vector<std::int32_t> acc_i_;
  std::vector<float> acc_f_;
  Panel<std::int16_t> ai_, bi_;
  Panel<float> af_, bf_;
  std::optional<Tile> inputs_of_, weights_of_;  // tiles whose panels are loaded
  std::vector<float> outputs_;
  std::vector<std::int32_t> output_codes_;
  std::int64_t overflows_ = 0;
  // Of the output stage, once the scale is known.
  bool output_ready_ = false;
  ActivationBounds bounds_{};
  bool is_bounded_ = false;
  ClampRange range_;
  std::optional<Requantizer> requantizer_;  // one factor per row of the weights
  std::vector<std::int64_t> weight_sums_;   // of codes along k, where inputs have zero-points
  /// Of each row of the weights: what is added to a sum before it becomes a code, bias and
  /// zero-points; empty where that is not known before, or takes more than 32 bits.
  std::vector<std::int32_t> sum_offsets_;
  std::vector<std::int32_t> adjusted_;
  std::vector<float> row_scales_;  // of the weights, where sums become reals by them alone
};

}  // namespace bitjoule
