// Where the tests find the project's files and the program.
#pragma once

#include <string>

namespace bitjoule::test {

std::string source_dir();     ///< the root of the sources
std::string sim_program();    ///< the program that was built with these tests
std::string fault_library();  ///< tests/support/fault.cpp, for LD_PRELOAD

}  // namespace bitjoule::test
