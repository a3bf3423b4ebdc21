#include "sim/sweep/price_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

namespace bitjoule {
namespace {

namespace json = boost::json;

using Names = std::vector<std::string>;

std::string text_of(const json::object& result, const std::string& key) {
  const json::value* value = result.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

/// Whether what the DRAM costs grows with time.
bool has_time(const json::object& result) {
  return std::any_of(result.begin(), result.end(), [](const auto& value) {
    const std::string_view key = value.key();
    return key.rfind("energy.components.dram_background", 0) == 0 ||
           key.rfind("energy.components.dram_refresh", 0) == 0;
  });
}

void add(Names& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

Names price_notes(const std::vector<const json::object*>& results) {
  Names by_table;                           // memories that the energy table prices
  std::map<std::string, Names> boundaries;  // of the prices that count: of whose
  Names mixed;                              // tables whose figures are of several technologies
  Names ratios, joules;                     // tables of ratios, and of pJ
  Names with_time, without_time;            // memories whose own prices have standby and refresh
  for (const json::object* result : results) {
    const std::string table = text_of(*result, "energy.table");
    if (!table.empty()) add(text_of(*result, "energy.unit") == "MAC" ? ratios : joules, table);
    const std::string node = text_of(*result, "energy.node");
    if (node.find('(') != std::string::npos) add(mixed, fmt::format("{}: {}", table, node));
    const std::string memory = text_of(*result, "dram.model");
    const std::string prices = text_of(*result, "energy.dram_prices");
    if (prices.empty()) continue;  // of a version that had none
    const bool is_table = prices == "table";
    if (is_table) add(by_table, memory);
    if (!is_table) add(has_time(*result) ? with_time : without_time, memory);
    add(boundaries[text_of(*result, fmt::format("energy.by_{}.boundary", prices))],
        is_table ? "the table" : memory);
  }
  Names notes;
  if (!mixed.empty())
    notes.push_back("figures of several technologies are summed: " +
                    fmt::format("{}", fmt::join(mixed, "; ")));
  if (!ratios.empty() && !joules.empty())
    notes.push_back(
        fmt::format("energies by {} are ratios of a MAC, by {} joules: of both there is "
                    "no comparison",
                    fmt::join(ratios, ", "), fmt::join(joules, ", ")));
  if (by_table.size() > 1)
    notes.push_back(
        fmt::format("{} memories are compared by one price, the energy table's, which does not "
                    "tell them apart: {}; "
                    "dram_prices: device prices each by its own file",
                    by_table.size(), fmt::join(by_table, ", ")));
  if (boundaries.size() > 1) {
    std::string list;
    for (const auto& [boundary, names] : boundaries)
      list += fmt::format("{}{} ({})", list.empty() ? "" : "; ", boundary, fmt::join(names, ", "));
    notes.push_back("prices of the DRAM include different things: " + list);
  }
  if (!with_time.empty() && !without_time.empty())
    notes.push_back(
        fmt::format("{} {} no standby and no refresh: that energy does not depend on time or "
                    "channels, that of {} does",
                    fmt::join(without_time, ", "), without_time.size() == 1 ? "has" : "have",
                    fmt::join(with_time, ", ")));
  return notes;
}

}  // namespace bitjoule
