// An object of a JSON file whose keys all have to be accounted for: read, harmless, refused or
// told.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace bitjoule {

/// A key that is not supported: what it would change, and the values (as JSON) with which it
/// changes nothing.
struct UnsupportedKey {
  const char* key;
  std::vector<const char*> neutral;
  const char* changes;
};

class ConfigObject {
 public:
  /// `where` begins every message: "config.json: ", "config.json: quantization_config.".
  ConfigObject(const boost::json::object& object, std::string where)
      : object_(object), where_(std::move(where)) {}

  /// The value, which counts as read then; nullptr where it is missing or null.
  const boost::json::value* find(const std::string& key) const;
  /// Whether it is there and null; it does not count as read.
  bool is_null(const std::string& key) const;
  /// What stands where the key is missing; an input Error where it has another type.
  std::string text(const std::string& key, const std::string& otherwise = "") const;
  bool flag(const std::string& key, bool otherwise) const;
  std::int64_t integer(const std::string& key, std::int64_t otherwise) const;
  double real(const std::string& key, double otherwise) const;
  /// A list of texts, empty where it is missing.
  std::vector<std::string> texts(const std::string& key) const;
  /// An object within this one. Throws an input Error where it is something else.
  ConfigObject object(const std::string& key) const;

  const boost::json::object& json() const { return object_; }
  const std::string& where() const { return where_; }
  /// Throws an input Error: "config.json: KEY: what".
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const;

  /// Goes through the keys that nobody has read: harmless ones pass, unsupported ones are refused
  /// unless their value is neutral, and all others become notes.
  void account(const std::set<std::string>& harmless,
               const std::vector<UnsupportedKey>& unsupported,
               std::vector<std::string>& notes) const;

 private:
  const boost::json::object& object_;
  std::string where_;
  mutable std::set<std::string> read_;
};

}  // namespace bitjoule
