// `sim sweep` as a user runs it, killed and resumed.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/shell.h"

namespace bitjoule {
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

/// Starts a sweep in a process group of its own.
pid_t start_sweep(const std::string& file, const std::string& output) {
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    const std::string program = sim_program();
    execl(program.c_str(), program.c_str(), "sweep", file.c_str(), "-o", output.c_str(), "-j", "2",
          "--quiet", nullptr);
    _exit(127);
  }
  return pid;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream in(
      text_of(fs::path("/proc") / std::to_string(pid) / "task" / std::to_string(pid) / "children"));
  std::vector<pid_t> pids;
  for (pid_t child; in >> child;) pids.push_back(child);
  return pids;
}

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
  };
  const Row kRows[] = {
      {"axes: [{path: layer.gemm.n, values: []}]", "axis layer.gemm.n is empty"},
      {"axes: []", "axes: expected at least one"},
      {"axes: [{path: layer.gemm.rows, values: [1]}]",
       "layer.gemm.rows=1: axis layer.gemm.rows: unknown key \"rows\""},
      {"axes: [{path: precision.mac, values: [int8, fp99]}]",
       "precision.mac=fp99: axis precision.mac: expected one of"},
      {"axes: [{path: layer.gemm.n, values: [1, 2, 1]}]", "layer.gemm.n has the value \"1\" twice"},
      {"axes: [{path: seed, values: [1]}, {path: seed, values: [2]}]", "\"seed\" is given twice"},
      {"axes: [{path: seed, values: [1]}]\nexclude: [{sed: 1}]", "did you mean \"seed\"?"},
      {"axes: [{path: seed, values: [1]}]\nexclude: [{seed: 1}]", "exclude leaves no point"},
      {"axes: [{path: seed, values: [1]}]\nbaseline: {seed: 3}", "seed has no value \"3\""},
      {"axes: [{zip: [{path: seed, values: [1]}, {path: layer.gemm.n, values: [1, 2]}]}]",
       "expected as many values for layer.gemm.n as for seed (1), got 2"},
      {"axes: [{path: seed, values: [1, 2]}, {path: layer.gemm.n, values: [1, 2]}]",
       "above 3 points (at axis layer.gemm.n with 2 values)"},
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
    CHECK(!fs::exists(dir.at("out")));
  }
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

TEST_CASE("sweep: killed at any moment, as a whole or a worker of it, it resumes to equal bytes") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "tiny.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet -o " + dir.at("whole")).code == 0);
  const auto expected = contents(dir.at("whole"));
  constexpr unsigned kSeed = 6;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (int round = 0; round < 8; ++round) {
    const std::string output = dir.at("killed-" + std::to_string(round));
    for (int kill_count = 0; kill_count < 3; ++kill_count) {
      const pid_t pid = start_sweep(file, output);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 200'000));
      const std::vector<pid_t> workers = children_of(pid);
      if (round % 2 == 0)
        kill(pid, SIGKILL);
      else if (!workers.empty())
        kill(workers[0], SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    std::string resume = "{sim} sweep ";
    resume.append(file).append(" --quiet -o ").append(output);
    REQUIRE(shell(resume).code == 0);
    CHECK(contents(output) == expected);
  }
}

TEST_CASE("sweep: a full disk stops it; with space again it resumes to equal bytes") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "tiny.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet -o " + dir.at("whole")).code == 0);
  // A limit on file size fails writes half-way as a full disk does.
  const std::string command = "{sim} sweep " + file + " --quiet -o " + dir.at("out");
  const Outcome full = shell("trap '' XFSZ; ulimit -f 4; " + command);
  CAPTURE(full.text);
  CHECK(full.code == 2);
  CHECK(full.text.find("cannot be written: File too large") != std::string::npos);
  CHECK(!fs::exists(dir.at("out/results.csv")));
  CHECK(shell(command).code == 0);
  CHECK(contents(dir.at("out")) == contents(dir.at("whole")));
}

TEST_CASE("sweep: SIGINT ends it cleanly with exit code 130, and leaves no worker") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 4096, n: 4096, k: 4096}}}
axes: [{path: seed, values: [1, 2]}]
)");
  const pid_t pid = start_sweep(file, dir.at("out"));
  std::vector<pid_t> workers;
  for (int i = 0; i < 6000 && workers.size() < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    workers = children_of(pid);
  }
  REQUIRE(workers.size() == 2);
  kill(pid, SIGINT);
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  for (pid_t worker : workers) CHECK(kill(worker, 0) != 0);
  CHECK(contents(dir.at("out")).empty());
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

}  // namespace bitjoule
