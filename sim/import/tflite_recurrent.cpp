// TensorFlow Lite operators that keep a state from one pass to the next.
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kSvdfOptions = 6, kLstmOptions = 71;

/// Codes, or reals, which may meet codes as weights.
bool is_real(const TfliteNode& node, const TfliteTensor& x) {
  return !computes_codes(node, {&x, &node.output()});
}

TensorFormat format_of(const TfliteTensor& tensor) {
  return code_format(tensor.type, false, is_symmetric(tensor));
}

void set_bias(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& bias, bool real,
              NetworkLayer& layer) {
  const char* const type = real ? "fp32" : "int32";
  if (!bias.is_constant() || bias.type != type)
    node.fail(fmt::format("bias \"{}\": expected a constant of {}", bias.name, type));
  layer.tensors["bias"] = builder.source(bias);
}

/// Weights with one scale and no zero-point, or real ones.
void set_weights(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& w,
                 const char* part, NetworkLayer& layer) {
  layer.tensors["weights"] = builder.source(w, part);
  if (w.type == "fp32") return;
  if (!is_code(w) || !is_symmetric(w) || !w.complication.empty())
    node.fail(fmt::format("\"{}\": expected codes without zero-points", w.name));
  scale_of(node, w);
  layer.tensors["weight_scale"] = builder.source(w, ".scale");
  layer.precision.weights = code_format(w.type, false, true);
}

/// Products of each input with all filters enter a state that remembers the last ones; the result
/// weighs them.
void svdf(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &features = node.input(1), &times = node.input(2);
  const TfliteTensor &state = node.input(4), &y = node.output();
  const bool real = is_real(node, x);
  const std::int64_t rank = node.option<std::int32_t>(kSvdfOptions, 0, 0);
  if (x.shape.size() != 2 || features.shape.size() != 2 || times.shape.size() != 2 || rank < 1 ||
      !features.is_constant() || !times.is_constant() || times.shape[0] != features.shape[0] ||
      features.shape[1] != x.shape[1] || features.shape[0] % rank != 0)
    node.fail("its operands and rank do not fit together");
  const std::int64_t batch = x.shape[0], filters = features.shape[0], memory = times.shape[1];
  if (volume_of(state.shape) != batch * filters * memory)
    node.fail(fmt::format("the state \"{}\" has another size", state.name));
  if (real ? state.type != "fp32"
           : !is_code(state) || (state.type != "int8" && state.type != "int16"))
    node.fail(fmt::format("the state \"{}\" is {}", state.name, state.type));
  const std::string column = y.name + ".features", kept = y.name + ".state";
  builder.add_state(node, state, kept);

  NetworkLayer& products =
      builder.add_step(column, Gemm{batch, filters, x.shape[1]}, {builder.layer_of(node, x)});
  set_weights(builder, node, features, "", products);
  if (!real) {
    set_affine(builder, products, "input", x);
    products.tensors["output_scale"] = builder.source(state, ".scale");
    products.precision.activations = format_of(x);
    products.precision.output = code_format(state.type, false, true);
    products.precision.mac = "int8";
    products.sums.product = ScaleProduct::kAllFp32;
  }

  VectorOp shift;
  shift.kind = VectorKind::kShiftIn;
  shift.shape = {batch, filters, memory};
  shift.operand_shapes = {shift.shape, {batch, filters, 1}};
  shift.cols = volume_of(shift.shape);
  if (!real) {
    const CodeScale scale = scale_of(node, state);
    shift.codes.emplace();
    shift.codes->operands = {scale, {scale.scale, 0}};
    shift.codes->output = scale;
  }
  builder.add_coded_part(kept, shift, {state.name, column}, state);

  Conv2d weigh;
  weigh.batch = batch;
  weigh.channels = filters * memory;
  weigh.filters = weigh.groups = filters / rank;
  NetworkLayer& layer = builder.add(node, weigh, {kept});
  set_weights(builder, node, times, ".by_unit", layer);
  if (node.has(3)) set_bias(builder, node, node.input(3), real, layer);
  if (real) {
    layer.activation = node.activation(kSvdfOptions, 1);
    return;
  }
  set_affine(builder, layer, "input", state);
  set_affine(builder, layer, "output", y);
  layer.precision.activations = format_of(state);
  layer.precision.output = format_of(y);
  layer.precision.mac = state.type == "int16" || times.type == "int16" ? "int16" : "int8";
  layer.sums.product = ScaleProduct::kAllFp32;
}

