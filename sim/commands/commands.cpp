#include <fmt/format.h>

#include "core/error.h"
#include "sim/commands/command.h"

namespace bitjoule {

const std::vector<CommandRow>& commands() {
  static const std::vector<CommandRow> kRows = {
      {"check", "validate configuration files, every problem at once", add_check_command},
      {"diff", "what differs between two runs", add_diff_command},
      {"explain", "print a layer's mapping, and why the alternatives lost", add_explain_command},
      {"import", "make a network file from ONNX, GGUF, config.json or SCALE-Sim files",
       add_import_command},
      {"dram", "run request traces or patterns through a DRAM by itself", add_dram_command},
      {"list", "print what may stand in configuration files", add_list_command},
      {"merge", "make one sweep of its parts", add_merge_command},
      {"price", "price the counts of a result by another energy table", add_price_command},
      {"quantize", "measure what number formats do to a tensor of a file", add_quantize_command},
      {"report", "write one HTML file about a run or a sweep", add_report_command},
      {"run", "simulate: cycles, bytes, joules, error", add_run_command},
      {"schema", "print the JSON Schema of a kind of file", add_schema_command},
      {"sweep", "simulate many runs that differ along axes", add_sweep_command},
  };
  return kRows;
}

std::shared_ptr<std::vector<std::string>> add_set_option(CLI::App& app) {
  auto texts = std::make_shared<std::vector<std::string>>();
  app.add_option("--set", *texts, "override: a.b.c=value, a path from the file's root; repeatable")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->take_all();
  return texts;
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> result;
  std::string problems;
  for (const std::string& text : texts) {
    try {
      result.push_back(parse_override(text));
    } catch (const Error& e) {
      problems += (problems.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (!problems.empty()) throw input_error(problems);
  return result;
}

}  // namespace bitjoule
