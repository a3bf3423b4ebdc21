// ONNX pools and reductions.
#include <fmt/format.h>

#include <algorithm>

#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// A window over the whole image, or over `kernel_shape`; one axis counts as height 1.
PoolWindow window_of(const OnnxNode& node, const Shape& x, bool global) {
  if (x.size() != 3 && x.size() != 4) node.fail("expected a 1-D or 2-D pool");
  const Shape image(x.begin() + 2, x.end());
  std::vector<OnnxWindow> windows;
  for (const std::int64_t size : image) {
    windows.emplace_back();
    windows.back().size = windows.back().kernel = size;
  }
  if (!global) windows = onnx_windows(node, x, node.integers("kernel_shape"));
  if (windows.size() == 1) windows.insert(windows.begin(), OnnxWindow());
  PoolWindow w;
  w.batch = x[0];
  w.channels = w.filters = w.groups = x[1];
  set_windows(windows, w);
  w.beyond_bottom = windows[0].beyond;
  w.beyond_right = windows[1].beyond;
  return w;
}

void add_pool(OnnxBuilder& builder, const OnnxNode& node, VectorKind kind, bool global) {
  const Shape x = builder.shape(node, node.input(0)), y = builder.shape(node, node.output());
  VectorOp op;
  op.kind = kind;
  op.window = window_of(node, x, global);
  op.count_padding = node.integer("count_include_pad", 0) != 0;
  op.cols = x[1];
  op.rows = volume_of(y) / op.cols;
  const std::string input = builder.channels_last(node.input(0));
  builder.add(node, op, {input}, true);
}

template <VectorKind Kind, bool Global>
void pool(OnnxBuilder& builder, const OnnxNode& node) {
  add_pool(builder, node, Kind, Global);
}

/// Of consecutive elements, which a transpose makes; a mean over all pixels is a global pool.
void add_reduction(OnnxBuilder& builder, const OnnxNode& node, VectorKind kind, const Shape& axes) {
  const Shape x = builder.shape(node, node.input(0));
  const auto rank = static_cast<std::int64_t>(x.size());
  if (axes.empty()) {  // noop_with_empty_axes
    VectorOp same;
    same.kind = VectorKind::kReshape;
    same.cols = volume_of(x);
    const std::string input = builder.plain(node.input(0));
    builder.add(node, same, {input}, false);
    return;
  }
  VectorOp op;
  if (kind == VectorKind::kReduceMean && rank == 4 && axes == Shape{2, 3}) {
    op.kind = VectorKind::kGlobalAvgPool;
    op.window = window_of(node, x, true);
    op.cols = x[1];
    op.rows = x[0];
    const std::string input = builder.channels_last(node.input(0));
    builder.add(node, op, {input}, builder.shape(node, node.output()).size() == 4);
    return;
  }
  op.kind = kind;
  if (node.integer("select_last_index", 0) != 0) op.alpha = 1;
  for (std::int64_t axis : axes) op.reduced *= x[static_cast<std::size_t>(axis)];
  op.rows = volume_of(x) / op.reduced;
  std::string input = builder.plain(node.input(0));
  const Shape order = axes_moved_last(x.size(), axes);
  if (!std::is_sorted(order.begin(), order.end()))
    input = builder.transposed(node, input, x, order);
  builder.add(node, op, {input}, false);
}

template <VectorKind Kind>
void reduce(OnnxBuilder& builder, const OnnxNode& node) {
  add_reduction(builder, node, Kind, onnx_reduced_axes(builder.graph().operands(node)));
}

void arg_max(OnnxBuilder& builder, const OnnxNode& node) {
  const std::size_t rank = builder.shape(node, node.input(0)).size();
  add_reduction(builder, node, VectorKind::kArgMax,
                {node.settled_axis(node.integer("axis", 0), rank)});
}

}  // namespace

const std::vector<OnnxOperator>& onnx_window_operators() {
  using K = VectorKind;
  static const std::vector<OnnxOperator> kRows = {
      {"MaxPool", pool<K::kMaxPool, false>},
      {"AveragePool", pool<K::kAvgPool, false>},
      {"GlobalAveragePool", pool<K::kGlobalAvgPool, true>},
      {"GlobalMaxPool", pool<K::kGlobalMaxPool, true>},
      {"ReduceMean", reduce<K::kReduceMean>},
      {"ReduceSum", reduce<K::kReduceSum>},
      {"ReduceMax", reduce<K::kReduceMax>},
      {"ReduceMin", reduce<K::kReduceMin>},
      {"ReduceProd", reduce<K::kReduceProd>},
      {"ArgMax", arg_max},
  };
  return kRows;
}

}  // namespace bitjoule
