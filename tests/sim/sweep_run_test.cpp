// `sim sweep` as a user runs it, killed and resumed.
#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/shell.h"

namespace bitjoule::sweep_run_test {
namespace {

using namespace test;

/// 24 points; the base's layer is replaced by a tiny one.
const char* const kSweep = R"(name: tiny
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}}
axes:
  - {path: precision.weights.format, values: [int8, int4, int2]}
  - {path: layer.gemm.n, values: [8, 16, 24, 32]}
  - {path: accelerator.array.rows, values: [4, 8]}
metrics: [energy.total_pj, cycles]
baseline: {precision.weights.format: int8}
)";

}  // namespace

TEST_CASE("sweep: one row per point, the last axis fastest, ratios to the baseline") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "tiny.yaml", kSweep);
  const Outcome outcome = shell("{sim} sweep " + file + " -j 2 -o " + dir.at("out"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
  CHECK(outcome.text.find("precision.weights.format int8") != std::string::npos);
  std::istringstream csv(text_of(dir.at("out/results.csv")));
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  REQUIRE(lines.size() == 1 + 3 * 4 * 2);
  CHECK(lines[0].rfind("point,precision.weights.format,layer.gemm.n,accelerator.array.rows,status,",
                       0) == 0);
  CHECK(lines[0].find(",energy.total_pj,") != std::string::npos);
  CHECK(lines[0].find(",dram.per_tensor.weights.read_bytes,") != std::string::npos);
  CHECK(lines[1].rfind("\"int8, 8, 4\",int8,8,4,done,", 0) == 0);
  CHECK(lines[2].rfind("\"int8, 8, 8\",int8,8,8,done,", 0) == 0);
  CHECK(lines[24].rfind("\"int2, 32, 8\",int2,32,8,done,", 0) == 0);
}

TEST_CASE("sweep: variants, zipped axes, exclude and --set") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 1, n: 8, k: 8}}, values: off}
axes:
  - zip:
      - {path: accelerator.array.rows, values: [4, 8]}
      - {path: accelerator.array.cols, values: [8, 4]}
  - name: machine
    variants:
      - {name: native}
      - {name: float, set: {precision.activations: fp32, precision.mac: fp32}}
exclude:
  - {machine: float, accelerator.array.rows: [4]}
)");
  const Outcome outcome = shell("{sim} sweep " + file + " --dry-run --set layer.gemm.m=3");
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
  for (const char* point : {"  4, 8, native\n", "  8, 4, native\n", "  8, 4, float\n", "3 points"})
    CHECK(outcome.text.find(point) != std::string::npos);
  CHECK(outcome.text.find("4, 8, float") == std::string::npos);
}

