// TensorFlow Lite models, operator by operator through the tables.
#include "sim/import/tflite_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

std::vector<const TfliteLayerRow*> all_operators() {
  std::vector<const TfliteLayerRow*> rows;
  for (const auto* table :
       {&tflite_mac_operators(), &tflite_control_operators(), &tflite_recurrent_operators(),
        &tflite_vector_operators(), &tflite_logic_operators(), &tflite_number_operators(),
        &tflite_place_operators(), &tflite_movement_operators(), &tflite_slice_operators()})
    for (const TfliteLayerRow& row : *table) rows.push_back(&row);
  return rows;
}

const TfliteLayerRow* find_operator(const std::string& name) {
  for (const TfliteLayerRow* row : all_operators())
    if (name == row->name) return row;
  return nullptr;
}

/// Operators of the main graph, and of those that it runs, that have no layers.
void find_unsupported(const TfliteModel& model, const TfliteGraph& graph,
                      std::set<std::int32_t>& seen, UnsupportedOperators& unsupported,
                      int depth = 0) {
  constexpr int kDeepest = 64;
  constexpr int kIf = 92, kWhile = 93, kCallOnce = 103;  // BuiltinOptions
  for (const TfliteOperator& op : graph.operators) {
    const TfliteNode node(model, op);
    if (find_operator(op.name) == nullptr) unsupported.add(op.name, node.label());
    const bool has_two = op.options_type == kIf || op.options_type == kWhile;
    if (!op.options || (!has_two && op.options_type != kCallOnce)) continue;
    for (const int slot : {0, 1}) {
      if (slot == 1 && !has_two) continue;
      const auto index = op.options->scalar<std::int32_t>(slot, 0);
      if (index < 1 || index > static_cast<std::int64_t>(model.others.size())) continue;
      if (depth == kDeepest)
        node.fail(fmt::format("graphs in graphs, more than {} deep, are not supported", kDeepest));
      if (seen.insert(index).second)
        find_unsupported(model, model.others[static_cast<std::size_t>(index - 1)], seen,
                         unsupported, depth + 1);
    }
  }
}

/// Sizes of inputs that the file leaves open: the first axis is the batch.
void set_open_sizes(TfliteModel& model, const ImportOptions& options) {
  bool has_batch = false;
  std::size_t used = 0;
  for (const std::int32_t index : model.inputs) {
    TfliteTensor& input = model.tensors[static_cast<std::size_t>(index)];
    for (std::size_t i = 0; i < std::min(input.signature.size(), input.shape.size()); ++i) {
      if (input.signature[i] != -1) continue;
      const auto given = options.sizes.find(fmt::format("{}.{}", input.name, i));
      if (given != options.sizes.end()) {
        input.shape[i] = given->second;
        ++used;
      } else if (i == 0 && options.batch != 1) {
        input.shape[i] = options.batch;
      }
      has_batch = has_batch || i == 0;
    }
  }
  if ((options.batch != 1 && !has_batch) || used != options.sizes.size() ||
      !options.constants.empty())
    throw input_error(model.blob.name() +
                      ": --batch and --size: the model's inputs have no such open size "
                      "(--size INPUT.AXIS=N); convert it anew for others");
}

std::vector<std::string> names_of(const std::vector<std::int32_t>& tensors) {
  std::vector<std::string> names;
  for (const std::int32_t tensor : tensors)
    names.push_back(tensor < 0 ? "" : fmt::format("{}", tensor));
  return names;
}

}  // namespace

void add_tflite_node(TfliteBuilder& builder, const TfliteOperator& op) {
  const TfliteModel& model = builder.model();
  const TfliteNode node(model, op);
  const TfliteLayerRow* row = find_operator(op.name);
  if (op.outputs.empty() && (row == nullptr || row->most_operands == kAnyOperands))
    node.fail("it has no result");
  if (row != nullptr && node.inputs() > row->most_operands)
    node.fail(fmt::format("{} operands, of which {} are known", node.inputs(), row->most_operands));
  within_file(
      model.blob.name(), [&](const std::string& what) { node.fail(what); },
      [&] {
        const std::size_t before = builder.layer_count();
        if (row != nullptr) builder.settle_shapes(node);
        row == nullptr ? builder.leave_out(node) : row->add(builder, node);
        builder.fold(node, before);
      });
}

std::vector<std::string> tflite_operator_names() {
  std::vector<std::string> names;
  for (const TfliteLayerRow* row : all_operators()) names.emplace_back(row->name);
  std::sort(names.begin(), names.end());
  return names;
}

Imported import_tflite(const Blob& file, const ImportOptions& options) {
  TfliteModel model = parse_tflite(file);
  set_open_sizes(model, options);
  UnsupportedOperators unsupported;
  std::set<std::int32_t> seen;
  find_unsupported(model, model, seen, unsupported);
  Imported result;
  result.notes = unsupported.settle(file.name(), "TensorFlow Lite", options.skip_unknown);
  TfliteBuilder builder(model, options.reference.empty()
                                   ? std::filesystem::path(file.name()).filename().string()
                                   : options.reference);
  RefusedNodes refused;
  for (const TfliteOperator& op : model.operators)
    refused.attempt(names_of(op.inputs), names_of(op.outputs),
                    [&] { add_tflite_node(builder, op); });
  refused.settle(file.name());
  within_file(
      file.name(),
      [&](const std::string& what) { throw input_error(fmt::format("{}: {}", file.name(), what)); },
      [&] {
        builder.add_outputs();
        result.what = builder.take();
      });
  return result;
}

}  // namespace bitjoule
