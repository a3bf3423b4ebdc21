// A described struct as a compact text that is equal exactly where what to_json() makes is.
#pragma once

#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>
#include <variant>

#include "sim/config/describe.h"

namespace bitjoule {

/// Appends what tells a value from others of its type: its members in the order of the
/// description, none of them named.
template <class T>
void append_digest(T& value, std::string& text);

/// The visitor behind append_digest().
class Digester {
 public:
  explicit Digester(std::string& text) : text_(text) {}

  template <class T>
  void field(const char*, T& member, const char*, const Rule& = {}) {
    if (active_) append_digest(member, text_);
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& = {}) {
    field(key, member, doc);
  }
  void spread(const char*, std::initializer_list<std::int64_t*> members, const char*,
              const Rule& = {}) {
    for (std::int64_t* member : members)
      if (active_) append_digest(*member, text_);
  }
  template <class V, class... Ts>
  void variant(V& member, Alternative<Ts>...) {
    text_ += std::to_string(member.index()) + "|";
    const auto write = [&](auto* value) {
      if (value != nullptr) field("", *value, "");
    };
    (write(std::get_if<Ts>(&member)), ...);
  }
  template <class T>
  void rest(std::map<std::string, T>& member, const char*, const Rule& = {}) {
    text_ += std::to_string(member.size()) + "{";
    for (auto& [key, value] : member) {
      std::string name = key;
      field("", name, "");
      field("", value, "");
    }
  }
  template <class F>
  void when(bool active, const char*, F fields) {
    text_ += active ? '+' : '-';
    const bool outer = active_;
    active_ = active_ && active;
    fields();
    active_ = outer;
  }
  template <class E>
  void one_or_more(const char* key, std::vector<E>& members, const char* help) {
    field(key, members, help);
  }
  template <class F>
  void check(F) {}
  template <class T>
  void base() {}
  void shorthand(const char*) {}

 private:
  std::string& text_;
  bool active_ = true;
};

namespace digest {

inline void append(std::int64_t value, std::string& text) {
  const fmt::format_int digits(value);
  text.append(digits.data(), digits.size());
  text += ' ';
}
inline void append(bool value, std::string& text) { text += value ? 't' : 'f'; }
inline void append(const BoolOrAuto& value, std::string& text) {
  append(value.value, text);
  append(value.is_auto, text);
}
inline void append(const std::string& value, std::string& text) {
  append(static_cast<std::int64_t>(value.size()), text);
  text += value;
}
inline void append(double value, std::string& text) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  append(bits, text);
}
template <class Tag>
void append(Quantity<Tag, double> value, std::string& text) {
  append(value.value, text);
}
inline void append(const Node& node, std::string& text) {
  append(boost::json::serialize(leaf::write(node)), text);
}
template <class Tag>
void append(Quantity<Tag, std::int64_t> value, std::string& text) {
  append(value.value, text);
}
template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
void append(E value, std::string& text) {
  append(static_cast<std::int64_t>(value), text);
}

}  // namespace digest

template <class T>
void append_digest(T& value, std::string& text) {
  if constexpr (IsOptional<T>::value) {
    text += value ? '+' : '-';
    if (value) append_digest(*value, text);
  } else if constexpr (IsShared<T>::value) {
    auto copy = *value;  // describe() may change what other threads read
    append_digest(copy, text);
  } else if constexpr (IsVector<T>::value) {
    text += std::to_string(value.size()) + "[";
    for (auto&& item : value) append_digest(item, text);
  } else if constexpr (IsLeaf<T>::value) {
    digest::append(value, text);
  } else {
    Digester digester(text);
    describe(digester, value);
  }
}

}  // namespace bitjoule
