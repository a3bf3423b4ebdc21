// Sums over the layers and passes of a network.
#pragma once

#include <string>
#include <vector>

#include "run/network_result.h"

namespace bitjoule {

/// Layers of one kind and phase, added up with their repeats.
struct KindTotals : Costs {
  std::string name;  ///< "attention", or "decode/attention" in a generation
  double slots = 0;  ///< as array_macs, also in the time of vector operators
};

/// In the order in which the kinds first run. `by_phase`: phases apart, as in a generation.
std::vector<KindTotals> kind_totals(const std::vector<LayerResult>& layers, bool by_phase);
std::vector<KindTotals> kind_totals(const NetworkResult& network);

/// Whether its passes are of several phases: a prefill and decode steps. Else they are one
/// inference or the steps of a network with state.
bool is_generation(const NetworkResult& network);

/// All passes of one phase, weighted; prefill or decode of a generation.
PassResult phase_total(const NetworkResult& network, const std::string& phase);

/// All passes, weighted, of a network that is no generation.
PassResult whole_pass(const NetworkResult& network);

/// Over all layers with MACs: how many outputs were computed, checked with the oracle, and wrong.
OutputCheck check_total(const NetworkResult& network);

/// What tokens (or images) cost in a phase.
struct UnitCost {
  std::string unit;  ///< "token" or "image"
  double count = 0, per_s = 0, joules = 0, bytes = 0;
  double limit_per_s = 0;  ///< the DRAM's peak bandwidth over `bytes`
};
UnitCost unit_cost(const NetworkResult& network, const PassResult& pass);

/// The layers with the most of something, at most `count`, largest first.
std::vector<const LayerResult*> largest_layers(const NetworkResult& network, std::size_t count,
                                               double (*amount)(const LayerResult&));
double layer_cycles(const LayerResult& layer);
double layer_energy(const LayerResult& layer);
double layer_bytes(const LayerResult& layer);

}  // namespace bitjoule
