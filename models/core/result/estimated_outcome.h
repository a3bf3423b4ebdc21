// What the machine does for a layer as far as it follows without events (docs/estimate.md).
#pragma once

#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "core/result/layer_outcome.h"

namespace bitjoule {

/// Of a layer with MACs. Traffic and counts are those of a run, but for what buffers held at most;
/// of the DRAM bursts are, and commands are estimated; cycles are the mapping's, and what held them
/// is told by a rule.
LayerOutcome estimated_outcome(const MappingProblem& problem, const Mapping& mapping);

/// Likewise of the program of a vector operator, which has chunks, or of a fused layer.
LayerOutcome estimated_outcome(const MappingProblem& problem, const Program& program);

/// Whether an estimate's counts of a primitive follow from its time: those are not exact.
bool is_estimated(Primitive primitive);

}  // namespace bitjoule
