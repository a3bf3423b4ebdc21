// TensorFlow Lite operators of the vector unit that compute: codes by the run's arithmetic, reals
// in fp32.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kPool = 5, kSoftmax = 9, kReducer = 27, kLeakyRelu = 75;

/// An operator over all elements of its operands.
VectorOp whole(VectorKind kind, const TfliteTensor& tensor) {
  VectorOp op;
  op.kind = kind;
  op.cols = volume_of(tensor.shape);
  return op;
}

/// Scales of operands and result, where they are codes.
bool set_codes(const TfliteNode& node, const std::vector<const TfliteTensor*>& operands,
               const std::string& activation, VectorOp& op) {
  std::vector<const TfliteTensor*> all = operands;
  all.push_back(&node.output());
  if (!computes_codes(node, all)) return false;
  op.codes.emplace();
  for (const TfliteTensor* operand : operands)
    op.codes->operands.push_back(scale_of(node, *operand));
  op.codes->output = scale_of(node, node.output());
  op.codes->activation = activation;
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
  clamp.kind = activation == "relu" ? VectorKind::kRelu : VectorKind::kClip;
  clamp.cols = op.elements();
  builder.add(node, clamp, {before});
}

VectorOp unary_op(const TfliteNode& node, VectorKind kind) {
  VectorOp op = whole(kind, node.input(0));
  set_codes(node, {&node.input(0)}, "", op);
  return op;
}

template <VectorKind Kind>
void unary(TfliteBuilder& builder, const TfliteNode& node) {
  builder.add(node, unary_op(node, Kind), {builder.layer_of(node, node.input(0))});
}

/// What the kernels write in a fixed scale.
void require_output(const TfliteNode& node, double scale, std::int64_t zero_point) {
  if (!is_code(node.output())) return;
  const CodeScale output = scale_of(node, node.output());
  if (output.scale != scale || output.zero_point != zero_point)
    node.fail(fmt::format("expected an output of scale {} and zero-point {}, got {} and {}", scale,
                          zero_point, output.scale, output.zero_point));
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
  require_same_scale(node);
  VectorOp op = unary_op(node, VectorKind::kClip);
  op.alpha = low;
  op.beta = high;
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}
void relu6(TfliteBuilder& builder, const TfliteNode& node) { clip(builder, node, 0, 6); }
void relu_n1_to_1(TfliteBuilder& builder, const TfliteNode& node) { clip(builder, node, -1, 1); }

void leaky_relu(TfliteBuilder& builder, const TfliteNode& node) {
  VectorOp op = unary_op(node, VectorKind::kLeakyRelu);
  op.alpha = static_cast<double>(node.option<float>(kLeakyRelu, 0, 0));
  builder.add(node, op, {builder.layer_of(node, node.input(0))});
}

void softmax(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  if (x.shape.empty() || x.shape.back() < 1) node.fail("expected a tensor with axes");
  VectorOp op = whole(VectorKind::kSoftmax, x);
  if (node.output().type == "int16") {
    computes_codes(node, {&x});
    require_output(node, 1.0 / 65536, -32768);
    op.codes.emplace();
    op.codes->operands = {scale_of(node, x)};
    op.codes->output = scale_of(node, node.output());
  } else {
    require_output(node, 1.0 / 256, -128);
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

/// Over height and width: a global pool; else over consecutive elements, which a transpose makes.
void mean(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  Shape axes = node.integers(1);
  for (std::int64_t& axis : axes) axis = node.settled_axis(axis, x.shape.size());
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty()) node.fail("no axes");
  VectorOp op;
  std::string input = builder.layer_of(node, x);
  if (x.shape.size() == 4 && axes == Shape{1, 2}) {
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
    op.kind = VectorKind::kReduceMean;
    for (const std::int64_t axis : axes) op.reduced *= x.shape[static_cast<std::size_t>(axis)];
    if (op.reduced < 1) node.fail("nothing to take the mean of");
    op.rows = volume_of(x.shape) / op.reduced;
    const Shape order = axes_moved_last(x.shape.size(), axes);
    if (!std::is_sorted(order.begin(), order.end()))
      input = builder.transposed(node.output().name, input, x.shape, order);
  }
  set_codes(node, {&x}, "", op);
  builder.add(node, op, {input});
}

/// Element by element, one operand possibly a constant.
void binary(TfliteBuilder& builder, const TfliteNode& node, VectorKind kind, int options,
            bool codes_known = true) {
  VectorOp op = whole(kind, node.output());
  op.shape = node.output().shape;
  std::vector<std::string> inputs;
  const TfliteTensor* constant = nullptr;
  for (int i = 0; i < 2; ++i) {
    const TfliteTensor& operand = node.input(i);
    op.operand_shapes.push_back(operand.shape);
    if (!operand.is_constant()) {
      inputs.push_back(builder.layer_of(node, operand));
      continue;
    }
    if (constant != nullptr) node.fail("both operands are constants");
    constant = &operand;
    inputs.emplace_back(kOperandInput);
  }
  const std::string activation = node.activation(options, 0);
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
  binary(builder, node, VectorKind::kDiv, 29, false);
}

/// Reals to codes, or codes of one scale to codes of another.
void quantize(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  const auto is_stored = [](const TfliteTensor& t) {
    return is_code(t) && (t.type == "int8" || t.type == "uint8" || t.type == "int16");
  };
  if ((x.type != "fp32" && !is_stored(x)) || !is_stored(y))
    node.fail(fmt::format("from {} to {} is not supported", x.type, y.type));
  VectorOp op = whole(VectorKind::kQuantizeLinear, x);
  op.codes.emplace();
  if (x.type != "fp32") op.codes->operands.push_back(scale_of(node, x));
  op.codes->output = scale_of(node, y);
  NetworkLayer& layer = builder.add(node, op, {builder.layer_of(node, x)});
  if (x.type == "fp32") {
    layer.precision.activations = TensorFormat{};
    layer.precision.activations->format = "fp32";
  } else {
    layer.precision.activations = code_format(x.type, false, op.codes->operands[0].zero_point == 0);
  }
}

void dequantize(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  if (!is_code(x) || y.type != "fp32")
    node.fail(fmt::format("from {} to {} is not supported", x.type, y.type));
  scale_of(node, x);
  VectorOp op = whole(VectorKind::kDequantizeLinear, x);
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
      {"MEAN", 2, mean},
      {"SOFTMAX", 1, softmax},
      {"LOGISTIC", 1, logistic},
      {"TANH", 1, tanh},
      {"HARD_SWISH", 1, unary<K::kHardSwish>},
      {"RELU", 1, unary<K::kRelu>},
      {"RELU6", 1, relu6},
      {"RELU_N1_TO_1", 1, relu_n1_to_1},
      {"LEAKY_RELU", 1, leaky_relu},
      {"QUANTIZE", 1, quantize},
      {"DEQUANTIZE", 1, dequantize},
  };
  return kRows;
}

}  // namespace bitjoule
