#include "sim/result/result_keys.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/result/result_json.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// What a value may be; sums of flags.
enum Kind : unsigned {
  kNull = 1,
  kBool = 2,
  kWhole = 4,
  kReal = 8,
  kText = 16,
  kObject = 32,
  kList = 64
};

unsigned kind_of(std::nullptr_t) { return kNull; }
unsigned kind_of(bool) { return kBool; }
unsigned kind_of(std::int64_t) { return kWhole; }
unsigned kind_of(double) { return kWhole | kReal; }  // a file may have "1" for it
unsigned kind_of(std::string_view) { return kText; }

/// What the examples have at one place.
struct Shape {
  unsigned kinds = 0;
  int seen = 0;         ///< in so many of the objects around it
  int objects = 0;      ///< that stood here
  bool is_map = false;  ///< names that no example has are like its others
  std::map<std::string, Shape, std::less<>> parts;
};

/// The shapes of the examples. Lists are not looked into: there may be thousands of elements.
class ShapeVisitor : public ResultVisitor {
 public:
  void value(const Field& field, const Value& value) override {
    if (lists_ == 0) see(field, std::visit([](auto v) { return kind_of(v); }, value));
  }
  void begin_object(const Field& field) override { open(field, kObject); }
  void begin_map(const Field& field) override {
    open(field, kObject);
    if (lists_ == 0) open_.back()->is_map = true;
  }
  void begin_list(const Field& field) override {
    const bool is_outermost = lists_ == 0;
    open(field, kList);
    if (is_outermost) lists_ = 1;
  }
  void end() override {
    if (lists_ > 0 && --lists_ > 0) return;
    open_.pop_back();
  }
  void begin_result() {
    all_.kinds = kObject;
    ++all_.objects;
  }
  Shape take() { return std::move(all_); }

 private:
  Shape& see(const Field& field, unsigned kind) {
    Shape& shape = open_.back()->parts[std::string(field.key)];
    ++shape.seen;
    shape.kinds |= kind;
    return shape;
  }
  void open(const Field& field, unsigned kind) {
    if (lists_ > 0) {
      ++lists_;
      return;
    }
    Shape& shape = see(field, kind);
    ++shape.objects;
    open_.push_back(&shape);
  }

  Shape all_;
  std::vector<Shape*> open_ = {&all_};
  int lists_ = 0;  // open ones, with what is open within them
};

Shape shape_of(bool estimated) {
  ShapeVisitor v;
  for (const ExampleResult& example : example_results()) {
    if ((example.run.options.fidelity == Fidelity::kEstimate) != estimated) continue;
    v.begin_result();
    describe_result(example, v);
  }
  Shape all = v.take();
  all.parts["program"].parts.erase("commit");  // a text, or null where git knows none
  return all;
}

/// Estimates lack what only events tell.
const Shape& shapes(bool estimated) {
  static const Shape kSimulated = shape_of(false), kEstimated = shape_of(true);
  return estimated ? kEstimated : kSimulated;
}

unsigned kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return kNull;
    case json::kind::bool_:
      return kBool;
    case json::kind::int64:
    case json::kind::uint64:
      return kWhole;
    case json::kind::double_:
      return kReal;
    case json::kind::string:
      return kText;
    case json::kind::array:
      return kList;
    case json::kind::object:
      break;
  }
  return kObject;
}

bool fits(const json::object& object, const Shape& shape);

bool fits(const json::value& value, const Shape& shape) {
  if ((kind_of(value) & shape.kinds) == 0) return false;
  const json::object* object = value.if_object();
  return object == nullptr || fits(*object, shape);
}

bool fits(const json::object& object, const Shape& shape) {
  for (const auto& [name, part] : shape.parts)
    if (!shape.is_map && part.seen == shape.objects && !object.contains(name)) return false;
  return std::all_of(object.begin(), object.end(), [&](const auto& row) {
    const auto known = shape.parts.find(std::string_view(row.key().data(), row.key().size()));
    if (known != shape.parts.end()) return fits(row.value(), known->second);
    return !shape.is_map || shape.parts.empty() || fits(row.value(), shape.parts.begin()->second);
  });
}

}  // namespace

bool has_result_keys(const json::object& object) {
  return fits(object, shapes(object.contains("estimate")));
}

}  // namespace bitjoule
