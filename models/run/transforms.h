// Transformations of operands (core/numeric/operand_transform.h) in a network: who multiplies by
// the factors, and the passes of the vector unit where nobody can.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/workload/network.h"

namespace bitjoule {

/// The network with a pass `channel_scale` or `hadamard` before the linear layers whose precision
/// has a transformation: one for all that read a tensor and have the same. Factors are folded where
/// the tensor has no other reader, into what produces it: the gamma (and beta) of a norm, the rows
/// (and biases) of a linear layer without an activation or with relu, or one operand of a product
/// of two tensors that is made so. Throws an input Error where a layer that cannot be transformed
/// has one: a convolution, a mixture's experts, stored codes.
Network with_transforms(const Network& network, const Precision& run);

/// The network with no transformation in any of its layers.
Network without_transforms(Network network, const Precision& run);

/// Groups of layers whose factors ask for the values of each input, counted (Calibration).
std::set<std::string> counted_inputs(const Network& network, const Precision& run);

/// A line for each group of layers, repetitions together: where its factors go, or which pass
/// stands for them.
std::vector<std::string> transform_notes(const Network& network, const Precision& run);

/// Of a network with_transforms(): names its transformations; empty where it has none. Statistics
/// of its tensors are known by it.
std::string transform_signature(const Network& network);

}  // namespace bitjoule
