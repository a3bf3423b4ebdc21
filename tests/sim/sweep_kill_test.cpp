// `sim sweep` whose processes are killed and whose disk fills up, at moments that are no times:
// bytes written, results stored.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/shell.h"

namespace bitjoule::sweep_kill_test {
namespace {

using namespace test;

constexpr std::size_t kPoints = 12;
const char* const kSweep = R"(name: tiny
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}}
axes:
  - {path: precision.weights.format, values: [int8, int4, int2]}
  - {path: layer.gemm.n, values: [8, 16]}
  - {path: accelerator.array.rows, values: [4, 8]}
metrics: [energy.total_pj, cycles]
baseline: {precision.weights.format: int8}
)";

using Files = std::map<std::string, std::string>;

std::int64_t bytes_in(const Files& files) {
  std::size_t sum = 0;
  for (const auto& [name, text] : files) sum += text.size();
  return static_cast<std::int64_t>(sum);
}

Files files_in(const std::string& directory) {
  return fs::exists(directory) ? contents(directory) : Files();
}

std::size_t results_in(const std::string& output) {
  std::size_t count = 0;
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator(output + "/points", gone))
    count += entry.path().extension() == ".json" ? 1U : 0U;
  return count;
}

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

/// Waits until `condition` or the end of the process, which it then reaps; says whether it runs.
template <class Condition>
bool runs_until(pid_t pid, Condition condition) {
  while (!condition()) {
    if (waitpid(pid, nullptr, WNOHANG) != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

TEST_CASE("sweep: killed or out of disk at any byte that it writes, it resumes to equal bytes") {
  const TemporaryDirectory dir;
  const std::string sweep =
      "{sim} sweep " + write_file(dir, "tiny.yaml", kSweep) + " --quiet -j 2 -o ";
  REQUIRE(shell(sweep + dir.at("whole")).code == 0);
  const Files expected = contents(dir.at("whole"));
  REQUIRE(expected.size() == kPoints + 2);
  constexpr unsigned kSeed = 6;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (const std::string fault : {"parent", "worker", "full"}) {
    const std::string output = dir.at(fault);
    for (int times = 0; times < 3; ++times) {
      // A byte that is still to be written, so that the fault does happen.
      const std::int64_t left = bytes_in(expected) - bytes_in(files_in(output));
      const std::int64_t at = static_cast<std::int64_t>(random()) % left;
      CAPTURE(fault);
      CAPTURE(at);
      const Outcome outcome =
          shell(fmt::format("env ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "
                            "LD_PRELOAD='{}' BITJOULE_FAULT={}:{} {}{}",
                            fault_library(), fault, at, sweep, output));
      CAPTURE(outcome.text);
      CHECK(outcome.code != 0);
      if (fault == "full") {
        CHECK(outcome.code == 2);
        CHECK(outcome.text.find("cannot be written: No space left on device") != std::string::npos);
      }
      // What is there is whole: a result, or a table of what was known then.
      for (const auto& [name, text] : files_in(output))
        if (name.rfind("points/", 0) == 0) CHECK(text == expected.at(name));
    }
    const Outcome resumed = shell(sweep + output);
    CAPTURE(resumed.text);
    CHECK(resumed.code == 0);
    CHECK(contents(output) == expected);
  }
}

TEST_CASE("sweep: killed while it computes, it resumes to equal bytes and redoes nothing") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "tiny.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet -o " + dir.at("whole")).code == 0);
  const Files expected = contents(dir.at("whole"));
  for (const bool is_worker : {false, true}) {
    const std::string output = dir.at(is_worker ? "worker" : "parent");
    CAPTURE(output);
    for (const std::size_t results : {0, 3, 8}) {
      const pid_t pid = start_sweep(file, output);
      std::vector<pid_t> workers;
      const bool is_running = runs_until(pid, [&] {
        workers = children_of(pid);
        return results_in(output) >= results && !workers.empty();
      });
      if (!is_running) break;  // the last point was faster than this test
      kill(is_worker ? workers[0] : pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    std::map<std::string, fs::file_time_type> before;
    for (const auto& [name, text] : files_in(output + "/points"))
      before[name] = fs::last_write_time(fs::path(output) / "points" / name);
    std::string resume = "{sim} sweep ";
    resume.append(file).append(" --quiet -o ").append(output);
    REQUIRE(shell(resume).code == 0);
    CHECK(contents(output) == expected);
    for (const auto& [name, time] : before)
      CHECK(fs::last_write_time(fs::path(output) / "points" / name) == time);
  }
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

}  // namespace bitjoule::sweep_kill_test
