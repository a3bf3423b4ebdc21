// The number formats of a network's layer, from the run's and the layer's own.
#pragma once

#include "core/mapping/vector_program.h"
#include "core/workload/network.h"

namespace bitjoule {

/// Of a layer with MACs. The second operand of a product of activations is stored as they are. A
/// run's integer MAC does not count for a product in whose sums scales differ: it is `auto` there.
Precision layer_precision(const NetworkLayer& layer, const Precision& run);

/// How activations of a layer lie in memory ahead of the passes that quantize them.
TensorFormat between_layers(const Precision& layer, const Precision& run);

/// Of a vector operator. An embedding's table is stored as weights are, by the quantizer `mse`
/// where they have another than `nearest`; norm parameters as fp32 where the layer says nothing
/// else.
VectorFormats vector_formats(const NetworkLayer& layer, const Precision& run);

/// The format in which the layer's output leaves. Only the operator `quantize` yields dynamic
/// scales.
TensorFormat output_format(const NetworkLayer& layer, const Precision& run);

}  // namespace bitjoule
