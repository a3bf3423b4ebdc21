#include <fmt/format.h>

#include "sim/commands/command.h"
#include "sim/commands/data_arguments.h"
#include "sim/evaluate/calibrate.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"

namespace bitjoule {
namespace {

struct CalibrateArguments {
  DataArguments data;
  std::string output = "calibration.safetensors";
};

int calibrate_file(const CalibrateArguments& a, std::vector<Override> overrides) {
  // The run that asks for a calibration may be the one that makes it.
  overrides.push_back(parse_overrides({"calibration=" + a.output}).front());
  const RunConfig run = a.data.read(overrides);
  require_writable_file(a.output);
  print_notes(run.notes);
  const EvaluationPlan plan = plan_evaluation(run);
  std::string bytes;
  {
    ProgressLine line;
    bytes = calibration_bytes(
        run, plan, [&](double share, const std::string& what) { line.show(share, what); });
  }
  OutputFiles files;
  files.add(a.output, bytes);
  take_places(files);
  const bool is_text = plan.kind == DataKind::kTokens;
  print_summary(fmt::format("calibration  of {} by {} {}\n", run.name,
                            is_text ? static_cast<std::int64_t>(plan.windows.size()) : plan.inputs,
                            is_text ? "windows of tokens" : "inputs"));
  return 0;
}

}  // namespace

CommandAction add_calibrate_command(CLI::App& app) {
  auto a = std::make_shared<CalibrateArguments>();
  add_data_options(app, "calibrate", a->data);
  app.add_option("-o,--output", a->output,
                 "file of the statistics, for a run's `calibration`; default: "
                 "calibration.safetensors")
      ->type_name("FILE");
  const auto sets = add_set_option(app);
  return [a, sets] { return calibrate_file(*a, parse_overrides(*sets)); };
}

}  // namespace bitjoule
