#include "sim/result/result_json.h"

#include <optional>
#include <utility>

#include "run/run_parts.h"
#include "sim/config/writer.h"
#include "sim/result/run_hash.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::string_view kFidelities[] = {"fast", "pe", "estimate"};  // in the order of Fidelity

json::string_view text(std::string_view view) { return {view.data(), view.size()}; }

/// What it visits, as JSON. All of it shares one piece of memory, which goes as a whole.
class JsonVisitor : public ResultVisitor {
 public:
  JsonVisitor() {
    constexpr std::size_t kOfSmallRun = 64 << 10;
    stack_.reset(json::make_shared_resource<json::monotonic_resource>(kOfSmallRun));
    open_.push_back({true, 0});
  }

  void value(const Field& field, const Value& value) override {
    name(field);
    std::visit([this](auto v) { push(v); }, value);
  }
  void begin_object(const Field& field) override {
    name(field);
    open_.push_back({true, 0});
  }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field& field) override {
    name(field);
    open_.push_back({false, 0});
  }
  void end() override {
    const Level level = open_.back();
    open_.pop_back();
    if (level.is_object)
      stack_.push_object(level.size);
    else
      stack_.push_array(level.size);
  }
  void add(const Field& field, const json::value& value) {
    name(field);
    push(value);
  }
  json::object take() {
    end();
    return std::move(stack_.release().as_object());
  }

 private:
  struct Level {
    bool is_object;
    std::size_t size;
  };

  void name(const Field& field) {
    Level& level = open_.back();
    ++level.size;
    if (level.is_object) stack_.push_key(text(field.key));
  }
  void push(std::nullptr_t) { stack_.push_null(); }
  void push(bool value) { stack_.push_bool(value); }
  void push(std::int64_t value) { stack_.push_int64(value); }
  void push(double value) { stack_.push_double(value); }
  void push(std::string_view value) { stack_.push_string(text(value)); }
  void push(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        return stack_.push_null();
      case json::kind::bool_:
        return stack_.push_bool(value.get_bool());
      case json::kind::int64:
        return stack_.push_int64(value.get_int64());
      case json::kind::uint64:
        return stack_.push_uint64(value.get_uint64());
      case json::kind::double_:
        return stack_.push_double(value.get_double());
      case json::kind::string:
        return stack_.push_string(value.get_string());
      case json::kind::array:
        for (const json::value& item : value.get_array()) push(item);
        return stack_.push_array(value.get_array().size());
      case json::kind::object:
        for (const auto& row : value.get_object()) {
          stack_.push_key(row.key());
          push(row.value());
        }
        return stack_.push_object(value.get_object().size());
    }
  }

  json::value_stack stack_;
  std::vector<Level> open_;
};

/// What it visits, to a text: a tree for one part of the object, or of a list in it, at a time.
class JsonTextVisitor : public ResultVisitor {
 public:
  explicit JsonTextVisitor(const TextSink& sink) : text_(sink) {}

  void value(const Field& field, const Value& value) override {
    if (depth_ > 0) return tree().value(field, value);
    JsonVisitor one;
    one.value(field, value);
    text_.put(field.key, one.take().begin()->value());
  }
  void begin_object(const Field& field) override {
    const bool is_item = depth_ == 1 && part_ != Part::kObject;
    if (depth_ == 0) begin_part(field, Part::kObject);
    if (is_item && std::exchange(part_, Part::kItems) == Part::kList) text_.begin_list(key_);
    if (depth_ == 0 || is_item)
      tree_.emplace();
    else
      tree().begin_object(field);
    ++depth_;
  }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field& field) override {
    if (depth_ == 0)
      begin_part(field, Part::kList);
    else
      tree().begin_list(field);
    ++depth_;
  }
  void end() override {
    --depth_;
    if (depth_ == 0) return end_part();
    if (depth_ > 1 || part_ != Part::kItems) return tree().end();
    text_.put_item(tree_->take());
  }
  void add(const Field& field, const json::value& value) { text_.put(field.key, value); }
  void finish() { text_.finish(); }

 private:
  enum class Part { kObject, kList, kItems };  ///< a list of scalars, of objects

  void begin_part(const Field& field, Part part) {
    key_ = field.key;
    part_ = part;
    tree_.reset();
  }
  void end_part() {
    if (part_ == Part::kItems) return text_.end_list();
    if (part_ == Part::kList) tree().end();
    json::object whole = tree_->take();
    text_.put(key_, part_ == Part::kList ? whole.begin()->value() : json::value(std::move(whole)));
  }
  /// Of the part, or of an item of its list.
  JsonVisitor& tree() {
    if (!tree_) tree_.emplace().begin_list({key_});
    return *tree_;
  }

  JsonObjectText text_;
  std::optional<JsonVisitor> tree_;
  std::string key_;  ///< of the part
  Part part_ = Part::kObject;
  int depth_ = 0;
};

