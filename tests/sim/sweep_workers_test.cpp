// How jobs in processes of their own end, and what a sweep records of it.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/schema/run_file.h"
#include "sim/sweep/execute.h"
#include "sim/sweep/machines.h"
#include "sim/sweep/parallel.h"
#include "sim/sweep/workers.h"
#include "support/shell.h"

namespace bitjoule::sweep_workers_test {
namespace {

using namespace test;
using namespace std::string_literals;

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

/// Numbers that processes share.
class SharedNumbers {
 public:
  explicit SharedNumbers(std::size_t size) : size_(size) {
    void* memory = mmap(nullptr, size * sizeof(std::int64_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    numbers_ = static_cast<std::int64_t*>(memory);
  }
  ~SharedNumbers() { munmap(numbers_, size_ * sizeof(std::int64_t)); }
  SharedNumbers(const SharedNumbers&) = delete;
  SharedNumbers& operator=(const SharedNumbers&) = delete;
  std::int64_t& operator[](std::size_t i) { return numbers_[i]; }
  const std::int64_t* begin() const { return numbers_; }
  const std::int64_t* end() const { return numbers_ + size_; }

 private:
  std::size_t size_;
  std::int64_t* numbers_;
};

int need_much_memory(std::size_t) {
  std::vector<char> much(static_cast<std::size_t>(64 * kGiB), 'x');
  return much[12345] == 'x' ? 0 : 1;
}

TEST_CASE(
    "machines: one for each accelerator, DRAM and fidelity, whose names tell them apart too") {
  const RunConfig first =
      read_run(file_source("quickstart.yaml"), {{"layer", "{gemm: {m: 2, n: 16, k: 16}}"}});
  RunConfig other = first;
  other.name = "other";
  other.layer.name = "other";
  other.options.values = false;
  Machines machines;
  const Machine* machine = &machines.of(first);
  CHECK(&machines.of(other) == machine);
  CHECK(machine->config().name == "other");
  CHECK(!machine->config().options.values);
  const std::vector<std::function<void(RunConfig&)>> changes = {
      [](RunConfig& run) { run.accelerator.name = "mine"; },
      [](RunConfig& run) { run.accelerator.array.rows *= 2; },
      [](RunConfig& run) { run.dram.edit().name = "mine"; },
      [](RunConfig& run) { run.options.fidelity = Fidelity::kPe; }};
  for (const auto& change : changes) {
    RunConfig changed = first;
    change(changed);
    const Machine& built = machines.of(changed);
    CHECK(&built != machine);
    CHECK(built.config().accelerator.name == changed.accelerator.name);
    CHECK(built.config().accelerator.array.rows == changed.accelerator.array.rows);
    CHECK(built.config().dram->name == changed.dram->name);
    CHECK(built.config().options.fidelity == changed.options.fidelity);
  }
  CHECK(&machines.of(first) == machine);
}

TEST_CASE("machines: what is priced by other prices is not priced by those of the run before") {
  RunConfig run = read_run(file_source("quickstart.yaml"),
                           {{"layer", "{gemm: {m: 2, n: 16, k: 16}}"}, {"values", "off"}});
  Machines machines;
  const auto energy = [&] {
    const Result result = machines.of(run).run();
    REQUIRE(result.prices);
    const EnergyReport report = price(result.layer().counts, *result.prices);
    CHECK(report.total == result.layer().energy.total);
    return report.by_table->dram.value;
  };
  const double first = energy();
  CHECK(energy() == first);
  // Commands cost twice as much, and by the same table on the same machine nothing else does.
  auto& prices = std::get<DramPerAccess>(run.energy.edit().dram.scheme);
  prices.read = Picojoules(2 * prices.read.value);
  prices.write = Picojoules(2 * prices.write.value);
  CHECK(energy() == doctest::Approx(2 * first));
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

TEST_CASE("workers: a job hands over a text beside its last words, and none where it is too long") {
  std::vector<JobOutcome> outcomes(3);
  const std::vector<std::string> texts = {"one\0two"s, "", std::string(70'000, 'x')};
  CHECK(run_forked(
      outcomes.size(), {},
      [&](std::size_t i) {
        std::fprintf(stderr, "words of %zu\n", i);
        JobAnswer answer = static_cast<int>(i);
        answer.text = texts[i];
        return answer;
      },
      [&](const JobOutcome& outcome) {
        outcomes[outcome.job] = outcome;
        return true;
      },
      [](std::size_t) {}));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    CHECK(outcomes[i].code == static_cast<int>(i));
    CHECK(outcomes[i].last_words == "words of " + std::to_string(i));
    CHECK(outcomes[i].text == (i == 2 ? "" : texts[i]));
  }
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

TEST_CASE("workers: jobs share processes, and one that ends its process takes none along") {
  constexpr std::size_t kJobs = 300;
  const auto is_bad = [](std::size_t i) { return i % 50 == 7; };
  SharedNumbers processes(kJobs);
  WorkerLimits limits;
  limits.workers = 2;
  std::vector<int> told(kJobs);
  std::vector<JobOutcome> outcomes(kJobs);
  CHECK(run_forked(
      kJobs, limits,
      [&](std::size_t i) {
        processes[i] = getpid();
        if (is_bad(i)) return job(2 + i / 50 % 2);  // crashes or is killed
        std::fprintf(stderr, "words of %zu\n", i);
        return static_cast<int>(i % 5);
      },
      [&](const JobOutcome& outcome) {
        ++told[outcome.job];
        outcomes[outcome.job] = outcome;
        return true;
      },
      [](std::size_t) {}));
  for (std::size_t i = 0; i < kJobs; ++i) {
    CAPTURE(i);
    CHECK(told[i] == 1);
    CHECK((outcomes[i].end == JobEnd::kSignal) == is_bad(i));
    if (is_bad(i)) continue;
    CHECK(outcomes[i].code == static_cast<int>(i % 5));
    CHECK(outcomes[i].last_words == "words of " + std::to_string(i));
  }
  // Two at first; each bad one ends one, and the three that crash end one more when they run again.
  const std::set<std::int64_t> pids(processes.begin(), processes.end());
  CHECK(pids.size() <= 2 + 6 + 3);
}

TEST_CASE("workers: what hangs is killed at its limit, and the jobs behind it run") {
  WorkerLimits limits;
  limits.timeout = std::chrono::seconds(1);
  std::vector<JobEnd> ends;
  CHECK(run_forked(
      6, limits,
      [](std::size_t i) {
        if (i == 2)
          for (;;) pause();
        return 0;
      },
      [&](const JobOutcome& outcome) {
        CHECK(outcome.job == ends.size());
        ends.push_back(outcome.end);
        return true;
      },
      [](std::size_t) {}));
  CHECK(ends == std::vector<JobEnd>{JobEnd::kExited, JobEnd::kExited, JobEnd::kTimedOut,
                                    JobEnd::kExited, JobEnd::kExited, JobEnd::kExited});
}

TEST_CASE("workers: what fails for what others left behind runs again, alone") {
  for (const bool is_crash : {false, true}) {
    int before = 0;  // of each process
    SharedNumbers runs(4);
    std::vector<JobOutcome> outcomes(4);
    CHECK(run_forked(
        4, WorkerLimits(),
        [&](std::size_t i) {
          ++runs[i];
          if (i == 2 && before > 0) return is_crash ? job(2) : kAgainAlone;
          if (i == 3) return kAgainAlone;
          ++before;
          return 5;
        },
        [&](const JobOutcome& outcome) {
          outcomes[outcome.job] = outcome;
          return true;
        },
        [](std::size_t) {}));
    CHECK(std::vector<std::int64_t>(runs.begin(), runs.end()) ==
          std::vector<std::int64_t>{1, 1, 2, 2});
    for (const std::size_t i : {0, 1, 2}) {
      CHECK(outcomes[i].end == JobEnd::kExited);
      CHECK(outcomes[i].code == 5);
    }
    CHECK(outcomes[3].code == kAgainAlone);
  }
}

TEST_CASE("time left: by the work of points, whatever order they come in") {
  // Ten small points before ninety that take a hundred times as long, all twice as slow as
  // expected.
  TimeLeft time;
  CHECK(!time.of(1, 1));
  for (int i = 0; i < 10; ++i) time.add(0.01, 0.02);
  CHECK(time.of(90 * 1.0, 1).value() == doctest::Approx(180));
  CHECK(time.of(90 * 1.0, 3).value() == doctest::Approx(60));
}

TEST_CASE("workers: the time left is within a factor 1.5 after ten points that share layers") {
  const SweepPlan plan = make_plan(read_sweep(text_source("s.yaml", R"(
base: {accelerator: edge-32x32.yaml, network: llama2-7b.yaml, phase: decode,
       precision: {weights: int8, activations: int8}}
axes:
  - {path: energy.name, values: [a, b, c]}
  - {path: network.parameters.context, values: [512, 544, 576, 608, 640, 672, 704, 736]}
)")),
                                   100);
  // Distinct matrices of the model, by hand: q, k, v and o; gate and up; down; the vocabulary. Of
  // another context only the products with keys and values (4096 numbers a token) are new; of
  // another table nothing is.
  const double weights = 4096.0 * 4096 + 2 * 11008.0 * 4096 + 32000.0 * 4096;
  TimeLeft time;
  double left = 0, taken = 0;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const double context = 512.0 + 32 * static_cast<double>(i % 8);
    const double news = i < 8 ? 2 * 4096 * context + (i == 0 ? weights : 0) : 0;
    const double seconds = 2 * (0.001 + news / 1.5e8 + news / 1e10);  // half as fast as planned for
    if (i < 10) {
      time.add(plan.points[i].seconds, seconds);
    } else {
      taken += seconds;
      left += plan.points[i].seconds;
    }
  }
  const double told = time.of(left, 1).value();
  CHECK(told < 1.5 * taken);
  CHECK(told > taken / 1.5);
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

}  // namespace bitjoule::sweep_workers_test
