// A described struct as JSON: the resolved configuration, which the reader reads back unchanged.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <variant>

#include "sim/config/describe.h"
#include "sim/config/json_sink.h"

namespace bitjoule {

/// Quantities as strings in their largest whole unit, empty optionals left out, keys in the order
/// of the description.
template <class T>
boost::json::value to_json(const T& value);

/// The same of a value that describe() may take by reference, for the reader's sake; it stays.
template <class T>
void write_json(T& value, JsonSink& sink);

/// The visitor behind to_json, within an object.
class Writer {
 public:
  explicit Writer(JsonSink& sink) : sink_(sink) {}

  template <class T>
  void field(const char* key, T& member, const char*, const Rule& = {}) {
    if (!active_) return;
    if constexpr (IsOptional<T>::value) {
      if (member) field(key, *member, "");
    } else if constexpr (IsLeaf<T>::value) {
      const boost::json::value value = leaf::write(member);
      if (!value.is_null()) put(key, value);
    } else {
      sink_.item(key);
      write_json(member, sink_);
    }
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& = {}) {
    field(key, member, doc);
  }
  void spread(const char* key, std::initializer_list<std::int64_t*> members, const char*,
              const Rule& = {}) {
    if (!active_) return;
    sink_.item(key);
    sink_.begin_list();
    for (const std::int64_t* member : members) put("", *member);
    sink_.end();
  }
  template <class E>
  void one_or_more(const char* key, std::vector<E>& members, const char*) {
    members.size() == 1 ? field(key, members.front(), "") : field(key, members, "");
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
  void put(const char* key, const boost::json::value& value) {
    sink_.item(key);
    sink_.put(value);
  }

  JsonSink& sink_;
  bool active_ = true;
};

template <class T>
void write_json(T& value, JsonSink& sink) {
  if constexpr (IsOptional<T>::value) {
    value ? write_json(*value, sink) : sink.put(JsonScalar(nullptr));
  } else if constexpr (IsShared<T>::value) {
    // Points of a sweep mostly have the memory and the prices of the one before.
    struct Last {
      T value;
      JsonPiece piece;
    };
    thread_local Last last;
    if (!last.value.is_same(value)) last = {value, {}};
    sink.put_again(last.piece, [&] {
      auto copy = *value;  // describe() may change what other threads read
      write_json(copy, sink);
    });
  } else if constexpr (IsVector<T>::value) {
    sink.begin_list();
    for (auto&& item : value) {
      sink.item("");
      write_json(item, sink);
    }
    sink.end();
  } else if constexpr (IsLeaf<T>::value) {
    sink.put(leaf::write(value));
  } else {
    sink.begin_object();
    Writer writer(sink);
    describe(writer, value);
    sink.end();
  }
}

template <class T>
boost::json::value to_json(const T& value) {
  T copy = value;
  JsonTree tree;
  write_json(copy, tree);
  return tree.take();
}

/// 32 hexadecimal digits over a text and build_key() of the program (a version 5 UUID: SHA-1).
std::string text_hash(const std::string& text);

/// The same over json_text().
std::string content_hash(const boost::json::value& value);

}  // namespace bitjoule
