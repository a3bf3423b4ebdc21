// Any network on inputs that it takes a batch at a time: classes against labels, outputs against
// what they would be in floats.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "run/accuracy.h"
#include "run/value_pass.h"

namespace bitjoule {

class BatchEvaluation {
 public:
  /// Of the run's network, as it is there; `run` must outlive it. Throws an input Error where the
  /// network has not one input.
  explicit BatchEvaluation(const RunConfig& run);

  /// The network's input, of which the first size counts inputs.
  const NetworkInput& input() const { return network_.inputs.front(); }
  std::int64_t batch() const { return input().shape.front(); }

  /// `batch` holds all elements of the network's input, the data's from input `first` on; its first
  /// labels.size() inputs are scored, by their labels where `has_labels`.
  std::vector<InputScore> score(NetworkTensor batch, const std::vector<std::int64_t>& labels,
                                bool has_labels, std::int64_t first);

 private:
  Network network_;
  std::string labels_file_;
  bool yields_probabilities_ = false;  ///< the output is a softmax's
  std::unique_ptr<ValuePass> pass_;
};

}  // namespace bitjoule
