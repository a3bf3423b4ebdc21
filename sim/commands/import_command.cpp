#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/commands/import_options.h"

namespace bitjoule {
namespace {

struct ImportCommand {
  std::string file, output, from;
  ImportArguments import;
};

int run(const ImportCommand& command) {
  ImportOptions options = command.import.resolved();
  namespace fs = std::filesystem;
  // The network names the file as seen from where the network will lie.
  const fs::path folder =
      command.output.empty() ? fs::path(".") : fs::absolute(command.output).parent_path();
  const std::string path = network_path(command.file);
  options.reference = fs::absolute(path)
                          .lexically_relative(fs::absolute(folder).lexically_normal())
                          .generic_string();
  const Blob file = map_file(path);
  const Imported imported = import_file(command.from, file, options);
  print_notes(imported.notes);
  write_output(command.output, imported_yaml(imported));
  return 0;
}

}  // namespace

CommandAction add_import_command(CLI::App& app) {
  auto command = std::make_shared<ImportCommand>();
  std::string summary = "the file:";
  for (const ImporterRow& row : importers())
    summary += fmt::format(" {} ({}),", row.extension, row.summary);
  summary += " or the directory of a config.json";
  app.add_option("file", command->file, summary)->required()->type_name("FILE");
  app.add_option("-o,--output", command->output, "write here instead of to standard output")
      ->type_name("FILE");
  std::string names;
  for (const ImporterRow& row : importers()) names += (names.empty() ? "" : "|") + row.name;
  app.add_option("--from", command->from, "importer; default: by the file's extension")
      ->type_name(names);
  add_import_options(app, command->import);
  return [command] { return run(*command); };
}

}  // namespace bitjoule