/// What an LSTM is made of.
class Lstm {
 public:
  Lstm(TfliteBuilder& builder, const TfliteNode& node)
      : builder_(builder),
        node_(node),
        x_(node.input(0)),
        hidden_(node.input(18)),
        cell_(node.input(19)),
        name_(node.output().name) {
    check();
  }

  void build() {
    builder_.add_state(node_, hidden_, part(steps_ - 1, "hidden"));
    builder_.add_state(node_, cell_, part(steps_ - 1, "cell"));
    add_gates(name_ + ".gates", batch_ * steps_, x_, "input_weights", builder_.layer_of(node_, x_));
    builder_.last().tensors["bias"] = builder_.source(node_.output(), ".bias");
    std::string hidden = hidden_.name, cell = cell_.name;
    for (std::int64_t t = 0; t < steps_; ++t) {
      const std::string in = input_gates(t);
      add_gates(part(t, "recurrent"), batch_, hidden_, "recurrent_weights", hidden);
      const std::string back = builder_.last().name;
      cell = add_cell(part(t, "cell"), VectorKind::kLstmCell, cell_, {in, back, cell});
      hidden = add_cell(part(t, "hidden"), VectorKind::kLstmHidden, hidden_, {in, back, cell});
    }
    join();
  }

 private:
  void check() {
    const TfliteTensor& y = node_.output();
    real_ = is_real(node_, x_);
    if (!real_ && x_.type != "int8") node_.fail("codes of " + x_.type + " are not supported");
    is_coupled_ = !node_.has(1);
    gates_ = is_coupled_ ? 3 : 4;
    if (is_coupled_ && (node_.has(5) || node_.has(12)))
      node_.fail("operands 5 and 12 are those of an input gate, which it has not");
    for (const int absent : {9, 10, 11, 16, 17, 20, 21, 22, 23})
      if (node_.has(absent))
        node_.fail(
            fmt::format("operand {}: peepholes, projections and norms are not supported", absent));
    if (const int kind = node_.option<std::uint8_t>(kLstmOptions, 0, 0); kind != 4)
      node_.fail(fmt::format("its activation {}: only TANH (4) is supported", kind));
    time_major_ = node_.option<std::uint8_t>(kLstmOptions, 3, 0) != 0;
    if (x_.shape.size() != 3 || y.shape.size() != 3) node_.fail("expected sequences with 3 axes");
    const TfliteTensor& recurrent = node_.input(6);
    batch_ = x_.shape[time_major_ ? 1 : 0];
    steps_ = x_.shape[time_major_ ? 0 : 1];
    if (recurrent.shape.size() != 2) node_.fail("expected recurrent weights with 2 axes");
    cells_ = recurrent.shape[1];
    const Shape expected = {x_.shape[0], x_.shape[1], cells_};
    if (steps_ < 1 || steps_ > 4096) node_.fail(fmt::format("a sequence of {} steps", steps_));
    if (node_.input(2).shape != Shape{cells_, x_.shape[2]} ||
        recurrent.shape != Shape{cells_, cells_} || y.shape != expected ||
        volume_of(hidden_.shape) != batch_ * cells_ || volume_of(cell_.shape) != batch_ * cells_)
      node_.fail("its operands do not fit together");
    const bool states_fit = real_ ? hidden_.type == "fp32" && cell_.type == "fp32"
                                  : hidden_.type == "int8" && is_code(hidden_) &&
                                        cell_.type == "int16" && is_code(cell_);
    if (!states_fit) node_.fail("its states are neither fp32 nor int8 (hidden) with int16 (cell)");
    if (!real_ && !same_scale(hidden_, y))
      node_.fail("its result has another scale than its state");
    for (int i = 1; i < 9; ++i)
      if (node_.has(i) && !is_symmetric(node_.input(i)))
        node_.fail("weights with zero-points are not supported");
    weights_ = node_.input(2).type;
    derived_tensors(builder_.model(), node_.raw());  // fails where gates do not fit together
    clip_ = static_cast<double>(node_.option<float>(kLstmOptions, 1, 0));
  }

