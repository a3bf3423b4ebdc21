#include "run/layer_progress.h"

#include <algorithm>
#include <utility>

#include "core/interrupt.h"
#include "run/output_check.h"

namespace bitjoule {
namespace {

// Per second, roughly: only their ratios matter.
constexpr double kOracleMacs = 3e8, kIntegerMacs = 5e9, kFloatMacs = 1e9, kPeCycles = 2e7;

}  // namespace

LayerProgress::LayerProgress(ProgressSink sink, const MappingProblem& problem,
                             const MappingEstimate& estimate, const RunOptions& options)
    : sink_(std::move(sink)), macs_(static_cast<double>(problem.layer.extents.macs())) {
  const ArrayConfig& array = problem.machine.array;
  double machine = 0;
  if (options.fidelity == Fidelity::kPe)
    machine = static_cast<double>(estimate.array_cycles) *
              static_cast<double>(array.rows * array.cols) / kPeCycles;
  else if (options.values)
    machine = macs_ / (problem.path.mac.is_integer ? kIntegerMacs : kFloatMacs);
  if (options.values)
    oracle_macs_ = static_cast<double>(checked_outputs(problem, options.verify)) *
                   static_cast<double>(problem.layer.extents.k);
  const double oracle = oracle_macs_ / kOracleMacs;
  oracle_share_ = oracle > 0 ? oracle / (oracle + machine) : 0;
}

void LayerProgress::oracle(std::int64_t macs) const {
  check_interrupt();
  if (sink_)
    sink_(oracle_share_ * static_cast<double>(macs) / std::max(1.0, oracle_macs_),
          "expected outputs");
}

void LayerProgress::machine(std::int64_t macs) const {
  check_interrupt();
  if (sink_)
    sink_(oracle_share_ + (1 - oracle_share_) * static_cast<double>(macs) / macs_, "the machine");
}

}  // namespace bitjoule
