#include "sim/schema/describe_machine.h"

#include "core/machine/rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

BITJOULE_DESCRIBED(PeConfig)
BITJOULE_DESCRIBED(ArrayConfig)
BITJOULE_DESCRIBED(BufferConfig)
BITJOULE_DESCRIBED(UnifiedBufferConfig)
BITJOULE_DESCRIBED(BuffersConfig)
BITJOULE_DESCRIBED(DequantizerConfig)
BITJOULE_DESCRIBED(OutputUnitConfig)
BITJOULE_DESCRIBED(VectorUnitConfig)
BITJOULE_DESCRIBED(DmaConfig)
BITJOULE_DESCRIBED(AcceleratorConfig)

}  // namespace bitjoule
