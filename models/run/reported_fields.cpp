#include <algorithm>
#include <limits>

#include "run/described_result.h"
#include "run/run_parts.h"

namespace bitjoule {
namespace {

/// Fields by path, those of several results as of one.
class FieldCollector : public ResultVisitor {
 public:
  void value(const Field& field, const Value&) override { add(field); }
  void begin_object(const Field& field) override { open(field, "."); }
  void begin_map(const Field& field) override { open(field, ".*"); }
  void begin_list(const Field& field) override { open(field, "[]"); }
  void end() override { open_.pop_back(); }
  /// A result is through: the next one begins.
  void rewind() { at_ = 0; }
  std::vector<FieldRow> take() { return std::move(rows_); }

 private:
  struct Level {
    std::string path, join;
    bool is_told_elsewhere;
  };
  std::string path_of(const Field& field) const {
    if (open_.empty()) return std::string(field.key);
    const Level& level = open_.back();
    return level.path + level.join + (level.join == "." ? std::string(field.key) : "");
  }
  void open(const Field& field, const char* join) {
    add(field);
    const bool is_inside = !open_.empty() && open_.back().is_told_elsewhere;
    open_.push_back({path_of(field), join, is_inside || field.like != nullptr});
  }
  void add(const Field& field) {
    if (*field.meaning == '\0' || (!open_.empty() && open_.back().is_told_elsewhere)) return;
    static constexpr std::string_view kOfLayers = "layers[].";
    const std::string path = path_of(field);
    const bool is_of_layer = path.compare(0, kOfLayers.size(), kOfLayers) == 0;
    const std::string_view own = std::string_view(path).substr(is_of_layer ? kOfLayers.size() : 0);
    const auto is_known = [&](const FieldRow& row) {
      return row.path == path || (is_of_layer && row.path == own && row.meaning == field.meaning);
    };
    const auto next = rows_.begin() + at_;  // where a further example goes on as the one before
    const auto known = next != rows_.end() && next->path == path
                           ? next
                           : std::find_if(rows_.begin(), rows_.end(), is_known);
    if (known == rows_.end())
      rows_.insert(rows_.begin() + at_++,
                   {path, field.unit, field.meaning, field.over, field.more_is_better,
                    field.like == nullptr ? "" : field.like});
    else if (known->path == path)
      at_ = known - rows_.begin() + 1;
  }

