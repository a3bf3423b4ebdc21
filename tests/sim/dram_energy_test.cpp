// Energy of request streams by the shipped price lists: DDR4-2400 against DRAMsim3, and every
// standard against what the literature has per bit.
#include <doctest/doctest.h>

#include "core/dram/actions.h"
#include "core/dram/driver.h"
#include "core/energy/price.h"
#include "sim/commands/dram_traffic.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule::test::dram_energy_test {
namespace {

struct Priced {
  DramStats stats;
  EnergyReport energy;
  /// Microjoules of all actions of these primitives.
  double of(std::initializer_list<Primitive> primitives) const {
    double sum = 0;
    for (const PricedAction& row : energy.actions)
      for (const Primitive p : primitives)
        if (row.action.primitive == p) sum += row.energy.value * 1e-6;
    return sum;
  }
  double per_bit(std::initializer_list<Primitive> primitives) const {
    return of(primitives) * 1e6 / (8.0 * static_cast<double>(stats.read_bytes + stats.write_bytes));
  }
};

constexpr std::initializer_list<Primitive> kStates = {Primitive::kDramOpen, Primitive::kDramClosed,
                                                      Primitive::kDramRefreshing,
                                                      Primitive::kDramPowerDown};

Priced run(DramConfig config, const PatternOptions& pattern) {
  const std::unique_ptr<DramEngine> engine = make_dram_engine(config);
  const std::int64_t burst = engine->burst().value;
  TrafficShape shape;
  shape.capacity = engine->capacity().value;
  shape.request_bytes = ceil_div(64, burst) * burst;
  const std::unique_ptr<RequestSource> source = make_pattern(pattern, shape);
  Priced result;
  result.stats = drive(engine.get(), source.get());
  Counts counts;
  append_dram_bits(result.stats, &counts);
  append_dram_commands(result.stats, &counts);
  EnergyTable table;
  table.name = config.name;
  table.dram = *config.energy;
  result.energy = price(counts, table);
  return result;
}

PatternOptions sequential(bool write) {
  PatternOptions p;
  p.name = "sequential";
  p.count = 16384;
  p.write = write;
  return p;
}

struct Reference {
  const char* name;
  PatternOptions pattern;
  double activate, read, write, refresh, background;  // microjoules
};

/// DRAMsim3 (2981759), the timing of ddr4-2400-x8.yaml, IDD 48/34/43/135/123/250 mA at 1.2 V and
/// nothing of VPP, mapping row | bank | bank group | column, a unified queue of 32, run for as many
/// clocks as the stream takes here. It prints V x mA x clocks: times 0.833 ns.
std::vector<Reference> references() {
  PatternOptions random;
  random.name = "random";
  random.count = 20000;
  random.range = std::int64_t{64} << 22;
  random.seed = 42;
  PatternOptions mix;
  mix.name = "streams";
  mix.count = 16384;
  mix.streams = 4;
  mix.write_streams = 1;
  mix.gap = (64 << 20) + 8192;
  mix.write_count = 4096;
  return {{"sequential reads", sequential(false), 0.4657, 48.2152, 0, 6.4509, 27.7476 + 1.9038},
          {"sequential writes", sequential(true), 0.4724, 0, 41.9263, 6.4509, 27.7480 + 1.9636},
          {"random reads", random, 66.8758, 58.7387, 0, 10.0347, 44.8452 + 1.7097},
          {"mix", mix, 1.6787, 144.6456, 10.4816, 17.9190, 76.7944 + 3.8271}};
}

}  // namespace

TEST_CASE("dram energy: DDR4-2400's streams as DRAMsim3 prices them on equal currents") {
  DramConfig config = read_document<DramConfig>(file_source("ddr4-2400-x8.yaml"),
                                                {{"mapping", "[row, bank, bank_group, column]"}});
  auto& prices = std::get<DramPerCommand>(config.energy->scheme);
  REQUIRE(prices.currents->supplies.size() == 2);
  prices.currents->supplies.pop_back();  // VPP
  prices.termination.reset();
  for (const Reference& r : references()) {
    CAPTURE(r.name);
    const Priced here = run(config, r.pattern);
    const double all = r.activate + r.read + r.write + r.refresh + r.background;
    CHECK(here.energy.total.value * 1e-6 == doctest::Approx(all).epsilon(0.02));
    CHECK(here.of(kStates) == doctest::Approx(r.background).epsilon(0.02));
    CHECK(here.of({Primitive::kDramReadBurst}) == doctest::Approx(r.read).epsilon(0.005));
    CHECK(here.of({Primitive::kDramWriteBurst}) == doctest::Approx(r.write).epsilon(0.005));
    CHECK(here.of({Primitive::kDramRefresh}) == doctest::Approx(r.refresh).epsilon(0.005));
    // How many activates there are is the controller's: the simulators differ on the mix.
    const auto activates =
        static_cast<double>(here.stats.commands[static_cast<std::size_t>(DramCommand::kAct)]);
    CHECK(here.of({Primitive::kDramActivate}) ==
          doctest::Approx(activates * 3350.66e-6).epsilon(0.005));
  }
}

