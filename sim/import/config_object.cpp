#include "sim/import/config_object.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

bool is_number(const json::value& v) { return v.is_int64() || v.is_uint64() || v.is_double(); }

/// Numbers are compared as such: 1 is 1.0.
bool is_equal(const json::value& a, const json::value& b) {
  if (is_number(a) && is_number(b)) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

/// A value as messages show it.
std::string shown(const json::value& value) {
  constexpr std::size_t kShown = 60;
  std::string text =
      is_number(value) ? fmt::format("{}", value.to_number<double>()) : json::serialize(value);
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

}  // namespace

void ConfigObject::refuse(const std::string& key, const std::string& what) const {
  throw input_error(fmt::format("{}{}: {}", where_, key, what));
}

const json::value* ConfigObject::find(const std::string& key) const {
  read_.insert(key);
  const json::value* value = object_.if_contains(key);
  return value != nullptr && value->is_null() ? nullptr : value;
}

bool ConfigObject::is_null(const std::string& key) const {
  const json::value* value = object_.if_contains(key);
  return value != nullptr && value->is_null();
}

std::string ConfigObject::text(const std::string& key, const std::string& otherwise) const {
  const json::value* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) refuse(key, "expected a text, got " + shown(*value));
  return value->get_string().c_str();
}

bool ConfigObject::flag(const std::string& key, bool otherwise) const {
  const json::value* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) refuse(key, "expected true or false, got " + shown(*value));
  return value->get_bool();
}

std::int64_t ConfigObject::integer(const std::string& key, std::int64_t otherwise) const {
  const json::value* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_int64()) refuse(key, "expected an integer, got " + shown(*value));
  return value->get_int64();
}

double ConfigObject::real(const std::string& key, double otherwise) const {
  const json::value* value = find(key);
  if (value == nullptr) return otherwise;
  if (!is_number(*value)) refuse(key, "expected a number, got " + shown(*value));
  return value->to_number<double>();
}

std::vector<std::string> ConfigObject::texts(const std::string& key) const {
  std::vector<std::string> result;
  const json::value* value = find(key);
  if (value == nullptr) return result;
  if (!value->is_array()) refuse(key, "expected a list of texts, got " + shown(*value));
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) refuse(key, "expected a list of texts, got " + shown(*value));
    result.emplace_back(item.get_string().c_str());
  }
  return result;
}

ConfigObject ConfigObject::object(const std::string& key) const {
  const json::value* value = find(key);
  if (value == nullptr || !value->is_object()) refuse(key, "expected an object");
  return {value->get_object(), where_ + key + "."};
}

void ConfigObject::account(const std::set<std::string>& harmless,
                           const std::vector<UnsupportedKey>& unsupported,
                           std::vector<std::string>& notes) const {
  const std::string path = where_.substr(where_.find(": ") + 2);
  for (const auto& entry : object_) {
    const std::string key = entry.key();
    if (entry.value().is_null() || read_.count(key) != 0 || harmless.count(key) != 0) continue;
    const auto row = std::find_if(unsupported.begin(), unsupported.end(),
                                  [&](const UnsupportedKey& k) { return key == k.key; });
    if (row == unsupported.end()) {
      notes.push_back(fmt::format("{}{}: not known here, so it has no effect", path, key));
      continue;
    }
    const bool is_neutral = std::any_of(
        row->neutral.begin(), row->neutral.end(),
        [&](const char* neutral) { return is_equal(entry.value(), json::parse(neutral)); });
    if (!is_neutral)
      refuse(key,
             fmt::format("{} is not supported: it changes {}", shown(entry.value()), row->changes));
  }
}

}  // namespace bitjoule