  std::vector<Level> open_;
  std::vector<FieldRow> rows_;
  std::ptrdiff_t at_ = 0;  // behind the field before
};

/// Two actions, one with a price, and one of the DRAM.
void add_counts(ExampleResult& example, LayerResult& layer) {
  example.run.energy = no_prices();
  example.run.energy.edit().node = "45 nm";
  example.run.energy.edit().sram.node = "22 nm";                // so that there is a note
  AreaPrices& area = example.run.energy.edit().area.emplace();  // of every part
  area.sram = SramDensity{SquareMicrometres(1), {}};
  for (const MachinePart& part : parts_of(example.run)) {
    if (part.kind == PartKind::kMac)
      area.macs = {{part.type, SquareMicrometres(1), {}}};
    else if (part.kind != PartKind::kSram)
      area.components.push_back({part.component, AreaUnit::kMachine, SquareMicrometres(1), {}});
  }
  example.run.energy.edit().arithmetic = {{Primitive::kAdd, "int8", Picojoules(1), {}}};
  example.run.energy.edit().leakage = {{"int8", Milliwatts(1), {}}};
  layer.counts = {{"array", "add", Primitive::kAdd, "int8", Bits(0), Bytes(0), 1},
                  {"array", "multiply", Primitive::kMultiply, "int8", Bits(0), Bytes(0), 1},
                  {"array", "leakage_int8", Primitive::kLeakage, "int8", Bits(0), Bytes(0), 1},
                  {"dram", "read", Primitive::kDramRead, "", Bits(0), Bytes(0), 1}};
  layer.energy = price(layer.counts, prices_of(example.run));
}

/// A layer with values and a DRAM with rows.
LayerResult full_layer() {
  LayerResult layer;
  layer.phase = "prefill";
  layer.weight_format = "int8";
  layer.scores.emplace();
  layer.check.emplace().checked = 1;
  layer.network_error.emplace();
  layer.input_origin.source.input = "before";
  layer.weight_origin.source.file = "weights.npy";
  layer.bias_origin.emplace();
  layer.outputs.emplace();
  layer.mapping.notes = {"a pin"};
  layer.buffers.unified.emplace();
  layer.outcome.counts.unified_peak_bytes = 1;
  layer.outcome.counts.operands.counts.fill(1);
  DramStats& dram = layer.outcome.dram.edit();
  dram.row_hits = dram.ranks = 1;
  dram.commands.fill(1);
  return layer;
}

ExampleResult network_example(const std::vector<PassResult>& passes) {
  ExampleResult example;
  example.run.phases.emplace_back();
  LayerResult vector_layer;
  vector_layer.op = "relu";
  NetworkResult& network = example.result.network.emplace();
  network.layers = {full_layer(), vector_layer};
  add_counts(example, network.layers.front());
  network.parameters = {{"tokens", 1}};
  network.passes = passes;
  network.outputs.emplace_back();
  return example;
}

PassResult pass_of(const char* phase, std::int64_t tokens, std::int64_t images) {
  PassResult pass;
  pass.phase = phase;
  pass.tokens = tokens;
  pass.images = images;
  return pass;
}

/// Of data of a kind, where nothing was finite.
ExampleResult evaluated_example(DataKind kind) {
  ExampleResult example = network_example({pass_of("", kind == DataKind::kTokens ? 1 : 0, 1)});
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  Accuracy& a = example.result.accuracy.emplace();
  a.kind = kind;
  a.nll = a.reference_nll = a.nll_change = a.kl = {1, kInfinite, kInfinite, kInfinite};
  a.sqnr_db = a.worst_sqnr_db = kInfinite;
  return example;
}

/// Estimates have no values.
ExampleResult estimated_example(const std::vector<PassResult>& passes) {
  ExampleResult example = network_example(passes);
  example.run.options.fidelity = Fidelity::kEstimate;
  example.result.network->outputs.clear();
  return example;
}

bool matches(const std::string& pattern, const std::string& path) {
  std::size_t p = 0, q = 0;
  while (p < pattern.size() && q < path.size()) {
    const std::size_t p_end = std::min(pattern.find('.', p), pattern.size());
    const std::size_t q_end = std::min(path.find('.', q), path.size());
    const bool is_any = p_end - p == 1 && pattern[p] == '*';
    if (!is_any && pattern.compare(p, p_end - p, path, q, q_end - q) != 0) return false;
    p = p_end + 1;
    q = q_end + 1;
  }
  return p >= pattern.size() && q >= path.size();
}

}  // namespace

std::vector<ExampleResult> example_results() {
  ExampleResult least, full;
  least.result.layer_passes.emplace_back();
  full.result.layer_passes = {full_layer()};
  add_counts(full, full.result.layer_passes.front());
  full.run.dram.edit().energy.emplace();
  ExampleResult rows = least;  // of which no command is there always, and no part of the energy
  rows.run.dram.edit().energy.emplace();
  DramStats& dram = rows.result.layer_passes.front().outcome.dram.edit();
  dram.row_hits = dram.ranks = 1;
  ExampleResult estimated = least;
  estimated.run.options.fidelity = Fidelity::kEstimate;
  ExampleResult priced = estimated;  // with all that tables and DRAM files may tell
  add_counts(priced, priced.result.layer_passes.front());
  priced.run.dram.edit().energy.emplace();
  ExampleResult evaluated = network_example({pass_of("", 1, 0)});
  evaluated.result.accuracy.emplace();
  ExampleResult bare = network_example({});
  bare.result.network->layers = {LayerResult()};
  bare.result.network->outputs.clear();
  bare.result.network->parameters.clear();
  return {full,
          least,
          rows,
          estimated,
          priced,
          bare,
          evaluated,
          evaluated_example(DataKind::kTokens),
          evaluated_example(DataKind::kClasses),
          evaluated_example(DataKind::kOutputs),
          estimated_example({pass_of("", 1, 0)}),
          estimated_example({pass_of("", 0, 1)}),
          estimated_example({pass_of("prefill", 1, 0), pass_of("decode", 1, 0)}),
          network_example({pass_of("", 0, 1)}),
          network_example({pass_of("prefill", 1, 0), pass_of("decode", 1, 0)})};
}

std::vector<FieldRow> collect_fields(void (*describe)(const ExampleResult&, ResultVisitor&)) {
  FieldCollector fields;
  for (const ExampleResult& example : example_results()) {
    describe(example, fields);
    fields.rewind();
  }
  return fields.take();
}

const std::vector<FieldRow>& reported_fields() {
  static const std::vector<FieldRow> kRows =
      collect_fields([](const ExampleResult& example, ResultVisitor& v) {
        describe_layers(example.run, example.result, v);
        if (example.result.network) describe_network(*example.result.network, v);
        if (example.result.accuracy) describe_accuracy(*example.result.accuracy, v);
      });
  return kRows;
}

const FieldRow* find_field(const std::string& path, const std::vector<FieldRow>& rows) {
  for (const FieldRow& row : rows)
    if (matches(row.path, path)) return &row;
  for (const FieldRow& row : rows)
    if (!row.like.empty() && path.rfind(row.path + ".", 0) == 0)
      return find_field(row.like + path.substr(row.path.size()), rows);
  return nullptr;
}

}  // namespace bitjoule
