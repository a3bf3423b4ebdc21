// What may become of a linear layer's operands before they are quantized, its results staying what
// they are: sum x_i w_i = sum (x_i t_i) (w_i / t_i), and x w = (x H) (w H) with H orthogonal.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/numeric/shared_heads.h"
#include "core/numeric/tensor_format.h"
#include "core/numeric/weight_quantizer.h"

namespace bitjoule {

/// Each input of a linear layer over the rows of a calibration.
struct InputMagnitudes {
  std::vector<double> largest, mean;
};

/// The weights of a layer that reads them: rows of as many elements, and how they will be stored.
struct ReaderWeights {
  std::vector<float> values;
  TensorFormat format;
};

/// Where weights take over a static scale for each input: its reciprocal times the largest code, so
/// that inputs lie within -1..1. `clips`: what the codes reach; 0: 1.
std::vector<float> channel_factors(const std::vector<double>& clips);

/// SmoothQuant (arXiv 2211.10438): t_i = max |w_i|^(1 - strength) / max |x_i|^strength, the largest
/// weight of all readers. Of strength 1 every input is divided by its own largest value. An input
/// or weights that are all zero: 1.
std::vector<float> smooth_factors(const InputMagnitudes& inputs,
                                  const std::vector<ReaderWeights>& readers, double strength,
                                  const SharedHeads& heads = {});

/// AWQ (arXiv 2306.00978): t_i = 1 / s_i, s_i = mean |x_i|^a over the root of the largest times the
/// smallest of them, with that a of 0, 0.05, ... 0.95 that makes the squared error of all readers'
/// outputs least: by the moments, weights being rounded to the nearest codes.
std::vector<float> awq_factors(const InputMagnitudes& inputs, const InputMoments& moments,
                               const std::vector<ReaderWeights>& readers);

/// Of a row of k elements the stages of the largest rotation: 2^stages divides k. 0 of odd k.
std::int64_t hadamard_stages(std::int64_t k);

/// Each block of 2^stages elements times the Walsh-Hadamard matrix of that order, in `stages` times
/// sums and differences of pairs, then times 2^(-stages / 2). Its own inverse.
template <class T>
void hadamard(T* x, std::int64_t k, std::int64_t stages) {
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const std::int64_t half = std::int64_t{1} << stage;
    for (std::int64_t first = 0; first < k; first += 2 * half)
      for (std::int64_t i = first; i < first + half; ++i) {
        const T sum = x[i] + x[i + half];
        x[i + half] = x[i] - x[i + half];
        x[i] = sum;
      }
  }
  const T factor = static_cast<T>(std::exp2(-0.5 * static_cast<double>(stages)));
  for (std::int64_t i = 0; i < k; ++i) x[i] *= factor;
}

/// The same of columns: rows of k elements, mixed in blocks of 2^stages rows.
void hadamard_rows(std::vector<double>& x, std::int64_t k, std::int64_t stages);

/// The moments of inputs after that.
InputMoments scaled(InputMoments moments, const std::vector<float>& factors);
InputMoments rotated(InputMoments moments, std::int64_t stages);

}  // namespace bitjoule
