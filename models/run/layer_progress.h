// How far one layer is, for a progress line.
#pragma once

#include <cstdint>
#include <string>

#include "core/mapping/mapper.h"
#include "run/run_config.h"

namespace bitjoule {

/// Weighs a layer's two long pieces of work against one another: the oracle's outputs, then the
/// machine. Without a sink it asks check_interrupt() alone.
class LayerProgress {
 public:
  LayerProgress() = default;
  LayerProgress(ProgressSink sink, const MappingProblem& problem, const MappingEstimate& estimate,
                const RunOptions& options);

  /// MACs done so far.
  void oracle(std::int64_t macs) const;
  void machine(std::int64_t macs) const;

 private:
  ProgressSink sink_;
  double macs_ = 1, oracle_macs_ = 0;
  double oracle_share_ = 0;  ///< of the work
};

}  // namespace bitjoule
