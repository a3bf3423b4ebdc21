// The one table of components against the copy of its looks that figures in Python read.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "core/dram/actions.h"
#include "core/energy/price_dram.h"
#include "core/machine/stalls.h"
#include "core/mapping/components.h"
#include "sim/report/chart_table.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::component_looks_test {
namespace {

using namespace test;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\\' ? "\\\\" : std::string(1, c);
  return out;
}

std::string python_text() {
  std::string text =
      "\"\"\"The machine's components. Written from models/core/mapping/components.cpp by "
      "sim_tests\n"
      "with BITJOULE_UPDATE_DOCS=1.\"\"\"\n\n# title, colour, hatch\nCOMPONENTS = {\n";
  for (const ComponentRow& row : machine_components())
    text += fmt::format("    \"{}\": (\"{}\", \"{}\", \"{}\"),\n", row.name, row.title, row.colour,
                        escaped(row.hatch));
  text += "}\n\n# colour, hatch: of a DRAM that is priced by commands and states\nDRAM_PARTS = {\n";
  for (const DramPartRow& row : dram_parts())
    text +=
        fmt::format("    \"{}\": (\"{}\", \"{}\"),\n", row.name, row.colour, escaped(row.hatch));
  return text + "}\n";
}

TEST_CASE("components: plotting/components.py (BITJOULE_UPDATE_DOCS=1 writes it)") {
  const std::string file = source_dir() + "/python/bitjoule/plotting/components.py";
  if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr) std::ofstream(file) << python_text();
  CHECK(text_of(file) == python_text());
}

std::string python_quoted(const std::string& text) { return "\"" + escaped(text) + "\""; }

std::string measure_text(const MeasureRow& row) {
  return fmt::format("(\"{}\", \"{}\", \"{}\", {:g}, \"{}\")", row.metric, row.axis, row.unit,
                     row.scale, row.hint);
}

std::string charts_text() {
  std::string text =
      "\"\"\"What each chart shows. Written from sim/report/chart_table.cpp by sim_tests\n"
      "with BITJOULE_UPDATE_DOCS=1.\"\"\"\n\nfrom collections import namedtuple\n\n"
      "# `scale`: of a metric's value in the unit; `prefix`, `suffixes`: of the metrics of the "
      "parts\n"
      "Stack = namedtuple(\"Stack\", \"title asks axis unit scale prefix suffixes total\")\n"
      "Measure = namedtuple(\"Measure\", \"metric axis unit scale hint\")\n"
      "Points = namedtuple(\"Points\", \"title asks x y\")\n\nSTACKS = {\n";
  for (const StackRow& row : stack_charts()) {
    std::string suffixes;
    for (const char* const suffix : row.suffixes) suffixes += python_quoted(suffix) + ", ";
    text += fmt::format(
        "    \"{}\": Stack(\n        \"{}\",\n        \"{}\",\n        \"{}\",\n        \"{}\",\n"
        "        {:g},\n        \"{}\",\n        ({}),\n        \"{}\",\n    ),\n",
        row.name, row.title, row.asks, row.axis, row.unit, row.scale, row.prefix,
        row.suffixes.size() == 1 ? suffixes.substr(0, suffixes.size() - 1)
                                 : suffixes.substr(0, suffixes.size() - 2),
        row.total);
  }
  text += "}\nPOINTS = {\n";
  for (const PointsRow* row :
       {&pareto_chart(), &accuracy_chart(), &weights_chart(), &roofline_chart()})
    text += fmt::format(
        "    \"{}\": Points(\n        \"{}\",\n        \"{}\",\n        Measure{},\n        "
        "Measure{},\n    ),\n",
        row->name, row->title, row->asks, measure_text(row->x), measure_text(row->y));
  text += "}\nLINES = [\n";
  for (const MeasureRow& row : line_charts()) text += "    Measure" + measure_text(row) + ",\n";
  text +=
      "]\n\n# colour, hatch: of causes of time, tensors, and what else is no component\nPARTS = "
      "{\n";
  for (const PartRow& row : part_looks())
    text +=
        fmt::format("    \"{}\": (\"{}\", \"{}\"),\n", row.name, row.colour, escaped(row.hatch));
  return text + "}\n";
}

TEST_CASE("components: plotting/charts.py (BITJOULE_UPDATE_DOCS=1 writes it)") {
  const std::string file = source_dir() + "/python/bitjoule/plotting/charts.py";
  if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr) std::ofstream(file) << charts_text();
  CHECK(text_of(file) == charts_text());
}

TEST_CASE("components: every cause of time and every tensor has a look of its own") {
  std::set<std::string> names;
  for (const PartRow& row : part_looks()) CHECK(names.insert(row.name).second);
  for (std::size_t i = 0; i < kCauses; ++i) {
    const std::string name = cause_name(static_cast<Cause>(i));
    CAPTURE(name);
    CHECK(names.count(name) == 1);
  }
}

TEST_CASE("components: no two look alike") {
  std::set<std::pair<std::string, std::string>> looks;
  std::set<std::string> titles;
  for (const ComponentRow& row : machine_components()) {
    CAPTURE(row.name);
    CHECK(looks.insert({row.colour, row.hatch}).second);
    CHECK(titles.insert(row.title).second);
  }
  // Reports in HTML have no hatches.
  std::set<std::string> colours;
  for (const ComponentRow& row : machine_components()) colours.insert(row.colour);
  for (const DramPartRow& row : dram_parts()) {
    CAPTURE(row.name);
    CHECK((colours.insert(row.colour).second || std::string(row.name) == "dram_read_burst"));
    CHECK((looks.insert({row.colour, row.hatch}).second ||
           std::string(row.name) == "dram_read_burst"));  // of "dram", in whose place it stands
  }
}

TEST_CASE("components: every part that the DRAM's energy may have has a look") {
  DramStats stats;
  stats.ranks = 1;
  Counts counts;
  append_dram_bits(stats, &counts);
  append_dram_commands(stats, &counts);
  EnergyTable table;
  table.dram.scheme = DramPerCommand{};
  for (const Action& action : counts) {
    const std::string part = priced_component(action, table);
    CAPTURE(part);
    CHECK(std::any_of(dram_parts().begin(), dram_parts().end(),
                      [&](const DramPartRow& row) { return row.name == part; }));
  }
}

}  // namespace
}  // namespace bitjoule::component_looks_test
