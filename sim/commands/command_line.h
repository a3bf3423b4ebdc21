// The command line as a tree: the program and its subcommands with their options. Parsing, help,
// manual page and completion all come from it.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "sim/commands/command.h"

namespace bitjoule {

/// What the program is called in its help.
inline constexpr const char* kProgram = "sim";
/// The group of the options that every command has.
inline constexpr const char* kCommonGroup = "Options of every command";

class CommandLine {
 public:
  /// With all of commands(), or only those that matter, which starts faster.
  explicit CommandLine(const std::vector<CommandRow>& rows);

  /// Parses and does what is asked for; returns the exit code. Throws Error.
  int run(int argc, char** argv);
  const CLI::App& app() const { return app_; }

 private:
  void add(const CommandRow& row);

  CLI::App app_;
  bool is_quiet_ = false, is_verbose_ = false;
  int result_ = 0;
};

/// Does what the words of a command line ask for; returns the exit code. Throws Error.
int run_command_line(int argc, char** argv);

/// An option as a reader sees it: "-o, --output DIR"; of a positional its name.
std::string option_text(const CLI::Option& option);

/// What the program does, the most common uses, the commands.
std::string overview();
/// The help of one command.
std::string help_of(const CommandRow& row);
/// "Examples:" and each command with what it does.
std::string examples_text(const std::vector<Example>& examples);

}  // namespace bitjoule
