#include "sim/config/leaf.h"

#include <algorithm>
#include <charconv>

#include "sim/config/document.h"
#include "sim/config/suggest.h"

namespace bitjoule::leaf {
namespace {

bool is_plain(const Node& node) { return node.kind == Node::Kind::kScalar && !node.quoted; }

std::string plain(std::int64_t value) { return fmt::format("{}", value); }

void put_bounds(boost::json::object& schema, const Rule& rule) {
  if (rule.min) schema["minimum"] = *rule.min;
  if (rule.max) schema["maximum"] = *rule.max;
}

std::string path_of_file(const Node& node) {
  const bool in_file = node.place.origin && node.place.line != 0;
  const std::string beside = in_file ? find_file(node.text, *node.place.origin, "") : "";
  return beside.empty() ? find_file(node.text, "", "") : beside;
}

/// "^[0-9]+(\.[0-9]+)? ?(B|KiB)$"
std::string unit_pattern(const UnitTable& units) {
  std::string names;
  for (const Unit& unit : units.units) names += (names.empty() ? "" : "|") + unit.name;
  return "^[0-9]+(\\.[0-9]+)? ?(" + names + ")$";
}

}  // namespace

std::string read(const Node& node, bool& out, const Rule&) {
  // Generated files put words in quotes.
  if (node.kind == Node::Kind::kScalar) {
    if (node.text == "true" || node.text == "on") return out = true, "";
    if (node.text == "false" || node.text == "off") return out = false, "";
  }
  return "expected true, false, on or off";
}

std::string read(const Node& node, BoolOrAuto& out, const Rule& rule) {
  if (node.kind == Node::Kind::kScalar && node.text == "auto") return out.is_auto = true, "";
  out.is_auto = false;
  return read(node, out.value, rule).empty() ? "" : "expected true, false, on, off or auto";
}

std::string read(const Node& node, std::int64_t& out, const Rule& rule) {
  std::int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  if (!is_plain(node) || error != std::errc() || stop != end || !within(value, rule))
    return expected_range(rule, "expected an integer", plain);
  out = value;
  return "";
}

std::string read(const Node& node, double& out, const Rule& rule) {
  const std::optional<double> value = parse_real(node.text);
  if (!is_plain(node) || !value || !within(*value, rule))
    return expected_range(rule, "expected a finite number", plain);
  out = *value;
  return "";
}

std::string read(const Node& node, std::string& out, const Rule& rule) {
  if (node.kind != Node::Kind::kScalar)
    return rule.choices.empty() ? "expected a string" : expected_names(rule.choices);
  if (!rule.choices.empty() &&
      std::find(rule.choices.begin(), rule.choices.end(), node.text) == rule.choices.end())
    return expected_names(rule.choices);
  const std::string found = rule.is_file && !node.text.empty() ? path_of_file(node) : "";
  out = found.empty() ? node.text : found;
  return "";
}

std::string read_real(const Node& node, double& out, const UnitTable& units, const char* kept) {
  const std::optional<double> value = parse_real_quantity(node.text, units, kept);
  if (node.kind != Node::Kind::kScalar || !value)
    return fmt::format("expected {} such as \"{}\"", units.quantity, units.example);
  if (*value > kMaxReal) return fmt::format("expected at most {} {}", kMaxReal, kept);
  out = *value;
  return "";
}

std::string read_quantity(const Node& node, std::int64_t& out, const UnitTable& units,
                          const Rule& rule) {
  const std::optional<std::int64_t> value = parse_quantity(node.text, units);
  if (node.kind != Node::Kind::kScalar || !value) {
    std::string names;
    for (const Unit& unit : units.units) names += (names.empty() ? "" : ", ") + unit.name;
    return fmt::format("expected {} such as \"{}\" (units: {})", units.quantity, units.example,
                       names);
  }
  if (!within(*value, rule))
    return expected_range(rule, "", [&](std::int64_t v) { return quantity_text(v, units); });
  out = *value;
  return "";
}

boost::json::object schema(bool, const Rule&) {
  // YAML 1.1 editors read on and off as booleans, YAML 1.2 ones as strings.
  return {{"enum", {true, false, "on", "off"}}};
}

boost::json::object schema(const BoolOrAuto&, const Rule&) {
  return {{"enum", {true, false, "on", "off", "auto"}}};
}

boost::json::object schema(std::int64_t, const Rule& rule) {
  boost::json::object result{{"type", "integer"}};
  put_bounds(result, rule);
  return result;
}

boost::json::object schema(double, const Rule& rule) {
  boost::json::object result{{"type", "number"}};
  put_bounds(result, rule);
  return result;
}

boost::json::object schema(const std::string&, const Rule& rule) {
  if (!rule.choices.empty()) return names_schema(rule.choices);
  return {{"type", "string"}};
}

boost::json::object real_schema(const UnitTable& units) {
  return {{"type", "string"}, {"pattern", unit_pattern(units)}};
}

boost::json::object quantity_schema(const UnitTable& units) {
  boost::json::object text{{"type", "string"}, {"pattern", unit_pattern(units)}};
  if (!units.bare) return text;
  return {{"anyOf", {boost::json::object{{"type", "integer"}, {"minimum", 0}}, text}}};
}

boost::json::object names_schema(const std::vector<std::string>& names) {
  boost::json::array values;
  for (const std::string& name : names) values.emplace_back(name);
  return {{"enum", values}};
}

boost::json::value write(const Node& node) {
  if (node.kind == Node::Kind::kList) {
    boost::json::array items;
    for (const Node& item : node.items) items.push_back(write(item));
    return items;
  }
  if (node.kind == Node::Kind::kMap) {
    boost::json::object entries;
    for (const NodeEntry& entry : node.entries) entries[entry.key] = write(entry.value);
    return entries;
  }
  if (node.kind != Node::Kind::kScalar) return nullptr;
  std::int64_t integer = 0;
  if (read(node, integer, {}).empty()) return integer;
  double real = 0;
  if (read(node, real, {}).empty()) return real;
  bool flag = false;
  if (is_plain(node) && read(node, flag, {}).empty()) return flag;
  return boost::json::string(node.text);
}

}  // namespace bitjoule::leaf
