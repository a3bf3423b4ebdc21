// ONNX operators that only move or name elements.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

std::int64_t settled(const OnnxNode& node, std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < 0) axis += r;
  if (axis < 0 || axis >= r) node.fail("an axis is out of range");
  return axis;
}

void reshape(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kReshape;
  op.cols = volume_of(builder.shape(node, node.input(0)));
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

void transpose(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  const Shape shape = builder.shape(node, node.input(0));
  Shape reversed;
  for (std::size_t i = shape.size(); i > 0; --i)
    reversed.push_back(static_cast<std::int64_t>(i) - 1);
  op.axes = node.integers("perm", reversed);
  Shape sorted = op.axes;
  std::sort(sorted.begin(), sorted.end());
  std::reverse(reversed.begin(), reversed.end());
  if (sorted != reversed) node.fail("perm is no permutation of the axes");
  op.operand_shapes = {shape};
  op.shape = permuted(shape, op.axes);
  op.cols = volume_of(shape);
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

void concat(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kConcat;
  op.shape = builder.shape(node, node.output());
  op.cols = volume_of(op.shape);
  const std::int64_t axis = settled(node, node.integer("axis", 0), op.shape.size());
  bool channels_last = op.shape.size() > 2;
  for (int i = 0; i < node.inputs(); ++i)
    channels_last = channels_last && builder.is_data(node.input(i)) &&
                    builder.value(node.input(i)).channels_last;
  const Shape axes = channels_last ? channel_axes(op.shape.size(), true) : Shape();
  if (channels_last) op.shape = permuted(op.shape, axes);
  op.axes = {channels_last ? std::find(axes.begin(), axes.end(), axis) - axes.begin() : axis};
  std::vector<std::string> inputs;
  std::string stored;
  for (int i = 0; i < node.inputs(); ++i) {
    const std::string& name = node.input(i);
    const Shape shape = builder.shape(node, name);
    op.operand_shapes.push_back(channels_last ? permuted(shape, axes) : shape);
    if (builder.is_data(name)) {
      inputs.push_back(channels_last ? builder.channels_last(name) : builder.plain(name));
      continue;
    }
    if (!stored.empty()) node.fail("more than one operand is a constant");
    stored = name;
    inputs.emplace_back(kOperandInput);
  }
  NetworkLayer& layer = builder.add(node, op, inputs, channels_last);
  if (!stored.empty()) layer.tensors["operand"] = builder.source(stored);
}

VectorOp slice_of(const Shape& from, const Shape& to, const Shape& starts, const Shape& steps) {
  VectorOp op;
  op.kind = VectorKind::kSlice;
  op.operand_shapes = {from};
  op.shape = to;
  op.cols = volume_of(to);
  op.starts = starts;
  op.steps = steps;
  return op;
}

/// Operands (opset 10 on) or attributes of Slice.
Shape slice_argument(OnnxBuilder& builder, const OnnxNode& node, int operand, const char* name) {
  if (!node.input(operand).empty()) return builder.integers(node, node.input(operand));
  return node.integers(name);
}

void slice(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape from = builder.shape(node, node.input(0));
  const Shape to = builder.shape(node, node.output());
  const Shape starts = slice_argument(builder, node, 1, "starts");
  Shape axes = slice_argument(builder, node, 3, "axes");
  const Shape steps = slice_argument(builder, node, 4, "steps");
  if (axes.empty())
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  Shape first(from.size(), 0), step(from.size(), 1);
  for (std::size_t i = 0; i < axes.size() && i < starts.size(); ++i) {
    const auto axis = static_cast<std::size_t>(settled(node, axes[i], from.size()));
    step[axis] = i < steps.size() ? steps[i] : 1;
    if (step[axis] < 1) node.fail("steps: expected positive numbers");
    std::int64_t start = starts[i];
    if (start < 0) start = start < -from[axis] ? 0 : start + from[axis];
    first[axis] = std::min(start, from[axis]);
  }
  const std::string input = builder.plain(node.input(0));
  builder.add(node, slice_of(from, to, first, step), {input}, false);
}

void split(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape from = builder.shape(node, node.input(0));
  const auto axis = static_cast<std::size_t>(settled(node, node.integer("axis", 0), from.size()));
  const std::string input = builder.plain(node.input(0));
  Shape first(from.size(), 0);
  for (int i = 0; i < node.outputs(); ++i) {
    const std::string& name = node.output(i);
    if (name.empty()) node.fail("an output has no name");
    const Shape to = builder.shape(node, name);
    if (to.size() != from.size()) node.fail("its output has another number of axes");
    OnnxValue value;
    value.layer = name;
    value.shape = to;
    builder.add_step(name, slice_of(from, to, first, Shape(from.size(), 1)), {input});
    builder.set(name, value);
    first[axis] += to[axis];
  }
}

void pad(OnnxBuilder& builder, const OnnxNode& node) {
  if (node.text("mode", "constant") != "constant") node.fail("only constant padding is supported");
  const Shape from = builder.shape(node, node.input(0));
  const Shape pads = slice_argument(builder, node, 1, "pads");
  if (pads.size() != 2 * from.size()) node.fail("pads: expected two values for every axis");
  for (std::int64_t p : pads)
    if (p < 0) node.fail("pads: negative values are not supported");
  VectorOp op =
      slice_of(from, builder.shape(node, node.output()),
               Shape(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(from.size())), {});
  op.kind = VectorKind::kPad;
  op.alpha = node.real("value", 0);
  if (!node.input(2).empty()) op.alpha = double{builder.floats(node, node.input(2)).at(0)};
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

/// Rows of a table by computed indices. An axis behind the first is brought in front, and what was
/// before it back behind the indices' axes.
void look_up(OnnxBuilder& builder, const OnnxNode& node, const Shape& from, std::size_t axis) {
  const std::string& table = node.input(0);
  const Shape index_shape = builder.shape(node, node.input(1));
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = from[axis];
  op.cols = volume_of(from) / std::max<std::int64_t>(1, from[axis]);
  op.rows = volume_of(index_shape);
  const std::string input = builder.plain(node.input(1));
  if (axis == 0) {
    const TensorSource rows = builder.source(table);
    builder.add(node, op, {input}, false).tensors["table"] = rows;
    return;
  }
  if (!builder.is_data(table)) node.fail("a stored table is supported on axis 0 only");
  Shape order = {static_cast<std::int64_t>(axis)};
  for (std::size_t i = 0; i < from.size(); ++i)
    if (i != axis) order.push_back(static_cast<std::int64_t>(i));
  TensorSource rows;
  rows.input = builder.transposed(node, builder.plain(table), from, order);
  const std::string found = builder.add_step(node.output() + ".rows", op, {input}).name;
  builder.last().tensors["table"] = rows;
  // [indices][before][behind] to [before][indices][behind].
  Shape shape = index_shape;
  for (std::size_t i = 1; i < order.size(); ++i)
    shape.push_back(from[static_cast<std::size_t>(order[i])]);
  Shape back;
  const std::size_t rank = index_shape.size();
  for (std::size_t i = 0; i < axis; ++i) back.push_back(static_cast<std::int64_t>(rank + i));
  for (std::size_t i = 0; i < rank; ++i) back.push_back(static_cast<std::int64_t>(i));
  for (std::size_t i = rank + axis; i < shape.size(); ++i)
    back.push_back(static_cast<std::int64_t>(i));
  VectorOp move;
  move.kind = VectorKind::kTranspose;
  move.operand_shapes = {shape};
  move.shape = permuted(shape, back);
  move.axes = back;
  move.cols = volume_of(shape);
  builder.add(node, move, {found}, false);
}

/// Rows of a table by computed indices, or one stored index along an axis.
void gather(OnnxBuilder& builder, const OnnxNode& node) {
  const std::string& table = node.input(0);
  const std::string& indices = node.input(1);
  const Shape from = builder.shape(node, table);
  const std::int64_t axis = settled(node, node.integer("axis", 0), from.size());
  if (builder.is_data(indices)) {
    look_up(builder, node, from, static_cast<std::size_t>(axis));
    return;
  }
  const Shape index = builder.integers(node, indices);
  if (index.size() != 1) node.fail("expected one stored index");
  const auto a = static_cast<std::size_t>(axis);
  Shape first(from.size(), 0), to = from;
  first[a] = index[0] < 0 ? index[0] + from[a] : index[0];
  if (first[a] < 0 || first[a] >= from[a]) node.fail("the index is out of range");
  to[a] = 1;
  const std::string input = builder.plain(table);
  builder.add(node, slice_of(from, to, first, Shape(from.size(), 1)), {input}, false);
}

/// What is computed from shapes alone is known already by shape inference.
void shape_of(OnnxBuilder& builder, const OnnxNode& node) {
  OnnxValue value;
  value.kind = OnnxValue::Kind::kShape;
  builder.set(node.output(), value);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_movement_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"Reshape", reshape},   {"Flatten", reshape},     {"Squeeze", reshape},
      {"Unsqueeze", reshape}, {"Transpose", transpose}, {"Concat", concat},
      {"Slice", slice},       {"Split", split},         {"Pad", pad},
      {"Gather", gather},     {"Shape", shape_of},      {"ConstantOfShape", shape_of},
      {"Constant", shape_of}, {"Range", shape_of},
  };
  return kRows;
}

}  // namespace bitjoule
