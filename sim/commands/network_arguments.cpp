#include "sim/commands/network_arguments.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"

namespace bitjoule {

std::vector<Override> NetworkArguments::overrides(std::map<std::string, std::string> inputs) const {
  if (file.empty()) {
    if (import.any_given())
      throw input_error(
          "--batch, --size, --skip-unknown and --requantize: of an imported network: --network");
    return {};
  }
  ImportOptions options = import.resolved();
  options.inputs = std::move(inputs);
  NetworkValue network = network_value(file, options);
  print_notes(network.notes);
  std::vector<Override> result{std::move(network.override)};
  for (const auto& [name, size] : network.parameters)
    result.push_back({"network.parameters." + name, std::to_string(size)});
  return result;
}

void add_network_options(CLI::App& app, const std::string& verb, NetworkArguments& arguments) {
  app.add_option("--network", arguments.file,
                 verb + " this network instead: of `sim list networks`, or what `sim import` reads")
      ->type_name("FILE");
  add_import_options(app, arguments.import);
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
