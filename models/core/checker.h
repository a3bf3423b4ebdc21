// Plain structs are checked by the rows that describe them to files, and so for the same ranges.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "core/rule.h"
#include "core/units.h"

namespace bitjoule {

/// The visitor that checks what a program gave (sim/config/describe.h says what visitors offer). It
/// changes nothing.
class Checker {
 public:
  /// `path` names the whole: "accelerator"; it may be empty.
  explicit Checker(std::string path) : path_(std::move(path)) {}

  /// Throws one input Error with a line for every problem, each with the path of its value.
  void throw_if_any() const {
    if (!problems_.empty()) throw input_error(problems_);
  }

  template <class T>
  void field(const char* key, T& member, const char*, const Rule& rule = {}) {
    if (active_) below("." + std::string(key), member, rule);
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    field(key, member, doc, rule);
  }
  void spread(const char* key, std::initializer_list<std::int64_t*> members, const char*,
              const Rule& rule = {}) {
    std::size_t i = 0;
    for (std::int64_t* member : members)
      if (active_) below("." + std::string(key) + "[" + std::to_string(i++) + "]", *member, rule);
  }
  template <class T>
  void rest(std::map<std::string, T>& member, const char*, const Rule& rule = {}) {
    for (auto& [key, value] : member) field(key.c_str(), value, "", rule);
  }
  template <class F>
  void when(bool active, const char*, F fields) {
    const bool outer = active_;
    active_ = active_ && active;
    fields();
    active_ = outer;
  }
  template <class F>
  void check(F test) {
    if (!active_ || problems_.size() != before_) return;
    try {
      test();
    } catch (const Error& e) {
      refuse_all(e.what());
    }
  }
  template <class E>
  void one_or_more(const char*, std::vector<E>&, const char*) {}
  template <class T>
  void base() {}
  void shorthand(const char*) {}

 private:
  template <class T>
  void below(const std::string& key, T& member, const Rule& rule) {
    const std::size_t size = path_.size();
    path_ += path_.empty() ? key.substr(1) : key;
    value(member, rule);
    path_.resize(size);
  }

  void value(std::int64_t value, const Rule& rule) { integer(value, rule, ""); }
  void value(double value, const Rule& rule) { number(value, rule); }
  void value(std::string& value, const Rule& rule) { name(value, rule); }
  template <class Tag>
  void value(Quantity<Tag, std::int64_t> value, const Rule& rule) {
    integer(value.value, rule, unit(value));
  }
  template <class Tag>
  void value(Quantity<Tag, double> value, const Rule&) {
    real(value.value);
  }
  template <class T>
  void value(std::optional<T>& member, const Rule& rule) {
    if (member) value(*member, rule);
  }
  template <class T>
  void value(std::vector<T>& members, const Rule& rule) {
    std::size_t i = 0;
    for (T& member : members) below("[" + std::to_string(i++) + "]", member, rule);
  }
  template <class T>
  void value(T& member, const Rule&) {
    if constexpr (std::is_class_v<T> && !std::is_same_v<T, BoolOrAuto>) {
      const std::size_t outer = before_;
      before_ = problems_.size();
      describe(*this, member);
      before_ = outer;
    }
  }

  static const char* unit(Bytes) { return " bytes"; }
  static const char* unit(Bits) { return " bits"; }
  static const char* unit(Cycles) { return " cycles"; }
  static const char* unit(Hertz) { return " Hz"; }
  static const char* unit(Femtoseconds) { return " fs"; }
  static const char* unit(BytesPerSecond) { return " bytes per second"; }
  static const char* unit(Nanometers) { return " nm"; }

  void integer(std::int64_t value, const Rule& rule, const char* unit);
  void number(double value, const Rule& rule);
  void name(const std::string& value, const Rule& rule);
  void real(double value);
  void refuse(const std::string& message);
  void refuse_all(std::string_view messages);

  std::string path_, problems_;
  std::size_t before_ = 0;  // to see whether the struct at hand has problems
  bool active_ = true;
};

}  // namespace bitjoule
