#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "support/shell.h"

namespace bitjoule::area_command_test {
namespace {

using namespace test;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sim area: a machine by itself, by areas of its own, as text and as JSON") {
  const TemporaryDirectory dir;
  const Outcome outcome = shell(
      "{sim} area edge-16x16.yaml --mac int8 --area generic-28nm.yaml -o " + dir.at("a.json"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  // 16 x 16 PEs of 32 bits: 1024 MACs of 1468 um2.
  CHECK(contains(outcome.text, "1024 x int8 MAC, derived, within 1.4 times"));
  CHECK(contains(outcome.text, "1.503 mm2"));
  const boost::json::value json = boost::json::parse(text_of(dir.at("a.json")));
  CHECK(json.at_pointer("/area/components/array").to_number<double>() ==
        doctest::Approx(1024 * 1468e-6));
  double sum = 0;
  for (const auto& row : json.at_pointer("/area/components").as_object())
    sum += row.value().to_number<double>();
  CHECK(json.at_pointer("/area/total_mm2").to_number<double>() == doctest::Approx(sum));
}

TEST_CASE("sim area: the MACs of a run's numbers, and a table without areas names every part") {
  const Outcome run = shell("{sim} area quickstart.yaml --energy chip-45nm.yaml");
  CHECK(run.code == 0);
  CHECK(contains(run.text, "4096 x int8 MAC"));
  CHECK(contains(run.text, "16 x bank of 8192 bytes, 64 bit, quoted"));
  const Outcome none = shell("{sim} area quickstart.yaml");
  CHECK(none.code == 0);
  CHECK(contains(none.text, "horowitz-2014-45nm has no areas"));
  CHECK(contains(none.text, "not known: array, 4096 x int8 MAC: the energy table has no areas"));
  const Outcome missing =
      shell("{sim} area edge-16x16.yaml --mac fp8_e4m3 --area generic-7nm.yaml");
  CHECK(contains(missing.text, "not known: array, 1024 x fp8_e4m3 MAC: the table has no MAC of"));
  CHECK(contains(missing.text, "mm2; the total is not known, as parts have no figure"));
  CHECK(!contains(missing.text, "\n  total"));
}

TEST_CASE("area: a run whose MACs have no figure has no total, and nothing per mm2") {
  const TemporaryDirectory dir;
  const std::string run =
      "{sim} run design-study.yaml --set precision='{weights: fp8_e4m3, activations: fp8_e4m3, "
      "mac: fp8_e4m3}' -o " +
      dir.at("out");
  const Outcome outcome = shell(run);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.text,
                 "not known: 9.388 mm2 by generic-45nm without array, 4096 x fp8_e4m3"));
  const boost::json::value json = boost::json::parse(text_of(dir.at("out/result.json")));
  for (const char* key :
       {"total_mm2", "lowest_mm2", "highest_mm2", "tops_per_mm2", "power_density_w_per_mm2"}) {
    CAPTURE(key);
    CHECK(json.at("area").at(key).is_null());
  }
  CHECK(json.at("area").at("known_mm2").to_number<double>() ==
        doctest::Approx(9.388).epsilon(1e-3));
  CHECK(json.at("area").at("unknown") == "array, 4096 x fp8_e4m3 MAC");
  const Outcome priced = shell("{sim} price " + dir.at("out") + " --energy chip-45nm.yaml");
  CHECK(
      contains(priced.text, "area not known: 9.388 mm2 by generic-45nm without array, 4096 x fp8"));
  write_file(dir, "sweep.yaml",
             "name: s\nbase: design-study.yaml\nset: {layer: {gemm: {m: 8, n: 8, k: 8}}}\naxes:\n"
             "  - name: numbers\n    variants:\n      - {name: int8}\n"
             "      - {name: fp8, set: {precision: {weights: fp8_e4m3, activations: fp8_e4m3, "
             "mac: fp8_e4m3}}}\nconstraints: [area.total_mm2 <= 30]\n");
  const Outcome sweep = shell("{sim} sweep " + dir.at("sweep.yaml") + " -o " + dir.at("s") +
                              " --pareto energy.total_pj,area.total_mm2");
  CAPTURE(sweep.text);
  CHECK(contains(sweep.text, "1 of 2 points break a constraint"));
  CHECK(contains(sweep.text,
                 "1 of 2 points are left out, as they have no area.total_mm2: no figure "
                 "of array, 4096 x fp8_e4m3 MAC"));
  CHECK(contains(text_of(dir.at("s/results.csv")), "\"area.total_mm2 <= 30, not known\""));
}

TEST_CASE("sim area: refuses what is no machine, and MACs beside a run's") {
  CHECK(contains(shell("{sim} area chip-45nm.yaml").text, "expected an accelerator or a run"));
  CHECK(contains(shell("{sim} area quickstart.yaml --mac int8").text, "--mac: only with an acc"));
  CHECK(contains(shell("{sim} area edge-16x16.yaml --mac int99").text, "int99"));
}

TEST_CASE(
    "sim price: leaks by another table, at the run's supply, and what a result lacks is said") {
  const TemporaryDirectory dir;
  const std::string run =
      "{sim} run quickstart.yaml -q --set values=off --set 'layer={gemm: {m: 8, n: 8, k: 8}}' -o " +
      dir.at("out");
  REQUIRE(shell(run).code == 0);
  const Outcome chip = shell("{sim} price " + dir.at("out") + " --energy chip-45nm.yaml");
  CHECK(chip.code == 0);
  CHECK(contains(chip.text, "leakage and standby"));
  CHECK(!contains(chip.text, "not counted: leakage"));

  boost::json::value old = boost::json::parse(text_of(dir.at("out/result.json")));
  boost::json::array counts, layers;
  for (const boost::json::value& row : old.at("counts").as_array())
    if (!contains(std::string(row.at("activity").as_string()), "leakage")) counts.push_back(row);
  old.as_object()["counts"] = counts;
  old.as_object().erase("layers");
  write_file(dir, "old.json", boost::json::serialize(old));
  const Outcome without = shell("{sim} price " + dir.at("old.json") + " --energy chip-45nm.yaml");
  CAPTURE(without.text);
  CHECK(without.code == 0);
  CHECK(contains(without.text, "not counted: leakage"));
}

TEST_CASE("sim price: the area of the run's machine by another table, and what follows from it") {
  const TemporaryDirectory dir;
  const std::string run =
      "{sim} run quickstart.yaml --values off --set 'mapping.tile={m: 1, n: 96, k: 128}' --set "
      "mapping.order=mnk -q -o ";
  REQUIRE(shell(run + dir.at("old")).code == 0);
  REQUIRE(shell(run + dir.at("new") + " --set energy=chip-45nm.yaml").code == 0);
  const Outcome priced = shell("{sim} price " + dir.at("old") + " --energy chip-45nm.yaml -o " +
                               dir.at("prices.json"));
  CAPTURE(priced.text);
  REQUIRE(priced.code == 0);
  CHECK(priced.text.find("area 24.8 mm2 by generic-45nm") != std::string::npos);
  const boost::json::value prices = boost::json::parse(text_of(dir.at("prices.json")));
  const boost::json::value result = boost::json::parse(text_of(dir.at("new/result.json")));
  // As a run by that table has it, part by part.
  CHECK(prices.at("area") == result.at("area"));
  CHECK(prices.at("energy").at("total_pj") == result.at("energy").at("total_pj"));

  const Outcome none = shell("{sim} price " + dir.at("old"));
  CHECK(none.text.find("area: the energy table has none") != std::string::npos);
  std::ofstream(dir.at("older.json"))
      << R"({"schema_version": 2, "cycles": 9, "name": "older", "area": {"parts": [{"component": )"
         R"("array", "what": "7 x int8 MAC"}]}, "counts": []})";
  CHECK(shell("{sim} price " + dir.at("older.json") + " --energy chip-45nm.yaml")
            .text.find("not in this result, of an older version: the parts of the machine") !=
        std::string::npos);
  std::ofstream(dir.at("broken.json"))
      << R"({"schema_version": 2, "cycles": 9, "name": "broken", "area": {"parts": [{"component": )"
         R"("input_buffer", "kind": "bank", "units": 2, "width_bits": 64, "capacity_bytes": 0}, )"
         R"({"component": "array", "kind": "pe", "units": 1}]}, "counts": []})";
  const Outcome broken = shell("{sim} price " + dir.at("broken.json"));
  CHECK(broken.code == 2);
  CHECK(broken.text.find("area.parts[0]: expected at least one unit, and banks") !=
        std::string::npos);
  CHECK(broken.text.find("area.parts[1].kind: expected one of mac, bank, lane, once") !=
        std::string::npos);
}

TEST_CASE("area: --set changes the table that --energy names, or the default one") {
  // 45 nm macros of lop cells cover 24.8 mm2 with the rest, 22 nm ones less.
  const std::string area = "{sim} area quickstart.yaml --energy chip-45nm.yaml";
  const auto total = [](const std::string& text) {
    const std::size_t at = text.find("  total ");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + 8));
  };
  const std::string other = " --set energy.sram=cacti7-22nm-lop.yaml";
  const double changed = total(shell(area + other).text);
  CHECK(changed < total(shell(area).text));
  CHECK(changed ==
        total(shell("{sim} area quickstart.yaml --set energy=chip-45nm.yaml" + other).text));
  const Outcome plain = shell(
      "{sim} area edge-16x16.yaml --area generic-28nm.yaml --set "
      "energy.sram=cacti7-45nm-lop.yaml");
  CAPTURE(plain.text);
  CHECK(plain.code == 0);
}

TEST_CASE("voltage: sim run refuses a clock above the rule's, and a supply beyond it") {
  const std::string run =
      "{sim} run quickstart.yaml --set values=off --set 'layer={gemm: {m: 8, n: 8, k: 8}}' "
      "--set accelerator.max_clock='1 GHz' --set accelerator.voltage=";
  // 0.9^1.7 = 0.836.
  CHECK(contains(shell(run + "'0.81 V'").text, "clock: expected at most 836 MHz at 0.81 V"));
  CHECK(contains(shell(run + "'0.7 V'").text, "voltage: expected 0.738 V to 1.053 V"));
  CHECK(shell(run + "'0.81 V' --set accelerator.clock='836 MHz'").code == 0);
}

}  // namespace bitjoule::area_command_test
