#include "sim/sweep/execute.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <unordered_set>

#include "core/error.h"
#include "run/network_runner.h"
#include "run/output_check.h"
#include "run/simulation.h"
#include "sim/config/json_text.h"
#include "sim/config/writer.h"
#include "sim/evaluate/evaluate.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/result/result_json.h"
#include "sim/result/run_hash.h"
#include "sim/sweep/machines.h"
#include "sim/sweep/outcome_files.h"
#include "sim/sweep/parallel.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

// What a worker's exit code says, beside 0: the result is in the store.
constexpr int kStoredFailure = 75, kNotStored = 74, kStaged = 73;

/// The text of a point's result, and its metrics.
ResultTexts simulate(RunConfig config, const std::string& hash, Machines& machines,
                     const std::shared_ptr<OutcomeStore>& outcomes) {
  config.options.outcomes = outcomes;
  Machine& machine = machines.of(std::move(config));
  Result result = machine.run();
  require_verified(result);
  const RunConfig& run = machine.config();
  result.accuracy = evaluated(run);
  return result_texts(run, result, hashes_tensors(run) ? run_hash(run) : hash);
}

/// A point in a worker: a result or a failure for the store.
JobAnswer run_point(const SweepPlan& plan, const SweepPoint& point, const ResultStore& store,
                    Machines& machines, const std::shared_ptr<OutcomeStore>& outcomes) {
  if (store.has(point.hash)) return 0;  // another sweep was faster
  JobAnswer answer = kStaged;
  std::string text, failure;
  try {
    ResultTexts told = simulate(plan.config(point), point.hash, machines, outcomes);
    text = std::move(told.result);
    answer.text = std::move(told.metrics);
  } catch (const std::bad_alloc&) {
    return kAgainAlone;  // the parent stores it, where it was alone
  } catch (const std::exception& e) {
    failure = e.what();
  }
  try {
    if (!failure.empty()) {
      store.put_failure(point.hash, failure);
      return kStoredFailure;
    }
    store.stage(point.hash, text);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return kNotStored;
  }
  return answer;
}

/// One line on a terminal: points done, failed, running, time left.
class Progress {
 public:
  /// `left`: seconds that the jobs are expected to take, all together.
  Progress(std::size_t all, std::size_t known, double left, const SweepOptions& options)
      : all_(all),
        done_(known),
        left_(left),
        workers_(options.limits.workers),
        is_shown_(!options.is_quiet && isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (is_shown_) print_progress("\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void count(bool failed, double expected, double taken) {
    ++(failed ? failed_ : done_);
    left_ -= expected;
    time_.add(expected, taken);
  }

  void show(std::size_t running) {
    using namespace std::chrono;
    const auto now = steady_clock::now();
    if (!is_shown_ || now - shown_ < milliseconds(200)) return;
    shown_ = now;
    const std::size_t missing = all_ - done_ - failed_;
    const std::optional<double> left =
        time_.of(left_, std::max<std::size_t>(1, std::min(workers_, missing)));
    print_progress(fmt::format("\r\033[K{} of {} points done, {} failed, {} running, {} left",
                               done_, all_, failed_, running, left ? duration_text(*left) : "?"));
  }

 private:
  std::size_t all_, done_, failed_ = 0;
  double left_;
  std::size_t workers_;
  bool is_shown_;
  TimeLeft time_;
  std::chrono::steady_clock::time_point shown_;
};

/// Results that workers have staged: the store keeps a group of them for the price of one, and only
/// then they count. What a kill can take is no more than this much work.
class StagedResults {
 public:
  StagedResults(const std::vector<const SweepPoint*>& jobs, const ResultStore& store,
                Progress& progress)
      : jobs_(jobs), store_(store), progress_(progress) {}
  ~StagedResults() {
    for (const JobOutcome& outcome : outcomes_) store_.drop(jobs_[outcome.job]->hash);
  }
  StagedResults(const StagedResults&) = delete;
  StagedResults& operator=(const StagedResults&) = delete;

  void add(const JobOutcome& outcome) {
    if (outcomes_.empty()) first_ = std::chrono::steady_clock::now();
    outcomes_.push_back(outcome);
  }
  void keep_where_due() {
    constexpr std::size_t kMost = 64;
    constexpr std::chrono::milliseconds kLongest{100};
    if (outcomes_.size() >= kMost || std::chrono::steady_clock::now() - first_ >= kLongest) keep();
  }
  void keep() {
    std::vector<std::string> hashes;
    for (const JobOutcome& outcome : outcomes_) hashes.push_back(jobs_[outcome.job]->hash);
    store_.keep(hashes);
    for (const JobOutcome& outcome : outcomes_)
      progress_.count(false, jobs_[outcome.job]->seconds, outcome.seconds);
    outcomes_.clear();
  }

