// The files and the printed summary of a sweep.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/execute.h"
#include "sim/sweep/results.h"

namespace bitjoule {

std::size_t count_failed(const SweepResults& results);
/// Done points that do not keep a constraint.
std::size_t count_broken(const SweepResults& results);

/// "results", or for a part of a sweep "results-2-of-8": what its files are called.
std::string results_stem(const Shard& shard);

/// The paths of results.json and results.csv below `directory`.
std::vector<std::string> result_files(const std::string& directory, const Shard& shard);

/// Writes result_files().
void write_results(const SweepResults& results, const std::string& directory, const Shard& shard);

/// pareto.csv: the rows of the front.
void write_pareto(const SweepResults& results, const std::vector<std::string>& metrics,
                  const std::string& directory);

/// The table, the Pareto front where `pareto` names metrics, and how many points failed.
std::string summary_text(const SweepResults& results, const std::vector<std::string>& pareto);

}  // namespace bitjoule
