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
#include "core/mapping/components.h"
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
