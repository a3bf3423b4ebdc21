#include "sim/report/report_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "sim/config/units.h"
#include "sim/config/writer.h"
#include "sim/output/text_file.h"
#include "sim/report/html/machine.h"
#include "sim/report/report_data.h"
#include "sim/sweep/store.h"
#include "sim/sweep/table.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string base64(const std::string& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned triple = 0;
    for (std::size_t j = 0; j < 3; ++j)
      triple = triple << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : kDigits[triple >> (18 - 6 * j) & 63];
  }
  return out;
}

}  // namespace

std::string heading_of(const std::string& metric) {
  static const std::vector<std::string> kUnits = {"_bytes_per_s", "_macs_per_s", "_pj", "_bytes",
                                                  "_db",          "_s",          "_hz"};
  std::string text = metric;
  for (const char* const of : {"tokens", "images"})  // rates of what has no unit
    if (const std::string rate = std::string(of) + "_per_s";
        text.size() > rate.size() &&
        text.compare(text.size() - rate.size(), rate.size(), rate) == 0)
      text += "econd";
  for (const std::string& unit : kUnits)
    if (text.size() > unit.size() &&
        text.compare(text.size() - unit.size(), unit.size(), unit) == 0) {
      text.resize(text.size() - unit.size());
      break;
    }
  for (char& c : text)
    if (c == '.' || c == '_') c = ' ';
  return html::readable(text);
}

std::string short_label(const std::string& label) {
  const std::string ending = ".yaml";
  if (label.size() <= ending.size() ||
      label.compare(label.size() - ending.size(), ending.size(), ending) != 0)
    return label;
  return fs::path(label).stem().string();
}

std::string point_label(const PointResult& point) {
  std::string all;
  for (const std::string& label : point.labels)
    all += (all.empty() ? "" : ", ") + short_label(label);
  return all;
}

std::string column_title(const std::string& column) {
  const std::size_t last = column.rfind('.');
  const std::size_t before =
      last == std::string::npos || last == 0 ? std::string::npos : column.rfind('.', last - 1);
  std::string text = before == std::string::npos ? column : column.substr(before + 1);
  std::replace(text.begin(), text.end(), '.', ' ');
  return html::readable(text);
}

std::optional<double> number_of(const std::string& label) {
  if (const std::optional<double> number = parse_real(label)) return number;
  for (const UnitTable* table : unit_tables())
    if (const auto amount = parse_quantity(label, *table)) return static_cast<double>(*amount);
  return std::nullopt;
}

std::string with_micro(std::string text) {
  const std::size_t at = text.find(" u");
  return at == std::string::npos ? text : text.replace(at, 2, " \u00b5");
}

std::string chart_sections(const json::object& data) {
  std::string out;
  for (const ChartPlace& place : chart_places(data))
    out += html::chart(place.id, place.title, place.asks);
  return out;
}

/// plots/*.svg as images, which can neither run scripts nor load anything.
std::string figures(const std::string& results) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(results).replace_filename("plots"), error))
    if (entry.path().extension() == ".svg") files.push_back(entry.path());
  if (files.empty()) return "";
  std::sort(files.begin(), files.end());
  std::string out = "<div class=\"figures\">\n";
  for (const fs::path& file : files)
    out += fmt::format("<img alt=\"{}\" src=\"data:image/svg+xml;base64,{}\">\n",
                       html::escape(file.stem().string()), base64(read_text_file(file.string())));
  return html::section("Figures", out + "</div>\n");
}

std::string reproduce(const json::object& result, const std::string& how) {
  std::string out = fmt::format(
      "<p>bitjoule {}, configuration {}. {}</p>\n", html::escape(build_text(result.at("program"))),
      html::escape(std::string(result.at("config_hash").as_string())), how);
  return out + html::details("resolved configuration",
                             "<pre>" + html::escape(json_text(result.at("config"))) + "</pre>");
}

std::string machine_name(const json::object& result) {
  if (const json::value* accelerator = result.at("config").as_object().if_contains("accelerator"))
    if (const json::value* own = accelerator->as_object().if_contains("name"))
      return std::string(own->as_string());
  return "";
}

std::string machine_section(const json::object& result, const json::object& metrics,
                            const std::string& of) {
  const std::string name = machine_name(result);
  const std::string note =
      of.empty() ? "" : fmt::format("<p class=\"note\">For {}.</p>\n", html::escape(of));
  return html::section(name.empty() ? "The machine at work" : "The machine at work: " + name,
                       note + html::machine_svg(result.at("config"), metrics));
}

html::Cell metric_cell(const PointResult& point, const std::string& metric) {
  if (const std::optional<double> value = metric_of(point, metric))
    return {with_micro(metric_text(metric, *value, energies_of(point.metrics).unit)), *value};
  const json::value* other = point.metrics.if_contains(metric);
  if (other == nullptr) return {"", std::nullopt};
  return {other->is_string() ? std::string(other->as_string()) : json::serialize(*other),
          std::nullopt};
}

}  // namespace bitjoule
