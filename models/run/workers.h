// Processes that work beside a run.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bitjoule {

class Workers {
 public:
  Workers() = default;
  virtual ~Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// What `work` returns for 0 .. jobs - 1, each called in a copy of this process; nothing where it
  /// threw or its process ended. `ended` is told here of each that is through.
  virtual std::vector<std::optional<std::string>> run(
      std::size_t jobs, const std::function<std::string(std::size_t)>& work,
      const std::function<void(std::size_t)>& ended) = 0;
};

}  // namespace bitjoule
