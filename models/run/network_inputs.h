// The tensors that enter a network.
#pragma once

#include "core/workload/network.h"
#include "run/layer_tensors.h"
#include "run/tensor_reader.h"

namespace bitjoule {

/// From its file, or generated: real values of deviation 1; integers over their type's range, rows
/// of a table where an embedding reads them. Throws an input Error that names input and file where
/// name, type or shape do not fit.
NetworkTensor network_input(const Network& network, const NetworkInput& input,
                            const LayerTensors& tensors, TensorReader& files);

}  // namespace bitjoule
