// Modules: parts of the program that are loaded when they are needed, because what they are made
// with is slow to load (SystemC, protobuf, MPI), or is not wanted at all.
//
// A module NAME is the shared object lib/bitjoule/bitjoule-NAME.so, found by own_file(). It holds
// all that it uses of the program, shares none of its state, and exports
//   bitjoule_NAME        a table of functions
//   bitjoule_NAME_build  build_key() of what it was built from, as a string
#pragma once

#include <string>

namespace bitjoule {

/// The address of the table. `use` begins errors: the file or option that needs the module. Throws
/// an input Error where it is missing, cannot be loaded or is another build's.
const void* load_module(const std::string& name, const std::string& use);

/// The table of a module, as T.
template <class T>
const T& module_table(const std::string& name, const std::string& use) {
  return *static_cast<const T*>(load_module(name, use));
}

}  // namespace bitjoule
