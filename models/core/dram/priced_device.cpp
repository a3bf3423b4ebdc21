#include "core/dram/priced_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/dram/address_map.h"
#include "core/error.h"

namespace bitjoule {
namespace {

/// Roundings to clocks are within, other standards beyond: LPDDR5's tRC is 28 % above HBM2's.
constexpr double kWithin = 0.1;

double nanoseconds(Femtoseconds time) { return static_cast<double>(time.value) * 1e-6; }

/// A timing of the DRAM; empty: it has none of this name, or no clock.
std::optional<Femtoseconds> time_of(const DramTiming& timing, const char* name) {
  const auto clocks = timing.values.find(name);
  if (clocks == timing.values.end() || timing.tCK.value == 0) return std::nullopt;
  return Femtoseconds(clocks->second * timing.tCK.value);
}

bool differ(Femtoseconds a, Femtoseconds b) {
  const double of_a = nanoseconds(a), of_b = nanoseconds(b);
  return std::abs(of_a - of_b) > kWithin * std::max(of_a, of_b);
}

const DramCurrents* currents_of(const DramPrices& prices) {
  const auto* commands = std::get_if<DramPerCommand>(&prices.scheme);
  return commands == nullptr || !commands->currents ? nullptr : &*commands->currents;
}

}  // namespace

void check_priced_device(const DramPrices& prices, const DramOrganization& organization,
                         const DramTiming& timing, const std::string& name,
                         const std::string& where) {
  const DramCurrents* currents = currents_of(prices);
  if (currents == nullptr) return;
  const DramOrganization& o = organization;
  std::string problems;
  const auto add = [&](const char* key, const std::string& expected, const std::string& got) {
    problems += fmt::format(
        "{}{}.per_command.currents.{}: expected {} as the DRAM \"{}\" has them, got {}: prices of "
        "another memory",
        problems.empty() ? "" : "\n", where, key, expected, name, got);
  };
  const auto compare = [&](const char* key, std::int64_t expected, std::int64_t got) {
    if (expected != got) add(key, std::to_string(expected), std::to_string(got));
  };
  compare("devices", o.channel_width / o.device_width, currents->devices);
  compare("banks", o.bank_groups * o.banks_per_group, currents->banks);
  compare("burst", burst_bytes(o), currents->burst.value);
  if (const auto row_cycle = time_of(timing, "tRC"); row_cycle && differ(*row_cycle, currents->tRC))
    add("tRC", fmt::format("{:g} ns", nanoseconds(*row_cycle)),
        fmt::format("{:g} ns", nanoseconds(currents->tRC)));
  if (!problems.empty()) throw input_error(problems);
}

std::vector<std::string> device_notes(const DramPrices& prices, const DramTiming& timing,
                                      const std::string& name) {
  std::vector<std::string> notes;
  const DramCurrents* currents = currents_of(prices);
  if (currents == nullptr) return notes;
  std::string list = origin_of(prices).name;
  if (list.empty()) list = "its prices";
  const auto compare = [&](const char* key, std::optional<Femtoseconds> own, Femtoseconds measured,
                           const char* what) {
    if (own && differ(*own, measured))
      notes.push_back(fmt::format("{}: {} has currents at {} {:.4g} ns, the memory has {:.4g} ns{}",
                                  name, list, key, nanoseconds(measured), nanoseconds(*own), what));
  };
  const std::optional<Femtoseconds> burst = time_of(timing, "tBURST");
  if (!burst || !currents->tBURST_used || differ(*burst, *currents->tBURST_used))
    compare("tBURST", burst, currents->tBURST, ": bursts are taken to cost as much at its rate");
  if (burst && currents->tBURST_used && !differ(*burst, currents->tBURST))
    compare("tBURST_used", burst, *currents->tBURST_used, ": a list for another memory");
  compare("tRFC", time_of(timing, "tRFC"), currents->tRFC,
          ": a refresh is priced as that of the list");
  return notes;
}

}  // namespace bitjoule
