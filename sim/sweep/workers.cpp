#include "sim/sweep/workers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace bitjoule {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMostWords = 2000;  // of a job's last ones
// Jobs of a process, after which another takes over: what a job leaves behind does not add up.
constexpr std::size_t kMostJobs = 1000;

struct Worker {
  pid_t pid = 0;
  int channel = -1;                // to it: a job's number; from it: a message
  std::FILE* words = nullptr;      // its standard error
  std::optional<std::size_t> job;  // that it runs
  SteadyClock::time_point start;   // of the job
  std::size_t begun = 0;           // jobs
  bool is_late = false;            // killed
  bool is_leaving = false;         // gets no more
};

// What a worker says of a job: this, its last words and its text.
struct MessageHead {
  int code = 0;
  std::uint32_t words = 0;
};
constexpr std::size_t kMostText = 64 << 10;  // a socket takes a message of three times that
constexpr std::size_t kMostMessage = sizeof(MessageHead) + kMostWords + kMostText;

/// SIGINT and SIGTERM arrive in a file while this lives; how they were taken comes back after it.
class SignalFile {
 public:
  SignalFile() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before_);
    file_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~SignalFile() {
    close(file_);
    restore();
  }
  SignalFile(const SignalFile&) = delete;
  SignalFile& operator=(const SignalFile&) = delete;

  void restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  int file() const { return file_; }
  /// Whether one has come; it is then no longer there.
  bool take() const {
    signalfd_siginfo info{};
    return read(file_, &info, sizeof info) > 0;
  }

 private:
  sigset_t before_{};
  int file_ = -1;
};

