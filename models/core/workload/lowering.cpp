#include "core/workload/lowering.h"

namespace bitjoule {
namespace {

Lowered shape(const Conv2d& c) {
  Lowered l;
  l.batch = c.batch;
  l.height = c.height;
  l.width = c.width;
  l.channels = c.channels / c.groups;
  l.out_height = c.out_height();
  l.out_width = c.out_width();
  l.kernel_h = c.kernel_h;
  l.kernel_w = c.kernel_w;
  l.stride_h = c.stride_h;
  l.stride_w = c.stride_w;
  l.pad_top = c.pad_top;
  l.pad_left = c.pad_left;
  l.dilation_h = c.dilation_h;
  l.dilation_w = c.dilation_w;
  return l;
}

Lowered row_of_pixels(std::int64_t m, std::int64_t k) {
  Lowered l;
  l.width = l.out_width = m;
  l.channels = k;
  return l;
}

Lowered shape(const Gemm& g) { return row_of_pixels(g.m, g.k); }

Lowered shape(const Matmul& g) {
  Lowered l = row_of_pixels(g.shared * g.m, g.k);
  l.interleaved_groups = false;
  l.activations_only = true;
  l.k_rows = g.k_rows;
  l.lower_rows = g.lower ? g.m : 0;
  return l;
}

}  // namespace

std::int64_t Lowered::input_index(std::int64_t g, const Window& window, std::int64_t k) const {
  const std::int64_t c = k % channels, position = k / channels;
  const std::int64_t ih = window.row + position / kernel_w * dilation_h;
  const std::int64_t iw = window.column + position % kernel_w * dilation_w;
  if (ih < 0 || ih >= height || iw < 0 || iw >= width) return -1;
  const std::int64_t pixel = (window.batch * height + ih) * width + iw;
  return interleaved_groups ? (pixel * extents.groups + g) * channels + c
                            : (g * batch * height * width + pixel) * channels + c;
}

Lowered lower(const LayerOp& op) {
  const GemmExtents extents = gemm_extents(op);  // checks the sizes
  Lowered lowered = std::visit([](const auto& layer) { return shape(layer); }, op);
  lowered.extents = extents;
  if (const auto* product = std::get_if<Matmul>(&op)) {
    lowered.extents.groups /= product->shared;
    lowered.extents.m *= product->shared;
  }
  return lowered;
}

}  // namespace bitjoule
