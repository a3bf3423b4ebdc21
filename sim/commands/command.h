// The subcommands of `sim` as an explicit table. To add one: a file with a CommandRow::add
// function, declared below, and a row in commands.cpp.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/config/document.h"

namespace bitjoule {

/// What a subcommand does once its options are parsed; returns the exit code. Throws Error.
using CommandAction = std::function<int()>;

struct CommandRow {
  const char* name;
  const char* summary;
  /// Declares the options on the subcommand and returns what to do with them.
  CommandAction (*add)(CLI::App& app);
};

const std::vector<CommandRow>& commands();

/// Declares `--set a.b.c=value` (repeatable) and returns where the texts arrive.
std::shared_ptr<std::vector<std::string>> add_set_option(CLI::App& app);
/// Throws one input Error for all malformed texts.
std::vector<Override> parse_overrides(const std::vector<std::string>& texts);

/// Writes `text` to `path` through a temporary file beside it, so that no half-written file is
/// ever seen (a device or pipe: straight), and throws an input Error if it cannot; to standard
/// output where `path` is empty, as print_data() does.
void write_output(const std::string& path, const std::string& text);

/// Throw an input Error where a file could not be written, or files below a directory that need not
/// exist yet: so that nobody waits for a result that then has no place. They create nothing.
void require_writable_file(const std::string& path);
void require_writable_directory(const std::string& path);

/// With the directories above it.
void make_directory(const std::string& path);

CommandAction add_check_command(CLI::App& app);
CommandAction add_diff_command(CLI::App& app);
CommandAction add_explain_command(CLI::App& app);
CommandAction add_import_command(CLI::App& app);
CommandAction add_dram_command(CLI::App& app);
CommandAction add_list_command(CLI::App& app);
CommandAction add_merge_command(CLI::App& app);
CommandAction add_price_command(CLI::App& app);
CommandAction add_quantize_command(CLI::App& app);
CommandAction add_report_command(CLI::App& app);
CommandAction add_run_command(CLI::App& app);
CommandAction add_schema_command(CLI::App& app);
CommandAction add_sweep_command(CLI::App& app);

}  // namespace bitjoule
