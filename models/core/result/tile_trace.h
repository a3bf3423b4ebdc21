// What a traced layer's activities work on, and which brings what another needs.
#pragma once

#include "core/mapping/program.h"
#include "core/result/trace.h"

namespace bitjoule {

/// What a tile is of its layer: "rows 0-13, filters 32-63", what it does not divide left out; of a
/// layer in one piece "all".
std::string tile_text(const MappingProblem& problem, const Tile& tile);

/// Names the activities of a layer's trace by what they work on, and links loads to the work that
/// waits for them, and that to what it leads to. Each unit's activities are in the order of the
/// program. `ahead`: how many loads of weights came while the layer before ran.
void tell_tiles(const MappingProblem& problem, const Program& program, std::size_t ahead,
                Trace& trace);

/// The tracks of the DMA: a queue each.
inline constexpr const char* kDmaTracks[] = {"DMA inputs", "DMA weights", "DMA results",
                                             "DMA ahead"};

}  // namespace bitjoule
