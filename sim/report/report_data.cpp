#include "sim/report/report_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "sim/config/units.h"
#include "sim/output/text.h"
#include "sim/report/chart_table.h"
#include "sim/report/report_parts.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// Six digits are more than a chart shows; null where there is none, or it is infinite.
json::value rounded(std::optional<double> value, double scale = 1) {
  if (!value || !std::isfinite(*value)) return nullptr;
  const std::string digits = fmt::format("{:.6g}", *value * scale);
  return std::strtod(digits.c_str(), nullptr);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The parts of a row: of the metrics named prefix + part + suffix, those of one part summed.
std::vector<std::pair<std::string, double>> parts_of(const json::object& metrics,
                                                     const StackRow& stack) {
  std::vector<std::pair<std::string, double>> parts;
  const std::string prefix = stack.prefix;
  for (const auto& row : metrics) {
    const std::string name(row.key());
    if (name.rfind(prefix, 0) != 0 || !row.value().is_number()) continue;
    for (const char* const suffix : stack.suffixes) {
      if (name.size() < prefix.size() + std::string(suffix).size() || !ends_with(name, suffix))
        continue;
      const std::string part =
          name.substr(prefix.size(), name.size() - prefix.size() - std::string(suffix).size());
      const auto known =
          std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == part; });
      const auto size = row.value().to_number<double>();
      if (known == parts.end())
        parts.emplace_back(part, size);
      else
        known->second += size;
    }
  }
  return parts;
}

/// One column of numbers per part that is not nothing in every row, in the order of charts.
json::array part_columns(const ReportRows& rows, const StackRow& stack,
                         const std::vector<char>& is_in, double scale) {
  std::map<std::string, std::vector<double>> columns;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (is_in[i] == 0) continue;
    for (const auto& [name, size] : parts_of(rows.rows[i]->metrics, stack)) {
      std::vector<double>& column = columns[name];
      column.resize(rows.rows.size());
      column[i] = size;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, column] : columns)
    if (std::any_of(column.begin(), column.end(), [](double size) { return size > 0; }))
      names.push_back(name);
  json::array parts;
  for (const std::string& name : in_order(std::move(names))) {
    const std::vector<double>& column = columns[name];
    json::array values;
    for (std::size_t i = 0; i < column.size(); ++i)
      values.push_back(is_in[i] == 0 ? json::value(nullptr) : rounded(column[i], scale));
    parts.push_back({{"name", name},
                     {"title", part_title(name)},
                     {"colour", part_colour(name)},
                     {"values", std::move(values)}});
  }
  return parts;
}

std::string total_text(const PointResult& row, const StackRow& stack) {
  double sum = 0;
  for (const auto& part : parts_of(row.metrics, stack)) sum += part.second;
  if (*stack.total == '\0') return with_micro(si(sum, "B"));
  if (metric_of(row, stack.total)) return metric_cell(row, stack.total).text;
  return sum > 0 ? "in part; the total is not known" : "";
}

/// Rows with a result whose energies are in one unit; all of these for what is no energy.
std::vector<char> rows_in(const ReportRows& rows, const EnergyUnit* unit) {
  std::vector<char> is_in;
  for (const PointResult* row : rows.rows)
    is_in.push_back(row->status == PointStatus::kDone &&
                            (unit == nullptr || energies_of(row->metrics) == *unit)
                        ? 1
                        : 0);
  return is_in;
}

/// What a chart in joules says of itself where the energies are ratios of a MAC instead.
struct Scaled {
  std::string unit, title_end, id_end;
  double scale = 1;
};
Scaled scaled(const char* unit, double scale, const EnergyUnit* energies, std::size_t number) {
  if (energies == nullptr || energies->unit == PriceUnit::kPicojoule)
    return {unit, "", number == 0 ? "" : fmt::format("-{}", number), scale};
  return {"MAC", ", in " + energies->text(), number == 0 ? "" : fmt::format("-{}", number), 1};
}

