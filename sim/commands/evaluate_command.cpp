#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "run/machine.h"
#include "sim/commands/command.h"
#include "sim/commands/import_options.h"
#include "sim/commands/network_arguments.h"
#include "sim/config/writer.h"
#include "sim/evaluate/evaluate.h"
#include "sim/output/output_files.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/report/accuracy_text.h"
#include "sim/report/summary.h"
#include "sim/result/result_json.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/forked_workers.h"
#include "sim/sweep/outcome_files.h"

namespace bitjoule {
namespace {

struct EvaluateArguments {
  std::string file, directory, store;
  std::string data, labels, reference, tokenizer;
  std::int64_t window = 0, stride = 0, limit = 0;
  NetworkArguments network;
  std::size_t jobs = 1;
  bool dry_run = false, json = false;
};

std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

bool is_gguf(const std::string& file) { return std::filesystem::path(file).extension() == ".gguf"; }

/// The options that stand for a key of the run file, before what --set says.
std::vector<Override> with_options(std::vector<Override> overrides, const EvaluateArguments& a) {
  std::vector<Override> all = a.network.overrides();
  if (!a.data.empty()) all.push_back({"evaluation.data", quoted(a.data)});
  if (!a.labels.empty()) all.push_back({"evaluation.labels", quoted(a.labels)});
  if (a.window != 0) all.push_back({"evaluation.window", std::to_string(a.window)});
  if (a.stride != 0) all.push_back({"evaluation.stride", std::to_string(a.stride)});
  if (a.limit != 0) all.push_back({"evaluation.limit", std::to_string(a.limit)});
  if (!a.reference.empty()) {
    NetworkValue reference = network_value(a.reference, {});
    reference.override.path = "evaluation.reference";
    all.push_back(std::move(reference.override));
  }
  const std::string& tokenizer =
      a.tokenizer.empty() && is_gguf(a.network.file) ? a.network.file : a.tokenizer;
  if (!tokenizer.empty()) all.push_back({"evaluation.tokenizer", quoted(tokenizer)});
  all.insert(all.end(), overrides.begin(), overrides.end());
  return all;
}

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
  const std::vector<Override> all = with_options(overrides, a);
  const Source source = given_source(a.file);
  const RunConfig run = of_kind(source, "run", [&] { return read_run(source, all); });
  if (!run.evaluation)
    throw input_error(source.name +
                      ": no data to evaluate on: --data FILE, or evaluation.data in the run");
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
    files.add(a.directory + "/result.json", json_text(result_json(run, result)));
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
  app.add_option("config", a->file, "run file with a network; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option(
         "--data", a->data,
         "of a language model tokens: .npy of integers (rows are texts), .bin of llama2.c (16 "
         "bits each), or text; of any other network inputs, one after the other: .npy")
      ->type_name("FILE");
  app.add_option("--labels", a->labels,
                 "the right class of each input, integers; without, outputs are compared")
      ->type_name("FILE");
  app.add_option("--window", a->window, "tokens read at once, as a prefill; default: 256")
      ->check(CLI::Range(2, 1 << 20))
      ->type_name("N");
  app.add_option("--stride", a->stride, "tokens from one window to the next; default: the window")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N");
  app.add_option("--limit", a->limit, "tokens, or inputs, at most; default: all")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--tokenizer", a->tokenizer,
                 "GGUF file by whose tokenizer text becomes tokens; default: that of --network")
      ->type_name("FILE");
  app.add_option("--reference", a->reference,
                 "network whose float64 values are the reference, as --network has it; default: "
                 "the run's own, its stored weights decoded")
      ->type_name("FILE");
  add_network_options(app, "evaluate", a->network);
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
