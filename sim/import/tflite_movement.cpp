// TensorFlow Lite operators that only move or name elements: codes stay as they are.
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/numeric/stored_tensor.h"
#include "sim/import/tflite_number.h"

namespace bitjoule {
namespace {

/// Of what RFFT2D yields.
void reshape_parts(TfliteBuilder& builder, const TfliteNode& node) {
  for (const char* part : {".real", ".imaginary"}) {
    const std::string from = node.input(0).name + part;
    if (!builder.has_layer(from)) node.fail("of complex numbers it is not supported");
    builder.add_step(node.output().name + part, whole_op(VectorKind::kReshape, node.output()),
                     {from});
  }
}

void reshape(TfliteBuilder& builder, const TfliteNode& node) {
  if (node.input(0).type == "COMPLEX64") return reshape_parts(builder, node);
  require_copy(node, node.input(0), node.output());
  VectorOp op;
  op.kind = VectorKind::kReshape;
  op.cols = volume_of(node.input(0).shape);
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

void transpose(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  const Shape axes = node.integers(1);
  Shape sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < std::max(sorted.size(), x.shape.size()); ++i)
    if (sorted.size() != x.shape.size() || sorted[i] != static_cast<std::int64_t>(i))
      node.fail("expected a permutation that names each axis once");
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  op.axes = axes;
  op.operand_shapes = {x.shape};
  op.shape = permuted(x.shape, axes);
  op.cols = volume_of(x.shape);
  builder.add(node, op, {builder.layer_of(node, x)});
}

/// With zeros, or with a constant that is given.
void pad(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  const Shape paddings = node.integers(1);
  if (paddings.size() != 2 * x.shape.size()) node.fail("expected two paddings for each axis");
  Shape before, to = x.shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    for (const std::int64_t more : {paddings[2 * i], paddings[2 * i + 1]})
      if (more < 0 || more > INT32_MAX) node.fail(fmt::format("a padding of {}", more));
    before.push_back(paddings[2 * i]);
    to[i] += paddings[2 * i] + paddings[2 * i + 1];
  }
  VectorOp op = slice_of(x.shape, to, before, {});
  op.kind = VectorKind::kPad;
  op.alpha = is_code(x) ? static_cast<double>(scale_of(node, x).zero_point) : 0;
  if (node.has(2)) {
    const TfliteTensor& value = node.input(2);
    if (!value.is_constant() || !same_scale(x, value) || volume_of(value.shape) != 1)
      node.fail("expected one constant to pad with, of the operand's type and scale");
    op.alpha = static_cast<double>(to_floats(stored_tflite(builder.model(), value))[0]);
  }
  builder.add(node, op, {builder.layer_of(node, x)});
}

/// Along an axis with paddings, the axis between parts of itself backwards: without its border
/// (REFLECT) or with it (SYMMETRIC).
void mirror_pad(TfliteBuilder& builder, const TfliteNode& node) {
  constexpr int kMirrorPad = 77;
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  const std::int64_t border = node.option<std::uint8_t>(kMirrorPad, 0, 0) == 0 ? 1 : 0;
  const Shape paddings = node.integers(1);
  const std::size_t axes = x.shape.size();
  if (paddings.size() != 2 * axes) node.fail("expected two paddings for each axis");
  Shape from = x.shape;
  std::string layer = builder.layer_of(node, x);
  std::vector<std::size_t> padded;
  for (std::size_t i = 0; i < axes; ++i) {
    for (const std::int64_t more : {paddings[2 * i], paddings[2 * i + 1]})
      if (more < 0 || more > from[i] - border)
        node.fail(fmt::format("a padding of {} beside an axis of {}", more, from[i]));
    if (paddings[2 * i] + paddings[2 * i + 1] > 0) padded.push_back(i);
  }
  if (padded.empty()) {
    VectorOp op;
    op.kind = VectorKind::kReshape;
    op.cols = volume_of(x.shape);
    builder.add(node, op, {layer});
    return;
  }
  for (const std::size_t i : padded) {
    VectorOp join;
    join.kind = VectorKind::kConcat;
    join.axes = {static_cast<std::int64_t>(i)};
    join.shape = from;
    std::vector<std::string> parts;
    const auto add_mirrored = [&](const char* side, std::int64_t size, std::int64_t start) {
      if (size == 0) return;
      Shape to = from, starts(axes, 0), steps(axes, 1);
      to[i] = size;
      starts[i] = start;
      steps[i] = -1;
      parts.push_back(fmt::format("{}.{}.{}", node.output().name, i, side));
      builder.add_part(node, parts.back(), slice_of(from, to, starts, steps), {layer});
      join.operand_shapes.push_back(to);
      join.shape[i] += size;
    };
    add_mirrored("before", paddings[2 * i], paddings[2 * i] - 1 + border);
    parts.push_back(layer);
    join.operand_shapes.push_back(from);
    add_mirrored("after", paddings[2 * i + 1], from[i] - 1 - border);
    join.cols = volume_of(join.shape);
    from = join.shape;
    layer = fmt::format("{}.{}", node.output().name, i);
    if (i == padded.back())
      builder.add(node, join, parts);
    else
      builder.add_part(node, layer, join, parts);
  }
}

/// The axes that `operand` names, backwards.
void reverse(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  Shape starts(x.shape.size(), 0), steps(x.shape.size(), 1);
  for (const std::int64_t named : node.integers(1)) {
    const auto axis = static_cast<std::size_t>(node.settled_axis(named, x.shape.size()));
    starts[axis] = x.shape[axis] - 1;
    steps[axis] = -1;
  }
  builder.add(node, slice_of(x.shape, x.shape, starts, steps), {builder.layer_of(node, x)});
}

/// Of codes of uint8, which the kernels bring to one scale; of other types they refuse that, too.
bool has_other_scales(const TfliteNode& node) {
  bool differ = false;
  for (int i = 0; i < node.inputs(); ++i) {
    if (node.input(i).type != "uint8" || !is_code(node.input(i))) return false;
    differ = differ || !same_scale(node.input(i), node.output());
  }
  return differ && node.output().type == "uint8";
}

void concatenation(TfliteBuilder& builder, const TfliteNode& node) {
  constexpr int kConcatenation = 10;
  if (!node.activation(kConcatenation, 1).empty()) node.fail("an activation is not supported");
  VectorOp op;
  op.kind = VectorKind::kConcat;
  op.shape = node.output().shape;
  op.cols = volume_of(op.shape);
  op.axes = {node.settled_axis(node.option<std::int32_t>(kConcatenation, 0, 0), op.shape.size())};
  const auto axis = static_cast<std::size_t>(op.axes[0]);
  std::vector<std::string> inputs;
  const TfliteTensor* constant = nullptr;
  std::int64_t size = 0;
  const bool rescales = has_other_scales(node);
  if (rescales) {
    op.codes.emplace();
    op.codes->output = scale_of(node, node.output());
    op.codes->delegated = false;
  }
  for (int i = 0; i < node.inputs(); ++i) {
    const TfliteTensor& operand = node.input(i);
    if (rescales)
      op.codes->operands.push_back(scale_of(node, operand));
    else
      require_copy(node, operand, node.output());
    Shape expected = op.shape;
    if (operand.shape.size() == expected.size()) expected[axis] = operand.shape[axis];
    if (operand.shape != expected) node.fail(fmt::format("\"{}\" does not fit", operand.name));
    size += operand.shape[axis];
    op.operand_shapes.push_back(operand.shape);
    if (!operand.is_constant() || constant != nullptr) {
      inputs.push_back(builder.layer_of(node, operand));
      continue;
    }
    constant = &operand;
    inputs.emplace_back(kOperandInput);
  }
  if (size != op.shape[axis]) node.fail("its operands' sizes do not add up");
  NetworkLayer& layer = builder.add(node, op, inputs);
  if (constant != nullptr) layer.tensors["operand"] = builder.source(*constant);
}

/// Operands one after the other along a new axis.
void pack(TfliteBuilder& builder, const TfliteNode& node) {
  constexpr int kPack = 59;
  VectorOp op;
  op.kind = VectorKind::kConcat;
  op.shape = node.output().shape;
  op.cols = volume_of(op.shape);
  op.axes = {node.settled_axis(node.option<std::int32_t>(kPack, 1, 0), op.shape.size())};
  Shape one = op.shape;
  one[static_cast<std::size_t>(op.axes[0])] = 1;
  std::vector<std::string> inputs;
  for (int i = 0; i < node.inputs(); ++i) {
    require_copy(node, node.input(i), node.output());
    if (volume_of(node.input(i).shape) != volume_of(one))
      node.fail(fmt::format("\"{}\" does not fit", node.input(i).name));
    op.operand_shapes.push_back(one);
    inputs.push_back(builder.layer_of(node, node.input(i)));
  }
  if (static_cast<std::int64_t>(inputs.size()) != op.shape[static_cast<std::size_t>(op.axes[0])])
    node.fail("its operands do not fill its result");
  builder.add(node, op, inputs);
}

void unpack(TfliteBuilder& builder, const TfliteNode& node) {
  constexpr int kUnpack = 64;
  const TfliteTensor& x = node.input(0);
  const auto axis = static_cast<std::size_t>(
      node.settled_axis(node.option<std::int32_t>(kUnpack, 1, 0), x.shape.size()));
  if (node.outputs() != x.shape[axis]) node.fail("expected a result for each index");
  Shape to = x.shape, start(x.shape.size(), 0);
  to[axis] = 1;
  for (int i = 0; i < node.outputs(); ++i) {
    require_copy(node, x, node.output(i));
    start[axis] = i;
    builder.add(node, slice_of(x.shape, to, start, Shape(to.size(), 1)),
                {builder.layer_of(node, x)}, i);
  }
}

/// A step between the operand and the node's result: a transpose of `shape`.
VectorOp transpose_of(const Shape& shape, const Shape& axes) {
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  op.axes = axes;
  op.operand_shapes = {shape};
  op.shape = permuted(shape, axes);
  op.cols = volume_of(shape);
  return op;
}

/// Blocks of pixels become channels, or the other way round; both are transposes of 6 axes.
void move_blocks(TfliteBuilder& builder, const TfliteNode& node, int options, bool to_space) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  require_copy(node, x, y);
  const std::int64_t block = node.option<std::int32_t>(options, 0, 0);
  const Shape& image = to_space ? x.shape : y.shape;  // the one of blocks
  const Shape& whole = to_space ? y.shape : x.shape;
  if (block < 1 || image.size() != 4 || whole.size() != 4 || whole[1] != image[1] * block ||
      whole[2] != image[2] * block || image[3] != whole[3] * block * block || image[0] != whole[0])
    node.fail(fmt::format("blocks of {} do not fit its sizes", block));
  const Shape split = {image[0], image[1], image[2], block, block, whole[3]};
  const Shape axes = {0, 1, 3, 2, 4, 5};
  builder.add(node, transpose_of(to_space ? split : permuted(split, axes), axes),
              {builder.layer_of(node, x)});
}
void depth_to_space(TfliteBuilder& builder, const TfliteNode& node) {
  move_blocks(builder, node, 94, true);
}
void space_to_depth(TfliteBuilder& builder, const TfliteNode& node) {
  move_blocks(builder, node, 19, false);
}

