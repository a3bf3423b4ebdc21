#include "core/numeric/operand_transform.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule {
namespace {

constexpr int kTries = 20;            // powers that AWQ's search looks at
constexpr double kLeastScale = 1e-4;  // as AWQ's authors

constexpr std::int64_t kRowsAtOnce = 8;  // a sum's additions wait for each other, not for others

/// products[row][i] = sum over j of means[i][j] * x[j][row], j ascending, of rows side by side.
void multiply_means(const double* means, const double* x, std::int64_t k, double* products) {
  typedef double Pair __attribute__((vector_size(16)));
  constexpr std::int64_t kVectors = kRowsAtOnce / 2;
  for (std::int64_t i = 0; i < k; ++i) {
    Pair sums[kVectors] = {};
    for (std::int64_t j = 0; j < k; ++j) {
#pragma GCC unroll 4
      for (std::int64_t v = 0; v < kVectors; ++v) {
        Pair of_rows;
        std::memcpy(&of_rows, x + j * kRowsAtOnce + 2 * v, sizeof of_rows);
        sums[v] += of_rows * means[i * k + j];
      }
    }
    double all[kRowsAtOnce];
    std::memcpy(all, sums, sizeof all);
    for (std::int64_t row = 0; row < kRowsAtOnce; ++row) products[row * k + i] = all[row];
  }
}

/// tr(E M E^T): the squared error of the outputs, per row of inputs.
double output_error(const std::vector<double>& errors, const InputMoments& moments) {
  const std::int64_t k = moments.k, rows = static_cast<std::int64_t>(errors.size()) / k;
  std::vector<double> columns(at(k * kRowsAtOnce)), products(at(k * kRowsAtOnce));
  double sum = 0;
  for (std::int64_t first = 0; first < rows; first += kRowsAtOnce) {
    check_interrupt_after(k * k);
    const std::int64_t count = std::min(kRowsAtOnce, rows - first);
    for (std::int64_t row = 0; row < count; ++row)
      for (std::int64_t j = 0; j < k; ++j)
        columns[at(j * kRowsAtOnce + row)] = errors[at((first + row) * k + j)];
    multiply_means(moments.mean.data(), columns.data(), k, products.data());
    for (std::int64_t i = 0; i < count * k; ++i) sum += errors[at(first * k + i)] * products[at(i)];
  }
  return sum;
}

/// What rounding w / t to the nearest codes does to w.
std::vector<double> rounding_errors(const ReaderWeights& reader, const std::vector<float>& t) {
  const std::size_t k = t.size();
  std::vector<float> scaled = reader.values;
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] /= t[i % k];
  const auto rows = static_cast<std::int64_t>(scaled.size() / k);
  QuantizedTensor::quantize(reader.format, scaled.data(), rows, static_cast<std::int64_t>(k))
      .decode(scaled.data());
  std::vector<double> errors;
  errors.reserve(scaled.size());
  for (std::size_t i = 0; i < scaled.size(); ++i)
    errors.push_back(static_cast<double>(scaled[i]) * static_cast<double>(t[i % k]) -
                     static_cast<double>(reader.values[i]));
  return errors;
}

std::vector<float> awq_candidate(const InputMagnitudes& inputs, double power) {
  std::vector<double> s;
  for (const double mean : inputs.mean) s.push_back(std::max(std::pow(mean, power), kLeastScale));
  const auto [least, most] = std::minmax_element(s.begin(), s.end());
  const double middle = std::sqrt(*least * *most);
  std::vector<float> t;
  for (const double x : s) t.push_back(static_cast<float>(middle / x));
  return t;
}

}  // namespace

std::vector<float> channel_factors(const std::vector<double>& clips) {
  std::vector<float> t;
  for (const double clip : clips) t.push_back(clip > 0 ? static_cast<float>(1 / clip) : 1.0f);
  return t;
}

std::vector<float> smooth_factors(const InputMagnitudes& inputs,
                                  const std::vector<ReaderWeights>& readers, double strength,
                                  const SharedHeads& heads) {
  const std::size_t k = inputs.largest.size();
  std::vector<double> weights(k);
  for (const ReaderWeights& reader : readers)
    for (std::size_t i = 0; i < reader.values.size(); ++i)
      weights[i % k] = std::max(weights[i % k], std::fabs(static_cast<double>(reader.values[i])));
  heads.share(weights, [](double a, double b) { return std::max(a, b); });
  std::vector<float> t;
  for (std::size_t i = 0; i < k; ++i) {
    const bool is_empty = inputs.largest[i] == 0 || weights[i] == 0;
    t.push_back(is_empty ? 1.0f
                         : static_cast<float>(std::pow(weights[i], 1 - strength) /
                                              std::pow(inputs.largest[i], strength)));
  }
  return t;
}

std::vector<float> awq_factors(const InputMagnitudes& inputs, const InputMoments& moments,
                               const std::vector<ReaderWeights>& readers) {
  std::vector<float> best;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    std::vector<float> t = awq_candidate(inputs, static_cast<double>(i) / kTries);
    double error = 0;
    for (const ReaderWeights& reader : readers)
      error += output_error(rounding_errors(reader, t), moments);
    if (i > 0 && !(error < least)) continue;
    least = error;
    best = std::move(t);
  }
  return best;
}

std::int64_t hadamard_stages(std::int64_t k) {
  std::int64_t stages = 0;
  for (; k > 0 && k % 2 == 0; k /= 2) ++stages;
  return stages;
}

void hadamard_rows(std::vector<double>& x, std::int64_t k, std::int64_t stages) {
  const auto rows = static_cast<std::int64_t>(x.size()) / k;
  std::vector<double> column(at(rows));
  for (std::int64_t j = 0; j < k; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) column[at(i)] = x[at(i * k + j)];
    hadamard(column.data(), rows, stages);
    for (std::int64_t i = 0; i < rows; ++i) x[at(i * k + j)] = column[at(i)];
  }
}

InputMoments scaled(InputMoments moments, const std::vector<float>& factors) {
  for (std::int64_t i = 0; i < moments.k; ++i)
    for (std::int64_t j = 0; j < moments.k; ++j)
      moments.mean[at(i * moments.k + j)] *=
          static_cast<double>(factors[at(i)]) * static_cast<double>(factors[at(j)]);
  return moments;
}

InputMoments rotated(InputMoments moments, std::int64_t stages) {
  const std::int64_t k = moments.k;
  const auto rotate_rows = [&] {
    for (std::int64_t row = 0; row < k; ++row) hadamard(&moments.mean[at(row * k)], k, stages);
  };
  rotate_rows();
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < i; ++j)
      std::swap(moments.mean[at(i * k + j)], moments.mean[at(j * k + i)]);
  rotate_rows();
  return moments;
}

}  // namespace bitjoule
