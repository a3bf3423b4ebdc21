// Runs a network layer by layer. At a layer's end the machine drains and the DRAM begins anew, so
// that equal layers cost equal cycles: each is simulated once and counted as often as it runs.
// Where layers overlap, equal means also: with as much of its weights fetched, before equal layers.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "sim/run/layer_runner.h"
#include "sim/run/network_memory.h"
#include "sim/run/network_values.h"

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
  std::int64_t ahead_bytes = 0;                          ///< of these, while the layer ahead ran
  std::int64_t kv_read_bytes = 0, kv_written_bytes = 0;  ///< asked for
  StallBreakdown stalls;
  BoundEvidence evidence;
};

struct NetworkResult {
  std::string name;
  std::map<std::string, std::int64_t> parameters;
  std::vector<LayerResult> layers;  ///< those that take cycles; `repeat` counts all passes
  std::vector<PassResult> passes;
  NetworkMemory memory;                      ///< of the pass that needs most
  std::int64_t capacity_bytes = 0;           ///< of the DRAM
  std::int64_t simulated = 0;                ///< layers; the others equal one of them
  std::vector<NetworkOutputValues> outputs;  ///< values on: of the last pass
};

class NetworkRunner {
 public:
  /// `share_equal` false simulates every layer of the files, also those that equal another.
  explicit NetworkRunner(const RunConfig& run, bool share_equal = true);

  /// Told before each layer: the share of the work that is done, and the layer's name.
  using Progress = std::function<void(double, const std::string&)>;
  NetworkResult run(const Progress& progress = {});

 private:
  /// A layer that takes cycles, and what its cost depends on but for its neighbours.
  struct Step {
    const NetworkLayer* layer = nullptr;
    std::string key;
  };
  struct Known {
    std::string key;
    const LayerResult* result = nullptr;
  };

  /// `given`: what the layer's values are computed from, if it is simulated anew.
  Known simulate(const Step& step, const Step* next, const WeightsAhead& ahead,
                 GivenOperands* given = nullptr);
  LayerResult simulate_anew(const Step& step, const Step* next, const WeightsAhead& ahead,
                            GivenOperands* given);
  Known simulate_values(const Step& step, const Step* next, const WeightsAhead& ahead,
                        LayerResult& valued);
  Known simulate_macs(const Step& step, const Step* next, const WeightsAhead& ahead,
                      LayerResult& valued);
  void move_values(const NetworkLayer* from, const NetworkLayer* to);
  const LayerProgram& prepared(const Step& step);
  PassResult run_pass(const NetworkPhase& phase, const Progress& progress);
  void add(const Known& known, const NetworkLayer& layer, std::int64_t count, PassResult& pass);
  void add_layer(const Known& known, const NetworkLayer& layer, std::int64_t count,
                 const NetworkPhase& phase);
  void name_rows();

  const RunConfig& run_;
  bool share_equal_;
  LayerRunner runner_;
  std::vector<NetworkPhase> phases_;       ///< of the run, with the passes that find dynamic scales
  std::unique_ptr<NetworkValues> values_;  ///< values on
  NetworkResult result_;
  std::map<std::string, LayerResult> known_;      ///< by what the cost of a layer depends on
  std::map<std::string, LayerProgram> programs_;  ///< of this pass, by Step::key
  std::map<std::string, std::size_t> rows_;       ///< in result_.layers
  double work_ = 0, done_ = 0;                    ///< for the progress
};

}  // namespace bitjoule
