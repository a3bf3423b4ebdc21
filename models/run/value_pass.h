// The values of a network for one input after the other: neither timing nor oracle.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/head_pass.h"
#include "run/network_values.h"
#include "run/run_config.h"

namespace bitjoule {

/// Arithmetic, formats and the order of sums are those of a run of this network with values, by the
/// same code; each output comes with what it would be in float64 without any rounding.
class ValuePass {
 public:
  /// Maps the layers; `run` must outlive it. The machine's side alone comes with the other where
  /// scales are those of its values (static_scales: oracle). Throws an input Error where the
  /// network does not fit the machine. `observer` sees the tensors, for a calibration: quantizers
  /// and scales that ask for one are nearest and oracle then.
  ValuePass(const RunConfig& run, const Network& network, TensorObserver* observer = nullptr,
            Side side = Side::kBoth);
  ValuePass(const ValuePass&) = delete;
  ValuePass& operator=(const ValuePass&) = delete;

  /// What leaves the network for these inputs; those not given are as in a run.
  std::vector<NetworkOutputValues> run(std::map<std::string, NetworkTensor> inputs);

  const Network& network() const { return network_; }

 private:
  void add_step(const NetworkLayer& layer, const class LayerRunner& runner, bool may_mask);

  const RunConfig& run_;
  Network network_;  ///< with the passes that find dynamic scales, and all arithmetic named
  std::vector<ValueStep> steps_;
  std::map<std::size_t, std::unique_ptr<HeadPass>> heads_;  ///< by the first of their steps
  NetworkValues values_;
};

}  // namespace bitjoule
