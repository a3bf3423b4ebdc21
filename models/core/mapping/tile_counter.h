// What the tiles of a tiling move and do, whatever order the loops have: equal ones are counted,
// not visited, and what one tiling shares with another is counted once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/mapping/machine_counts.h"
#include "core/mapping/point_table.h"
#include "core/mapping/reuse.h"
#include "core/mapping/stream_key.h"
#include "core/mapping/tile_layout.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// Of one stream, if each of its tiles is moved once.
struct StreamCounts {
  Moved moved;
  TransferCounts buffers;
  std::int64_t edge = 0;  ///< bursts of the first tile, of results those of the last
};

/// The part of an estimate that does not depend on the order of the loops.
struct TileCounts {
  std::array<StreamCounts, kStreams.size()> streams{};
  MachineCounts work;  ///< of the array and the output unit
  std::int64_t folds = 0;

  const StreamCounts& of(Stream stream) const { return streams[static_cast<std::size_t>(stream)]; }
};

class TileCounter {
 public:
  /// `problem` outlives it, and keeps its ports.
  explicit TileCounter(const MappingProblem& problem) : p_(problem) {}

  TileCounts count(const Tiling& tiling);

 private:
  struct Work {
    MachineCounts counts;
    std::int64_t folds = 0;
  };

  StreamCounts transfers(const TileLayout& layout, Stream stream) const;
  Work work(const Tiling& tiling) const;

  const MappingProblem& p_;
  template <class T>
  using Table = PointTable<std::optional<T>, SizesKey, 64>;
  std::array<Table<StreamCounts>, kStreams.size()> streams_;
  Table<Work> work_;
};

}  // namespace bitjoule
