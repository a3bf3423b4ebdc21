// TensorFlow Lite operators that run other graphs, whose operators take their place, and variables
// that stay from one pass to the next.
#include <fmt/format.h>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kIfOptions = 92, kWhileOptions = 93, kCallOnceOptions = 103, kVarHandleOptions = 111;

constexpr int kMostTurns = 4096;

using Indices = std::vector<std::int32_t>;

const TfliteGraph& graph_of(const TfliteBuilder& builder, const TfliteNode& node, int options,
                            int slot) {
  const std::int64_t index = node.option<std::int32_t>(options, slot, 0);
  const auto& others = builder.model().others;
  if (index < 1 || index > static_cast<std::int64_t>(others.size()))
    node.fail(fmt::format("there is no graph {} beside the main one", index));
  return others[static_cast<std::size_t>(index - 1)];
}

/// The bool of a constant.
bool decided(const TfliteBuilder& builder, const TfliteNode& node, std::int32_t index,
             const char* what) {
  const TfliteTensor& tensor = builder.model().tensors[static_cast<std::size_t>(index)];
  if (!tensor.is_constant() || tensor.type != "bool" || volume_of(tensor.shape) != 1)
    node.fail(fmt::format("{} \"{}\" depends on data: supported is one that follows from constants",
                          what, tensor.name));
  return to_integers(stored_tflite(builder.model(), tensor))[0] != 0;
}

void set_results(TfliteBuilder& builder, const TfliteNode& node, const Indices& results) {
  if (results.size() != node.raw().outputs.size()) node.fail("its graph has other results");
  for (std::size_t i = 0; i < results.size(); ++i)
    builder.alias(node, node.raw().outputs[i], results[i]);
}

void choose_branch(TfliteBuilder& builder, const TfliteNode& node) {
  if (!node.has(0)) node.fail("expected a condition");
  const bool first = decided(builder, node, node.raw().inputs[0], "its condition");
  const TfliteGraph& branch = graph_of(builder, node, kIfOptions, first ? 0 : 1);
  const Indices operands(node.raw().inputs.begin() + 1, node.raw().inputs.end());
  set_results(builder, node, builder.run_graph(node, branch, operands));
}

/// Turn by turn, as long as the condition follows from constants.
void run_loop(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteGraph& condition = graph_of(builder, node, kWhileOptions, 0);
  const TfliteGraph& body = graph_of(builder, node, kWhileOptions, 1);
  Indices state = node.raw().inputs;
  for (int turn = 0;; ++turn) {
    if (turn > kMostTurns) node.fail(fmt::format("more than {} turns", kMostTurns));
    const Indices goes_on = builder.run_graph(node, condition, state);
    if (goes_on.size() != 1) node.fail("expected a condition with one result");
    if (!decided(builder, node, goes_on[0], "the condition of its loop")) break;
    state = builder.run_graph(node, body, state);
  }
  set_results(builder, node, state);
}

void name_handle(TfliteBuilder& builder, const TfliteNode& node) {
  builder.name_variable(
      node, node.option_text(kVarHandleOptions, 0) + "/" + node.option_text(kVarHandleOptions, 1));
}

void read_kept(TfliteBuilder& builder, const TfliteNode& node) { builder.read_variable(node); }
void keep_value(TfliteBuilder& builder, const TfliteNode& node) { builder.assign_variable(node); }

/// Gives variables what they hold before the first pass.
void call_once(TfliteBuilder& builder, const TfliteNode& node) {
  builder.initialize(node, graph_of(builder, node, kCallOnceOptions, 0));
}

}  // namespace

void TfliteBuilder::alias(const TfliteNode& node, std::int32_t to, std::int32_t from) {
  TfliteTensor& target = model_.tensors.at(static_cast<std::size_t>(to));
  const TfliteTensor& source = model_.tensors.at(static_cast<std::size_t>(from));
  if (target.is_constant() || layers_.count(target.name) != 0)
    node.fail(fmt::format("produces \"{}\", which exists already", target.name));
  if (target.type != source.type)
    node.fail(fmt::format("\"{}\" and \"{}\" have other types", source.name, target.name));
  target.shape = source.shape;
  target.is_open = target.is_open || source.is_open;
  if (!source.is_constant()) {
    layers_[target.name] = layer_of(node, source);
    return;
  }
  target.data = source.data;
  target.bytes = source.bytes;
  target.own = source.own;
  target.stored = source.stored;
  target.origin = source.origin.empty() ? source.name : source.origin;
  if (computed_.count(source.name) != 0) computed_.insert(target.name);
}

