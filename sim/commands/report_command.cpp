#include "sim/commands/command.h"
#include "sim/report/report.h"

namespace bitjoule {

CommandAction add_report_command(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  app.add_option("results", *directory, "directory of `sim run -o` or `sim sweep -o`")
      ->required()
      ->type_name("DIR");
  auto output = std::make_shared<std::string>();
  app.add_option("-o,--output", *output, "the HTML file; default: standard output")
      ->type_name("FILE");
  return [directory, output] {
    write_output(*output, report_html(*directory));
    return 0;
  };
}

}  // namespace bitjoule
