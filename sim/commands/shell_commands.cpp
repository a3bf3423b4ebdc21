// Help, manual page and shell completion: all made from the tree of commands.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/error.h"
#include "sim/commands/command_line.h"
#include "sim/commands/completion.h"
#include "sim/commands/shells.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"
#include "sim/output/terminal.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

/// Text as roff shows it: no escapes, no requests, hyphens that can be copied.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '"') {
      out += "\\(dq";
    } else if (c == '.' && (out.empty() || out.back() == '\n')) {
      out += "\\&.";
    } else {
      out += c;
    }
  }
  return out;
}

std::string paragraph(const std::string& term, const std::string& text) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(term), roff(text));
}

std::string examples_roff(const std::vector<Example>& examples) {
  std::string out;
  for (const Example& example : examples) out += paragraph(example.command, example.summary);
  return out;
}

std::string options_roff(const CLI::App& app, bool is_common) {
  std::string out;
  for (const CLI::Option* option : app.get_options())
    if ((option->get_group() == kCommonGroup) == is_common)
      out += paragraph(option_text(*option), option->get_description());
  return out;
}

std::string man_page() {
  const CommandLine line(commands());
  std::string out = fmt::format(".TH {} 1 \"\" \"bitjoule {}\" \"User Commands\"\n", "SIM",
                                roff(build().version));
  out += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\nCOMMAND [OPTIONS]\n", kProgram,
                     roff(line.app().get_description()), kProgram);
  out += ".SH COMMON USES\n" + examples_roff(common_uses());
  out += ".SH OPTIONS OF EVERY COMMAND\n" + options_roff(line.app(), true);
  out += ".SH COMMANDS\n";
  for (const CommandRow& row : commands()) {
    const CLI::App& app = *line.app().get_subcommand(row.name);
    out += fmt::format(".SS {} {}\n{}.\n", kProgram, row.name, roff(row.summary));
    out += options_roff(app, false);
    out += ".PP\nExamples:\n" + examples_roff(row.examples);
  }
  out += ".SH EXIT STATUS\n" + paragraph("0", "done") +
         paragraph("1", "anything else, such as points of a sweep that failed") +
         paragraph("2", "bad usage or configuration, or something could not be written") +
         paragraph("3", "a result differs from its reference, or bytes are not conserved");
  out += ".SH ENVIRONMENT\n" +
         paragraph("BITJOULE_CONFIGS", "the directory of the shipped configuration files") +
         paragraph("NO_COLOR", "if not empty: no colour, which only terminals get anyway");
  return out;
}

/// Asks the program; what bash takes for several words, at = and :, is one for everybody else.
std::string bash_completion() {
  return fmt::format(R"script(# Completion of bitjoule's {0}.
_bitjoule() {{
  local IFS=$'\n' line="${{COMP_LINE:0:COMP_POINT}}" word kept one
  word="${{line##*[$' \t']}}"
  kept="${{word%"${{word##*[=:]}}"}}"
  COMPREPLY=()
  for one in $("${{COMP_WORDS[0]}}" completion --of "$line" 2>/dev/null); do
    if [ "$one" = ":files" ]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "${{word#"$kept"}}"))
    else
      COMPREPLY+=("${{one#"$kept"}}")
    fi
  done
  case "${{#COMPREPLY[@]}} ${{COMPREPLY[0]}}" in
    "1 "*[.=]) compopt -o nospace 2>/dev/null ;;
  esac
}}
complete -F _bitjoule {0} bitjoule
)script",
                     kProgram);
}

std::string zsh_completion() {
  return fmt::format(R"script(#compdef {0} bitjoule
# Read by ~/.zshrc, or as the file _{0} in a directory of $fpath, when it is first needed.
(( $+functions[compdef] )) || {{ autoload -U +X compinit && compinit }}
_bitjoule() {{
  local one files=
  local -a whole open
  for one in "${{(@f)$(${{~words[1]}} completion --of "${{(j: :)words[1,CURRENT]}}" 2>/dev/null)}}"; do
    case "$one" in
      "") ;;
      :files) files=yes ;;
      *[.=]) open+=("$one") ;;
      *) whole+=("$one") ;;
    esac
  done
  (( $#whole )) && compadd -- "${{whole[@]}}"
  (( $#open )) && compadd -S '' -- "${{open[@]}}"
  [ -z "$files" ] || {{ compset -P '*='; _files }}
  return 0
}}
if [ "${{funcstack[1]}}" = _{0} ]; then _bitjoule; else compdef _bitjoule {0} bitjoule; fi
)script",
                     kProgram);
}

/// fish itself puts no space behind a word that ends with = or a dot.
std::string fish_completion() {
  return fmt::format(R"script(# Completion of bitjoule's {0}.
function _bitjoule
    set -l words (commandline -opc)
    set -l word (string trim -l -c '\'"' -- (commandline -ct))
    for one in ($words[1] completion --of (commandline -cp | string collect) 2>/dev/null)
        if test $one = :files
            set -l kept (string match -r -- '^.*=' $word)
            string replace -r -- '^' "$kept" (__fish_complete_path (string replace -- "$kept" '' $word))
        else
            echo $one
        end
    end
end
complete -c {0} -f -a '(_bitjoule)'
complete -c bitjoule -f -a '(_bitjoule)'
)script",
                     kProgram);
}

}  // namespace

const std::vector<ShellRow>& shells() {
  static const std::vector<ShellRow> kRows = {{"bash", "of bash, 4 or later", bash_completion},
                                              {"fish", "of fish, 3 or later", fish_completion},
                                              {"zsh", "of zsh, 5 or later", zsh_completion}};
  return kRows;
}

CommandAction add_help_command(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("command", *name, "the command; without one, the overview");
  return [name] {
    print_help(name->empty() ? overview() : help_of(find_command(*name)));
    return 0;
  };
}

CommandAction add_man_command(CLI::App& /*app*/) {
  return [] {
    print_data(man_page());
    return 0;
  };
}

CommandAction add_completion_command(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("shell", *name, "of `sim list shells`");
  auto line = std::make_shared<std::string>();
  CLI::Option* of = app.add_option("--of", *line,
                                   "instead: what may stand at the end of this command line, as "
                                   "the scripts ask; \":files\" where a file may")
                        ->type_name("LINE");
  return [name, line, of] {
    if (of->count() > 0) {
      const Completion completion = complete(*line);
      std::string text;
      for (const std::string& word : completion.words) text += word + "\n";
      return print_data(text + (completion.files ? ":files\n" : "")), 0;
    }
    std::vector<std::string> names;
    for (const ShellRow& shell : shells()) {
      if (shell.name == *name) return print_data(shell.script()), 0;
      names.emplace_back(shell.name);
    }
    throw input_error(fmt::format("completion: {}, got \"{}\"{}", expected_names(names), *name,
                                  suggestion(*name, names)));
  };
}

}  // namespace bitjoule
