// The loads and stores of a program as the DMA of an estimate moves them: a transfer is known by
// its stream and its place in the queue.
#pragma once

#include <cstddef>

#include "core/mapping/program.h"
#include "core/mapping/tile_dma.h"

namespace bitjoule {

/// The streams of TileDma, in its order.
inline constexpr std::size_t kInputStream = 0, kWeightStream = 1, kStoreStream = 2;
/// From a token to the operation that it starts (docs/timing.md, "Tokens").
inline constexpr double kTokenHandover = 2;

/// The `operation`-th of a stream, which may begin at `usable`.
TileTransfer transfer_of(const MappingProblem& problem, const Program& program, std::size_t stream,
                         std::size_t operation, double usable);
/// What such a transfer moves.
const Region& region_of(const Program& program, const TileTransfer& transfer);

}  // namespace bitjoule
