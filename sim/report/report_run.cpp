// The page about one run.
#include <fmt/format.h>

#include "core/enums.h"
#include "sim/report/dram_text.h"
#include "sim/report/report_accuracy.h"
#include "sim/report/report_data.h"
#include "sim/report/report_parts.h"
#include "sim/report/verdict.h"
#include "sim/schema/describe_counts.h"
#include "sim/sweep/compare.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// "1.2 mJ to 3.4 mJ if every price is off by its factor"; empty where no price states one.
std::string bounds_text(const PointResult& run) {
  const std::optional<double> low = metric_of(run, "energy.low_pj"),
                              high = metric_of(run, "energy.high_pj");
  if (!low || !high || !(*high > *low)) return "";
  return fmt::format("{} to {} if every price is off by its factor",
                     metric_cell(run, "energy.low_pj").text,
                     metric_cell(run, "energy.high_pj").text);
}

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
  add("estimated: 95 % of times are within", "estimate.time_within", "", "");
  const bool ratios = energies_of(run.metrics).unit == PriceUnit::kMac;
  add("energy", "energy.total_pj", "", "");
  if (const std::string bounds = bounds_text(run); !bounds.empty()) cards.back().note = bounds;
  add("power", "power.average_w", "power.peak_w", "at most ");
  add("area, mm2", "area.total_mm2", "area.power_density_w_per_mm2",
      ratios ? "a second and mm2: " : "W/mm2: ");
  if (!metric_of(run, "area.total_mm2"))
    add("area of a part of the machine, mm2", "area.known_mm2", "area.unknown", "without ");
  add("images per second", "network.pass.images_per_s", "network.pass.joules_per_image",
      "energy per image: ");
  add("tokens per second", "network.pass.tokens_per_s", "network.pass.joules_per_token",
      "energy per token: ");
  add("tokens per second, decode", "network.decode.tokens_per_s", "network.decode.joules_per_token",
      "energy per token: ");
  add("time to the first token", "network.time_to_first_token_s", "network.prefill.tokens_per_s",
      "prompt tokens per second: ");
  add("read from DRAM", "dram.read_bytes", "dram.write_bytes", "written: ");
  add("bandwidth", "dram.bandwidth_bytes_per_s", "dram.peak_bytes_per_s", "of ");
  add("utilization", "utilization", "roofline.achieved_macs_per_s", "");
  add("bound by", "bound", "roofline.macs_per_byte", "MACs per byte: ");
  add("error of the output", "error.sqnr_db", "error.max_abs", "largest: ");
  return cards;
}

/// What the energies of a result are in.
PriceUnit price_unit(const json::object& result) {
  const json::value* unit = result.at("energy").as_object().if_contains("unit");
  return unit == nullptr ? PriceUnit::kPicojoule : energies_of({{"energy.unit", *unit}}).unit;
}

std::string prices_table(const json::object& result) {
  std::vector<std::vector<html::Cell>> rows;
  const PriceUnit unit = price_unit(result);
  for (const json::value& row : result.at("energy").at("prices").as_array()) {
    const auto text = [&](const char* key) { return std::string(row.at(key).as_string()); };
    const auto number = [&](const char* key) { return row.at(key).to_number<double>(); };
    const bool is_priced = text("price") != enum_name(PriceOrigin::kUnpriced);
    const auto cost = [&](const std::string& told, const char* key) {
      return is_priced ? html::Cell{told, number(key)} : html::Cell{"not priced", {}};
    };
    rows.push_back(
        {{text("component"), {}},
         {text("activity"), {}},
         {text("type"), {}},
         {metric_text("energy.prices[].count", number("count")), number("count")},
         cost(fmt::format("{:.4g} {}", number("unit_pj"), enum_name(unit)), "unit_pj"),
         cost(with_micro(metric_text("energy.prices[].energy_pj", number("energy_pj"), unit)),
              "energy_pj"),
         {text("price"), {}},
         {text("why"), {}}});
  }
  return html::table({"component", "activity", "type", "count", "each", "energy", "price", "why"},
                     rows);
}

/// A price of the DRAM as a result has it; empty: null, or of a version that had none.
std::optional<DramCost> dram_cost(const json::object& energy, const char* key) {
  const json::value* found = energy.if_contains(key);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  const json::object& from = found->as_object();
  const auto number = [&](const char* name, double otherwise) {
    const json::value* value = from.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<double>() : otherwise;
  };
  DramCost cost;
  cost.total = Picojoules(number("total_pj", 0));
  cost.dram = Picojoules(number("dram_pj", 0));
  cost.low = Picojoules(number("dram_low_pj", cost.dram.value));
  cost.high = Picojoules(number("dram_high_pj", cost.dram.value));
  if (const json::value* boundary = from.if_contains("boundary"))
    for (const EnumRow<Boundary>& row : enum_rows<Boundary>())
      if (boundary->as_string() == row.name) cost.boundary = row.value;
  if (const json::value* unpriced = from.if_contains("unpriced"))
    cost.unpriced = json::value_to<std::vector<std::string>>(*unpriced);
  return cost;
}

std::string note(const std::string& text) {
  return text.empty() ? "" : fmt::format("<p class=\"note\">{}</p>\n", html::escape(text));
}

