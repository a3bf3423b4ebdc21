// What DRAM files say of energy, in runs of the accelerator and in what compares them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>

#include "core/error.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"
#include "sim/sweep/price_notes.h"
#include "support/shell.h"

namespace bitjoule::test::dram_prices_test {
namespace {

namespace json = boost::json;

const char* const kRun = R"(
accelerator: accelerators/edge-32x32.yaml
layer: {gemm: {m: 1, n: 1024, k: 2048}}
values: off
precision: {weights: int8, activations: int8, mac: int8}
mapping: {objective: traffic}  # whatever prices say
)";

struct Run {
  json::object result;
  std::string text;
};

Run run(const TemporaryDirectory& directory, const std::string& arguments,
        const std::string& out = "out", const std::string& file = kRun) {
  std::ofstream(directory.at("run.yaml")) << file;
  const Outcome outcome =
      shell("{sim} run " + directory.at("run.yaml") + " -o " + directory.at(out) + " " + arguments);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return {json::parse(text_of(directory.at(out + "/result.json"))).as_object(), outcome.text};
}

double number(const json::object& object, const char* path) {
  return json::value(object).at_pointer(path).to_number<double>();
}

double count(const json::object& result, const std::string& activity) {
  for (const json::value& row : result.at("counts").as_array())
    if (row.at("component") == "dram" && row.at("activity").as_string() == activity.c_str())
      return row.at("count").to_number<double>();
  return 0;
}

}  // namespace

TEST_CASE("dram prices: a run tells both, and the key says which counts") {
  const TemporaryDirectory directory;
  const std::string dram = " --set accelerator.dram=ddr4-2400-x8.yaml";
  const json::object table = run(directory, dram).result;
  // By the file's currents (tests/core/energy/dram_prices_test.cpp has the formulas), and the
  // table's 1300 pJ per 64 bits.
  const double own =
      count(table, "activate") * 9.6 * 419 * 0.833 + count(table, "read_burst") * 9.6 * 92 * 3.332 +
      count(table, "write_burst") * 9.6 * 80 * 3.332 +
      count(table, "refresh") * 9.6 * 207 * 360.689 + count(table, "background_open") * 0.4728 +
      count(table, "background_closed") * 0.3864 + count(table, "background_refreshing") * 0.4728 +
      (count(table, "read") + count(table, "write")) * 0.5 * 1.44 / 82 * 416.5;
  const double article = (count(table, "read") + count(table, "write")) * 1300 / 64;
  REQUIRE(count(table, "read_burst") * 64 * 8 == count(table, "read"));
  CHECK(number(table, "/energy/by_table/dram_pj") == doctest::Approx(article).epsilon(1e-12));
  CHECK(number(table, "/energy/by_device/dram_pj") == doctest::Approx(own).epsilon(1e-12));
  CHECK(number(table, "/energy/components/dram") == doctest::Approx(article).epsilon(1e-12));
  CHECK(table.at("energy").at("dram_prices") == "table");
  CHECK(table.at("energy").at("by_table").at("boundary") == "io");
  CHECK(table.at("energy").at("by_device").at("boundary") == "device");

  const Run device = run(directory, dram + " --set dram_prices=device", "device");
  CHECK(device.result.at("energy").at("dram_prices") == "device");
  CHECK(number(device.result, "/energy/total_pj") ==
        doctest::Approx(number(table, "/energy/total_pj") - article + own).epsilon(1e-12));
  CHECK(number(device.result, "/energy/total_pj") == number(table, "/energy/by_device/total_pj"));
  CHECK(device.text.find("ddr4-2400-x8's own") != std::string::npos);

  // Priced again: as in the run, or as told; the table's prices of the DRAM must have an effect.
  const std::string price = "{sim} price " + directory.at("device/result.json");
  const std::string prices = directory.at("prices.json");
  const auto total = [&](const std::string& arguments) {
    const Outcome outcome = shell(price + " -o " + prices + arguments);
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return number(json::parse(text_of(prices)).as_object(), "/energy/total_pj");
  };
  CHECK(total("") == number(device.result, "/energy/total_pj"));
  CHECK(total(" --dram-prices table") == number(table, "/energy/total_pj"));
  CHECK(total(" --dram-prices table --set dram=hbm2-3.9pj.yaml") ==
        doctest::Approx(number(table, "/energy/total_pj") - article + article * 3.9 * 64 / 1300));
  const Outcome refused = shell(price + " --set dram=hbm2-3.9pj.yaml");
  CHECK(refused.code == 2);
  CHECK(refused.text.find("--set dram: has no effect") != std::string::npos);
}

