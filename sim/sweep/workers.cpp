#include "sim/sweep/workers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/error.h"

namespace bitjoule {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Worker {
  pid_t pid = 0;
  std::size_t job = 0;
  SteadyClock::time_point start;
  bool is_late = false;
  std::FILE* words = nullptr;  // its standard error
};

/// Blocks the signals that the loop waits for; what was blocked before comes back at the end.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigemptyset(&set_);
    for (int signal : {SIGCHLD, SIGINT, SIGTERM}) sigaddset(&set_, signal);
    sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~BlockedSignals() { restore(); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  void restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  /// The next signal within the time, or -1.
  int wait(std::chrono::milliseconds time) const {
    const timespec limit{time.count() / 1000, time.count() % 1000 * 1'000'000};
    return sigtimedwait(&set_, nullptr, &limit);
  }

 private:
  sigset_t set_{}, before_{};
};

std::string last_words(std::FILE* file) {
  constexpr long kMost = 2000;
  std::string text(kMost, '\0');
  std::fseek(file, 0, SEEK_END);
  const long size = std::ftell(file);
  std::fseek(file, size > kMost ? size - kMost : 0, SEEK_SET);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Pool {
 public:
  Pool(const WorkerLimits& limits, const std::function<int(std::size_t)>& work)
      : limits_(limits), work_(work), parent_(getpid()) {}
  ~Pool() { kill_all(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  std::size_t running() const { return workers_.size(); }
  const BlockedSignals& signals() const { return signals_; }

  void start(std::size_t job) {
    Worker worker;
    worker.job = job;
    worker.start = SteadyClock::now();
    worker.words = std::tmpfile();
    if (worker.words == nullptr)
      throw input_error(fmt::format("temporary file: {}", std::strerror(errno)));
    worker.pid = fork();
    if (worker.pid == 0) become_worker(worker);
    if (worker.pid < 0) {
      std::fclose(worker.words);
      throw input_error(fmt::format("a process cannot be started: {}", std::strerror(errno)));
    }
    workers_.push_back(worker);
  }

  /// Tells `ended` of the workers that are gone; false if it said to stop.
  bool reap(const std::function<bool(const JobOutcome&)>& ended) {
    bool go_on = true;
    for (std::size_t i = 0; i < workers_.size();) {
      int status = 0;
      if (waitpid(workers_[i].pid, &status, WNOHANG) == 0) {
        ++i;
        continue;
      }
      const Worker worker = workers_[i];
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(i));
      JobOutcome outcome;
      outcome.job = worker.job;
      outcome.last_words = last_words(worker.words);
      std::fclose(worker.words);
      if (WIFEXITED(status)) {
        outcome.code = WEXITSTATUS(status);
      } else {
        outcome.end = worker.is_late ? JobEnd::kTimedOut : JobEnd::kSignal;
        outcome.code = WTERMSIG(status);
      }
      go_on = ended(outcome) && go_on;
    }
    return go_on;
  }

  void kill_late() {
    if (limits_.timeout.count() == 0) return;
    for (Worker& worker : workers_)
      if (!worker.is_late && SteadyClock::now() - worker.start >= limits_.timeout) {
        worker.is_late = true;
        ::kill(worker.pid, SIGKILL);
      }
  }

  void kill_all() {
    for (const Worker& worker : workers_) ::kill(worker.pid, SIGKILL);
    for (const Worker& worker : workers_) {
      waitpid(worker.pid, nullptr, 0);
      std::fclose(worker.words);
    }
    workers_.clear();
  }

 private:
  [[noreturn]] void become_worker(const Worker& worker) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_) _exit(1);  // it died before prctl()
    signals_.restore();
    ::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole group; the parent ends its workers
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
    dup2(fileno(worker.words), STDERR_FILENO);
    if (limits_.memory_bytes > 0) {
      const rlimit limit{static_cast<rlim_t>(limits_.memory_bytes),
                         static_cast<rlim_t>(limits_.memory_bytes)};
      setrlimit(RLIMIT_AS, &limit);
    }
    int code = 1;
    try {
      code = work_(worker.job);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    std::fflush(stderr);
    _exit(code);
  }

  const WorkerLimits& limits_;
  const std::function<int(std::size_t)>& work_;
  const pid_t parent_;
  BlockedSignals signals_;
  std::vector<Worker> workers_;
};

}  // namespace

bool run_forked(std::size_t jobs, const WorkerLimits& limits,
                const std::function<int(std::size_t)>& work,
                const std::function<bool(const JobOutcome&)>& ended,
                const std::function<void(std::size_t)>& tick) {
  constexpr std::chrono::milliseconds kTick{200};
  Pool pool(limits, work);
  std::size_t next = 0;
  bool go_on = true;
  for (;;) {
    while (go_on && next < jobs && pool.running() < limits.workers) pool.start(next++);
    if (pool.running() == 0) return true;
    tick(pool.running());
    const int signal = pool.signals().wait(kTick);
    if (signal == SIGINT || signal == SIGTERM) return false;
    pool.kill_late();
    go_on = pool.reap(ended) && go_on;
  }
}

}  // namespace bitjoule
