#include "sim/sweep/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "sim/config/units.h"
#include "sim/config/writer.h"
#include "sim/report/text.h"
#include "sim/sweep/compare.h"
#include "sim/sweep/html/machine.h"
#include "sim/sweep/html/page.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/results.h"
#include "sim/sweep/store.h"
#include "sim/sweep/table.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kShownBars = 60;

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
};

const std::vector<Stack>& stacks() {
  static const std::vector<Stack> kStacks = {
      {"Energy by component", "energy.components.", {""}, "energy.total_pj", false},
      {"DRAM traffic by tensor", "dram.per_tensor.", {".read_bytes", ".write_bytes"}, "", false},
      {"Time by cause", "stalls.", {""}, "time_s", true}};
  return kStacks;
}

std::string stack_sections(const std::vector<const PointResult*>& points, std::size_t all) {
  std::string out;
  for (const Stack& stack : stacks()) {
    std::vector<html::Bar> bars;
    for (const PointResult* point : points) {
      std::string label;
      for (const std::string& one : point->labels) label += (label.empty() ? "" : ", ") + one;
      html::Bar bar = bar_of(label, point->metrics, stack.prefix, stack.suffixes);
      double sum = 0;
      for (const auto& part : bar.parts) sum += part.second;
      const std::optional<double> total = metric_of(*point, stack.total);
      bar.total = *stack.total == '\0' ? si(sum, "B")
                  : total              ? metric_text(stack.total, *total)
                                       : "";
      bars.push_back(std::move(bar));
    }
    const std::string note =
        all > points.size()
            ? fmt::format("<p class=\"note\">The first {} of {} points.</p>", points.size(), all)
            : "";
    out += html::section(stack.heading, note + html::stacked_bars(bars, stack.shares));
  }
  return out;
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

/// plots/*.svg as images, which can neither run scripts nor load anything.
std::string figures(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory + "/plots", error))
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
  std::string out =
      fmt::format("<p>bitjoule {}, configuration {}. {}</p>\n", version(),
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
    return {metric_text(metric, *value), *value};
  const json::value* other = point.metrics.if_contains(metric);
  if (other == nullptr) return {"", std::nullopt};
  return {other->is_string() ? std::string(other->as_string()) : json::serialize(*other),
          std::nullopt};
}

// ---- a run

std::vector<html::Card> run_cards(const PointResult& run) {
  std::vector<html::Card> cards;
  const auto add = [&](const char* heading, const char* metric, const char* note_metric,
                       const char* note) {
    const html::Cell cell = metric_cell(run, metric);
    if (cell.text.empty()) return;
    const std::string more = *note_metric == '\0' ? "" : metric_cell(run, note_metric).text;
    cards.push_back({heading, cell.text, more.empty() ? "" : note + more});
  };
  add("time", "time_s", "cycles", "cycles: ");
  add("energy", "energy.total_pj", "", "");
  add("read from DRAM", "dram.read_bytes", "dram.write_bytes", "written: ");
  add("bandwidth", "dram.bandwidth_bytes_per_s", "dram.peak_bytes_per_s", "of ");
  add("utilization", "utilization", "roofline.achieved_macs_per_s", "");
  add("bound by", "roofline.bound", "roofline.macs_per_byte", "MACs per byte: ");
  add("error of the output", "error.sqnr_db", "error.max_abs", "largest: ");
  return cards;
}

std::string prices_table(const json::object& result) {
  std::vector<std::vector<html::Cell>> rows;
  for (const json::value& row : result.at("energy").at("prices").as_array()) {
    const auto text = [&](const char* key) { return std::string(row.at(key).as_string()); };
    const auto number = [&](const char* key) { return row.at(key).to_number<double>(); };
    rows.push_back({{text("component"), {}},
                    {text("activity"), {}},
                    {text("type"), {}},
                    {metric_text("count", number("count")), number("count")},
                    {fmt::format("{:.4g} pJ", number("unit_pj")), number("unit_pj")},
                    {metric_text("energy_pj", number("energy_pj")), number("energy_pj")},
                    {text("price"), {}},
                    {text("why"), {}}});
  }
  return html::table({"component", "activity", "type", "count", "each", "energy", "price", "why"},
                     rows);
}

