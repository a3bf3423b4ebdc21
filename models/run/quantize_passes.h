// Dynamic scales: the passes of the vector unit that find them, before the layers that read the
// codes (docs/networks.md, "Dynamic scales").
#pragma once

#include <vector>

#include "core/mapping/vector_program.h"
#include "core/workload/network.h"

namespace bitjoule {

/// One pass over a tensor, from the format it lies in to codes and a scale for each row.
struct QuantizePass {
  std::string name;
  VectorOp op;
  VectorFormats formats;
};

/// The passes that a single layer brings: over its operands, before it, and over its output, after
/// it.
struct LayerPasses {
  std::vector<QuantizePass> before, after;
};
LayerPasses quantize_passes(const Layer& layer, const Precision& precision);

/// The network with a `quantize` operator for every tensor that needs dynamic scales: one for all
/// layers that read it in the same format. Keys and values get theirs when they are appended to the
/// cache.
Network with_quantize_passes(const Network& network, const Precision& run);

/// The network with those passes, and those that operands are transformed by (run/transforms.h).
Network with_passes(const Network& network, const Precision& run);

/// The network as it is computed: with all of them, and with the arithmetic of every layer that
/// names none: the run's, else the network's.
Network completed(const Network& network, const Precision& run);

}  // namespace bitjoule
