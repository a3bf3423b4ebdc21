#include <fmt/format.h>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/commands/kinds.h"
#include "sim/config/writer.h"
#include "sim/output/terminal.h"
#include "sim/result/run_hash.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  std::string kind;
  bool print = false;
};

/// Checks all files before it fails, so that their problems are seen together.
int check_files(const CheckOptions& options, const std::vector<Override>& overrides) {
  std::string problems;
  for (const std::string& file : options.files) {
    try {
      const Source source = given_source(file);
      const FileKindRow& kind =
          options.kind.empty() ? guess_file_kind(source) : find_file_kind(options.kind);
      const boost::json::value resolved = kind.check(source, overrides);
      std::string hash = content_hash(resolved);
      if (kind.name == "run") {
        const RunConfig run = read_run(source, overrides);
        for (const std::string& note : run.notes)
          print_error(fmt::format("note: {}: {}\n", file, note));
        hash = run_hash(run);
      }
      if (options.print)
        write_output("", json_text(resolved));
      else
        print_summary(
            fmt::format("{}: a valid {} file, configuration {}\n", file, kind.name, hash));
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::kInput) throw;
      // A bad --set is the same for every file.
      if (problems.find(e.what()) == std::string::npos)
        problems += (problems.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (!problems.empty()) throw input_error(problems);
  return 0;
}

}  // namespace

CommandAction add_check_command(CLI::App& app) {
  auto options = std::make_shared<CheckOptions>();
  app.add_option("files", options->files,
                 "YAML files: runs, accelerators, layers, ...; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("--kind", options->kind, "of `sim list kinds`; default: judged by their keys");
  app.add_flag("--print", options->print, "print the resolved configuration as JSON");
  const auto sets = add_set_option(app);
  return [options, sets] { return check_files(*options, parse_overrides(*sets)); };
}

CommandAction add_schema_command(CLI::App& app) {
  auto kind = std::make_shared<std::string>("run");
  app.add_option("kind", *kind, "kind of file, see `sim list kinds`")->capture_default_str();
  auto output = std::make_shared<std::string>();
  app.add_option("-o,--output", *output, "write here instead of to standard output")
      ->type_name("FILE");
  return [kind, output] {
    write_output(*output, json_text(find_file_kind(*kind).schema()));
    return 0;
  };
}

}  // namespace bitjoule
