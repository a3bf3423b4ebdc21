// Many jobs in a few processes that are forked from this one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace bitjoule {

struct WorkerLimits {
  std::size_t workers = 1;          ///< processes at once
  std::chrono::seconds timeout{0};  ///< per job; zero: none
  std::int64_t memory_bytes = 0;    ///< address space of a process; zero: none
};

enum class JobEnd {
  kExited,    ///< `code` is what the job returned, or the process's exit code
  kSignal,    ///< `code` is the signal
  kTimedOut,  ///< killed at the limit
};

/// What a job hands to the process that asked for it.
struct JobAnswer {
  JobAnswer(int returned = 0) : code(returned) {}  // NOLINT(google-explicit-constructor): of most
  int code;
  std::string text;  ///< not handed on where it is longer than a message
};

struct JobOutcome {
  std::size_t job = 0;
  JobEnd end = JobEnd::kExited;
  int code = 0;
  double seconds = 0;      ///< that it took
  std::string last_words;  ///< end of what it wrote to standard error
  std::string text;        ///< of its answer
};

/// What a job returns that may have failed for what is left of the jobs before it: memory. Where
/// there were any it runs again as the first of a process.
inline constexpr int kAgainAlone = 76;

/// Whether a signal comes from the job itself rather than from outside.
bool is_crash(int signal);

/// Runs `work(0)` .. `work(jobs - 1)` in forked processes, each of which runs one job after
/// another; they die with this process. A job that ends its process takes only itself along; one
/// that crashes after others runs again as the first of a process, so that none of them can be the
/// cause. `ended` is told of each job once; if it returns false no more are started. `tick` is told
/// the number of running jobs several times a second. Returns false if SIGINT or SIGTERM stopped
/// it: the processes are then gone. Call it before the first thread or SystemC object.
bool run_forked(std::size_t jobs, const WorkerLimits& limits,
                const std::function<JobAnswer(std::size_t)>& work,
                const std::function<bool(const JobOutcome&)>& ended,
                const std::function<void(std::size_t)>& tick);

}  // namespace bitjoule
