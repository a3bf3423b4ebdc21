// Runs a network layer by layer. At a layer's end the machine drains and the DRAM begins anew, so
// that equal layers cost equal cycles: each is simulated once and counted as often as it runs.
#pragma once

#include <functional>
#include <map>

#include "sim/run/layer_runner.h"
#include "sim/run/network_memory.h"

namespace bitjoule {

/// What the report says about one pass (or one decode step) beyond its layers.
struct PassResult {
  std::string phase;
  std::int64_t context = 0;  ///< of a decode step of a generation
  std::int64_t weight = 1;   ///< passes that this one stands for
  std::int64_t tokens = 0;   ///< that it yields or reads, all sequences; 0: it has none
  std::int64_t images = 0;   ///< batch of a network without tokens
  std::int64_t cycles = 0;
  double time_s = 0;
  double energy_pj = 0;
  std::int64_t moved_bytes = 0;                          ///< through the DRAM, padding included
  std::int64_t kv_read_bytes = 0, kv_written_bytes = 0;  ///< asked for
  StallBreakdown stalls;
};

struct NetworkResult {
  std::string name;
  std::map<std::string, std::int64_t> parameters;
  std::vector<LayerResult> layers;  ///< those that take cycles; `repeat` counts all passes
  std::vector<PassResult> passes;
  NetworkMemory memory;             ///< of the pass that needs most
  std::int64_t capacity_bytes = 0;  ///< of the DRAM
  std::int64_t simulated = 0;       ///< layers; the others equal one of them
};

class NetworkRunner {
 public:
  /// `share_equal` false simulates every layer of the files, also those that equal another.
  explicit NetworkRunner(const RunConfig& run, bool share_equal = true);

  /// Told before each layer: the share of the work that is done, and the layer's name.
  using Progress = std::function<void(double, const std::string&)>;
  NetworkResult run(const Progress& progress = {});

 private:
  const LayerResult& simulate(const NetworkLayer& layer);
  LayerResult simulate_anew(const NetworkLayer& layer);
  PassResult run_pass(const NetworkPhase& phase, const Progress& progress);
  void add_layer(const LayerResult& result, const NetworkLayer& layer, const NetworkPhase& phase);

  const RunConfig& run_;
  bool share_equal_;
  LayerRunner runner_;
  std::vector<NetworkPhase> phases_;  ///< of the run, with the passes that find dynamic scales
  NetworkResult result_;
  std::map<std::string, LayerResult> known_;  ///< by what the cost of a layer depends on
  std::map<std::string, std::size_t> rows_;   ///< in result_.layers
  double work_ = 0, done_ = 0;                ///< for the progress
};

}  // namespace bitjoule
