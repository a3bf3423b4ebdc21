#include "run/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/format.h"

namespace bitjoule {

const StoredTensor& Calibration::get(const std::string& name) const {
  if (file_.empty())
    throw input_error("needs `calibration`, a file that sim calibrate writes: the run names none");
  return files_.get(file_, name);
}

std::vector<float> Calibration::of_inputs(const std::string& name, std::int64_t k,
                                          std::int64_t rows) const {
  const StoredTensor& tensor = get(name);
  if (tensor.elements() != k * rows)
    throw input_error(fmt::format("{}: \"{}\" is of {} elements, the layer reads rows of {}", file_,
                                  tensor.name, tensor.elements(), k));
  return to_floats(tensor);
}

InputMoments Calibration::moments(const std::string& layer, std::int64_t k) const {
  const std::vector<float> mean = of_inputs(layer + kMomentsSuffix, k, k);
  return {k, {mean.begin(), mean.end()}};
}

InputMagnitudes Calibration::magnitudes(const std::string& layer, std::int64_t k) const {
  const std::vector<float> both = of_inputs(layer + kMagnitudesSuffix, k, 2);
  return {{both.begin(), both.begin() + k}, {both.begin() + k, both.end()}};
}

std::vector<double> Calibration::input_clips(const std::string& layer, std::int64_t k,
                                             const TensorFormat& format, ScaleRule rule) const {
  if (rule == ScaleRule::kOracle)
    throw input_error(
        "precision.static_scales: oracle: scales per input channel come from a calibration; choose "
        "abs_max, percentile, mse or entropy");
  if (rule == ScaleRule::kAbsMax) return magnitudes(layer, k).largest;
  std::vector<float> ranges;
  std::vector<std::int64_t> counts;
  try {
    ranges = of_inputs(layer + kInputRangesSuffix, k, 2);
    counts = to_integers(get(layer + kInputHistogramsSuffix));
  } catch (const Error& e) {
    if (file_.empty()) throw;
    throw input_error(fmt::format(
        "{}; the calibration has no values of each input: sim calibrate this very run", e.what()));
  }
  constexpr std::int64_t kCounts = 2 * ValueHistogram::kBins;
  if (static_cast<std::int64_t>(counts.size()) != k * kCounts)
    throw input_error(fmt::format("{}: \"{}{}\": expected {} x {} counts", file_, layer,
                                  kInputHistogramsSuffix, k, kCounts));
  const double codes = find_format(format.format).max_code;
  std::vector<double> clips;
  for (std::int64_t i = 0; i < k; ++i) {
    const ValueHistogram histogram(
        {counts.begin() + i * kCounts, counts.begin() + (i + 1) * kCounts},
        static_cast<double>(ranges[at(2 * i)]), static_cast<double>(ranges[at(2 * i + 1)]));
    clips.push_back(histogram.range() > 0
                        ? codes * static_cast<double>(static_scale(format, histogram, rule).scale)
                        : 0);
  }
  return clips;
}

GroupParameters Calibration::scale(const std::string& name, const std::string& signature,
                                   const TensorFormat& format, ScaleRule rule) const {
  const std::string tensor = signature.empty() ? name : fmt::format("{}.{}", name, signature);
  const std::string key =
      fmt::format("{} {} {} {}", tensor, format.format, format.symmetric, enum_name(rule));
  if (const auto known = scales_.find(key); known != scales_.end()) return known->second;
  const std::vector<float> range = [&] {
    try {
      return to_floats(get(tensor + kRangeSuffix));
    } catch (const Error& e) {
      if (signature.empty() || file_.empty()) throw;
      throw input_error(fmt::format(
          "{}; the calibration is of other transformations: sim calibrate this very run",
          e.what()));
    }
  }();
  if (range.size() != 2)
    throw input_error(
        fmt::format("{}: \"{}{}\": expected two numbers", file_, tensor, kRangeSuffix));
  const ValueHistogram histogram(to_integers(get(tensor + kHistogramSuffix)),
                                 static_cast<double>(range[0]), static_cast<double>(range[1]));
  return scales_[key] = static_scale(format, histogram, rule);
}

void Calibrator::first_operand(const std::string& layer, const std::vector<double>& x,
                               std::int64_t k) {
  if (!of_original_) return;
  Sums& sums = sums_[layer];
  if (sums.products.empty()) {
    sums.k = k;
    sums.products.resize(at(k * k));
    sums.magnitudes.resize(at(k));
    sums.largest.resize(at(k));
  }
  if (sums.k != k)
    throw input_error(fmt::format("rows of {} elements, before they were of {}", k, sums.k));
  const auto rows = static_cast<std::int64_t>(x.size()) / k;
  for (std::int64_t row = 0; row < rows; ++row) {
    check_interrupt_after(k * k);
    const double* values = &x[at(row * k)];
    for (std::int64_t i = 0; i < k; ++i) {
      const double magnitude = std::fabs(values[i]);
      sums.magnitudes[at(i)] += magnitude;
      sums.largest[at(i)] = std::max(sums.largest[at(i)], magnitude);
      for (std::int64_t j = i; j < k; ++j) sums.products[at(i * k + j)] += values[i] * values[j];
    }
  }
  sums.rows += rows;
  if (by_input_.count(layer) != 0) count_inputs(layer, x, k);
}

void Calibrator::count_inputs(const std::string& layer, const std::vector<double>& x,
                              std::int64_t k) {
  std::vector<ValueHistogram>& histograms = input_histograms_[layer];
  histograms.resize(at(k));
  for (std::size_t i = 0; i < x.size(); ++i) histograms[i % at(k)].add(&x[i], 1);
}

void Calibrator::tensor(const std::string& name, const std::vector<double>& x) {
  histograms_[name].add(x.data(), static_cast<std::int64_t>(x.size()));
}

std::map<std::string, InputMoments> Calibrator::moments() const {
  std::map<std::string, InputMoments> all;
  for (const auto& [layer, sums] : sums_) {
    InputMoments& m = all[layer];
    m.k = sums.k;
    m.mean.resize(sums.products.size());
    for (std::int64_t i = 0; i < m.k; ++i)
      for (std::int64_t j = i; j < m.k; ++j)
        m.mean[at(i * m.k + j)] = m.mean[at(j * m.k + i)] =
            sums.products[at(i * m.k + j)] / static_cast<double>(sums.rows);
  }
  return all;
}

std::map<std::string, InputMagnitudes> Calibrator::magnitudes() const {
  std::map<std::string, InputMagnitudes> all;
  for (const auto& [layer, sums] : sums_) {
    InputMagnitudes& m = all[layer];
    m.largest = sums.largest;
    for (const double magnitude : sums.magnitudes)
      m.mean.push_back(magnitude / static_cast<double>(sums.rows));
  }
  return all;
}

}  // namespace bitjoule
