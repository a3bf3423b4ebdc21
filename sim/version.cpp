#include "sim/version.h"

namespace bitjoule {

const char* version() { return BITJOULE_VERSION; }

}  // namespace bitjoule