std::string last_words(std::FILE* words) {
  const int file = fileno(words);
  struct stat info {};
  fstat(file, &info);
  const off_t start = std::max<off_t>(0, info.st_size - static_cast<off_t>(kMostWords));
  std::string text(static_cast<std::size_t>(info.st_size - start), '\0');
  const ssize_t size = pread(file, text.data(), text.size(), start);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Pool {
 public:
  Pool(std::size_t jobs, const WorkerLimits& limits,
       const std::function<JobAnswer(std::size_t)>& work)
      : jobs_(jobs), limits_(limits), work_(work), parent_(getpid()) {}
  ~Pool() {
    for (const Worker& worker : workers_) ::kill(worker.pid, SIGKILL);
    for (const Worker& worker : workers_) end_of(worker);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  std::size_t running() const {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) { return w.job; }));
  }

  /// Whether anything is left to wait for.
  bool is_busy(bool go_on) const { return running() > 0 || (go_on && has_more()); }

  /// Gives jobs to idle workers, and to new ones.
  void give_jobs() {
    while (!alone_.empty() && workers_.size() < limits_.workers) {
      const std::size_t job = alone_.front();
      alone_.pop_front();
      give(start(), job);
    }
    for (Worker& worker : workers_) {
      if (worker.job || worker.is_leaving) continue;
      if (!alone_.empty())
        dismiss(worker);  // for a process of its own
      else if (next_ < jobs_)
        give(worker, next_++);
    }
    while (next_ < jobs_ && workers_.size() < limits_.workers) give(start(), next_++);
  }

  /// Waits until something happens, at most the time; false if a signal says to stop.
  bool wait(std::chrono::milliseconds time) {
    files_.assign(1, {signals_.file(), POLLIN, 0});
    for (const Worker& worker : workers_) files_.push_back({worker.channel, POLLIN, 0});
    poll(files_.data(), files_.size(), static_cast<int>(time.count()));
    return !signals_.take();
  }

  /// Tells `ended` of the jobs that wait() saw end; false if it said to stop.
  bool gather(const std::function<bool(const JobOutcome&)>& ended) {
    std::vector<Worker> left;
    std::vector<JobOutcome> outcomes;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      Worker& worker = workers_[i];
      if (files_[i + 1].revents == 0 || hear(worker, outcomes)) left.push_back(worker);
    }
    workers_ = std::move(left);
    bool go_on = true;
    for (const JobOutcome& outcome : outcomes) go_on = ended(outcome) && go_on;
    return go_on;
  }

  void kill_late() {
    if (limits_.timeout.count() == 0) return;
    for (Worker& worker : workers_)
      if (worker.job && !worker.is_late && SteadyClock::now() - worker.start >= limits_.timeout) {
        worker.is_late = worker.is_leaving = true;
        ::kill(worker.pid, SIGKILL);
      }
  }

 private:
  bool has_more() const { return !alone_.empty() || next_ < jobs_; }
  Worker& start() {
    Worker worker;
    int ends[2];
    worker.words = std::tmpfile();
    if (worker.words == nullptr)
      throw input_error(fmt::format("temporary file: {}", std::strerror(errno)));
    const bool has_channel = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
    if (has_channel) worker.pid = fork();
    if (has_channel && worker.pid == 0) become_worker(worker, ends[1]);
    if (!has_channel || worker.pid < 0) {
      const int reason = errno;
      std::fclose(worker.words);
      if (has_channel)
        for (const int end : ends) close(end);
      throw input_error(fmt::format("a process cannot be started: {}", std::strerror(reason)));
    }
    close(ends[1]);
    worker.channel = ends[0];
    workers_.push_back(worker);
    return workers_.back();
  }

  /// A worker that is gone has not begun: the job is its last all the same, and hear() finds it.
  static void give(Worker& worker, std::size_t job) {
    worker.job = job;
    worker.start = SteadyClock::now();
    ++worker.begun;
    send(worker.channel, &job, sizeof job, MSG_NOSIGNAL);
  }

  /// It ends when it sees that no job will come.
  static void dismiss(Worker& worker) {
    worker.is_leaving = true;
    shutdown(worker.channel, SHUT_WR);
  }

  /// What a worker says, or how it ended; false if it is gone.
  bool hear(Worker& worker, std::vector<JobOutcome>& outcomes) {
    const ssize_t size = recv(worker.channel, message_.data(), message_.size(), 0);
    if (size < 0 && errno == EINTR) return true;
    const bool has_answer = size >= static_cast<ssize_t>(sizeof(MessageHead));
    JobOutcome end;
    if (has_answer) {
      MessageHead head;
      std::memcpy(&head, message_.data(), sizeof head);
      const std::string_view message(message_.data(), static_cast<std::size_t>(size));
      end.code = head.code;
      end.last_words = message.substr(sizeof head, head.words);
      end.text = message.substr(sizeof head + head.words);
    } else {
      end.last_words = last_words(worker.words);
      const int status = end_of(worker);
      if (!worker.job) return false;
      end.end = WIFEXITED(status) ? JobEnd::kExited
                : worker.is_late  ? JobEnd::kTimedOut
                                  : JobEnd::kSignal;
      end.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    end.job = *worker.job;
    end.seconds = std::chrono::duration<double>(SteadyClock::now() - worker.start).count();
    worker.job.reset();
    const bool is_again =
        end.end == JobEnd::kSignal ? is_crash(end.code) : has_answer && end.code == kAgainAlone;
    if (is_again && worker.begun > 1)
      alone_.push_back(end.job);
    else
      outcomes.push_back(std::move(end));
    if (has_answer && (is_again || worker.begun == kMostJobs)) dismiss(worker);
    return has_answer;
  }

  /// Waits for a worker's end; its status.
  static int end_of(const Worker& worker) {
    int status = 0;
    while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) continue;
    close(worker.channel);
    std::fclose(worker.words);
    return status;
  }

  [[noreturn]] void become_worker(const Worker& worker, int channel) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_) _exit(1);  // it died before prctl()
    for (const Worker& other : workers_) close(other.channel);
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
    std::size_t job = 0;
    while (recv(channel, &job, sizeof job, 0) == static_cast<ssize_t>(sizeof job)) {
      JobAnswer answer;
      try {
        answer = work_(job);
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        std::fflush(stderr);
        _exit(1);
      }
      std::fflush(stderr);
      const std::string words = take_words(worker.words);
      if (answer.text.size() > kMostText) answer.text.clear();
      const MessageHead head{answer.code, static_cast<std::uint32_t>(words.size())};
      std::string message(sizeof head, '\0');
      std::memcpy(message.data(), &head, sizeof head);
      message += words;
      message += answer.text;
      send(channel, message.data(), message.size(), MSG_NOSIGNAL);
    }
    _exit(0);
  }

  /// The last words, which the file then has no more.
  static std::string take_words(std::FILE* file) {
    if (lseek(fileno(file), 0, SEEK_CUR) == 0) return "";  // nothing was written
    std::string words = last_words(file);
    if (ftruncate(fileno(file), 0) == 0) lseek(fileno(file), 0, SEEK_SET);
    return words;
  }

  std::size_t jobs_, next_ = 0;    // `next_`: that nobody was given yet
  std::deque<std::size_t> alone_;  // to run again, each as the first of a process
  const WorkerLimits& limits_;
  const std::function<JobAnswer(std::size_t)>& work_;
  const pid_t parent_;
  SignalFile signals_;
  std::vector<Worker> workers_;
  std::vector<pollfd> files_;  // that wait() looks at: signals, then one per worker
  std::vector<char> message_ = std::vector<char>(kMostMessage);  // that hear() reads
};

}  // namespace

bool is_crash(int signal) {
  return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGFPE ||
         signal == SIGILL;
}

bool run_forked(std::size_t jobs, const WorkerLimits& limits,
                const std::function<JobAnswer(std::size_t)>& work,
                const std::function<bool(const JobOutcome&)>& ended,
                const std::function<void(std::size_t)>& tick) {
  constexpr std::chrono::milliseconds kTick{200};
  Pool pool(jobs, limits, work);
  bool go_on = true;
  for (;;) {
    if (go_on) pool.give_jobs();
    if (!pool.is_busy(go_on)) return true;
    tick(pool.running());
    if (!pool.wait(kTick)) return false;
    go_on = pool.gather(ended) && go_on;
    pool.kill_late();
  }
}

}  // namespace bitjoule