TEST_CASE("dram prices: a network tells both as a layer does") {
  const TemporaryDirectory directory;
  const json::object r =
      run(directory, "--set dram_prices=device", "out",
          "accelerator: accelerators/edge-32x32.yaml\nnetwork: networks/stories260k.yaml\n"
          "phase: decode\nprecision: {weights: int8, activations: int8, mac: int8}\n")
          .result;
  double table = 0, device = 0;
  for (const json::value& layer : r.at("layers").as_array()) {
    const double times = layer.at("repeat").to_number<double>();
    table += times * layer.at_pointer("/energy/by_table/total_pj").to_number<double>();
    device += times * layer.at_pointer("/energy/by_device/total_pj").to_number<double>();
  }
  CHECK(number(r, "/energy/by_table/total_pj") == doctest::Approx(table).epsilon(1e-9));
  CHECK(number(r, "/energy/by_device/total_pj") == doctest::Approx(device).epsilon(1e-9));
  CHECK(number(r, "/energy/total_pj") == number(r, "/energy/by_device/total_pj"));
  CHECK(number(r, "/network/pass/energy_pj") == doctest::Approx(device).epsilon(1e-9));
}

TEST_CASE("dram prices: without any of its own a DRAM is told so, and refused where they count") {
  const TemporaryDirectory directory;
  const Run bare = run(directory, "--set dram=ideal.yaml");
  CHECK(bare.text.find("ideal-12.8 is not priced by its own") != std::string::npos);
  CHECK(bare.result.at("energy").at("by_device").is_null());
  const Outcome refused = shell("{sim} run " + directory.at("run.yaml") +
                                " --set dram=ideal.yaml --set dram_prices=device");
  CHECK(refused.code == 2);
  CHECK(refused.text.find("the DRAM \"ideal-12.8\" is not priced by its own") != std::string::npos);
  CHECK_THROWS_WITH_AS(
      read_document<DramConfig>(file_source("ideal.yaml"), {{"energy", "ddr4-2400-commands.yaml"}}),
      doctest::Contains("per_command needs model: cycle"), Error);
}

TEST_CASE(
    "dram prices: a list of another memory is refused, in a run and where it is priced again") {
  const TemporaryDirectory directory;
  run(directory, "");  // lpddr5-6400: one device of 16 banks, bursts of 32 bytes
  const std::string other = "=ddr4-2400-commands.yaml";
  const Outcome again =
      shell("{sim} run " + directory.at("run.yaml") + " --set energy.dram" + other);
  CAPTURE(again.text);
  CHECK(again.code == 2);
  const std::string what =
      "dram.per_command.currents.{}: expected {} as the DRAM \"lpddr5-6400\" has them, got {}: "
      "prices of another memory";
  const std::string devices = fmt::format(what, "devices", 1, 8);
  const std::string burst = fmt::format(what, "burst", 32, 64);
  CHECK(again.text.find("energy." + devices) != std::string::npos);
  CHECK(again.text.find("energy." + burst) != std::string::npos);
  CHECK(again.text.find("currents.banks") == std::string::npos);  // 16 of both
  const std::string price = "{sim} price " + directory.at("out") + " --set dram";
  const Outcome priced = shell(price + other);
  CAPTURE(priced.text);
  CHECK(priced.code == 2);
  CHECK(priced.text.find(devices) != std::string::npos);
  CHECK(shell(price + "=lpddr5-6400-8gb-commands.yaml").code == 0);
  CHECK(shell(price + "=lpddr4-8pj.yaml").code == 0);  // by the bit, of no device
}

TEST_CASE("dram prices: every shipped DRAM with commands has prices, and a source for them") {
  for (const std::string& file : shipped_files("dram")) {
    const DramConfig config = read_document<DramConfig>(file_source(file), {});
    if (std::holds_alternative<IdealDramConfig>(config.model)) continue;
    CAPTURE(file);
    REQUIRE(config.energy);
    CHECK(provenance(*config.energy).source.size() > 10);
    CHECK(provenance(*config.energy).boundary == Boundary::kDevice);
    const auto& prices = std::get<DramPerCommand>(config.energy->scheme);
    CHECK(prices.origin.node.size() > 3);
    CHECK(prices.origin.certainty.size() > 10);
    for (const Primitive primitive :
         {Primitive::kDramRead, Primitive::kDramWrite, Primitive::kDramActivate,
          Primitive::kDramReadBurst, Primitive::kDramWriteBurst, Primitive::kDramRefresh,
          Primitive::kDramRefreshBank, Primitive::kDramOpen, Primitive::kDramClosed,
          Primitive::kDramPowerDown, Primitive::kDramRefreshing}) {
      Action action;
      action.primitive = primitive;
      action.type = "1/8";
      CAPTURE(primitive_name(primitive));
      const std::optional<DramPrice> price = command_price(prices, action);
      REQUIRE(price);
      CHECK((price->uncertainty > 1 || price->energy.value == 0));
    }
  }
}

TEST_CASE("dram prices: power is counted to the end of a layer, not to its last burst") {
  // Nothing is stored: after the last weight has come the array works on alone.
  const TemporaryDirectory directory;
  const json::object r = run(directory, "--set mapping.activations=on_chip").result;
  CHECK(count(r, "background") >= number(r, "/time_s") * 1e9 - 1);
  CHECK(count(r, "background") <= number(r, "/time_s") * 1e9 + 2);
}