void add_stack(const ReportRows& rows, const StackRow& stack, const EnergyUnit* unit,
               std::size_t number, json::array& charts) {
  const Scaled in = scaled(stack.unit, stack.scale, unit, number);
  const std::vector<char> is_in = rows_in(rows, unit);
  json::array parts = part_columns(rows, stack, is_in, in.scale), texts;
  if (parts.empty() && !stack.always) return;
  for (std::size_t i = 0; i < rows.rows.size(); ++i)
    texts.emplace_back(is_in[i] == 0 ? "" : total_text(*rows.rows[i], stack));
  charts.push_back({{"id", stack.name + in.id_end},
                    {"kind", "stack"},
                    {"title", stack.title + in.title_end},
                    {"asks", stack.asks},
                    {"axis", stack.axis},
                    {"unit", in.unit},
                    {"shares", std::string(stack.name) == "stalls"},
                    {"texts", std::move(texts)},
                    {"parts", std::move(parts)}});
}

json::object measure(const ReportRows& rows, const MeasureRow& row, const EnergyUnit* unit,
                     const std::vector<char>& is_in) {
  const bool is_energy = is_of_energy(row.metric);
  const Scaled in = scaled(row.unit, row.scale, is_energy ? unit : nullptr, 0);
  json::array values;
  for (std::size_t i = 0; i < rows.rows.size(); ++i)
    values.push_back(is_in[i] == 0 ? json::value(nullptr)
                                   : rounded(metric_of(*rows.rows[i], row.metric), in.scale));
  return {{"axis", row.axis}, {"unit", in.unit}, {"hint", row.hint}, {"values", std::move(values)}};
}

std::size_t count_numbers(const json::object& axis) {
  const json::array& values = axis.at("values").as_array();
  return static_cast<std::size_t>(std::count_if(values.begin(), values.end(),
                                                [](const json::value& v) { return !v.is_null(); }));
}

/// Texts by their order of first mention.
json::array numbered(const json::array& texts) {
  std::vector<json::value> seen;
  json::array numbers;
  for (const json::value& text : texts) {
    const auto at = std::find(seen.begin(), seen.end(), text);
    numbers.emplace_back(static_cast<std::int64_t>(at - seen.begin()));
    if (at == seen.end()) seen.push_back(text);
  }
  return numbers;
}

/// What rounds nothing loses some 1e-12 nats to fp32, which would stretch an axis of divergences.
constexpr double kNoLoss = 1e-9;

/// Of the points that have both; those of the front by their places.
void add_pareto(const ReportRows& rows, const PointsFront& wanted, const EnergyUnit* unit,
                std::size_t number, json::array& charts) {
  const PointsRow& chart = *wanted.chart;
  const std::vector<const PointResult*>& front = wanted.points;
  const std::vector<char> is_in = rows_in(rows, unit);
  json::object x = measure(rows, chart.x, unit, is_in), y = measure(rows, chart.y, unit, is_in);
  if (chart.y.metric == std::string(accuracy_chart().y.metric))
    for (json::value& loss : y["values"].as_array())
      if (loss.is_number() && loss.to_number<double>() < kNoLoss) loss = nullptr;
  json::array places, workloads;  // a front each
  std::size_t both = 0;
  for (const PointResult* row : rows.rows) {
    const json::value* workload = row->metrics.if_contains("workload");
    workloads.push_back(workload == nullptr ? json::value("") : *workload);
  }
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (x["values"].as_array()[i].is_null() || y["values"].as_array()[i].is_null()) continue;
    ++both;
    if (std::find(front.begin(), front.end(), rows.rows[i]) != front.end()) places.emplace_back(i);
  }
  if (both == 0) return;
  const Scaled in = scaled(chart.x.unit, 1, unit, number);
  charts.push_back({{"id", chart.name + in.id_end},
                    {"kind", "points"},
                    {"title", chart.title + in.title_end},
                    {"asks", chart.asks},
                    {"x", std::move(x)},
                    {"y", std::move(y)},
                    {"workloads", numbered(workloads)},
                    {"front", std::move(places)}});
}

void add_roofline(const ReportRows& rows, json::array& charts) {
  const PointsRow& chart = roofline_chart();
  const std::vector<char> all = rows_in(rows, nullptr);
  json::object x = measure(rows, chart.x, nullptr, all), y = measure(rows, chart.y, nullptr, all);
  if (count_numbers(x) == 0 || count_numbers(y) == 0) return;
  json::array peaks, bandwidths;
  for (const PointResult* row : rows.rows) {
    peaks.push_back(rounded(metric_of(*row, "roofline.peak_macs_per_s")));
    bandwidths.push_back(rounded(metric_of(*row, "dram.peak_bytes_per_s")));
  }
  charts.push_back({{"id", chart.name},
                    {"kind", "roofline"},
                    {"title", chart.title},
                    {"asks", chart.asks},
                    {"x", std::move(x)},
                    {"y", std::move(y)},
                    {"peaks", std::move(peaks)},
                    {"bandwidths", std::move(bandwidths)}});
}

