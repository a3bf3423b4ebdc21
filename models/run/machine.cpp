#include "run/machine.h"

#include <utility>

#include "core/error.h"
#include "run/checked.h"
#include "run/layer_runner.h"
#include "run/network_runner.h"
#include "run/run_check.h"
#include "run/run_parts.h"
#include "run/simulation.h"

namespace bitjoule {

Machine::Machine(RunConfig config)
    : config_(std::move(config)),
      simulation_(make_machine(config_.accelerator, config_.dram, config_.options.fidelity)) {}

Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

void Machine::configure(RunConfig config) {
  config.accelerator = std::move(config_.accelerator);
  config.dram = std::move(config_.dram);
  config.options.fidelity = config_.options.fidelity;
  config_ = std::move(config);
}

std::shared_ptr<const Prices> Machine::prices() {
  if (prices_ == nullptr || !priced_by_.is_same(config_.energy) ||
      prices_->counted != config_.options.dram_prices || !(prices_->parts == parts_of(config_))) {
    prices_ = std::make_shared<const Prices>(prices_of(config_));
    priced_by_ = config_.energy;
  }
  return prices_;
}

Result Machine::run(Trace* trace) {
  return config_.phases.empty() ? run(config_.layer, trace) : run(config_.phases);
}

Result Machine::run(const Layer& layer, Trace* trace) {
  check_fidelity(config_);
  check_ranges(config_);
  if (trace != nullptr && config_.options.fidelity == Fidelity::kEstimate)
    throw input_error("a waveform or timeline: fidelity: estimate has no events; use fast or pe");
  const std::shared_ptr<const Prices> prices = this->prices();
  LayerRunner runner(simulation_, *prices, config_.options);
  runner.report_to(progress_);
  Result result;
  result.layer_passes = runner.run_all(layer, config_.precision, config_.mapping, trace);
  result.prices = prices;
  return result;
}

Result Machine::run(const Network& network) { return run({{network.phase, 0, 1, network}}); }

Result Machine::run(Timeline& timeline) {
  timeline = {};
  if (!config_.phases.empty()) return run(config_.phases, &timeline);
  auto layer = std::make_shared<Timeline::Layer>();
  Result result = run(config_.layer, &layer->trace);
  layer->result = result.layer();
  timeline.steps.push_back({layer->result.name, 1, 0});
  timeline.layers.push_back(std::move(layer));
  return result;
}

Result Machine::run(const std::vector<NetworkPhase>& phases, Timeline* timeline) {
  if (timeline != nullptr && config_.options.fidelity == Fidelity::kEstimate)
    throw input_error("a timeline: fidelity: estimate has no events; use fast or pe");
  check_fidelity(config_);
  check_ranges(config_);
  for (const NetworkPhase& phase : phases) check_ranges(phase.network);
  return {{}, NetworkRunner(config_, phases, simulation_).run(progress_, timeline)};
}

void require_verified(const Result& result) {
  for (const LayerResult& layer : result.layers()) require_verified(layer);
}

}  // namespace bitjoule
