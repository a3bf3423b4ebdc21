#include "sim/commands/command_line.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "sim/config/observe.h"
#include "sim/config/suggest.h"
#include "sim/import/import.h"
#include "sim/output/terminal.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

const char* const kSummary =
    "Simulates MAC-array neural-network accelerators: cycles, bytes, joules, error.";

std::string version_text() { return "bitjoule " + build_text(build()); }

/// The options of the program and of each command.
void add_common_options(CLI::App& app, bool* is_quiet, bool* is_verbose) {
  CLI::Option* quiet =
      app.add_flag("-q,--quiet", *is_quiet, "no progress, no summary: errors, notes, data alone")
          ->group(kCommonGroup);
  app.add_flag("-v,--verbose", *is_verbose, "also which files are read, and the time spent")
      ->group(kCommonGroup)
      ->excludes(quiet);
  app.set_version_flag("-V,--version", version_text, "print the version and exit")
      ->group(kCommonGroup);
  app.set_help_flag("-h,--help", "print this help and exit")->group(kCommonGroup);
}

/// Every name under which an option of a command is given.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

/// A line for each option that the command does not know, or else for each word: it may be an
/// option's value.
std::string unknown_words(const CLI::App& app) {
  const auto is_unknown_option = [](const std::string& word) {
    return word.size() > 1 && word.front() == '-';
  };
  const std::vector<std::string> words = app.remaining();
  const bool is_option = std::any_of(words.begin(), words.end(), is_unknown_option);
  std::string text;
  for (const std::string& word : words) {
    if (is_unknown_option(word) != is_option) continue;
    const std::string name = word.substr(0, word.find('='));
    text += fmt::format("{}{} \"{}\"{}", text.empty() ? "" : "\n",
                        is_option ? "unknown option" : "unexpected argument", word,
                        is_option ? suggestion(name, option_names(app)) : "");
  }
  return text;
}

/// "--set: expected PATH=VALUE": an option or argument with too few values.
std::string missing_values(const CLI::ArgumentMismatch& e, const CLI::App& app) {
  std::string text = e.what(), name = text.substr(0, text.find(':'));
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_name() != name) continue;
    const std::string type = option->get_type_name(), one = type.substr(0, type.find(':'));
    const int count = option->get_items_expected_min();
    return count == 1 ? fmt::format("{}: expected {}", name, one)
                      : fmt::format("{}: expected {} of {}", name, count, one);
  }
  return text;
}

Error usage_error(const CLI::ParseError& e, CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const bool is_unknown = dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr;
  const std::string name = chosen.empty() ? "" : " " + command.get_name();
  std::string text = is_unknown ? unknown_words(command) : "";
  if (const auto* mismatch = dynamic_cast<const CLI::ArgumentMismatch*>(&e))
    text = missing_values(*mismatch, command);
  return input_error(
      fmt::format("{}\nsee {}{} --help", text.empty() ? e.what() : text, kProgram, name));
}

using Rows = std::vector<std::pair<std::string, std::string>>;

/// "Heading:" with a line for each row.
std::string section(const char* heading, const Rows& rows) {
  std::size_t width = 0;
  for (const auto& [name, text] : rows) width = std::max(width, name.size());
  std::string out = fmt::format("\n{}:\n", heading);
  for (const auto& [name, text] : rows) out += fmt::format("  {:{}}  {}\n", name, width, text);
  return out;
}

}  // namespace

std::string option_text(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string text;
  const auto add = [&](const std::string& name) { text += (text.empty() ? "" : ", ") + name; };
  for (const std::string& name : option.get_snames()) add("-" + name);
  for (const std::string& name : option.get_lnames()) add("--" + name);
  const bool takes_value = option.get_items_expected_max() > 0;
  const std::string type = option.get_type_name();  // before a colon, after it the range
  return text + (takes_value ? " " + type.substr(0, type.find(':')) : "");
}

std::string examples_text(const std::vector<Example>& examples) {
  std::string out = "Examples:\n";
  for (const Example& example : examples)
    out += fmt::format("  {}\n      {}\n", example.command, example.summary);
  return out;
}

std::string overview() {
  Rows uses, names, options;
  for (const Example& use : common_uses()) uses.emplace_back(use.command, use.summary);
  for (const CommandRow& row : commands()) names.emplace_back(row.name, row.summary);
  const CommandLine bare({});
  for (const CLI::Option* option : bare.app().get_options())
    options.emplace_back(option_text(*option), option->get_description());
  return fmt::format("{}\n\nUsage: {} COMMAND [OPTIONS]\n", kSummary, kProgram) +
         section("Common uses", uses) + section("Commands", names) +
         section(kCommonGroup, options) +
         "\nFiles are looked up here first, then among the shipped ones: see `sim list`.\n";
}

std::string help_of(const CommandRow& row) {
  return CommandLine({row}).app().get_subcommand(row.name)->help(kProgram);
}

CommandLine::CommandLine(const std::vector<CommandRow>& rows) : app_(kSummary, kProgram) {
  accept_imported_networks();
  add_common_options(app_, &is_quiet_, &is_verbose_);
  for (const CommandRow& row : rows) add(row);
}

void CommandLine::add(const CommandRow& row) {
  CLI::App* sub = app_.add_subcommand(row.name, row.summary);
  const CommandAction action = row.add(*sub);
  add_common_options(*sub, &is_quiet_, &is_verbose_);
  const std::string own = sub->get_footer();
  sub->footer(own + (own.empty() ? "" : "\n") + examples_text(row.examples));
  sub->callback([this, action] {
    set_verbosity(is_quiet_     ? Verbosity::kQuiet
                  : is_verbose_ ? Verbosity::kVerbose
                                : Verbosity::kNormal);
    observe_files([](const std::string& path) { print_detail(fmt::format("read {}\n", path)); });
    const auto start = std::chrono::steady_clock::now();
    result_ = action();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);  // ru_maxrss is in KiB
    print_detail(fmt::format("{:.3f} s, at most {:.0f} MiB of memory\n", spent.count(),
                             static_cast<double>(used.ru_maxrss) / 1024));
  });
}

int CommandLine::run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
    return result_;
  } catch (const CLI::CallForVersion& e) {
    print_text(std::string(e.what()) + "\n");
  } catch (const CLI::CallForHelp&) {
    print_help(app_.get_subcommands().empty() ? overview() : app_.help());
  } catch (const CLI::ParseError& e) {
    throw usage_error(e, app_);
  }
  return 0;
}

int run_command_line(int argc, char** argv) {
  const auto is_option = [](const char* word) { return word[0] == '-'; };
  char** const end = argv + argc;
  char** const command = std::find_if_not(argv + 1, end, is_option);
  if (command != end) return CommandLine({find_command(*command)}).run(argc, argv);
  if (argc > 1) return CommandLine({}).run(argc, argv);
  print_help(overview());
  return 0;
}

}  // namespace bitjoule
