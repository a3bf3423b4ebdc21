#include "sim/sweep/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace bitjoule {

void for_each_index(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kWorthAThread = 64;
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr first;
  std::size_t first_index = count;
  const auto loop = [&] {
    for (std::size_t i; (i = next++) < count;) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (i < first_index) {
          first = std::current_exception();
          first_index = i;
        }
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(processors, count / kWorthAThread); ++i)
    threads.emplace_back(loop);
  loop();
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace bitjoule
