// The shipped sweeps tell a machine that is worse because it is larger, slower, or has the wrong
// memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "support/shell.h"

namespace bitjoule::test::design_study_test {
namespace {

namespace json = boost::json;

/// Points of a shipped sweep by their labels.
class Sweep {
 public:
  explicit Sweep(const std::string& name) {
    const TemporaryDirectory dir;
    const Outcome outcome = shell("{sim} sweep " + name + " -q -o " + dir.at("out"));
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    results_ = json::parse(text_of(dir.at("out/results.json")));
  }

  /// Of the first point that has all of `labels`.
  double metric(const std::vector<std::string>& labels, const char* name) const {
    for (const json::value& point : results_.at("points").as_array()) {
      const json::object& all = point.at("labels").as_object();
      const auto has = [&](const std::string& label) {
        return std::any_of(all.begin(), all.end(),
                           [&](const auto& row) { return row.value().as_string() == label; });
      };
      const bool fits = std::all_of(labels.begin(), labels.end(), has);
      if (fits) return point.at("metrics").at(name).to_number<double>();
    }
    FAIL("no such point");
    return 0;
  }

 private:
  json::value results_;
};

}  // namespace

TEST_CASE("design study: a machine is worse because it is larger, and because it is slower") {
  const Sweep sweep("larger-slower.yaml");
  const std::string token = "llama2-7b-attention-decode.yaml", convolution = "resnet50-s3b1c2.yaml";
  const auto at = [&](const char* rows, const char* clock, const std::string& layer,
                      const char* name) {
    return sweep.metric({rows, clock, layer}, name);
  };
  // A token waits for its weights: the larger array is no faster, and its clock and leakage cost.
  const double time8 = at("8", "1 GHz", token, "time_s"),
               time32 = at("32", "1 GHz", token, "time_s");
  CHECK(time32 == doctest::Approx(time8).epsilon(0.01));
  CHECK(at("32", "1 GHz", token, "energy.total_pj") >
        2 * at("8", "1 GHz", token, "energy.total_pj"));
  CHECK(at("32", "1 GHz", token, "energy.static_pj") > at("8", "1 GHz", token, "energy.static_pj"));
  CHECK(at("64", "1 GHz", token, "area.total_mm2") > 30);
  // ... and a lower clock is as fast and takes less.
  CHECK(at("32", "250 MHz", token, "time_s") == doctest::Approx(time32).epsilon(0.01));
  CHECK(at("32", "250 MHz", token, "energy.total_pj") <
        0.6 * at("32", "1 GHz", token, "energy.total_pj"));
  // A convolution keeps the array busy: at a quarter of the clock, and on a sixteenth of the PEs,
  // what leaks does so for longer.
  CHECK(at("8", "250 MHz", convolution, "energy.static_pj") >
        3.5 * at("8", "1 GHz", convolution, "energy.static_pj"));
  CHECK(at("8", "250 MHz", convolution, "energy.total_pj") >
        2 * at("8", "1 GHz", convolution, "energy.total_pj"));
  CHECK(at("8", "1 GHz", convolution, "energy.total_pj") >
        1.3 * at("32", "1 GHz", convolution, "energy.total_pj"));
  // Registers, wires and clock are priced in every point.
  for (const char* part : {"array_clock", "array_wires", "array_registers"})
    for (const std::string& layer : {token, convolution})
      CHECK(at("16", "1 GHz", layer, (std::string("energy.components.") + part).c_str()) > 0);
}

TEST_CASE("design study: the wrong memory, and the three families differ as published") {
  const Sweep sweep("drams-bits.yaml");
  const auto energy = [&](const char* dram) {
    return sweep.metric({"int8", dram}, "energy.total_pj");
  };
  const auto time = [&](const char* dram) { return sweep.metric({"int8", dram}, "time_s"); };
  // pJ per bit of device and lines: 4 to 5 of LPDDR5, 8 to 14 of LPDDR4, 9 to 20 of DDR4, HBM2 3.9
  // to 6.25; the layer's arithmetic is a few percent of it.
  const auto per_bit = [&](const char* dram) {
    return energy(dram) / (8 * sweep.metric({"int8", dram}, "dram.read_bytes"));
  };
  const auto lies = [&](const char* dram, double low, double high) {
    CAPTURE(dram);
    CHECK(per_bit(dram) > low);
    CHECK(per_bit(dram) < 1.05 * high);
  };
  lies("lpddr5-6400.yaml", 4, 5);
  lies("hbm2-2000.yaml", 3.9, 6.25);
  lies("lpddr4-3200.yaml", 8, 14);
  lies("ddr4-2400-x8.yaml", 9, 20);
  // A rank of DDR4 takes more than twice the energy of LPDDR5 of more bandwidth, and more time.
  CHECK(energy("ddr4-3200-x8.yaml") > 2 * energy("lpddr5-6400-x64.yaml"));
  CHECK(time("ddr4-3200-x8.yaml") > 1.5 * time("lpddr5-6400-x64.yaml"));
  // One channel of LPDDR5 takes longest of these three, and least.
  CHECK(time("lpddr5-6400.yaml") > time("ddr4-3200-x8.yaml"));
  CHECK(energy("lpddr5-6400.yaml") < energy("hbm2-2000-stack.yaml"));
}

}  // namespace bitjoule::test::design_study_test
