#include "sim/config/json_text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace bitjoule {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Builds the value from the parser's events; signatures are those of boost::json::basic_parser.
struct Builder {
  // NOLINTBEGIN(readability-identifier-naming): the parser looks for these names
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  // NOLINTEND(readability-identifier-naming)

  Builder(json::storage_ptr storage, JsonLists wanted) : lists(wanted) {
    stack.reset(std::move(storage));
  }

  static bool on_document_begin(error_code&) { return true; }
  static bool on_document_end(error_code&) { return true; }
  static bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t size, error_code&) {
    if (is_kept()) stack.push_object(size);
    return true;
  }
  bool on_array_begin(error_code&) {
    if (lists == JsonLists::kEmptied) ++emptied;
    return true;
  }
  bool on_array_end(std::size_t size, error_code&) {
    if (emptied > 0) --emptied;
    if (is_kept()) stack.push_array(lists == JsonLists::kEmptied ? 0 : size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    if (is_kept()) stack.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code&) {
    if (is_kept()) stack.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) {
    if (is_kept()) stack.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, error_code&) {
    if (is_kept()) stack.push_string(part);
    return true;
  }
  static bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, error_code&) {
    if (is_kept()) stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, error_code&) {
    if (is_kept()) stack.push_uint64(number);
    return true;
  }
  /// The whole text is in memory, so that `digits` are all of the number's.
  bool on_double(double number, json::string_view digits, error_code&) {
    if (!is_kept()) return true;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    stack.push_double(number);
    return true;
  }
  bool on_bool(bool value, error_code&) {
    if (is_kept()) stack.push_bool(value);
    return true;
  }
  bool on_null(error_code&) {
    if (is_kept()) stack.push_null();
    return true;
  }
  static bool on_comment_part(json::string_view, error_code&) { return true; }
  static bool on_comment(json::string_view, error_code&) { return true; }

  bool is_kept() const { return emptied == 0; }

  json::value_stack stack;
  JsonLists lists;
  int emptied = 0;  ///< lists around what comes next whose elements are left out
};

}  // namespace

json::value parse_json(const std::string& text, error_code& error, json::storage_ptr storage,
                       JsonLists lists) {
  json::basic_parser<Builder> parser(json::parse_options(), std::move(storage), lists);
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = json::error::extra_data;
  return error ? json::value() : parser.handler().stack.release();
}

std::optional<json::object> parse_object(const std::string& text, JsonLists lists) {
  error_code error;
  json::value value = parse_json(
      text, error, json::make_shared_resource<json::monotonic_resource>(text.size()), lists);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

}  // namespace bitjoule