/// Blocks of pixels become images, or the other way round: [by, bx, n, h, w, c] is [n, h, by, w,
/// bx, c], before or behind the paddings or cuts of height and width.
void batch_blocks(TfliteBuilder& builder, const TfliteNode& node, bool to_batch) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  require_copy(node, x, y);
  const Shape block = node.integers(1), edges = node.integers(2);
  const Shape& image = to_batch ? x.shape : y.shape;
  const Shape& parts = to_batch ? y.shape : x.shape;
  if (block.size() != 2 || edges.size() != 4 || image.size() != 4 || parts.size() != 4)
    node.fail("expected images, and blocks and paddings of height and width");
  Shape padded = image, before(4, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    for (const std::int64_t edge : {edges[2 * i], edges[2 * i + 1]})
      if (edge < 0 || edge > INT32_MAX) node.fail(fmt::format("a padding of {}", edge));
    before[1 + i] = edges[2 * i];
    padded[1 + i] += edges[2 * i] + edges[2 * i + 1];
    if (block[i] < 1 || padded[1 + i] != parts[1 + i] * block[i])
      node.fail(fmt::format("blocks of {} do not fit {}", block[i], padded[1 + i]));
  }
  if (parts[0] != image[0] * block[0] * block[1] || parts[3] != image[3])
    node.fail("its operand and result do not fit together");
  const Shape whole = {image[0], parts[1], block[0], parts[2], block[1], image[3]};
  const Shape axes = {2, 4, 0, 1, 3, 5}, back = {2, 3, 0, 4, 1, 5};
  const std::string layer = builder.layer_of(node, x), name = y.name + ".blocks";
  if (to_batch) {
    VectorOp pad = slice_of(image, padded, before, {});
    pad.kind = VectorKind::kPad;
    pad.alpha = is_code(x) ? static_cast<double>(scale_of(node, x).zero_point) : 0;
    builder.add_part(node, name, pad, {layer});
    builder.add(node, transpose_of(whole, axes), {name});
    return;
  }
  builder.add_part(node, name, transpose_of(permuted(whole, axes), back), {layer});
  builder.add(node, slice_of(padded, image, before, {1, 1, 1, 1}), {name});
}
void space_to_batch(TfliteBuilder& builder, const TfliteNode& node) {
  batch_blocks(builder, node, true);
}
void batch_to_space(TfliteBuilder& builder, const TfliteNode& node) {
  batch_blocks(builder, node, false);
}

