// The scalar types of configuration files: how each is read, written and put into a JSON Schema.
#pragma once

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/enum_rows.h"
#include "core/rule.h"
#include "core/shared.h"
#include "core/units.h"
#include "sim/config/node.h"
#include "sim/config/units.h"

namespace bitjoule {

namespace leaf {

/// Each `read` returns an empty string and sets `out`, or says what was expected.
std::string read(const Node& node, bool& out, const Rule& rule);
std::string read(const Node& node, BoolOrAuto& out, const Rule& rule);
std::string read(const Node& node, std::int64_t& out, const Rule& rule);
std::string read(const Node& node, double& out, const Rule& rule);
std::string read(const Node& node, std::string& out, const Rule& rule);
/// A real quantity, at most kMaxReal in the unit that it is kept in.
std::string read_real(const Node& node, double& out, const UnitTable& units, const char* kept);
/// A part of the document that its owner reads later (network files' layers): taken as it stands.
inline std::string read(const Node& node, Node& out, const Rule&) { return out = node, ""; }
std::string read_quantity(const Node& node, std::int64_t& out, const UnitTable& units,
                          const Rule& rule);

boost::json::object schema(bool, const Rule& rule);
boost::json::object schema(const BoolOrAuto&, const Rule& rule);
boost::json::object schema(std::int64_t, const Rule& rule);
boost::json::object schema(double, const Rule& rule);
boost::json::object schema(const std::string&, const Rule& rule);
boost::json::object real_schema(const UnitTable& units);
inline boost::json::object schema(const Node&, const Rule&) { return {}; }
boost::json::object quantity_schema(const UnitTable& units);
boost::json::object names_schema(const std::vector<std::string>& names);

template <class Tag>
std::string read(const Node& node, Quantity<Tag, std::int64_t>& out, const Rule& rule) {
  return read_quantity(node, out.value, units_of(out), rule);
}
template <class Tag>
std::string read(const Node& node, Quantity<Tag, double>& out, const Rule&) {
  return read_real(node, out.value, units_of(out), kept_in(out));
}
template <class Tag>
boost::json::object schema(Quantity<Tag, double> value, const Rule&) {
  return real_schema(units_of(value));
}
template <class Tag>
boost::json::object schema(Quantity<Tag, std::int64_t> value, const Rule&) {
  return quantity_schema(units_of(value));
}

template <class E>
std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const EnumRow<E>& row : enum_rows<E>()) result.push_back(row.name);
  return result;
}

template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
std::string read(const Node& node, E& out, const Rule&) {
  if (node.kind == Node::Kind::kScalar)
    for (const EnumRow<E>& row : enum_rows<E>())
      if (row.name == node.text) {
        out = row.value;
        return "";
      }
  return expected_names(names<E>());
}
template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
boost::json::object schema(E, const Rule&) {
  return names_schema(names<E>());
}

inline boost::json::value write(bool value) { return value; }
inline boost::json::value write(const BoolOrAuto& value) {
  return value.is_auto ? boost::json::value("auto") : boost::json::value(value.value);
}
inline boost::json::value write(std::int64_t value) { return value; }
inline boost::json::value write(double value) { return value; }
inline boost::json::value write(const std::string& value) { return boost::json::string(value); }
template <class Tag>
boost::json::value write(Quantity<Tag, double> value) {
  return boost::json::string(fmt::format("{} {}", value.value, kept_in(value)));
}
boost::json::value write(const Node& node);
template <class Tag>
boost::json::value write(Quantity<Tag, std::int64_t> value) {
  const UnitTable& units = units_of(value);
  if (units.bare) return value.value;
  return boost::json::string(quantity_text(value.value, units));
}
template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
boost::json::value write(E value) {
  return boost::json::string(enum_name(value));
}

}  // namespace leaf

template <class T>
struct IsLeaf : std::bool_constant<std::is_same_v<T, bool> || std::is_same_v<T, BoolOrAuto> ||
                                   std::is_same_v<T, std::int64_t> || std::is_same_v<T, double> ||
                                   std::is_same_v<T, std::string> || std::is_same_v<T, Node> ||
                                   std::is_enum_v<T>> {};
template <class Tag, class Rep>
struct IsLeaf<Quantity<Tag, Rep>> : std::true_type {};

template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<Shared<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

}  // namespace bitjoule
