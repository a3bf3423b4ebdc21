// TensorFlow Lite operators of the vector unit that compute: codes by the run's arithmetic, reals
// in fp32.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kPool = 5, kSoftmax = 9, kResizeBilinear = 15, kResizeNearest = 74, kLeakyRelu = 75,
              kGelu = 116, kReducer = 27;

/// Of integers that stand for themselves.
bool takes_integers(VectorKind kind) {
  using K = VectorKind;
  for (const K known : {K::kAdd, K::kSub, K::kMul, K::kMax, K::kMin, K::kSquaredDifference, K::kAbs,
                        K::kReduceSum, K::kReduceMax, K::kReduceMin, K::kReduceProd, K::kPow})
    if (kind == known) return true;
  return false;
}

/// Scales of operands and result, where they are codes.
bool set_codes(const TfliteNode& node, const std::vector<const TfliteTensor*>& operands,
               const std::string& activation, VectorOp& op) {
  std::vector<const TfliteTensor*> all = operands;
  all.push_back(&node.output());
  if (takes_integers(op.kind) && are_integers(all)) return false;
  if (!computes_codes(node, all)) return false;
  op.codes.emplace();
  for (const TfliteTensor* operand : operands)
    op.codes->operands.push_back(scale_of(node, *operand));
  op.codes->output = scale_of(node, node.output());
  op.codes->activation = activation;
  op.codes->delegated = node.output().type != "int16";
  return true;
}

/// Appends the operator; of reals, its activation as a step of its own.
void add(TfliteBuilder& builder, const TfliteNode& node, const VectorOp& op,
         const std::vector<std::string>& inputs, const std::string& activation) {
  if (op.codes || activation.empty()) {
    builder.add(node, op, inputs);
    return;
  }
  const std::string before = node.output().name + ".before_" + activation;
  builder.add_part(node, before, op, inputs);
  VectorOp clamp;
  const ActivationBounds bounds = activation_bounds(activation);
  clamp.kind = activation == "relu" ? VectorKind::kRelu : VectorKind::kClip;
  if (clamp.kind == VectorKind::kClip) clamp.alpha = bounds.lo, clamp.beta = bounds.hi;
  clamp.cols = op.elements();
  builder.add(node, clamp, {before});
}

VectorOp unary_op(const TfliteNode& node, VectorKind kind) {
  VectorOp op = whole_op(kind, node.input(0));
  set_codes(node, {&node.input(0)}, "", op);
  return op;
}

template <VectorKind Kind>
void unary(TfliteBuilder& builder, const TfliteNode& node) {
  builder.add(node, unary_op(node, Kind), {builder.layer_of(node, node.input(0))});
}

/// What the kernels write in a fixed scale: for int8; uint8 begins 128 later, int16 is finer.
void require_output(const TfliteNode& node, double scale, std::int64_t zero_point) {
  if (!is_code(node.output())) return;
  const CodeScale output = scale_of(node, node.output());
  if (node.output().type == "uint8") zero_point += 128;
  if (node.output().type == "int16") scale = 1.0 / 32768, zero_point = 0;
  if (output.scale != scale || output.zero_point != zero_point)
    node.fail(fmt::format("expected an output of scale {} and zero-point {}, got {} and {}", scale,
                          zero_point, output.scale, output.zero_point));
}

void require_reals(const TfliteNode& node) {
  if (computes_codes(node, {&node.input(0), &node.output()}))
    node.fail("of codes it is not supported");
}

/// Of reals alone.
template <VectorKind Kind>
void real_unary(TfliteBuilder& builder, const TfliteNode& node) {
  require_reals(node);
  unary<Kind>(builder, node);
}

