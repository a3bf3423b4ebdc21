#include "core/exec/vector_values.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

void require_size(const VectorOp& op, const char* what, std::size_t got, std::int64_t expected) {
  if (got != at(expected))
    throw input_error(std::string(vector_row(op.kind).name) + ": " + what + ": expected " +
                      std::to_string(expected) + " values, got " + std::to_string(got));
}

/// Operands of as many dimensions as the output; axes that name each of them once.
void check_movement(const VectorOp& op) {
  const std::string name = vector_row(op.kind).name;
  const std::size_t rank = op.shape.size();
  for (const auto& shape : op.operand_shapes)
    if (shape.size() != rank) throw input_error(name + ": operand_shapes: not as long as shape");
  const bool one = op.operand_shapes.size() == 1;
  if (op.kind != VectorKind::kConcat && op.kind != VectorKind::kShiftIn && !one)
    throw input_error(name + ": operand_shapes: expected the operand's");
  std::vector<std::int64_t> axes = op.axes;
  std::sort(axes.begin(), axes.end());
  if (op.kind == VectorKind::kConcat &&
      (axes.size() > 1 || (axes.size() == 1 && at(axes[0]) >= rank)))
    throw input_error(name + ": axes: expected one dimension of shape");
  if (op.kind != VectorKind::kTranspose) return;
  for (std::size_t i = 0; i < std::max(rank, axes.size()); ++i)
    if (axes.size() != rank || at(axes[i]) != i)
      throw input_error(name + ": axes: expected each dimension once");
}

void check_axis(const VectorOp& op, const VectorOperands& o) {
  if (op.axes.size() != 1 || op.axes[0] < 0 || at(op.axes[0]) >= op.shape.size())
    throw input_error(std::string(vector_row(op.kind).name) +
                      ": axes: expected one dimension of shape");
  require_size(op, "scales", o.axis_scales.size(), op.shape[at(op.axes[0])]);
  require_size(op, "zero-points", o.axis_zero_points.size(), op.shape[at(op.axes[0])]);
}

void check_operands(const VectorOp& op, const VectorOperands& o) {
  check_vector_op(op);
  if (op.kind == VectorKind::kEmbedding) {
    require_size(op, "table", o.table.size(), op.table_rows * op.cols);
    require_size(op, "indices", o.indices.size(), op.rows);
    for (std::int64_t index : o.indices)
      if (index < 0 || index >= op.table_rows)
        throw input_error("embedding: index " + std::to_string(index) + " is outside of 0.." +
                          std::to_string(op.table_rows - 1));
    return;
  }
  const std::vector<std::int64_t> sizes = operand_elements(op);
  require_size(op, "operands", o.inputs.size(), static_cast<std::int64_t>(sizes.size()));
  for (std::size_t i = 0; i < sizes.size(); ++i)
    require_size(op, "operand", o.inputs[i].size(), sizes[i]);
  if (op.kind == VectorKind::kDispatch || op.kind == VectorKind::kCombine) {
    const std::int64_t tokens = sizes[1] / op.routing->experts;
    require_size(op, "indices", o.indices.size(), tokens * op.routing->chosen);
    for (const std::int64_t expert : o.indices)
      if (expert < 0 || expert >= op.routing->experts)
        throw input_error("an index is no expert: " + std::to_string(expert));
    return;
  }
  if (op.kind == VectorKind::kRoute && op.routing->biased)
    require_size(op, "bias", o.bias.size(), op.cols);
  if (op.sinks) require_size(op, "sinks", o.sinks.size(), op.heads);
  if (op.distances)
    require_size(op, "distances", o.distances.size(), op.distances->buckets * op.heads);
  if (op.kind >= VectorKind::kConcat && op.kind != VectorKind::kReshape &&
      op.kind != VectorKind::kScatter)
    check_movement(op);
  if (!o.axis_scales.empty()) check_axis(op, o);
  if (op.kind == VectorKind::kRope && !o.factors.empty())
    require_size(op, "factors", o.factors.size(), rotated_cols(op) / 2);
  if (op.kind == VectorKind::kRmsNorm || op.kind == VectorKind::kChannelScale)
    require_size(op, "gamma", o.gamma.size(), op.cols);
  if (op.kind != VectorKind::kLayerNorm && op.kind != VectorKind::kBatchNorm) return;
  require_size(op, "gamma", o.gamma.size(), op.cols);
  require_size(op, "beta", o.beta.size(), op.cols);
  if (op.kind == VectorKind::kLayerNorm) return;
  require_size(op, "mean", o.mean.size(), op.cols);
  require_size(op, "variance", o.variance.size(), op.cols);
}

}  // namespace

VectorResult vector_values(const VectorOp& op, const VectorOperands& o) {
  check_operands(op, o);
  if (op.kind <= VectorKind::kRope) return row_values(op, o);
  if (op.kind <= VectorKind::kDequantizeLinear) return {element_values(op, o), {}};
  if (op.kind <= VectorKind::kGlobalMaxPool) return {window_values(op, o.inputs[0]), {}};
  return {moved_values(op, o), {}};
}

std::vector<float> window_values(const VectorOp& op, const std::vector<float>& x) {
  const PoolWindow& w = *op.window;
  const bool maximum = op.kind == VectorKind::kMaxPool || op.kind == VectorKind::kGlobalMaxPool;
  std::vector<float> y(at(op.elements()));
  for (std::int64_t i = 0; i < op.elements(); ++i) {
    check_interrupt_after(4 * w.kernel_h * w.kernel_w);
    const std::int64_t c = i % w.channels, pixel = i / w.channels;
    const std::int64_t ow = pixel % w.out_width(), oh = pixel / w.out_width() % w.out_height();
    const std::int64_t b = pixel / w.out_width() / w.out_height();
    std::int64_t count = 0, padded = 0;
    float result = 0;
    for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < w.kernel_w; ++kw) {
        const std::int64_t h = oh * w.stride_h + kh * w.dilation_h - w.pad_top;
        const std::int64_t v = ow * w.stride_w + kw * w.dilation_w - w.pad_left;
        padded += w.is_padded_image(h, v) ? 1 : 0;
        if (h < 0 || h >= w.height || v < 0 || v >= w.width) continue;
        const float value = x[at(((b * w.height + h) * w.width + v) * w.channels + c)];
        if (!maximum)
          result += value;
        else if (count == 0 || value > result || std::isnan(value))
          result = value;
        ++count;
      }
    if (op.count_padding) count = padded;
    y[at(i)] = maximum || count == 0 ? result : result * (1.0f / static_cast<float>(count));
  }
  return y;
}

}  // namespace bitjoule
