// Names of metrics that are known before anything runs, against those of results.
#include "sim/sweep/metric_names.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "sim/schema/run_file.h"
#include "sim/sweep/results.h"
#include "support/shell.h"

namespace bitjoule::metric_names_test {
namespace {

using namespace test;

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

}  // namespace

TEST_CASE("metric names: those of results, but for components and commands that did nothing") {
  struct Row {
    const char* base;
    std::vector<Override> set;
  };
  const std::vector<Row> rows = {
      {"quickstart.yaml", {{"values", "on"}, {"dram", "ideal.yaml"}}},
      {"quickstart.yaml", {{"values", "off"}, {"dram", "ddr4-2400-x8.yaml"}}},
      {"resnet50.yaml", {{"network", "mlperf-tiny-ad.yaml"}}},
      {"resnet50.yaml", {{"network", "mlperf-tiny-ad.yaml"}, {"values", "on"}}},
      {"llama2-7b-decode.yaml", {{"network", "stories260k.yaml"}}},
      {"llama2-7b-chat.yaml",
       {{"network", "stories260k.yaml"},
        {"precision.weights.format", "int8"},  // 172 columns are no whole blocks of q4_0
        {"generate.tokens", "3"}}},
  };
  for (const Row& row : rows) {
    const TemporaryDirectory dir;
    std::string command = std::string("{sim} run '") + row.base + "' --quiet -o " + dir.at("out");
    for (const Override& o : row.set) command += " --set " + o.path + "=" + o.value;
    CAPTURE(command);
    const Outcome outcome = shell(command);
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    std::set<std::string> named, found;
    for (const MetricName& name : metric_names(read_run(file_source(row.base), row.set)))
      named.insert(name.name);
    const auto result = boost::json::parse(text_of(dir.at("out/result.json"))).as_object();
    for (const auto& metric : flatten(result)) found.insert(std::string(metric.key()));
    for (const std::string& name : found) {
      CAPTURE(name);
      CHECK(named.count(name) == 1);
    }
    for (const std::string& name : named) {
      CAPTURE(name);
      const bool may_be_idle = starts_with(name, "energy.components.") ||
                               starts_with(name, "energy.static.") ||
                               name.find(".dram_parts.") != std::string::npos ||
                               starts_with(name, "dram.commands.") || name == "error.sqnr_db";
      CHECK((may_be_idle || found.count(name) == 1));
    }
  }
}

TEST_CASE("sweep: names of metrics that no point can have are refused before anything runs") {
  struct Row {
    const char* metrics;
    const char* pareto;
    const char* message;
  };
  const Row kRows[] = {
      {"[energy.totl_pj]", "cycles",
       "s: metrics: no result of this sweep has \"energy.totl_pj\", did you mean "
       "\"energy.total_pj\"?"},
      {"[cycles, 'nothing of the kind']", "cycles", "has \"nothing of the kind\""},
      {"[cycles]", "cycles,error.sqnr", "--pareto: no result of this sweep has \"error.sqnr\""},
      {"[bound]", "bound", "--pareto: \"bound\" is not a number"},
      // Values are off, and there is no network.
      {"[error.sqnr_db]", "cycles", "has \"error.sqnr_db\""},
      {"[network.pass.tokens]", "cycles", "has \"network.pass.tokens\""},
  };
  for (const Row& row : kRows) {
    const TemporaryDirectory dir;
    const std::string file =
        write_file(dir, "s.yaml",
                   "base: quickstart.yaml\nset: {layer: {gemm: {m: 1, n: 8, k: 8}}, values: off}\n"
                   "axes: [{path: accelerator.array.rows, values: [4, 8]}]\nmetrics: " +
                       std::string(row.metrics) + "\n");
    const std::string command = fmt::format("{{sim}} sweep {} --pareto {} -o {} --store {}", file,
                                            row.pareto, dir.at("out"), dir.at("store"));
    for (const char* dry : {"", " --dry-run"}) {
      const Outcome outcome = shell(command + dry);
      CAPTURE(outcome.text);
      CHECK(outcome.code == 2);
      CHECK(outcome.text.find(row.message) != std::string::npos);
    }
    CHECK(!fs::exists(dir.at("out")));
    CHECK(!fs::exists(dir.at("store")));
  }
}

TEST_CASE(
    "sweep: a metric that only some points have, or that none turns out to have, is no error") {
  const TemporaryDirectory dir;
  // Exact outputs have no SQNR; an int8 machine has nothing to dequantize.
  const std::string file = write_file(dir, "s.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 1, n: 8, k: 8}}}
axes: [{path: values, values: [off, on]}]
metrics: [energy.components.dequantizer, error.sqnr_db]
)");
  const Outcome outcome = shell("{sim} sweep " + file + " --pareto cycles -o " + dir.at("out"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
  CHECK(fs::exists(dir.at("out/pareto.csv")));
}

}  // namespace bitjoule::metric_names_test