void negate(TfliteBuilder& builder, const TfliteNode& node) {
  if (!are_integers({&node.input(0), &node.output()})) require_reals(node);
  VectorOp op = whole_op(VectorKind::kAffine, node.input(0));
  op.alpha = -1;
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

/// x * x.
void square(TfliteBuilder& builder, const TfliteNode& node) {
  if (!are_integers({&node.input(0), &node.output()})) require_reals(node);
  const std::string x = builder.layer_of(node, node.input(0));
  builder.add(node, whole_op(VectorKind::kMul, node.input(0)), {x, x});
}

/// Rows of the last axis reduced to one number each.
VectorOp row_reduction(const TfliteNode& node, VectorKind kind) {
  const Shape& shape = node.input(0).shape;
  if (shape.empty() || shape.back() < 1) node.fail("expected a tensor with axes");
  VectorOp op;
  op.kind = kind;
  op.reduced = shape.back();
  op.rows = volume_of(shape) / op.reduced;
  return op;
}

/// Of rows and one number for each.
VectorOp with_rows(const TfliteNode& node, VectorKind kind) {
  const Shape& shape = node.input(0).shape;
  VectorOp op = whole_op(kind, node.input(0));
  Shape one = shape;
  one.back() = 1;
  op.shape = shape;
  op.operand_shapes = {shape, one};
  return op;
}

/// x / sqrt(sum x^2), that root being 1e-6 at least.
void l2_normalization(TfliteBuilder& builder, const TfliteNode& node) {
  const Shape& shape = node.input(0).shape;
  if (shape.empty() || shape.back() < 1) node.fail("expected a tensor with axes");
  require_output(node, 1.0 / 128, 0);
  if (node.output().type == "int16") node.fail("codes of int16 are not supported");
  VectorOp op = unary_op(node, VectorKind::kL2Norm);
  op.cols = shape.back();
  op.rows = volume_of(shape) / op.cols;
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

/// c - log(sum e^c) of c = x - max x.
void log_softmax(TfliteBuilder& builder, const TfliteNode& node) {
  require_reals(node);
  const std::string x = builder.layer_of(node, node.input(0)), name = node.output().name;
  const VectorOp sum = row_reduction(node, VectorKind::kReduceSum);
  builder.add_part(node, name + ".most", row_reduction(node, VectorKind::kReduceMax), {x});
  const std::string centred = name + ".centred";
  builder.add_part(node, centred, with_rows(node, VectorKind::kSub), {x, name + ".most"});
  builder.add_part(node, name + ".powers", whole_op(VectorKind::kExp, node.input(0)), {centred});
  builder.add_part(node, name + ".sums", sum, {name + ".powers"});
  VectorOp log;
  log.kind = VectorKind::kLog;
  log.cols = sum.rows;
  builder.add_part(node, name + ".logs", log, {name + ".sums"});
  builder.add(node, with_rows(node, VectorKind::kSub), {centred, name + ".logs"});
}

void gelu(TfliteBuilder& builder, const TfliteNode& node) {
  const bool approximate = node.option<std::uint8_t>(kGelu, 0, 0) != 0;
  builder.add(node, unary_op(node, approximate ? VectorKind::kGeluTanh : VectorKind::kGelu),
              {builder.layer_of(node, node.input(0))});
}

void logistic(TfliteBuilder& builder, const TfliteNode& node) {
  require_output(node, 1.0 / 256, -128);
  unary<VectorKind::kSigmoid>(builder, node);
}

void tanh(TfliteBuilder& builder, const TfliteNode& node) {
  require_output(node, 1.0 / 128, 0);
  unary<VectorKind::kTanh>(builder, node);
}

void require_same_scale(const TfliteNode& node) {
  if (!same_scale(node.input(0), node.output()))
    node.fail("expected one scale and zero-point of operand and result");
}

void clip(TfliteBuilder& builder, const TfliteNode& node, double low, double high) {
  VectorOp op = unary_op(node, VectorKind::kClip);
  op.alpha = low;
  op.beta = high;
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}
void relu6(TfliteBuilder& builder, const TfliteNode& node) { clip(builder, node, 0, 6); }
void relu_n1_to_1(TfliteBuilder& builder, const TfliteNode& node) { clip(builder, node, -1, 1); }
void relu_0_to_1(TfliteBuilder& builder, const TfliteNode& node) { clip(builder, node, 0, 1); }

void leaky_relu(TfliteBuilder& builder, const TfliteNode& node) {
  VectorOp op = unary_op(node, VectorKind::kLeakyRelu);
  op.alpha = static_cast<double>(node.option<float>(kLeakyRelu, 0, 0));
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

void softmax(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  if (x.shape.empty() || x.shape.back() < 1) node.fail("expected a tensor with axes");
  VectorOp op = whole_op(VectorKind::kSoftmax, x);
  if (node.output().type == "int16" && x.type == "int8") {
    computes_codes(node, {&x});
    const CodeScale output = scale_of(node, node.output());
    if (std::fabs(output.scale * 65536 - 1) > 0.001 || output.zero_point != -32768)
      node.fail("expected an int16 output of scale 2^-16 and zero-point -32768");
    op.codes.emplace();
    op.codes->operands = {scale_of(node, x)};
    op.codes->output = scale_of(node, node.output());
  } else {
    if (is_code(node.output())) {
      const CodeScale output = scale_of(node, node.output());
      const bool is_wide = node.output().type == "int16";
      const std::int64_t zero = is_wide || node.output().type == "uint8" ? 0 : -128;
      if (std::fabs(output.scale * (is_wide ? 32768 : 256) - 1) > 0.001 ||
          output.zero_point != zero)
        node.fail(is_wide ? "expected an output of scale 2^-15 without zero-point"
                          : "expected an output of scale 2^-8 whose smallest code is 0");
    }
    set_codes(node, {&x}, "", op);
  }
  const float beta = node.option<float>(kSoftmax, 0, 0);
  if (!(beta > 0) || !std::isfinite(beta)) node.fail(fmt::format("beta: {}", beta));
  op.alpha = static_cast<double>(beta);
  op.cols = x.shape.back();
  op.rows = volume_of(x.shape) / op.cols;
  builder.add(node, op, {builder.layer_of(node, x)});
}

template <VectorKind Kind>
void pool(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  PoolWindow window;
  set_windows(node, kPool, x, node.option<std::int32_t>(kPool, 4, 0),
              node.option<std::int32_t>(kPool, 3, 0), window);
  window.filters = window.groups = window.channels;
  require_same_scale(node);
  VectorOp op;
  op.kind = Kind;
  op.window = window;
  op.cols = window.channels;
  op.rows = volume_of(node.output().shape) / op.cols;
  const std::string activation = node.activation(kPool, 5);
  set_codes(node, {&x}, activation, op);
  add(builder, node, op, {builder.layer_of(node, x)}, activation);
}

/// Over consecutive elements, which a transpose makes; a mean over height and width is a global
/// pool.
void reduce_over(TfliteBuilder& builder, const TfliteNode& node, VectorKind kind, Shape axes,
                 std::string input) {
  const TfliteTensor& x = node.input(0);
  for (std::int64_t& axis : axes) axis = node.settled_axis(axis, x.shape.size());
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty()) node.fail("no axes");
  VectorOp op;
  const bool is_index = kind == VectorKind::kArgMax;
  if (kind == VectorKind::kReduceMean && x.shape.size() == 4 && axes == Shape{1, 2}) {
    PoolWindow window;
    window.batch = x.shape[0];
    window.height = window.kernel_h = x.shape[1];
    window.width = window.kernel_w = x.shape[2];
    window.channels = window.filters = window.groups = x.shape[3];
    op.kind = VectorKind::kGlobalAvgPool;
    op.window = window;
    op.cols = x.shape[3];
    op.rows = x.shape[0];
  } else {
    op.kind = kind;
    for (const std::int64_t axis : axes) op.reduced *= x.shape[static_cast<std::size_t>(axis)];
    if (op.reduced < 1) node.fail("nothing to reduce");
    op.rows = volume_of(x.shape) / op.reduced;
    const Shape order = axes_moved_last(x.shape.size(), axes);
    if (!std::is_sorted(order.begin(), order.end()))
      input = builder.transposed(node.output().name, input, x.shape, order);
  }
  if (!is_index && set_codes(node, {&x}, "", op)) {
    if (kind == VectorKind::kReduceProd) node.fail("of codes it is not supported");
    // The delegate takes means of images, over their width alone, too.
    const bool is_mean = kind == VectorKind::kReduceMean;
    if (is_mean && !op.window && (x.shape.size() != 4 || axes != Shape{2}))
      op.codes->delegated = false;
    op.codes->keeps_axes = op.window && node.option<std::uint8_t>(kReducer, 0, 0) != 0;
  }
  builder.add(node, op, {input});
}

template <VectorKind Kind>
void reduce(TfliteBuilder& builder, const TfliteNode& node) {
  reduce_over(builder, node, Kind, node.integers(1), builder.layer_of(node, node.input(0)));
}

/// The first of the largest, or of the smallest: the largest of their negations.
template <bool Smallest>
void arg_max(TfliteBuilder& builder, const TfliteNode& node) {
  computes_codes(node, {&node.input(0)});
  if (node.output().type != "int32" && node.output().type != "int64")
    node.fail(fmt::format("a result of {} is not supported", node.output().type));
  const Shape axis = node.integers(1);
  if (axis.size() != 1) node.fail("expected one axis");
  std::string input = builder.layer_of(node, node.input(0));
  if (Smallest) {
    VectorOp negation = whole_op(VectorKind::kAffine, node.input(0));
    negation.alpha = -1;
    const std::string name = node.output().name + ".negated";
    builder.add_part(node, name, negation, {input});
    input = name;
  }
  reduce_over(builder, node, VectorKind::kArgMax, axis, std::move(input));
}

/// Height and width change, by the result's shape.
void resize(TfliteBuilder& builder, const TfliteNode& node, bool nearest) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  const int options = nearest ? kResizeNearest : kResizeBilinear, slot = nearest ? 0 : 2;
  const bool aligns = node.option<std::uint8_t>(options, slot, 0) != 0;
  const bool halves = node.option<std::uint8_t>(options, slot + 1, 0) != 0;
  if (x.shape.size() != 4 || y.shape.size() != 4 || x.shape[0] != y.shape[0] ||
      x.shape[3] != y.shape[3] || (aligns && halves))
    node.fail("expected images of which height and width change, with one rule of their places");
  if (!same_scale(x, y)) node.fail("expected one scale and zero-point of operand and result");
  using C = Resize::Coordinates;
  VectorOp op;
  op.kind = nearest ? VectorKind::kResizeNearest : VectorKind::kResize;
  op.operand_shapes = {x.shape};
  op.shape = y.shape;
  op.cols = volume_of(y.shape);
  op.resize.emplace();
  op.resize->coordinates = aligns ? C::kAlignCorners : C::kAsymmetric;
  if (halves) op.resize->coordinates = nearest ? C::kFromHalf : C::kHalfPixel;
  op.resize->rounding = aligns ? Resize::Rounding::kPreferCeil : Resize::Rounding::kFloor;
  if (nearest)
    computes_codes(node, {&x, &y});
  else
    set_codes(node, {&x}, "", op);
  builder.add(node, op, {builder.layer_of(node, x)});
}
void resize_nearest(TfliteBuilder& builder, const TfliteNode& node) { resize(builder, node, true); }
void resize_bilinear(TfliteBuilder& builder, const TfliteNode& node) {
  resize(builder, node, false);
}

constexpr int kNoOptions = -1;

/// Element by element, one operand possibly a constant. `options` begin with the activation.
void binary(TfliteBuilder& builder, const TfliteNode& node, VectorKind kind, int options,
            bool codes_known = true) {
  VectorOp op = whole_op(kind, node.output());
  op.shape = node.output().shape;
  std::vector<std::string> inputs;
  const TfliteTensor* constant = nullptr;
  for (int i = 0; i < 2; ++i) {
    const TfliteTensor& operand = node.input(i);
    op.operand_shapes.push_back(operand.shape);
    if (!operand.is_constant() || constant != nullptr) {
      inputs.push_back(builder.layer_of(node, operand));
      continue;
    }
    constant = &operand;
    inputs.emplace_back(kOperandInput);
  }
  const std::string activation = options == kNoOptions ? "" : node.activation(options, 0);
  if (set_codes(node, {&node.input(0), &node.input(1)}, activation, op) && !codes_known)
    node.fail("of codes it is not supported");
  add(builder, node, op, inputs, activation);
  if (constant == nullptr) return;
  NetworkLayer& layer = op.codes || activation.empty() ? builder.last() : builder.before_last();
  layer.tensors["operand"] = builder.source(*constant);
}
void add_two(TfliteBuilder& builder, const TfliteNode& node) {
  binary(builder, node, VectorKind::kAdd, 11);
}
void subtract(TfliteBuilder& builder, const TfliteNode& node) {
  binary(builder, node, VectorKind::kSub, 28);
}
void multiply(TfliteBuilder& builder, const TfliteNode& node) {
  binary(builder, node, VectorKind::kMul, 21);
}
void divide(TfliteBuilder& builder, const TfliteNode& node) {
  if (are_integers({&node.input(0), &node.input(1), &node.output()}))
    return divide_integers(builder, node);
  binary(builder, node, VectorKind::kDiv, 29);
}
template <VectorKind Kind, bool CodesKnown>
void plain_binary(TfliteBuilder& builder, const TfliteNode& node) {
  binary(builder, node, Kind, kNoOptions, CodesKnown);
}

/// Reals to codes, or codes of one scale to codes of another.
void quantize(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  const auto is_stored = [](const TfliteTensor& t) {
    return is_code(t) && (is_code_type(t.type) || t.type == "int32");
  };
  if ((x.type != "fp32" && !is_stored(x)) || !is_stored(y))
    node.fail(fmt::format("from {} to {} is not supported", x.type, y.type));
  VectorOp op = whole_op(VectorKind::kQuantizeLinear, x);
  op.codes.emplace();
  if (x.type != "fp32") op.codes->operands.push_back(scale_of(node, x));
  op.codes->output = scale_of(node, y);
  op.codes->delegated =
      (y.type == "int8" || y.type == "uint8") && (x.type == "fp32" || x.type == y.type);
  NetworkLayer& layer = builder.add(node, op, {builder.layer_of(node, x)});
  if (x.type == "fp32") {
    layer.precision.activations = TensorFormat{};
    layer.precision.activations->format = "fp32";
  } else if (is_code_type(x.type)) {
    layer.precision.activations = code_format(x.type, false, op.codes->operands[0].zero_point == 0);
  }
}

void dequantize(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  if (!is_code(x) || y.type != "fp32")
    node.fail(fmt::format("from {} to {} is not supported", x.type, y.type));
  scale_of(node, x);
  VectorOp op = whole_op(VectorKind::kDequantizeLinear, x);
  NetworkLayer& layer = builder.add(node, op, {builder.layer_of(node, x)});
  layer.tensors["input_scale"] = builder.source(x, ".scale");
  if (x.zero_points.count > 0) layer.tensors["input_zero_point"] = builder.source(x, ".zero_point");
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
}

}  // namespace