template <class F>
json::object json_of(F describe) {
  JsonVisitor v;
  describe(v);
  return v.take();
}

void describe_program(ResultVisitor& v) {
  v.object({"program", "",
            "which ran: `name`, `version`, `commit`, `modified`, `sources` (their digest), as "
            "`sim --version` says"},
           [&] {
             for (const auto& [name, value] : program_json()) {
               const Field field{std::string_view(name.data(), name.size())};
               if (const json::string* string = value.if_string())
                 v.value(field, std::string_view(string->data(), string->size()));
               else if (const bool* flag = value.if_bool())
                 v.value(field, *flag);
               else
                 v.value(field, nullptr);
             }
           });
}

template <class Visitor>
void describe_run(const RunConfig& run, const Result& result, const std::string& hash, Visitor& v) {
  describe_head(run, hash, v);
  describe_layers(run, result.layers(), v);
  v.add(kConfigField, to_json(run));
  if (result.network) describe_network(*result.network, v);
  if (result.accuracy) describe_accuracy(*result.accuracy, v);
}

}  // namespace

void describe_head(const RunConfig& run, const std::string& hash, ResultVisitor& v) {
  v.value({"schema_version", "", "of this layout"}, std::int64_t{kResultSchemaVersion});
  describe_program(v);
  v.value({"name", "", "of the run"}, run.name);
  v.value({"workload", "", "what is done, whatever does it: Pareto fronts rank points within one"},
          workload_text(run));
  v.value({"config_hash", "",
           "over the configuration, the program, and the tensors that the run reads from files"},
          hash);
  v.value({"fidelity", "", "`fast`, `pe` or `estimate`"},
          kFidelities[static_cast<std::size_t>(run.options.fidelity)]);
  v.value({"clock_hz", "Hz", "of the core"}, run.accelerator.clock.value);
}

json::object result_json(const RunConfig& run, const Result& result, const std::string& hash) {
  return json_of(
      [&](JsonVisitor& v) { describe_run(run, result, hash.empty() ? run_hash(run) : hash, v); });
}

void write_result(const RunConfig& run, const Result& result, const TextSink& sink) {
  JsonTextVisitor v(sink);
  describe_run(run, result, run_hash(run), v);
  v.finish();
}

json::array kinds_json(const Result& result) {
  json::array all;
  const std::vector<KindTotals> kinds =
      result.network ? kind_totals(*result.network) : kind_totals(result.layer_passes, false);
  for (const KindTotals& kind : kinds)
    all.push_back(json_of([&](JsonVisitor& v) { describe_kind(kind, v); }));
  return all;
}

json::object error_json(const Quality& error) {
  return json_of([&](JsonVisitor& v) { describe_error(error, v); });
}

json::object energy_json(const EnergyReport& report) {
  return json_of([&](JsonVisitor& v) { describe_energy(report, v); });
}

json::object area_json(const AreaReport& report) {
  return json_of([&](JsonVisitor& v) { describe_area(report, v); });
}

json::object area_json(const AreaReport& report, const EnergyReport& energy, double seconds,
                       double macs) {
  return json_of([&](JsonVisitor& v) {
    describe_area(report, v);
    describe_area_use(report, energy, seconds, macs, v);
  });
}

json::object layer_energy_json(const EnergyReport& report) {
  return json_of([&](JsonVisitor& v) { describe_layer_energy(report, v); });
}

}  // namespace bitjoule
