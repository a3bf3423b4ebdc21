#include "sim/commands/network_arguments.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"

namespace bitjoule {

void add_network(NetworkValue network, std::vector<Override>& overrides) {
  overrides.push_back(std::move(network.override));
  for (const auto& [name, size] : network.parameters)
    overrides.push_back({"network.parameters." + name, std::to_string(size)});
}

std::map<std::string, std::string> given_files(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> files;
  for (const std::string& argument : arguments) {
    // A tensor's name may hold '='; a file's rarely does.
    const std::size_t equals = argument.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == argument.size())
      throw input_error(fmt::format("--input {}: expected NAME=FILE", argument));
    const std::string name = argument.substr(0, equals);
    if (!files.emplace(name, argument.substr(equals + 1)).second)
      throw input_error(fmt::format("--input: \"{}\" is given twice", name));
  }
  return files;
}

void set_inputs(Network& network, const std::vector<std::string>& arguments) {
  for (const auto& [name, file] : given_files(arguments)) {
    std::vector<std::string> names;
    NetworkInput* found = nullptr;
    for (NetworkInput& input : network.inputs) {
      if (input.name == name) found = &input;
      names.push_back(input.name);
    }
    if (names.empty())
      throw input_error(fmt::format("--input {}: the network has no inputs", name));
    if (found == nullptr)
      throw input_error(fmt::format("--input {}={}: no input \"{}\": {}{}", name, file, name,
                                    expected_names(names), suggestion(name, names)));
    found->source = {};
    found->source.file = file;
  }
}

}  // namespace bitjoule