const std::vector<TfliteLayerRow>& tflite_vector_operators() {
  using K = VectorKind;
  static const std::vector<TfliteLayerRow> kRows = {
      {"ADD", 2, add_two},
      {"SUB", 2, subtract},
      {"MUL", 2, multiply},
      {"DIV", 2, divide},
      {"AVERAGE_POOL_2D", 1, pool<K::kAvgPool>},
      {"MAX_POOL_2D", 1, pool<K::kMaxPool>},
      {"MAXIMUM", 2, plain_binary<K::kMax, true>},
      {"MINIMUM", 2, plain_binary<K::kMin, true>},
      {"SQUARED_DIFFERENCE", 2, plain_binary<K::kSquaredDifference, true>},
      {"PRELU", 2, plain_binary<K::kPrelu, true>},
      {"POW", 2, plain_binary<K::kPow, false>},
      {"ATAN2", 2, plain_binary<K::kAtan2, false>},
      {"MEAN", 2, reduce<K::kReduceMean>},
      {"SUM", 2, reduce<K::kReduceSum>},
      {"REDUCE_MAX", 2, reduce<K::kReduceMax>},
      {"REDUCE_MIN", 2, reduce<K::kReduceMin>},
      {"REDUCE_ANY", 2, reduce<K::kReduceMax>},
      {"REDUCE_ALL", 2, reduce<K::kReduceMin>},
      {"REDUCE_PROD", 2, reduce<K::kReduceProd>},
      {"ARG_MAX", 2, arg_max<false>},
      {"ARG_MIN", 2, arg_max<true>},
      {"RESIZE_BILINEAR", 2, resize_bilinear},
      {"RESIZE_NEAREST_NEIGHBOR", 2, resize_nearest},
      {"ABS", 1, unary<K::kAbs>},
      {"CEIL", 1, real_unary<K::kCeil>},
      {"COS", 1, real_unary<K::kCos>},
      {"ELU", 1, unary<K::kElu>},
      {"EXP", 1, unary<K::kExp>},
      {"FLOOR", 1, real_unary<K::kFloor>},
      {"GELU", 1, gelu},
      {"L2_NORMALIZATION", 1, l2_normalization},
      {"LOG", 1, unary<K::kLog>},
      {"LOG_SOFTMAX", 1, log_softmax},
      {"NEG", 1, negate},
      {"ROUND", 1, real_unary<K::kRound>},
      {"RSQRT", 1, unary<K::kRsqrt>},
      {"SIGN", 1, real_unary<K::kSign>},
      {"SIN", 1, real_unary<K::kSin>},
      {"SQRT", 1, real_unary<K::kSqrt>},
      {"SQUARE", 1, square},
      {"SOFTMAX", 1, softmax},
      {"LOGISTIC", 1, logistic},
      {"TANH", 1, tanh},
      {"HARD_SWISH", 1, unary<K::kHardSwish>},
      {"RELU", 1, unary<K::kRelu>},
      {"RELU6", 1, relu6},
      {"RELU_N1_TO_1", 1, relu_n1_to_1},
      {"RELU_0_TO_1", 1, relu_0_to_1},
      {"LEAKY_RELU", 1, leaky_relu},
      {"QUANTIZE", 1, quantize},
      {"DEQUANTIZE", 1, dequantize},
  };
  return kRows;
}

}  // namespace bitjoule
