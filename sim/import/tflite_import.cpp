// TensorFlow Lite models, operator by operator through the tables.
#include "sim/import/tflite_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

std::vector<const TfliteLayerRow*> all_operators() {
  std::vector<const TfliteLayerRow*> rows;
  for (const auto* table :
       {&tflite_mac_operators(), &tflite_recurrent_operators(), &tflite_vector_operators(),
        &tflite_logic_operators(), &tflite_number_operators(), &tflite_movement_operators()})
    for (const TfliteLayerRow& row : *table) rows.push_back(&row);
  return rows;
}

const TfliteLayerRow* find_operator(const std::string& name) {
  for (const TfliteLayerRow* row : all_operators())
    if (name == row->name) return row;
  return nullptr;
}

void add_nodes(TfliteBuilder& builder, const TfliteModel& model) {
  for (const TfliteOperator& op : model.operators) {
    const TfliteNode node(model, op);
    if (op.outputs.empty()) node.fail("it has no result");
    const TfliteLayerRow* row = find_operator(op.name);
    if (row != nullptr && node.inputs() > row->most_operands)
      node.fail(
          fmt::format("{} operands, of which {} are known", node.inputs(), row->most_operands));
    within_file(
        model.blob.name(), [&](const std::string& what) { node.fail(what); },
        [&] {
          const std::size_t before = builder.layer_count();
          row == nullptr ? builder.leave_out(node) : row->add(builder, node);
          builder.fold(node, before);
        });
  }
}

}  // namespace

std::vector<std::string> tflite_operator_names() {
  std::vector<std::string> names;
  for (const TfliteLayerRow* row : all_operators()) names.emplace_back(row->name);
  std::sort(names.begin(), names.end());
  return names;
}

Imported import_tflite(const Blob& file, const ImportOptions& options) {
  if (options.batch != 1 || !options.sizes.empty() || !options.constants.empty())
    throw input_error(file.name() +
                      ": --batch and --size: the sizes of a TensorFlow Lite model are fixed; "
                      "convert it anew for others");
  TfliteModel model = parse_tflite(file);
  UnsupportedOperators unsupported;
  for (const TfliteOperator& op : model.operators)
    if (find_operator(op.name) == nullptr) unsupported.add(op.name, TfliteNode(model, op).label());
  Imported result;
  result.notes = unsupported.settle(file.name(), "TensorFlow Lite", options.skip_unknown);
  TfliteBuilder builder(model, options.reference.empty()
                                   ? std::filesystem::path(file.name()).filename().string()
                                   : options.reference);
  add_nodes(builder, model);
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
