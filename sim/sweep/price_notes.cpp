#include "sim/sweep/price_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "sim/result/result_fields.h"

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

/// Whose prices of the DRAM counted in a result, as a reader knows them.
struct Priced {
  std::string memory, list, boundary;
  bool by_table = true, has_time = false;
};

/// Empty: of a version that had one price.
std::vector<Priced> priced_memories(const std::vector<const json::object*>& results) {
  std::vector<Priced> all;
  for (const json::object* result : results) {
    const std::string whose = text_of(*result, "energy.dram_prices");
    if (whose.empty()) continue;
    const std::string path = fmt::format("energy.by_{}.", whose);
    Priced priced;
    priced.memory = text_of(*result, "dram.model");
    priced.list = text_of(*result, path + "list");
    priced.boundary = text_of(*result, path + "boundary");
    priced.by_table = whose == "table";
    priced.has_time = has_time(*result);
    all.push_back(std::move(priced));
  }
  return all;
}

/// By what a reader tells one price from others: the table, the memory, and where one of these has
/// several lists, the list.
std::string owner_of(const Priced& priced, const std::vector<Priced>& all) {
  const bool several = std::any_of(all.begin(), all.end(), [&](const Priced& other) {
    return other.by_table == priced.by_table && other.list != priced.list &&
           (priced.by_table || other.memory == priced.memory);
  });
  if (several && !priced.list.empty()) return priced.list;
  return priced.by_table ? "the table" : priced.memory;
}

void add_dram_notes(const std::vector<Priced>& all, Names& notes) {
  std::map<std::string, Names> by_table;    // memories that one list of energy tables prices
  std::map<std::string, Names> boundaries;  // of the prices that count: of whose
  Names with_time, without_time;            // prices that have standby and refresh, and that do not
  for (const Priced& priced : all) {
    const std::string owner = owner_of(priced, all);
    if (priced.by_table) add(by_table[priced.list], priced.memory);
    add(boundaries[priced.boundary], owner);
    if (priced.has_time)
      add(with_time, owner);
    else if (priced.boundary != "system")  // there it is in each bit
      add(without_time, owner);
  }
  for (const auto& [list, memories] : by_table)
    if (memories.size() > 1)
      notes.push_back(
          fmt::format("{} memories are compared by one price, the energy table's, which does not "
                      "tell them apart: {}; "
                      "dram_prices: device prices each by its own file",
                      memories.size(), fmt::join(memories, ", ")));
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
}

/// "a; b" as a list.
Names split(const std::string& text) {
  Names parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("; ", at), text.size());
    add(parts, text.substr(at, end - at));
    at = end + 2;
  }
  return parts;
}

constexpr std::size_t kListed = 6;

/// The first of them; where there are more, how many.
std::string listed(const Names& names, const char* rest) {
  const Names first(names.begin(),
                    names.begin() + static_cast<std::ptrdiff_t>(std::min(kListed, names.size())));
  std::string text = fmt::format("{}", fmt::join(first, ", "));
  if (names.size() > kListed) text += fmt::format(", and {} {}", names.size() - kListed, rest);
  return text;
}

/// That energies stand side by side of which one has what another lacks.
void add_unpriced_note(const std::vector<const json::object*>& results, Names& notes) {
  std::map<std::string, std::size_t> lacking;  // of how many results
  Names order;
  std::size_t told = 0;
  for (const json::object* result : results) {
    if (!result->contains("energy.table")) continue;
    ++told;
    for (const std::string& name : split(text_of(*result, "energy.not_priced"))) {
      add(order, name);
      ++lacking[name];
    }
  }
  Names differing;
  for (const std::string& name : order)
    if (lacking[name] < told)
      differing.push_back(fmt::format("{} (in {} of {})", name, lacking[name], told));
  if (!differing.empty())
    notes.push_back("what has no price counts as nothing, and differs: " +
                    listed(differing, "more, see energy.not_priced"));
}

/// What the energies' own notes say, but for what is said above of several tables.
void add_own_notes(const std::vector<const json::object*>& results, Names& notes) {
  Names own;
  for (const json::object* result : results)
    for (const std::string& note : split(text_of(*result, "energy.noted"))) add(own, note);
  for (std::size_t i = 0; i < std::min(kListed, own.size()); ++i) notes.push_back(own[i]);
  if (own.size() > kListed)
    notes.push_back(
        fmt::format("{} more notes on energies, see energy.noted", own.size() - kListed));
}

}  // namespace

Names price_notes(const std::vector<const json::object*>& results) {
  Names mixed;           // tables whose figures are of several technologies
  Names ratios, joules;  // tables of ratios, and of pJ
  for (const json::object* result : results) {
    const std::string table = text_of(*result, "energy.table");
    if (!table.empty()) add(energies_of(*result).unit == PriceUnit::kMac ? ratios : joules, table);
    const std::string node = text_of(*result, "energy.node");
    if (node.find('(') != std::string::npos) add(mixed, fmt::format("{}: {}", table, node));
  }
  Names notes;
  if (!mixed.empty())
    notes.push_back("figures of several technologies are summed: " +
                    fmt::format("{}", fmt::join(mixed, "; ")));
  if (ratios.size() > 1)
    notes.push_back(
        fmt::format("energies by {} are ratios of a MAC, each of its own, whose energies are not "
                    "known: of these there is no comparison",
                    fmt::join(ratios, ", ")));
  if (!ratios.empty() && !joules.empty())
    notes.push_back(
        fmt::format("energies by {} are ratios of a MAC, by {} joules: of both there is "
                    "no comparison",
                    fmt::join(ratios, ", "), fmt::join(joules, ", ")));
  add_dram_notes(priced_memories(results), notes);
  add_unpriced_note(results, notes);
  add_own_notes(results, notes);
  return notes;
}

Names unpriced_notes(const SweepResults& results, const Names& metrics, const char* what) {
  Names of_energy, lacking;
  for (const std::string& metric : metrics)
    if (is_of_energy(metric)) add(of_energy, metric);
  if (of_energy.empty()) return {};
  std::size_t points = 0;
  for (const PointResult& point : results.points) {
    if (point.status != PointStatus::kDone) continue;
    const Names names = split(text_of(point.metrics, "energy.not_priced"));
    points += names.empty() ? 0 : 1;
    for (const std::string& name : names) add(lacking, name);
  }
  if (lacking.empty()) return {};
  return {fmt::format("what has no price counts as nothing in {} ({}), in {} of {} points: {}",
                      fmt::join(of_energy, ", "), what, points, results.points.size(),
                      listed(lacking, "more, see energy.not_priced"))};
}

}  // namespace bitjoule
