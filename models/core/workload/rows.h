// What layers with MACs are described by: every size with its name, meaning and range, for files
// (sim/schema) and for what programs give (gemm_extents). Where it is instantiated, it is compiled.
#pragma once

#include <cstdint>

#include "core/rule.h"
#include "core/workload/layer.h"

namespace bitjoule {

/// Far above any real layer, and small enough that products of two sizes and a byte count fit 63
/// bits.
inline Rule extent() { return range(1, std::int64_t{1} << 31); }

/// How a window of a convolution or a pool moves.
template <class V, class Window>
void describe_window(V& v, Window& c) {
  v.spread("kernel", {&c.kernel_h, &c.kernel_w}, "height and width, or one for both", extent());
  v.spread("stride", {&c.stride_h, &c.stride_w}, "down and across, or one for both", extent());
  v.spread("padding", {&c.pad_top, &c.pad_left, &c.pad_bottom, &c.pad_right},
           "one for all sides, [vertical, horizontal] or [top, left, bottom, right]",
           range(0, std::int64_t{1} << 31));
  v.spread("dilation", {&c.dilation_h, &c.dilation_w}, "down and across, or one for both",
           extent());
}

template <class V>
void describe(V& v, Gemm& c) {
  v.required("m", c.m, "rows of the input: tokens, or batch", extent());
  v.required("n", c.n, "outputs per row", extent());
  v.required("k", c.k, "inputs per row", extent());
}

template <class V>
void describe(V& v, Matmul& c) {
  v.field("batch", c.batch, "independent products", extent());
  v.required("m", c.m, "rows of the first operand", extent());
  v.required("n", c.n, "columns of the second operand", extent());
  v.required("k", c.k, "length of the sums", extent());
  v.field("shared", c.shared, "consecutive products with the same second operand", extent());
  v.field("k_rows", c.k_rows, "the second operand lies as k rows of n; default: n rows of k");
}

template <class V>
void describe(V& v, Conv2d& c) {
  v.field("batch", c.batch, "images", extent());
  v.required("height", c.height, "of the input", extent());
  v.required("width", c.width, "of the input", extent());
  v.required("channels", c.channels, "of the input", extent());
  v.required("filters", c.filters, "channels of the output", extent());
  describe_window(v, c);
  v.field("groups", c.groups, "channels is the depthwise convolution", extent());
}

}  // namespace bitjoule
