#include "sim/commands/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "core/error.h"
#include "sim/commands/command_line.h"
#include "sim/commands/kinds.h"

namespace bitjoule {
namespace {

bool begins(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

/// As a shell splits it; the last word is empty behind a space.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> words(1);
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote == 0 && c == '\\' && i + 1 < line.size()) {
      words.back() += line[++i];
    } else if (quote == 0 && (c == ' ' || c == '\t')) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// The names of `sim list WHAT`; shipped files by themselves, as their commands take them, or with
/// their folder where a word has one.
void add_listed(const std::string& what, const std::string& word, Completion& out) {
  const std::vector<FileKindRow>& kinds = file_kinds();
  const bool is_folder = std::any_of(kinds.begin(), kinds.end(),
                                     [&](const FileKindRow& row) { return row.folder == what; });
  out.files = out.files || is_folder;
  for (const std::string& name : listed_names(what))
    out.words.push_back(
        is_folder && word.find('/') == std::string::npos ? name.substr(what.size() + 1) : name);
}

using Schemas = std::vector<const boost::json::object*>;

/// A schema and the alternatives that it has.
void add_alternatives(const boost::json::object& schema, Schemas& all) {
  all.push_back(&schema);
  if (const auto* list = schema.if_contains("anyOf"))
    for (const boost::json::value& item : list->as_array())
      if (item.is_object()) add_alternatives(item.get_object(), all);
}

/// What stands below a key of any of them.
Schemas below(const Schemas& schemas, const std::string& key) {
  Schemas found;
  for (const boost::json::object* schema : schemas)
    if (const auto* properties = schema->if_contains("properties"))
      if (const auto* property = properties->as_object().if_contains(key))
        add_alternatives(property->as_object(), found);
  return found;
}

bool has_parts(const Schemas& schemas) {
  return std::any_of(schemas.begin(), schemas.end(), [](const boost::json::object* schema) {
    return schema->contains("properties");
  });
}

bool has_value(const Schemas& schemas) {
  return std::any_of(schemas.begin(), schemas.end(), [](const boost::json::object* schema) {
    const auto* type = schema->if_contains("type");
    return schema->contains("enum") || (type != nullptr && *type != "object");
  });
}

/// A file of a kind that has this key's name may stand there.
void add_shipped(const std::string& key, const std::string& word, Completion& out) {
  for (const FileKindRow& row : file_kinds())
    if (row.name == key) add_listed(row.folder, word, out);
}

void add_values(const Schemas& schemas, std::set<std::string>& out) {
  for (const boost::json::object* schema : schemas)
    if (const auto* list = schema->if_contains("enum"))
      for (const boost::json::value& item : list->as_array()) {
        if (item.is_bool()) out.insert(item.get_bool() ? "true" : "false");
        if (item.is_string() && !item.get_string().empty()) out.insert(item.get_string().c_str());
      }
}

/// "a.b.c=value" by the schema of what --set changes.
void add_settings(const boost::json::object& root, const std::string& word, Completion& out) {
  const std::size_t equals = word.find('=');
  std::vector<std::string> keys = split(word.substr(0, equals), '.');
  if (equals == std::string::npos) keys.pop_back();
  Schemas schemas;
  add_alternatives(root, schemas);
  std::string path;
  for (const std::string& key : keys) {
    schemas = below(schemas, key);
    path += (path.empty() ? "" : ".") + key;
  }
  if (equals != std::string::npos) {
    std::set<std::string> values;
    add_values(schemas, values);
    Completion files;
    add_shipped(keys.back(), word.substr(equals + 1), files);
    values.insert(files.words.begin(), files.words.end());
    path += '=';
    for (const std::string& value : values) out.words.push_back(path + value);
    out.files = out.files || files.files;
    return;
  }
  if (!path.empty()) path += '.';
  for (const boost::json::object* schema : schemas)
    if (const auto* properties = schema->if_contains("properties"))
      for (const auto& property : properties->as_object()) {
        const std::string key = property.key();
        const Schemas parts = below({schema}, key);
        if (has_value(parts)) out.words.push_back(path + key + "=");
        if (has_parts(parts)) out.words.push_back(path + key + ".");
      }
}

/// The X of "`sim list X`" in an option's help.
std::string list_named(const std::string& help) {
  static const std::string kBefore = "`sim list ";
  const std::size_t at = help.find(kBefore);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kBefore.size();
  return help.substr(begin, help.find('`', begin) - begin);
}

void add_option_values(const CommandRow& row, const CLI::Option& option, const std::string& word,
                       Completion& out) {
  const std::string type = option.get_type_name();
  const std::string list = list_named(option.get_description());
  if (option.check_lname("set")) {
    for (const std::string& kind : split(row.sets, ' '))
      add_settings(find_file_kind(kind).schema(), word, out);
    return;
  }
  if (!list.empty()) {
    const std::size_t comma =
        word.rfind(option.get_delimiter() != 0 ? option.get_delimiter() : ',');
    const std::string before =
        option.get_delimiter() == 0 || comma == std::string::npos ? "" : word.substr(0, comma + 1);
    Completion listed;
    add_listed(list, word, listed);
    for (const std::string& name : listed.words) out.words.push_back(before + name);
    out.files = listed.files;
  } else if (type.find('|') != std::string::npos) {
    out.words = split(type.substr(0, type.find(':')), '|');
  } else {
    out.files = true;
  }
}

/// The option of that name, if it takes a value.
const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::Option* option : app.get_options())
    if (!option->get_positional() && option->get_items_expected_max() > 0 &&
        option->check_name(name))
      return option;
  return nullptr;
}

