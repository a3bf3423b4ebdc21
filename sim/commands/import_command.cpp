#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <filesystem>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/import/import.h"

namespace bitjoule {
namespace {

struct ImportCommand {
  std::string file, output, from;
  std::vector<std::string> sizes;
  ImportOptions options;
};

/// "--size name=8"
std::pair<std::string, std::int64_t> parse_size(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::int64_t value = 0;
  if (equals != std::string::npos && equals > 0) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, value);
    if (error == std::errc() && stop == end && value > 0) return {text.substr(0, equals), value};
  }
  throw input_error(fmt::format("--size {}: expected name=positive integer", text));
}

int run(ImportCommand command) {
  for (const std::string& text : command.sizes) command.options.sizes.insert(parse_size(text));
  namespace fs = std::filesystem;
  // The network names the file as seen from where the network will lie.
  const fs::path folder =
      command.output.empty() ? fs::path(".") : fs::absolute(command.output).parent_path();
  command.options.reference = fs::absolute(command.file)
                                  .lexically_relative(fs::absolute(folder).lexically_normal())
                                  .generic_string();
  const Blob file = Blob::map_file(command.file);
  const Imported imported = find_importer(command.from, file).import(file, command.options);
  for (const std::string& note : imported.notes) fmt::print(stderr, "note: {}\n", note);
  write_output(command.output, imported.yaml);
  return 0;
}

}  // namespace

CommandAction add_import_command(CLI::App& app) {
  auto command = std::make_shared<ImportCommand>();
  std::string summary = "the file:";
  for (const ImporterRow& row : importers())
    summary += fmt::format(" {} ({}),", row.extension, row.summary);
  summary.pop_back();
  app.add_option("file", command->file, summary)->required()->type_name("FILE");
  app.add_option("-o,--output", command->output, "write here instead of to standard output")
      ->type_name("FILE");
  app.add_option("--from", command->from, "importer; default: by the file's extension");
  app.add_option("--batch", command->options.batch, "size of an open first dimension")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--size", command->sizes,
                 "size of a symbolic dimension, or parameter of the network; repeatable")
      ->type_name("NAME=N")
      ->expected(1)
      ->take_all();
  app.add_flag("--skip-unknown", command->options.skip_unknown,
               "leave out operators and tensors that are not known");
  return [command] { return run(*command); };
}

}  // namespace bitjoule
