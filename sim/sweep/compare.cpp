#include "sim/sweep/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "core/error.h"
#include "sim/config/document.h"
#include "sim/config/json_text.h"
#include "sim/config/utf8.h"
#include "sim/output/terminal.h"
#include "sim/output/text.h"
#include "sim/output/text_file.h"
#include "sim/result/result_fields.h"
#include "sim/result/result_json.h"
#include "sim/sweep/price_notes.h"
#include "sim/sweep/results.h"
#include "sim/sweep/store.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::size_t kShownPerPart = 12;  // of a part of the configuration that was replaced

using Scalars = std::vector<std::pair<std::string, json::value>>;

/// Every scalar by dotted path; elements of lists by number.
void add_scalars(const json::value& value, const std::string& path, Scalars& out) {
  const std::string prefix = path.empty() ? "" : path + ".";
  if (const json::object* object = value.if_object()) {
    for (const auto& row : *object) add_scalars(row.value(), prefix + std::string(row.key()), out);
  } else if (const json::array* list = value.if_array()) {
    for (std::size_t i = 0; i < list->size(); ++i)
      add_scalars((*list)[i], prefix + std::to_string(i), out);
  } else {
    out.emplace_back(path, value);
  }
}

std::string shown(const json::value* value) {
  if (value == nullptr) return "(none)";
  if (const json::string* text = value->if_string()) return printable_line(std::string(*text));
  if (const double* real = value->if_double()) return fmt::format("{:.6g}", *real);
  return json::serialize(*value);
}

struct Difference {
  std::string path;
  const json::value *a, *b;  // nullptr: not there
};

/// In the order of `a`, then what only `b` has.
std::vector<Difference> differences(const Scalars& a, const Scalars& b) {
  std::map<std::string, const json::value*> of_b;
  for (const auto& [path, value] : b) of_b[path] = &value;
  std::vector<Difference> rows;
  for (const auto& [path, value] : a) {
    const auto other = of_b.find(path);
    const json::value* theirs = other == of_b.end() ? nullptr : other->second;
    if (theirs == nullptr || value != *theirs) rows.push_back({path, &value, theirs});
    if (other != of_b.end()) of_b.erase(other);
  }
  for (const auto& [path, value] : b)
    if (of_b.count(path) != 0) rows.push_back({path, nullptr, &value});
  return rows;
}

/// "accelerator.energy" of "accelerator.energy.sram.points.0.read".
std::string part_of(const std::string& path) {
  const std::size_t second = path.find('.', path.find('.') + 1);
  return path.substr(0, second);
}

/// What a difference is, by its parts: the last ones are left out where there is no room.
/// `in_one_unit`: the energies of both are; joules and ratios of a MAC, or of two tables' MACs,
/// have no difference. Decibels, which are ratios already, and shares have a difference and no
/// ratio; `in_part`: nor has what covers only a part of a machine.
std::vector<std::string> changes(const Difference& row, bool is_result, bool in_one_unit,
                                 bool in_part) {
  if (row.a == nullptr || row.b == nullptr || !row.a->is_number() || !row.b->is_number()) return {};
  const double a = row.a->to_number<double>(), b = row.b->to_number<double>();
  const std::string unit = is_result ? unit_of(row.path) : "";
  if (is_result && !in_one_unit && is_of_energy(row.path)) return {"in another unit"};
  if (in_part) return {"of a part of the machine"};
  if (unit == "dB") return {fmt::format("{:+.4g} dB", b - a)};
  if (unit == "share") return {fmt::format("{:+.4g} percentage points", (b - a) * 100)};
  std::vector<std::string> parts = {fmt::format("{:+.6g}", b - a)};
  if (a != 0) parts.push_back(fmt::format("{:+.2f} %", (b - a) / a * 100));
  if (const std::string times = times_text(b, a); !times.empty()) parts.push_back(times);
  return parts;
}

/// As many parts as there is room for.
std::string joined(const std::vector<std::string>& parts, std::size_t room) {
  std::string text;
  for (const std::string& part : parts) {
    const std::string more = (text.empty() ? "" : "  ") + part;
    if (text.size() + more.size() > room) break;
    text += more;
  }
  return text;
}

struct Row {
  std::string path, a, b;
  std::vector<std::string> changes;
};

/// A line for each row. Where some are wider than `width`, values are shortened, a path that has no
/// room beside them stands on a line of its own, and of a change there is what has room.
std::string rows_text(const std::vector<Row>& rows, std::size_t width) {
  constexpr std::size_t kIndent = 2, kGap = 2;
  std::size_t path = 0, a = 0, b = 0, change = 0;
  for (const Row& row : rows) {
    path = std::max(path, character_count(row.path));
    a = std::max(a, character_count(row.a));
    b = std::max(b, character_count(row.b));
    change = std::max(change, joined(row.changes, kUnlimited).size());
  }
  if (kIndent + path + a + b + change + 3 * kGap > width) {
    const std::size_t most = width / 5;  // of a value
    constexpr std::size_t kLeast = 22;   // of a change: its first part, and the second mostly
    a = std::min(a, most);
    b = std::min(b, most);
    path = std::min(path, width - kIndent - a - b - std::min(change, kLeast) - 3 * kGap);
    change = width - kIndent - path - a - b - 3 * kGap;
  }
  const auto padding = [](const std::string& text, std::size_t size) {
    return std::string(size - std::min(size, character_count(text)), ' ');
  };
  std::string out;
  for (const Row& row : rows) {
    std::string line = "  " + row.path;
    if (character_count(row.path) > path) {
      out += shortened(line, width) + "\n";
      line = std::string(kIndent + path, ' ');
    } else {
      line += padding(row.path, path);
    }
    for (const auto& [value, size] : {std::pair(shortened(row.a, a), a), {shortened(row.b, b), b}})
      line += "  " + padding(value, size) + value;
    line += "  " + joined(row.changes, change);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

/// Lines that break at spaces, all but the first indented.
std::string wrapped(const std::string& text, std::size_t width) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const std::size_t size = character_count(word);
    if (used > 0 && used + 1 + size > width) {
      out += "\n  ";
      used = 2;
    } else if (used > 0) {
      out += " ";
      ++used;
    }
    out += word;
    used += size;
    at = end + 1;
  }
  return out;
}

