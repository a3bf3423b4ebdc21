#include "sim/commands/command.h"
#include "sim/output/terminal.h"
#include "sim/sweep/compare.h"

namespace bitjoule {

CommandAction add_diff_command(CLI::App& app) {
  auto paths = std::make_shared<std::vector<std::string>>();
  app.add_option("runs", *paths, "two runs: directories of `sim run -o`, or result files")
      ->required()
      ->expected(2)
      ->type_name("RUN");
  return [paths] {
    const std::string &a = paths->at(0), &b = paths->at(1);
    print_text(diff_text(a, of_result(a, load_result), b, of_result(b, load_result)));
    return 0;
  };
}

}  // namespace bitjoule
