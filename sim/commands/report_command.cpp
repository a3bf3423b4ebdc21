#include "sim/commands/command.h"
#include "sim/report/report.h"

namespace bitjoule {

CommandAction add_report_command(CLI::App& app) {
  auto results = std::make_shared<std::string>();
  app.add_option(
         "results", *results,
         "a run, a sweep or what sim tune found: the directory of its results, or their file")
      ->required()
      ->type_name("RESULTS");
  auto output = std::make_shared<std::string>();
  app.add_option("-o,--output", *output, "the HTML file; default: standard output")
      ->type_name("FILE");
  return [results, output] {
    write_output(*output, of_result(*results, report_html));
    return 0;
  };
}

}  // namespace bitjoule