TEST_CASE("dram prices: another DRAM in an accelerator keeps a mapping that uses its bank groups") {
  const TemporaryDirectory directory;
  for (const char* file : {"ddr4-2400-x8", "ddr4-3200-x8", "ddr4-3200-x16", "lpddr5-6400"}) {
    CAPTURE(file);
    const json::object r = run(directory, std::string("--set accelerator.dram=") + file +
                                              ".yaml --set mapping.objective=cycles")
                               .result;
    // With bank groups taken in turn only refreshes (tRFC / tREFI, 5 %), and turnarounds remain;
    // without, tCCD_S / tCCD_L.
    CHECK(number(r, "/dram/bandwidth_bytes_per_s") > 0.9 * number(r, "/dram/peak_bytes_per_s"));
  }
}

TEST_CASE("dram prices: memories compared by one price, or by prices of different boundaries") {
  const auto result = [](const char* memory, const char* prices, const char* boundary) {
    return json::object{{"dram.model", memory},
                        {"energy.dram_prices", prices},
                        {std::string("energy.by_") + prices + ".boundary", boundary}};
  };
  const json::object a = result("a", "table", "io"), b = result("b", "table", "io"),
                     c = result("c", "device", "device"), d = result("d", "device", "unstated");
  CHECK(price_notes({&a, &a}).empty());
  CHECK(price_notes({&c}).empty());
  CHECK(price_notes({&a, &b}) ==
        std::vector<std::string>{
            "2 memories are compared by one price, the energy table's, which does not tell them "
            "apart: a, b; dram_prices: device prices each by its own file"});
  CHECK(price_notes({&c, &d, &c}) ==
        std::vector<std::string>{
            "prices of the DRAM include different things: device (c); unstated (d)"});
  CHECK(price_notes({&a, &c}) ==
        std::vector<std::string>{
            "prices of the DRAM include different things: device (c); io (the table)"});
  json::object with_time = c;
  with_time["dram.model"] = "e";
  with_time["energy.components.dram_background"] = 1.0;
  CHECK(price_notes({&with_time, &with_time}).empty());
  CHECK(price_notes({&with_time, &c}) ==
        std::vector<std::string>{"c has no standby and no refresh: that energy does not depend on "
                                 "time or channels, that of e does"});
  json::object mixed = c, ratios = a;
  mixed["energy.table"] = "chip";
  mixed["energy.node"] = "45 nm (memories 22 nm)";
  CHECK(price_notes({&mixed}) ==
        std::vector<std::string>{
            "figures of several technologies are summed: chip: 45 nm (memories 22 nm)"});
  ratios["energy.table"] = "eyeriss";
  ratios["energy.unit"] = "MAC";
  json::object plain = a;
  plain["energy.table"] = "horowitz";
  CHECK(price_notes({&ratios}).empty());
  CHECK(price_notes({&ratios, &plain}) ==
        std::vector<std::string>{"energies by eyeriss are ratios of a MAC, by horowitz joules: of "
                                 "both there is no comparison"});
  const json::object old{{"dram.model", "a"}};
  CHECK(price_notes({&old, &a}).empty());
}

TEST_CASE("dram prices: a comparison of runs, and a sweep, say so") {
  const TemporaryDirectory directory;
  run(directory, "", "a");
  run(directory, "--set dram=ddr4-3200-x8.yaml", "b");
  const Outcome diff = shell("{sim} diff " + directory.at("a") + " " + directory.at("b"));
  CHECK(diff.text.find("note: 2 memories are compared by one price") != std::string::npos);
  std::ofstream(directory.at("old.yaml")) << "base: lpddr4-3200.yaml\nenergy: lpddr4-8pj.yaml\n";
  std::ofstream(directory.at("sweep.yaml"))
      << "name: memories\nbase: run.yaml\naxes:\n  - path: dram\n"
         "    values: [old.yaml, lpddr5-6400.yaml]\nmetrics: [energy.total_pj, "
         "energy.by_device.total_pj]\n";
  const std::string sweep =
      "{sim} sweep " + directory.at("sweep.yaml") + " -o " + directory.at("s");
  CHECK(shell(sweep).text.find("Note: 2 memories are compared by one price") != std::string::npos);
  const Outcome own = shell(sweep + "2 --set dram_prices=device");
  CHECK(own.text.find("one price") == std::string::npos);
  CHECK(own.text.find("Note: prices of the DRAM include different things: device (lpddr5-6400); "
                      "unstated (lpddr4-3200)") != std::string::npos);
  CHECK(
      shell("{sim} report " + directory.at("s")).text.find("memories are compared by one price") !=
      std::string::npos);
}

}  // namespace bitjoule::test::dram_prices_test
