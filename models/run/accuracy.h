// What an evaluation yields: how good a network's predictions are, in these formats and in floats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/accuracy/mean.h"
#include "core/accuracy/output_error.h"
#include "core/accuracy/scores.h"

namespace bitjoule {

/// What came of one input, a window of tokens.
struct InputScore {
  std::vector<Prediction> predictions;
  OutputError error;  ///< of the outputs that predictions are made of
};

/// The same as a text of one line, for processes and files; nothing where it is none.
std::string score_text(const InputScore& score);
bool read_score(const std::string& text, InputScore& score);

struct Accuracy {
  std::string data, reference;  ///< file, network; the latter is empty of the network itself
  std::int64_t window = 0, stride = 0;    ///< tokens
  std::int64_t inputs = 0;                ///< windows
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
