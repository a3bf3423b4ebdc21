#include "core/numeric/weight_quantizer.h"

#include <algorithm>
#include <cmath>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/elements.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/ggml_importance.h"
#include "core/numeric/scale_search.h"

namespace bitjoule {
namespace {

constexpr double kDamping = 0.01;  // of the mean diagonal, as GPTQ's authors

/// Elements along k of a group; 0: formats without scales.
std::int64_t group_length(const StorageLayout& layout, std::int64_t k) {
  if (!layout.scales.present()) return 0;
  return layout.scales.group > 0 ? layout.scales.group : k;
}

std::vector<GroupParameters> searched(const StorageLayout& layout, const float* data,
                                      std::int64_t rows, std::int64_t k, const double* weights) {
  ScaleSearch search(layout);
  if (layout.scales.group == kWholeTensor) return {search.best(data, rows * k, weights, k)};
  std::vector<GroupParameters> groups;
  const std::int64_t length = group_length(layout, k);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t start = 0; start < k; start += length)
      groups.push_back(search.best(data + row * k + start, std::min(length, k - start),
                                   weights == nullptr ? nullptr : weights + start, k));
  return groups;
}

/// Upper triangular U with U^T U the inverse of the damped moments, [k, k]. H = A A^T with A upper
/// triangular is Cholesky's from the last column on, and U is the inverse of A.
std::vector<double> inverse_factor(const InputMoments& moments) {
  const std::int64_t k = moments.k;
  std::vector<double> a = moments.mean, u(at(k * k));
  double trace = 0;
  for (std::int64_t i = 0; i < k; ++i) trace += a[at(i * k + i)];
  // Inputs that are all zero tell nothing: every element then is rounded by itself.
  const double damping = trace > 0 ? kDamping * trace / static_cast<double>(k) : 1;
  for (std::int64_t i = 0; i < k; ++i) a[at(i * k + i)] += damping;
  for (std::int64_t j = k; j-- > 0;) {
    check_interrupt_after(k * (k - j));
    for (std::int64_t i = 0; i <= j; ++i) {
      double sum = a[at(i * k + j)];
      for (std::int64_t m = j + 1; m < k; ++m) sum -= a[at(i * k + m)] * a[at(j * k + m)];
      a[at(i * k + j)] = sum;
    }
    const double pivot = a[at(j * k + j)];
    if (!(pivot > 0)) throw input_error("the moments of a calibration are no covariances");
    const double root = std::sqrt(pivot);
    for (std::int64_t i = 0; i < j; ++i) a[at(i * k + j)] /= root;
    a[at(j * k + j)] = root;
  }
  for (std::int64_t j = 0; j < k; ++j) {
    check_interrupt_after(k * j);
    u[at(j * k + j)] = 1 / a[at(j * k + j)];
    for (std::int64_t i = j; i-- > 0;) {
      double sum = 0;
      for (std::int64_t m = i + 1; m <= j; ++m) sum += a[at(i * k + m)] * u[at(m * k + j)];
      u[at(i * k + j)] = -sum / a[at(i * k + i)];
    }
  }
  return u;
}

class Gptq {
 public:
  Gptq(const StorageLayout& layout, const InputMoments& moments)
      : layout_(layout), k_(moments.k), factor_(inverse_factor(moments)), search_(layout) {
    for (std::int64_t i = 0; i < k_; ++i) {
      const double deviation = factor_[at(i * k_ + i)];
      weights_.push_back(1 / (deviation * deviation));
    }
  }

  QuantizedTensor quantize(const TensorFormat& format, const float* data, std::int64_t rows) {
    if (layout_.scales.group == kWholeTensor)
      groups_ = searched(layout_, data, rows, k_, weights());
    rounded_.resize(at(rows * k_));
    for (std::int64_t row = 0; row < rows; ++row)
      round_row(data + row * k_, &rounded_[at(row * k_)]);
    return QuantizedTensor::quantize(format, rounded_.data(), rows, k_, groups_);
  }

 private:
  const double* weights() const { return weights_.data(); }