/// An operand repeated along axes of one element, after it got as many axes as `to`.
void expand_to(TfliteBuilder& builder, const TfliteNode& node, Shape from, const Shape& to) {
  VectorOp op;
  op.kind = VectorKind::kExpand;
  from.insert(from.begin(), to.size() - from.size(), 1);
  op.operand_shapes = {from};
  op.shape = to;
  op.cols = volume_of(to);
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

void broadcast_to(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  require_copy(node, x, y);
  if (x.shape.size() > y.shape.size()) node.fail("its result has fewer axes");
  expand_to(builder, node, x.shape, y.shape);
}

/// Repetitions are axes of their own: [a, b] times [m, n] is [1, a, 1, b] as [m, a, n, b].
void tile(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  require_copy(node, x, y);
  const Shape times = node.integers(1);
  if (times.size() != x.shape.size() || times.size() != y.shape.size())
    node.fail("expected a number for each axis");
  Shape from, to;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] < 1 || times[i] > INT32_MAX || times[i] * x.shape[i] != y.shape[i])
      node.fail(fmt::format("{} repetitions do not fit", times[i]));
    from.insert(from.end(), {1, x.shape[i]});
    to.insert(to.end(), {times[i], x.shape[i]});
  }
  expand_to(builder, node, from, to);
}

