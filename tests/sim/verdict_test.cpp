// The sentences that reports begin with, on small sweeps whose answers are plain.
#include "sim/report/verdict.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/report/chart_table.h"
#include "sim/report/report_data.h"

namespace bitjoule::verdict_test {
namespace {

namespace json = boost::json;

/// A point with its energy all of DRAM, its time all of `cause`.
PointResult point(const std::vector<std::string>& labels, double pj, double seconds,
                  const json::object& more = {}, const std::string& cause = "dram_read") {
  PointResult result;
  result.labels = labels;
  result.status = PointStatus::kDone;
  result.metrics = {{"energy.total_pj", pj},
                    {"energy.components.dram", pj * 0.75},
                    {"energy.components.array", pj * 0.25},
                    {"time_s", seconds},
                    {"stalls." + cause, 90},
                    {"stalls.array_busy", 10}};
  for (const auto& row : more) result.metrics[row.key()] = row.value();
  return result;
}

SweepResults sweep(std::vector<std::string> columns, std::vector<PointResult> points) {
  SweepResults results;
  results.columns = std::move(columns);
  results.points = std::move(points);
  for (std::size_t i = 0; i < results.points.size(); ++i) results.points[i].index = i;
  return results;
}

}  // namespace

TEST_CASE("verdict: against the baseline, with what it costs, why, and what comes next") {
  SweepResults results = sweep({"format"}, {point({"fp32"}, 8e9, 2e-3, {{"error.sqnr_db", 140.0}}),
                                            point({"int8"}, 2.2e9, 1e-3, {{"error.sqnr_db", 40.0}}),
                                            point({"int4"}, 2e9, 1e-3, {{"error.sqnr_db", 20.0}})});
  results.baseline["format"] = {"fp32"};
  const Verdict verdict = sweep_verdict(results);
  CHECK(verdict.headline ==
        "int4 takes 4.00 times less energy and 2.00 times less time than fp32; SQNR of the output "
        "20.0 dB against 140.0 dB. Of what remains DRAM is 75 % of the energy, and in 90 % of the "
        "time the array waits for data from DRAM. Next: int8, 1.10 times more energy (SQNR of the "
        "output 40.0 dB).");
  CHECK(verdict.lines.empty());
  CHECK(verdict.best == &results.points[2]);
}

TEST_CASE("verdict: several cases have a sentence each, many are counted") {
  std::vector<PointResult> points;
  for (int i = 0; i < 9; ++i) {
    const std::string layer = "layer" + std::to_string(i) + ".yaml";
    points.push_back(point({"fp32", layer}, 8e9, 2e-3));
    points.push_back(point({"int8", layer}, i == 0 ? 9e9 : 1e9 * (1 + i % 2), 1e-3));
  }
  SweepResults many = sweep({"format", "layer"}, points);
  many.baseline["format"] = {"fp32"};
  CHECK(sweep_verdict(many).headline ==
        "Least energy: int8 in 8 of 9 cases, fp32 in 1 of 9. It is up to 8.00 times less than "
        "with fp32; the error of the output was not computed.");
  REQUIRE(sweep_verdict(many).lines.size() == 9);
  CHECK(sweep_verdict(many).lines[0].rfind("layer0: nothing takes less energy than fp32; DRAM is",
                                           0) == 0);
  CHECK(sweep_verdict(many).lines[0].find("Next: int8, 1.12 times more energy.") !=
        std::string::npos);
  CHECK(sweep_verdict(many).lines[8] == "And 1 more, in the tables below.");
  SweepResults two = sweep({"format", "layer"}, {points.begin() + 2, points.begin() + 6});
  two.baseline["format"] = {"fp32"};
  CHECK(sweep_verdict(two).headline ==
        "Least energy: int8 in 2 of 2 cases. It is 4.00 to 8.00 times less than with fp32; the "
        "error of the output was not computed.");
  REQUIRE(sweep_verdict(two).lines.size() == 2);
  CHECK(sweep_verdict(two).lines[0].rfind("layer1: int8 takes 4.00 times less energy", 0) == 0);
}

TEST_CASE("verdict: without a baseline the least stands against the most") {
  const SweepResults results = sweep({"rows"}, {point({"8"}, 6e9, 1e-3), point({"16"}, 2e9, 1e-3)});
  CHECK(sweep_verdict(results).headline.rfind(
            "rows 16 takes 3.00 times less energy than rows 8 and as much time as it; the error",
            0) == 0);
}

TEST_CASE("verdict: energies of two units are not compared, and nothing is no answer") {
  SweepResults mixed = sweep(
      {"table"}, {point({"a"}, 8e9, 2e-3),
                  point({"b"}, 1e3, 1e-3, {{"energy.unit", "MAC"}, {"energy.table", "ratios"}})});
  mixed.baseline["table"] = {"a"};
  CHECK(sweep_verdict(mixed).headline.find("times less energy") == std::string::npos);
  CHECK(sweep_verdict(sweep({"a"}, {})).headline ==
        "No point of this sweep has an energy or a time.");
}

TEST_CASE("verdict: constraints are kept") {
  SweepResults results = sweep({"format"}, {point({"fp32"}, 8e9, 2e-3), point({"int8"}, 4e9, 1e-3),
                                            point({"int2"}, 1e9, 9e-3)});
  results.baseline["format"] = {"fp32"};
  results.constraints = {"time_s <= 0.002"};
  CHECK(sweep_verdict(results).headline.rfind("int8 takes 2.00 times less energy", 0) == 0);
  REQUIRE(sweep_verdict(results).lines.size() == 1);
  CHECK(sweep_verdict(results).lines[0] == "1 of 3 points break a constraint and are not counted.");
}

TEST_CASE("verdict: what nobody would use is told, but is no answer") {
  SweepResults results = sweep({"format"}, {point({"fp32"}, 8e9, 2e-3, {{"error.sqnr_db", 140.0}}),
                                            point({"int4"}, 2e9, 1e-3, {{"error.sqnr_db", 20.0}}),
                                            point({"int2"}, 1e9, 1e-3, {{"error.sqnr_db", -2.0}})});
  results.baseline["format"] = {"fp32"};
  Verdict verdict = sweep_verdict(results);
  CHECK(verdict.best == &results.points[1]);
  CHECK(verdict.headline.rfind("int4 takes 4.00 times less energy", 0) == 0);
  CHECK(verdict.headline.find(
            " Less yet: int2, 2.00 times less energy, with more error than signal.") !=
        std::string::npos);
  for (std::size_t i = 0; i < 3; ++i)
    results.points[i].metrics["accuracy.perplexity"] = 5.0 + 4.0 * static_cast<double>(i);
  verdict = sweep_verdict(results);  // 5, 9, 13
  CHECK(verdict.best == &results.points[1]);
  CHECK(verdict.headline.find("; perplexity 9 against 5.") != std::string::npos);
  CHECK(verdict.headline.find("with more than twice the perplexity.") != std::string::npos);
}

TEST_CASE("verdict: points without a result are counted, and the first says why") {
  SweepResults results = sweep({"n"}, {point({"8"}, 6e9, 1e-3), point({"16"}, 2e9, 1e-3)});
  results.points[1].status = PointStatus::kFailed;
  results.points[1].message = "no tile fits";
  results.points[1].metrics = {};
  CHECK(sweep_verdict(results).lines ==
        std::vector<std::string>{"1 of 2 points has no result: no tile fits"});
  results.points[0] = results.points[1];
  CHECK(sweep_verdict(results).lines[0].rfind("2 of 2 points have no result: no tile fits", 0) ==
        0);
}

TEST_CASE("verdict: parts of the DRAM's energy count as one") {
  SweepResults results = sweep({"n"}, {point({"8"}, 10e9, 1e-3)});
  json::object& metrics = results.points[0].metrics;
  metrics.erase("energy.components.dram");
  metrics["energy.components.array"] = 3e9;
  metrics["energy.components.array_clock"] = 1e9;
  metrics["energy.components.dram_activate"] = 2.5e9;
  metrics["energy.components.dram_read_burst"] = 3.5e9;
  CHECK(sweep_verdict(results).headline.find("DRAM is 60 % of the energy") != std::string::npos);
}

TEST_CASE("report data: causes in their own order, a cause that is called as a component too") {
  CHECK(in_order({"idle", "dequantizer", "dram_read", "array_busy"}) ==
        std::vector<std::string>{"array_busy", "dram_read", "dequantizer", "idle"});
  CHECK(in_order({"x", "dram_refresh", "dequantizer", "dram", "array"}) ==
        std::vector<std::string>{"array", "dequantizer", "dram", "dram_refresh", "x"});
}

TEST_CASE("report data: parts in the order of the machine, axes with units are numbers") {
  const std::vector<PointResult> points = {point({"64 KiB", "x"}, 4e9, 1e-3),
                                           point({"128 KiB", "x"}, 2e9, 1e-3),
                                           point({"1 MiB", "x"}, 1e9, 1e-3)};
  const json::object data = report_data({"points",
                                         {"accelerator.buffers.input.capacity", "layer"},
                                         {&points[0], &points[1], &points[2]}},
                                        {});
  const json::array& columns = data.at("columns").as_array();
  CHECK(columns[0].at("title") == "input capacity");
  CHECK(columns[0].at("numbers").as_array() == json::array{65536.0, 131072.0, 1048580.0});
  CHECK(columns[1].at("numbers").is_null());
  for (const json::value& chart : data.at("charts").as_array()) {
    if (chart.at("id") != "energy") continue;
    const json::array& parts = chart.at("parts").as_array();
    CHECK(parts[0].at("name") == "array");
    CHECK(parts[1].at("name") == "dram");
    CHECK(parts[1].at("values").as_array() == json::array{3e-3, 1.5e-3, 7.5e-4});
  }
}

}  // namespace bitjoule::verdict_test
