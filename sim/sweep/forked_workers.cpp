#include "sim/sweep/forked_workers.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <exception>

#include "core/error.h"
#include "sim/sweep/workers.h"

namespace bitjoule {
namespace {

/// Texts that processes leave for the one that forked them: one after the other in a file without a
/// name, and where each stands in memory that they share.
class SharedTexts {
 public:
  explicit SharedTexts(std::size_t count)
      : size_(sizeof(Head) + count * sizeof(Place)), file_(memfd_create("outcomes", MFD_CLOEXEC)) {
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (file_ < 0 || memory == MAP_FAILED) throw internal_error("-j: no memory to share");
    head_ = new (memory) Head();
    places_ = new (static_cast<char*>(memory) + sizeof(Head)) Place[count]();
  }
  ~SharedTexts() {
    munmap(head_, size_);
    close(file_);
  }
  SharedTexts(const SharedTexts&) = delete;
  SharedTexts& operator=(const SharedTexts&) = delete;

  /// False where it could not be written.
  bool put(std::size_t i, const std::string& text) {
    const auto length = static_cast<std::int64_t>(text.size());
    const std::int64_t begin = head_->end.fetch_add(length);
    for (std::int64_t at = 0; at < length;) {
      const ssize_t n =
          pwrite(file_, text.data() + at, static_cast<std::size_t>(length - at), begin + at);
      if (n <= 0) return false;
      at += n;
    }
    places_[i] = {begin, length};
    return true;
  }
  std::optional<std::string> get(std::size_t i) const {
    std::string text(static_cast<std::size_t>(places_[i].length), '\0');
    const ssize_t n = pread(file_, text.data(), text.size(), places_[i].begin);
    if (n <= 0 || static_cast<std::size_t>(n) != text.size()) return std::nullopt;
    return text;
  }

 private:
  struct alignas(64) Head {
    std::atomic<std::int64_t> end{0};
  };
  struct Place {
    std::int64_t begin = 0, length = 0;
  };
  std::size_t size_;
  int file_;
  Head* head_ = nullptr;
  Place* places_ = nullptr;
};

}  // namespace

std::vector<std::optional<std::string>> ForkedWorkers::run(
    std::size_t jobs, const std::function<std::string(std::size_t)>& work,
    const std::function<void(std::size_t)>& ended) {
  SharedTexts texts(jobs);
  WorkerLimits limits;
  limits.workers = processes_;
  std::vector<std::optional<std::string>> results(jobs);
  const auto in_worker = [&](std::size_t job) {
    try {
      return texts.put(job, work(job)) ? 0 : 1;
    } catch (const std::exception&) {
      return 1;  // what is missing is worked out again where it can be told
    }
  };
  const auto at_end = [&](const JobOutcome& outcome) {
    if (outcome.end == JobEnd::kExited && outcome.code == 0)
      results[outcome.job] = texts.get(outcome.job);
    ended(outcome.job);
    return true;
  };
  if (!run_forked(jobs, limits, in_worker, at_end, [](std::size_t) {})) raise(SIGINT);
  return results;
}

}  // namespace bitjoule
