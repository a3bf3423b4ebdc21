// What an evaluation yields: how good a network's predictions are, in these formats and in floats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/accuracy/mean.h"
#include "core/accuracy/output_error.h"
#include "core/accuracy/scores.h"

namespace bitjoule {

/// What came of one input: a window of tokens, an image.
struct InputScore {
  std::vector<Prediction> predictions;
  OutputError error;  ///< of the outputs that predictions are made of
};

/// Some of them as a text of one line, for processes and files; false where it is none.
std::string score_text(const std::vector<InputScore>& scores);
bool read_scores(const std::string& text, std::vector<InputScore>& scores);

/// What the data are, and with it what can be said.
enum class DataKind {
  kTokens,   ///< windows of tokens: every next one is a prediction
  kClasses,  ///< inputs with labels: one prediction each
  kOutputs   ///< inputs alone: how far outputs are from their reference
};
const char* data_kind_name(DataKind kind);

struct Accuracy {
  DataKind kind = DataKind::kTokens;
  std::string data, reference;  ///< file, network; the latter is empty of the network itself
  std::int64_t window = 0, stride = 0;    ///< tokens
  std::int64_t inputs = 0;                ///< windows, or inputs
  Mean nll, reference_nll, kl;            ///< nats per prediction
  Mean nll_change;                        ///< nll less the reference's, by pairs
  Mean right, right5, reference_right;    ///< shares: the target is the likeliest, among five
  Mean right_change;                      ///< right less the reference's, by pairs
  Mean agrees, agrees5;                   ///< shares: with the reference's likeliest
  double sqnr_db = 0, worst_sqnr_db = 0;  ///< of all outputs; of the input with the least
  std::int64_t worst_input = 0;
};

/// Sums in the order of the inputs.
Accuracy accuracy_of(const std::vector<InputScore>& scores);

}  // namespace bitjoule
