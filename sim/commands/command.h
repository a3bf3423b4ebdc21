// The subcommands of `sim` as an explicit table. To add one: a file with a CommandRow::add
// function, declared below, and a row in commands.cpp.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "sim/config/document.h"
#include "sim/output/output_files.h"

namespace bitjoule {

/// What a subcommand does once its options are parsed; returns the exit code. Throws Error.
using CommandAction = std::function<int()>;

/// A command line that works when typed, in a directory where the ones before it were typed.
struct Example {
  const char* command;
  const char* summary;
};

struct CommandRow {
  const char* name;
  const char* summary;
  /// Declares the options on the subcommand and returns what to do with them.
  CommandAction (*add)(CLI::App& app);
  std::vector<Example> examples;  ///< together they need nothing but the shipped files
  /// Arguments of `sim list` that print what may stand as an argument, with spaces; empty: files.
  const char* completes = "";
  const char* sets = "run";  ///< kinds of files whose paths `--set` takes, with spaces
};

const std::vector<CommandRow>& commands();
/// Throws an input Error that names the nearest one.
const CommandRow& find_command(const std::string& name);
/// The names that `sim list WHAT` prints. Throws an input Error that names the valid ones.
std::vector<std::string> listed_names(const std::string& what);
/// For a first look at the program.
const std::vector<Example>& common_uses();

/// The file that a command is given; "-" is standard input, whose file names are looked up in the
/// working directory. At most 64 MiB. Throws an input Error.
Source given_source(const std::string& file);
/// If `source` is YAML of another kind than `kind`: an Error that says of which, and what is done
/// with such a file.
std::optional<Error> other_kind(const Source& source, const std::string& kind);
/// What `read` makes of `source`; other_kind() before its own errors.
template <class F>
auto of_kind(const Source& source, const std::string& kind, F read) {
  try {
    return read();
  } catch (const Error& e) {
    const std::optional<Error> other =
        e.kind() == ErrorKind::kInput ? other_kind(source, kind) : std::nullopt;
    if (other) throw Error(*other);
    throw;
  }
}

/// If `path` names a configuration file: an Error that says of which kind, and what makes a result
/// of it.
std::optional<Error> no_result(const std::string& path);
/// What `read` makes of the result at `path`; no_result() before its own errors.
template <class F>
auto of_result(const std::string& path, F read) {
  try {
    return read(path);
  } catch (const Error& e) {
    const std::optional<Error> other =
        e.kind() == ErrorKind::kInput ? no_result(path) : std::nullopt;
    if (other) throw Error(*other);
    throw;
  }
}

/// Declares `--set a.b.c=value` (repeatable) and returns where the texts arrive.
std::shared_ptr<std::vector<std::string>> add_set_option(CLI::App& app);
/// Throws one input Error for all malformed texts.
std::vector<Override> parse_overrides(const std::vector<std::string>& texts);

/// Writes `text` to `path` through a temporary file beside it, so that no half-written file is
/// ever seen (a device or pipe: straight), and throws an input Error if it cannot; to standard
/// output where `path` is empty, as print_data() does.
void write_output(const std::string& path, const std::string& text);

/// Gives files their places and says which they were.
void take_places(OutputFiles& files);
/// "wrote a.json, b.csv" to standard error.
void print_written(const std::vector<std::string>& paths);

/// Throw an input Error where a file could not be written, or files below a directory that need not
/// exist yet: so that nobody waits for a result that then has no place. They create nothing.
void require_writable_file(const std::string& path);
void require_writable_directory(const std::string& path);

/// With the directories above it.
void make_directory(const std::string& path);

CommandAction add_area_command(CLI::App& app);
CommandAction add_calibrate_command(CLI::App& app);
CommandAction add_check_command(CLI::App& app);
CommandAction add_completion_command(CLI::App& app);
CommandAction add_diff_command(CLI::App& app);
CommandAction add_evaluate_command(CLI::App& app);
CommandAction add_explain_command(CLI::App& app);
CommandAction add_help_command(CLI::App& app);
CommandAction add_import_command(CLI::App& app);
CommandAction add_dram_command(CLI::App& app);
CommandAction add_list_command(CLI::App& app);
CommandAction add_man_command(CLI::App& app);
CommandAction add_merge_command(CLI::App& app);
CommandAction add_price_command(CLI::App& app);
CommandAction add_quantize_command(CLI::App& app);
CommandAction add_report_command(CLI::App& app);
CommandAction add_run_command(CLI::App& app);
CommandAction add_schema_command(CLI::App& app);
CommandAction add_sweep_command(CLI::App& app);
CommandAction add_tune_command(CLI::App& app);

}  // namespace bitjoule
