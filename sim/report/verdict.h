// The answer, in sentences: what a page says before anything else.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

struct Verdict {
  std::string headline;               ///< one sentence
  std::vector<std::string> lines;     ///< and where several are answered, one sentence for each
  const PointResult* best = nullptr;  ///< of the first; null where nothing is best
};

/// "DRAM is 98 % of the energy, and the array waits for data from DRAM in 90 % of the time": where
/// a run's energy and time go.
std::string why_text(const PointResult& point);

/// "perplexity 5.61 against 5.58": what a point loses in error; empty where nothing was computed.
std::string error_against(const PointResult& point, const PointResult& other);

/// Of a sweep: which point takes least energy (time, where no two energies compare) against its
/// baseline, or, without one, against the one that takes most; for each workload or combination of
/// the other columns, and what the saving costs in error. What has more error than signal, or more
/// than twice the baseline's perplexity, is told, but is no answer.
Verdict sweep_verdict(const SweepResults& results);

/// Of a run: time, energy, where they go, and the error of its output. `machine` may be empty.
std::string run_verdict(const PointResult& run, const std::string& machine);

}  // namespace bitjoule