Completion candidates(const std::vector<std::string>& words) {
  Completion out;
  const std::string& last = words.back();
  const auto command = std::find_if(words.begin() + 1, words.end() - 1,
                                    [](const std::string& word) { return word[0] != '-'; });
  const bool has_command = command != words.end() - 1;
  const std::vector<CommandRow> rows =
      has_command ? std::vector<CommandRow>{find_command(*command)} : std::vector<CommandRow>();
  const CommandLine line(rows);
  const CLI::App& app = has_command ? *line.app().get_subcommand(*command) : line.app();
  const std::size_t equals = last.find('=');
  if (begins(last, "--") && equals != std::string::npos) {
    const std::string before = last.substr(0, equals + 1);
    if (const CLI::Option* option = find_option(app, last.substr(0, equals)))
      add_option_values(rows.front(), *option, last.substr(equals + 1), out);
    for (std::string& word : out.words) word.insert(0, before);
  } else if (const CLI::Option* option =
                 has_command ? find_option(app, *(words.end() - 2)) : nullptr) {
    add_option_values(rows.front(), *option, last, out);
  } else if (begins(last, "-")) {
    for (const CLI::Option* each : app.get_options())
      for (const std::string& name : each->get_lnames()) out.words.push_back("--" + name);
  } else if (!has_command) {
    out.words = listed_names("commands");
  } else {
    out.files = *rows.front().completes == 0;
    if (!out.files)
      for (const std::string& list : split(rows.front().completes, ' '))
        add_listed(list, last, out);
  }
  return out;
}

}  // namespace

Completion complete(const std::string& line) {
  const std::vector<std::string> words = split(line);
  Completion out;
  if (words.size() < 2) return out;
  try {
    out = candidates(words);
  } catch (const Error&) {  // of a command that there is not, and where no files are installed
    out.files = true;
  }
  const auto other = [&](const std::string& word) { return !begins(word, words.back()); };
  out.words.erase(std::remove_if(out.words.begin(), out.words.end(), other), out.words.end());
  std::sort(out.words.begin(), out.words.end());
  out.words.erase(std::unique(out.words.begin(), out.words.end()), out.words.end());
  return out;
}

}  // namespace bitjoule