/// What the text of a run says below its energy: whose prices of the DRAM count and what they lack,
/// what has no price, and what is summed that differs.
std::string energy_words(const json::object& result, const PointResult& run) {
  const json::object& energy = result.at("energy").as_object();
  EnergyReport report;
  report.by_table = dram_cost(energy, "by_table");
  report.by_device = dram_cost(energy, "by_device");
  report.unit = price_unit(result);
  report.dram = metric_cell(run, "dram.model").text;
  if (metric_cell(run, "energy.dram_prices").text == enum_name(DramPricing::kDevice))
    report.counted = DramPricing::kDevice;
  std::string out;
  if (report.by_table) out += note("DRAM prices: " + dram_prices_text(report));
  if (const std::string lacks = metric_cell(run, "energy.not_priced").text; !lacks.empty())
    out += note("Not priced, and in no sum: " + lacks);
  const auto add_notes = [&](const char* key, const char* what) {
    const json::value* part = result.if_contains(key);
    const json::value* notes = part == nullptr ? nullptr : part->as_object().if_contains("notes");
    if (notes == nullptr) return;
    for (const json::value& text : notes->as_array())
      out += note(what + std::string(text.as_string()));
  };
  add_notes("energy", "");
  add_notes("area", "Area: ");
  return out;
}

/// "m 1 x n 4096 x k 4096", "8 x (m 1 x n 512 x k 64)", or "rows x cols" of a vector operator.
std::string layer_shape(const json::object& layer) {
  const json::object& shape = layer.at("shape").as_object();
  const auto size = [&](const char* key) { return json::serialize(shape.at(key)); };
  if (shape.contains("rows")) return size("rows") + " x " + size("cols");
  const std::string product = fmt::format("m {} x n {} x k {}", size("m"), size("n"), size("k"));
  return size("groups") == "1" ? product : fmt::format("{} x ({})", size("groups"), product);
}

/// "int4 x fp16 to fp16": weights, activations and output.
std::string formats_text(const json::object& layer) {
  const json::value* found = layer.if_contains("formats");
  if (found == nullptr) return "";
  const json::object& formats = found->as_object();
  const auto name = [&](const char* key) { return std::string(formats.at(key).as_string()); };
  const std::string from = formats.contains("weights")
                               ? name("weights") + " x " + name("activations")
                               : name("activations");
  return from + " to " + name("output");
}

/// What a layer that repeats takes in all is what one takes, so often.
void repeat_metrics(json::object& metrics, double times) {
  static const std::vector<std::string> kSums = {
      "macs",          "time_s",           "energy.total_pj", "energy.components.",
      "energy.static", "dram.per_tensor.", "dram.read_bytes", "stalls."};
  for (auto& row : metrics)
    for (const std::string& sum : kSums)
      if (std::string(row.key()).rfind(sum, 0) == 0 && row.value().is_number())
        row.value() = row.value().to_number<double>() * times;
}

/// The layers, each with its repetitions.
std::vector<PointResult> layers_of(const json::object& result) {
  std::vector<PointResult> layers;
  const EnergyUnit energies = energies_of(flatten(result));
  for (const json::value& row : result.at("layers").as_array()) {
    const json::object& from = row.as_object();
    const auto repeat = from.at("repeat").to_number<std::int64_t>();
    PointResult layer;
    layer.labels = {std::string(from.at("name").as_string())};
    if (repeat > 1) layer.labels[0] += fmt::format(" (x{})", repeat);
    layer.status = PointStatus::kDone;
    layer.metrics = flatten(from);
    repeat_metrics(layer.metrics, static_cast<double>(repeat));
    layer.metrics["energy.unit"] = enum_name(energies.unit);
    layer.metrics["energy.table"] = energies.mac_of;
    layer.metrics["shape"] = layer_shape(from);
    layer.metrics["formats"] = formats_text(from);
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::string layers_table(const std::vector<PointResult>& layers) {
  const std::vector<std::string> metrics = {
      "shape",           "formats",     "repeat",          "macs",  "time_s",
      "energy.total_pj", "utilization", "dram.read_bytes", "bound", "error.sqnr_db"};
  std::vector<std::string> headings = {"layer"};
  for (const std::string& metric : metrics) headings.push_back(heading_of(metric));
  std::vector<std::vector<html::Cell>> rows;
  for (const PointResult& layer : layers) {
    rows.push_back({{layer.labels[0], {}}});
    for (const std::string& metric : metrics) rows.back().push_back(metric_cell(layer, metric));
  }
  return "<p class=\"note\">Sums over all repetitions of a layer.</p>" +
         html::table(headings, rows, true);
}

}  // namespace

std::string run_report(const std::string& file) {
  const json::object result = load_result(file);
  PointResult run;
  run.metrics = flatten(result);
  // A network that took the place of the run file's own is what was run.
  const std::string network = metric_cell(run, "network.name").text;
  run.labels = {network.empty() ? std::string(result.at("name").as_string()) : network};
  const std::vector<PointResult> layers = layers_of(result);
  std::vector<const PointResult*> all;
  for (const PointResult& layer : layers) all.push_back(&layer);
  const json::object data = report_data({"layers", {"layer"}, all}, {});
  std::string body =
      fmt::format("<h1>{}</h1>\n<p class=\"verdict\">{}</p>\n", html::escape(run.labels[0]),
                  html::escape(run_verdict(run, machine_name(result))));
  body += html::cards(run_cards(run)) + machine_section(result, run.metrics, "") +
          energy_words(result, run) + accuracy_section(run);
  body += chart_sections(data) + html::section("Layers", layers_table(layers));
  body += figures(file);
  body += html::section("Energy, action by action", prices_table(result));
  body += html::section(
      "Reproduce",
      reproduce(result, "Save the configuration and call <code>sim run</code> on it."));
  return html::page(run.labels[0], body, data);
}

}  // namespace bitjoule
