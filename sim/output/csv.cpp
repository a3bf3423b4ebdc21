#include "sim/output/csv.h"

#include "sim/config/units.h"
#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

bool reads_as_number(const std::string& text) {
  const bool has_plus = text.find_first_of('+') == 0 && text.rfind("+-", 0) != 0;
  return parse_real(has_plus ? text.substr(1) : text).has_value();
}

bool is_formula(const std::string& text) {
  return text.find_first_of("=+-@\t\r") == 0 && !reads_as_number(text);
}

}  // namespace

std::string csv_cell(const std::string& text) {
  std::string harmless = (is_formula(text) ? "'" : "") + printable_line(text);
  if (harmless.find_first_of(",\"") == std::string::npos) return harmless;
  std::string quoted = "\"";
  for (const char c : harmless) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) line += (&cell == cells.data() ? "" : ",") + cell;
  return line + "\n";
}

}  // namespace bitjoule
