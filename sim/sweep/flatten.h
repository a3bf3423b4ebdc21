// The metrics of a result: its scalars by dotted path.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "run/result.h"
#include "run/run_config.h"

namespace bitjoule {

/// The scalars of a result.json by dotted path, without its configuration, its counts and what
/// belongs to single layers or actions.
boost::json::object flatten(const boost::json::object& result);

/// A run's result.json, and what flatten() makes of it, as texts.
struct ResultTexts {
  std::string result, metrics;
};
/// `hash` is run_hash(run).
ResultTexts result_texts(const RunConfig& run, const Result& result, const std::string& hash);

}  // namespace bitjoule
