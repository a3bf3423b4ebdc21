// ONNX operators that only move or name elements.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

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
  const std::int64_t axis = node.settled_axis(node.integer("axis", 0), op.shape.size());
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
    if (!stored.empty()) {
      inputs.push_back(builder.plain(name));
      continue;
    }
    stored = name;
    inputs.emplace_back(kOperandInput);
  }
  NetworkLayer& layer = builder.add(node, op, inputs, channels_last);
  if (!stored.empty()) layer.tensors["operand"] = builder.source(stored);
}

void slice(OnnxBuilder& builder, const OnnxNode& node) {
  const OnnxSlice kept = onnx_slice(builder.graph().operands(node));
  const std::string input = builder.plain(node.input(0));
  builder.add(node,
              slice_of(builder.shape(node, node.input(0)), kept.shape, kept.starts, kept.steps),
              {input}, false);
}

void split(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape from = builder.shape(node, node.input(0));
  const auto axis =
      static_cast<std::size_t>(node.settled_axis(node.integer("axis", 0), from.size()));
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
  const char* attribute = node.has("paddings") ? "paddings" : "pads";
  const Shape pads =
      node.input(1).empty() ? node.integers(attribute) : builder.integers(node, node.input(1));
  Shape axes;
  if (!node.input(3).empty()) axes = builder.integers(node, node.input(3));
  Shape leading(from.size(), 0);
  for (std::size_t i = 0; i < pads.size() / 2; ++i)
    leading[static_cast<std::size_t>(
        node.settled_axis(at(axes, i, static_cast<std::int64_t>(i)), from.size()))] = pads[i];
  VectorOp op = slice_of(from, builder.shape(node, node.output()), leading, {});
  op.kind = VectorKind::kPad;
  op.alpha = node.real("value", 0);
  if (!node.input(2).empty()) {
    const std::vector<float> value = builder.floats(node, node.input(2));
    if (value.size() != 1) node.fail("expected a scalar to pad with");
    op.alpha = double{value[0]};
  }
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
  const std::int64_t axis = node.settled_axis(node.integer("axis", 0), from.size());
  const bool stored = !builder.is_data(indices);
  if (!stored || !builder.is_data(table) || volume_of(builder.shape(node, indices)) != 1) {
    look_up(builder, node, from, static_cast<std::size_t>(axis));
    return;
  }
  const Shape index = builder.integers(node, indices);
  const auto a = static_cast<std::size_t>(axis);
  Shape first(from.size(), 0), to = from;
  first[a] = index[0] < 0 ? index[0] + from[a] : index[0];
  if (first[a] < 0 || first[a] >= from[a]) node.fail("the index is out of range");
  to[a] = 1;
  const std::string input = builder.plain(table);
  builder.add(node, slice_of(from, to, first, Shape(from.size(), 1)), {input}, false);
}

/// Copies one after the other along every axis that grows.
void expand(OnnxBuilder& builder, const OnnxNode& node) {
  constexpr std::int64_t kMost = 4096;  // operands of a concatenation
  const Shape out = builder.shape(node, node.output());
  Shape shape = builder.shape(node, node.input(0));
  std::string input = builder.plain(node.input(0));
  shape.insert(shape.begin(), out.size() - shape.size(), 1);
  for (std::size_t axis = out.size(); axis-- > 0;) {
    if (shape[axis] == out[axis]) continue;
    if (out[axis] > kMost)
      node.fail(fmt::format("an axis that grows to {}: more than {}", out[axis], kMost));
    VectorOp op;
    op.kind = VectorKind::kConcat;
    op.axes = {static_cast<std::int64_t>(axis)};
    op.operand_shapes.assign(static_cast<std::size_t>(out[axis]), shape);
    shape[axis] = out[axis];
    op.shape = shape;
    op.cols = volume_of(shape);
    const std::vector<std::string> copies(op.operand_shapes.size(), input);
    input = builder.add_step(fmt::format("{}.axis{}", node.output(), axis), op, copies).name;
  }
  VectorOp same;
  same.kind = VectorKind::kReshape;
  same.cols = volume_of(out);
  builder.add(node, same, {input}, false);
}

