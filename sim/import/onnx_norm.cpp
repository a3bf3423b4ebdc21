// ONNX normalisations.
#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// Appends a step of the vector unit over `rows` x `cols` and returns its name.
std::string step(OnnxBuilder& builder, const std::string& name, VectorOp op, std::int64_t rows,
                 std::int64_t cols, std::vector<std::string> inputs) {
  op.rows = rows;
  op.cols = cols;
  return builder.add_step(name, op, std::move(inputs)).name;
}

VectorOp op_of(VectorKind kind) {
  VectorOp op;
  op.kind = kind;
  return op;
}

/// LayerNormalization's further outputs, where anybody reads them: the rows' means and the inverses
/// of their deviations, which the norm itself does not yield.
void add_statistics(OnnxBuilder& builder, const OnnxNode& node, const std::string& input,
                    const VectorOp& norm) {
  const auto wanted = [&](int output) {
    return !node.output(output).empty() && builder.graph().readers(node.output(output)) > 0;
  };
  if (!wanted(1) && !wanted(2)) return;
  const std::int64_t rows = norm.rows, cols = norm.cols;
  const auto yields = [&](int output, const std::string& layer) {
    OnnxValue value;
    value.layer = layer;
    value.shape = builder.shape(node, node.output(output));
    if (volume_of(value.shape) != rows) node.fail("its further outputs have other sizes");
    builder.set(node.output(output), value);
  };
  const std::string name = node.output();
  VectorOp mean = op_of(VectorKind::kReduceMean);
  mean.reduced = cols;
  const std::string means =
      step(builder, wanted(1) ? node.output(1) : name + ".mean", mean, rows, 1, {input});
  if (wanted(1)) yields(1, means);
  if (!wanted(2)) return;
  VectorOp centre = op_of(VectorKind::kSub);
  centre.shape = {rows, cols};
  centre.operand_shapes = {{rows, cols}, {rows, 1}};
  const std::string centred = step(builder, name + ".centred", centre, rows, cols, {input, means});
  const std::string squares =
      step(builder, name + ".squares", op_of(VectorKind::kMul), rows, cols, {centred, centred});
  const std::string variance = step(builder, name + ".variance", mean, rows, 1, {squares});
  VectorOp shift = op_of(VectorKind::kAffine);
  shift.beta = vector_alpha(norm);
  const std::string shifted = step(builder, name + ".shifted", shift, rows, 1, {variance});
  const std::string deviation =
      step(builder, name + ".deviation", op_of(VectorKind::kSqrt), rows, 1, {shifted});
  VectorOp one = op_of(VectorKind::kAffine);
  one.alpha = 0;
  one.beta = 1;
  const std::string ones = step(builder, name + ".ones", one, rows, 1, {deviation});
  yields(2, step(builder, node.output(2), op_of(VectorKind::kDiv), rows, 1, {ones, deviation}));
}

void layer_norm(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape shape = builder.shape(node, node.input(0));
  const std::int64_t axis = node.settled_axis(node.integer("axis", -1), shape.size());
  VectorOp op;
  op.kind = VectorKind::kLayerNorm;
  op.alpha = node.real("epsilon", 1e-5);
  op.cols = volume_of(Shape(shape.begin() + axis, shape.end()));
  op.rows = volume_of(shape) / op.cols;
  const std::string input = builder.plain(node.input(0));
  const TensorSource gamma = builder.source(node.input(1));
  const TensorSource beta = node.input(2).empty() ? TensorSource() : builder.source(node.input(2));
  NetworkLayer& layer = builder.add(node, op, {input}, false);
  layer.tensors["gamma"] = gamma;
  if (!node.input(2).empty()) layer.tensors["beta"] = beta;
  add_statistics(builder, node, input, op);
}

const char* const kBatchNormRoles[] = {"gamma", "beta", "mean", "variance"};

void batch_norm(OnnxBuilder& builder, const OnnxNode& node) {
  if (node.integer("training_mode", 0) != 0) node.fail("training mode is not supported");
  std::map<std::string, TensorSource> tensors;
  bool constants = true;
  for (int i = 0; i < 4; ++i) {
    constants = constants && !builder.is_data(node.input(i + 1));
    tensors[kBatchNormRoles[i]] = builder.source(node.input(i + 1));
  }
  const double epsilon = node.real("epsilon", 1e-5);
  NetworkLayer* producer = builder.fusable(node.input(0));
  const bool folds = producer != nullptr && constants && epsilon > 0 &&
                     std::holds_alternative<Conv2d>(producer->op) && producer->activation.empty() &&
                     producer->batch_norm_epsilon == 0;
  if (folds) {
    producer->tensors.insert(tensors.begin(), tensors.end());
    producer->batch_norm_epsilon = epsilon;
    builder.alias(node, node.input(0));
    return;
  }
  const Shape shape = builder.shape(node, node.input(0));
  if (shape.size() < 2) node.fail("expected channels");
  VectorOp op;
  op.kind = VectorKind::kBatchNorm;
  op.alpha = epsilon;
  op.cols = shape[1];
  op.rows = volume_of(shape) / op.cols;
  const std::string input = builder.channels_last(node.input(0));
  NetworkLayer& layer = builder.add(node, op, {input}, shape.size() > 2);
  layer.tensors = tensors;
}

void lrn(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape shape = builder.shape(node, node.input(0));
  if (shape.size() < 3) node.fail("expected images");
  VectorOp op;
  op.kind = VectorKind::kLrn;
  op.reduced = node.integer("size", 1);
  op.alpha = node.real("alpha", 1e-4);
  op.beta = node.real("beta", 0.75);
  op.bias = node.real("bias", 1);
  op.cols = shape[1];
  op.rows = volume_of(shape) / op.cols;
  const std::string input = builder.channels_last(node.input(0));
  builder.add(node, op, {input}, true);
}

/// A step of a recurrent layer; ONNX's gates are i, o, f, c and z, r, h.
template <VectorKind Kind>
void recurrent(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape state = builder.shape(node, node.input(2));
  VectorOp op = op_of(Kind);
  op.cols = state.back();
  op.rows = volume_of(state) / op.cols;
  const bool lstm = Kind == VectorKind::kLstmCell || Kind == VectorKind::kLstmHidden;
  op.axes = lstm ? Shape{0, 2, 3, 1} : Shape{0, 1, 2};
  if (Kind == VectorKind::kGruHidden && node.integer("linear_before_reset", 0) == 0) op.alpha = 0;
  std::vector<std::string> inputs;
  for (int i = 0; i < 3; ++i) inputs.push_back(builder.plain(node.input(i)));
  builder.add(node, op, inputs, false);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_norm_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"LayerNormalization", layer_norm},
      {"BatchNormalization", batch_norm},
      {"LRN", lrn},
      {"LstmCell", recurrent<VectorKind::kLstmCell>},
      {"LstmHidden", recurrent<VectorKind::kLstmHidden>},
      {"GruReset", recurrent<VectorKind::kGruReset>},
      {"GruHidden", recurrent<VectorKind::kGruHidden>},
  };
  return kRows;
}

}  // namespace bitjoule
