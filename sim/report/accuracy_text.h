// What an evaluation found, for people and for spreadsheets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/evaluate/evaluate.h"

namespace bitjoule {

/// A few lines under `accuracy`, as summaries have them. A difference that is smaller than twice
/// its standard error is said to be so.
std::string accuracy_summary(const Accuracy& accuracy);

/// What an evaluation will take, before it does.
std::string cost_text(const RunConfig& run, const EvaluationPlan& plan);

/// Files by name: predictions.csv with a row for each, inputs.csv with one for each window or
/// input, of tokens positions.csv with one for each place in a window, of classes confusion.csv.
std::vector<std::pair<std::string, std::string>> accuracy_files(
    const EvaluationPlan& plan, const std::vector<InputScore>& scores);

}  // namespace bitjoule
