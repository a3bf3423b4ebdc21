#include "sim/sweep/machines.h"

#include <utility>

#include "sim/schema/run_file.h"

namespace bitjoule {

Machine& Machines::of(RunConfig run) {
  constexpr std::size_t kMost = 16;
  std::string key = machine_digest(run);
  const auto known = machines_.find(key);
  if (known != machines_.end()) {
    known->second.configure(std::move(run));
    return known->second;
  }
  if (machines_.size() == kMost) machines_.clear();
  return machines_.emplace(std::move(key), Machine(std::move(run))).first->second;
}

}  // namespace bitjoule
