// `sim run` of a small network, as its result.json.
#pragma once

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "support/shell.h"

namespace bitjoule::test {

namespace json = boost::json;

inline const char* const kRun = R"(
accelerator: accelerators/edge-32x32.yaml
network: networks/stories260k.yaml
phase: decode
precision:
  weights: {format: int8, granularity: per_channel}
  activations: int8
  mac: int8
)";

/// `sim run` of a run file with further arguments: its result.json.
inline json::value run_file(const std::string& file, const std::string& arguments) {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << file;
  const Outcome outcome = shell("{sim} run " + directory.at("run.yaml") + " --quiet -o " +
                                directory.at("out") + " " + arguments);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(directory.at("out/result.json")));
}

inline json::value run(const std::string& arguments) { return run_file(kRun, arguments); }

inline std::int64_t integer(const json::value& v) { return v.to_number<std::int64_t>(); }
inline double real(const json::value& v) { return v.to_number<double>(); }

}  // namespace bitjoule::test
