#include "sim/commands/command.h"
#include "sim/config/writer.h"
#include "sim/output/terminal.h"
#include "sim/sweep/compare.h"

namespace bitjoule {

CommandAction add_diff_command(CLI::App& app) {
  auto paths = std::make_shared<std::vector<std::string>>();
  app.add_option("runs", *paths, "two runs: directories of `sim run -o`, or result files")
      ->required()
      ->expected(2)
      ->type_name("RUN");
  auto is_json = std::make_shared<bool>();
  app.add_flag("--json", *is_json, "print every value that differs as JSON");
  return [paths, is_json] {
    const std::string &a = paths->at(0), &b = paths->at(1);
    const boost::json::object of_a = of_result(a, load_result), of_b = of_result(b, load_result);
    if (*is_json)
      print_data(json_text(diff_json(a, of_a, b, of_b)));
    else
      print_text(diff_text(a, of_a, b, of_b, terminal_width()));
    return 0;
  };
}

}  // namespace bitjoule