/// `results`: both, flattened; none: these are configurations.
std::string table(const std::vector<Difference>& differences,
                  const std::vector<const json::object*>& results, std::size_t width) {
  const bool is_result = !results.empty();
  const bool in_one_unit =
      is_result && energies_of(*results.front()) == energies_of(*results.back());
  const auto is_part = [&](const std::string& path) {
    return std::any_of(results.begin(), results.end(),
                       [&](const json::object* result) { return is_in_part(path, *result); });
  };
  std::map<std::string, std::size_t> parts;
  std::vector<Row> rows;
  for (const Difference& row : differences) {
    if (!is_result && ++parts[part_of(row.path)] > kShownPerPart) continue;
    rows.push_back({row.path, shown(row.a), shown(row.b),
                    changes(row, is_result, in_one_unit, is_part(row.path))});
  }
  std::string out = rows_text(rows, width);
  for (const auto& [part, count] : parts)
    if (count > kShownPerPart)
      out += fmt::format("  ... {} more differences in {}\n", count - kShownPerPart, part);
  return out;
}

Scalars config_scalars(const json::object& result) {
  Scalars scalars;
  if (const json::value* config = result.if_contains("config")) add_scalars(*config, "", scalars);
  return scalars;
}

Scalars result_scalars(const json::object& result) {
  Scalars scalars;
  for (const auto& row : flatten(result)) scalars.emplace_back(row.key(), row.value());
  return scalars;
}

}  // namespace

json::object load_result(const std::string& path) {
  const std::string file = std::filesystem::is_directory(path) ? path + "/result.json" : path;
  if (const std::string absence = why_no_file(file); !absence.empty())
    throw input_error(fmt::format("{}: no result of a run: {}", file, absence));
  const std::string text = read_text_file(file);
  boost::system::error_code error;
  const json::value value = parse_json(text, error);
  if (error) throw input_error(fmt::format("{}: not JSON: {}", file, error.message()));
  const json::object* object = value.if_object();
  const json::value* schema = object == nullptr ? nullptr : object->if_contains("schema_version");
  if (schema == nullptr || *schema != kResultSchemaVersion || !object->contains("cycles"))
    throw input_error(fmt::format("{}: not a result of `sim run` with schema_version {}", file,
                                  kResultSchemaVersion));
  return *object;
}

std::string diff_text(const std::string& name_a, const json::object& a, const std::string& name_b,
                      const json::object& b, std::size_t width) {
  const Scalars config_a = config_scalars(a), config_b = config_scalars(b);
  const Scalars result_a = result_scalars(a), result_b = result_scalars(b);
  const auto config = differences(config_a, config_b), result = differences(result_a, result_b);
  const json::object flat_a = flatten(a), flat_b = flatten(b);
  std::string out = fmt::format("A: {}\nB: {}\n\n", name_a, name_b);
  out += config.empty() ? "configuration: equal\n"
                        : fmt::format("configuration: {} differences\n{}", config.size(),
                                      table(config, {}, width));
  const std::size_t equal =
      result_a.size() -
      static_cast<std::size_t>(std::count_if(result.begin(), result.end(),
                                             [](const auto& row) { return row.a != nullptr; }));
  out += result.empty() ? "\nresult: equal\n"
                        : fmt::format(
                              "\nresult: {} values differ, {} are equal (A, B, B - A, "
                              "relative, times)\n{}",
                              result.size(), equal, table(result, {&flat_a, &flat_b}, width));
  for (const std::string& note : price_notes({&flat_a, &flat_b}))
    out += "\n" + wrapped("note: " + note, width) + "\n";
  return out;
}

json::object diff_json(const std::string& name_a, const json::object& a, const std::string& name_b,
                       const json::object& b) {
  const auto listed = [](const Scalars& of_a, const Scalars& of_b) {
    json::array rows;
    for (const Difference& row : differences(of_a, of_b)) {
      json::object& out = rows.emplace_back(json::object{{"path", row.path}}).as_object();
      if (row.a != nullptr) out["a"] = *row.a;
      if (row.b != nullptr) out["b"] = *row.b;
    }
    return rows;
  };
  return {{"a", name_a},
          {"b", name_b},
          {"config", listed(config_scalars(a), config_scalars(b))},
          {"result", listed(result_scalars(a), result_scalars(b))}};
}

}  // namespace bitjoule
