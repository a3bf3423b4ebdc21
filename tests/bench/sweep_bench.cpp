// What a sweep costs beyond its simulations: 1,000 small points on one worker, as `sim sweep` runs
// them; planning alone; and what layers that points have in common cost once. Times are those of
// the processors (user and system, of the program and its workers), which other programs on the
// machine change little; real time is shown beside them.
//
// Counters of `points`: `cpu_ms` per point of everything, `per_second` points of such a core;
// `simulation_ms` of it: running the layer, on machines that points share, measured within forked
// processes; `overhead_ms` is the difference: reading the sweep, resolving points, processes,
// results, tables. Of `plan` and `plan_files`, whose axis names a file at each point: `cpu_ms` per
// point.
// Of `tables` and `contexts`: `ratio` of a decode step of Llama-2-7B priced by three tables, or at
// eight contexts, to one.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "run/simulation.h"
#include "sim/sweep/execute.h"
#include "sim/sweep/machines.h"
#include "sim/sweep/output.h"

namespace bitjoule {
namespace {

constexpr std::size_t kWorkers = 1;
const char* const kSweep = R"(name: thousand
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}, values: off}
axes:
  - {path: layer.gemm.n, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: layer.gemm.k, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: accelerator.array.rows, values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]}
metrics: [energy.total_pj, cycles]
)";

const char* const kPlanned = R"(name: many
base: quickstart.yaml
set: {values: off}
axes:
  - {path: layer, values: [{gemm: {m: 1, n: 16, k: 16}}, {gemm: {m: 2, n: 16, k: 16}}]}
  - {path: layer.gemm.n, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: layer.gemm.k, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: accelerator.array.rows, values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]}
  - {path: accelerator.array.cols, values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]}
  - {path: precision.weights.format, values: [int8, int4, int2]}
)";

const char* const kFiles = R"(name: files
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}, values: off}
axes:
  - {path: layer.gemm.n, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: layer.gemm.k, values: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]}
  - {path: dram, values: [ideal.yaml, ddr4-2400-x8.yaml, lpddr4-4266.yaml, hbm2-2000.yaml]}
)";

/// A decode step and one axis.
std::string decode(const std::string& axis) {
  return "base: {accelerator: edge-32x32.yaml, network: llama2-7b.yaml, phase: decode, "
         "precision: {weights: int8, activations: int8}}\naxes: [" +
         axis + "]\n";
}

SweepPlan plan() { return make_plan(read_sweep(text_source("thousand.yaml", kSweep)), 1000); }

double processor_seconds() {
  double sum = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage use{};
    getrusage(who, &use);
    for (const timeval& t : {use.ru_utime, use.ru_stime})
      sum += static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  }
  return sum;
}

double process_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void sweep_into(const std::string& directory, const SweepPlan& all) {
  const ResultStore store = ResultStore::create(directory + "/points");
  SweepOptions options;
  options.limits.workers = kWorkers;
  options.is_quiet = true;
  PassingFailures failures;
  NewMetrics metrics;
  execute(all, options, store, failures, metrics);
  write_results(collect(all, {}, store, failures, std::move(metrics)), directory, {});
}

/// Milliseconds of a simulation, over all points; in processes, as SystemC elaborates once.
double simulation_ms() {
  const SweepPlan all = plan();
  auto* seconds =
      static_cast<double*>(mmap(nullptr, all.points.size() * sizeof(double), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  WorkerLimits limits;
  limits.workers = kWorkers;
  Machines machines;
  prepare_simulation();
  run_forked(
      all.points.size(), limits,
      [&](std::size_t i) {
        RunConfig run = all.config(all.points[i]);
        const double start = process_seconds();
        benchmark::DoNotOptimize(machines.of(std::move(run)).run());
        seconds[i] = process_seconds() - start;
        return 0;
      },
      [](const JobOutcome&) { return true; }, [](std::size_t) {});
  double sum = 0;
  for (std::size_t i = 0; i < all.points.size(); ++i) sum += seconds[i];
  return sum * 1000 / static_cast<double>(all.points.size());
}

std::string temporary_directory() {
  std::string path = (std::filesystem::temp_directory_path() / "bitjoule-bench-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

void points(benchmark::State& state) {
  const double simulation = simulation_ms();
  double cpu = 0;
  for (auto _ : state) {
    const std::string directory = temporary_directory();
    const double start = processor_seconds();
    sweep_into(directory, plan());
    cpu += processor_seconds() - start;
    state.PauseTiming();
    std::filesystem::remove_all(directory);
    state.ResumeTiming();
  }
  const double per_point = cpu / static_cast<double>(state.iterations());  // 1,000 points: ms each
  state.counters["cpu_ms"] = per_point;
  state.counters["per_second"] = 1000 / per_point;
  state.counters["simulation_ms"] = simulation;
  state.counters["overhead_ms"] = per_point - simulation;
}
BENCHMARK(points)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

void plan_alone(benchmark::State& state, const char* sweep) {
  std::size_t points = 0;
  double cpu = 0;
  for (auto _ : state) {
    const double start = processor_seconds();
    points = make_plan(read_sweep(text_source("sweep.yaml", sweep)), kMaxPoints).points.size();
    cpu += processor_seconds() - start;
  }
  state.counters["cpu_ms"] =
      cpu * 1000 / static_cast<double>(state.iterations()) / static_cast<double>(points);
}
BENCHMARK_CAPTURE(plan_alone, all, kPlanned)
    ->Name("plan")
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan_alone, files, kFiles)
    ->Name("plan_files")
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

double seconds_of(const std::string& text) {
  const std::string directory = temporary_directory();
  const double start = processor_seconds();
  sweep_into(directory, make_plan(read_sweep(text_source("decode.yaml", text)), 100));
  const double seconds = processor_seconds() - start;
  std::filesystem::remove_all(directory);
  return seconds;
}

/// Processor time of several points, in that of the first of them.
void in_common(benchmark::State& state, const std::string& one, const std::string& all) {
  double of_one = 0, of_all = 0;
  for (auto _ : state) {
    of_one += seconds_of(decode(one));
    of_all += seconds_of(decode(all));
  }
  state.counters["ratio"] = of_all / of_one;
}
BENCHMARK_CAPTURE(in_common, tables, std::string("{path: energy.name, values: [a]}"),
                  std::string("{path: energy.name, values: [a, b, c]}"))
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_common, contexts,
                  std::string("{path: network.parameters.context, values: [512]}"),
                  std::string("{path: network.parameters.context, values: [512, 544, 576, 608, "
                              "640, 672, 704, 736]}"))
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

/// All points known: the time until the same tables are written again.
void resume(benchmark::State& state) {
  const std::string directory = temporary_directory();
  sweep_into(directory, plan());
  for (auto _ : state) sweep_into(directory, plan());
  std::filesystem::remove_all(directory);
}
BENCHMARK(resume)
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace bitjoule
