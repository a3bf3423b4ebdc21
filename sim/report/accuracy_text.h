// What an evaluation found, for people and for spreadsheets.
#pragma once

#include <string>

#include "sim/evaluate/evaluate.h"

namespace bitjoule {

/// A few lines under `accuracy`, as summaries have them. A difference that is smaller than twice
/// its standard error is said to be so.
std::string accuracy_summary(const Accuracy& accuracy);

/// What an evaluation will take, before it does.
std::string cost_text(const RunConfig& run, const EvaluationPlan& plan);

/// A row for every prediction, for every window, and for every place within windows.
std::string predictions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores);
std::string windows_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores);
std::string positions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores);

}  // namespace bitjoule
