// The fields of result.json by path: metrics of sweeps, their units, and the tables of
// docs/result.md.
#pragma once

#include <string>
#include <vector>

#include "run/described_result.h"

namespace bitjoule {

/// All of result.json, in its order.
const std::vector<FieldRow>& result_fields();

/// How the value of a run follows from its layers': "sum", "highest", "derived" or "".
const char* over_layers_name(OverLayers over);

/// "pJ", "core cycles", "share"; empty where a metric has none, or there is no such metric.
std::string unit_of(const std::string& metric);
/// Whether more of a metric is better (SQNR, cosine, utilization, rates); less is, of all others.
bool more_is_better(const std::string& metric);
/// Whether a metric follows from energies, and so lacks what has no price, and is in ratios where a
/// table has such: pJ, J, W, W/mm2, TOPS/W.
bool is_of_energy(const std::string& metric);

}  // namespace bitjoule