TEST_CASE("sweep: what cannot run is refused before anything does, naming axis and value") {
  struct Row {
    const char* text;
    const char* message;
    const char* point = "";  // and at which point
  };
  const Row kRows[] = {
      {"axes: [{path: layer.gemm.n, values: []}]", "axis layer.gemm.n is empty"},
      {"axes: []", "axes: expected at least one"},
      {"axes: [{path: layer.gemm.rows, values: [1]}]",
       "bad.yaml:2:41: layer.gemm.rows: unknown key \"rows\"", "at layer.gemm.rows=1: "},
      {"axes: [{path: precision.mac, values: [int8, fp99]}]",
       "bad.yaml:2:45: precision.mac: expected one of", "at precision.mac=fp99: "},
      {"axes: [{path: layer.gemm.n, values: [1, 2, 1]}]", "layer.gemm.n has the value \"1\" twice"},
      {"axes: [{path: seed, values: [1]}, {path: seed, values: [2]}]", "\"seed\" is given twice"},
      {"axes: [{path: seed, values: [1]}]\nexclude: [{sed: 1}]", "did you mean \"seed\"?"},
      {"axes: [{path: seed, values: [1]}]\nexclude: [{seed: 1}]", "exclude leaves no point"},
      {"axes: [{path: seed, values: [1]}]\nbaseline: {seed: 3}", "seed has no value \"3\""},
      {"axes: [{zip: [{path: seed, values: [1]}, {path: layer.gemm.n, values: [1, 2]}]}]",
       "expected as many values for layer.gemm.n as for seed (1), got 2"},
      {"axes: [{path: seed, values: [1, 2]}, {path: layer.gemm.n, values: [1, 2]}]",
       "above 3 points (at axis layer.gemm.n with 2 values)"},
      {"axes: [{name: status, variants: [{name: a}]}]", "expected another name than \"status\""},
      {"axes: [{path: seed, values: [1]}]\nbaseline: {seed: []}", "seed: expected a value"},
      {"axes: [{path: layer.gemm.n, values: [1]}, {path: layer, values: [article-filter.yaml]}]",
       "layer.gemm.n of axis layer.gemm.n is replaced by layer of axis layer"},
      {"axes: [{path: seed, values: [1]}, {variants: [{name: a, set: {seed: 2}}]}]",
       "seed of axis seed is replaced by seed of axis variant"},
      {"axes: [{path: layer..n, values: [1]}]", "empty key in the path \"layer..n\""},
      {"axes: [{path: seed, values: [99999999999999999999]}]",
       "bad.yaml:2:30: seed: expected at least 0", "at seed=99999999999999999999: "},
      {"axes: [{path: layer.gemm.n, values: [4294967296]}]",
       "layer.gemm.n: expected 1..2147483648, got \"4294967296\""},
      // Each value is fine by itself; together the formats and the MAC do not fit.
      {"axes: [{path: precision.activations, values: [fp32]}, {path: precision.mac, values: "
       "[int8]}]",
       "at precision.activations=fp32, precision.mac=int8: "},
  };
  for (const Row& row : kRows) {
    const TemporaryDirectory dir;
    const std::string file =
        write_file(dir, "bad.yaml", std::string("base: quickstart.yaml\n") + row.text + "\n");
    const Outcome outcome = shell("{sim} sweep " + file + " --max-points 3 -o " + dir.at("out"));
    CAPTURE(row.text);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(row.message) != std::string::npos);
    CHECK(outcome.text.find(row.point) != std::string::npos);
    CHECK(!fs::exists(dir.at("out")));
  }
}

TEST_CASE("sweep: a network whose sums leave 32 bits is a failed point, as exit code 3 of a run") {
  const TemporaryDirectory dir;
  write_file(dir, "net.yaml", "name: net\nlayers:\n- {name: wide, gemm: {m: 4, n: 8, k: 4096}}\n");
  const std::string run = write_file(
      dir, "run.yaml",
      "accelerator: edge-16x16.yaml\nnetwork: net.yaml\nvalues: on\nprecision: {weights: {format: "
      "int16, granularity: per_channel}, activations: int16, output: fp32}\n");
  CHECK(shell("{sim} run " + run + " --quiet").code == 3);
  const std::string file = write_file(
      dir, "s.yaml",
      "base: run.yaml\naxes: [{path: precision.weights.format, values: [int8, int16]}]\n");
  const Outcome outcome = shell("{sim} sweep " + file + " -o " + dir.at("out"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 1);
  CHECK(outcome.text.find("1 of 2 points failed") != std::string::npos);
  CHECK(outcome.text.find("wide: ") != std::string::npos);
  CHECK(outcome.text.find("sums left the range of the 32-bit accumulators") != std::string::npos);
}

TEST_CASE("sweep: a base that is no run is refused") {
  const TemporaryDirectory dir;
  const std::string axes = "\naxes: [{path: seed, values: [1]}]\n";
  for (const auto& [base, message] :
       {std::pair("self.yaml", "expected a run file; "), std::pair("nowhere.yaml", "no such run"),
        std::pair("[1]", "or a map, got a list"), std::pair("", "base")}) {
    const std::string file = write_file(dir, "self.yaml", std::string("base: ") + base + axes);
    const Outcome outcome = shell("{sim} sweep " + file + " -o " + dir.at("out"));
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(message) != std::string::npos);
    CHECK(!fs::exists(dir.at("out")));
  }
}