 private:
  const std::vector<const SweepPoint*>& jobs_;
  const ResultStore& store_;
  Progress& progress_;
  std::vector<JobOutcome> outcomes_;
  std::chrono::steady_clock::time_point first_;
};

/// Why a worker that left nothing in the store is gone.
std::string death(const JobOutcome& outcome, const WorkerLimits& limits) {
  std::string text;
  if (outcome.end == JobEnd::kTimedOut)
    text = fmt::format("took longer than {} s", limits.timeout.count());
  else if (outcome.end == JobEnd::kExited && outcome.code == kAgainAlone)
    text = "out of memory";
  else if (outcome.end == JobEnd::kSignal)
    text = fmt::format("killed by signal {} ({})", outcome.code, strsignal(outcome.code));
  else
    text = fmt::format("ended with exit code {}", outcome.code);
  return outcome.last_words.empty() ? text : text + ": " + outcome.last_words;
}

}  // namespace

bool execute(const SweepPlan& plan, const SweepOptions& options, const ResultStore& store,
             PassingFailures& failures, NewMetrics& metrics) {
  std::vector<const SweepPoint*> asked, jobs;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < plan.points.size(); ++i)
    if (options.shard.has(i) && seen.insert(plan.points[i].hash).second)
      asked.push_back(&plan.points[i]);
  std::vector<char> is_known(asked.size());
  for_each_index(asked.size(), [&](std::size_t i) {
    if (options.retry_failed) store.forget_failure(asked[i]->hash);
    is_known[i] = store.has(asked[i]->hash) ? 1 : 0;
  });
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (is_known[i] == 0) jobs.push_back(asked[i]);
  const double seconds =
      std::accumulate(jobs.begin(), jobs.end(), 0.0,
                      [](double sum, const SweepPoint* job) { return sum + job->seconds; });
  Progress progress(asked.size(), asked.size() - jobs.size(), seconds, options);
  StagedResults staged(jobs, store, progress);
  std::string not_stored;
  const auto ended = [&](const JobOutcome& outcome) {
    const std::string& hash = jobs[outcome.job]->hash;
    if (outcome.end == JobEnd::kExited && outcome.code == kNotStored) {
      not_stored = outcome.last_words;
      return false;
    }
    if (outcome.end == JobEnd::kExited && outcome.code == kStaged) {
      staged.add(outcome);
      if (std::optional<boost::json::object> told = parse_object(outcome.text))
        metrics.emplace(hash, std::move(*told));
      return true;
    }
    const bool is_good = outcome.end == JobEnd::kExited && outcome.code == 0;
    const bool is_stored = outcome.end == JobEnd::kExited && outcome.code == kStoredFailure;
    if (!is_good && !is_stored) {
      const std::string message = death(outcome, options.limits);
      if (outcome.end == JobEnd::kSignal && !is_crash(outcome.code))
        failures[hash] = message;
      else
        store.put_failure(hash, message);
    }
    progress.count(!is_good, jobs[outcome.job]->seconds, outcome.seconds);
    return true;
  };
  if (!jobs.empty()) prepare_simulation();
  std::shared_ptr<OutcomeStore> outcomes;
  if (options.share_layers)
    outcomes = std::make_shared<OutcomeFiles>(outcome_directory(store.directory()));
  Machines machines;  // a worker's own, as it is forked
  const bool is_complete = run_forked(
      jobs.size(), options.limits,
      [&](std::size_t job) { return run_point(plan, *jobs[job], store, machines, outcomes); },
      ended,
      [&](std::size_t running) {
        staged.keep_where_due();
        progress.show(running);
      });
  staged.keep();
  if (!not_stored.empty()) throw input_error(not_stored);
  return is_complete;
}

SweepResults collect(const SweepPlan& plan, const Shard& shard, const ResultStore& store,
                     const PassingFailures& failures, NewMetrics metrics) {
  SweepResults results;
  results.program = program_json();
  results.name = plan.sweep.name;
  results.question = plan.sweep.question;
  results.store = store.directory();
  results.columns = plan.sweep.columns();
  results.metrics = plan.sweep.metrics;
  results.constraints = plan.sweep.constraints;
  results.baseline = plan.sweep.baseline;
  results.points_in_sweep = plan.points.size();
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    if (!shard.has(i)) continue;
    auto known = metrics.extract(plan.points[i].hash);
    const PointStatus status = known ? PointStatus::kDone : PointStatus::kMissing;
    // What is made from an object has its memory; what is assigned one has a copy.
    results.points.push_back({i, plan.points[i].labels, plan.points[i].hash, status, "",
                              known ? std::move(known.mapped()) : boost::json::object()});
  }
  for_each_index(results.points.size(), [&](std::size_t i) {
    PointResult& point = results.points[i];
    if (point.status == PointStatus::kDone) return;
    if (std::optional<StoredPoint> stored = store.find(point.hash, JsonLists::kEmptied)) {
      point.status = stored->failure.empty() ? PointStatus::kDone : PointStatus::kFailed;
      point.message = stored->failure;
      if (stored->failure.empty()) point.metrics = flatten(stored->result);
    } else if (const auto failure = failures.find(point.hash); failure != failures.end()) {
      point.status = PointStatus::kFailed;
      point.message = failure->second;
    }
  });
  return results;
}

std::optional<double> TimeLeft::of(double expected, std::size_t workers) const {
  if (expected_ <= 0) return std::nullopt;
  return expected * taken_ / expected_ / static_cast<double>(workers);
}

}  // namespace bitjoule
