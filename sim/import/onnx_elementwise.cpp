// ONNX operators that work element by element or along a row.
#include <fmt/format.h>

#include <algorithm>

#include "core/numeric/stored_tensor.h"
#include "sim/formats/onnx_model.h"
#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// A vector operator over all elements of the node's first operand, in whichever order they lie.
VectorOp whole(OnnxBuilder& builder, const OnnxNode& node, VectorKind kind) {
  VectorOp op;
  op.kind = kind;
  op.cols = volume_of(builder.shape(node, node.input(0)));
  return op;
}

NetworkLayer& add_whole(OnnxBuilder& builder, const OnnxNode& node, const VectorOp& op) {
  const std::string input = builder.in_any_order(node.input(0));
  return builder.add(node, op, {input}, builder.value(node.input(0)).channels_last);
}

template <VectorKind Kind>
void unary(OnnxBuilder& builder, const OnnxNode& node) {
  add_whole(builder, node, whole(builder, node, Kind));
}

/// An operator with constants alpha and beta that ONNX keeps as attributes.
template <VectorKind Kind>
void with_attributes(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op = whole(builder, node, Kind);
  op.alpha = node.real("alpha", vector_row(Kind).alpha);
  op.beta = node.real("beta", vector_row(Kind).beta);
  add_whole(builder, node, op);
}

void fuse_or_add(OnnxBuilder& builder, const OnnxNode& node, const char* activation,
                 const VectorOp& op) {
  NetworkLayer* producer = builder.fusable(node.input(0));
  if (producer == nullptr || !producer->activation.empty()) {
    add_whole(builder, node, op);
    return;
  }
  producer->activation = activation;
  builder.alias(node, node.input(0));
}

void relu(OnnxBuilder& builder, const OnnxNode& node) {
  fuse_or_add(builder, node, "relu", whole(builder, node, VectorKind::kRelu));
}

void clip(OnnxBuilder& builder, const OnnxNode& node) {
  constexpr double kUnbounded = 3.4028234663852886e38;  // the largest float
  const auto bound = [&](int operand, const char* attribute, double otherwise) {
    if (node.input(operand).empty()) return node.real(attribute, otherwise);
    const std::vector<float> values = builder.floats(node, node.input(operand));
    if (values.size() != 1) node.fail("expected scalar bounds");
    return double{values.front()};
  };
  VectorOp op = whole(builder, node, VectorKind::kClip);
  op.alpha = bound(1, "min", -kUnbounded);
  op.beta = bound(2, "max", kUnbounded);
  if (*op.alpha == 0 && *op.beta == 6)
    fuse_or_add(builder, node, "relu6", op);
  else
    add_whole(builder, node, op);
}

void elu(OnnxBuilder& builder, const OnnxNode& node) {
  const bool scaled = node.op() == "Selu";
  VectorOp op = whole(builder, node, VectorKind::kElu);
  op.alpha = node.real("alpha", scaled ? 1.67326319217681884765625 : 1);
  op.beta = scaled ? node.real("gamma", 1.05070102214813232421875) : 1;
  add_whole(builder, node, op);
}

void gelu(OnnxBuilder& builder, const OnnxNode& node) {
  const std::string way = node.text("approximate", "none");
  if (way != "none" && way != "tanh") node.fail(fmt::format("approximate: {}", way));
  add_whole(builder, node,
            whole(builder, node, way == "tanh" ? VectorKind::kGeluTanh : VectorKind::kGelu));
}

void negate(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op = whole(builder, node, VectorKind::kAffine);
  op.alpha = -1;
  add_whole(builder, node, op);
}

void rename(OnnxBuilder& builder, const OnnxNode& node) {
  add_whole(builder, node, whole(builder, node, VectorKind::kReshape));
}

VectorOp affine(const VectorOp& whole, double alpha, double beta) {
  VectorOp op = whole;
  op.kind = VectorKind::kAffine;
  op.alpha = alpha;
  op.beta = beta;
  return op;
}

