#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "core/dram/engine.h"
#include "core/error.h"
#include "core/numeric/recipe.h"
#include "sim/commands/command.h"
#include "sim/commands/kinds.h"
#include "sim/commands/shells.h"
#include "sim/config/reader.h"
#include "sim/config/suggest.h"
#include "sim/formats/checkpoint_schemes.h"
#include "sim/formats/onnx_module.h"
#include "sim/formats/tflite_module.h"
#include "sim/import/import.h"
#include "sim/import/models.h"
#include "sim/output/terminal.h"
#include "sim/output/text.h"
#include "sim/result/result_fields.h"
#include "sim/schema/describe_network.h"
#include "sim/schema/describe_run.h"

namespace bitjoule {
namespace {

/// Name and explanation, one per line.
using Rows = std::vector<std::pair<std::string, std::string>>;

std::string table_text(const Rows& rows) {
  std::size_t width = 0;
  for (const auto& [name, text] : rows) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, text] : rows)
    out += text.empty() ? name + "\n" : fmt::format("{:{}}  {}\n", name, width, text);
  return out;
}

/// "compare | 2 add, exp | divide/row": passes, what each does per element, row or window's
/// element.
std::string passes_text(const VectorRow& row) {
  if (row.moves_nothing) return "no work";
  if (row.passes.empty()) return "copy";
  std::string text;
  for (const VectorPass& pass : row.passes) {
    if (!text.empty()) text += " | ";
    bool is_first = true;
    for (const VectorStep& step : pass) {
      static constexpr const char* kPer[] = {"", "/row", "/window"};
      text += fmt::format("{}{}{}{}", is_first ? "" : ", ",
                          step.count == 1 ? "" : fmt::format("{} ", step.count),
                          enum_name(step.primitive), kPer[static_cast<std::size_t>(step.per)]);
      is_first = false;
    }
  }
  return text;
}

Rows vector_ops() {
  Rows rows;
  for (const VectorRow& row : vector_rows())
    rows.emplace_back(row.name, fmt::format("{:<58}  [{}]", row.formula, passes_text(row)));
  return rows;
}

template <class E>
Rows names_of() {
  Rows rows;
  for (const EnumRow<E>& row : enum_rows<E>()) rows.emplace_back(row.name, row.summary);
  return rows;
}

Rows units() {
  Rows rows;
  for (const UnitTable* table : unit_tables()) {
    std::string names;
    for (const Unit& unit : table->units) names += (names.empty() ? "" : ", ") + unit.name;
    if (table->bare) names += ", or no unit";
    rows.emplace_back(table->quantity, fmt::format("{} (e.g. \"{}\")", names, table->example));
  }
  return rows;
}

/// The first sentence of a file's first comment says what it is.
std::string first_sentence(const std::string& path) {
  std::ifstream in(path);
  std::string text, line;
  while (std::getline(in, line) && line.rfind("# ", 0) == 0)
    text += (text.empty() ? "" : " ") + line.substr(2);
  return text.substr(0, text.find(". ")) + (text.find(". ") == std::string::npos ? "" : ".");
}

/// "   8 GiB    25.6 GB/s  " of a DRAM file.
std::string size_and_speed(const std::string& file) {
  const auto engine = make_dram_engine(read_document<DramConfig>(file_source(file), {}));
  return fmt::format("{:>7}  {:>10}  ", bytes_text(engine->capacity().value),
                     si(static_cast<double>(engine->peak_bandwidth().value), "B/s"));
}

Rows files(const std::string& folder) {
  Rows rows;
  for (const std::string& file : shipped_files(folder))
    rows.emplace_back(file, (folder == "dram" ? size_and_speed(file) : "") +
                                first_sentence(configs_dir() + "/" + file));
  return rows;
}

Rows kinds() {
  Rows rows;
  for (const FileKindRow& row : file_kinds()) rows.emplace_back(row.name, row.summary);
  return rows;
}

Rows commands_of() {
  Rows rows;
  for (const CommandRow& row : commands()) rows.emplace_back(row.name, row.summary);
  return rows;
}

Rows shells_of() {
  Rows rows;
  for (const ShellRow& row : shells()) rows.emplace_back(row.name, row.summary);
  return rows;
}

Rows contents();

/// Bits per weight of a large tensor in each format's own grouping, per channel where it is free.
Rows number_formats() {
  constexpr std::int64_t kRows = 4096, kLength = 4096;
  Rows rows;
  for (const Format& format : formats()) {
    TensorFormat tensor;
    tensor.format = format.name;
    tensor.granularity = Granularity::kPerChannel;
    const double bits = effective_bits_per_weight(storage_layout(tensor), kRows, kLength);
    rows.emplace_back(format.name, fmt::format("{:>7.4f}  {}", bits, format.summary));
  }
  return rows;
}

Rows mac_types_rows() {
  Rows rows;
  for (const MacType& row : mac_types())
    rows.emplace_back(row.name, fmt::format("{}-bit operands, {} accumulator", row.operand_bits,
                                            row.accumulator));
  return rows;
}

Rows recipe_rows() {
  Rows rows;
  for (const std::string& name : recipe_names())
    rows.emplace_back(name, "llama.cpp's mix of formats for a language model");
  return rows;
}

Rows onnx_operators() {
  Rows rows;
  const OnnxModule& onnx = onnx_module("onnx_operators");
  for (const std::string& name : onnx.operators()) rows.emplace_back(name, "");
  for (const std::string& name : onnx.computed_operators())
    rows.emplace_back(name, "of constants and shapes alone");
  std::sort(rows.begin(), rows.end());
  return rows;
}

Rows tflite_operators() {
  Rows rows;
  for (const std::string& name : tflite_module("tflite_operators").operators())
    rows.emplace_back(name, "");
  return rows;
}

