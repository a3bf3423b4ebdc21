#include "support/paths.h"

namespace bitjoule::test {

std::string source_dir() { return BITJOULE_SOURCE_DIR; }
std::string sim_program() { return BITJOULE_SIM; }
std::string fault_library() { return BITJOULE_FAULT_LIBRARY; }

}  // namespace bitjoule::test
