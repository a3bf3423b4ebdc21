#include "sim/commands/import_options.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "sim/output/terminal.h"

namespace bitjoule {
namespace {

/// "name=8"
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

}  // namespace

ImportOptions ImportArguments::resolved() const {
  ImportOptions result = options;
  for (const std::string& text : sizes) result.sizes.insert(parse_size(text));
  return result;
}

void add_import_options(CLI::App& app, ImportArguments& arguments) {
  app.add_option("--batch", arguments.options.batch,
                 "size of an imported network's open first dimension")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--size", arguments.sizes,
                 "size of a symbolic dimension, or parameter, of an imported network; repeatable")
      ->type_name("NAME=N")
      ->expected(1)
      ->take_all();
  app.add_flag("--skip-unknown", arguments.options.skip_unknown,
               "leave out operators and tensors of an imported network that are not known");
  app.add_flag("--requantize", arguments.options.requantize,
               "weights of a GGUF file in the formats of the run instead of the file's");
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) print_error(fmt::format("note: {}\n", note));
}

}  // namespace bitjoule