/// Whether an element is not 0: 0 < |x|.
void is_not_zero(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op = whole(builder, node, VectorKind::kAbs);
  const std::string x = builder.plain(node.input(0));
  const std::string size = builder.add_step(node.output() + ".magnitude", op, {x}).name;
  const std::string zero = builder.add_step(node.output() + ".zero", affine(op, 0, 0), {size}).name;
  op.kind = VectorKind::kLess;
  op.shape = {op.cols};
  op.operand_shapes = {op.shape, op.shape};
  builder.add(node, op, {zero, size}, false);
}

/// Real values lose their fractions, which a step of scale 1 stores as integers.
void to_integers(OnnxBuilder& builder, const OnnxNode& node) {
  if (builder.graph().type(node.output()) == onnx::TensorProto::BOOL)
    return is_not_zero(builder, node);
  const std::string& name = node.output();
  VectorOp op = whole(builder, node, VectorKind::kAbs);
  const std::string x = builder.plain(node.input(0));
  const std::string size = builder.add_step(name + ".magnitude", op, {x}).name;
  op.kind = VectorKind::kFloor;
  const std::string floor = builder.add_step(name + ".floor", op, {size}).name;
  op.kind = VectorKind::kSign;
  const std::string sign = builder.add_step(name + ".sign", op, {x}).name;
  op.kind = VectorKind::kMul;
  op.shape = {op.cols};
  op.operand_shapes = {op.shape, op.shape};
  const std::string towards_zero = builder.add_step(name + ".towards_zero", op, {floor, sign}).name;
  VectorOp store;
  store.kind = VectorKind::kQuantizeLinear;
  store.cols = op.cols;
  store.alpha = -0x1p31;
  store.beta = 0x1p31 - 128;
  builder.add(node, store, {towards_zero}, false);
}

/// Rounded to a float of 8 bits, of two the even one; what is beyond it becomes its largest.
void to_narrow_float(OnnxBuilder& builder, const OnnxNode& node, const char* format, bool real) {
  if (node.integer("saturate", 1) == 0)
    node.fail("without saturate it is not supported: what is beyond the type has no number");
  VectorOp op = whole(builder, node, real ? VectorKind::kAffine : VectorKind::kDequantizeLinear);
  if (real) op.alpha = 1;
  NetworkLayer& layer = add_whole(builder, node, op);
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = format;
}

/// Between floats, or between integers, nothing happens: the run's formats decide what is stored.
void cast(OnnxBuilder& builder, const OnnxNode& node) {
  const auto is_integer = [&](const std::string& name) {
    const StoredType* type = find_onnx_type(builder.graph().type(name));
    return type != nullptr && is_integer_type(type->format);
  };
  const bool from = is_integer(node.input(0)), to = is_integer(node.output());
  if (!from && to) return to_integers(builder, node);
  if (from && to && builder.graph().type(node.output()) == onnx::TensorProto::BOOL &&
      builder.graph().type(node.input(0)) != onnx::TensorProto::BOOL)
    return is_not_zero(builder, node);
  if (const StoredType* type = find_onnx_type(builder.graph().type(node.output()));
      type != nullptr && !to && type->block_bytes == 1 &&
      (type->onnx == kOnnxFloat8E4m3 || type->onnx == kOnnxFloat8E5m2) &&
      builder.graph().type(node.input(0)) != builder.graph().type(node.output()))
    return to_narrow_float(builder, node, type->format, !from);
  // Integers become real values: with a scale of 1.
  if (from && !to)
    add_whole(builder, node, whole(builder, node, VectorKind::kDequantizeLinear));
  else
    rename(builder, node);
}

/// A shape of `rank` axes, ones in front.
Shape widened(Shape shape, std::size_t rank) {
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  return shape;
}

/// Whether a stored operand varies along the channels alone, so that it serves channels-last data
/// of `rank` axes, at least two.
bool is_per_channel(const Shape& shape, std::size_t rank) {
  const Shape wide = widened(shape, rank);
  return wide.size() == rank && volume_of(wide) == wide[1];
}

/// One of the operands of a broadcast, in the order of axes chosen for all of them.
struct Operand {
  std::string layer;
  Shape shape;
  bool stored = false;
  std::string name;
};

