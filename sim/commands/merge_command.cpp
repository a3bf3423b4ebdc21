#include "sim/commands/command.h"
#include "sim/output/terminal.h"
#include "sim/sweep/merge.h"
#include "sim/sweep/output.h"

namespace bitjoule {

CommandAction add_merge_command(CLI::App& app) {
  auto directories = std::make_shared<std::vector<std::string>>();
  app.add_option("parts", *directories, "directories of `sim sweep --shard I/N -o DIR`")
      ->required()
      ->type_name("DIR");
  auto output = std::make_shared<std::string>();
  app.add_option("-o,--output", *output, "where the whole goes; may be one of the parts")
      ->required()
      ->type_name("DIR");
  return [directories, output] {
    const SweepResults results = merge_results(*directories, *output);
    print_written(result_files(*output, {}));
    print_summary(summary_text(results, {}));
    return count_failed(results) == 0 ? 0 : 1;
  };
}

}  // namespace bitjoule
