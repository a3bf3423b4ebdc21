// Evaluations: the data that a run names, through its network, beside the run's timing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/accuracy/windows.h"
#include "run/accuracy.h"
#include "run/run_config.h"
#include "sim/evaluate/input_data.h"
#include "sim/evaluate/jobs.h"

namespace bitjoule {

/// A window of one of the data's sequences.
struct DataWindow {
  std::int64_t sequence = 0;
  TokenWindow window;
};

/// What is to be judged, known before it is.
struct EvaluationPlan {
  DataKind kind = DataKind::kTokens;
  std::vector<std::vector<std::int32_t>> sequences;  ///< of tokens
  std::vector<DataWindow> windows;                   ///< in these
  InputData data;                                    ///< else
  std::int64_t batch = 1;                            ///< inputs that the network takes at once
  std::int64_t inputs = 0;                           ///< windows, or inputs
  std::int64_t tokens = 0;                           ///< read, those of several windows as often
  std::int64_t predictions = 0;                      ///< of tokens or labels
  double macs = 0;      ///< of the network's values; as many again for the reference
  double elements = 0;  ///< of the outputs of its layers; as many again, too
};
/// A network with an input "tokens" of integers is a language model; any other takes inputs as they
/// are. Throws an input Error where the data cannot be read, do not fit, or have nothing to judge.
EvaluationPlan plan_evaluation(const RunConfig& run);

struct Evaluated {
  Accuracy accuracy;
  std::vector<InputScore> scores;  ///< of the plan's windows or inputs
};
/// Of run.evaluation: equal for any workers and any store. Throws an input Error where network and
/// data do not fit together.
Evaluated evaluate(const RunConfig& run, const EvaluationPlan& plan,
                   const EvaluateOptions& options = {});

/// The same of a run that names data; nothing of one that names none.
std::optional<Accuracy> evaluated(const RunConfig& run, const EvaluateOptions& options = {});

}  // namespace bitjoule
