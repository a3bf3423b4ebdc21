#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "core/error.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/output.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/results.h"

namespace bitjoule::sweep_results_test {
namespace {

PointResult point(const std::string& label, const boost::json::object& metrics) {
  PointResult result;
  result.labels = {label};
  result.status = PointStatus::kDone;
  result.metrics = metrics;
  return result;
}

SweepResults results_of(std::vector<PointResult> points) {
  SweepResults results;
  results.columns = {"format"};
  results.points = std::move(points);
  results.points_in_sweep = results.points.size();
  for (std::size_t i = 0; i < results.points.size(); ++i) results.points[i].index = i;
  return results;
}

}  // namespace

std::string text_of(const SweepResults& results) {
  JsonText text;
  write_json(results, text);
  return text.take();
}

TEST_CASE("sweep results: the scalars of a result, without what belongs to layers and actions") {
  const boost::json::value result = boost::json::parse(
      R"({"schema_version": 2, "name": "x", "cycles": 7, "config": {"a": 1}, "layers": [{"b": 2}],
          "energy": {"total_pj": 1.5, "prices": [], "components": {"dram": 1.0}},
          "error": null, "verified": true, "roofline": {"bound": "dram"}})");
  CHECK(boost::json::serialize(flatten(result.as_object())) ==
        R"({"cycles":7,"energy.total_pj":1.5E0,"energy.components.dram":1E0,)"
        R"("verified":true,"roofline.bound":"dram"})");
}

TEST_CASE("sweep results: columns of all points, each after its predecessor, cells are quoted") {
  SweepResults results = results_of({point("a,b", {{"x", 1}, {"z", 2.5}}),
                                     point("say \"c\"", {{"x", 3}, {"y", true}, {"z", 4}})});
  results.points.push_back(point("d", {}));
  results.points[2].status = PointStatus::kFailed;
  results.points[2].message = "too, late";
  CHECK(results_csv(results) ==
        "point,format,status,x,y,z,hash,message\n"
        "\"a,b\",\"a,b\",done,1,,2.5,,\n"
        "\"say \"\"c\"\"\",\"say \"\"c\"\"\",done,3,true,4,,\n"
        "d,d,failed,,,,,\"too, late\"\n");
}

TEST_CASE("sweep results: JSON reads back, what is not one is refused with its name") {
  SweepResults results = results_of({point("a", {{"x", 1.5}})});
  results.baseline["format"] = {"a", "b"};
  results.metrics = {"x"};
  results.points[0].hash = "0123456789abcdef0123456789abcdef";
  const std::string text = text_of(results);
  CHECK(text_of(read_results("f", text)) == text);
  for (const char* bad : {"", "[]", "{}", R"({"schema_version": 2})"})
    CHECK_THROWS_WITH_AS(read_results("f.json", bad), doctest::Contains("f.json"), Error);
}

TEST_CASE("sweep results: exact outputs have an infinite SQNR, absent ones none") {
  const auto exact = point("", {{"error.max_abs", 0.0}, {"error.compared", 8}});
  CHECK(metric_of(exact, "error.sqnr_db") == std::numeric_limits<double>::infinity());
  CHECK(!metric_of(point("", {{"error.max_abs", 0.0}, {"error.compared", 0}}), "error.sqnr_db"));
  CHECK(!metric_of(
      point("", {{"error.max_abs", 0.0}, {"error.compared", 8}, {"error.not_finite", 1}}),
      "error.sqnr_db"));
  CHECK(!metric_of(point("", {}), "error.sqnr_db"));
  CHECK(!metric_of(exact, "time_s"));
}

TEST_CASE("pareto: by hand, less energy and more SQNR") {
  const auto make = [](const char* name, double energy, double sqnr) {
    return point(name, {{"energy.total_pj", energy}, {"error.sqnr_db", sqnr}});
  };
  const SweepResults results =
      results_of({make("cheap", 1, 10), make("dear", 9, 50), make("beaten", 9, 40),
                  make("twin", 1, 10), point("without", {{"energy.total_pj", 0.5}})});
  std::string names;
  for (const PointResult* p : pareto_front(results, {"energy.total_pj", "error.sqnr_db"}))
    names += p->labels[0] + " ";
  CHECK(names == "cheap dear twin ");
}

