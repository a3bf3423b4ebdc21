// A language model on windows of tokens: every prediction, beside that of the same model in floats.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "run/accuracy.h"
#include "run/value_pass.h"

namespace bitjoule {

/// Whether a network is a language model: it has an input "tokens" of integers.
bool reads_tokens(const Network& network);
/// What the data of a run's evaluation are.
DataKind data_kind(const RunConfig& run);

class LanguageEvaluation {
 public:
  /// Of run.evaluation; `run` must outlive it.
  explicit LanguageEvaluation(const RunConfig& run) : run_(run) {}

  /// Maps the network that reads so many tokens, unless it is there. Throws an input Error where it
  /// is no language model.
  void prepare(std::int64_t tokens);
  /// Predictions of tokens `scored` and up of a window, each from those before it.
  InputScore score(const std::vector<std::int32_t>& window, std::int64_t scored);

 private:
  struct Passes {
    std::unique_ptr<ValuePass> network, reference;  ///< the latter where it is another network
  };
  Passes& passes_of(std::int64_t tokens);

  const RunConfig& run_;
  std::map<std::int64_t, Passes> passes_;  ///< by the tokens of a window
};

}  // namespace bitjoule
