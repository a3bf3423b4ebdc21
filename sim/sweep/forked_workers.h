// Layers of one run in several processes (`sim run -j`).
#pragma once

#include "run/workers.h"

namespace bitjoule {

/// As many processes at once as are asked for, forked for each call (workers.h).
class ForkedWorkers : public Workers {
 public:
  explicit ForkedWorkers(std::size_t processes) : processes_(processes) {}
  std::vector<std::optional<std::string>> run(
      std::size_t jobs, const std::function<std::string(std::size_t)>& work,
      const std::function<void(std::size_t)>& ended) override;

 private:
  std::size_t processes_;
};

}  // namespace bitjoule
