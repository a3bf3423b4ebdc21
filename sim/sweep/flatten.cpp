#include "sim/sweep/flatten.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/config/json_sink.h"
#include "sim/result/result_json.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// What is left out, by dotted path.
constexpr std::string_view kLeftOut[] = {"schema_version", "program",       "name",
                                         "config_hash",    "counts",        "layers",
                                         "config",         "energy.prices", "energy.unpriced",
                                         "dram.timeline",  "power.timeline"};
constexpr std::size_t kDeepest = 2;  // of these paths

/// An object's members to another's, by dotted path: scalars that are something.
class Flattener : public ResultVisitor {
 public:
  explicit Flattener(JsonSink& sink) : sink_(sink) { sink_.begin_object(); }

  void value(const Field& field, const Value& value) override {
    if (skipped_ > 0 || std::holds_alternative<std::nullptr_t>(value)) return;
    enter(field.key);
    if (!is_left_out()) {
      sink_.item(path_);
      sink_.put(value);
    }
    leave();
  }
  void begin_object(const Field& field) override {
    if (skipped_ == 0) {
      enter(field.key);
      if (!is_left_out()) return path_.push_back('.');
      leave();
    }
    ++skipped_;
  }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field&) override { ++skipped_; }
  void end() override { skipped_ > 0 ? static_cast<void>(--skipped_) : leave(); }

 private:
  void enter(std::string_view key) {
    begins_.push_back(path_.size());
    path_ += key;
  }
  void leave() {
    path_.resize(begins_.back());
    begins_.pop_back();
  }
  bool is_left_out() const {
    return begins_.size() <= kDeepest &&
           std::find(std::begin(kLeftOut), std::end(kLeftOut), path_) != std::end(kLeftOut);
  }

  JsonSink& sink_;
  std::string path_;
  std::vector<std::size_t> begins_;  ///< of the keys in it
  int skipped_ = 0;                  ///< objects and lists around what comes next
};

void flatten_into(const json::object& object, Flattener& flat) {
  for (const auto& row : object) {
    const Field field{{row.key().data(), row.key().size()}};
    const json::value& value = row.value();
    if (const json::object* inner = value.if_object())
      flat.object(field, [&] { flatten_into(*inner, flat); });
    else if (const json::string* text = value.if_string())
      flat.value(field, std::string_view(text->data(), text->size()));
    else if (const bool* flag = value.if_bool())
      flat.value(field, *flag);
    else if (const std::int64_t* integer = value.if_int64())
      flat.value(field, *integer);
    else if (value.is_number())
      flat.value(field, value.to_number<double>());
  }
}

/// Tells two what it is told.
class Both : public ResultVisitor {
 public:
  Both(ResultVisitor& a, ResultVisitor& b) : a_(a), b_(b) {}

  void value(const Field& field, const Value& value) override {
    a_.value(field, value);
    b_.value(field, value);
  }
  void begin_object(const Field& field) override {
    a_.begin_object(field);
    b_.begin_object(field);
  }
  void begin_map(const Field& field) override {
    a_.begin_map(field);
    b_.begin_map(field);
  }
  void begin_list(const Field& field) override {
    a_.begin_list(field);
    b_.begin_list(field);
  }
  void end() override {
    a_.end();
    b_.end();
  }

 private:
  ResultVisitor &a_, &b_;
};

}  // namespace

json::object flatten(const json::object& result) {
  JsonTree tree;
  Flattener flat(tree);
  flatten_into(result, flat);
  tree.end();
  return std::move(tree.take().as_object());
}

ResultTexts result_texts(const RunConfig& run, const Result& result, const std::string& hash) {
  JsonText text, metrics;
  JsonVisitor written(text);
  Flattener flat(metrics);
  Both both(written, flat);
  write_run(run, result, hash, text, both);
  metrics.end();
  return {text.take(), metrics.take()};
}

}  // namespace bitjoule
