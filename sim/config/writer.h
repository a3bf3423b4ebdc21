// A described struct as JSON: the resolved configuration, which the reader reads back unchanged.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "sim/config/describe.h"

namespace bitjoule {

/// Quantities as strings in their largest whole unit, empty optionals left out, keys in the order
/// of the description.
template <class T>
boost::json::value to_json(const T& value);

/// The same of a value that describe() may take by reference, for the reader's sake; it stays.
template <class T>
boost::json::value describe_json(T& value);

/// The visitor behind to_json.
class Writer {
 public:
  boost::json::object take() { return std::move(object_); }

  template <class T>
  void field(const char* key, T& member, const char*, const Rule& = {}) {
    boost::json::value value = describe_json(member);
    if (active_ && !value.is_null()) object_[key] = std::move(value);
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& = {}) {
    field(key, member, doc);
  }
  void spread(const char* key, std::initializer_list<std::int64_t*> members, const char*,
              const Rule& = {}) {
    boost::json::array values;
    for (const std::int64_t* member : members) values.emplace_back(*member);
    if (active_) object_[key] = std::move(values);
  }
  template <class E>
  void one_or_more(const char* key, std::vector<E>& members, const char*) {
    if (active_)
      object_[key] = members.size() == 1 ? leaf::write(members.front()) : describe_json(members);
  }
  template <class V, class... Ts>
  void variant(V& member, Alternative<Ts>... alternatives) {
    const auto write = [&](auto alternative) {
      using T = typename decltype(alternative)::type;
      if (T* value = std::get_if<T>(&member)) field(alternative.key, *value, "");
    };
    (write(alternatives), ...);
  }
  template <class T>
  void rest(std::map<std::string, T>& member, const char*, const Rule& = {}) {
    for (auto& [key, value] : member) field(key.c_str(), value, "");
  }
  template <class F>
  void when(bool active, const char*, F fields) {
    const bool outer = active_;
    active_ = active_ && active;
    fields();
    active_ = outer;
  }
  template <class F>
  void check(F) {}
  template <class T>
  void base() {}
  void shorthand(const char*) {}

 private:
  boost::json::object object_;
  bool active_ = true;
};

template <class T>
boost::json::value describe_json(T& value) {
  if constexpr (IsOptional<T>::value) {
    if (!value) return nullptr;
    return describe_json(*value);
  } else if constexpr (IsVector<T>::value) {
    boost::json::array items;
    for (auto&& item : value) items.push_back(describe_json(item));
    return items;
  } else if constexpr (IsLeaf<T>::value) {
    return leaf::write(value);
  } else {
    Writer writer;
    describe(writer, value);
    return writer.take();
  }
}

template <class T>
boost::json::value to_json(const T& value) {
  T copy = value;
  return describe_json(copy);
}

/// Indented JSON with a final newline; maps of scalars on one line where they fit it, lists of them
/// always; real numbers in the fewest digits that read back exactly.
/// Equal values give equal bytes.
std::string json_text(const boost::json::value& value);

/// Takes a text piece by piece.
using TextSink = std::function<void(std::string_view)>;

class JsonWriter;

/// The same text of an object, some of whose parts are no scalars, to a sink: its parts come one
/// after the other, those of long lists too, so that the whole is never in memory.
class JsonObjectText {
 public:
  explicit JsonObjectText(TextSink sink);
  ~JsonObjectText();
  JsonObjectText(const JsonObjectText&) = delete;
  JsonObjectText& operator=(const JsonObjectText&) = delete;

  void put(std::string_view key, const boost::json::value& value);
  /// A list that has objects.
  void begin_list(std::string_view key);
  void put_item(const boost::json::value& item);
  void end_list();
  /// Behind the last part.
  void finish();

 private:
  void begin_line(std::string_view open, std::size_t indent, bool& is_first);
  void send();

  TextSink sink_;
  std::unique_ptr<JsonWriter> writer_;
  bool is_first_ = true, is_first_item_ = true;
};

/// 32 hexadecimal digits over a text and build_key() of the program (a version 5 UUID: SHA-1).
std::string text_hash(const std::string& text);

/// The same over json_text().
std::string content_hash(const boost::json::value& value);

}  // namespace bitjoule
