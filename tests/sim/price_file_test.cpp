// What `sim price -o` writes beside the prices.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <string>

#include "support/shell.h"

namespace bitjoule::test::price_file_test {
namespace {

namespace json = boost::json;

json::object parsed(const std::string& file) { return json::parse(text_of(file)).as_object(); }

/// Runs a layer; then the prices of its result, or of what `change` makes of it.
struct Priced {
  TemporaryDirectory dir;
  json::object run, file;
  std::string text;

  explicit Priced(const std::string& objective = "edp", void (*change)(json::object&) = nullptr,
                  const std::string& arguments = "--energy chip-45nm.yaml") {
    const std::string yaml =
        write_file(dir, "run.yaml",
                   "accelerator: edge-16x16.yaml\ndram: lpddr5-6400.yaml\nvalues: off\n"
                   "layer: {gemm: {m: 8, n: 64, k: 64}}\nmapping: {objective: " +
                       objective + "}\nprecision: {weights: int8, activations: int8}\n");
    REQUIRE(shell("{sim} run " + yaml + " -q -o " + dir.at("out")).code == 0);
    run = parsed(dir.at("out/result.json"));
    json::object old = run;
    if (change != nullptr) change(old);
    const Outcome priced =
        shell("{sim} price " + write_file(dir, "result.json", json::serialize(old)) + " -o " +
              dir.at("prices.json") + " " + arguments);
    CAPTURE(priced.text);
    REQUIRE(priced.code == 0);
    text = priced.text;
    file = parsed(dir.at("prices.json"));
  }
  bool notes(const std::string& part) const {
    for (const json::value& note : file.at("notes").as_array())
      if (note.as_string().find(part) != json::string::npos) {
        CHECK(text.find(std::string(note.as_string())) != std::string::npos);
        return true;
      }
    return false;
  }
};

/// Without the actions whose primitive has this name, in the run and in its layers.
void drop(json::object& result, std::string_view primitive) {
  json::array kept;
  json::array counts;
  const json::array& all = result.at("counts").as_array();
  const json::array& own = result.at("layers").at(0).at("counts").as_array();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].at("primitive").as_string() != primitive) {
      kept.push_back(all[i]);
      counts.push_back(own[i]);
    }
  result["counts"] = kept;
  result.at("layers").as_array()[0].as_object()["counts"] = counts;
}

}  // namespace

TEST_CASE("price file: average power and operations per energy, by hand") {
  const Priced priced;
  const double pj = priced.file.at("energy").at("total_pj").to_number<double>();
  const double seconds = priced.run.at("time_s").to_number<double>();
  CHECK(pj > 0);
  CHECK(priced.file.at("power").at("average_w").to_number<double>() ==
        doctest::Approx(pj * 1e-12 / seconds));
  CHECK(priced.file.at("power").at("tops_per_w").to_number<double>() ==
        doctest::Approx(2 * 8 * 64 * 64 / pj));
}

TEST_CASE("price file: wires are as long as the run's PEs are wide") {
  const Priced priced;  // four int8 MACs of 3763 um2
  int seen = 0;
  for (const json::value& row : priced.file.at("energy").at("prices").as_array())
    if (row.at("activity") == "hop_sums" && ++seen == 1)
      CHECK(row.at("unit_pj").to_number<double>() ==
            doctest::Approx(32 * 0.121 * 0.122687).epsilon(1e-6));
  CHECK(seen == 1);
}

TEST_CASE("price file: the mapping is the run's, and another table may choose another") {
  const char* const mapping = "the mapping is the run's, chosen by horowitz-2014-45nm";
  CHECK(Priced().notes(mapping));
  CHECK(Priced("{energy: 1, cycles: 2}").notes(mapping));
  CHECK(!Priced("traffic").notes(mapping));
  CHECK(!Priced("{cycles: 2}").notes(mapping));
  CHECK(!Priced("edp", nullptr, "").notes(mapping));  // the run's own prices
  CHECK(Priced("edp", nullptr, "--dram-prices device").notes(mapping));
}

TEST_CASE("price file: what an older result did not count is said") {
  const auto without_phy = [](json::object& result) { drop(result, "dram_phy"); };
  CHECK(Priced("edp", without_phy).notes("not counted: bits of the DRAM's PHY"));
  CHECK(!Priced().notes("not counted"));
  // Nor is its price of the interface told as if there were no more to a DRAM.
  const auto bits_alone = [](json::object& result) {
    for (const char* primitive :
         {"dram_phy", "dram_activate", "dram_read_burst", "dram_write_burst", "dram_refresh",
          "dram_background", "dram_open", "dram_closed", "dram_refreshing", "dram_open_banks"})
      drop(result, primitive);
    result["config"].as_object()["dram"].as_object().erase("energy");
  };
  const std::string old = Priced("edp", bits_alone, "").text;
  CAPTURE(old);
  CHECK(old.find("(io, without phy, commands, refresh, standby)") != std::string::npos);
}

TEST_CASE(
    "price file: a pe_pitch that areas overrule, and a density where bits toggle, are refused") {
  const TemporaryDirectory dir;
  const std::string yaml =
      write_file(dir, "run.yaml",
                 "accelerator: edge-16x16.yaml\nvalues: off\nlayer: {gemm: {m: 8, n: 64, k: 64}}\n"
                 "precision: {weights: int8, activations: int8}\n");
  REQUIRE(shell("{sim} run " + yaml + " -q -o " + dir.at("plain")).code == 0);
  REQUIRE(shell("{sim} run " + yaml + " -q -o " + dir.at("half") +
                " --set 'density={inputs: 0.5}' --set energy=array-45nm.yaml")
              .code == 0);
  const Outcome pitch =
      shell("{sim} price " + dir.at("plain") + " --energy chip-45nm.yaml --set pe_pitch='200 um'");
  CHECK(pitch.code == 2);
  CHECK(pitch.text.find("--set pe_pitch: has no effect: wires are over a PE pitch of 122.7 um") !=
        std::string::npos);
  CHECK(
      shell("{sim} price " + dir.at("plain") + " --energy array-45nm.yaml --set pe_pitch='200 um'")
          .code == 0);
  const std::string toggled =
      " --energy array-45nm.yaml --set data_dependence='{multiplier: toggled, share: 0.5, "
      "boundary: "
      "unit, source: a test}'";
  const Outcome refused = shell("{sim} price " + dir.at("half") + toggled);
  CAPTURE(refused.text);
  CHECK(refused.code == 2);
  CHECK(refused.text.find("of a run with a density, which does not tell toggling bits; the energy "
                          "table \"array-45nm\" prices multiplications by these") !=
        std::string::npos);
  // Without a density a multiplication has its price, of random operands.
  CHECK(shell("{sim} price " + dir.at("plain") + toggled).code == 0);
}

TEST_CASE("price file: what moves and has no price has the table's reason") {
  const Priced priced("edp", nullptr, "--energy eyeriss-65nm.yaml");
  CAPTURE(priced.text);
  CHECK(priced.text.find("not priced: array_clock: the source does not state it apart") !=
        std::string::npos);
  CHECK(priced.text.find("beyond the table's points") == std::string::npos);
  CHECK(Priced("edp", nullptr, "")
            .text.find("not priced: array_registers, array_wires, array_clock: the table has no "
                       "such row of `moves`") != std::string::npos);
}

}  // namespace bitjoule::test::price_file_test