  std::string part(std::int64_t step, const char* what) const {
    return fmt::format("{}.{}.{}", name_, step, what);
  }

  void add_gates(const std::string& name, std::int64_t rows, const TfliteTensor& from,
                 const std::string& weights, const std::string& input) {
    const std::int64_t k = &from == &x_ ? x_.shape[2] : cells_;
    NetworkLayer& layer = builder_.add_step(name, Gemm{rows, gates_ * cells_, k}, {input});
    layer.tensors["weights"] = builder_.source(node_.output(), ("." + weights).c_str());
    if (weights_ != "fp32") {
      layer.tensors["weight_scale"] =
          builder_.source(node_.output(), ("." + weights + ".scale").c_str());
      layer.precision.weights = code_format(weights_, true, true);
    }
    if (real_) return;
    set_affine(builder_, layer, "input", from);
    layer.tensors["output_scale"] = builder_.source(node_.output(), ".gate_scale");
    layer.precision.activations = format_of(from);
    layer.precision.output = code_format("int16", false, true);
    layer.precision.mac = "int8";
    layer.sums.product = ScaleProduct::kProductFp32;
    // XNNPACK takes no LSTM, and the built-in kernel rounds its sums twice.
    layer.sums.delegated = false;
    layer.sums.rounds_twice = true;
  }

  /// The rows of one step, which all sequences have.
  std::string input_gates(std::int64_t t) {
    std::string gates = name_ + ".gates";
    if (steps_ == 1) return gates;
    const Shape from = time_major_ ? Shape{steps_, batch_, gates_ * cells_}
                                   : Shape{batch_, steps_, gates_ * cells_};
    Shape to = from, starts(3, 0);
    to[time_major_ ? 0 : 1] = 1;
    starts[time_major_ ? 0 : 1] = t;
    NetworkLayer& layer =
        builder_.add_step(part(t, "input"), slice_of(from, to, starts, {1, 1, 1}), {gates});
    if (!real_)
      layer.precision.activations = layer.precision.output = code_format("int16", false, true);
    return layer.name;
  }

  std::string add_cell(const std::string& name, VectorKind kind, const TfliteTensor& to,
                       const std::vector<std::string>& inputs) {
    VectorOp op;
    op.kind = kind;
    op.rows = batch_;
    op.cols = cells_;
    op.axes = is_coupled_ ? Shape{0, 1, 2} : Shape{0, 1, 2, 3};
    if (kind == VectorKind::kLstmCell && clip_ > 0) op.alpha = clip_;
    if (!real_) {
      op.codes.emplace();
      op.codes->operands = {{1.0 / 4096, 0}, {1.0 / 4096, 0}, scale_of(node_, cell_)};
      op.codes->output = scale_of(node_, to);
    }
    return builder_.add_coded_part(name, op, inputs, to).name;
  }

  void join() {
    VectorOp op;
    op.shape = node_.output().shape;
    op.cols = volume_of(op.shape);
    std::vector<std::string> inputs;
    for (std::int64_t t = 0; t < steps_; ++t) {
      inputs.push_back(part(t, "hidden"));
      op.operand_shapes.push_back(op.shape);
      op.operand_shapes.back()[time_major_ ? 0 : 1] = 1;
    }
    op.kind = steps_ == 1 ? VectorKind::kReshape : VectorKind::kConcat;
    if (steps_ > 1) op.axes = {time_major_ ? 0 : 1};
    if (steps_ == 1) op.operand_shapes.clear();
    builder_.add(node_, op, inputs);
  }

  TfliteBuilder& builder_;
  const TfliteNode& node_;
  const TfliteTensor &x_, &hidden_, &cell_;
  std::string name_, weights_;
  bool real_ = false, time_major_ = false;
  bool is_coupled_ = false;  ///< the input gate is what the forget gate leaves (CIFG)
  std::int64_t batch_ = 0, steps_ = 0, cells_ = 0, gates_ = 4;
  double clip_ = 0;
};

void lstm(TfliteBuilder& builder, const TfliteNode& node) { Lstm(builder, node).build(); }

}  // namespace

const std::vector<TfliteLayerRow>& tflite_recurrent_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"SVDF", 5, svdf},
      {"UNIDIRECTIONAL_SEQUENCE_LSTM", 24, lstm},
  };
  return kRows;
}

}  // namespace bitjoule
