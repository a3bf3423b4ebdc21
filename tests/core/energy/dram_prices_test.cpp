// Formulas of DRAM prices against numbers by hand: mA x V x ns = pJ. Currents are those of parts;
// figures in nJ at the right are what the literature's tools make of them.
#include "core/energy/dram_prices.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/energy/price.h"
#include "core/energy/unpriced.h"
#include "core/error.h"

namespace bitjoule::dram_prices_test {
namespace {

Femtoseconds ns(double value) { return Femtoseconds(std::llround(value * 1e6)); }

DramSupply supply(const char* name, double volts, std::vector<double> ma) {
  DramSupply s;
  s.name = name;
  s.volts = volts;
  s.idd0 = ma[0], s.idd2n = ma[1], s.idd3n = ma[2], s.idd4r = ma[3], s.idd4w = ma[4];
  s.idd5b = ma[5], s.idd2p = ma[6];
  return s;
}

/// Eight DDR4-2400 x8 chips at 0.833 ns: 55, 39, 16, 4 and 433 clocks.
DramPerCommand ddr4_2400() {
  DramCurrents c;
  c.devices = 8;
  c.banks = 16;
  c.burst = Bytes(64);
  c.tRC = ns(55 * 0.833);
  c.tRAS = ns(39 * 0.833);
  c.tRP = ns(16 * 0.833);
  c.tBURST = ns(4 * 0.833);
  c.tRFC = ns(433 * 0.833);
  c.supplies = {supply("VDD", 1.2, {48, 34, 43, 135, 123, 250, 25}),
                supply("VPP", 2.5, {3, 3, 3, 3, 3, 3, 3})};
  DramPerCommand p;
  p.currents = c;
  p.from.source = "a data sheet";
  return p;
}

double price_of(const DramPerCommand& prices, Primitive primitive, const char* type = "") {
  Action action;
  action.primitive = primitive;
  action.type = type;
  const std::optional<DramPrice> price = command_price(prices, action);
  REQUIRE(price);
  return price->energy.value;
}

/// Milliwatts: pJ per ns, of a price per picosecond.
double power_of(const DramPerCommand& prices, Primitive state) {
  return 1000 * price_of(prices, state);
}

doctest::Approx about(double value) { return doctest::Approx(value).epsilon(1e-9); }

}  // namespace

TEST_CASE("dram prices: DDR4-2400's commands as DRAMPower and DRAMsim3 have them") {
  const DramPerCommand p = ddr4_2400();
  // 8 x 1.2 V x (48 x 55 - 43 x 39 - 34 x 16 = 419) mA clocks x 0.833 ns: 3.35 nJ. VPP adds
  // 8 x 2.5 V x 3 mA x (55 - 39 - 16) = 0.
  const double activate = price_of(p, Primitive::kDramActivate);
  CHECK(activate == about(9.6 * 419 * 0.833));
  CHECK(activate == doctest::Approx(3350).epsilon(0.005));
  // 8 x 1.2 V x (135 - 43) mA x 3.332 ns: 2.943 nJ; (123 - 43): 2.559 nJ.
  const double read = price_of(p, Primitive::kDramReadBurst);
  CHECK(read == about(9.6 * 92 * 3.332));
  CHECK(read == doctest::Approx(2943).epsilon(0.005));
  const double write = price_of(p, Primitive::kDramWriteBurst);
  CHECK(write == about(9.6 * 80 * 3.332));
  CHECK(write == doctest::Approx(2560).epsilon(0.005));
  // 8 x 1.2 V x (250 - 43) mA x 360.689 ns: 716.8 nJ.
  const double refresh = price_of(p, Primitive::kDramRefresh);
  CHECK(refresh == about(9.6 * 207 * 360.689));
  CHECK(refresh == doctest::Approx(716800).epsilon(0.005));
}

TEST_CASE("dram prices: standby by state, every supply of it") {
  const DramPerCommand p = ddr4_2400();
  // 8 x (1.2 V x 43 mA + 2.5 V x 3 mA) = 412.8 + 60 mW; 34 mA: 326.4 + 60; 25 mA: 240 + 60.
  CHECK(power_of(p, Primitive::kDramOpen) == about(412.8 + 60));
  CHECK(power_of(p, Primitive::kDramClosed) == about(326.4 + 60));
  CHECK(power_of(p, Primitive::kDramPowerDown) == about(240 + 60));
  // REF's price is what it draws beyond IDD3N, so its time costs IDD3N: together IDD5B.
  CHECK(power_of(p, Primitive::kDramRefreshing) == about(412.8 + 60));
  CHECK(price_of(p, Primitive::kDramRefresh) / 360.689 + power_of(p, Primitive::kDramRefreshing) ==
        about(8 * (1.2 * 250 + 2.5 * 3)));
  CHECK(price_of(p, Primitive::kDramOpenBanks) == 0);  // within the time with a bank open
}

TEST_CASE("dram prices: with IDD3N of all banks open, activate and background change together") {
  DramPerCommand p = ddr4_2400();
  p.currents->standby = DramStandby::kPerBank;
  // 34 + (43 - 34) / 16 = 34.5625 mA while the one bank is open:
  // 9.6 x (2640 - 34.5625 x 39 - 544 = 748.0625) x 0.833 = 5.98 nJ.
  CHECK(price_of(p, Primitive::kDramActivate) == about(9.6 * 748.0625 * 0.833));
  CHECK(price_of(p, Primitive::kDramActivate) == doctest::Approx(5984).epsilon(0.005));
  CHECK(power_of(p, Primitive::kDramOpen) == about(326.4 + 60));
  CHECK(power_of(p, Primitive::kDramOpenBanks) == about(9.6 * 9 / 16));  // each bank, VPP none
  // One bank open: 331.8 mW + VPP.
  CHECK(power_of(p, Primitive::kDramOpen) + power_of(p, Primitive::kDramOpenBanks) ==
        about(331.8 + 60));
}

TEST_CASE("dram prices: DDR5's activate is below nothing unless IDD3N is of all banks") {
  // DDR5-4800, four 16 Gb x8 chips of a 32-bit sub-channel: tRC 48, tRAS 32, tRP 16 ns.
  DramPerCommand p = ddr4_2400();
  DramCurrents& c = *p.currents;
  c.devices = 4;
  c.banks = 32;
  c.tRC = ns(48), c.tRAS = ns(32), c.tRP = ns(16);
  c.supplies = {supply("VDD", 1.1, {103, 92, 142, 377, 349, 277, 88})};
  // 4.4 x (103 x 48 - 142 x 32 - 92 x 16 = -1072) = -4.7 nJ.
  CHECK_THROWS_WITH_AS(check_dram_prices({p}), doctest::Contains("activate comes out at -4717 pJ"),
                       Error);
  CHECK_THROWS_WITH_AS(check_dram_prices({p}), doctest::Contains("standby: per_bank"), Error);
  c.standby = DramStandby::kPerBank;
  check_dram_prices({p});
  // 92 + 50 / 32 = 93.5625: 4.4 x (4944 - 93.5625 x 32 - 1472 = 478) = 2.10 nJ.
  CHECK(price_of(p, Primitive::kDramActivate) == about(4.4 * 478));
}

TEST_CASE("dram prices: LPDDR4, two supplies of the core and one of the lines, refresh of banks") {
  DramPerCommand p;
  DramCurrents c;
  c.devices = 1;
  c.banks = 8;
  c.burst = Bytes(32);
  c.tRC = ns(60.625), c.tRAS = ns(42.5), c.tRP = ns(18.125), c.tBURST = ns(5), c.tRFC = ns(280);
  c.tRFCpb = ns(140), c.tREFI = ns(3904);
  c.supplies = {supply("VDD1", 1.8, {3.5, 2, 2.25, 2.25, 2.25, 10, 1.2}),
                supply("VDD2", 1.1, {45, 27, 30, 275, 210, 90, 3}),
                supply("VDDQ", 1.1, {0.75, 0.75, 0.75, 150, 55, 0.75, 0.75})};
  c.supplies[0].idd5pb = 2.5;
  c.supplies[1].idd5pb = 30;
  c.supplies[2].io = true;
  p.currents = c;
  // VDD1 1.8 x (3.5 x 60.625 - 2.25 x 42.5 - 2 x 18.125 = 80.3125), VDD2 1.1 x (45 x 60.625 -
  // 30 x 42.5 - 27 x 18.125 = 963.75): 144.6 + 1060.1 pJ.
  CHECK(price_of(p, Primitive::kDramActivate) == about(1.8 * 80.3125 + 1.1 * 963.75));
  // The core's bursts: VDD1 none, VDD2 1.1 x 245 x 5 = 1347.5 and 1.1 x 180 x 5 = 990 pJ.
  CHECK(price_of(p, Primitive::kDramReadBurst) == about(1347.5));
  CHECK(price_of(p, Primitive::kDramWriteBurst) == about(990));
  // The lines, per bit of 256: 1.1 x 149.25 x 5 = 820.9 pJ, 1.1 x 54.25 x 5 = 298.4 pJ.
  CHECK(price_of(p, Primitive::kDramRead) == about(820.875 / 256));
  CHECK(price_of(p, Primitive::kDramWrite) == about(298.375 / 256));
  // 1.8 x 7.75 x 280 + 1.1 x 60 x 280 = 22.4 nJ.
  CHECK(price_of(p, Primitive::kDramRefresh) == about(3906 + 18480));
  // Without IDD5PB of every supply a bank's refresh is its share: an eighth.
  CHECK(price_of(p, Primitive::kDramRefreshBank, "1/8") == about((3906 + 18480) / 8.0));
  // With it, every 488 ns: VDD1 (2.5 x 488 - 2 x 348) / 140 = 3.743 mA, 1.493 beyond IDD3N;
  // VDD2 (30 x 488 - 27 x 348) / 140 = 37.457, 7.457; VDDQ none: 1.8 x 1.493 x 140 + 1.1 x 7.457
  // x 140 = 376 + 1148 pJ.
  p.currents->supplies[2].idd5pb = 0.75;
  CHECK(price_of(p, Primitive::kDramRefreshBank, "1/8") ==
        about(1.8 * (1220 - 696 - 2.25 * 140) + 1.1 * (14640 - 9396 - 30.0 * 140)));
  CHECK(price_of(p, Primitive::kDramRefreshBank, "1/8") == doctest::Approx(1524).epsilon(0.001));
  CHECK(power_of(p, Primitive::kDramOpen) == about(4.05 + 33 + 0.825));
}

TEST_CASE("dram prices: termination and toggling of data lines") {
  DramPerCommand p = ddr4_2400();
  // Half of the bits draw 1.44 V^2 / 82 Ohm = 17.56 mW for 0.4165 ns: 3.66 pJ.
  p.termination = DramTermination{1.2, 34, 48, 0.5, ns(0.4165)};
  CHECK(price_of(p, Primitive::kDramRead) == about(0.5 * 1.44 / 82 * 416.5));
  CHECK(price_of(p, Primitive::kDramRead) == doctest::Approx(3.66).epsilon(0.002));
  p.toggling = DramToggling{Picojoules(3), Picojoules(2), 0.25};
  CHECK(price_of(p, Primitive::kDramWrite) == about(0.5 * 1.44 / 82 * 416.5 + 0.5));
  // A figure of the file goes before what follows from others.
  p.read_io = Picojoules(1);
  p.read = Picojoules(100);
  CHECK(price_of(p, Primitive::kDramRead) == 1);
  CHECK(price_of(p, Primitive::kDramReadBurst) == 100);
}

TEST_CASE("dram prices: what the currents lack is not priced, and said") {
  DramPerCommand p = ddr4_2400();
  p.currents->supplies[1].idd2p.reset();
  Action down;
  down.primitive = Primitive::kDramPowerDown;
  CHECK_FALSE(command_price(p, down));
  p.power_down = Picojoules(300);
  CHECK(power_of(p, Primitive::kDramPowerDown) == about(300));
  // Only a background: whatever the state.
  DramPerCommand flat;
  flat.background = Picojoules(5);
  CHECK(price_of(flat, Primitive::kDramBackground) == 5);
  CHECK(price_of(flat, Primitive::kDramOpen) == 0);
  // Both: the background comes on top.
  flat.open = Picojoules(7);
  CHECK(price_of(flat, Primitive::kDramBackground) == 5);
  CHECK(power_of(flat, Primitive::kDramOpen) == about(7));
  CHECK(power_of(flat, Primitive::kDramRefreshing) == about(7));
}

TEST_CASE("dram prices: a supply without IDD5B adds nothing to a refresh, and takes nothing off") {
  DramPerCommand p = ddr4_2400();
  const double with = price_of(p, Primitive::kDramRefresh);
  p.currents->supplies[1].idd5b.reset();  // VPP draws 3 mA in every state
  CHECK(price_of(p, Primitive::kDramRefresh) == about(with));
  // VDD1 2.8 mA: nothing of it, VDD2H 1.05 x (205 - 40) mA x 210 ns, VDDQ none: 36.4 nJ.
  DramCurrents c = *p.currents;
  c.devices = 1;
  c.tRFC = ns(210);
  c.supplies = {supply("VDD1", 1.8, {3.8, 1.5, 2.8, 18, 16.5, 0, 1.5}),
                supply("VDD2H", 1.05, {53, 32.5, 40, 390, 265, 205, 3.9}),
                supply("VDDQ", 0.5, {0.6, 0.6, 0.6, 111.9, 0.6, 0.6, 0.6})};
  c.supplies[0].idd5b.reset();
  p.currents = c;
  CHECK(price_of(p, Primitive::kDramRefresh) == about(1.05 * 165 * 210));
  for (DramSupply& s : p.currents->supplies) s.idd5b.reset();
  Action refresh;
  refresh.primitive = Primitive::kDramRefresh;
  CHECK_FALSE(command_price(p, refresh));
}

namespace {

std::string refusal(const DramPerCommand& prices) {
  try {
    check_dram_prices({prices});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dram prices: what a supply without IDD5B leaves out of a refresh is named, or refused") {
  DramPerCommand p = ddr4_2400();
  p.from.source = "this test";
  p.currents->supplies[1].idd5b.reset();
  CHECK(refusal(p).empty());
  EnergyTable table;
  table.name = "list";
  table.dram.scheme = p;
  Counts counts(2);
  counts[0].component = counts[1].component = "dram";
  counts[0].primitive = Primitive::kDramRefresh;
  counts[0].activity = "refresh";
  counts[0].count = 2;
  counts[1].primitive = Primitive::kDramPhy;
  counts[1].activity = "phy";
  counts[1].count = 1;
  const EnergyReport report =
      price(counts, make_prices(table, "mine", table.dram, DramPricing::kDevice));
  CHECK(unpriced_names(report) == std::vector<std::string>{"dram.refresh of VPP", "dram.phy"});
  CHECK(dram_kinds(report.by_device->unpriced) ==
        std::vector<std::string>{"refresh of VPP", "phy"});
  // A share of such a refresh lacks the same.
  Action bank = counts[0];
  bank.primitive = Primitive::kDramRefreshBank;
  bank.activity = "refresh_bank";
  bank.type = "1/8";
  CHECK(command_price(p, bank)->lacks == "VPP");
  // VDD draws 1.2 V x 43 mA, VPP 2.5 V x 3 mA: without VDD's a refresh would cost nothing.
  DramPerCommand free = ddr4_2400();
  free.currents->supplies[0].idd5b.reset();
  CHECK(price_of(free, Primitive::kDramRefresh) == 0);
  CHECK(refusal(free) ==
        "currents: IDD5B: expected of VDD, the supply that draws most; without it a refresh would "
        "cost nothing");
  free.refresh = Picojoules(700000);  // a figure needs no currents
  CHECK(refusal(free).empty());
}

TEST_CASE("dram prices: currents that leave nothing, and those that are none") {
  DramPerCommand p = ddr4_2400();
  // Equal currents: 48 x (45.815 - 32.487 - 13.328) ns, but for rounding, is nothing.
  for (DramSupply& s : p.currents->supplies) s.idd0 = s.idd2n = s.idd3n = 48.1;
  p.currents->supplies[0].idd4r = p.currents->supplies[0].idd4w = 60;
  p.currents->supplies[1].idd4r = p.currents->supplies[1].idd4w = 60;
  for (DramSupply& s : p.currents->supplies) s.idd5b = 100;
  CHECK(refusal(p).empty());
  CHECK(price_of(p, Primitive::kDramActivate) == 0);
  p.currents->supplies[1].name = "VDD";
  CHECK(refusal(p) == "currents: supplies: two of VDD");
  p.currents->supplies.clear();
  CHECK(refusal(p) == "currents: supplies: expected at least one");
  p = ddr4_2400();
  p.currents->tRAS = ns(60);
  CHECK(refusal(p) == "currents: tRAS: expected at most tRC, 45.815 ns, got 60 ns");
  p = ddr4_2400();
  p.from.source = "";
  CHECK(refusal(p).rfind("source: missing", 0) == 0);
}

TEST_CASE("dram prices: IDD5PB is of all supplies, with its times, or of none") {
  DramPerCommand p = ddr4_2400();
  p.currents->supplies[0].idd5pb = 60;
  CHECK(refusal(p) == "currents: IDD5PB: expected of all supplies or of none, got none of VPP");
  p.currents->supplies[1].idd5pb = 3;
  CHECK(refusal(p) == "currents: IDD5PB: needs tRFCpb and tREFI");
  p.currents->tRFCpb = ns(140);
  p.currents->tREFI = ns(7800);
  CHECK(refusal(p).empty());
}

TEST_CASE("dram prices: data lines that bursts by currents do not have are not priced, and said") {
  EnergyTable table;
  table.name = "list";
  DramPerCommand p = ddr4_2400();
  p.from.source = "this test";
  table.dram.scheme = p;
  Action bits;
  bits.component = "dram";
  bits.primitive = Primitive::kDramRead;
  bits.activity = "read";
  const UnitPrice read = unit_price(bits, table);
  CHECK(read.origin == PriceOrigin::kUnpriced);
  CHECK(read.why ==
        "the DRAM prices have no `read_io`, `termination`, `toggling` or supply with `io`");
  CHECK(dram_kinds({"read", "write"}) == std::vector<std::string>{"data lines"});
  // A figure of a burst has them, as far as is known; lines with a price have that.
  p.read = Picojoules(3000);
  CHECK(price_of(p, Primitive::kDramRead) == 0);
  p.write_io = Picojoules(2);
  CHECK(price_of(p, Primitive::kDramWrite) == 2);
}

TEST_CASE("dram prices: a count without a price is blamed on the list, with what it lacks") {
  EnergyTable table;
  table.name = "horowitz";
  DramPerCommand p = ddr4_2400();
  p.from.source = "this test";
  p.origin.name = "ddr4-list";
  p.currents->supplies[1].idd2p.reset();
  Action down;
  down.component = "dram";
  down.primitive = Primitive::kDramPowerDown;
  down.activity = "background_power_down";
  table.dram.scheme = p;
  CHECK_THROWS_WITH(
      unit_price(down, table),
      "the DRAM prices \"ddr4-list\" have no price for dram.background_power_down: no "
      "`power_down`, and no IDD2P of VPP");
  // A list without a name is the memory's.
  p.origin.name.clear();
  const Prices prices = make_prices(table, "mine", DramPrices{p}, DramPricing::kDevice);
  CHECK_THROWS_WITH(unit_price(down, *prices.device),
                    "the DRAM prices \"mine's own\" have no price for dram.background_power_down: "
                    "no `power_down`, and no IDD2P of VPP");
}

TEST_CASE("dram prices: lines without any resistance are refused") {
  DramPerCommand p;
  p.from.source = "a data sheet";
  p.termination = DramTermination{1.2, 0, 0, 0.5, ns(0.4)};
  CHECK(refusal(p) ==
        "termination: driver_ohms, termination_ohms: both are 0, and so the current has no limit");
  p.termination->driver_ohms = 34;
  CHECK(refusal(p).empty());
}

TEST_CASE("dram prices: a DRAM's own ratios name no MAC, and are refused") {
  EnergyTable table;
  table.name = "horowitz";
  DramPerAccess bits{Bits(16), Picojoules(200), Picojoules(200), {}};
  bits.ratios = true;
  for (const PriceUnit unit : {PriceUnit::kPicojoule, PriceUnit::kMac})
    for (const DramPricing counted : {DramPricing::kTable, DramPricing::kDevice}) {
      table.unit = unit;
      CHECK_THROWS_WITH_AS(make_prices(table, "mine", DramPrices{bits}, counted),
                           doctest::Contains("energy: per_access.ratios: a DRAM's own prices are "
                                             "in pJ"),
                           Error);
    }
  bits.ratios = false;
  CHECK_NOTHROW(check_own_prices({bits}));
}

TEST_CASE("dram prices: uncertainty is told with the price, and its bounds with the sum") {
  EnergyTable table;
  table.name = "by commands";
  DramPerCommand p;
  p.activate = Picojoules(1000);
  p.read = Picojoules(100);
  p.uncertainty.activate = 2;
  p.from.source = "this test";
  table.dram.scheme = p;
  Counts counts(2);
  counts[0].component = counts[1].component = "dram";
  counts[0].primitive = Primitive::kDramActivate;
  counts[0].activity = "activate";
  counts[0].count = 3;
  counts[1].primitive = Primitive::kDramReadBurst;
  counts[1].activity = "read_burst";
  counts[1].count = 10;
  const EnergyReport report =
      price(counts, make_prices(table, "mine", table.dram, DramPricing::kDevice));
  CHECK(report.actions[0].unit.uncertainty == 2);
  CHECK(report.actions[1].unit.uncertainty == 1);
  CHECK(report.by_device->dram.value == 3000 + 1000);
  CHECK(report.by_device->low.value == 1500 + 1000);
  CHECK(report.by_device->high.value == 6000 + 1000);
  REQUIRE(report.by_device->parts.size() == 2);
  CHECK(report.by_device->parts[0].component == "dram_activate");
  CHECK(report.by_device->parts[0].energy.value == 3000);
}

TEST_CASE("dram prices: a result of a version without states is told so") {
  EnergyTable table;
  table.name = "by states";
  table.dram.scheme = ddr4_2400();
  Counts counts(1);
  counts[0].component = "dram";
  counts[0].activity = "background";
  counts[0].primitive = Primitive::kDramBackground;
  counts[0].count = 50;
  CHECK_THROWS_WITH_AS(price(counts, table),
                       "energy table \"by states\" prices DRAM by the states of its ranks, and the "
                       "result has no counts of dram (dram_open, dram_closed, ...), as it is of an "
                       "older version: run again, or take prices without states",
                       Error);
  counts.push_back(counts[0]);
  counts[1].activity = "background_closed";
  counts[1].primitive = Primitive::kDramClosed;
  counts[1].count = 50'000;
  CHECK(price(counts, table).total.value == about(50 * (326.4 + 60)));
}

}  // namespace bitjoule::dram_prices_test
