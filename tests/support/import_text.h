// Other programs' files as texts, for the tests of importers.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "core/error.h"
#include "sim/import/import.h"
#include "sim/schema/network_file.h"

namespace bitjoule::test {

inline Imported import_text(const std::string& name, const std::string& text,
                            const ImportOptions& options = {}) {
  return import_file("", Blob::from_memory(name, text), options);
}

inline std::string message_of(const std::string& name, const std::string& text) {
  try {
    import_text(name, text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

inline std::map<std::string, NetworkLayer> by_name(const Network& network) {
  std::map<std::string, NetworkLayer> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = layer;
  return layers;
}

}  // namespace bitjoule::test
