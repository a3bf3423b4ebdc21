// ONNX models, node by node through the tables of operators.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "sim/import/import.h"
#include "sim/import/onnx_builder.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

std::vector<const OnnxOperator*> all_operators() {
  std::vector<const OnnxOperator*> rows;
  for (const auto* table :
       {&onnx_mac_operators(), &onnx_quantization_operators(), &onnx_elementwise_operators(),
        &onnx_norm_operators(), &onnx_window_operators(), &onnx_movement_operators()})
    for (const OnnxOperator& row : *table) rows.push_back(&row);
  return rows;
}

const OnnxOperator* find_operator(const std::string& op_type) {
  for (const OnnxOperator* row : all_operators())
    if (op_type == row->op_type) return row;
  return nullptr;
}

const OnnxOperator* operator_of(const onnx::NodeProto& node) {
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  return standard ? find_operator(node.op_type()) : nullptr;
}

std::string described(const OnnxNode& node) {
  return fmt::format("{} (node \"{}\")", node.op(), node.label());
}

std::vector<std::string> unknown_nodes(const OnnxGraph& graph) {
  std::vector<std::string> names;
  for (const onnx::NodeProto& node : graph.proto().node())
    if (operator_of(node) == nullptr) names.push_back(described(OnnxNode(node, graph.file())));
  return names;
}

/// Everything that needs neither data nor layers: shapes, and arithmetic of constants.
bool is_shape_arithmetic(const OnnxBuilder& builder, const OnnxNode& node) {
  if (node.op() == "DequantizeLinear") return false;
  for (int i = 0; i < node.inputs(); ++i)
    if (!node.input(i).empty() && builder.is_data(node.input(i))) return false;
  return true;
}

void add_node(OnnxBuilder& builder, const OnnxNode& node, const onnx::NodeProto& proto) {
  if (node.outputs() == 0 || node.output().empty()) node.fail("its output has no name");
  if (node.op() == "Constant" && builder.graph().constant(node.output()) != nullptr) return;
  if (node.op() == "Shape" || is_shape_arithmetic(builder, node)) {
    OnnxValue value;
    value.kind = OnnxValue::Kind::kShape;
    for (int i = 0; i < node.outputs(); ++i) builder.set(node.output(i), value);
    return;
  }
  for (const std::string& input : proto.input())
    if (!input.empty() && builder.is_data(input)) builder.shape(node, input);
  operator_of(proto)->add(builder, node);
}

/// What an operator that is left out would produce becomes an input of the network.
void skip_node(OnnxBuilder& builder, const OnnxGraph& graph, const onnx::NodeProto& proto,
               Imported& result) {
  result.notes.push_back(
      fmt::format("left out: operator {}", described(OnnxNode(proto, graph.file()))));
  for (const std::string& output : proto.output()) {
    if (output.empty()) continue;
    if (const Shape* shape = graph.shape(output)) {
      builder.add_input(output, *shape);
      continue;
    }
    // Without a known shape the best guess is the operand's own.
    const std::string input = proto.input_size() > 0 ? proto.input(0) : "";
    const Shape* same = graph.shape(input);
    if (same == nullptr)
      throw input_error(fmt::format("{}: the shape of \"{}\" is not known", graph.file(), output));
    builder.add_input(output, *same);
  }
}

}  // namespace

std::vector<std::string> onnx_operator_names() {
  std::vector<std::string> names;
  for (const OnnxOperator* row : all_operators()) names.emplace_back(row->op_type);
  std::sort(names.begin(), names.end());
  return names;
}

Imported import_onnx(const Blob& file, const ImportOptions& options) {
  const OnnxGraph graph(file, options);
  const std::vector<std::string> unknown = unknown_nodes(graph);
  if (!unknown.empty() && !options.skip_unknown)
    throw input_error(fmt::format("{}: unknown operators (--skip-unknown leaves them out): {}",
                                  file.name(), fmt::join(unknown, ", ")));
  Imported result;
  OnnxBuilder builder(graph, options.reference.empty()
                                 ? std::filesystem::path(file.name()).filename().string()
                                 : options.reference);
  for (const onnx::NodeProto& proto : graph.proto().node()) {
    const OnnxNode node(proto, graph.file());
    if (operator_of(proto) == nullptr) {
      skip_node(builder, graph, proto, result);
      continue;
    }
    try {
      add_node(builder, node, proto);
    } catch (const Error& error) {
      const std::string message = error.what();
      if (message.rfind(file.name(), 0) == 0) throw;
      node.fail(message);
    }
  }
  try {
    result.yaml = network_yaml(builder.take());
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.rfind(file.name(), 0) == 0) throw;
    throw input_error(fmt::format("{}: {}", file.name(), message));
  }
  return result;
}

}  // namespace bitjoule