  void round_row(const float* data, float* rounded) {
    check_interrupt_after(k_ * k_);
    std::vector<double> x(data, data + k_);
    std::vector<float> group;
    const std::int64_t length = group_length(layout_, k_);
    for (std::int64_t i = 0; i < k_; ++i) {
      if (length > 0 && layout_.scales.group != kWholeTensor && i % length == 0) {
        group.assign(x.begin() + i, x.begin() + std::min(i + length, k_));
        groups_.push_back(
            search_.best(group.data(), static_cast<std::int64_t>(group.size()), weights() + i, k_));
      }
      const auto value = static_cast<float>(x[at(i)]);
      const GroupParameters p = groups_.empty() ? GroupParameters() : groups_.back();
      std::uint16_t code = 0;
      encode_elements(layout_, p, &value, 1, &code);
      code &= static_cast<std::uint16_t>((1u << layout_.format->bits) - 1);
      decode_elements(layout_, p, &code, 1, &rounded[i]);
      const double error = (x[at(i)] - static_cast<double>(rounded[i])) / factor_[at(i * k_ + i)];
      for (std::int64_t j = i + 1; j < k_; ++j) x[at(j)] -= error * factor_[at(i * k_ + j)];
    }
  }

  const StorageLayout& layout_;
  std::int64_t k_;
  std::vector<double> factor_, weights_;
  ScaleSearch search_;
  std::vector<GroupParameters> groups_;
  std::vector<float> rounded_;
};

/// Blocks whose scales llama.cpp chooses by importance too, or has no choice of.
bool takes_importance(const StorageLayout& layout) {
  return has_importance_blocks(layout.format->name) || layout.format->name == "q8_0";
}

bool has_choice(const StorageLayout& layout, WeightQuantizer quantizer) {
  const bool whole = layout.scale_format == ScaleFormat::kDynamic8 ||
                     layout.scale_format == ScaleFormat::kTwoLevel || layout.progressive();
  if (quantizer == WeightQuantizer::kImportance && takes_importance(layout)) return true;
  return !layout.interleaved() && !whole && !layout.mins.present();
}

void require_choice(const StorageLayout& layout, WeightQuantizer quantizer) {
  if (!has_choice(layout, quantizer))
    throw input_error("quantizer: " + enum_name(quantizer) + ": " + layout.format->name +
                      " brings a rule of its own; expected nearest" +
                      (takes_importance(layout) ? " or importance" : ""));
}

QuantizedTensor nearest_codes(const StorageLayout& layout, const TensorFormat& format,
                              const float* data, std::int64_t rows, std::int64_t k) {
  const BlockEncoder encode = layout.interleaved() ? weight_encoder(layout.format->name) : nullptr;
  if (encode == nullptr) return QuantizedTensor::quantize(format, data, rows, k);
  std::vector<std::uint8_t> bytes(at(tensor_bytes(layout, rows, k).total()));
  encode(data, rows * k / layout.block_elements, bytes.data());
  return QuantizedTensor::from_stored(format, std::move(bytes), rows, k);
}

}  // namespace

bool takes_quantizer(const TensorFormat& format, WeightQuantizer quantizer) {
  return quantizer == WeightQuantizer::kNearest || has_choice(storage_layout(format), quantizer);
}

bool needs_moments(WeightQuantizer quantizer) {
  return quantizer == WeightQuantizer::kImportance || quantizer == WeightQuantizer::kGptq;
}

QuantizedTensor quantize_weights(const TensorFormat& format, WeightQuantizer quantizer,
                                 const float* data, std::int64_t rows, std::int64_t k,
                                 const InputMoments* moments) {
  const StorageLayout layout = storage_layout(format);
  if (quantizer == WeightQuantizer::kNearest) return nearest_codes(layout, format, data, rows, k);
  require_choice(layout, quantizer);
  // Nothing to choose, and no error worth a thought.
  if (layout.format->bits == 32) return QuantizedTensor::quantize(format, data, rows, k);
  std::vector<double> importance;
  if (needs_moments(quantizer)) {
    if (moments == nullptr || moments->k != k)
      throw input_error("quantizer: " + enum_name(quantizer) + " needs the moments of " +
                        std::to_string(k) + " inputs");
    if (quantizer == WeightQuantizer::kGptq)
      return Gptq(layout, *moments).quantize(format, data, rows);
    for (std::int64_t i = 0; i < k; ++i) importance.push_back(moments->mean[at(i * k + i)]);
  }
  if (layout.interleaved() && has_importance_blocks(layout.format->name) &&
      k % layout.block_elements == 0)
    return QuantizedTensor::from_stored(
        format, importance_blocks(layout.format->name, data, rows, k, importance), rows, k);
  if (layout.interleaved() || !layout.scales.present())
    return QuantizedTensor::quantize(format, data, rows, k);
  return QuantizedTensor::quantize(
      format, data, rows, k,
      searched(layout, data, rows, k, importance.empty() ? nullptr : importance.data()));
}

}  // namespace bitjoule
