// Layers through the whole machine: with values, PE by PE, and cycles alone.
#include <benchmark/benchmark.h>

#include "run/layer_runner.h"
#include "sim/schema/network_file.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

RunConfig run_of(const char* format, const char* layer, bool values) {
  return read_run(file_source("quickstart.yaml"), {{"precision.weights.format", format},
                                                   {"precision.activations.format", format},
                                                   {"precision.mac", format},
                                                   {"layer", layer},
                                                   {"verify", "off"},
                                                   {"values", values ? "on" : "off"}});
}

/// SystemC elaborates once per process, so all machines are built before any of them runs.
struct Machines {
  RunConfig run = run_of("int8", "resnet50-s3b1c2.yaml", false);
  RunConfig with_values = run_of("int8", "resnet50-s3b1c2.yaml", true);
  RunOptions pe = [this] {
    RunOptions options = with_values.options;
    options.fidelity = Fidelity::kPe;
    return options;
  }();
  LayerRunner cycles{run.accelerator, run.dram, run.energy, run.options};
  LayerRunner values{run.accelerator, run.dram, run.energy, with_values.options};
  LayerRunner pe_by_pe{run.accelerator, run.dram, run.energy, pe};
};

Machines& machines() {
  static Machines all;
  return all;
}

/// Operands are generated and outputs computed, but not verified. Items are MACs.
void values_on(benchmark::State& state, const char* format, const char* layer) {
  const RunConfig run = run_of(format, layer, true);
  std::int64_t macs = 0;
  for (auto _ : state)
    macs += machines().values.run(run.layer, run.precision, MappingPins{}).outcome.counts.macs;
  state.SetItemsProcessed(macs);
}
BENCHMARK_CAPTURE(values_on, int8_prefill, "int8", "llama2-7b-attention-prefill.yaml");
BENCHMARK_CAPTURE(values_on, int8_conv, "int8", "resnet50-s3b1c2.yaml");
BENCHMARK_CAPTURE(values_on, int8_gemm, "int8", "{gemm: {m: 4096, n: 2048, k: 2048}}");
BENCHMARK_CAPTURE(values_on, fp32_conv, "fp32", "resnet50-s3b1c2.yaml");
BENCHMARK_CAPTURE(values_on, fp32_gemm, "fp32", "{gemm: {m: 4096, n: 2048, k: 2048}}");

/// Items are PE-cycles: rows x cols x cycles in which the array works.
void pe_by_pe(benchmark::State& state) {
  const RunConfig run = run_of("int8", "{gemm: {m: 256, n: 128, k: 512}}", true);
  std::int64_t pe_cycles = 0;
  for (auto _ : state) {
    const LayerResult result = machines().pe_by_pe.run(run.layer, run.precision, MappingPins{});
    const auto& cause = result.outcome.stalls.cycles;
    for (const Cause c : {Cause::kArrayBusy, Cause::kWeightLoad, Cause::kFillDrain})
      pe_cycles += cause[static_cast<std::size_t>(c)] * 32 * 32;
  }
  state.SetItemsProcessed(pe_cycles);
}
BENCHMARK(pe_by_pe);

/// Weights that stream through DMA, TLM-2.0 and DRAM, each used once. Items are bursts.
void dram_stream(benchmark::State& state) {
  const RunConfig run = run_of("int8", "{gemm: {m: 1, n: 8192, k: 4096}}", false);
  std::int64_t bursts = 0;
  for (auto _ : state)
    bursts += machines()
                  .cycles.run(run.layer, run.precision, MappingPins{})
                  .outcome.traffic.total()
                  .bursts;
  state.SetItemsProcessed(bursts);
}
BENCHMARK(dram_stream);

/// All 53 convolutions of ResNet-50, cycles alone. Items are layers.
void resnet50_convolutions(benchmark::State& state) {
  const RunConfig& run = machines().run;
  const Network network = read_network(file_source("resnet50.yaml"), {});
  std::int64_t layers = 0;
  for (auto _ : state)
    for (const NetworkLayer& layer : network.layers)
      if (const auto* conv = std::get_if<Conv2d>(&layer.op)) {
        for (std::int64_t i = 0; i < layer.repeat; ++i)
          machines().cycles.run({layer.name, *conv}, run.precision, MappingPins{});
        layers += layer.repeat;
      }
  state.SetItemsProcessed(layers);
}
BENCHMARK(resnet50_convolutions)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bitjoule
