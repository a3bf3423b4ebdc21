// The preset `scalesim` against cycles that SCALE-Sim measured (tests/golden/scalesim_cycles.csv:
// its compute-only reports, which count the last cycle's index), and against its published closed
// forms.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "hw/accelerator.h"
#include "run/layer_runner.h"
#include "sim/schema/run_file.h"
#include "support/paths.h"

namespace bitjoule::scalesim_test {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
  return fields;
}

std::int64_t simulated(std::int64_t rows, std::int64_t cols, const std::string& dataflow,
                       const std::string& layer) {
  const RunConfig run = read_run(file_source(test::source_dir() + "/configs/runs/scalesim.yaml"),
                                 {{"accelerator.array.rows", std::to_string(rows)},
                                  {"accelerator.array.cols", std::to_string(cols)},
                                  {"accelerator.array.dataflow", dataflow},
                                  {"layer", layer}});
  const MappingProblem problem =
      make_problem(run.accelerator, memory_port(run.dram, run.accelerator.clock), run.layer.op,
                   run.precision, run.mapping);
  return compute_cycles(problem, make_program(problem, map_layer(problem, run.mapping).tiling));
}

std::int64_t simulated(std::int64_t rows, std::int64_t cols, const std::string& dataflow,
                       std::int64_t m, std::int64_t n, std::int64_t k) {
  return simulated(rows, cols, dataflow, fmt::format("{{gemm: {{m: {}, n: {}, k: {}}}}}", m, n, k));
}

}  // namespace

TEST_CASE("scalesim: every measured row") {
  std::ifstream file(test::source_dir() + "/tests/golden/scalesim_cycles.csv");
  std::string line;
  std::getline(file, line);
  REQUIRE(line.rfind("array_rows,array_cols,dataflow,topology,layer,m,n,k,", 0) == 0);
  int rows = 0;
  while (std::getline(file, line)) {
    const std::vector<std::string> f = split(line);
    REQUIRE(f.size() == 13);
    CAPTURE(line);
    CHECK(simulated(std::stoll(f[0]), std::stoll(f[1]), f[2], std::stoll(f[5]), std::stoll(f[6]),
                    std::stoll(f[7])) == std::stoll(f[11]));
    ++rows;
  }
  CHECK(rows == 125);
}

TEST_CASE("scalesim: the closed forms on shapes that were not measured") {
  const auto ceil = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  for (const std::int64_t h : {1, 3, 16})
    for (const std::int64_t w : {1, 5, 24})
      for (const auto& shape : {std::array<std::int64_t, 3>{1, 1, 1}, {7, 50, 33}, {64, 3, 129}}) {
        const std::int64_t m = shape[0], n = shape[1], k = shape[2];
        CAPTURE(h);
        CAPTURE(w);
        CAPTURE(m);
        CHECK(simulated(h, w, "os", m, n, k) == ceil(m, h) * ceil(n, w) * (h + w + k - 2) - 1);
        CHECK(simulated(h, w, "ws", m, n, k) == ceil(k, h) * ceil(n, w) * (2 * h + w + m - 2) - 1);
        CHECK(simulated(h, w, "is", m, n, k) == ceil(k, h) * ceil(m, w) * (2 * h + w + n - 2) - 1);
      }
}

TEST_CASE(
    "scalesim: convolutions are the products that they lower to, whatever their strides skip") {
  const auto ceil = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t h = 12, w = 5;
  // Outputs per axis, kernel, stride, channels, filters.
  for (const auto& c : {std::array<std::int64_t, 5>{7, 1, 1, 40, 9},
                        {7, 1, 2, 40, 9},
                        {5, 1, 4, 3, 30},
                        {9, 3, 1, 8, 8},
                        {9, 3, 2, 70, 11},
                        {6, 11, 4, 3, 16},
                        {4, 3, 4, 8, 16},  // rows between windows that one tile fetches in vain
                        {3, 2, 6, 9, 24}}) {
    const std::int64_t size = (c[0] - 1) * c[2] + c[1];
    const std::string layer = fmt::format(
        "{{conv2d: {{height: {0}, width: {0}, channels: {1}, filters: {2}, kernel: {3}, "
        "stride: {4}}}}}",
        size, c[3], c[4], c[1], c[2]);
    const std::int64_t m = c[0] * c[0], n = c[4], k = c[1] * c[1] * c[3];
    CAPTURE(layer);
    CHECK(simulated(h, w, "os", layer) == ceil(m, h) * ceil(n, w) * (h + w + k - 2) - 1);
    CHECK(simulated(h, w, "ws", layer) == ceil(k, h) * ceil(n, w) * (2 * h + w + m - 2) - 1);
    CHECK(simulated(h, w, "is", layer) == ceil(k, h) * ceil(m, w) * (2 * h + w + n - 2) - 1);
  }
}

}  // namespace bitjoule::scalesim_test