json::array columns_of(const ReportRows& rows, json::array& cells) {
  json::array columns;
  cells.resize(rows.rows.size());
  for (json::value& cell : cells) cell = json::array();
  for (std::size_t c = 0; c < rows.columns.size(); ++c) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const std::string& label = rows.rows[i]->labels[c];
      const auto at =
          static_cast<std::size_t>(std::find(values.begin(), values.end(), label) - values.begin());
      if (at == values.size()) values.push_back(label);
      cells[i].as_array().emplace_back(at);
    }
    json::array titles, numbers;
    bool are_numbers = values.size() > 1;
    for (const std::string& value : values) {
      titles.emplace_back(short_label(value));
      const std::optional<double> number = number_of(value);
      are_numbers = are_numbers && number.has_value();
      numbers.push_back(rounded(number));
    }
    columns.push_back({{"title", column_title(rows.columns[c])},
                       {"values", std::move(titles)},
                       {"numbers", are_numbers ? json::value(std::move(numbers)) : nullptr}});
  }
  return columns;
}

/// The place of each row's baseline among the rows; null where it has none.
json::array baseline_places(const ReportRows& rows) {
  json::array places;
  for (const PointResult* base : rows.baselines) {
    const auto at = std::find(rows.rows.begin(), rows.rows.end(), base);
    places.push_back(at == rows.rows.end() ? json::value(nullptr)
                                           : json::value(at - rows.rows.begin()));
  }
  return places;
}

/// Along axes of numbers with three values at least; the page chooses axis and measure.
void add_lines(const ReportRows& rows, const json::array& columns, const EnergyUnit* unit,
               json::array& charts) {
  json::array along;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const json::value& numbers = columns[c].at("numbers");
    if (numbers.is_array() && numbers.as_array().size() > 2) along.emplace_back(c);
  }
  if (along.empty()) return;
  const std::vector<char> is_in = rows_in(rows, unit);
  json::array measures;
  for (const MeasureRow& row : line_charts()) {
    json::object one = measure(rows, row, unit, is_in);
    if (count_numbers(one) > 0) measures.push_back(std::move(one));
  }
  charts.push_back({{"id", "lines"},
                    {"kind", "lines"},
                    {"title", "Along an axis"},
                    {"asks", "What does more of it bring?"},
                    {"along", std::move(along)},
                    {"measures", std::move(measures)}});
}

}  // namespace

json::object report_data(const ReportRows& rows, const std::vector<PointsFront>& fronts) {
  json::array cells, labels, charts;
  json::array columns = columns_of(rows, cells);
  for (const PointResult* row : rows.rows) labels.emplace_back(point_label(*row));
  const std::vector<EnergyUnit> units = energy_units(rows.rows);
  const EnergyUnit* const first = units.empty() ? nullptr : &units.front();
  if (rows.what == "points") add_lines(rows, columns, first, charts);
  for (const StackRow& stack : stack_charts()) {
    if (!is_of_energy(stack.total) || units.size() < 2)
      add_stack(rows, stack, is_of_energy(stack.total) ? first : nullptr, 0, charts);
    else
      for (std::size_t u = 0; u < units.size(); ++u)
        add_stack(rows, stack, &units[u], u + 1, charts);
  }
  add_roofline(rows, charts);
  for (std::size_t u = 0; u < units.size(); ++u)
    for (const PointsFront& front : fronts)
      add_pareto(rows, front, &units[u], units.size() < 2 ? 0 : u + 1, charts);
  return {{"what", rows.what},           {"columns", std::move(columns)},
          {"labels", std::move(labels)}, {"cells", std::move(cells)},
          {"baseline", rows.baseline},   {"baselines", baseline_places(rows)},
          {"charts", std::move(charts)}};
}

std::vector<ChartPlace> chart_places(const json::object& data) {
  std::vector<ChartPlace> places;
  for (const json::value& chart : data.at("charts").as_array()) {
    const auto text = [&](const char* key) { return std::string(chart.at(key).as_string()); };
    places.push_back({text("id"), text("title"), text("asks")});
  }
  return places;
}

}  // namespace bitjoule
