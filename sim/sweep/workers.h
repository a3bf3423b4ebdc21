// Many jobs, each in a process of its own that is forked from this one.
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
  std::int64_t memory_bytes = 0;    ///< address space per job; zero: none
};

enum class JobEnd {
  kExited,    ///< `code` is the exit code
  kSignal,    ///< `code` is the signal
  kTimedOut,  ///< killed at the limit
};

struct JobOutcome {
  std::size_t job = 0;
  JobEnd end = JobEnd::kExited;
  int code = 0;
  std::string last_words;  ///< end of what it wrote to standard error
};

/// Runs `work(0)` .. `work(jobs - 1)` in forked processes that exit with what it returns; they die
/// with this process. `ended` is told of each; if it returns false no more are started. `tick` is
/// told the number of running processes several times a second. Returns false if SIGINT or SIGTERM
/// stopped it: the processes are then gone. Call it before the first thread or SystemC object.
bool run_forked(std::size_t jobs, const WorkerLimits& limits,
                const std::function<int(std::size_t)>& work,
                const std::function<bool(const JobOutcome&)>& ended,
                const std::function<void(std::size_t)>& tick);

}  // namespace bitjoule
