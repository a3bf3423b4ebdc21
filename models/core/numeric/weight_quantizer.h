// How real weights become codes where a format leaves a choice: which scale a group has, and what
// becomes of the rounding errors. Bytes and cycles do not depend on it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/quantized_tensor.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// What is known of the inputs that weights are multiplied by: the mean of x_i * x_j over the rows
/// of a calibration, [k, k].
struct InputMoments {
  std::int64_t k = 0;
  std::vector<double> mean;
};

/// Whether a format leaves a quantizer a choice; quantize_weights() refuses the others.
bool takes_quantizer(const TensorFormat& format, WeightQuantizer quantizer);

/// Whether a quantizer asks for moments.
bool needs_moments(WeightQuantizer quantizer);

/// Rows x k weights in a format.
///
/// kMse: each group's scale by ScaleSearch. Formats without scales have nothing to choose.
/// kImportance: each square counts times moments.mean[i, i]; blocks of GGML by ggml_importance.h.
/// kGptq (arXiv 2210.17323): columns in their order; the error of one, over its conditional
/// deviation, is taken from those that follow, by the Cholesky factor of the inverse of the moments
/// (with 1 % of their mean diagonal added to it). A group chooses its scale when its turn comes, as
/// kMse, each square over that deviation's.
///
/// Throws an input Error where the format brings a rule of its own (blocks of GGML, nf4_dq, nvfp4,
/// offsets), and where moments are missing or of another k.
QuantizedTensor quantize_weights(const TensorFormat& format, WeightQuantizer quantizer,
                                 const float* data, std::int64_t rows, std::int64_t k,
                                 const InputMoments* moments = nullptr);

}  // namespace bitjoule
