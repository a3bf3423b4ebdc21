#include "sim/commands/network_arguments.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "sim/config/files.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"
#include "sim/schema/describe_run.h"

namespace bitjoule {

namespace {

/// The imported network that a run file, or the last --set network=FILE, names; empty: none.
std::string named_import(Source run, const std::vector<Override>& sets) {
  run.folder = FileKind<RunFile>::kFolder;
  Problems problems;  // told when the run is read
  const Node root = parse_source(run, problems);
  const Node* found = root.find("network");
  Node name = found == nullptr ? Node() : *found;
  std::string naming = name.place.origin ? *name.place.origin : "";
  for (const Override& set : sets) {
    if (set.path != "network") continue;
    name = parse_yaml(set.value, "--set network", problems);
    naming.clear();
  }
  if (name.kind != Node::Kind::kScalar) return "";
  const char* folder = FileKind<NetworkFile>::kFolder;
  const std::string path = find_document(name.text, naming, folder);
  return is_foreign(path, folder) ? path : "";
}

}  // namespace

std::map<std::string, std::int64_t> NetworkArguments::parameters_of_named(
    const Source& run, const std::vector<Override>& sets, const ImportOptions& options) const {
  if (!import.any_given() && options.inputs.empty()) return {};
  const std::string path = named_import(run, sets);
  if (!path.empty()) return import_named_with(path, options);
  if (!import.any_given()) return {};
  throw input_error(
      "--batch, --size, --skip-unknown and --requantize: of an imported network, by --network or "
      "the run's `network`");
}

std::vector<Override> NetworkArguments::overrides(
    const Source& run, const std::vector<Override>& sets,
    const std::map<std::string, std::string>& inputs) const {
  ImportOptions options = import.resolved();
  options.inputs = inputs;
  std::vector<Override> result;
  std::map<std::string, std::int64_t> parameters;
  if (file.empty()) {
    parameters = parameters_of_named(run, sets, options);
  } else {
    NetworkValue network = network_value(file, options);
    print_notes(network.notes);
    result.push_back(std::move(network.override));
    parameters = std::move(network.parameters);
  }
  for (const auto& [name, size] : parameters)
    result.push_back({"network.parameters." + name, std::to_string(size)});
  result.insert(result.end(), sets.begin(), sets.end());
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
