#include "sim/import/scalesim_text.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"

namespace bitjoule::scalesim {
namespace {

constexpr std::size_t kMaxTextBytes = 16 << 20;

}  // namespace

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\xef\xbb\xbf");  // and a byte order mark
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string text_of(const Blob& file) {
  if (file.size() > kMaxTextBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", file.name(), file.size()));
  return std::string(file.data(), file.data() + file.size());
}

std::int64_t to_integer(const std::string& text, const std::string& where) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    throw input_error(fmt::format("{}: expected a positive integer, got \"{}\"", where, text));
  return value;
}

}  // namespace bitjoule::scalesim
