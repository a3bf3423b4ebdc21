// A layer as the machine sees it: grouped matrix products whose first operand is read through an
// implicit im2col, so that DRAM and buffers hold the feature map once. Products that share their
// second operand (grouped-query attention) are one: their rows of m lie one after the other.
#pragma once

#include <cstdint>

#include "core/workload/layer.h"

namespace bitjoule {

/// Rows of consecutive elements.
struct RowExtent {
  std::int64_t rows, length;
};

/// Output pixels (batch, oh, ow) are the m of the products, filters of a group the n, and
/// k = (kh * kernel_w + kw) * channels + c. A matrix is a 1 x 1 convolution over a row of m pixels.
struct Lowered {
  GemmExtents extents;  ///< as the array executes them, where products share operands
  std::int64_t batch = 1, height = 1, width = 1;
  std::int64_t channels = 1;  ///< of one group
  std::int64_t out_height = 1, out_width = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, dilation_h = 1, dilation_w = 1;
  /// Convolution: the channels of all groups lie side by side in a pixel. Otherwise each group's
  /// operand and result is a matrix of its own.
  bool interleaved_groups = true;
  bool activations_only = false;  ///< the second operand is computed by other layers too
  bool k_rows = false;            ///< the second operand lies as k rows of n, not as n rows of k
  std::int64_t lower_rows = 0;    ///< of each product, where it is `lower`; else 0

  std::int64_t input_elements() const { return extents.groups * batch * height * width * channels; }
  std::int64_t weight_rows() const { return extents.groups * extents.n; }
  /// So many groups of n x k of the second operand as they are stored.
  RowExtent stored_rows(std::int64_t groups, std::int64_t n, std::int64_t k) const {
    return k_rows ? RowExtent{groups * k, n} : RowExtent{groups * n, k};
  }
  RowExtent stored_rows() const { return stored_rows(extents.groups, extents.n, extents.k); }
  std::int64_t output_elements() const { return extents.groups * extents.m * extents.n; }
  /// Results side by side, which scales of rows and groups are of: of a pixel all channels.
  std::int64_t result_row() const { return extents.n * (interleaved_groups ? extents.groups : 1); }

  /// Index of the first operand's element (g, m, k) in its tensor (NHWC, or [group][m][k]), or -1
  /// where it lies in the padding.
  std::int64_t input_index(std::int64_t g, std::int64_t m, std::int64_t k) const {
    return input_index(g, window(m), k);
  }
  /// Where the window of an output pixel begins, in the padding or not.
  struct Window {
    std::int64_t batch, row, column;
  };
  Window window(std::int64_t m) const {
    const std::int64_t ow = m % out_width, row = m / out_width;
    return {row / out_height, row % out_height * stride_h - pad_top, ow * stride_w - pad_left};
  }
  std::int64_t input_index(std::int64_t g, const Window& window, std::int64_t k) const;
  /// Row (output channel) of the weight tensor [rows][k] for (g, n).
  std::int64_t weight_row(std::int64_t g, std::int64_t n) const { return g * extents.n + n; }
  /// Index of the result (g, m, n) in its tensor (NHWC, or [group][m][n]).
  std::int64_t output_index(std::int64_t g, std::int64_t m, std::int64_t n) const {
    return interleaved_groups ? (m * extents.groups + g) * extents.n + n
                              : (g * extents.m + m) * extents.n + n;
  }
};

/// Throws an input Error naming the field where the layer's sizes are illegal.
Lowered lower(const LayerOp& op);

}  // namespace bitjoule