Operand operand_of(OnnxBuilder& builder, const OnnxNode& node, const std::string& name,
                   std::size_t rank, bool channels_last) {
  Operand operand;
  operand.name = name;
  operand.shape = builder.shape(node, name);
  operand.stored = !builder.is_data(name);
  if (operand.stored) {
    operand.layer = kOperandInput;
    if (channels_last) operand.shape = {volume_of(operand.shape)};
  } else if (channels_last && operand.shape.size() == rank) {
    operand.layer = builder.channels_last(name);
    operand.shape = permuted(operand.shape, channel_axes(rank, true));
  } else {
    operand.layer = builder.plain(name);
  }
  return operand;
}

/// Channels-last serves if data lie so already, all data have the output's rank, and what is
/// stored is one value or one per channel.
bool serves_channels_last(OnnxBuilder& builder, const OnnxNode& node, std::size_t rank) {
  if (rank < 3) return false;
  bool any = false;
  for (int i = 0; i < node.inputs(); ++i) {
    const std::string& name = node.input(i);
    const Shape& shape = builder.shape(node, name);
    if (builder.is_data(name)) {
      any = any || builder.value(name).channels_last;
      if (shape.size() != rank && volume_of(shape) != 1) return false;
    } else if (volume_of(shape) != 1 && !is_per_channel(shape, rank)) {
      return false;
    }
  }
  return any;
}

/// A chain of two-operand steps; ONNX's Sum, Max and Min take any number.
template <VectorKind Kind, bool Exchanged = false>
void broadcast(OnnxBuilder& builder, const OnnxNode& node) {
  if (node.inputs() == 1) return rename(builder, node);
  const Shape out = builder.shape(node, node.output());
  const bool channels_last = serves_channels_last(builder, node, out.size());
  const Shape layout = channels_last ? permuted(out, channel_axes(out.size(), true)) : out;
  VectorOp op;
  op.kind = Kind;
  op.cols = volume_of(out);
  op.shape = layout;
  const auto operand = [&](int i) {
    return operand_of(builder, node, node.input(Exchanged ? 1 - i : i), out.size(), channels_last);
  };
  Operand sum = operand(0);
  for (int i = 1; i < node.inputs(); ++i) {
    Operand next = operand(i);
    if (sum.stored && next.stored) {
      next.stored = false;
      next.layer = builder.plain(next.name);
    }
    op.operand_shapes = {sum.shape, next.shape};
    const bool last = i + 1 == node.inputs();
    NetworkLayer& layer = last ? builder.add(node, op, {sum.layer, next.layer}, channels_last)
                               : builder.add_step(fmt::format("{}.{}", node.output(), i), op,
                                                  {sum.layer, next.layer});
    if (sum.stored) layer.tensors["operand"] = builder.source(sum.name);
    if (next.stored) layer.tensors["operand"] = builder.source(next.name);
    sum = {layer.name, layout, false, ""};
  }
}

/// cond ? a : b, of which one may be stored.
void where(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kSelect;
  op.shape = builder.shape(node, node.output());
  op.cols = volume_of(op.shape);
  std::vector<std::string> inputs;
  std::string stored;
  for (int i = 0; i < 3; ++i) {
    const std::string& name = node.input(i);
    op.operand_shapes.push_back(builder.shape(node, name));
    if (builder.is_data(name)) {
      inputs.push_back(builder.plain(name));
      continue;
    }
    if (!stored.empty() && stored != name) {
      inputs.push_back(builder.plain(name));
      continue;
    }
    stored = name;
    inputs.emplace_back(kOperandInput);
  }
  NetworkLayer& layer = builder.add(node, op, inputs, false);
  if (!stored.empty()) layer.tensors["operand"] = builder.source(stored);
}

/// A row operator along one axis: the last as it lies, the channels of channels-last data too;
/// any other between two transposes.
void add_rows(OnnxBuilder& builder, const OnnxNode& node, VectorOp op, std::int64_t axis) {
  const Shape shape = builder.shape(node, node.input(0));
  const auto rank = static_cast<std::int64_t>(shape.size());
  axis = node.settled_axis(axis, shape.size());
  op.cols = shape[static_cast<std::size_t>(axis)];
  op.rows = volume_of(shape) / op.cols;
  if (axis == 1 && builder.value(node.input(0)).channels_last) {
    const std::string input = builder.channels_last(node.input(0));
    builder.add(node, op, {input}, true);
    return;
  }
  std::string input = builder.plain(node.input(0));
  if (axis == rank - 1) {
    builder.add(node, op, {input}, false);
    return;
  }
  const Shape order = axes_moved_last(shape.size(), {axis});
  input = builder.transposed(node, input, shape, order);
  const std::string rows = builder.add_step(node.output() + ".rows", op, {input}).name;
  VectorOp back;
  back.kind = VectorKind::kTranspose;
  back.operand_shapes = {permuted(shape, order)};
  back.shape = shape;
  back.axes = inverse(order);
  back.cols = volume_of(shape);
  builder.add(node, back, {rows}, false);
}