std::vector<PointResult> layers_of(const json::object& result) {
  std::vector<PointResult> layers;
  for (const json::value& row : result.at("layers").as_array()) {
    PointResult layer;
    layer.labels = {std::string(row.at("name").as_string())};
    layer.status = PointStatus::kDone;
    layer.metrics = flatten(row.as_object());
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::string layers_table(const std::vector<PointResult>& layers) {
  const std::vector<std::string> metrics = {"repeat",          "macs",         "time_s",
                                            "energy.total_pj", "utilization",  "dram.read_bytes",
                                            "roofline.bound",  "error.sqnr_db"};
  std::vector<std::string> headings = {"layer"};
  headings.insert(headings.end(), metrics.begin(), metrics.end());
  std::vector<std::vector<html::Cell>> rows;
  for (const PointResult& layer : layers) {
    rows.push_back({{layer.labels[0], {}}});
    for (const std::string& metric : metrics) rows.back().push_back(metric_cell(layer, metric));
  }
  return html::table(headings, rows);
}

std::string run_report(const std::string& directory) {
  const json::object result = load_result(directory);
  PointResult run;
  run.labels = {std::string(result.at("name").as_string())};
  run.metrics = flatten(result);
  const std::vector<PointResult> layers = layers_of(result);
  std::vector<const PointResult*> shown;
  for (const PointResult& layer : layers)
    if (shown.size() < kShownBars) shown.push_back(&layer);
  std::string body = fmt::format("<h1>{}</h1>\n", html::escape(run.labels[0]));
  body += html::cards(run_cards(run)) + machine_section(result);
  body += stack_sections(shown, layers.size());
  body += html::section("Layers", layers_table(layers));
  body += figures(directory);
  body += html::section("Energy, action by action", prices_table(result));
  body += html::section(
      "Reproduce",
      reproduce(result, "Save the configuration and call <code>sim run</code> on it."));
  return html::page(run.labels[0], body);
}

// ---- a sweep

/// Of each metric with a baseline: the point that is best against its own.
std::vector<html::Card> headline_cards(const SweepResults& results,
                                       const std::vector<std::string>& metrics) {
  std::vector<html::Card> cards;
  for (const std::string& metric : metrics) {
    const PointResult* best = nullptr;
    double most = 1;
    for (const PointResult& point : results.points) {
      const PointResult* base = baseline_of(results, point);
      if (base == nullptr || base == &point) continue;
      const std::optional<double> value = metric_of(point, metric),
                                  other = metric_of(*base, metric);
      if (!value || !other || !(*value > 0) || !(*other > 0)) continue;
      const double gain = more_is_better(metric) ? *value / *other : *other / *value;
      if (gain <= most) continue;
      most = gain;
      best = &point;
    }
    if (best == nullptr || metric.find("_db") != std::string::npos) continue;
    cards.push_back(
        {metric, fmt::format("{:.3g} times {}", most, more_is_better(metric) ? "more" : "less"),
         fmt::format("{} at {}", metric_cell(*best, metric).text, fmt::join(best->labels, ", "))});
  }
  return cards;
}

std::string pareto_section(const SweepResults& results) {
  const std::vector<std::string> metrics = {"energy.total_pj", "error.sqnr_db"};
  const std::vector<const PointResult*> front = pareto_front(results, metrics);
  std::vector<html::Dot> dots;
  for (const PointResult& point : results.points) {
    const auto energy = metric_of(point, metrics[0]), sqnr = metric_of(point, metrics[1]);
    if (!energy || !sqnr || !(*energy > 0) || *sqnr - *sqnr != 0) continue;
    dots.push_back({fmt::format("{}", fmt::join(point.labels, ", ")), *energy * 1e-6, *sqnr,
                    std::find(front.begin(), front.end(), &point) != front.end()});
  }
  if (dots.empty()) return "";
  return html::section(
      "Energy against error",
      html::scatter("energy, µJ (less is better)", "SQNR of the output, dB (more is better)",
                    dots) +
          "<p class=\"note\">Filled: the Pareto front, which no point beats in both.</p>");
}

std::string points_table(const SweepResults& results, const std::vector<std::string>& metrics) {
  std::vector<std::string> headings = results.columns;
  std::vector<std::vector<html::Cell>> rows;
  for (const std::string& metric : metrics) {
    headings.push_back(metric);
    if (!results.baseline.empty()) headings.push_back("× baseline");
  }
  headings.emplace_back("failed");
  for (const PointResult& point : results.points) {
    std::vector<html::Cell> row;
    for (const std::string& label : point.labels) row.push_back({label, parse_real(label)});
    const PointResult* base = baseline_of(results, point);
    for (const std::string& metric : metrics) {
      row.push_back(metric_cell(point, metric));
      if (results.baseline.empty()) continue;
      const auto value = metric_of(point, metric);
      const auto other = base == nullptr ? std::nullopt : metric_of(*base, metric);
      const bool is_ratio = value && other && *other > 0 && *value - *value == 0;
      row.push_back(is_ratio ? html::Cell{fmt::format("{:.3g}", *value / *other), *value / *other}
                             : html::Cell{"", {}});
    }
    row.push_back({point.message, {}});
    rows.push_back(std::move(row));
  }
  return html::table(headings, rows);
}

/// The stored result of a point, whose configuration the report shows.
std::optional<json::object> stored_result(const SweepResults& results, const PointResult& point,
                                          const std::string& directory) {
  const ResultStore store((fs::path(directory) / results.store).string());
  std::optional<StoredPoint> stored = store.find(point.hash);
  if (!stored || !stored->failure.empty()) return std::nullopt;
  return std::move(stored->result);
}

std::string sweep_report(const std::string& directory) {
  const std::string file = directory + "/results.json";
  const SweepResults results = read_results(file, read_text_file(file));
  const std::vector<std::string> metrics = table_metrics(results);
  std::vector<const PointResult*> done, shown;
  for (const PointResult& point : results.points)
    if (point.status == PointStatus::kDone) done.push_back(&point);
  shown.assign(done.begin(),
               done.begin() + static_cast<std::ptrdiff_t>(std::min(done.size(), kShownBars)));
  std::string body = fmt::format("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
                                 html::escape(results.name), html::escape(results.question));
  if (const auto cards = headline_cards(results, metrics); !cards.empty()) {
    std::string base;
    for (const auto& [column, labels] : results.baseline)
      base += fmt::format("{}{}: {}", base.empty() ? "" : ", ", column, fmt::join(labels, " or "));
    body +=
        html::section("At best, against the baseline",
                      fmt::format("<p class=\"note\">{}, all else equal.</p>", html::escape(base)) +
                          html::cards(cards));
  }
  body += html::section(fmt::format("{} points", results.points.size()),
                        points_table(results, metrics));
  std::string how;
  if (!done.empty()) {
    const PointResult* first = baseline_of(results, *done[0]);
    if (first == nullptr) first = done[0];
    body += stack_sections(shown, done.size()) + pareto_section(results) + figures(directory);
    if (const auto result = stored_result(results, *first, directory)) {
      const std::string name = fmt::format("{}", fmt::join(first->labels, ", "));
      body += machine_section(*result);
      body += html::section(
          "Reproduce",
          reproduce(*result, fmt::format("The machine and the configuration shown are those of {}; "
                                         "the other points differ by the columns of the table.",
                                         html::escape(name))));
    }
  }
  return html::page(results.name, body);
}

}  // namespace

std::string report_html(const std::string& directory) {
  try {
    if (fs::exists(directory + "/results.json")) return sweep_report(directory);
    if (fs::exists(directory + "/result.json")) return run_report(directory);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {  // a key that is not there
    throw input_error(fmt::format("{}: not results of this program: {}", directory, e.what()));
  }
  throw input_error(
      fmt::format("{}: neither result.json (a run) nor results.json (a sweep)", directory));
}

}  // namespace bitjoule
