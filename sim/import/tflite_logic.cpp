// TensorFlow Lite operators that compare and choose, and some of reals that are written as steps.
#include <fmt/format.h>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kPoolOptions = 5, kLocalResponse = 13;

/// Reals, integers that stand for themselves, or codes of one scale.
void require_alike(const TfliteNode& node, const TfliteTensor& a, const TfliteTensor& b) {
  if (a.type != b.type || !(a.type == "fp32" || is_integer_type(a.type)))
    node.fail(fmt::format("of {} and {} it is not supported", a.type, b.type));
  if ((is_code(a) || is_code(b)) && !same_scale(a, b))
    node.fail(fmt::format("\"{}\" and \"{}\" are codes of two scales", a.name, b.name));
}

void require_bool(const TfliteNode& node, const TfliteTensor& tensor) {
  if (tensor.type != "bool")
    node.fail(fmt::format("\"{}\": expected bools, got {}", tensor.name, tensor.type));
}

void require_fp32(const TfliteNode& node) {
  for (int i = 0; i < node.inputs(); ++i)
    if (node.input(i).type != "fp32" || node.output().type != "fp32")
      node.fail(fmt::format("of {} it is not supported", node.input(i).type));
}

/// 1 - x of bools.
VectorOp contrary(const TfliteTensor& result) {
  VectorOp op = whole_op(VectorKind::kAffine, result);
  op.alpha = -1;
  op.beta = 1;
  return op;
}

template <VectorKind Kind, bool Exchanged>
void compare(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(Exchanged ? 1 : 0), &b = node.input(Exchanged ? 0 : 1);
  require_alike(node, a, b);
  builder.add(node, broadcast_op(Kind, node.output(), {&a, &b}),
              {builder.layer_of(node, a), builder.layer_of(node, b)});
}

void differ(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1);
  require_alike(node, a, b);
  const std::string same = node.output().name + ".same";
  builder.add_part(node, same, broadcast_op(VectorKind::kEqual, node.output(), {&a, &b}),
                   {builder.layer_of(node, a), builder.layer_of(node, b)});
  builder.add(node, contrary(node.output()), {same});
}

template <VectorKind Kind>
void join_bools(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1);
  require_bool(node, a);
  require_bool(node, b);
  builder.add(node, broadcast_op(Kind, node.output(), {&a, &b}),
              {builder.layer_of(node, a), builder.layer_of(node, b)});
}

void negate_bools(TfliteBuilder& builder, const TfliteNode& node) {
  require_bool(node, node.input(0));
  builder.add(node, contrary(node.output()), {builder.layer_of(node, node.input(0))});
}

/// The first version takes a bool for each row where it has one axis alone.
template <bool FirstVersion>
void select(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &choice = node.input(0), &a = node.input(1), &b = node.input(2);
  require_bool(node, choice);
  require_alike(node, a, b);
  require_alike(node, a, node.output());
  VectorOp op = broadcast_op(VectorKind::kSelect, node.output(), {&choice, &a, &b});
  if (FirstVersion && choice.shape.size() == 1 && a.shape.size() > 1)
    op.operand_shapes[0].resize(a.shape.size(), 1);
  builder.add(
      node, op,
      {builder.layer_of(node, choice), builder.layer_of(node, a), builder.layer_of(node, b)});
}

/// x / (bias + alpha * sum of squares of the channels up to `radius` away)^beta.
void local_response(TfliteBuilder& builder, const TfliteNode& node) {
  require_fp32(node);
  const TfliteTensor& x = node.input(0);
  const std::int64_t radius = node.option<std::int32_t>(kLocalResponse, 0, 0);
  if (x.shape.empty() || x.shape.back() < 1 || radius < 0 || radius > x.shape.back())
    node.fail(fmt::format("radius {} does not fit the channels", radius));
  VectorOp op;
  op.kind = VectorKind::kLrn;
  op.reduced = 2 * radius + 1;
  // That of the vector unit is divided by the width of the window.
  op.alpha = static_cast<double>(node.option<float>(kLocalResponse, 2, 0)) *
             static_cast<double>(op.reduced);
  op.beta = static_cast<double>(node.option<float>(kLocalResponse, 3, 0));
  op.bias = static_cast<double>(node.option<float>(kLocalResponse, 1, 0));
  op.cols = x.shape.back();
  op.rows = volume_of(x.shape) / op.cols;
  builder.add(node, op, {builder.layer_of(node, x)});
}

/// The root of the mean square.
void l2_pool(TfliteBuilder& builder, const TfliteNode& node) {
  require_fp32(node);
  const TfliteTensor &x = node.input(0), &y = node.output();
  if (!node.activation(kPoolOptions, 5).empty())
    node.fail("with an activation it is not supported");
  PoolWindow window;
  set_windows(node, kPoolOptions, x, node.option<std::int32_t>(kPoolOptions, 4, 0),
              node.option<std::int32_t>(kPoolOptions, 3, 0), window);
  window.filters = window.groups = window.channels;
  VectorOp mean;
  mean.kind = VectorKind::kAvgPool;
  mean.window = window;
  mean.cols = window.channels;
  mean.rows = volume_of(y.shape) / mean.cols;
  const std::string in = builder.layer_of(node, x), squares = y.name + ".squares",
                    means = y.name + ".means";
  builder.add_part(node, squares, whole_op(VectorKind::kMul, x), {in, in});
  builder.add_part(node, means, mean, {squares});
  builder.add(node, whole_op(VectorKind::kSqrt, y), {means});
}

}  // namespace

const std::vector<TfliteLayerRow>& tflite_logic_operators() {
  using K = VectorKind;
  static const std::vector<TfliteLayerRow> kRows = {
      {"EQUAL", 2, compare<K::kEqual, false>},
      {"NOT_EQUAL", 2, differ},
      {"LESS", 2, compare<K::kLess, false>},
      {"LESS_EQUAL", 2, compare<K::kLessEqual, false>},
      {"GREATER", 2, compare<K::kLess, true>},
      {"GREATER_EQUAL", 2, compare<K::kLessEqual, true>},
      {"LOGICAL_AND", 2, join_bools<K::kMin>},
      {"LOGICAL_OR", 2, join_bools<K::kMax>},
      {"LOGICAL_NOT", 1, negate_bools},
      {"SELECT", 3, select<true>},
      {"SELECT_V2", 3, select<false>},
      {"LOCAL_RESPONSE_NORMALIZATION", 1, local_response},
      {"L2_POOL_2D", 1, l2_pool},
  };
  return kRows;
}

}  // namespace bitjoule
