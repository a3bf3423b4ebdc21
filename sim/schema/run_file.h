// Run files: from YAML and --set options to a RunConfig, and back.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "run/run_config.h"
#include "sim/config/document.h"
#include "sim/config/json_sink.h"

namespace bitjoule {

/// A table file by itself; `name` may be one of the shipped ones.
EnergyTable read_energy_table(const std::string& name, const std::vector<Override>& overrides = {});

/// Reads a run file with its parts. Throws an input Error with a line per problem.
RunConfig read_run(const Source& source, const std::vector<Override>& overrides = {});

/// A run file read once, for many runs that differ in overrides.
class RunTemplate {
 public:
  /// The file may lack what the overrides bring. Throws an input Error.
  explicit RunTemplate(const Source& source, const std::vector<Override>& overrides = {});
  RunConfig with(const std::vector<Override>& overrides) const;

 private:
  Node root_;
};

/// The resolved configuration: reads back as a run file that means the same.
boost::json::value to_json(const RunConfig& run);
void write_json(const RunConfig& run, JsonSink& sink);

/// A text that is equal exactly where the resolved configurations are, and is quicker made.
std::string run_digest(const RunConfig& run);

/// The same of the parts of which a machine is built: accelerator, DRAM and fidelity.
std::string machine_digest(const RunConfig& run);

}  // namespace bitjoule
