// ONNX pools and reductions.
#include <fmt/format.h>

#include <algorithm>

#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// A window over the whole image, or over `kernel_shape`; one axis counts as height 1.
PoolWindow window_of(const OnnxNode& node, const Shape& x, bool global) {
  if (x.size() != 3 && x.size() != 4) node.fail("expected a 1-D or 2-D pool");
  const bool flat = x.size() == 3;
  PoolWindow w;
  w.batch = x[0];
  w.channels = w.filters = w.groups = x[1];
  w.height = flat ? 1 : x[2];
  w.width = x.back();
  const Shape kernel = node.integers("kernel_shape"), strides = node.integers("strides"),
              dilations = node.integers("dilations");
  w.kernel_h = flat ? 1 : global ? w.height : at(kernel, 0, 1);
  w.kernel_w = global ? w.width : at(kernel, flat ? 0 : 1, 1);
  w.stride_h = flat ? 1 : at(strides, 0, 1);
  w.stride_w = at(strides, flat ? 0 : 1, 1);
  w.dilation_h = flat ? 1 : at(dilations, 0, 1);
  w.dilation_w = at(dilations, flat ? 0 : 1, 1);
  return w;
}

/// Padding so that the output has the inferred size: with auto_pad and ceil_mode the last window
/// may reach beyond the stated padding.
void pad_axis(const OnnxNode& node, std::int64_t size, std::int64_t out, std::int64_t kernel,
              std::int64_t stride, std::int64_t dilation, std::int64_t& before,
              std::int64_t& after) {
  if (kernel < 1 || stride < 1 || dilation < 1) node.fail("expected positive sizes of the window");
  const std::int64_t reach = (out - 1) * stride + dilation * (kernel - 1) + 1;
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const std::int64_t all = std::max<std::int64_t>(0, reach - size);
    before = mode == "SAME_UPPER" ? all / 2 : all - all / 2;
    after = all - before;
  } else if (node.integer("ceil_mode", 0) != 0) {
    after = std::max(after, reach - size - before);
  }
}

void add_pool(OnnxBuilder& builder, const OnnxNode& node, VectorKind kind, bool global) {
  if (!node.output(1).empty()) node.fail("only the first output is supported");
  const Shape x = builder.shape(node, node.input(0)), y = builder.shape(node, node.output());
  if (y.size() != x.size()) node.fail("its output has another number of axes");
  VectorOp op;
  op.kind = kind;
  PoolWindow w = window_of(node, x, global);
  const bool flat = x.size() == 3;
  const Shape pads = node.integers("pads");
  w.pad_top = flat ? 0 : at(pads, 0, 0);
  w.pad_left = at(pads, flat ? 0 : 1, 0);
  w.pad_bottom = flat ? 0 : at(pads, 2, 0);
  w.pad_right = at(pads, flat ? 1 : 3, 0);
  pad_axis(node, w.height, flat ? 1 : y[2], w.kernel_h, w.stride_h, w.dilation_h, w.pad_top,
           w.pad_bottom);
  pad_axis(node, w.width, y.back(), w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right);
  op.window = w;
  op.count_padding = node.integer("count_include_pad", 0) != 0;
  op.cols = w.channels;
  op.rows = volume_of(y) / op.cols;
  const std::string input = builder.channels_last(node.input(0));
  builder.add(node, op, {input}, true);
}

template <VectorKind Kind, bool Global>
void pool(OnnxBuilder& builder, const OnnxNode& node) {
  add_pool(builder, node, Kind, Global);
}

/// Over all pixels: a global pool; else sums of consecutive elements, which a transpose makes.
void reduce_mean(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape x = builder.shape(node, node.input(0));
  const auto rank = static_cast<std::int64_t>(x.size());
  Shape axes = node.integers("axes");
  if (axes.empty() && !node.input(1).empty()) axes = builder.integers(node, node.input(1));
  if (axes.empty())
    for (std::int64_t i = 0; i < rank; ++i) axes.push_back(i);
  for (std::int64_t& axis : axes) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) node.fail("axes are out of range");
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  VectorOp op;
  if (rank == 4 && axes == Shape{2, 3}) {
    op.kind = VectorKind::kGlobalAvgPool;
    op.window = window_of(node, x, true);
    op.cols = x[1];
    op.rows = x[0];
    const std::string input = builder.channels_last(node.input(0));
    builder.add(node, op, {input}, builder.shape(node, node.output()).size() == 4);
    return;
  }
  op.kind = VectorKind::kReduceMean;
  for (std::int64_t axis : axes) op.reduced *= x[static_cast<std::size_t>(axis)];
  op.rows = volume_of(x) / op.reduced;
  std::string input = builder.plain(node.input(0));
  const Shape order = axes_moved_last(x.size(), axes);
  if (!std::is_sorted(order.begin(), order.end()))
    input = builder.transposed(node, input, x, order);
  builder.add(node, op, {input}, false);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_window_operators() {
  using K = VectorKind;
  static const std::vector<OnnxOperator> kRows = {
      {"MaxPool", pool<K::kMaxPool, false>},
      {"AveragePool", pool<K::kAvgPool, false>},
      {"GlobalAveragePool", pool<K::kGlobalAvgPool, true>},
      {"GlobalMaxPool", pool<K::kGlobalMaxPool, true>},
      {"ReduceMean", reduce_mean},
  };
  return kRows;
}

}  // namespace bitjoule
