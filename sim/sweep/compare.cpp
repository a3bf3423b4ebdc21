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

/// `in_one_unit`: the energies of both are; joules and ratios of a MAC have no difference.
/// Decibels, which are ratios already, and shares have a difference and no ratio.
std::string change_text(const Difference& row, bool is_result, bool in_one_unit) {
  if (row.a == nullptr || row.b == nullptr || !row.a->is_number() || !row.b->is_number()) return "";
  const double a = row.a->to_number<double>(), b = row.b->to_number<double>();
  const std::string unit = is_result ? unit_of(row.path) : "";
  if (is_result && !in_one_unit && is_of_energy(row.path)) return "in another unit";
  if (unit == "dB") return fmt::format("{:+.4g} dB", b - a);
  if (unit == "share") return fmt::format("{:+.4g} percentage points", (b - a) * 100);
  std::string text = fmt::format("{:+.6g}", b - a);
  if (a != 0) text += fmt::format("  {:+.2f} %", (b - a) / a * 100);
  if (const std::string times = times_text(b, a); !times.empty()) text += "  " + times;
  return text;
}

std::string table(const std::vector<Difference>& rows, bool is_result, bool in_one_unit) {
  std::size_t path_width = 0, a_width = 0, b_width = 0;
  for (const Difference& row : rows) {
    path_width = std::max(path_width, row.path.size());
    a_width = std::max(a_width, shown(row.a).size());
    b_width = std::max(b_width, shown(row.b).size());
  }
  std::map<std::string, std::size_t> parts;
  std::string out;
  for (const Difference& row : rows) {
    if (!is_result && ++parts[part_of(row.path)] > kShownPerPart) continue;
    std::string line =
        fmt::format("  {:<{}}  {:>{}}  {:>{}}  {}", row.path, path_width, shown(row.a), a_width,
                    shown(row.b), b_width, change_text(row, is_result, in_one_unit));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
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
                      const json::object& b) {
  const Scalars config_a = config_scalars(a), config_b = config_scalars(b);
  const Scalars result_a = result_scalars(a), result_b = result_scalars(b);
  const auto config = differences(config_a, config_b), result = differences(result_a, result_b);
  const json::object flat_a = flatten(a), flat_b = flatten(b);
  const bool in_one_unit = energies_of(flat_a) == energies_of(flat_b);
  std::string out = fmt::format("A: {}\nB: {}\n\n", name_a, name_b);
  out += config.empty() ? "configuration: equal\n"
                        : fmt::format("configuration: {} differences\n{}", config.size(),
                                      table(config, false, true));
  const std::size_t equal =
      result_a.size() -
      static_cast<std::size_t>(std::count_if(result.begin(), result.end(),
                                             [](const auto& row) { return row.a != nullptr; }));
  out += result.empty() ? "\nresult: equal\n"
                        : fmt::format(
                              "\nresult: {} values differ, {} are equal (A, B, B - A, "
                              "relative, times)\n{}",
                              result.size(), equal, table(result, true, in_one_unit));
  for (const std::string& note : price_notes({&flat_a, &flat_b})) out += "\nnote: " + note + "\n";
  return out;
}

}  // namespace bitjoule
