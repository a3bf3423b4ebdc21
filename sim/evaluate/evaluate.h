// Evaluations: the data that a run names, through its network, beside the run's timing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/accuracy/windows.h"
#include "run/accuracy.h"
#include "run/run_config.h"
#include "run/workers.h"

namespace bitjoule {

struct EvaluateOptions {
  std::shared_ptr<Workers> workers;  ///< who judges windows beside one another; null: nobody
  std::string store;                 ///< directory of windows that were judged before; empty: none
  ProgressSink progress;
};

/// A window of one of the data's sequences.
struct DataWindow {
  std::int64_t sequence = 0;
  TokenWindow window;
};

/// What is to be judged, known before it is.
struct EvaluationPlan {
  std::vector<std::vector<std::int32_t>> sequences;
  std::vector<DataWindow> windows;
  std::int64_t tokens = 0;  ///< read, those of several windows as often
  std::int64_t predictions = 0;
  double macs = 0;  ///< of the network's values; as many again for the reference
};
/// Throws an input Error where the data cannot be read or has nothing to predict.
EvaluationPlan plan_evaluation(const RunConfig& run);

struct Evaluated {
  Accuracy accuracy;
  std::vector<InputScore> scores;  ///< of the plan's windows
};
/// Of run.evaluation: equal for any workers and any store. Throws an input Error where network and
/// data do not fit together.
Evaluated evaluate(const RunConfig& run, const EvaluationPlan& plan,
                   const EvaluateOptions& options = {});

/// The same of a run that names data; nothing of one that names none.
std::optional<Accuracy> evaluated(const RunConfig& run, const EvaluateOptions& options = {});

}  // namespace bitjoule
