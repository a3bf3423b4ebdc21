// Results of a sweep as printed.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// A metric as people read it, by its unit: "3.4 mJ", "12.8 GB/s", "45.1". What follows from
/// energies in ratios of a MAC is told in MACs.
std::string metric_text(const std::string& metric, double value,
                        PriceUnit energies = PriceUnit::kPicojoule);

/// Aligned columns: labels, chosen metrics (with the ratio to the baseline), why points failed.
/// At most `most` rows.
std::string results_table(const SweepResults& results,
                          const std::vector<const PointResult*>& points,
                          const std::vector<std::string>& metrics, std::size_t most);

}  // namespace bitjoule