TEST_CASE("dram energy: DDR4-2400's streams as DRAMPower prices their commands") {
  // DRAMPower (9ab7dad), given the commands of these streams and both supplies, factRho 1. It
  // charges an activate and its precharge apart: banks that are open at the end have none.
  struct Row {
    double activate, read, write, refresh, background;  // microjoules
  };
  const Row rows[] = {{0.460136, 48.215202, 0, 6.450851, 34.527967},
                      {0.460136, 0, 41.926263, 6.450851, 34.615006},
                      {66.917510, 58.856448, 0, 10.034657, 53.823638},
                      {2.016633, 144.645607, 10.481566, 17.919030, 93.471295}};
  DramConfig config = read_document<DramConfig>(file_source("ddr4-2400-x8.yaml"),
                                                {{"mapping", "[row, bank, bank_group, column]"}});
  std::get<DramPerCommand>(config.energy->scheme).termination.reset();
  const std::vector<Reference> streams = references();
  REQUIRE(streams.size() == std::size(rows));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    CAPTURE(streams[i].name);
    const Row& r = rows[i];
    const Priced here = run(config, streams[i].pattern);
    CHECK(here.of({Primitive::kDramReadBurst}) == doctest::Approx(r.read).epsilon(1e-6));
    CHECK(here.of({Primitive::kDramWriteBurst}) == doctest::Approx(r.write).epsilon(1e-6));
    CHECK(here.of({Primitive::kDramRefresh}) == doctest::Approx(r.refresh).epsilon(1e-6));
    const double precharge = 8 * 1.2 * (48 - 34) * 16 * 0.833e-6;
    CHECK(here.of({Primitive::kDramActivate}) >= r.activate);
    CHECK(here.of({Primitive::kDramActivate}) <= r.activate + 16.01 * precharge);
    CHECK(here.of(kStates) == doctest::Approx(r.background).epsilon(1e-6));
    CHECK(here.energy.total.value * 1e-6 ==
          doctest::Approx(r.activate + r.read + r.write + r.refresh + r.background).epsilon(5e-4));
  }
}

TEST_CASE("dram energy: sequential reads of each standard lie in the published range") {
  // pJ per bit: of the device without its lines as computed from the same currents at full rate, of
  // lines, and what is published of both together: DDR4 below the 20 of the full system and of the
  // interface alone; LPDDR4 8 to 9.4 (8 Gb dies) and up to 14 (32 Gb); LPDDR5 4 to 5 without PHY,
  // 9 with all; HBM2 3.9 to 6.25, 13.1 with the controller.
  struct Row {
    const char* file;
    double device, lines, low, high;
  };
  const Row rows[] = {{"ddr4-2400-x8", 9.5, 3.66, 9, 20},       {"ddr4-3200-x8", 8.7, 2.74, 9, 20},
                      {"ddr4-3200-x16", 7.6, 2.74, 9, 20},      {"lpddr4-3200", 6.2, 3.21, 8, 14},
                      {"lpddr4-4266", 6.2, 3.21, 8, 14},        {"lpddr5-6400", 3.9, 0.54, 4, 5},
                      {"lpddr5-6400-x64", 3.9, 0.54, 4, 5},     {"hbm2-2000", 3.3, 1.97, 3.9, 6.25},
                      {"hbm2-2000-stack", 3.3, 1.97, 3.9, 6.25}};
  for (const Row& row : rows) {
    CAPTURE(row.file);
    const Priced r =
        run(read_document<DramConfig>(file_source(std::string(row.file) + ".yaml"), {}),
            sequential(false));
    const double lines = r.per_bit({Primitive::kDramRead});
    const double all = r.energy.total.value / (8.0 * static_cast<double>(r.stats.read_bytes));
    MESSAGE(row.file << ": activate " << r.per_bit({Primitive::kDramActivate}) << ", read "
                     << r.per_bit({Primitive::kDramReadBurst}) << ", refresh "
                     << r.per_bit({Primitive::kDramRefresh}) << ", standby " << r.per_bit(kStates)
                     << ", lines " << lines << ", all " << all);
    CHECK(lines == doctest::Approx(row.lines).epsilon(0.01));
    // Here the bus is not full: refreshes and turnarounds, a stream's start and end.
    CHECK(all - lines == doctest::Approx(row.device).epsilon(0.1));
    CHECK(all > row.low);
    CHECK(all < row.high);
  }
}

