// One run: which machine does which layer in which numbers, priced by which table.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/dram/config.h"
#include "core/energy/table.h"
#include "core/machine/machine.h"
#include "core/mapping/pins.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"
#include "sim/config/document.h"

namespace bitjoule {

/// How much of the output is compared with the oracle.
enum class Verify { kFull, kSample, kOff };

struct RunOptions {
  bool values = true;  ///< compute outputs, not only cycles and counts
  Fidelity fidelity = Fidelity::kFast;
  Verify verify = Verify::kSample;
  std::int64_t seed = 1;      ///< of generated operands
  bool keep_outputs = false;  ///< results carry the output tensor; not part of the configuration
};

struct RunConfig {
  std::string name;
  AcceleratorConfig accelerator;
  DramConfig dram;
  EnergyTable energy;
  Layer layer;
  Precision precision;
  RunOptions options;
  MappingPins mapping;
};

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

}  // namespace bitjoule
