// The front door of the library: a machine that runs layers and networks.
//
//   bitjoule::RunConfig config;                 // array, buffers, DRAM, prices, number formats
//   config.energy = bitjoule::no_prices();      // or a table: no price is an error
//   bitjoule::Machine machine(config);
//   bitjoule::Layer layer{"layer", bitjoule::Gemm{1, 4096, 4096}};
//   const bitjoule::Result result = machine.run(layer);
//   result.layer().outcome.cycles;              // and traffic, counts, energy, outputs, error
#pragma once

#include <memory>
#include <vector>

#include "core/result/trace.h"
#include "run/result.h"
#include "run/run_config.h"
#include "run/timeline.h"

namespace bitjoule {

class Simulation;

/// One machine, as often as wanted. Any number of machines may exist in a process, beside a
/// SystemC platform of the program's own; they run one after the other, on one thread, and not from
/// within a process of a simulation. Every run starts from an idle machine at cycle 0: the order of
/// runs changes no result.
class Machine {
 public:
  /// Builds the machine of `config`; its workload is what run() without one does. Throws an input
  /// Error where machine, memory and prices do not make one.
  explicit Machine(RunConfig config);
  ~Machine();
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const RunConfig& config() const { return config_; }
  /// Another workload, other formats, options and prices for this machine: its accelerator, DRAM
  /// and fidelity stay, whatever `config` says of them.
  void configure(RunConfig config);
  /// Tells `sink` now and then how far a run is.
  void report_to(ProgressSink sink) { progress_ = std::move(sink); }

  /// What the configuration names. `trace`, of a run with one layer, may be null. Throws an input
  /// Error where layer, formats and machine do not fit together, and an internal one where the
  /// model contradicts itself; the machine can go on afterwards. Outputs that differ from the
  /// oracle are no Error here: see require_verified().
  Result run(Trace* trace = nullptr);
  /// One layer, with the formats, options and mapping of the configuration.
  Result run(const Layer& layer, Trace* trace = nullptr);
  Result run(const Network& network);
  /// What the configuration names, and what its layers did when.
  Result run(Timeline& timeline);
  /// Several passes of a network, one after the other.
  Result run(const std::vector<NetworkPhase>& phases, Timeline* timeline = nullptr);

 private:
  /// What the configuration is priced by: worked out anew where it has changed, so that runs of one
  /// machine share prices that were asked for.
  std::shared_ptr<const Prices> prices();

  RunConfig config_;
  std::shared_ptr<Simulation> simulation_;
  ProgressSink progress_;
  std::shared_ptr<const Prices> prices_;
  Shared<EnergyTable> priced_by_;
};

}  // namespace bitjoule
