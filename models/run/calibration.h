// What a calibration has found out about a network's tensors: what weights meet, and how far
// activations reach. `sim calibrate` writes it as tensors of a file, runs read those that they
// need.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/numeric/operand_transform.h"
#include "core/numeric/value_histogram.h"
#include "core/numeric/weight_quantizer.h"
#include "run/tensor_reader.h"

namespace bitjoule {

/// Names of a calibration's tensors: LAYER.input_moments [k, k], mean of x_i * x_j over the rows
/// that a linear layer reads; LAYER.input_magnitudes [2, k], the largest |x_i| and the mean of
/// them; of layers that ask for them LAYER.input_histograms [k, 4096] and LAYER.input_ranges [k,
/// 2], of each input what follows; TENSOR.histogram [4096], counts as ValueHistogram has them, and
/// TENSOR.range [2], the smallest and largest value rounded away from zero, of each layer's output
/// and each input. Of a network whose operands are transformed the latter two are named
/// TENSOR.SIGNATURE.histogram and so on, with its transform_signature().
inline const char* const kMomentsSuffix = ".input_moments";
inline const char* const kMagnitudesSuffix = ".input_magnitudes";
inline const char* const kInputHistogramsSuffix = ".input_histograms";
inline const char* const kInputRangesSuffix = ".input_ranges";
inline const char* const kHistogramSuffix = ".histogram";
inline const char* const kRangeSuffix = ".range";

class Calibration {
 public:
  /// An empty `file`: none, whoever asks it is told so. `files` must outlive it.
  Calibration(TensorReader& files, std::string file) : files_(files), file_(std::move(file)) {}

  /// Throws an input Error where there is no calibration, or it is of another network.
  InputMoments moments(const std::string& layer, std::int64_t k) const;
  InputMagnitudes magnitudes(const std::string& layer, std::int64_t k) const;
  /// Of each input of a linear layer the largest value that codes of the format reach, by the rule
  /// over that input alone.
  std::vector<double> input_clips(const std::string& layer, std::int64_t k,
                                  const TensorFormat& format, ScaleRule rule) const;
  /// In a network of that transform_signature().
  GroupParameters scale(const std::string& tensor, const std::string& signature,
                        const TensorFormat& format, ScaleRule rule) const;

 private:
  const StoredTensor& get(const std::string& name) const;
  std::vector<float> of_inputs(const std::string& name, std::int64_t k, std::int64_t rows) const;

  TensorReader& files_;
  std::string file_;
  mutable std::map<std::string, GroupParameters> scales_;  ///< that were asked for before
};

/// Sees the tensors of a network as they would be if nothing were rounded.
class TensorObserver {
 public:
  TensorObserver() = default;
  virtual ~TensorObserver() = default;
  TensorObserver(const TensorObserver&) = delete;
  TensorObserver& operator=(const TensorObserver&) = delete;

  /// Whether the network's operands are not transformed.
  virtual bool sees_original() const { return true; }
  /// Rows of k elements that a linear layer multiplies by its weights.
  virtual void first_operand(const std::string& layer, const std::vector<double>& x,
                             std::int64_t k) = 0;
  /// What a layer, or an input of the network, yields.
  virtual void tensor(const std::string& name, const std::vector<double>& x) = 0;
};

/// Gathers what Calibration reads: of a network as it is, or only the histograms of one whose
/// operands are transformed.
class Calibrator : public TensorObserver {
 public:
  explicit Calibrator(bool of_original = true) : of_original_(of_original) {}
  /// Of a network as it is, that also counts each input of those linear layers.
  explicit Calibrator(std::set<std::string> by_input)
      : of_original_(true), by_input_(std::move(by_input)) {}

  bool sees_original() const override { return of_original_; }
  void first_operand(const std::string& layer, const std::vector<double>& x,
                     std::int64_t k) override;
  void tensor(const std::string& name, const std::vector<double>& x) override;

  /// By the names of layers, and of tensors.
  std::map<std::string, InputMoments> moments() const;
  std::map<std::string, InputMagnitudes> magnitudes() const;
  const std::map<std::string, ValueHistogram>& histograms() const { return histograms_; }
  const std::map<std::string, std::vector<ValueHistogram>>& input_histograms() const {
    return input_histograms_;
  }

 private:
  struct Sums {
    std::int64_t rows = 0, k = 0;
    std::vector<double> products;  ///< [k, k], of i <= j
    std::vector<double> magnitudes, largest;
  };
  void count_inputs(const std::string& layer, const std::vector<double>& x, std::int64_t k);

  bool of_original_;
  std::set<std::string> by_input_;
  std::map<std::string, Sums> sums_;
  std::map<std::string, ValueHistogram> histograms_;
  std::map<std::string, std::vector<ValueHistogram>> input_histograms_;
};

}  // namespace bitjoule
