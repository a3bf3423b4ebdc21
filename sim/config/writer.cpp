#include "sim/config/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cstdint>
#include <iterator>

#include "core/error.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

constexpr std::size_t kLineLength = 100;

bool is_flat(const boost::json::value& item) { return !item.is_object() && !item.is_array(); }

bool is_flat(const boost::json::array& array) {
  return std::all_of(array.begin(), array.end(),
                     [](const boost::json::value& item) { return is_flat(item); });
}

bool is_flat(const boost::json::object& object) {
  return std::all_of(object.begin(), object.end(),
                     [](const auto& row) { return is_flat(row.value()); });
}

/// Quoted; printable ASCII, which nearly all text is, needs no serializer.
void put_string(std::string& out, boost::json::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out += '"';
    out.append(text.data(), text.size());
    out += '"';
  } else {
    out += boost::json::serialize(boost::json::string(text));
  }
}

void put(std::string& out, const boost::json::value& value, std::size_t indent);

/// `items` of a list or map, one per line.
template <class Items, class Put>
void put_lines(std::string& out, const Items& items, char open, char close, std::size_t indent,
               Put put_item) {
  out += open;
  bool first = true;
  for (const auto& item : items) {
    out += first ? "\n" : ",\n";
    out.append(indent + 2, ' ');
    put_item(item);
    first = false;
  }
  if (!first) {
    out += '\n';
    out.append(indent, ' ');
  }
  out += close;
}

void put_array(std::string& out, const boost::json::array& array, std::size_t indent) {
  if (!is_flat(array)) {
    put_lines(out, array, '[', ']', indent,
              [&](const boost::json::value& item) { put(out, item, indent + 2); });
    return;
  }
  out += '[';
  for (const boost::json::value& item : array) {
    if (&item != array.begin()) out += ", ";
    put(out, item, indent);
  }
  out += ']';
}

/// A map of scalars on the present line, if it fits there; whether it did.
bool put_on_line(std::string& out, const boost::json::object& object, std::size_t indent) {
  constexpr std::size_t kLeast = 8;  // of a key, its quotes and separators and a value
  if (object.empty() || object.size() * kLeast > kLineLength || !is_flat(object)) return false;
  const std::size_t before = out.size();
  for (const boost::json::key_value_pair& row : object) {
    out += out.size() == before ? "{" : ", ";
    put_string(out, row.key());
    out += ": ";
    put(out, row.value(), indent);
  }
  out += '}';
  const std::size_t line = out.rfind('\n', before) + 1;  // 0 where there is none
  if (out.size() - line < kLineLength) return true;      // and a comma
  out.resize(before);
  return false;
}

void put(std::string& out, const boost::json::value& value, std::size_t indent) {
  if (const auto* object = value.if_object()) {
    if (put_on_line(out, *object, indent)) return;
    put_lines(out, *object, '{', '}', indent, [&](const boost::json::key_value_pair& row) {
      put_string(out, row.key());
      out += ": ";
      put(out, row.value(), indent + 2);
    });
  } else if (const auto* array = value.if_array()) {
    put_array(out, *array, indent);
  } else if (const double* real = value.if_double()) {
    if (!(*real - *real == 0)) throw internal_error("JSON has no number for NaN or infinity");
    fmt::format_to(std::back_inserter(out), "{}", *real);
  } else if (const auto* text = value.if_string()) {
    put_string(out, *text);
  } else if (const std::int64_t* integer = value.if_int64()) {
    const fmt::format_int digits(*integer);
    out.append(digits.data(), digits.size());
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string json_text(const boost::json::value& value) {
  std::string out;
  put(out, value, 0);
  out += '\n';
  return out;
}

std::string text_hash(const std::string& text) {
  boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  std::string digits =
      boost::uuids::to_string(generate(fmt::format("bitjoule {}\n{}", build_key(build()), text)));
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  return digits;
}

std::string content_hash(const boost::json::value& value) { return text_hash(json_text(value)); }

}  // namespace bitjoule
