// JSON Schema (draft 7, as editors' YAML plug-ins expect) from the description the reader uses.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "sim/config/describe.h"
#include "sim/config/writer.h"

namespace bitjoule {

template <class T>
boost::json::object schema_of(const Rule& rule = {});

/// The visitor that collects the properties of one map.
class SchemaWriter {
 public:
  template <class T>
  void field(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    boost::json::object property = schema_of<T>(rule);
    property["description"] = doc;
    if constexpr (IsLeaf<T>::value) property["default"] = leaf::write(member);
    properties_[key] = std::move(property);
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    field(key, member, doc, rule);
    properties_[key].as_object().erase("default");
    if (!conditional_) required_.emplace_back(key);
  }
  void spread(const char* key, std::initializer_list<std::int64_t*> members, const char* doc,
              const Rule& rule = {}) {
    const boost::json::object one = leaf::schema(std::int64_t{}, rule);
    boost::json::object list{
        {"type", "array"}, {"items", one}, {"minItems", 1}, {"maxItems", members.size()}};
    properties_[key] = {
        {"description", doc}, {"anyOf", {one, list}}, {"default", **members.begin()}};
  }
  template <class E>
  void one_or_more(const char* key, std::vector<E>& members, const char* doc) {
    const boost::json::object one = schema_of<E>();
    const boost::json::object list{
        {"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}};
    properties_[key] = {
        {"description", doc}, {"anyOf", {one, list}}, {"default", leaf::write(members.front())}};
  }
  template <class V, class... Ts>
  void variant(V&, Alternative<Ts>... alternatives) {
    boost::json::array one_of_keys;
    const auto add = [&](auto alternative) {
      boost::json::object property = schema_of<typename decltype(alternative)::type>();
      property["description"] = alternative.doc;
      properties_[alternative.key] = std::move(property);
      one_of_keys.push_back(boost::json::object{{"required", {alternative.key}}});
    };
    (add(alternatives), ...);
    one_of_ = std::move(one_of_keys);
  }
  template <class T>
  void rest(std::map<std::string, T>&, const char* doc, const Rule& rule = {}) {
    boost::json::object value = schema_of<T>(rule);
    value["description"] = doc;
    other_keys_ = std::move(value);
  }
  template <class F>
  void when(bool, const char*, F fields) {
    const bool outer = conditional_;
    conditional_ = true;
    fields();
    conditional_ = outer;
  }
  template <class F>
  void check(F) {}
  template <class T>
  void base() {
    properties_["base"] = {{"type", "string"},
                           {"description", "a file whose keys stand where this map has none"}};
    may_have_base_ = true;
  }
  void shorthand(const char* key) { shorthand_ = key; }

  boost::json::object take() {
    boost::json::object result{{"type", "object"}, {"additionalProperties", other_keys_}};
    const boost::json::value stands_for =
        shorthand_.empty() ? boost::json::value() : properties_.at(shorthand_);
    boost::json::object complete;  // what a map without a base must hold, itself and in its parts
    boost::json::object parts;
    if (may_have_base_)
      for (auto& [key, property] : properties_)
        if (auto* needed = property.as_object().if_contains("required")) {
          parts[key] = boost::json::object{{"required", std::move(*needed)}};
          property.as_object().erase("required");
        }
    if (!parts.empty()) complete["properties"] = std::move(parts);
    if (!required_.empty()) complete["required"] = std::move(required_);
    result["properties"] = std::move(properties_);
    if (may_have_base_ && !complete.empty())
      result["anyOf"] = {boost::json::object{{"required", {"base"}}}, std::move(complete)};
    else if (!complete.empty())
      result["required"] = std::move(complete["required"]);
    if (!one_of_.empty()) result["oneOf"] = std::move(one_of_);
    if (shorthand_.empty()) return result;
    return {{"anyOf", {stands_for, std::move(result)}}};
  }

 private:
  boost::json::object properties_;
  boost::json::array required_, one_of_;
  std::string shorthand_;
  boost::json::value other_keys_ = false;
  bool conditional_ = false, may_have_base_ = false;
};

template <class T>
boost::json::object schema_of(const Rule& rule) {
  if constexpr (IsOptional<T>::value) {
    return schema_of<typename T::value_type>(rule);
  } else if constexpr (IsShared<T>::value) {
    return schema_of<std::decay_t<decltype(*T())>>(rule);
  } else if constexpr (IsVector<T>::value) {
    return {{"type", "array"}, {"items", schema_of<typename T::value_type>(rule)}};
  } else if constexpr (IsLeaf<T>::value) {
    return leaf::schema(T{}, rule);
  } else {
    SchemaWriter writer;
    T value{};
    describe(writer, value);
    if (!kIsFileKind<T>) return writer.take();
    const boost::json::object name{{"type", "string"}, {"description", "a file name"}};
    return {{"anyOf", {name, writer.take()}}};
  }
}

/// The schema of a whole file of T.
template <class T>
boost::json::object schema_document(const std::string& title) {
  boost::json::object result{{"$schema", "http://json-schema.org/draft-07/schema#"},
                             {"title", title}};
  SchemaWriter writer;
  T value{};
  describe(writer, value);
  for (auto& [key, entry] : writer.take()) result[key] = std::move(entry);
  return result;
}

}  // namespace bitjoule
