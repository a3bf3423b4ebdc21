// What a tiling costs, without a simulation. Bytes, bursts, accesses, folds and the array's cycles
// are those of a run, exactly; time under contention for the memory is a model, whose error
// docs/estimate.md states.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/mapping/least_time.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/tile_counter.h"
#include "core/mapping/tile_sizes.h"
#include "core/mapping/tiling.h"
#include "core/mapping/traffic.h"

namespace bitjoule {

class EnergyModel;
struct WalkBudget;
struct WalkedTime;

/// Equal to what a run reports are: traffic, counts (but for peaks, which nothing here knows, and
/// vector operators, which have no tiling), folds, array_cycles.
struct MappingEstimate {
  DramTraffic traffic;
  MachineCounts counts;
  std::int64_t folds = 0;
  std::int64_t array_cycles = 0;   ///< compute_cycles of the program
  std::int64_t dram_cycles = 0;    ///< of all bursts, at the memory's peak
  std::int64_t output_cycles = 0;  ///< of the output unit
  std::int64_t cycles = 0;         ///< of the layer: the model of time
  std::int64_t least_cycles = 0;   ///< those of lower_bound()
  bool walked = false;             ///< ... in which each request was put to the memory's own model
  std::int64_t activates = 0;      ///< of DRAM rows, about
  OpenRows open{};                 ///< of the DRAM, about
  /// By the problem's prices, 0 without any. Exact but for DRAM that is priced by commands: its
  /// activates, refreshes and background follow from `cycles`.
  double energy_pj = 0;
  double counts_pj = 0;  ///< of it, that of `counts`

  /// Whole bursts.
  std::int64_t moved_bytes() const { return traffic.bursts() * traffic.burst_bytes; }
};

/// How far estimated times are from simulated ones: 95 of 100 are not further off than this share,
/// of layers with MACs and of passes of networks (docs/estimate.md has the measurements).
inline constexpr double kLayerTimeError = 0.03, kNetworkTimeError = 0.03;

/// Estimates of one layer's tilings. The cost of one does not grow with the number of equal tiles,
/// nor with that of equal folds.
class Estimator {
 public:
  /// `problem` outlives it. Its buffers may become others of as large banks and as wide ports: a
  /// unified one divided otherwise.
  explicit Estimator(const MappingProblem& problem);
  /// Priced by a model that others use too.
  Estimator(const MappingProblem& problem, std::shared_ptr<EnergyModel> energy);
  ~Estimator();

  TileCounts count(const Tiling& tiling) const { return TileCounter(p_).count(tiling); }
  MappingEstimate estimate(const Tiling& tiling, const TileCounts& counts) const;
  MappingEstimate estimate(const Tiling& tiling) const { return estimate(tiling, count(tiling)); }

  /// Time once more, with what the memory's own model makes of the tiling's requests in place of
  /// its peak: closer, and some ten times slower. Nothing else changes but what energy depends on
  /// time.
  void refine(const Tiling& tiling, MappingEstimate& e) const;

  /// The same from fewer of its requests, of a part of about so many steps, to choose among some.
  /// What takes more than `most` cycles at the memory's peak, or after a part of it as that tells,
  /// is broken off: then false, with the time that is expected from what was walked.
  bool rank(const Tiling& tiling, std::int64_t steps, MappingEstimate& e, double most) const;

  /// The same from all of its requests: the time that a run without overlap takes.
  bool walk(const Tiling& tiling, MappingEstimate& e,
            double most = std::numeric_limits<double>::infinity()) const;

  /// The estimate but for time, which is one that estimate() is not below, and energy at that time:
  /// the array's with the first tile ahead of it and the last result behind it, and every burst at
  /// the memory's peak with the last tile behind them. It costs a part of what estimate() does.
  MappingEstimate lower_bound(const Tiling& tiling, const TileCounts& counts) const;
  /// The same in two steps: all but for time, of which it takes `least_cycles` and that of the
  /// memory; and with the array's. And the estimate from there.
  MappingEstimate counted(const Tiling& tiling, const TileCounts& counts,
                          double least_cycles) const;
  void add_array(const Tiling& tiling, const TileCounts& counts, MappingEstimate& e) const;
  void add_time(const Tiling& tiling, MappingEstimate& e) const;

 private:
  bool retime(const Tiling& tiling, WalkBudget budget, MappingEstimate& e, double most) const;
  void settle(double cycles, const WalkedTime& walked, MappingEstimate& e) const;
  void add_traffic(const Tiling& tiling, const TileCounts& counts, MappingEstimate& e) const;
  std::int64_t least_cycles(const Tiling& tiling, const TileCounts& counts,
                            const MappingEstimate& e) const;

  const MappingProblem& p_;
  std::shared_ptr<EnergyModel> energy_;
  LeastTime least_time_;
  mutable KnownTileSizes sizes_;
};

/// One tiling alone, refined.
MappingEstimate estimate(const MappingProblem& problem, const Tiling& tiling);

/// compute_cycles() of a tiling's program, without the program.
std::int64_t array_cycles(const MappingProblem& problem, const Tiling& tiling);

}  // namespace bitjoule
