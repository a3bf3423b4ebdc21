// What a layer with MACs works on inside a network: operands, bias and output scale from the
// tensors that are there.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/mapping/tiling.h"
#include "run/layer_tensors.h"
#include "run/output_check.h"

namespace bitjoule {

struct MacOperands {
  GivenOperands given;
  std::vector<double> reference;  ///< the outputs without any rounding, before an output scale
  bool yields_numbers = false;    ///< the output's codes stand for themselves
};

/// A layer's own weights, which are the same in every pass.
struct KnownWeights {
  QuantizedTensor stored;
  std::vector<float> reals;
  std::vector<double> reference;  ///< empty: `reals`
  OperandOrigin origin;
};
using WeightCache = std::map<std::string, KnownWeights>;  ///< by layer

/// `first` and `second` are the operands that other layers produce; `second` is nullptr where the
/// layer has weights of its own, which are taken from `known` and left there, unless it is
/// nullptr. Without the reference where the machine's side alone is wanted. Throws an input Error
/// where shapes, types or formats do not fit.
MacOperands mac_operands(const NetworkLayer& layer, const LayerOp& op,
                         const MappingProblem& problem, const LayerTensors& tensors,
                         const NetworkTensor& first, const NetworkTensor* second,
                         WeightCache* known = nullptr, Side side = Side::kBoth);

/// The reference alone, of real operands without a bias; nothing: it takes mac_operands().
std::optional<std::vector<double>> exact_outputs(const NetworkLayer& layer, const LayerOp& op,
                                                 const MappingProblem& problem,
                                                 const LayerTensors& tensors,
                                                 const NetworkTensor& first,
                                                 const NetworkTensor* second, WeightCache& known);

/// The layer's output as its readers find it.
NetworkTensor mac_result(MacOperands operands, LayerOutputs outputs, const MappingProblem& problem);

}  // namespace bitjoule