TEST_CASE("dram energy: with the PHY, reads cost what is published of full systems") {
  // pJ per bit: 9.0 of LPDDR5-6400 within 30 % and 20 of DDR4-3200, from which the lists' PHY
  // comes; 13.1 of HBM2, measured, whose data were 4.64 of it.
  struct Row {
    const char *dram, *list;
    double phy, low, high;
  };
  const Row rows[] = {{"lpddr5-6400", "lpddr5-6400-8gb-system", 4.5, 9.0 * 0.7, 9.0 * 1.3},
                      {"ddr4-3200-x8", "ddr4-3200-x8-system", 8.5, 14, 26},
                      {"hbm2-2000", "hbm2-2000-system", 8.47, 13.11 * 0.9, 13.11 * 1.1}};
  for (const Row& row : rows) {
    CAPTURE(row.list);
    const std::string dram = std::string(row.dram) + ".yaml";
    const Priced device = run(read_document<DramConfig>(file_source(dram), {}), sequential(false));
    const Priced system = run(
        read_document<DramConfig>(file_source(dram), {{"energy", std::string(row.list) + ".yaml"}}),
        sequential(false));
    const double bits = 8.0 * static_cast<double>(system.stats.read_bytes);
    CHECK(system.per_bit({Primitive::kDramPhy}) == doctest::Approx(row.phy));
    CHECK(system.energy.total.value ==
          doctest::Approx(device.energy.total.value + row.phy * bits).epsilon(1e-9));
    CHECK(system.energy.total.value / bits > row.low);
    CHECK(system.energy.total.value / bits < row.high);
  }
}

TEST_CASE("dram energy: refreshes of banks cost what their list says, and their time") {
  const DramConfig config = read_document<DramConfig>(file_source("lpddr4-3200.yaml"),
                                                      {{"controller.refresh", "per_bank"}});
  const Priced r = run(config, sequential(false));
  const double refreshes =
      static_cast<double>(r.stats.commands[static_cast<std::size_t>(DramCommand::kRefBank)]);
  CHECK(refreshes > 300);
  // 1524 pJ each: tests/core/energy/dram_prices_test.cpp.
  CHECK(r.of({Primitive::kDramRefreshBank}) == doctest::Approx(refreshes * 1524e-6).epsilon(0.001));
  const DramStates& s = r.stats.states;
  CHECK(s.open + s.closed + s.refreshing + s.power_down == r.stats.cycles);
}

TEST_CASE("dram energy: power-down pays for a memory that mostly waits, and costs time") {
  PatternOptions slow = sequential(false);
  slow.count = 2000;
  slow.interval = 2000;
  const auto with = [&](const char* power_down) {
    return run(read_document<DramConfig>(file_source("ddr4-2400-x8.yaml"),
                                         {{"controller.power_down", power_down}}),
               slow);
  };
  const Priced off = with("0"), on = with("100");
  CHECK(off.stats.states.power_down == 0);
  CHECK(on.stats.states.power_down > 0.8 * static_cast<double>(on.stats.cycles));
  CHECK(on.energy.total.value < off.energy.total.value);
  CHECK(on.stats.latency.mean() > off.stats.latency.mean());
  // Down: 300 of 472.8 mW. Each burst opens its row again.
  CHECK(on.of({Primitive::kDramPowerDown}) ==
        doctest::Approx(static_cast<double>(on.stats.states.power_down) * 0.833 * 300e-6));
  CHECK(on.stats.commands[static_cast<std::size_t>(DramCommand::kAct)] >= 2000);
}

TEST_CASE("dram energy: currents of another device are refused") {
  CHECK_THROWS_WITH_AS(
      read_document<DramConfig>(file_source("ddr4-3200-x16.yaml"),
                                {{"energy", "ddr4-3200-x8-commands.yaml"}}),
      doctest::Contains("energy.per_command.currents.devices: expected 4 as the DRAM "
                        "\"ddr4-3200-x16\" has them, got 8"),
      Error);
}

}  // namespace bitjoule::test::dram_energy_test