std::vector<std::int32_t> TfliteBuilder::run_graph(const TfliteNode& node, const TfliteGraph& graph,
                                                   const std::vector<std::int32_t>& operands) {
  constexpr int kDeepest = 16, kMostNodes = 1 << 16;
  if (graph.inputs.size() != operands.size()) node.fail("its graph has other operands");
  if (++depth_ > kDeepest) node.fail("graphs in graphs are too deep");
  std::map<std::int32_t, std::int32_t> places;
  for (std::size_t i = 0; i < operands.size(); ++i) places[graph.inputs[i]] = operands[i];
  const auto place_of = [&](std::int32_t index) {
    if (index < 0) return index;
    const auto found = places.find(index);
    if (found != places.end()) return found->second;
    const TfliteTensor& tensor = model_.tensors.at(static_cast<std::size_t>(index));
    if (tensor.is_constant()) return index;
    TfliteTensor copy = tensor;
    copy.origin = tensor.origin.empty() ? tensor.name : tensor.origin;
    copy.name = fmt::format("{}.turn{}", tensor.name, ++copies_);
    model_.tensors.push_back(std::move(copy));
    return places[index] = static_cast<std::int32_t>(model_.tensors.size()) - 1;
  };
  for (const TfliteOperator& op : graph.operators) {
    if (++copied_nodes_ > kMostNodes) node.fail("its graphs have too many operators in all turns");
    TfliteOperator placed = op;
    for (std::int32_t& index : placed.inputs) index = place_of(index);
    for (std::int32_t& index : placed.outputs) index = place_of(index);
    add_tflite_node(*this, placed);
  }
  std::vector<std::int32_t> results;
  for (const std::int32_t index : graph.outputs) {
    results.push_back(place_of(index));
    if (results.back() < 0) node.fail("a result of its graph is an operand that is absent");
  }
  --depth_;
  return results;
}

void TfliteBuilder::name_variable(const TfliteNode& node, const std::string& name) {
  handles_[node.output().name] = name;
}

TfliteBuilder::Variable& TfliteBuilder::variable_of(const TfliteNode& node) {
  const auto found = handles_.find(node.input(0).name);
  if (found == handles_.end()) node.fail("its operand is no variable");
  return variables_[found->second];
}

/// What was assigned before, or what an earlier pass left.
void TfliteBuilder::read_variable(const TfliteNode& node) {
  Variable& variable = variable_of(node);
  const std::string& name = node.output().name;
  if (variable.value.empty()) {
    const TfliteTensor& tensor = node.output();
    add_input(name, tensor.shape, tensor.type);
    NetworkInput& input = network_.inputs.back();
    if (variable.initial != nullptr) {
      if (variable.initial->type != tensor.type ||
          volume_of(variable.initial->shape) != volume_of(tensor.shape))
        node.fail("the variable begins with another type or size");
      if (!variable.initial->is_constant()) node.fail("the variable does not begin as a constant");
      const std::vector<float> values = to_floats(stored_tflite(model_, *variable.initial));
      for (const float value : values)
        if (value != values[0])
          node.fail("a variable that does not begin with one number for all elements");
      input.initial = values.empty() ? 0 : static_cast<double>(values[0]);
    }
    variable.input = variable.value = name;
  }
  if (!layers_.emplace(name, variable.value).second)
    node.fail(fmt::format("produces \"{}\", which exists already", name));
}

void TfliteBuilder::assign_variable(const TfliteNode& node) {
  const TfliteTensor& value = node.input(1);
  Variable& variable = variable_of(node);
  if (initializes_) {
    variable.initial = &value;
    return;
  }
  if (!variable.input.empty())
    for (const NetworkInput& input : network_.inputs)
      if (input.name == variable.input &&
          (input.type != value.type || volume_of(input.shape) != volume_of(value.shape)))
        node.fail(fmt::format("\"{}\" is {}: the variable is read as {} of another type or size",
                              value.name, value.type, input.type));
  std::string layer = layer_of(node, value);
  if (!has_layer(layer)) {  // an input
    add_coded_part(value.name + ".assigned", whole_op(VectorKind::kReshape, value), {layer}, value);
    layer = last().name;
  }
  variable.value = layer;
}

void TfliteBuilder::initialize(const TfliteNode& node, const TfliteGraph& graph) {
  initializes_ = true;
  run_graph(node, graph, {});
  initializes_ = false;
}

void TfliteBuilder::settle_variables() {
  for (const auto& entry : variables_) {
    const Variable& variable = entry.second;
    if (variable.input.empty()) continue;
    for (NetworkInput& input : network_.inputs) {
      if (input.name != variable.input) continue;
      if (variable.value == variable.input) {  // nothing is assigned: it stays
        VectorOp same;
        same.kind = VectorKind::kReshape;
        same.cols = volume_of(input.shape);
        input.next = add_step(variable.input + ".kept", same, {variable.input}).name;
      } else {
        input.next = variable.value;
      }
    }
  }
}

const std::vector<TfliteLayerRow>& tflite_control_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"IF", kAnyOperands, choose_branch}, {"WHILE", kAnyOperands, run_loop},
      {"CALL_ONCE", 0, call_once},         {"VAR_HANDLE", 0, name_handle},
      {"READ_VARIABLE", 1, read_kept},     {"ASSIGN_VARIABLE", 2, keep_value},
  };
  return kRows;
}

}  // namespace bitjoule
