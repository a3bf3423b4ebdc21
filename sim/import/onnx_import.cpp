// ONNX models, node by node through the tables of operators.
#include "sim/import/onnx_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "sim/formats/onnx_expand.h"
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

const OnnxOperator* operator_of(const OnnxNode& node) {
  return node.standard() ? find_operator(node.op()) : nullptr;
}

/// Parts of recurrent layers and transposed convolutions, which stand in no file.
bool is_own(const std::string& op_type) {
  return op_type == "LstmCell" || op_type == "LstmHidden" || op_type == "GruReset" ||
         op_type == "GruHidden" || op_type == "SpreadImage" || op_type == "DequantizeBits" ||
         op_type == "TurnKernel" || op_type == "CausalSoftmax" || op_type == "DequantizeCodes" ||
         op_type == "ScatterRows";
}

/// What an operator that is left out would produce becomes an input of the network.
void skip_node(OnnxBuilder& builder, const OnnxGraph& graph, const OnnxNode& node) {
  for (int i = 0; i < node.outputs(); ++i)
    if (!node.output(i).empty()) builder.add_input(node.output(i), *graph.shape(node.output(i)));
}

void add_node(OnnxBuilder& builder, const OnnxGraph& graph, const OnnxNode& node) {
  if (graph.is_constant(node.output())) return;
  if (graph.is_left_out(node.proto())) return skip_node(builder, graph, node);
  const OnnxOperator* row = operator_of(node);
  if (row == nullptr) node.fail("of data it is not supported");
  row->add(builder, node);
  for (int i = 1; i < node.outputs(); ++i)
    if (graph.readers(node.output(i)) > 0 && !builder.has(node.output(i)))
      node.fail(fmt::format("its output {} (\"{}\") is read, but only the first is supported",
                            i + 1, node.output(i)));
}

}  // namespace

std::vector<std::string> onnx_operator_names() {
  std::vector<std::string> names;
  for (const OnnxOperator* row : all_operators())
    if (!is_own(row->op_type)) names.emplace_back(row->op_type);
  for (const OnnxExpansion& row : onnx_expansions())
    names.push_back(*row.domain == '\0' ? row.op_type
                                        : fmt::format("{}.{}", row.domain, row.op_type));
  std::sort(names.begin(), names.end());
  // Of some, only those of certain sizes or attributes are written as others.
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> onnx_computed_operator_names() {
  std::vector<std::string> names = {"Constant"};
  const std::vector<std::string> all = onnx_operator_names();
  for (const OnnxRule* rule : onnx_rules())
    if (rule->fold != nullptr && !std::binary_search(all.begin(), all.end(), rule->op_type) &&
        !is_own(rule->op_type))
      names.emplace_back(rule->op_type);
  std::sort(names.begin(), names.end());
  return names;
}

Imported import_onnx(const Blob& file, const ImportOptions& options) {
  const OnnxGraph graph(file, options,
                        [](const OnnxNode& node) { return operator_of(node) != nullptr; });
  Imported result;
  result.notes = graph.notes();
  OnnxBuilder builder(graph, options.reference.empty()
                                 ? std::filesystem::path(file.name()).filename().string()
                                 : options.reference);
  RefusedNodes refused;
  for (const onnx::NodeProto& proto : graph.proto().node()) {
    const OnnxNode node = graph.node(proto);
    refused.attempt({proto.input().begin(), proto.input().end()},
                    {proto.output().begin(), proto.output().end()}, [&] {
                      within_file(
                          file.name(), [&](const std::string& what) { node.fail(what); },
                          [&] { add_node(builder, graph, node); });
                    });
  }
  refused.settle(file.name());
  within_file(
      file.name(),
      [&](const std::string& what) { throw input_error(fmt::format("{}: {}", file.name(), what)); },
      [&] { result.what = builder.take(); });
  return result;
}

}  // namespace bitjoule
