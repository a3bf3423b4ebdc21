// Energies in joules and in ratios of a MAC are told apart wherever they stand, and what they lack
// is named.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/output.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/price_notes.h"
#include "sim/sweep/table.h"
#include "support/shell.h"

namespace bitjoule::test::energy_units_test {
namespace {

namespace json = boost::json;

PointResult point(const std::string& label, json::object metrics) {
  PointResult result;
  result.labels = {label};
  result.status = PointStatus::kDone;
  result.metrics = std::move(metrics);
  return result;
}

SweepResults results_of(std::vector<PointResult> points) {
  SweepResults results;
  results.columns = {"table"};
  results.points = std::move(points);
  results.points_in_sweep = results.points.size();
  return results;
}

/// 5 pJ in 4 ms, 7 in 2 ms; 1 MAC in 3 ms, 2 in 8 ms.
SweepResults both_units() {
  const auto priced = [](const char* label, double energy, double seconds, const char* unit) {
    return point(label, {{"energy.table", unit},
                         {"energy.unit", unit},
                         {"energy.total_pj", energy},
                         {"power.average_w", energy},
                         {"power.tops_per_w", 1 / energy},
                         {"time_s", seconds}});
  };
  return results_of({priced("a", 5, 4e-3, "pJ"), priced("b", 7, 2e-3, "pJ"),
                     priced("c", 1, 3e-3, "MAC"), priced("d", 2, 8e-3, "MAC")});
}

std::string front_of(const SweepResults& results, const std::vector<std::string>& metrics) {
  std::string names;
  for (const PointResult* p : pareto_front(results, metrics)) names += p->labels[0];
  return names;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A run's text, its result and its page.
struct Told {
  std::string text, html;
  json::object result;
};

Told told(const TemporaryDirectory& dir, const std::string& sets) {
  const std::string file =
      write_file(dir, "run.yaml",
                 "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 8, n: 64, k: 64}}\nvalues: off\n"
                 "precision: {weights: int8, activations: int8}\n");
  const Outcome run = shell("{sim} run " + file + " -o " + dir.at("out") + " " + sets);
  CAPTURE(run.text);
  REQUIRE(run.code == 0);
  return {run.text, shell("{sim} report " + dir.at("out")).text,
          json::parse(text_of(dir.at("out/result.json"))).as_object()};
}

}  // namespace

TEST_CASE("energy units: which metrics follow from energies") {
  for (const char* metric :
       {"energy.total_pj", "energy.components.array", "energy.static.array",
        "energy.by_table.dram_pj", "power.average_w", "power.peak_w", "power.tops_per_w",
        "area.power_density_w_per_mm2", "network.pass.joules_per_token"}) {
    CAPTURE(metric);
    CHECK(is_of_energy(metric));
  }
  for (const char* metric :
       {"time_s", "area.total_mm2", "area.tops_per_mm2", "macs", "error.sqnr_db"})
    CHECK(!is_of_energy(metric));
}

TEST_CASE("energy units: ratios of a MAC are printed as MACs, never as joules") {
  CHECK(metric_text("energy.total_pj", 2.5e9) == "2.5 mJ");
  CHECK(metric_text("energy.total_pj", 2.5e9, PriceUnit::kMac) == "2.5 GMAC");
  CHECK(metric_text("energy.static.array", 2.5e9) == "2.5 mJ");
  CHECK(metric_text("power.average_w", 2.5e-3, PriceUnit::kMac) == "2.5 GMAC/s");
  CHECK(metric_text("network.pass.joules_per_token", 2e-9, PriceUnit::kMac) == "2 kMAC");
  CHECK(metric_text("power.tops_per_w", 0.25, PriceUnit::kMac) == "0.25 op/MAC");
  CHECK(metric_text("time_s", 2.5e-3, PriceUnit::kMac) == "2.5 ms");
  SweepResults results = both_units();
  results.metrics = {"energy.total_pj", "power.average_w"};
  results.baseline = {{"table", {"a"}}};
  const std::string text = summary_text(results, {});
  CAPTURE(text);
  CHECK(has(text, "7 pJ (1.40 times more)"));
  CHECK(has(text, "1 MAC"));
  CHECK(!has(text, "1 MAC ("));  // five joules and one MAC have no ratio
}

TEST_CASE("energy units: points are ranked within one unit, by whatever follows from energies") {
  const SweepResults results = both_units();
  CHECK(front_of(results, {"time_s"}) == "b");
  for (const char* metric : {"energy.total_pj", "power.average_w", "power.tops_per_w"}) {
    CAPTURE(metric);
    // In joules a takes least; in MACs c.
    CHECK(front_of(results, {metric}) == "ac");
    CHECK(front_of(results, {metric, "time_s"}) == "abc");
  }
  const std::string text = summary_text(results, {"power.tops_per_w"});
  CHECK(
      has(text,
          "Note: energies in 2 units, points are ranked within each alone: joules; MACs of MAC."));
  CHECK(!has(summary_text(results, {"time_s"}), "ranked within each"));
}

TEST_CASE("energy units: ratios of two tables' MACs are no more comparable than with joules") {
  const auto priced = [](const char* label, const char* table, double energy) {
    return point(label, {{"energy.table", table},
                         {"energy.unit", "MAC"},
                         {"energy.total_pj", energy},
                         {"energy.components.array", energy},
                         {"error.sqnr_db", 30.0}});
  };
  SweepResults results =
      results_of({priced("a", "one", 5), priced("b", "one", 7), priced("c", "two", 1)});
  CHECK(front_of(results, {"energy.total_pj"}) == "ac");
  CHECK(!is_comparable("energy.total_pj", results.points[0], results.points[2]));
  CHECK(is_comparable("energy.total_pj", results.points[0], results.points[1]));
  results.baseline = {{"table", {"a"}}};
  const std::string text = summary_text(results, {"energy.total_pj"});
  CAPTURE(text);
  CHECK(has(text, "7 MAC (1.40 times more)"));
  CHECK(!has(text, "1 MAC ("));
  CHECK(has(text,
            "energies in 2 units, points are ranked within each alone: MACs of one; MACs of two"));
  CHECK(notes_of(results) ==
        std::vector<std::string>{"energies by one, two are ratios of a MAC, each of its own, whose "
                                 "energies are not known: of these there is no comparison"});
  // One alone has nothing to be told of.
  CHECK(notes_of(results_of({priced("a", "one", 5), priced("b", "one", 7)})).empty());
}

TEST_CASE("energy units: runs by two ratio tables are neither diffed nor drawn as in one unit") {
  const TemporaryDirectory dir;
  const std::string other =
      write_file(dir, "other.yaml", "base: eyeriss-65nm.yaml\nname: other-65nm\n");
  const std::string file =
      write_file(dir, "run.yaml",
                 "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 8, n: 64, k: 64}}\nvalues: off\n"
                 "precision: {weights: int8, activations: int8}\n");
  for (const std::string& table : {std::string("eyeriss-65nm.yaml"), other}) {
    const char* const place = table == other ? "b" : "a";
    REQUIRE(shell(fmt::format("{{sim}} run {} -q -o {} --set energy={} --set layer.gemm.m={}", file,
                              dir.at(place), table, table == other ? 9 : 8))
                .code == 0);
  }
  const std::string text = shell("{sim} diff " + dir.at("a") + " " + dir.at("b")).text;
  CAPTURE(text);
  const std::size_t total = text.find("energy.total_pj");
  REQUIRE(total != std::string::npos);
  CHECK(has(text.substr(total, text.find('\n', total) - total), "in another unit"));
  CHECK(
      has(text, "note: energies by eyeriss-65nm, other-65nm are ratios of a MAC, each of its own"));
  const std::string sweep = write_file(dir, "sweep.yaml",
                                       "base: run.yaml\naxes:\n  - {path: energy, values: "
                                       "[eyeriss-65nm.yaml, " +
                                           other + "]}\n");
  REQUIRE(shell("{sim} sweep " + sweep + " -o " + dir.at("s")).code == 0);
  const std::string html = shell("{sim} report " + dir.at("s")).text;
  CHECK(has(html, "Energy by component, in MACs of eyeriss-65nm"));
  CHECK(has(html, "Energy by component, in MACs of other-65nm"));
}

TEST_CASE("energy units: an area in part is neither ranked, held to a constraint nor compared") {
  const auto machine = [](const char* label, double known, double array, const char* unknown) {
    json::object metrics = {{"area.known_mm2", known},
                            {"area.components.array", array},
                            {"area.components.weight_buffer", 0.5}};
    if (*unknown != '\0')
      metrics["area.unknown"] = unknown;
    else
      metrics["area.total_mm2"] = known;
    return point(label, metrics);
  };
  SweepResults results =
      results_of({machine("whole", 3, 2, ""),
                  machine("part", 1, 0.5, "array, 4 x fp8_e4m3 MAC; vector_unit, 8 x lane")});
  CHECK(front_of(results, {"area.known_mm2"}) == "whole");
  CHECK(front_of(results, {"area.components.array"}) == "whole");
  CHECK(front_of(results, {"area.components.weight_buffer"}) == "wholepart");
  results.constraints = {"area.known_mm2 <= 2"};
  CHECK(broken_constraints(results, results.points[0]) == "area.known_mm2 <= 2");
  CHECK(broken_constraints(results, results.points[1]) == "area.known_mm2 <= 2, not known");
  results.constraints = {"area.components.array <= 1"};
  CHECK(broken_constraints(results, results.points[1]) == "area.components.array <= 1, not known");
  results.constraints = {"area.components.weight_buffer <= 1"};
  CHECK(broken_constraints(results, results.points[1]).empty());
  results.constraints.clear();
  results.metrics = {"area.known_mm2"};
  results.baseline = {{"table", {"whole"}}};
  const std::string text = summary_text(results, {"area.known_mm2"});
  CAPTURE(text);
  CHECK(!has(text, "times less"));
  CHECK(has(text,
            "1 of 2 points are left out, as they have no area.known_mm2 of the whole machine: "
            "no figure of array"));
}

TEST_CASE("energy units: a diff of a machine with unknown parts tells no difference of areas") {
  const TemporaryDirectory dir;
  const std::string file =
      write_file(dir, "run.yaml",
                 "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 8, n: 64, k: 64}}\nvalues: off\n"
                 "energy: chip-45nm.yaml\nprecision: {weights: int8, activations: int8}\n");
  for (const std::string part : {"a --set accelerator.array.rows=8", "b"})
    REQUIRE(shell("{sim} run " + file + " -q -o " + dir.at(part)).code == 0);
  json::object b = json::parse(text_of(dir.at("b/result.json"))).as_object();
  b["area"].as_object()["total_mm2"] = nullptr;
  b["area"].as_object()["unknown"] = "array, 1024 x fp8_e4m3 MAC";
  write_file(dir, "b/result.json", json::serialize(b));
  const std::string text = shell("{sim} diff " + dir.at("a") + " " + dir.at("b")).text;
  CAPTURE(text);
  const auto line = [&](const char* metric) {
    const std::size_t at = text.find(metric);
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
  };
  CHECK(has(line("area.known_mm2"), "of a part of the machine"));
  CHECK(has(line("area.components.array"), "of a part of the machine"));
}

TEST_CASE("energy units: no constraint on joules is kept by ratios of a MAC") {
  SweepResults results = both_units();
  results.constraints = {"energy.total_pj <= 6"};
  CHECK(broken_constraints(results, results.points[0]).empty());
  CHECK(broken_constraints(results, results.points[2]) ==
        "energy.total_pj <= 6, not known: energies are in ratios of a MAC");
}

TEST_CASE("energy units: what has no price is named where points are compared, bound or ranked") {
  const auto lacking = [](const char* label, const char* names) {
    json::object metrics = {{"energy.table", "t"}, {"energy.total_pj", 1.0}};
    if (*names != '\0') metrics["energy.not_priced"] = names;
    return point(label, metrics);
  };
  SweepResults results =
      results_of({lacking("int8", "dram.phy"), lacking("fp16", "dram.phy; leakage of array (fp16)"),
                  lacking("int4", "dram.phy")});
  CHECK(notes_of(results) ==
        std::vector<std::string>{"what has no price counts as nothing, and differs: leakage of "
                                 "array (fp16) (in 1 of 3)"});
  CHECK(unpriced_notes(results) ==
        std::vector<std::string>{"what has no price counts as nothing in energy.total_pj (the "
                                 "table), in 3 of 3 points: dram.phy, leakage of array (fp16)"});
  results.metrics = {"time_s"};
  CHECK(unpriced_notes(results).empty());
  results.constraints = {"energy.total_pj <= 6"};
  CHECK(unpriced_notes(results) ==
        std::vector<std::string>{
            "what has no price counts as nothing in energy.total_pj (table and constraints), in 3 "
            "of 3 points: dram.phy, leakage of array (fp16)"});
  CHECK(has(summary_text(results, {"energy.total_pj"}),
            "Note: what has no price counts as nothing in energy.total_pj (the front), in 3 of 3 "
            "points"));
  CHECK(has(results_csv(results), "energy.not_priced"));
  const SweepResults whole = results_of({lacking("a", ""), lacking("b", "")});
  CHECK(notes_of(whole).empty());
  CHECK(!has(summary_text(whole, {"energy.total_pj"}), "no price"));
}

TEST_CASE("energy units: notes of single runs reach a sweep, each once") {
  const auto noted = [](const char* label, const char* notes) {
    return point(label, {{"energy.table", "t"}, {"energy.noted", notes}});
  };
  CHECK(notes_of(results_of({noted("a", "x; y"), noted("b", "y; z")})) ==
        std::vector<std::string>{"x", "y", "z"});
}

TEST_CASE("energy units: several lists of prices for one memory are told by their names") {
  const auto priced = [](const char* label, const char* list, bool has_time) {
    json::object metrics = {{"dram.model", "hbm"},
                            {"energy.dram_prices", "device"},
                            {"energy.by_device.list", list},
                            {"energy.by_device.boundary", "device"}};
    if (has_time) metrics["energy.components.dram_background_open"] = 1.0;
    return point(label, metrics);
  };
  CHECK(notes_of(results_of({priced("a", "bits", false), priced("b", "commands", true)})) ==
        std::vector<std::string>{"bits has no standby and no refresh: that energy does not depend "
                                 "on time or channels, that of commands does"});
  // Of the energy table, as well.
  const auto table = [](const char* label, const char* list, bool has_time) {
    json::object metrics = {{"dram.model", "hbm"},
                            {"energy.dram_prices", "table"},
                            {"energy.by_table.list", list},
                            {"energy.by_table.boundary", "device"}};
    if (has_time) metrics["energy.components.dram_background_open"] = 1.0;
    return point(label, metrics);
  };
  CHECK(notes_of(results_of({table("a", "bits", false), table("b", "commands", true)})).front() ==
        "bits has no standby and no refresh: that energy does not depend on time or channels, that "
        "of commands does");
}

TEST_CASE("energy units: text and page of a run by ratios have no joules and no watts") {
  const TemporaryDirectory dir;
  const Told eyeriss = told(dir, "--set energy=eyeriss-65nm.yaml");
  for (const std::string& text :
       {eyeriss.text, eyeriss.html.substr(0, eyeriss.html.find("<h2>Reproduce"))}) {
    CAPTURE(text);
    CHECK(has(text, "MAC/s"));
    for (const char* unit : {" uJ", " mJ", " nJ", " J<", "\u00b5J", " W<", " mW", " W on average"})
      CHECK(!has(text, unit));
  }
  CHECK(has(eyeriss.text, "MAC on average") == false);
  CHECK(has(eyeriss.text, "MAC/s on average"));
  CHECK(has(eyeriss.html, "ratios of a MAC in the place of pJ"));
  CHECK(has(text_of(dir.at("out/layers.csv")), ",energy_mac,"));
  const Outcome priced = shell("{sim} price " + dir.at("out") + " --energy eyeriss-65nm.yaml");
  CHECK(!has(priced.text, "nJ"));
  CHECK(!has(priced.text, "uJ"));
}

TEST_CASE("energy units: the page of a run says what its text says of the energy") {
  const TemporaryDirectory dir;
  const Told run = told(dir,
                        "--set energy=chip-45nm.yaml --set dram_prices=device --set "
                        "energy.sram=cacti7-22nm-lop.yaml");
  CHECK(has(run.text, "own"));
  CHECK(has(run.text, "without phy) count"));
  CHECK(has(run.html, "without phy) count"));
  CHECK(has(run.html, "if every price is off by its factor"));
  CHECK(has(run.html, "Not priced, and in no sum: "));
  CHECK(has(run.html, "leakage of vector_unit"));
  const json::array& notes = run.result.at("energy").at("notes").as_array();
  REQUIRE(!notes.empty());  // memories of 22 nm
  for (const json::value& note : notes) CHECK(has(run.html, std::string(note.as_string())));
  CHECK(run.result.at("energy").at("not_priced").as_string().find("dram.phy") !=
        json::string::npos);
}

TEST_CASE("energy units: a price per bit of the interface alone is told to lack the rest") {
  const TemporaryDirectory dir;
  const Told run = told(dir, "--set dram=lpddr5-6400.yaml");
  CHECK(has(run.text, "(io, without phy, commands, standby) count"));
  CHECK(has(run.html, "(io, without phy, commands, standby) count"));
}

TEST_CASE("result fields: every map has a row for what is in it, with its unit") {
  for (const char* path : {"energy.static.array", "energy.components.array",
                           "energy.by_device.dram_parts.dram_activate", "area.components.array"}) {
    CAPTURE(path);
    CHECK(!unit_of(path).empty());
  }
}

}  // namespace bitjoule::test::energy_units_test
