#include "sim/system/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "sim/system/places.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

struct ModuleRow {
  const char *name, *what, *advice;
};

const ModuleRow kModules[] = {
    {"simulation", "SystemC", "it belongs to every program"},
    {"onnx", "ONNX", "-DBITJOULE_ONNX=ON builds it"},
    {"tflite", "TensorFlow Lite", "-DBITJOULE_TFLITE=ON builds it"},
    {"mpi", "MPI", "-DBITJOULE_MPI=ON builds it"},
};

const ModuleRow& module_row(const std::string& name) {
  for (const ModuleRow& row : kModules)
    if (row.name == name) return row;
  throw internal_error("no module " + name);
}

const void* find_table(const std::string& name, const std::string& use) {
  const std::string file = fmt::format("{}/bitjoule-{}.so", BITJOULE_MODULES, name);
  const std::string path = own_file(file);
  const ModuleRow& row = module_row(name);
  if (path.empty())
    throw input_error(fmt::format("{}: this program is without {}: no {} at or above {}; {}", use,
                                  row.what, file, own_directory(), row.advice));
  void* module = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (module == nullptr)
    throw input_error(
        fmt::format("{}: the module for {} cannot be loaded: {}", use, row.what, ::dlerror()));
  const std::string symbol = "bitjoule_" + name;
  const void* table = ::dlsym(module, symbol.c_str());
  const void* build_symbol = ::dlsym(module, (symbol + "_build").c_str());
  const std::string built =
      build_symbol == nullptr ? "" : *static_cast<const std::string*>(build_symbol);
  if (table == nullptr || built != build_key(build()))
    throw input_error(fmt::format("{}: {}: expected the module of this build ({}), got \"{}\"", use,
                                  path, build_key(build()), built));
  return table;
}

}  // namespace

const void* load_module(const std::string& name, const std::string& use) {
  static std::map<std::string, const void*> tables;
  const auto known = tables.find(name);
  if (known != tables.end()) return known->second;
  return tables[name] = find_table(name, use);
}

}  // namespace bitjoule
