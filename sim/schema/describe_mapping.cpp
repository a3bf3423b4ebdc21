#include "sim/schema/describe_mapping.h"

#include "core/workload/pins_rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

BITJOULE_DESCRIBED(ObjectiveFile)
BITJOULE_DESCRIBED(TileFile)
BITJOULE_DESCRIBED(TilePins)

}  // namespace bitjoule
