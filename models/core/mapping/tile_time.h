// The time of a layer at the level of tile operations: docs/estimate.md derives each term.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "core/mapping/tile_dma.h"
#include "core/mapping/tile_layout.h"
#include "core/mapping/tile_sizes.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// Core cycles from a token to the operation that it starts (docs/timing.md, "Tokens").
inline constexpr double kHandover = 2;

/// Core cycles that the memory needs for a burst while some of the DMA's three streams (inputs,
/// weights, results) have requests, and until the first.
class MemoryRates {
 public:
  virtual ~MemoryRates() = default;
  /// `streams`: a bit for each; at least one. Without refreshes.
  virtual double burst_cycles(unsigned streams) = 0;
  /// What the first request of a memory at rest waits for more than those of open rows.
  virtual double open_latency(unsigned streams) = 0;
  /// Share of the time in which the memory does anything; else it is refreshed.
  virtual double available() const { return 1; }
};

/// What of a layer is moved, and when it is done.
struct TileTime {
  std::int64_t cycles = 0;
  std::int64_t steps = 0;  ///< of the loops that were walked; the others are like them
};

/// When two iterations of a loop are alike: if the machine is in the same state after both, or if
/// it is so but for a cycle or two, which is enough to rank tilings.
enum class Alike { kExactly, kNearly };

/// Core cycles of a layer, whose bursts take as long as `rates` says. `sizes`: of the problem.
TileTime tile_time(const MappingProblem& problem, const Tiling& tiling, const TileLayout& layout,
                   KnownTileSizes& sizes, MemoryRates& rates, Alike alike = Alike::kExactly);

/// A part of the steps of a layer. What comes before `warm` only brings the machine into the state
/// in which the others find it.
struct StepSpan {
  std::int64_t begin = 0, warm = 0, end = 0;
};

/// When the array had read the tiles ahead of `warm` and of `end`, or, at the end of the layer,
/// when its last result was stored. Core cycles from the first load of the span on.
struct SpanTime {
  double warm = 0, end = 0;
};

/// Told when the array had read the tiles ahead of a step: whether the walk goes on.
using StepWatch = std::function<bool(std::int64_t step, double at)>;

/// Each step walked, with a DMA of the caller's, until the watch, if there is one, ends it.
SpanTime span_time(const MappingProblem& problem, const Tiling& tiling, const TileLayout& layout,
                   KnownTileSizes& sizes, TileDma& dma, const StepSpan& span,
                   const StepWatch& watch = {});

/// The tile operations of a program in their order, numbered from 0: the odometer of its loops.
class StepOrder {
 public:
  StepOrder(const Tiling& tiling, const TileLayout& layout);

  std::int64_t total() const { return total_; }
  TileIndex index(std::int64_t step) const;
  /// Steps from one tile of a stream to the next.
  std::int64_t period(Stream stream) const { return periods_[static_cast<std::size_t>(stream)]; }

  /// A loop over tiles: an iteration of it takes `steps`.
  struct Loop {
    std::int64_t TileIndex::*axis;
    std::int64_t trips, steps;
  };
  static constexpr std::size_t kLoops = 6;
  const std::array<Loop, kLoops>& loops() const { return loops_; }

 private:
  std::array<Loop, kLoops> loops_;  // outermost first
  std::array<std::int64_t, kStreams.size()> periods_{};
  std::int64_t total_ = 0;
};

}  // namespace bitjoule
