// The module "simulation": its table for the program.
#include "sim/modules/simulation.h"

#include "sim/version.h"

// Names that are looked up by dlsym().
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const bitjoule::SimulationModule bitjoule_simulation;
const bitjoule::SimulationModule bitjoule_simulation = {bitjoule::make_simulation};

// SystemC's library refers to it: hw/sc_main.cpp, which is hidden here as all archives are.
int sc_main(int argc, char** argv);
int sc_main(int, char**) { return 1; }

extern const std::string bitjoule_simulation_build;
const std::string bitjoule_simulation_build = build_key(bitjoule::build());
}
// NOLINTEND(readability-identifier-naming)
