// result.json: docs/result.md describes the layout, whose version is `schema_version`.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/config/run_config.h"
#include "sim/run/layer_result.h"
#include "sim/run/network_runner.h"

namespace bitjoule {

inline constexpr int kResultSchemaVersion = 2;

/// A run of one or more layers; totals are sums over layers times their repeats.
boost::json::object result_json(const RunConfig& run, const std::vector<LayerResult>& layers);

/// The same with `network`: kinds, largest layers, memory, tokens.
boost::json::object result_json(const RunConfig& run, const NetworkResult& network);

/// One row per layer, units in the header.
std::string layers_csv(const std::vector<LayerResult>& layers);

/// sqnr_db is null where the outputs are exact, or where there is nothing to compare.
boost::json::value error_json(const Quality& error);

}  // namespace bitjoule
