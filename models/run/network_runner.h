// Runs a network layer by layer. At a layer's end the machine drains and the DRAM begins anew, so
// that equal layers cost equal cycles: each is simulated once and counted as often as it runs.
// Where layers overlap, equal means also: with as much of its weights fetched, before equal layers.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "run/layer_runner.h"
#include "run/network_result.h"
#include "run/network_values.h"
#include "run/timeline.h"

namespace bitjoule {

class NetworkRunner {
 public:
  /// Of `run`, everything but the machine and what it does; it and the phases must outlive the
  /// runner.
  NetworkRunner(const RunConfig& run, const std::vector<NetworkPhase>& phases,
                std::shared_ptr<Simulation> machine);

  /// `progress` is told before each layer.
  /// `timeline`, which may be null, gets what the layers did when.
  NetworkResult run(const ProgressSink& progress = {}, Timeline* timeline = nullptr);

 private:
  /// A layer that takes cycles, and what its cost depends on but for its neighbours.
  struct Step {
    const NetworkLayer* layer = nullptr;
    std::string key;
  };
  struct KnownLayer {
    LayerResult result;
    std::string step;  ///< its key
  };
  struct Known {
    std::string key;
    const LayerResult* result = nullptr;
  };

  /// `given`: what the layer's values are computed from, if it is simulated anew.
  Known simulate(const Step& step, const Step* next, const WeightsAhead& ahead,
                 GivenOperands* given = nullptr);
  LayerResult simulate_anew(const Step& step, const Step* next, const WeightsAhead& ahead,
                            GivenOperands* given, Trace* trace);
  Known simulate_attention(const Step& step, const Step* next, const WeightsAhead& ahead,
                           LayerResult& valued);
  Known simulate_values(const Step& step, const Step* next, const WeightsAhead& ahead,
                        LayerResult& valued);
  /// Of a layer with MACs; `result` is what it yields, `first_row` as NetworkValues::operands.
  Known simulate_macs(const Step& step, const Step* next, const WeightsAhead& ahead,
                      std::int64_t first_row, LayerResult& valued, NetworkTensor& result);
  void run_experts(const NetworkLayer& layer, const NetworkPhase& phase, PassResult& pass);
  void move_values(const NetworkLayer* from, const NetworkLayer* to);
  const LayerProgram& prepared(const Step& step);
  LayerProgram prepare(const Step& step) const;
  LayerProgram prepare_attention(const NetworkLayer& layer) const;
  std::vector<Step> steps_of(const NetworkPhase& phase) const;
  void simulate_beside(const std::vector<Step>& steps, const ProgressSink& progress);
  std::size_t simulate_beside(std::size_t phase, const ProgressSink& progress);
  NetworkPhase complete(const NetworkPhase& phase) const;
  std::map<std::string, std::size_t> survey();
  PassResult run_pass(const NetworkPhase& phase, const ProgressSink& progress);
  void add(const Known& known, const NetworkLayer& layer, std::int64_t count, PassResult& pass);
  void add_layer(const Known& known, const NetworkLayer& layer, std::int64_t count,
                 const NetworkPhase& phase);
  /// In the timeline, where there is one.
  void record(const Known& known, const std::string& name, std::int64_t repeat);
  void name_rows();

  const RunConfig& run_;
  LayerRunner runner_;
  const std::vector<NetworkPhase>& phases_;
  std::unique_ptr<NetworkValues> values_;  ///< values on
  NetworkResult result_;
  std::map<std::string, KnownLayer> known_;       ///< by what the cost of a layer depends on
  std::map<std::string, LayerProgram> programs_;  ///< of this pass, by Step::key
  std::map<std::string, LayerProgram> waiting_;   ///< prepared for simulate_beside()
  std::map<std::string, std::shared_ptr<const AttentionPlan>> plans_;  ///< by Step::key
  std::set<std::string> beside_;               ///< what workers have simulated, by Step::key
  std::map<std::string, std::size_t> rows_;    ///< in result_.layers
  std::set<std::string> phases_begun_;         ///< by name
  bool begins_phase_ = false;                  ///< the pass is the first of its phase
  Timeline* timeline_ = nullptr;               ///< of this run; may be null
  std::map<std::string, std::size_t> traced_;  ///< in timeline_->layers, by Known::key
  double work_ = 0, done_ = 0;                 ///< for the progress
};

}  // namespace bitjoule