void softmax(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kSoftmax;
  const Shape shape = builder.shape(node, node.input(0));
  if (shape.empty()) node.fail("expected a tensor with axes");
  if (builder.graph().opset() >= 13) {
    add_rows(builder, node, op, node.integer("axis", -1));
    return;
  }
  // Until opset 13 all axes from `axis` on are one row.
  const std::int64_t axis = node.settled_axis(node.integer("axis", 1), shape.size());
  op.cols = volume_of(Shape(shape.begin() + axis, shape.end()));
  op.rows = volume_of(shape) / op.cols;
  const std::string input = builder.plain(node.input(0));
  builder.add(node, op, {input}, false);
}

/// Of attention: row r of `causal` sees the columns up to its own, of those the last `reach`.
void causal_softmax(OnnxBuilder& builder, const OnnxNode& node) {
  VectorOp op;
  op.kind = VectorKind::kSoftmax;
  op.causal = node.integer("causal", 0);
  op.reach = node.integer("reach", 0);
  add_rows(builder, node, op, -1);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_elementwise_operators() {
  using K = VectorKind;
  static const std::vector<OnnxOperator> kRows = {
      {"Relu", relu},
      {"Clip", clip},
      {"LeakyRelu", with_attributes<K::kLeakyRelu>},
      {"HardSigmoid", with_attributes<K::kHardSigmoid>},
      {"HardSwish", unary<K::kHardSwish>},
      {"Sigmoid", unary<K::kSigmoid>},
      {"Tanh", unary<K::kTanh>},
      {"Erf", unary<K::kErf>},
      {"Exp", unary<K::kExp>},
      {"Sqrt", unary<K::kSqrt>},
      {"Neg", negate},
      {"Identity", rename},
      {"Dropout", rename},
      {"Cast", cast},
      {"Add", broadcast<K::kAdd>},
      {"Sum", broadcast<K::kAdd>},
      {"Sub", broadcast<K::kSub>},
      {"Mul", broadcast<K::kMul>},
      {"Div", broadcast<K::kDiv>},
      {"Pow", broadcast<K::kPow>},
      {"Mod",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         if (node.integer("fmod", 0) == 0) return broadcast<K::kFloorMod>(builder, node);
         broadcast<K::kRemainder>(builder, node);
       }},
      {"Max", broadcast<K::kMax>},
      {"Min", broadcast<K::kMin>},
      {"Softmax", softmax},
      {"CausalSoftmax", causal_softmax},
      {"Abs", unary<K::kAbs>},
      {"Ceil", unary<K::kCeil>},
      {"Atan", unary<K::kAtan>},
      {"Cos", unary<K::kCos>},
      {"Elu", elu},
      {"Equal", broadcast<K::kEqual>},
      {"Floor", unary<K::kFloor>},
      {"Gelu", gelu},
      {"Greater", broadcast<K::kLess, true>},
      {"GreaterOrEqual", broadcast<K::kLessEqual, true>},
      {"Less", broadcast<K::kLess>},
      {"LessOrEqual", broadcast<K::kLessEqual>},
      {"Log", unary<K::kLog>},
      {"Mish", unary<K::kMish>},
      {"PRelu", broadcast<K::kPrelu>},
      {"Reciprocal", unary<K::kReciprocal>},
      {"Round", unary<K::kRound>},
      {"Selu", elu},
      {"Sign", unary<K::kSign>},
      {"Sin", unary<K::kSin>},
      {"Softplus", unary<K::kSoftplus>},
      {"Where", where},
  };
  return kRows;
}

}  // namespace bitjoule
