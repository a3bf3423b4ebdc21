// result.json: docs/result.md describes the layout, whose version is `schema_version`.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "run/layer_result.h"
#include "run/network_result.h"
#include "run/run_config.h"

namespace bitjoule {

inline constexpr int kResultSchemaVersion = 2;

/// Cycles by cause.
boost::json::object stalls_json(const StallBreakdown& stalls);
/// Cycles in which transfers were under way, by what held them.
boost::json::object dma_json(const StallBreakdown& dma);

/// A run of one or more layers; totals are sums over layers times their repeats.
boost::json::object result_json(const RunConfig& run, const std::vector<LayerResult>& layers);

/// The same with `network`: kinds, largest layers, memory, tokens.
boost::json::object result_json(const RunConfig& run, const NetworkResult& network);

/// One row per layer, units in the header.
std::string layers_csv(const std::vector<LayerResult>& layers);

/// sqnr_db is null where the outputs are exact, or where there is nothing to compare.
boost::json::value error_json(const Quality& error);

}  // namespace bitjoule
