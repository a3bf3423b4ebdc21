// Scores of inputs that were judged before, a file each.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run/accuracy.h"

namespace bitjoule {

/// A directory that evaluations share: a file is whole or not there, and one that is damaged counts
/// as not there. Whatever cannot be written is computed again by the next evaluation.
class ScoreFiles {
 public:
  /// None where `directory` is empty.
  explicit ScoreFiles(std::string directory) : directory_(std::move(directory)) {}

  /// `key` is a text of all that the scores depend on.
  std::optional<std::vector<InputScore>> find(const std::string& key) const;
  void put(const std::string& key, const std::vector<InputScore>& scores) const;

 private:
  std::string path(const std::string& hash) const { return directory_ + "/" + hash + ".score"; }

  std::string directory_;
};

/// Below a store of results.
std::string score_directory(const std::string& store);

}  // namespace bitjoule
