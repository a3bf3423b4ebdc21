#include <fmt/format.h>

#include "core/error.h"
#include "run/language_evaluation.h"
#include "sim/commands/command.h"
#include "sim/commands/data_arguments.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/forked_workers.h"
#include "sim/tune/tune.h"

namespace bitjoule {
namespace {

struct TuneArguments {
  DataArguments data;
  std::vector<std::string> formats;
  std::string budget, directory, store, by = "kind";
  std::string objective = TuneSettings().objective;
  std::size_t jobs = 1;
};

TuneSettings settings_of(const TuneArguments& a) {
  TuneSettings settings;
  settings.formats = a.formats;
  settings.budget = parse_budget(a.budget);
  settings.objective = a.objective;
  settings.groups = a.by == "layer" ? TuneGroups::kLayers : TuneGroups::kKinds;
  return settings;
}

int tune_file(const TuneArguments& a, const std::vector<Override>& overrides) {
  const TuneSettings settings = settings_of(a);
  const RunConfig run = a.data.read(overrides);
  if (data_kind(run) == DataKind::kOutputs)
    throw input_error("a budget of accuracy needs tokens, or inputs with labels");
  require_writable_directory(a.directory);
  if (!a.store.empty()) require_writable_directory(a.store);
  print_notes(run.notes);
  const RunTemplate base(given_source(a.data.file), a.data.with_options(overrides));
  TuneResult result;
  {
    ProgressLine line;
    EvaluateOptions options;
    options.store = a.store;
    if (a.jobs > 1) options.workers = std::make_shared<ForkedWorkers>(a.jobs);
    options.progress = [&](double share, const std::string& what) { line.show(share, what); };
    result = tune(base, settings, options);
  }
  make_directory(a.directory);
  OutputFiles files;
  files.add(a.directory + "/sensitivity.csv", sensitivity_csv(settings, result));
  files.add(a.directory + "/pairs.csv", pairs_csv(settings, result));
  files.add(a.directory + "/mixes.csv", mixes_csv(settings, result));
  files.add(a.directory + "/tune.json", tune_json(settings, result));
  for (const MeasuredMix& mix : result.mixes)
    if (mix.is_best) files.add(a.directory + "/mix.yaml", mix_yaml(settings, result, mix.mix));
  take_places(files);
  print_summary(tune_summary(settings, result));
  return 0;
}

}  // namespace

CommandAction add_tune_command(CLI::App& app) {
  auto a = std::make_shared<TuneArguments>();
  add_data_options(app, "tune", a->data);
  app.add_option("--formats", a->formats,
                 "that a layer's weights may take, as --set takes them, or with keys of "
                 "`precision`: {weights: int8, activations: int8}; the run's own is one more")
      ->required()
      ->type_name("FORMAT...");
  app.add_option("--budget", a->budget,
                 "what accuracy may fall to: \"accuracy.perplexity <= 1.01x\" (times the float "
                 "network's), \"accuracy.nll <= 2\" or \"accuracy.kl <= 0.02\"")
      ->required()
      ->type_name("TEXT");
  app.add_option("--minimize", a->objective, "a number of result.json; default: energy.total_pj")
      ->type_name("METRIC");
  app.add_option("--by", a->by, "what takes a format together: kind (default) or layer")
      ->check(CLI::IsMember({"kind", "layer"}))
      ->type_name("WHAT");
  app.add_option("-o,--output", a->directory,
                 "write mix.yaml, which a run takes as `mix`, sensitivity.csv, pairs.csv, "
                 "mixes.csv and tune.json there")
      ->required()
      ->type_name("DIR");
  app.add_option("--store", a->store,
                 "take what is known of windows, inputs and layers from there, and leave what is "
                 "new: an interrupted search goes on; the same results")
      ->type_name("DIR");
  app.add_option("-j,--jobs", a->jobs,
                 "windows, or batches of inputs, at once, in as many processes; default: 1; the "
                 "same results")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  const auto sets = add_set_option(app);
  return [a, sets] { return tune_file(*a, parse_overrides(*sets)); };
}

}  // namespace bitjoule
