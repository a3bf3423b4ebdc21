// Bursts per second of the DRAM model alone and behind its TLM-2.0 socket.
#include <benchmark/benchmark.h>

#include "core/dram/driver.h"
#include "hw/dram.h"
#include "hw/time.h"
#include "sim/commands/dram_traffic.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"
#include "support/dram_initiators.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kBursts = 1 << 18;

DramConfig config_of(const char* mapping) {
  return read_document<DramConfig>(file_source("ddr4-2400-x8.yaml"), {{"mapping", mapping}});
}

void drive_pattern(benchmark::State& state, const char* pattern, const char* mapping) {
  const DramConfig config = config_of(mapping);
  PatternOptions options;
  options.name = pattern;
  options.count = kBursts;
  TrafficShape shape;
  shape.capacity = make_dram_engine(config)->capacity().value;
  for (auto _ : state) {
    const auto engine = make_dram_engine(config);
    const auto source = make_pattern(options, shape);
    benchmark::DoNotOptimize(drive(engine.get(), source.get()).cycles);
  }
  state.SetItemsProcessed(state.iterations() * kBursts);
}
BENCHMARK_CAPTURE(drive_pattern, sequential_rows, "sequential", "[row, bank, bank_group, column]");
BENCHMARK_CAPTURE(drive_pattern, sequential_groups, "sequential",
                  "[row, bank, column, bank_group]");
BENCHMARK_CAPTURE(drive_pattern, random, "random", "[row, bank, column, bank_group]");

/// One request, then a long pause: the time must not depend on the pause.
void idle_cycles(benchmark::State& state) {
  const DramConfig config = config_of("[row, bank, column, bank_group]");
  PatternOptions options;
  options.name = "sequential";
  options.count = 1000;
  options.interval = state.range(0);
  TrafficShape shape;
  shape.capacity = make_dram_engine(config)->capacity().value;
  for (auto _ : state) {
    const auto engine = make_dram_engine(config);
    const auto source = make_pattern(options, shape);
    benchmark::DoNotOptimize(drive(engine.get(), source.get()).cycles);
  }
  state.SetItemsProcessed(state.iterations() * options.count);
}
BENCHMARK(idle_cycles)->Arg(1'000)->Arg(100'000)->Arg(10'000'000);

/// A kernel elaborates once per process, so this is one long run.
void behind_tlm(benchmark::State& state) {
  use_femtosecond_resolution();
  Dram dram("dram", config_of("[row, bank, column, bank_group]"));
  std::vector<test::Access> accesses(4 * kBursts);
  for (std::size_t i = 0; i < accesses.size(); ++i) accesses[i].address = 64 * i;
  const auto count = static_cast<std::int64_t>(accesses.size());
  test::RunAheadInitiator dma("dma", Clock::from_frequency(Hertz(1'000'000'000)), 64, 64U,
                              std::move(accesses));
  dma.socket.bind(dram.socket);
  for (auto _ : state) sc_core::sc_start();
  state.SetItemsProcessed(count);
}
BENCHMARK(behind_tlm)->Iterations(1);

}  // namespace
}  // namespace bitjoule
