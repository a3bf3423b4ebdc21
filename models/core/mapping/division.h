// The buffers as one layer has them: what the mapper may choose of them, tiling by tiling. Banks of
// a unified buffer go to roles; a bank has one role, so that no role waits at another's port.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/mapping/tiling.h"

namespace bitjoule {

/// The buffers for a tiling, or nothing where it does not fit. Fixed ones are as they are. Of a
/// unified one each role gets the banks that its tiles fill, and at least one; those left over go,
/// again and again, to the port that an output tile waits for longest (accesses one after the other
/// x cycles of each), as many as make each a cycle shorter. What nothing gains by stays empty.
std::optional<BuffersConfig> divide(const MappingProblem& problem, const Tiling& tiling,
                                    const TileFootprint& footprint);

/// One way to buffer a tiling's tiles.
struct Buffering {
  BufferRoles single;  ///< Tiling::single
  BuffersConfig buffers;
};

/// Every way worth trying for a tiling, whose `single` does not count; none where it does not fit.
/// Of fixed buffers that is one: two halves where they hold the tile. Of a unified one it is each
/// choice of halves that fits, unless all roles have them and no port holds the array up.
std::vector<Buffering> bufferings(const MappingProblem& problem, const Tiling& tiling,
                                  const TileFootprint& footprint);

/// Whether there is one.
bool can_be_divided(const MappingProblem& problem, const Tiling& tiling,
                    const TileFootprint& footprint);

/// The problem with its buffers divided for a tiling, which must fit.
MappingProblem divided(MappingProblem problem, const Tiling& tiling);

/// The problem with the largest buffers and the fastest ports that a tiling may have: every role
/// all banks but one for each other role, and one tile where either is allowed. For bounds.
MappingProblem roomiest(MappingProblem problem);

/// Why a tiling does not fit the unified buffer, role by role; empty where it does.
std::string unified_misfit(const MappingProblem& problem, const Tiling& tiling,
                           const TileFootprint& footprint);

/// Throws an internal Error where a unified buffer is not divided, or shared out beyond its banks.
void require_divided(const BuffersConfig& buffers);

/// Whether what one layer leaves of its weight buffer is where the next will look for weights:
/// banks in both layers' weight and scale buffers, in the same halves.
bool same_weight_slots(const BuffersConfig& layer, const BuffersConfig& next);

}  // namespace bitjoule
