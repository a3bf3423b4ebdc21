// Words and numbers of printed reports.
#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "sim/output/text.h"
#include "sim/report/summary.h"
#include "support/shell.h"

namespace bitjoule::words_test {

using test::shell;

TEST_CASE("words: four digits without an exponent") {
  CHECK(digits_text(319612) == "319,600");
  CHECK(digits_text(1e6) == "1,000,000");
  CHECK(digits_text(999.96) == "1,000");
  CHECK(digits_text(-12346.7) == "-12,350");
  CHECK(digits_text(0.5) == "0.5");
  CHECK(digits_text(23.81) == "23.81");
}

TEST_CASE("words: a change keeps digits however small its error is") {
  CHECK(change_text(0.00064, 0.00038, "+-") == "+0.0006 +- 0.0004");
  CHECK(change_text(-0.2, 0.013, "+-") == "-0.2000 +- 0.0130");
  CHECK(change_text(-3.14e-10, 6.2e-10, "+-") == "-3.1e-10 +- 6e-10");
}

TEST_CASE("words: what has no price is not told as nothing") {
  EnergyReport report;
  const auto add = [&](const char* component, const char* activity, PriceOrigin origin) {
    PricedAction row;
    row.action.component = component;
    row.action.activity = activity;
    row.action.count = 3;
    row.unit.origin = origin;
    report.actions.push_back(row);
  };
  add("none", "a", PriceOrigin::kUnpriced);
  add("none", "b", PriceOrigin::kUnpriced);
  add("some", "a", PriceOrigin::kQuoted);
  add("some", "b", PriceOrigin::kUnpriced);
  add("all", "a", PriceOrigin::kDerived);
  add("dram", "activate", PriceOrigin::kQuoted);
  const auto told = [&](const char* component, double picojoules) {
    return component_line(report, {component, Picojoules(picojoules)}, 10, joules_text, "7.0 %");
  };
  // In columns, whatever lacks a price.
  CHECK(told("none", 0) == "  none                 not priced    7.0 %\n");
  CHECK(told("some", 5e6) == "  some                       5 uJ    7.0 %  + not priced\n");
  CHECK(told("all", 5e6) == "  all                        5 uJ    7.0 %\n");
  CHECK(told("dram_activate", 5e6) == "  dram_activate              5 uJ    7.0 %\n");
}

TEST_CASE("words: a note that names other parts of each layer is one note") {
  std::vector<LayerResult> layers(3);
  layers[0].energy.notes = {"t: ports wider than any that it has a point for: a, b",
                            "t: said once"};
  layers[1].energy.notes = {"t: ports wider than any that it has a point for: b, c"};
  layers[2].energy.notes = {"no colon, as it is"};
  CHECK(energy_notes(layers) ==
        "energy note  t: ports wider than any that it has a point for: a, b, c\n"
        "energy note  t: said once\n"
        "energy note  no colon, as it is\n");
}

TEST_CASE("words: a network's text names what has no price as its layer's alone does") {
  const test::TemporaryDirectory dir;
  const auto not_priced = [&](const std::string& what) {
    const std::string text =
        shell("{sim} run " +
              test::write_file(dir, "r.yaml",
                               "accelerator: edge-16x16.yaml\n" + what +
                                   "\nprecision: {weights: int8, activations: int8, mac: int8}\n"
                                   "values: off\n") +
              " -o " + dir.at("out"))
            .text;
    const std::size_t at = text.find("\nnot priced ");
    REQUIRE(at != std::string::npos);
    return text.substr(at, text.find('\n', at + 1) - at);
  };
  const std::string layer = not_priced("layer: {gemm: {m: 1, n: 16, k: 16}}");
  CHECK(layer.find("dram.standby") != std::string::npos);
  CHECK(not_priced("network: {name: n, layers: [{name: a, gemm: {m: 1, n: 16, k: 16}}]}") == layer);
}

TEST_CASE("words: a network without a cache is not told of one") {
  const test::TemporaryDirectory dir;
  const std::string text =
      shell("{sim} run " +
            test::write_file(dir, "n.yaml",
                             "accelerator: edge-16x16.yaml\nnetwork: {name: n, layers: [{name: a, "
                             "gemm: {m: 1, n: 16, k: 16}}]}\n"
                             "precision: {weights: int8, activations: int8, mac: int8}\n"
                             "values: off\n") +
            " -o " + dir.at("out"))
          .text;
  CHECK(text.find("weights ") != std::string::npos);
  CHECK(text.find("KV cache") == std::string::npos);
}

TEST_CASE("words: DRAM files are listed with size, speed and a whole sentence") {
  const test::Outcome list = shell("{sim} list dram");
  REQUIRE(list.code == 0);
  // 1024 data lines at 2 Gb/s; 16 of them in x16 at 3.2 Gb/s.
  CHECK(
      list.text.find("8 GiB    256 GB/s  One stack of HBM2 at 2 Gb/s per pin, as it is bought: 8 "
                     "channels of 128 bits, each two pseudo channels of 64 bits: 1024 data lines, "
                     "256 GB/s, 8 GiB.\n") != std::string::npos);
  CHECK(list.text.find("6.4 GB/s  LPDDR4-3200, 8 Gb x16: one 16-bit channel.\n") !=
        std::string::npos);
  std::istringstream lines(list.text);
  for (std::string line; std::getline(lines, line);) CHECK(line.back() == '.');
}

TEST_CASE("words: a file that is not there, and the shipped one that was meant") {
  const auto error = [](const std::string& arguments) { return shell("{sim} " + arguments).text; };
  CHECK(error("dram --pattern random --dram hbm2").find("did you mean \"hbm2-2000.yaml\"?") !=
        std::string::npos);
  CHECK(error("run quickstart.yaml --set dram=hbm2").find("did you mean \"hbm2-2000.yaml\"?") !=
        std::string::npos);
  CHECK(error("run quickstart.yaml --set energy=lpddr5-6400-8gb-commands.yaml")
            .find("did you mean \"energy/dram/lpddr5-6400-8gb-commands.yaml\"?") !=
        std::string::npos);
  CHECK(error("run quickstrat.yaml").find("did you mean \"") != std::string::npos);
  CHECK(error("run nowhere-at-all.yaml").find("did you mean") == std::string::npos);
}

}  // namespace bitjoule::words_test
