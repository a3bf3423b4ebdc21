#include "sim/import/transformer.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "core/error.h"
#include "sim/schema/network_file.h"

namespace bitjoule {

std::string TransformerFile::yaml() const {
  std::string out =
      fmt::format("name: {}\nbase: {}\n", boost::json::serialize(boost::json::string(name)), base);
  if (unroll) out += "unroll: true\n";
  out += "parameters:\n";
  for (const auto& [key, value] : parameters) out += fmt::format("  {}: {}\n", key, value);
  if (overrides.empty()) return out;
  out += "overrides:\n";
  for (const boost::json::value& rule : overrides)
    out += "- " + boost::json::serialize(rule) + "\n";
  return out;
}

Network TransformerFile::build(const std::string& file) const {
  try {
    return read_network(text_source(file, yaml()));
  } catch (const Error& error) {
    std::string text;
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) {
      const bool is_named = line.rfind(file, 0) == 0;
      text += fmt::format("{}{}{}", text.empty() ? "" : "\n", is_named ? "" : file + ": ", line);
    }
    throw input_error(text);
  }
}

void TransformerFile::check_heads(const std::string& file) const {
  const auto size = [this](const char* wanted) {
    for (const auto& [key, text] : parameters) {
      std::int64_t value = 0;
      const char* end = text.data() + text.size();
      if (key == wanted && std::from_chars(text.data(), end, value).ptr == end) return value;
    }
    return std::int64_t{0};  // not said
  };
  const std::int64_t hidden = size("hidden"), heads = size("heads"), kv_heads = size("kv_heads");
  if (heads > 0 && size("head_dim") == 0 && hidden % heads != 0)
    throw input_error(
        fmt::format("{}: {} heads do not divide the hidden size of {}", file, heads, hidden));
  if (kv_heads > 0 && heads % kv_heads != 0)
    throw input_error(
        fmt::format("{}: {} heads do not share {} key heads evenly", file, heads, kv_heads));
}

boost::json::object weights_in(const boost::json::value& format) { return {{"weights", format}}; }

}  // namespace bitjoule