TEST_CASE("sweep: files are looked up beside the sweep file, then among the shipped ones") {
  const TemporaryDirectory dir;
  for (const char* folder : {"sweeps", "mine", "mine/dram"}) fs::create_directories(dir.at(folder));
  write_file(dir, "mine/base.yaml", R"(
accelerator: {base: edge-32x32.yaml, dram: dram/slow.yaml}
layer: {gemm: {m: 1, n: 8, k: 8}}
precision: {weights: int8, activations: int8, mac: int8}
values: off
)");
  write_file(dir, "mine/dram/slow.yaml", "{base: ideal.yaml, name: slow, bandwidth: 1 GB/s}");
  write_file(dir, "mine/thin.yaml", "{name: thin, gemm: {m: 1, n: 8, k: 64}}");
  write_file(dir, "mine/lone.yaml", "{base: edge-32x32.yaml, array: {rows: 8, cols: 8}}");
  // Beside the file, in a variant, as `base` of a map, and a shipped one.
  const std::string file = write_file(dir, "sweeps/s.yaml", R"(
base: ../mine/base.yaml
axes:
  - {path: layer, values: [../mine/thin.yaml, article-filter.yaml]}
  - name: memory
    variants:
      - {name: slow, set: {dram: ../mine/dram/slow.yaml}}
      - {name: slower, set: {dram: {base: ../mine/dram/slow.yaml, bandwidth: 500 MB/s}}}
)");
  // From anywhere.
  const Outcome outcome = shell("cd / && {sim} sweep " + file + " --quiet -o " + dir.at("out") +
                                " && cat " + dir.at("out/results.csv"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.text.find("\"../mine/thin.yaml, slower\"") != std::string::npos);
  // A base that is a map in the sweep file names files as the sweep file does.
  write_file(dir, "sweeps/map.yaml", R"(
base:
  accelerator: ../mine/lone.yaml
  dram: ../mine/dram/slow.yaml
  layer: ../mine/thin.yaml
  precision: {weights: int8, activations: int8, mac: int8}
axes: [{path: seed, values: [1, 2]}]
)");
  CHECK(shell("cd / && {sim} sweep " + dir.at("sweeps/map.yaml") + " --dry-run").code == 0);
  const std::string lost = write_file(dir, "sweeps/lost.yaml",
                                      "base: ../mine/base.yaml\n"
                                      "axes: [{path: layer, values: [nowhere.yaml]}]\n");
  const Outcome refused = shell("{sim} sweep " + lost + " --dry-run");
  CAPTURE(refused.text);
  CHECK(refused.code == 2);
  CHECK(refused.text.find("at layer=nowhere.yaml: " + lost +
                          ":2:31: layer: no such file \"nowhere.yaml\" (looked beside") !=
        std::string::npos);
}

TEST_CASE("sweep: a point that fails is recorded with its message, the others go on") {
  const TemporaryDirectory dir;
  // Sums of 4096 products of 16-bit numbers leave the 32-bit accumulators.
  const std::string file = write_file(dir, "s.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 1, n: 8, k: 4096}}}
axes:
  - zip:
      - {path: precision.weights.format, values: [int16, int8]}
      - {path: precision.activations, values: [int16, int8]}
      - {path: precision.mac, values: [int16, int8]}
)");
  const std::string command = "{sim} sweep " + file + " -j 2 -o " + dir.at("out");
  const Outcome first = shell(command);
  CAPTURE(first.text);
  CHECK(first.code == 1);
  CHECK(first.text.find("1 of 2 points failed") != std::string::npos);
  CHECK(first.text.find("sums left the range of the 32-bit accumulators") != std::string::npos);
  const auto files = contents(dir.at("out"));
  CHECK(shell(command).code == 1);
  CHECK(contents(dir.at("out")) == files);
  CHECK(shell(command + " --retry-failed").code == 1);
  CHECK(contents(dir.at("out")) == files);

  const Outcome late = shell("{sim} sweep " + write_file(dir, "late.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 4096, n: 4096, k: 4096}}}
axes: [{path: seed, values: [1]}]
)") + " --timeout 1 -o " + dir.at("late"));
  CHECK(late.code == 1);
  CHECK(late.text.find("failed: took longer than 1 s") != std::string::npos);
}

TEST_CASE("sweep: two sweeps share a store at once, and a third finds all in it") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "tiny.yaml", kSweep);
  const std::string with_store = " --quiet -j 2 --store " + dir.at("store") + " -o ";
  const Outcome both = shell("{sim} sweep " + file + with_store + dir.at("a") + " & {sim} sweep " +
                             file + with_store + dir.at("b") + "; code=$?; wait $! && exit $code");
  CAPTURE(both.text);
  CHECK(both.code == 0);
  CHECK(contents(dir.at("a")) == contents(dir.at("b")));
  CHECK(contents(dir.at("a")).size() == 2);
  CHECK(contents(dir.at("store")).size() == 24);
  const Outcome third = shell("{sim} sweep " + file + " --dry-run --store " + dir.at("store"));
  CHECK(third.text.find("24 points, 24 known") != std::string::npos);
}

}  // namespace bitjoule::sweep_run_test
