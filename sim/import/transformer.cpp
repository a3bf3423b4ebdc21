#include "sim/import/transformer.h"

#include <fmt/format.h>

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

boost::json::object weights_in(const boost::json::value& format) { return {{"weights", format}}; }

}  // namespace bitjoule
