// How jobs in processes of their own end, and what a sweep records of it.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/sweep/parallel.h"
#include "sim/sweep/workers.h"
#include "support/shell.h"

namespace bitjoule {
namespace {

using namespace test;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

/// One job of each kind: fine, throws, crashes, is killed.
int job(std::size_t kind) {
  if (kind == 0) return 7;
  if (kind == 1) throw std::runtime_error("the reason");
  if (kind == 2) {
    signal(SIGABRT, SIG_DFL);  // doctest reports it otherwise
    std::abort();
  }
  raise(SIGKILL);
  return 0;
}

/// The outcome of a job by itself.
JobOutcome outcome_of(const WorkerLimits& limits, const std::function<int(std::size_t)>& work) {
  JobOutcome last;
  CHECK(run_forked(
      1, limits, work,
      [&](const JobOutcome& outcome) {
        last = outcome;
        return true;
      },
      [](std::size_t) {}));
  return last;
}

int need_much_memory(std::size_t) {
  std::vector<char> much(static_cast<std::size_t>(64 * kGiB), 'x');
  return much[12345] == 'x' ? 0 : 1;
}

}  // namespace

TEST_CASE("workers: every end of a job is told apart, and the others go on") {
  WorkerLimits limits;
  limits.workers = 2;
  std::vector<JobOutcome> outcomes(4);
  std::size_t most_at_once = 0;
  CHECK(run_forked(
      outcomes.size(), limits, job,
      [&](const JobOutcome& outcome) {
        outcomes[outcome.job] = outcome;
        return true;
      },
      [&](std::size_t running) { most_at_once = std::max(most_at_once, running); }));
  CHECK(most_at_once == 2);
  CHECK(outcomes[0].end == JobEnd::kExited);
  CHECK(outcomes[0].code == 7);
  CHECK(outcomes[1].end == JobEnd::kExited);
  CHECK(outcomes[1].code == 1);
  CHECK(outcomes[1].last_words == "the reason");
  CHECK(outcomes[2].end == JobEnd::kSignal);
  CHECK(outcomes[2].code == SIGABRT);
  CHECK(outcomes[3].end == JobEnd::kSignal);
  CHECK(outcomes[3].code == SIGKILL);
}

TEST_CASE("workers: a job that does not end is killed at its limit") {
  WorkerLimits limits;
  limits.timeout = std::chrono::seconds(1);
  const auto never_end = [](std::size_t) -> int {
    for (;;) pause();
  };
  CHECK(outcome_of(limits, never_end).end == JobEnd::kTimedOut);
}

TEST_CASE("workers: a job has no more memory than its limit") {
  WorkerLimits limits;
  limits.memory_bytes = 8 * kGiB;
  const JobOutcome last = outcome_of(limits, need_much_memory);
  CHECK(last.code != 0);
  CHECK(!last.last_words.empty());
}

TEST_CASE("workers: no job starts after one that says so") {
  std::vector<std::size_t> ended;
  CHECK(run_forked(
      5, WorkerLimits(), [](std::size_t) { return 0; },
      [&](const JobOutcome& outcome) {
        ended.push_back(outcome.job);
        return outcome.job < 1;
      },
      [](std::size_t) {}));
  CHECK(ended == std::vector<std::size_t>{0, 1});
}

TEST_CASE("workers: a point out of memory is recorded as failed") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", R"(base: quickstart.yaml
set: {layer: {gemm: {m: 1, n: 16384, k: 8192}}, precision: {weights: fp32, activations: fp32, mac: fp32}}
axes: [{path: seed, values: [1]}]
)");
  const Outcome outcome = shell("{sim} sweep " + file + " --memory '400 MiB' -o " + dir.at("out"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 1);
  CHECK(outcome.text.find("failed: ") != std::string::npos);
#ifndef __SANITIZE_ADDRESS__  // whose allocator ends the process in its own words
  CHECK(outcome.text.find("failed: out of memory") != std::string::npos);
#endif
  CHECK(text_of(dir.at("out/results.csv")).find(",failed,") != std::string::npos);
}

TEST_CASE("workers: indices in threads, each once, the lowest failure is told") {
  std::vector<std::atomic<int>> calls(1000);
  for_each_index(calls.size(), [&](std::size_t i) { ++calls[i]; });
  for (const auto& count : calls) CHECK(count == 1);
  CHECK_THROWS_WITH(for_each_index(1000,
                                   [](std::size_t i) {
                                     if (i % 100 == 42) throw std::runtime_error(std::to_string(i));
                                   }),
                    "42");
  for_each_index(0, [](std::size_t) { FAIL("no index"); });
}

}  // namespace bitjoule
