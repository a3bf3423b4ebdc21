#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/program.h"
#include "run/layer_runner.h"
#include "run/machine.h"
#include "sim/commands/command.h"
#include "sim/commands/import_options.h"
#include "sim/commands/network_arguments.h"
#include "sim/config/naming.h"
#include "sim/config/writer.h"
#include "sim/evaluate/evaluate.h"
#include "sim/formats/npy.h"
#include "sim/output/output_files.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/output/text.h"
#include "sim/report/accuracy_text.h"
#include "sim/report/fst.h"
#include "sim/report/summary.h"
#include "sim/report/timeline.h"
#include "sim/report/waveform.h"
#include "sim/result/network_outputs.h"
#include "sim/result/result_json.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/forked_workers.h"
#include "sim/sweep/outcome_files.h"

namespace bitjoule {
namespace {

struct RunArguments {
  std::string file;
  std::string directory;
  std::string fidelity, values;
  std::string vcd, fst, timeline;
  NetworkArguments network;
  std::vector<std::string> inputs;
  std::string store;
  std::size_t jobs = 1;
  bool unshared = false;
  bool save_outputs = false;
  bool json = false;
};

/// Nobody should wait for a result that then has no place.
void require_places(const RunArguments& a) {
  require_writable_directory(a.directory);
  if (!a.fst.empty()) require_fst_converter();
  if (std::filesystem::path(a.vcd).extension() == ".fst")
    throw input_error(fmt::format("--vcd: expected a file for VCD, got \"{}\": use --fst", a.vcd));
  const std::pair<const char*, const std::string*> files[] = {
      {"--vcd", &a.vcd}, {"--fst", &a.fst}, {"--timeline", &a.timeline}};
  std::map<std::filesystem::path, const char*> places;
  for (const auto& [option, file] : files) {
    if (file->empty()) continue;
    require_writable_file(*file);
    const auto [other, is_new] = places.insert({std::filesystem::absolute(*file), option});
    if (!is_new)
      throw input_error(fmt::format("{} and {}: both are {}", other->second, option, *file));
  }
}

bool is_traced(const RunArguments& a) {
  return !a.vcd.empty() || !a.fst.empty() || !a.timeline.empty();
}

/// Overrides and options that stand for a key of the run file.
std::vector<Override> with_options(const Source& run, std::vector<Override> overrides,
                                   const RunArguments& a) {
  if (!a.fidelity.empty()) overrides.push_back({"fidelity", a.fidelity});
  if (!a.values.empty()) overrides.push_back({"values", a.values});
  return a.network.overrides(run, overrides, given_files(a.inputs));
}

/// Names the kind of a file that is no run.
RunConfig read_given_run(const Source& source, const std::vector<Override>& overrides) {
  return of_kind(source, "run", [&] { return read_run(source, overrides); });
}

/// outputs.npy: the values in fp32; output_codes.npy: the codes of an integer format.
void add_outputs(const std::string& directory, const LayerOutputs& outputs, OutputFiles& files) {
  const StoredType& real = *find_stored_type("fp32");
  files.add(directory + "/outputs.npy", npy_bytes(real, outputs.shape, outputs.values.data()));
  if (outputs.codes.empty()) return;
  const StoredType& integer = *find_stored_type("int32");
  files.add(directory + "/output_codes.npy",
            npy_bytes(integer, outputs.shape, outputs.codes.data()));
}

/// DIR/outputs/NAME.npy for each output of the network.
void add_outputs(const std::string& directory, const std::vector<NetworkOutputValues>& outputs,
                 OutputFiles& files) {
  const std::string folder = directory + "/outputs";
  make_directory(folder);
  const std::vector<std::string> names = output_files(outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    files.add(folder + "/" + names[i], output_npy(outputs[i]));
}

/// What runs and sweeps with this store have simulated; null without one.
std::shared_ptr<OutcomeStore> stored_outcomes(const RunArguments& a) {
  if (a.store.empty()) return nullptr;
  return std::make_shared<OutcomeFiles>(outcome_directory(a.store));
}

template <class Record>
Result simulate(Machine& machine, Record& record) {
  ProgressLine line;
  machine.report_to([&](double share, const std::string& what) { line.show(share, what); });
  return machine.run(record);
}

/// A layer's trace as a timeline of that layer alone.
Timeline timeline_of(const LayerResult& result, Trace trace) {
  Timeline timeline;
  timeline.layers.push_back(std::make_shared<Timeline::Layer>());
  timeline.layers[0]->result = result;
  timeline.layers[0]->trace = std::move(trace);
  timeline.steps.push_back({result.name, 1, 0});
  return timeline;
}

/// Adds the timeline to the files, and says what it leaves out.
void add_timeline(const std::string& file, const Timeline& timeline, const RunConfig& run,
                  OutputFiles& files) {
  const TimelineFile made = timeline_file(
      timeline, Clock::from_frequency(run.accelerator.clock),
      "bitjoule " + (run.phases.empty() ? run.name : run.phases.front().network.name));
  print_done("timeline: " + made.detail + "\n");
  files.add(file, made.text);
}

/// Options that change no result, where they have nothing to do.
void note_options(const RunArguments& a, const RunConfig& run) {
  const bool estimates = run.options.fidelity == Fidelity::kEstimate;
  const auto note = [](const char* option, const char* why) {
    print_error(fmt::format("note: {}: no effect: {}\n", option, why));
  };
  if (estimates && !a.store.empty()) note("--store", "an estimate simulates nothing");
  if (a.jobs > 1 && estimates) note("-j", "an estimate simulates nothing");
  if (a.jobs > 1 && run.overlap == LayerOverlapMode::kLayers)
    note("-j", "with overlap: layers each layer depends on those before it");
}

/// What the run's values are worth on its data, where it names some.
std::optional<Accuracy> evaluated_beside(const RunArguments& a, const RunConfig& run) {
  ProgressLine line;
  EvaluateOptions options;
  options.workers = run.options.workers;
  options.store = a.store;
  options.progress = [&](double share, const std::string& what) { line.show(share, what); };
  return evaluated(run, options);
}

int run_network(const RunArguments& a, RunConfig config) {
  print_notes(config.notes);
  note_options(a, config);
  if (!a.vcd.empty() || !a.fst.empty())
    throw input_error("--vcd and --fst: of a run with one layer; --timeline is of networks too");
  if (a.save_outputs && a.directory.empty())
    throw input_error("--save-outputs: expected a directory as well: -o DIR");
  config.options.share_equal = !a.unshared;
  config.options.outcomes = stored_outcomes(a);
  if (a.jobs > 1) config.options.workers = std::make_shared<ForkedWorkers>(a.jobs);
  Machine machine(std::move(config));
  const RunConfig& run = machine.config();
  Timeline timeline;
  Trace* const nothing = nullptr;
  Result all = a.timeline.empty() ? simulate(machine, nothing) : simulate(machine, timeline);
  all.accuracy = evaluated_beside(a, run);
  const NetworkResult& result = *all.network;
  print_notes(mapping_notes(all.layers()));
  OutputFiles files;
  if (!a.timeline.empty()) add_timeline(a.timeline, timeline, run, files);
  if (!a.directory.empty()) {
    make_directory(a.directory);
    if (a.save_outputs) add_outputs(a.directory, result.outputs, files);
    files.add(a.directory + "/layers.csv", layers_csv(result.layers));
    files.add(a.directory + "/result.json",
              [&](const TextSink& sink) { write_result(run, all, sink); });
  }
  take_places(files);
  if (a.json)
    print_data(json_text(result_json(run, all)));
  else
    print_summary(network_summary(run, result) +
                  (all.accuracy ? accuracy_summary(*all.accuracy) : ""));
  require_verified(all);
  return 0;
}

/// Without values, as simulations have it.
RunOptions timing_alone(const RunConfig& run) {
  RunOptions options = run.options;
  options.values = false;
  options.fidelity = Fidelity::kFast;
  return options;
}

int run_layer(const RunArguments& a, const std::vector<Override>& overrides) {
  const Source source = given_source(a.file);
  std::vector<Override> all = with_options(source, overrides, a);
  RunConfig run = read_given_run(source, all);
  require_places(a);
  if (!a.store.empty()) require_writable_directory(a.store);
  if (!run.phases.empty()) {
    const bool wants_values = a.save_outputs || !a.inputs.empty();
    if (wants_values && a.values == "off")
      throw input_error("--input and --save-outputs: values are off");
    if (wants_values && !run.options.values) {  // implied
      all.push_back({"values", "on"});
      run = read_run(source, all);
    }
    set_inputs(run.phases.front().network, a.inputs);
    return run_network(a, std::move(run));
  }
  if (is_traced(a) && run.options.fidelity == Fidelity::kEstimate)
    throw input_error(
        "--vcd, --fst and --timeline: fidelity: estimate has no events; use fast or pe");
  if (!a.inputs.empty()) throw input_error("--input: of a run with a network");
  if (a.unshared) throw input_error("--unshared: of a run with a network");
  if (a.jobs > 1) throw input_error("-j: of a run with a network");
  print_notes(run.notes);
  note_options(a, run);
  run.options.keep_outputs = a.save_outputs;
  run.options.outcomes = stored_outcomes(a);
  if (a.save_outputs && a.directory.empty())
    throw input_error("--save-outputs: expected a directory as well: -o DIR");
  if (a.save_outputs && !run.options.values)
    throw input_error("--save-outputs: values are off, so there are no outputs");
  Trace trace(!a.vcd.empty() || !a.fst.empty());
  const Result outcome = naming(source.name, [&] {
    Machine machine(run);
    Trace* const recorded = is_traced(a) ? &trace : nullptr;
    return simulate(machine, recorded);
  });
  const std::vector<LayerResult>& results = outcome.layer_passes;
  const LayerResult& result = layer_of(results);
  print_notes(mapping_notes(results));
  const Clock clock = Clock::from_frequency(run.accelerator.clock);
  OutputFiles files;
  if (!a.vcd.empty() || !a.fst.empty()) {
    const std::string vcd = vcd_text(trace, clock, "bitjoule " + run.name);
    if (!a.vcd.empty()) files.add(a.vcd, vcd);
    if (!a.fst.empty()) files.add(a.fst, fst_bytes(vcd));
  }
  if (!a.timeline.empty())
    add_timeline(a.timeline, timeline_of(result, std::move(trace)), run, files);
  if (!a.directory.empty()) {
    make_directory(a.directory);
    if (result.outputs) add_outputs(a.directory, *result.outputs, files);
    files.add(a.directory + "/layers.csv", layers_csv(results));
    files.add(a.directory + "/result.json",
              [&](const TextSink& sink) { write_result(run, outcome, sink); });
  }
  take_places(files);
  if (a.json)
    print_data(json_text(result_json(run, outcome)));
  else
    print_summary(run_summary(run, results));
  require_verified(result);
  return 0;
}

}  // namespace

CommandAction add_run_command(CLI::App& app) {
  auto a = std::make_shared<RunArguments>();
  app.add_option("config", a->file, "run file; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("-o,--output", a->directory, "write result.json and layers.csv there")
      ->type_name("DIR");
  app.add_flag("--save-outputs", a->save_outputs,
               "write outputs.npy there too, and output_codes.npy for an integer format; of a "
               "network outputs/NAME.npy");
  app.add_option("--fidelity", a->fidelity,
                 "fast (default), pe: PE by PE, equal results, or estimate: exact counts, time "
                 "without events")
      ->type_name("fast|pe|estimate");
  app.add_option("--values", a->values, "off skips outputs; all else stays the same")
      ->type_name("on|off");
  app.add_option("--vcd", a->vcd, "write a waveform for GTKWave; with pe, of every PE's registers")
      ->type_name("FILE");
  app.add_option("--fst", a->fst, "the same compressed, by GTKWave's vcd2fst")->type_name("FILE");
  app.add_option(
         "--timeline", a->timeline,
         "write a Chrome trace for Perfetto: layers, tiles by unit, stall causes, bandwidth, power")
      ->type_name("FILE");
  app.add_option("--input", a->inputs,
                 "values of an input of the network: .npy, .pb (ONNX) or .safetensors; repeatable")
      ->type_name("NAME=FILE")
      ->expected(1)
      ->take_all();
  add_network_options(app, "run", a->network);
  CLI::Option* store =
      app.add_option("--store", a->store,
                     "take layers that were simulated before from there, and leave those that are "
                     "new: a directory that sweeps and runs share; the same results")
          ->type_name("DIR");
  CLI::Option* jobs =
      app.add_option("-j,--jobs", a->jobs,
                     "layers of a network simulated at once, in as many processes; default: 1; the "
                     "same results")
          ->type_name("N")
          ->check(CLI::Range(1, 1024));
  app.add_flag("--unshared", a->unshared,
               "simulate every layer of a network, also those equal to another; the same results")
      ->excludes(store)
      ->excludes(jobs);
  app.add_flag("--json", a->json, "print result.json instead of the summary");
  const auto sets = add_set_option(app);
  return [a, sets] { return run_layer(*a, parse_overrides(*sets)); };
}

CommandAction add_explain_command(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  auto network = std::make_shared<NetworkArguments>();
  app.add_option("config", *file, "run file; - reads standard input")
      ->required()
      ->type_name("FILE");
  add_network_options(app, "explain", *network);
  const auto sets = add_set_option(app);
  return [file, network, sets] {
    const Source source = given_source(*file);
    const RunConfig run =
        read_given_run(source, network->overrides(source, parse_overrides(*sets)));
    print_notes(run.notes);
    if (!run.phases.empty()) {
      print_text(naming(*file, [&] { return explain_network_text(run); }));
      return 0;
    }
    const MemoryPort memory = memory_port(run.dram, run.accelerator.clock);
    print_text(naming(*file, [&] {
      MappingProblem unset = make_problem(run.accelerator, memory, run.layer.op, run.precision,
                                          run.mapping, run.layer.stage);
      unset.prices = std::make_shared<const Prices>(prices_of(run));
      LayerRunner runner(run.accelerator, run.dram, run.energy, timing_alone(run));
      const LayerProgram program = runner.prepare(run.layer, run.precision, run.mapping);
      const Mapping& mapping = program.mapping;
      std::optional<LayerOutcome> simulated;
      if (mapping.estimate.traffic.bursts() <= kExplainedBursts)
        simulated = runner.run(run.layer, run.precision, program).outcome;
      return explain_text(run, unset, mapping, simulated ? &*simulated : nullptr);
    }));
    return 0;
  };
}

}  // namespace bitjoule