/// Repetitions are axes of their own: [a, b] times [m, n] is [1, a, 1, b] as [m, a, n, b].
void tile(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape x = builder.shape(node, node.input(0));
  const Shape times = builder.integers(node, node.input(1));
  VectorOp op;
  op.kind = VectorKind::kExpand;
  op.operand_shapes.emplace_back();
  for (std::size_t i = 0; i < x.size(); ++i) {
    op.operand_shapes[0].insert(op.operand_shapes[0].end(), {1, x[i]});
    op.shape.insert(op.shape.end(), {times[i], x[i]});
  }
  op.cols = volume_of(op.shape);
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

/// Blocks of pixels become channels, or the other way round: a transpose of 6 axes.
void move_blocks(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape x = builder.shape(node, node.input(0));
  const std::int64_t b = node.integer("blocksize", 1);
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  if (node.op() == "SpaceToDepth") {
    op.operand_shapes = {{x[0], x[1], x[2] / b, b, x[3] / b, b}};
    op.axes = {0, 3, 5, 1, 2, 4};
  } else if (node.text("mode", "DCR") == "CRD") {
    op.operand_shapes = {{x[0], x[1] / b / b, b, b, x[2], x[3]}};
    op.axes = {0, 1, 4, 2, 5, 3};
  } else {
    op.operand_shapes = {{x[0], b, b, x[1] / b / b, x[2], x[3]}};
    op.axes = {0, 3, 4, 1, 5, 2};
  }
  op.shape = permuted(op.operand_shapes[0], op.axes);
  op.cols = volume_of(op.shape);
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

Resize resize_rule(const OnnxNode& node, bool nearest) {
  using C = Resize::Coordinates;
  using R = Resize::Rounding;
  static const std::map<std::string, C> kCoordinates = {
      {"half_pixel", C::kHalfPixel},
      {"pytorch_half_pixel", C::kPytorchHalfPixel},
      {"align_corners", C::kAlignCorners},
      {"asymmetric", C::kAsymmetric},
      {"tf_half_pixel_for_nn", C::kFromHalf}};
  static const std::map<std::string, R> kRoundings = {{"round_prefer_floor", R::kPreferFloor},
                                                      {"round_prefer_ceil", R::kPreferCeil},
                                                      {"floor", R::kFloor},
                                                      {"ceil", R::kCeil}};
  // Until opset 10 places are o * scale, rounded down.
  const bool old = node.op() == "Upsample" || node.opset() < 11;
  const std::string where =
      node.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const std::string rounding = node.text("nearest_mode", old ? "floor" : "round_prefer_floor");
  Resize rule;
  if (kCoordinates.count(where) == 0)
    node.fail(fmt::format("coordinate_transformation_mode \"{}\" is not supported", where));
  if (nearest && kRoundings.count(rounding) == 0)
    node.fail(fmt::format("nearest_mode \"{}\" is not known", rounding));
  rule.coordinates = kCoordinates.at(where);
  if (nearest) rule.rounding = kRoundings.at(rounding);
  return rule;
}

/// Channels-last where they lie so; scales that are given place elements even where sizes round.
void resize(OnnxBuilder& builder, const OnnxNode& node) {
  const std::string mode = node.text("mode", "nearest");
  const bool cubic = mode == "cubic";
  if (mode != "nearest" && mode != "linear" && mode != "bilinear" && !cubic)
    node.fail(fmt::format("mode \"{}\" is not supported", mode));
  const bool nearest = mode == "nearest";
  const Shape from = builder.shape(node, node.input(0)), to = builder.shape(node, node.output());
  const bool last = from.size() > 2 && builder.value(node.input(0)).channels_last;
  VectorOp op;
  op.kind = nearest ? VectorKind::kResizeNearest : VectorKind::kResize;
  op.resize = resize_rule(node, nearest);
  if (cubic) op.alpha = node.real("cubic_coeff_a", -0.75);
  if (cubic && node.integer("exclude_outside", 0) != 0) op.beta = 1;
  const int scales_at = node.op() == "Upsample" || node.opset() < 11 ? 1 : 2;
  const bool by_sizes = scales_at == 2 && !node.input(3).empty();
  if (!by_sizes) {
    std::vector<float> scales;
    if (!node.input(scales_at).empty()) scales = builder.floats(node, node.input(scales_at));
    if (const auto* attribute = node.find("scales"); attribute != nullptr && scales.empty())
      scales.assign(attribute->floats().begin(), attribute->floats().end());
    op.resize->scales.assign(scales.begin(), scales.end());
  }
  op.operand_shapes = {from};
  op.shape = to;
  if (last) {
    const Shape axes = channel_axes(from.size(), true);
    op.operand_shapes = {permuted(from, axes)};
    op.shape = permuted(to, axes);
    std::vector<double> scales;
    for (const std::int64_t axis : axes)
      if (!op.resize->scales.empty())
        scales.push_back(op.resize->scales[static_cast<std::size_t>(axis)]);
    op.resize->scales = scales;
  }
  op.cols = volume_of(op.shape);
  const std::string input =
      last ? builder.channels_last(node.input(0)) : builder.plain(node.input(0));
  builder.add(node, op, {input}, last);
}

/// Kernels that are computed, by groups: [inputs, outputs / group, ...] as [outputs, inputs /
/// group,
/// ...], each turned by half a turn.
void turn(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape from = builder.shape(node, node.input(0)), to = builder.shape(node, node.output());
  const std::int64_t group = node.integer("group", 1);
  Shape grouped = {group, from[0] / group, from[1]}, axes = {0, 2, 1};
  Shape starts = {0, 0}, steps = {1, 1};
  for (std::size_t i = 2; i < from.size(); ++i) {
    grouped.push_back(from[i]);
    axes.push_back(static_cast<std::int64_t>(i) + 1);
    starts.push_back(from[i] - 1);
    steps.push_back(-1);
  }
  const std::string exchanged =
      builder.transposed(node, builder.plain(node.input(0)), grouped, axes);
  builder.add(node, slice_of(to, to, starts, steps), {exchanged}, false);
}

/// The pixels of an image `steps` apart, from `starts` on, with zeros around: what a transposed
/// convolution works on.
void spread(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape from = builder.shape(node, node.input(0)), to = builder.shape(node, node.output());
  const bool last = builder.value(node.input(0)).channels_last;
  VectorOp op;
  op.kind = VectorKind::kPad;
  op.alpha = 0;
  const Shape axes = channel_axes(from.size(), true);
  const auto ordered = [&](const Shape& values) { return last ? permuted(values, axes) : values; };
  op.operand_shapes = {ordered(from)};
  op.shape = ordered(to);
  op.starts = ordered(node.integers("starts"));
  op.steps = ordered(node.integers("steps"));
  op.cols = volume_of(to);
  const std::string input =
      last ? builder.channels_last(node.input(0)) : builder.plain(node.input(0));
  builder.add(node, op, {input}, last);
}

/// Rows in the place of those that indices name, or added to them.
void scatter(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kScatter;
  op.shape = builder.shape(node, node.input(0));
  op.rows = op.shape[0];
  op.cols = op.shape[1];
  if (const std::int64_t way = node.integer("way", 0); way != 0) op.beta = static_cast<double>(way);
  std::vector<std::string> inputs;
  for (int i = 0; i < 3; ++i) {
    op.operand_shapes.push_back(builder.shape(node, node.input(i)));
    inputs.push_back(builder.plain(node.input(i)));
  }
  builder.add(node, op, inputs, false);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_movement_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"Reshape", reshape},
      {"Flatten", reshape},
      {"Squeeze", reshape},
      {"Unsqueeze", reshape},
      {"Transpose", transpose},
      {"Concat", concat},
      {"Slice", slice},
      {"Split", split},
      {"Pad", pad},
      {"Gather", gather},
      {"Expand", expand},
      {"Tile", tile},
      {"SpaceToDepth", move_blocks},
      {"DepthToSpace", move_blocks},
      {"Resize", resize},
      {"Upsample", resize},
      {"SpreadImage", spread},
      {"TurnKernel", turn},
      {"ScatterRows", scatter},
  };
  return kRows;
}

}  // namespace bitjoule
