#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/run_config.h"
#include "sim/config/writer.h"
#include "sim/formats/npy.h"
#include "sim/import/import.h"
#include "sim/report/progress.h"
#include "sim/report/result_json.h"
#include "sim/report/summary.h"
#include "sim/report/text.h"
#include "sim/report/waveform.h"
#include "sim/run/layer_runner.h"
#include "sim/run/network_runner.h"

namespace bitjoule {
namespace {

struct RunArguments {
  std::string file;
  std::string directory;
  std::string fidelity, values;
  std::string vcd, timeline;
  std::string network;
  ImportOptions import;
  bool unshared = false;
  bool save_outputs = false;
  bool quiet = false;
};

void make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw input_error(fmt::format("{}: {}", path, error.message()));
}

/// Options that stand for a key of the run file.
std::vector<Override> with_options(std::vector<Override> overrides, const RunArguments& a) {
  if (!a.fidelity.empty()) overrides.push_back({"fidelity", a.fidelity});
  if (!a.values.empty()) overrides.push_back({"values", a.values});
  if (!a.network.empty())
    overrides.insert(overrides.begin(), {"network", network_value(a.network, a.import)});
  return overrides;
}

/// outputs.npy: the values in fp32; output_codes.npy: the codes of an integer format.
void save_outputs(const std::string& directory, const LayerOutputs& outputs) {
  const StoredType& real = *find_stored_type("fp32");
  write_output(directory + "/outputs.npy", npy_bytes(real, outputs.shape, outputs.values.data()));
  if (outputs.codes.empty()) return;
  const StoredType& integer = *find_stored_type("int32");
  write_output(directory + "/output_codes.npy",
               npy_bytes(integer, outputs.shape, outputs.codes.data()));
}

int run_network(const RunArguments& a, const RunConfig& run) {
  if (!a.vcd.empty() || !a.timeline.empty() || a.save_outputs)
    throw input_error("--vcd, --timeline and --save-outputs: of a run with one layer");
  NetworkResult result;
  {
    ProgressLine line(a.quiet);
    NetworkRunner runner(run, !a.unshared);
    result = runner.run([&](double share, const std::string& name) { line.show(share, name); });
  }
  if (!a.quiet) write_output("", network_summary(run, result));
  if (a.directory.empty()) return 0;
  make_directory(a.directory);
  write_output(a.directory + "/layers.csv", layers_csv(result.layers));
  write_output(a.directory + "/result.json", json_text(result_json(run, result)));
  return 0;
}

int run_layer(const RunArguments& a, const std::vector<Override>& overrides) {
  RunConfig run = read_run(file_source(a.file), with_options(overrides, a));
  if (!run.phases.empty()) return run_network(a, run);
  run.options.keep_outputs = a.save_outputs;
  if (a.save_outputs && a.directory.empty())
    throw input_error("--save-outputs: expected a directory as well: -o DIR");
  if (a.save_outputs && !run.options.values)
    throw input_error("--save-outputs: values are off, so there are no outputs");
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  Trace trace;
  const bool traced = !a.vcd.empty() || !a.timeline.empty();
  const std::vector<LayerResult> results =
      runner.run_all(run.layer, run.precision, run.mapping, traced ? &trace : nullptr);
  const LayerResult& result = layer_of(results);
  const Clock clock = Clock::from_frequency(run.accelerator.clock);
  if (!a.vcd.empty()) write_output(a.vcd, vcd_text(trace, clock, "bitjoule " + run.name));
  if (!a.timeline.empty()) write_output(a.timeline, timeline_text(trace, clock));
  if (!a.quiet) write_output("", run_summary(run, results));
  if (!a.directory.empty()) {
    make_directory(a.directory);
    if (result.outputs) save_outputs(a.directory, *result.outputs);
    write_output(a.directory + "/layers.csv", layers_csv(results));
    write_output(a.directory + "/result.json", json_text(result_json(run, results)));
  }
  if (result.check && result.check->wrong > 0)
    throw Error(ErrorKind::kVerification,
                fmt::format("{} of {} outputs differ from the oracle; {}", result.check->wrong,
                            result.check->checked, result.check->first_difference));
  if (result.check && result.check->overflows > 0)
    throw Error(
        ErrorKind::kVerification,
        fmt::format("{} sums left the range of the 32-bit accumulators", result.check->overflows));
  return 0;
}

}  // namespace

CommandAction add_run_command(CLI::App& app) {
  auto a = std::make_shared<RunArguments>();
  app.add_option("config", a->file, "run file")->required()->type_name("FILE");
  app.add_option("-o,--output", a->directory, "write result.json and layers.csv there")
      ->type_name("DIR");
  app.add_flag("--save-outputs", a->save_outputs,
               "write outputs.npy there too, and output_codes.npy for an integer format");
  app.add_option("--fidelity", a->fidelity, "fast (default) or pe: PE by PE; equal results");
  app.add_option("--values", a->values, "on or off: off skips outputs; all else stays the same");
  app.add_option("--vcd", a->vcd, "write a waveform for GTKWave; with pe, of every PE's registers")
      ->type_name("FILE");
  app.add_option("--timeline", a->timeline, "write a Chrome trace for Perfetto, a track per unit")
      ->type_name("FILE");
  app.add_option("--network", a->network,
                 "run this network instead: a network file, or what `sim import` reads")
      ->type_name("FILE");
  app.add_flag("--skip-unknown", a->import.skip_unknown,
               "leave out operators and tensors of an imported network that are not known");
  app.add_flag("--unshared", a->unshared,
               "simulate every layer of a network, also those equal to another; the same results");
  app.add_flag("--quiet", a->quiet, "print nothing but errors");
  const auto sets = add_set_option(app);
  return [a, sets] { return run_layer(*a, parse_overrides(*sets)); };
}

CommandAction add_explain_command(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  app.add_option("config", *file, "run file")->required()->type_name("FILE");
  const auto sets = add_set_option(app);
  return [file, sets] {
    const RunConfig run = read_run(file_source(*file), parse_overrides(*sets));
    if (!run.phases.empty())
      throw input_error("explain: expected a run with one layer, got a network");
    const MemoryPort memory = memory_port(run.dram, run.accelerator.clock);
    const MappingProblem problem = make_problem(run.accelerator, memory, run.layer.op,
                                                run.precision, run.mapping, run.layer.stage);
    const Mapping mapping = map_layer(problem, run.mapping);
    write_output("", explain_text(run, problem, mapping));
    return 0;
  };
}

}  // namespace bitjoule
