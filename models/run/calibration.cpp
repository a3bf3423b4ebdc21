#include "run/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"

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
