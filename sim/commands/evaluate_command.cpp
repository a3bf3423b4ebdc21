#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "run/machine.h"
#include "sim/commands/command.h"
#include "sim/commands/data_arguments.h"
#include "sim/config/writer.h"
#include "sim/evaluate/evaluate.h"
#include "sim/output/output_files.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/report/accuracy_text.h"
#include "sim/report/summary.h"
#include "sim/result/result_json.h"
#include "sim/sweep/forked_workers.h"
#include "sim/sweep/outcome_files.h"

namespace bitjoule {
namespace {

struct EvaluateArguments {
  DataArguments data;
  std::string directory, store;
  std::size_t jobs = 1;
  bool dry_run = false, json = false;
};

EvaluateOptions options_of(const EvaluateArguments& a, ProgressLine& line) {
  EvaluateOptions options;
  options.store = a.store;
  if (a.jobs > 1) options.workers = std::make_shared<ForkedWorkers>(a.jobs);
  options.progress = [&line](double share, const std::string& what) { line.show(share, what); };
  return options;
}

Evaluated evaluate_with_progress(const EvaluateArguments& a, const RunConfig& run,
                                 const EvaluationPlan& plan) {
  ProgressLine line;
  return evaluate(run, plan, options_of(a, line));
}

/// Cycles and energy of the run itself, without values: those are another matter here.
Result simulate(const EvaluateArguments& a, const RunConfig& evaluated) {
  RunConfig config = evaluated;
  config.options.values = false;
  if (!a.store.empty())
    config.options.outcomes = std::make_shared<OutcomeFiles>(outcome_directory(a.store));
  if (a.jobs > 1) config.options.workers = std::make_shared<ForkedWorkers>(a.jobs);
  ProgressLine line;
  Machine machine(std::move(config));
  machine.report_to([&](double share, const std::string& what) { line.show(share, what); });
  return machine.run();
}

int evaluate_file(const EvaluateArguments& a, const std::vector<Override>& overrides) {
  const RunConfig run = a.data.read(overrides);
  require_writable_directory(a.directory);
  if (!a.store.empty()) require_writable_directory(a.store);
  print_notes(run.notes);
  const EvaluationPlan plan = plan_evaluation(run);
  if (a.dry_run) {
    print_text(cost_text(run, plan));
    return 0;
  }
  print_done(cost_text(run, plan));
  Result result = simulate(a, run);
  const Evaluated evaluated = evaluate_with_progress(a, run, plan);
  result.accuracy = evaluated.accuracy;
  print_notes(mapping_notes(result.layers()));
  if (!a.directory.empty()) {
    make_directory(a.directory);
    OutputFiles files;
    for (const auto& [name, text] : accuracy_files(plan, evaluated.scores))
      files.add(a.directory + "/" + name, text);
    files.add(a.directory + "/layers.csv", layers_csv(result.network->layers));
    files.add(a.directory + "/result.json",
              [&](const TextSink& sink) { write_result(run, result, sink); });
    take_places(files);
  }
  if (a.json)
    print_data(json_text(result_json(run, result)));
  else
    print_summary(network_summary(run, *result.network) + accuracy_summary(*result.accuracy));
  return 0;
}

}  // namespace

CommandAction add_evaluate_command(CLI::App& app) {
  auto a = std::make_shared<EvaluateArguments>();
  add_data_options(app, "evaluate", a->data);
  app.add_option("-o,--output", a->directory,
                 "write result.json, layers.csv, inputs.csv, predictions.csv, and positions.csv or "
                 "confusion.csv there")
      ->type_name("DIR");
  app.add_option(
         "--store", a->store,
         "take what is known of windows, inputs and layers from there, and leave what is new: "
         "an interrupted evaluation goes on; the same results")
      ->type_name("DIR");
  app.add_option(
         "-j,--jobs", a->jobs,
         "windows, or batches of inputs, at once, in as many processes; default: 1; the same "
         "results")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--dry-run", a->dry_run, "say what it would take, and stop");
  app.add_flag("--json", a->json, "print result.json instead of the summary");
  const auto sets = add_set_option(app);
  return [a, sets] { return evaluate_file(*a, parse_overrides(*sets)); };
}

}  // namespace bitjoule
