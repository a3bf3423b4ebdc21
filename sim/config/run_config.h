// One run: which machine does which layer or network in which numbers, priced by which table.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/dram/config.h"
#include "core/energy/price.h"
#include "core/machine/machine.h"
#include "core/mapping/pins.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"
#include "core/workload/network.h"
#include "sim/config/document.h"

namespace bitjoule {

/// How much of the output is compared with the oracle.
enum class Verify { kFull, kSample, kOff };

struct RunOptions {
  bool values = true;  ///< compute outputs, not only cycles and counts
  Fidelity fidelity = Fidelity::kFast;
  Verify verify = Verify::kSample;
  std::int64_t seed = 1;  ///< of generated operands
  DramPricing dram_prices = DramPricing::kTable;
  bool keep_outputs = false;  ///< results carry the output tensor; not part of the configuration
};

/// Text generation: a prompt is read at once, then tokens are decoded one by one.
struct Generation {
  std::int64_t prompt = 512;  ///< tokens per sequence
  std::int64_t tokens = 128;  ///< generated per sequence; the first comes out of the prompt's pass
  std::int64_t batch = 1;     ///< sequences
  std::int64_t every = 1;     ///< odd; decoding is simulated every so many tokens
};

/// A network in one of the states that a run takes it through.
struct NetworkPhase {
  std::string name;          ///< "prefill", "decode", or empty
  std::int64_t context = 0;  ///< decode steps of a generation: tokens the last of which is new
  std::int64_t weight = 1;   ///< passes that this one stands for
  Network network;
};

/// What two layers of a network do at once: nothing, or the weights of the next are fetched while
/// one runs.
enum class LayerOverlapMode { kNone, kLayers };

struct RunConfig {
  std::string name;
  AcceleratorConfig accelerator;
  DramConfig dram;
  EnergyTable energy;
  Layer layer;                       ///< where `phases` is empty
  std::vector<NetworkPhase> phases;  ///< one, or those of a generation
  LayerOverlapMode overlap = LayerOverlapMode::kNone;
  Precision precision;
  RunOptions options;
  MappingPins mapping;
  std::vector<std::string> notes;  ///< what was set and has no effect, a line each
};

/// What a run is priced by.
inline Prices prices_of(const RunConfig& run) {
  return make_prices(run.energy, run.dram.name, run.dram.energy, run.options.dram_prices);
}

/// The decode steps that are simulated, by context, and how many steps each stands for: every step
/// costs the linear interpolation between its neighbours, so that weights sum to tokens - 1. They
/// are whole numbers because each stretch is odd; an even rest is split into one step and an odd
/// one.
std::vector<std::pair<std::int64_t, std::int64_t>> decode_samples(const Generation& generation);

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