/// Rows of a table by stored or computed indices; an axis behind the first is brought in front, and
/// what was before it back.
void gather(TfliteBuilder& builder, const TfliteNode& node) {
  constexpr int kGather = 23;
  const TfliteTensor &x = node.input(0), &index = node.input(1), &y = node.output();
  require_copy(node, x, y);
  const auto axis = static_cast<std::size_t>(
      node.settled_axis(node.option<std::int32_t>(kGather, 0, 0), x.shape.size()));
  if (index.type != "int32" && index.type != "int64") node.fail("expected integers as indices");
  if (const std::int32_t shared = node.option<std::int32_t>(kGather, 1, 0); shared != 0) {
    const std::int64_t count =
        shared < 0 ? shared + static_cast<std::int64_t>(index.shape.size()) : std::int64_t{shared};
    if (count < 0 || count > static_cast<std::int64_t>(axis) ||
        count > static_cast<std::int64_t>(index.shape.size()))
      node.fail(fmt::format("batch_dims: {} of an operand's axis {}", shared, axis));
    return gather_of_batches(builder, node, static_cast<std::size_t>(count), axis);
  }
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = x.shape[axis];
  op.rows = volume_of(index.shape);
  op.cols = volume_of(x.shape) / std::max<std::int64_t>(1, op.table_rows);
  op.operand_shapes = {{op.rows}};
  const bool lies_so = x.is_constant() && axis == 0;
  TensorSource table = lies_so ? builder.source(x) : TensorSource();
  if (!lies_so) table.input = builder.layer_of(node, x);
  const std::string indices = index.is_constant() ? kOperandInput : builder.layer_of(node, index);
  Shape order = {static_cast<std::int64_t>(axis)};
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    if (i != axis) order.push_back(static_cast<std::int64_t>(i));
  if (axis > 0) table.input = builder.transposed(y.name, table.input, x.shape, order);
  const auto finish = [&](NetworkLayer& layer) {
    layer.tensors["table"] = table;
    if (index.is_constant()) layer.tensors["operand"] = builder.source(index);
    if (is_code(x)) layer.precision.weights = layer.precision.output;
  };
  if (axis == 0) return finish(builder.add(node, op, {indices}));
  finish(builder.add_part(node, y.name + ".rows", op, {indices}));
  Shape found = {op.rows}, back;
  for (std::size_t i = 1; i < order.size(); ++i)
    found.push_back(x.shape[static_cast<std::size_t>(order[i])]);
  for (std::size_t i = 0; i < found.size(); ++i)
    back.push_back(i < axis    ? static_cast<std::int64_t>(i) + 1
                   : i == axis ? 0
                               : static_cast<std::int64_t>(i));
  builder.add(node, transpose_of(found, back), {y.name + ".rows"});
}

}  // namespace

