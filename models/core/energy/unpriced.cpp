#include "core/energy/unpriced.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/energy/price_array.h"
#include "core/energy/price_dram.h"

namespace bitjoule {
namespace {

void add_once(std::string name, std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

bool starts_with(const std::string& text, const char* beginning) {
  return text.rfind(beginning, 0) == 0;
}

/// "refresh of VDD1" of "refresh_bank of VDD1".
std::string dram_kind(const std::string& activity) {
  if (const std::size_t of = activity.find(" of "); of != std::string::npos)
    return dram_kind(activity.substr(0, of)) + activity.substr(of);
  if (activity == "read" || activity == "write") return "data lines";
  if (starts_with(activity, "background")) return "standby";
  if (starts_with(activity, "refresh")) return "refresh";
  if (activity == "activate" || activity == "read_burst" || activity == "write_burst")
    return "commands";
  return activity;
}

bool is_leakage(Primitive primitive) {
  return primitive == Primitive::kSramLeakage || primitive == Primitive::kLeakage;
}

/// "leakage of array (fp16)", "leakage of weight_buffer".
std::string leakage_name(const Action& action) {
  const bool is_mac = action.primitive == Primitive::kLeakage && action.type != "lane";
  return "leakage of " + action.component + (is_mac ? " (" + action.type + ")" : "");
}

}  // namespace

std::string unpriced_name(const PricedAction& action) {
  const Action& a = action.action;
  if (is_array_move(a.primitive)) return a.component;
  return a.component + "." + (is_dram(a.primitive) ? dram_kind(a.activity) : a.activity);
}

std::vector<std::string> dram_kinds(const std::vector<std::string>& activities) {
  std::vector<std::string> kinds;
  for (const std::string& activity : activities) add_once(dram_kind(activity), kinds);
  return kinds;
}

std::vector<std::string> unpriced_names(const EnergyReport& report) {
  std::vector<std::string> names, leaking;
  bool has_priced_leakage = false;
  for (const PricedAction& row : report.actions) {
    const bool is_unpriced = row.unit.origin == PriceOrigin::kUnpriced;
    if (row.action.count == 0) continue;
    if (is_leakage(row.action.primitive)) {
      has_priced_leakage = has_priced_leakage || !is_unpriced;
      if (is_unpriced) add_once(leakage_name(row.action), leaking);
    } else if (is_unpriced) {
      add_once(unpriced_name(row), names);
    } else if (!row.unit.lacks.empty()) {
      add_once(fmt::format("{} of {}", unpriced_name(row), row.unit.lacks), names);
    }
  }
  if (!leaking.empty() && !has_priced_leakage) leaking = {"leakage"};
  names.insert(names.end(), leaking.begin(), leaking.end());
  return names;
}

}  // namespace bitjoule
