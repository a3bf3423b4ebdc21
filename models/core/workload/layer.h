// One layer with MACs, as users name it, and its shape as a (grouped) matrix product.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/workload/tensor_source.h"

namespace bitjoule {

/// 2-D convolution, NHWC: input batch x height x width x channels, weights
/// filters x kernel x (channels / groups). Depthwise is groups == channels.
struct Conv2d {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1, filters = 1;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;

  std::int64_t out_height() const {
    return (height + pad_top + pad_bottom - dilation_h * (kernel_h - 1) - 1) / stride_h + 1;
  }
  std::int64_t out_width() const {
    return (width + pad_left + pad_right - dilation_w * (kernel_w - 1) - 1) / stride_w + 1;
  }
};

/// Y[m x n] = X[m x k] * W[k x n]: a linear layer; W comes from DRAM and is stored as n rows of k.
struct Gemm {
  std::int64_t m = 1, n = 1, k = 1;
};

/// `batch` independent products; both operands are activations (attention). `shared` consecutive
/// products have one second operand (grouped-query attention). With `k_rows` that operand lies as k
/// rows of n, not as n rows of k: values of a cache, a row for each token.
struct Matmul {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  std::int64_t shared = 1;
  bool k_rows = false;
  /// Row i of m is read up to column n - m + i alone: what a causal softmax masks may be left 0.
  bool lower = false;
};

using LayerOp = std::variant<Conv2d, Gemm, Matmul>;

/// `groups` products of m x k by k x n: what the array executes.
struct GemmExtents {
  std::int64_t groups = 1, m = 1, n = 1, k = 1;
  std::int64_t macs() const { return groups * m * n * k; }
};

/// What the output unit does beside converting the format.
struct OutputStage {
  bool bias = false;       ///< adds one value per output channel
  std::string activation;  ///< then clamps: "", "relu", "relu6" or "relu_n1_to_1"
};

/// A layer and its operands. Shapes as in Lowered: inputs NHWC or [group][m][k], weights n rows of
/// k (filters x kernel x channels).
struct Layer {
  std::string name;
  LayerOp op;
  std::optional<TensorSource> inputs = {}, weights = {};  ///< default: normally distributed
  OutputStage stage = {};
  std::optional<TensorSource> bias = {};  ///< values of the stage's bias, where it has one
};

/// What an activation lets through: [0, infinity), [0, 6], [-1, 1] or everything. Throws an input
/// Error for an unknown name.
struct ActivationBounds {
  double lo, hi;
};
ActivationBounds activation_bounds(const std::string& activation);

/// Checks sizes (positive, divisible groups, no 63-bit overflow) and lowers a layer to extents.
/// Throws an input Error that names the offending field.
GemmExtents gemm_extents(const LayerOp& op);

}  // namespace bitjoule
