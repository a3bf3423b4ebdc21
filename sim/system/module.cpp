#include "sim/system/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "core/error.h"
#include "sim/system/places.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

const void* find_table(const std::string& name, const std::string& use) {
  const std::string file = fmt::format("{}/bitjoule-{}.so", BITJOULE_MODULES, name);
  const std::string path = own_file(file);
  const std::string what = upper_case(name);
  if (path.empty())
    throw input_error(
        fmt::format("{}: this program is without {}: no {} at or above {}; "
                    "-DBITJOULE_{}=ON builds it",
                    use, what, file, own_directory(), what));
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr)
    throw input_error(
        fmt::format("{}: the module for {} cannot be loaded: {}", use, what, ::dlerror()));
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
