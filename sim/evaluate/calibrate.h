// Calibrations: what data say of a network's tensors, as a file that runs read.
#pragma once

#include <string>

#include "run/run_config.h"
#include "sim/evaluate/evaluate.h"

namespace bitjoule {

/// The bytes of a .safetensors file that Calibration reads: of the data that `plan` reads, by the
/// run's network in float64. Whatever fills the last batch counts as often as it stands there.
std::string calibration_bytes(const RunConfig& run, const EvaluationPlan& plan,
                              const ProgressSink& progress = {});

}  // namespace bitjoule
