// Everything known about a network that has run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "run/layer_result.h"
#include "run/network_memory.h"

namespace bitjoule {

/// A tensor that left the network.
struct NetworkOutputValues {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string type;  ///< of its elements where they are integers; else empty
  std::vector<float> values;
  std::vector<std::int32_t> codes;  ///< integers
  Quality error;                    ///< against the whole network in float64; of the last step
  std::vector<double> reference;    ///< that network's; of an evaluation alone
};

/// What the report says about one pass (or one decode step) beyond its layers.
struct PassResult : Costs {
  std::string phase;
  std::int64_t context = 0;  ///< of a decode step of a generation
  std::int64_t weight = 1;   ///< passes that this one stands for
  std::int64_t tokens = 0;   ///< that it yields or reads, all sequences; 0: it has none
  std::int64_t images = 0;   ///< batch of a network without tokens
};

struct NetworkResult {
  std::string name;
  std::map<std::string, std::int64_t> parameters;
  std::vector<LayerResult> layers;  ///< those that take cycles; `repeat` counts all passes
  std::vector<PassResult> passes;
  NetworkMemory memory;                      ///< of the pass that needs most
  std::int64_t capacity_bytes = 0;           ///< of the DRAM
  std::int64_t simulated = 0;                ///< layers; the others equal one of them
  std::vector<NetworkOutputValues> outputs;  ///< values on: of the last pass, or of all steps
};

}  // namespace bitjoule
