// The tensors that enter a network.
#pragma once

#include "core/workload/network.h"
#include "run/layer_tensors.h"
#include "run/tensor_reader.h"

namespace bitjoule {

/// From its file, or generated: real values of deviation 1; integers over their type's range, rows
/// of a table where an embedding reads them. Throws an input Error that names input and file where
/// name, type or shape do not fit. Of several steps a file holds the values of one, or of all along
/// a leading axis. A state is `initial` where it comes from no file.
struct InputStep {
  std::int64_t index = 0, count = 1;
};
NetworkTensor network_input(const Network& network, const NetworkInput& input,
                            const LayerTensors& tensors, TensorReader& files, InputStep step = {});

}  // namespace bitjoule