Rows results() {
  Rows rows;
  for (const FieldRow& field : result_fields())
    rows.emplace_back(field.path, fmt::format("{:<11}  {:<7}  {}", field.unit,
                                              over_layers_name(field.over), field.meaning));
  return rows;
}

/// Families of language models: where each may come from, and what is particular.
Rows models() {
  Rows rows;
  for (const ModelFamily& family : model_families())
    rows.emplace_back(family.name,
                      fmt::format("config.json: {}; directory: {}; GGUF: {}; {}", family.config,
                                  family.directory, family.gguf, family.particular));
  return rows;
}

/// How weights in a checkpoint's directory may be stored.
Rows checkpoint_forms() {
  Rows rows;
  for (const CheckpointScheme& scheme : checkpoint_schemes()) {
    std::string parts = scheme.weight;
    for (const char* part : scheme.beside) parts += fmt::format(", {}", part);
    if (rows.empty() || rows.back().first != scheme.name) rows.emplace_back(scheme.name, parts);
  }
  return rows;
}

struct ListRow {
  const char* name;
  const char* summary;
  Rows (*rows)();
};

const std::vector<ListRow>& lists() {
  static const std::vector<ListRow> kRows = {
      {"formats", "precision.weights.format, with bits per weight of a 4096 x 4096 tensor",
       number_formats},
      {"macs", "precision.mac", mac_types_rows},
      {"recipes", "precision.recipe", recipe_rows},
      {"models", "families of language models that --network and `sim import` know", models},
      {"checkpoints", "how quantized weights of a directory may be stored: parts of a module",
       checkpoint_forms},
      {"dataflows", "accelerator.array.dataflow, mapping.dataflow", names_of<Dataflow>},
      {"overlaps", "accelerator.array.overlap", names_of<Overlap>},
      {"edge_folds", "accelerator.array.edge_folds", names_of<EdgeFolds>},
      {"group_folds", "accelerator.array.group_folds", names_of<GroupFolds>},
      {"weight_tiles", "accelerator.array.weight_tiles", names_of<WeightTiles>},
      {"packings", "accelerator.array.pe.packing", names_of<Packing>},
      {"pe_adders", "accelerator.array.pe.adders", names_of<PeAdders>},
      {"multipliers", "data_dependence.multiplier of energy tables", names_of<DataMultiplier>},
      {"placements", "accelerator.dequantizer.placement", names_of<DequantizerPlacement>},
      {"granularities", "precision.weights.granularity", names_of<Granularity>},
      {"requantize", "precision.requantize", names_of<Requantize>},
      {"quantizers", "precision.quantizer", names_of<WeightQuantizer>},
      {"static_scales", "precision.static_scales", names_of<ScaleRule>},
      {"loop_orders", "mapping.order", names_of<LoopOrder>},
      {"fold_orders", "mapping.fold_order", names_of<FoldOrder>},
      {"layouts", "mapping.weight_layout, mapping.activation_layout", names_of<DramLayout>},
      {"activation_memories", "mapping.activations", names_of<ActivationMemory>},
      {"attention_executions", "mapping.attention", names_of<AttentionExecution>},
      {"overlaps_of_layers", "overlap", names_of<LayerOverlapMode>},
      {"mapping_objectives", "mapping.objective", names_of<MappingObjective>},
      {"fidelities", "fidelity", names_of<Fidelity>},
      {"vector_ops", "vector.op of network files: what it computes, and its passes", vector_ops},
      {"onnx_operators", "operators of ONNX models that `sim import` knows", onnx_operators},
      {"tflite_operators", "operators of TensorFlow Lite models that `sim import` knows",
       tflite_operators},
      {"primitives", "what energy tables price", names_of<Primitive>},
      {"boundaries", "what the figures of energy tables include", names_of<Boundary>},
      {"results",
       "fields of result.json: unit, over layers, meaning; numbers are metrics of sweeps", results},
      {"units", "units of quantities", units},
      {"kinds", "kinds of configuration files", kinds},
      {"commands", "what `sim` does", commands_of},
      {"shells", "what `sim completion` knows", shells_of},
      {"lists", "these", contents},
  };
  return kRows;
}

Rows contents() {
  Rows rows;
  for (const ListRow& list : lists()) rows.emplace_back(list.name, list.summary);
  for (const FileKindRow& kind : file_kinds())
    rows.emplace_back(kind.folder, "shipped files: " + kind.summary);
  return rows;
}

[[noreturn]] void refuse_list(const std::string& what) {
  std::vector<std::string> names;
  for (const auto& [name, text] : contents()) names.push_back(name);
  throw input_error(
      fmt::format("list: {}, got \"{}\"{}", expected_names(names), what, suggestion(what, names)));
}

int print_list(const std::string& what) {
  if (what.empty()) {
    print_text(table_text(contents()));
    return 0;
  }
  for (const ListRow& list : lists())
    if (list.name == what) return print_text(table_text(list.rows())), 0;
  for (const FileKindRow& kind : file_kinds())
    if (kind.folder == what) return print_text(table_text(files(what))), 0;
  refuse_list(what);
}

}  // namespace

std::vector<std::string> listed_names(const std::string& what) {
  for (const FileKindRow& kind : file_kinds())
    if (kind.folder == what) return shipped_files(what);
  for (const ListRow& list : lists()) {
    if (list.name != what) continue;
    std::vector<std::string> names;
    for (const auto& [name, text] : list.rows()) names.push_back(name);
    return names;
  }
  refuse_list(what);
}

CommandAction add_list_command(CLI::App& app) {
  auto what = std::make_shared<std::string>();
  app.add_option("what", *what, "which list; without it, the lists there are");
  return [what] { return print_list(*what); };
}

}  // namespace bitjoule
