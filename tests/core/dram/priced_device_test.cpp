#include "core/dram/priced_device.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace bitjoule::priced_device_test {
namespace {

/// One chip of 16 banks, 16 bits wide: bursts of 32 bytes; row cycle 60 ns, refresh 200 ns.
struct Device {
  DramOrganization organization;
  DramTiming timing;
  Device() {
    organization.bank_groups = 4;
    organization.banks_per_group = 4;
    organization.channel_width = organization.device_width = 16;
    organization.burst_length = 16;
    timing.tCK = Femtoseconds(1'000'000);
    timing.values = {{"tRC", 60}, {"tRFC", 200}, {"tBURST", 2}};
  }
};

DramPrices list_of(double row_cycle, double refresh, double burst) {
  const auto time = [](double ns) { return Femtoseconds(static_cast<std::int64_t>(ns * 1e6)); };
  DramCurrents currents;
  currents.banks = 16;
  currents.burst = Bytes(32);
  currents.tRC = time(row_cycle);
  currents.tRFC = time(refresh);
  currents.tBURST = time(burst);
  DramPerCommand commands;
  commands.currents = currents;
  commands.origin.name = "list";
  return {commands};
}

std::string error_of(const DramPrices& prices) {
  const Device device;
  try {
    check_priced_device(prices, device.organization, device.timing, "mine", "energy");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("priced device: a list of another row cycle is of another standard") {
  CHECK(error_of(list_of(60, 200, 2)).empty());
  CHECK(error_of(list_of(61, 200, 2)).empty());  // rounded to clocks
  CHECK(error_of(list_of(48, 200, 2)) ==
        "energy.per_command.currents.tRC: expected 60 ns as the DRAM \"mine\" has them, got 48 ns: "
        "prices of another memory");
  CHECK(error_of({DramPerAccess{Bits(1), Picojoules(1), Picojoules(1), {}}}).empty());
}

TEST_CASE("priced device: currents of another rate or die are said") {
  const Device device;
  const auto notes = [&](const DramPrices& prices) {
    return device_notes(prices, device.timing, "mine");
  };
  CHECK(notes(list_of(60, 200, 2)).empty());
  CHECK(notes(list_of(60, 210, 2.1)).empty());
  CHECK(notes(list_of(60, 280, 2.5)) ==
        std::vector<std::string>{
            "mine: list has currents at tBURST 2.5 ns, the memory has 2 ns: bursts are taken to "
            "cost as much at its rate",
            "mine: list has currents at tRFC 280 ns, the memory has 200 ns: a refresh is priced as "
            "that of the list"});
  // A list that says that it is for this rate: not of a third one.
  DramPrices used = list_of(60, 200, 2.5);
  auto& currents = *std::get<DramPerCommand>(used.scheme).currents;
  currents.tBURST_used = Femtoseconds(2'000'000);
  CHECK(notes(used).empty());
  currents.tBURST_used = Femtoseconds(3'000'000);
  CHECK(notes(used).size() == 1);
  currents.tBURST = Femtoseconds(2'000'000);
  CHECK(notes(used) == std::vector<std::string>{"mine: list has currents at tBURST_used 3 ns, the "
                                                "memory has 2 ns: a list for another memory"});
}

}  // namespace bitjoule::priced_device_test
