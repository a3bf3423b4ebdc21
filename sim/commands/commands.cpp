#include <fmt/format.h>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/suggest.h"

namespace bitjoule {

const std::vector<CommandRow>& commands() {
  static const std::vector<CommandRow> kRows = {
      {"area",
       "how large a machine is, part by part",
       add_area_command,
       {{"sim area quickstart.yaml --energy chip-45nm.yaml", "a run's machine, with its MACs"},
        {"sim area edge-32x32.yaml --mac int8 --area generic-28nm.yaml", "a machine by itself"},
        {"sim area edge-32x32.yaml --energy jouppi-2021-7nm.yaml -o area.json", "as JSON too"}},
       "accelerators runs",
       "accelerator run"},
      {"calibrate",
       "gather what quantizers and static scales ask of a network's tensors",
       add_calibrate_command,
       {{"head -c 512 /dev/zero > tokens.bin", "tokens of 16 bits, here 256 times the first"},
        {"sim calibrate llama2-7b-decode.yaml --network stories260k.yaml --data tokens.bin",
         "to calibration.safetensors"},
        {"sim evaluate llama2-7b-decode.yaml --network stories260k.yaml --data tokens.bin --set "
         "calibration=calibration.safetensors --set precision.quantizer=gptq",
         "4-bit weights whose errors make up for each other"}},
       "runs"},
      {"check",
       "validate configuration files, every problem at once",
       add_check_command,
       {{"sim check quickstart.yaml",
         "what `sim run` would refuse is refused here, without running"},
        {"sim check edge-32x32.yaml --print", "an accelerator with everything resolved, as JSON"},
        {"sim check quickstart.yaml --set accelerator.array.rows=64", "a run, changed"}},
       "runs accelerators dram energy energy/dram energy/sram energy/area layers networks sweeps",
       "run accelerator dram energy layer network sweep"},
      {"completion",
       "print the shell's completion of these commands",
       add_completion_command,
       {{"eval \"$(sim completion bash)\"", "for this shell; in ~/.bashrc: for every one"}},
       "shells"},
      {"diff",
       "what differs between two runs",
       add_diff_command,
       {{"sim run article-a.yaml -o a", "weights in 32-bit floats"},
        {"sim run article-b.yaml -o b", "weights in 8-bit integers"},
        {"sim diff a b", "configuration and result, absolute and relative"}}},
      {"dram",
       "run request traces or patterns through a DRAM by itself",
       add_dram_command,
       {{"sim dram --dram ddr4-2400-x8.yaml --pattern sequential --count 4096",
         "bandwidth, row hits, energy per bit"},
        {"sim dram --dram lpddr5-6400.yaml --pattern random --seed 42 --count 4096 -o dram",
         "the same as JSON too"}}},
      {"evaluate",
       "what the formats cost in accuracy, beside cycles and joules",
       add_evaluate_command,
       {{"head -c 512 /dev/zero > tokens.bin", "tokens of 16 bits, here 256 times the first"},
        {"sim evaluate llama2-7b-decode.yaml --network stories260k.yaml --data tokens.bin",
         "perplexity, and KL from the same network in float64"},
        {"sim evaluate llama2-7b-decode.yaml --network stories260k.yaml --data tokens.bin "
         "--window 64 --stride 32 -j 2 -o accuracy",
         "windows that overlap; result.json and a row for every prediction"}},
       "runs"},
      {"explain",
       "print a layer's mapping, and why the alternatives lost",
       add_explain_command,
       {{"sim explain quickstart.yaml", "tiles, loop order, traffic, what bounds it"},
        {"sim explain quickstart.yaml --set precision.weights=q4_0", "with other weights"},
        {"sim explain resnet50.yaml --network mobilenet-v2.yaml",
         "each distinct layer of a network"}},
       "runs"},
      {"help",
       "print an overview, or the help of a command",
       add_help_command,
       {{"sim help", "the overview"}, {"sim help run", "the same as `sim run --help`"}},
       "commands"},
      {"import",
       "make a network file from ONNX, GGUF, config.json or SCALE-Sim files",
       add_import_command,
       {{"printf 'Layer, M, N, K,\\nfc, 16, 16, 16,\\n' > topology.csv", "a topology of SCALE-Sim"},
        {"sim import topology.csv -o network.yaml",
         "as a network file; .onnx, .tflite and .gguf alike"},
        {"sim run resnet50.yaml --network topology.csv", "or run at once"}}},
      {"list",
       "print what may stand in configuration files",
       add_list_command,
       {{"sim list", "the lists there are"},
        {"sim list accelerators", "the shipped machines"},
        {"sim list formats", "number formats, with bits per weight"}},
       "lists"},
      {"man",
       "print the manual page",
       add_man_command,
       {{"sim man > sim.1", "to be read by `man -l sim.1`"}}},
      {"merge",
       "make one sweep of its parts",
       add_merge_command,
       {{"sim sweep energy-tables.yaml --shard 1/2 -o part1", "one half, here"},
        {"sim sweep energy-tables.yaml --shard 2/2 -o part2", "the other half, elsewhere"},
        {"sim merge part1 part2 -o whole", "as if computed at once"}}},
      {"price",
       "price the counts of a result by another energy table",
       add_price_command,
       {{"sim run quickstart.yaml -o out", "the result that is priced"},
        {"sim price out --energy jouppi-2021-7nm.yaml", "at 7 nm, without simulating again"},
        {"sim price out/result.json --set dram=hbm2-3.9pj.yaml -o prices.json",
         "with another memory's price, as JSON too"}},
       "",
       "energy"},
      {"quantize",
       "measure what number formats do to a tensor of a file",
       add_quantize_command,
       {{"sim run quickstart.yaml --save-outputs -o out", "a tensor: out/outputs.npy"},
        {"sim quantize out/outputs.npy --format q4_0,mxfp4", "bits, bytes, error of each format"},
        {"sim quantize out/outputs.npy --format all", "of all formats that fit its shape"}}},
      {"report",
       "write one HTML file about a run or a sweep",
       add_report_command,
       {{"sim run quickstart.yaml -o out", "the run that is reported"},
        {"sim report out -o report.html", "a page that opens offline"}}},
      {"run",
       "simulate: cycles, bytes, joules, error",
       add_run_command,
       {{"sim run quickstart.yaml", "a shipped run: `sim list runs` names them"},
        {"sim run quickstart.yaml -o out --set precision.weights=q4_0 --set precision.mac=auto",
         "4-bit weights; result.json and layers.csv go to out/"},
        {"sim run quickstart.yaml --set accelerator=edge-16x16.yaml --json > result.json",
         "another machine; the result on standard output"},
        {"sim run quickstart.yaml --set 'layer={gemm: {m: 16, n: 16, k: 16}}' --timeline t.json",
         "a layer of one's own; t.json opens in Perfetto"},
        {"sim run resnet50.yaml --network mlperf-tiny-ad.yaml",
         "a network; an .onnx or .tflite file alike"}},
       "runs"},
      {"schema",
       "print the JSON Schema of a kind of file",
       add_schema_command,
       {{"sim schema run -o run.schema.json", "for editors that complete YAML by it"}},
       "kinds"},
      {"sweep",
       "simulate many runs that differ along axes",
       add_sweep_command,
       {{"sim sweep energy-tables.yaml --dry-run", "which points there are"},
        {"sim sweep energy-tables.yaml -o sweep", "results.csv; the same command resumes it"},
        {"sim sweep energy-tables.yaml -o sweep --pareto cycles,energy.total_pj",
         "which points no other beats in both"},
        {"sim report sweep -o sweep.html", "figures of it in one HTML file"}},
       "sweeps"},
      {"tune",
       "find the format of each layer that costs least within a budget of accuracy",
       add_tune_command,
       {{"head -c 256 /dev/zero > tokens.bin", "tokens of 16 bits, here 128 times the first"},
        {"sim tune llama2-7b-decode.yaml --network stories260k.yaml --data tokens.bin --formats "
         "int8 int4 --budget 'accuracy.kl <= 1' -o tuned",
         "sensitivity.csv, mixes.csv and mix.yaml"},
        {"sim run llama2-7b-decode.yaml --network stories260k.yaml --set mix=tuned/mix.yaml",
         "the run with that mix"}},
       "runs"},
  };
  return kRows;
}

const CommandRow& find_command(const std::string& name) {
  std::vector<std::string> names;
  for (const CommandRow& row : commands()) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
  }
  const std::string nearest = suggestion(name, names);
  throw input_error(fmt::format("unknown subcommand \"{}\"{}", name,
                                nearest.empty() ? "; `sim help` names them" : nearest));
}

const std::vector<Example>& common_uses() {
  static const std::vector<Example> kUses = {
      {"sim run quickstart.yaml -o out", "simulate a layer or a network"},
      {"sim explain quickstart.yaml", "how it is mapped, and what bounds it"},
      {"sim price out --energy jouppi-2021-7nm.yaml", "the same work at other prices"},
      {"sim sweep energy-tables.yaml -o sweep", "many runs that differ along axes"},
      {"sim report sweep -o report.html", "one HTML file about a run or a sweep"},
  };
  return kUses;
}

std::shared_ptr<std::vector<std::string>> add_set_option(CLI::App& app) {
  auto texts = std::make_shared<std::vector<std::string>>();
  app.add_option("--set", *texts, "override: a.b.c=value, a path from the file's root; repeatable")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->take_all();
  return texts;
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> result;
  std::string problems;
  for (const std::string& text : texts) {
    try {
      result.push_back(parse_override(text));
    } catch (const Error& e) {
      problems += (problems.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (!problems.empty()) throw input_error(problems);
  return result;
}

}  // namespace bitjoule