void require_copy(const TfliteNode& node, const TfliteTensor& from, const TfliteTensor& to) {
  if (!from.complication.empty() || !to.complication.empty())
    node.fail(
        fmt::format("a tensor that is {} is not supported", from.complication + to.complication));
  if (from.type != "fp32" && !is_integer_type(from.type))
    node.fail(fmt::format("\"{}\" is {}, which is not supported", from.name, from.type));
  if (!same_scale(from, to))
    node.fail(fmt::format("\"{}\" and \"{}\" have other types or scales, which is not supported",
                          from.name, to.name));
}

const std::vector<TfliteLayerRow>& tflite_movement_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"RESHAPE", 2, reshape},
      {"SQUEEZE", 1, reshape},
      {"EXPAND_DIMS", 2, reshape},
      {"TRANSPOSE", 2, transpose},
      {"PAD", 2, pad},
      {"PADV2", 3, pad},
      {"MIRROR_PAD", 2, mirror_pad},
      {"REVERSE_V2", 2, reverse},
      {"CONCATENATION", kAnyOperands, concatenation},
      {"PACK", kAnyOperands, pack},
      {"UNPACK", 1, unpack},
      {"DEPTH_TO_SPACE", 1, depth_to_space},
      {"SPACE_TO_DEPTH", 1, space_to_depth},
      {"SPACE_TO_BATCH_ND", 3, space_to_batch},
      {"BATCH_TO_SPACE_ND", 3, batch_to_space},
      {"BROADCAST_TO", 2, broadcast_to},
      {"TILE", 2, tile},
      {"GATHER", 2, gather},
  };
  return kRows;
}

}  // namespace bitjoule