TEST_CASE("pareto: in one metric it is the minimum, every point is beaten by one of the front") {
  constexpr unsigned kSeed = 11;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  std::vector<PointResult> points;
  for (int i = 0; i < 60; ++i)
    points.push_back(point(std::to_string(i), {{"a", static_cast<int>(random() % 20)},
                                               {"b", static_cast<int>(random() % 20)},
                                               {"utilization", static_cast<int>(random() % 9)}}));
  const SweepResults results = results_of(points);
  double least = 20;
  for (const PointResult& p : results.points) least = std::min(least, *metric_of(p, "a"));
  for (const PointResult* p : pareto_front(results, {"a"})) CHECK(*metric_of(*p, "a") == least);
  const auto front = pareto_front(results, {"a", "b", "utilization"});
  for (const PointResult& p : results.points) {
    bool is_covered = false;
    for (const PointResult* f : front)
      is_covered = is_covered || (*metric_of(*f, "a") <= *metric_of(p, "a") &&
                                  *metric_of(*f, "b") <= *metric_of(p, "b") &&
                                  *metric_of(*f, "utilization") >= *metric_of(p, "utilization"));
    CHECK(is_covered);
  }
}

TEST_CASE("pareto: less work is no better machine, and an unknown area no small one") {
  const auto make = [](const char* name, const char* workload, double time) {
    return point(name, {{"workload", workload}, {"time_s", time}, {"area.total_mm2", 1.0}});
  };
  PointResult unknown = make("unknown", "conv", 0.1);
  unknown.metrics.erase("area.total_mm2");
  unknown.metrics["area.unknown"] = "array, 4 x fp8_e4m3 MAC";
  const SweepResults results =
      results_of({make("a", "conv", 3), make("b", "conv", 2), make("c", "gemm", 1), unknown});
  const std::vector<std::string> metrics = {"time_s", "area.total_mm2"};
  std::string names;
  for (const PointResult* p : pareto_front(results, metrics)) names += p->labels[0] + " ";
  CHECK(names == "b c ");
  const std::string text = summary_text(results, metrics);
  CAPTURE(text);
  CHECK(text.find("2 workloads, points are ranked within each alone: conv; gemm.") !=
        std::string::npos);
  CHECK(text.find("1 of 4 points are left out, as they have no area.total_mm2: no figure of array, "
                  "4 x fp8_e4m3 MAC.") != std::string::npos);
}

TEST_CASE("sweep constraints: read, and refused with what was expected") {
  const Constraint c = parse_constraint(" area.total_mm2 <=  4.5 ");
  CHECK(c.metric == "area.total_mm2");
  CHECK(c.relation == "<=");
  CHECK(c.bound == 4.5);
  CHECK(c.holds(4.5));
  CHECK(!c.holds(4.6));
  CHECK(parse_constraint("x<2").holds(1.9));
  CHECK(!parse_constraint("x<2").holds(2));
  CHECK(parse_constraint("x > -1e3").holds(0));
  CHECK(parse_constraint("x>=2").holds(2));
  for (const char* text : {"", "x", "x <=", "<= 4", "x <= 4 mm2", "x = 4", "x <= y"})
    CHECK_THROWS_AS(parse_constraint(text), Error);
}

TEST_CASE("sweep constraints: points that break one are kept, marked, counted, and in no front") {
  SweepResults results =
      results_of({point("small", {{"area", 3}, {"time", 2}}),
                  point("large", {{"area", 5}, {"time", 1}}), point("unknown", {{"time", 0.5}})});
  const std::vector<std::string> both = {"time"};
  CHECK(pareto_front(results, both).front()->labels[0] == "unknown");
  results.constraints = {"area <= 4", "time < 1"};
  CHECK(broken_constraints(results, results.points[1]) == "area <= 4; time < 1");
  results.constraints = {"area <= 4"};
  CHECK(broken_constraints(results, results.points[0]).empty());
  CHECK(broken_constraints(results, results.points[1]) == "area <= 4");
  CHECK(broken_constraints(results, results.points[2]) == "area <= 4, not known");
  REQUIRE(pareto_front(results, both).size() == 1);
  CHECK(pareto_front(results, both).front()->labels[0] == "small");
  CHECK(count_broken(results) == 2);
  CHECK(results_csv(results) ==
        "point,format,status,breaks,area,time,hash,message\n"
        "small,small,done,,3,2,,\n"
        "large,large,done,area <= 4,5,1,,\n"
        "unknown,unknown,done,\"area <= 4, not known\",,0.5,,\n");
  CHECK(summary_text(results, {}).find("2 of 3 points break a constraint (area <= 4)") !=
        std::string::npos);
  for (PointResult& p : results.points) p.hash = "0123456789abcdef0123456789abcdef";
  const SweepResults again = read_results("x", text_of(results));
  CHECK(again.constraints == results.constraints);
}

}  // namespace bitjoule::sweep_results_test
