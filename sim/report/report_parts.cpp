#include "sim/report/report_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

#include "sim/config/writer.h"
#include "sim/output/text.h"
#include "sim/output/text_file.h"
#include "sim/report/html/machine.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/store.h"
#include "sim/sweep/table.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kShownBars = 60;

/// "26.7 us" as a page says it.
std::string with_micro(std::string text) {
  const std::size_t at = text.find(" u");
  return at == std::string::npos ? text : text.replace(at, 2, " \u00b5");
}

/// A bar from the metrics whose names are prefix + part + suffix.
html::Bar bar_of(const std::string& label, const json::object& metrics, const std::string& prefix,
                 const std::vector<std::string>& suffixes) {
  html::Bar bar{label, {}, ""};
  for (const auto& row : metrics) {
    const std::string name(row.key());
    if (name.rfind(prefix, 0) != 0 || !row.value().is_number()) continue;
    const double size = row.value().to_number<double>();
    for (const std::string& suffix : suffixes) {
      if (name.size() < prefix.size() + suffix.size() ||
          name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
        continue;
      const std::string part =
          name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
      const auto known = std::find_if(bar.parts.begin(), bar.parts.end(),
                                      [&](const auto& p) { return p.first == part; });
      if (known == bar.parts.end())
        bar.parts.emplace_back(part, size);
      else
        known->second += size;
    }
  }
  return bar;
}

/// One stack of bars per question, for any number of labelled results.
struct Stack {
  const char* heading;
  const char* prefix;
  std::vector<std::string> suffixes;
  const char* total;  ///< metric shown beside the bar; of traffic: the parts' sum, in bytes
  bool shares;
  bool always = true;  ///< also where nothing has a part
};

const std::vector<Stack>& stacks() {
  static const std::vector<Stack> kStacks = {
      {"Energy by component", "energy.components.", {""}, "energy.total_pj", false},
      {"Of it leakage and standby", "energy.static.", {""}, "energy.static_pj", false, false},
      {"DRAM traffic by tensor", "dram.per_tensor.", {".read_bytes", ".write_bytes"}, "", false},
      {"Time by cause", "stalls.", {""}, "time_s", true}};
  return kStacks;
}

/// Keeps kShownBars of them, in their order; of equal ones the first.
void keep_bars(std::vector<html::Bar>& bars, const std::vector<double>& sizes, Shown shown) {
  std::vector<std::size_t> kept(bars.size());
  std::iota(kept.begin(), kept.end(), 0U);
  if (shown == Shown::kLargest)
    std::stable_sort(kept.begin(), kept.end(),
                     [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  kept.resize(kShownBars);
  std::sort(kept.begin(), kept.end());
  std::vector<html::Bar> result;
  for (const std::size_t i : kept) result.push_back(std::move(bars[i]));
  bars = std::move(result);
}

/// Points with energies in one unit.
std::vector<const PointResult*> in_unit(const std::vector<const PointResult*>& points,
                                        const EnergyUnit& unit) {
  std::vector<const PointResult*> some;
  for (const PointResult* point : points)
    if (energies_of(point->metrics) == unit) some.push_back(point);
  return some;
}

std::string stack_section(const Stack& stack, const std::vector<const PointResult*>& points,
                          const char* what, Shown shown) {
  const std::vector<EnergyUnit> units = energy_units(points);
  if (is_of_energy(stack.total) && units.size() > 1) {
    std::string sections;
    for (const EnergyUnit& unit : units)
      sections += stack_section(stack, in_unit(points, unit), what, shown);
    return sections;
  }
  std::vector<html::Bar> bars;
  std::vector<double> sizes;
  bool is_empty = true;
  for (const PointResult* point : points) {
    html::Bar bar = bar_of(point_label(*point), point->metrics, stack.prefix, stack.suffixes);
    double sum = 0;
    for (const auto& part : bar.parts) sum += part.second;
    is_empty = is_empty && sum <= 0;
    const std::optional<double> total = metric_of(*point, stack.total);
    bar.total =
        with_micro(*stack.total == '\0' ? si(sum, "B")
                   : total   ? metric_text(stack.total, *total, energies_of(point->metrics).unit)
                   : sum > 0 ? "in part; the total is not known"
                             : "");
    sizes.push_back(total.value_or(sum));
    bars.push_back(std::move(bar));
  }
  if (is_empty && !stack.always) return "";
  const std::size_t all = bars.size();
  if (all > kShownBars) keep_bars(bars, sizes, shown);
  const std::string note =
      all > bars.size() ? fmt::format("<p class=\"note\">The {} {} of {} {}{}.</p>",
                                      shown == Shown::kFirst ? "first" : "largest", bars.size(),
                                      all, what, shown == Shown::kFirst ? "" : ", in their order")
                        : "";
  std::string heading = stack.heading;
  if (is_of_energy(stack.total) && !units.empty() && units.front().unit == PriceUnit::kMac)
    heading += ", in " + units.front().text();
  return html::section(heading, note + html::stacked_bars(bars, stack.shares));
}

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

std::string stack_sections(const std::vector<const PointResult*>& points, const char* what,
                           Shown shown) {
  std::string out;
  for (const Stack& stack : stacks()) out += stack_section(stack, points, what, shown);
  return out;
}

std::string area_section(const std::vector<const PointResult*>& points) {
  static const Stack kArea = {
      "Area by component, mm2", "area.components.", {""}, "area.total_mm2", false, false};
  return stack_section(kArea, points, "points", Shown::kFirst);
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

std::string machine_section(const json::object& result) {
  const json::value& config = result.at("config");
  std::string name = "The machine";
  if (const json::value* accelerator = config.as_object().if_contains("accelerator"))
    if (const json::value* own = accelerator->as_object().if_contains("name"))
      name += ": " + std::string(own->as_string());
  return html::section(name, html::machine_svg(config));
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
