#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/units.h"
#include "sim/config/utf8.h"
#include "sim/output/terminal.h"
#include "sim/sweep/execute.h"
#include "sim/sweep/metric_names.h"
#include "sim/sweep/output.h"
#include "sim/sweep/ranks.h"

namespace bitjoule {
namespace {

constexpr int kPointsFailed = 1, kInterrupted = 130;

struct SweepArguments {
  std::string file, directory, store, shard, memory;
  std::vector<std::string> pareto;
  std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
  std::size_t max_points = kMaxPoints;
  std::int64_t timeout = 0;
  bool dry_run = false, mpi = false, retry_failed = false, unshared = false;
};

/// "2/8" is the second of eight.
Shard parse_shard(const std::string& text) {
  Shard shard;
  const std::size_t slash = text.find('/');
  const auto number = [](const std::string& digits) -> std::size_t {
    const bool is_number = !digits.empty() && digits.size() < 9 &&
                           digits.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? std::stoul(digits) : 0;
  };
  if (slash != std::string::npos) {
    shard.index = number(text.substr(0, slash)) - 1;
    shard.count = number(text.substr(slash + 1));
  }
  if (slash == std::string::npos || shard.index >= shard.count)
    throw input_error(
        fmt::format("--shard: expected I/N with I from 1 to N, such as 2/8, got \"{}\"", text));
  return shard;
}

SweepOptions options_of(const SweepArguments& a) {
  SweepOptions options;
  options.limits.workers = a.workers;
  options.limits.timeout = std::chrono::seconds(a.timeout);
  if (!a.memory.empty()) {
    const auto bytes = parse_quantity(a.memory, units_of(Bytes(0)));
    if (!bytes || *bytes <= 0)
      throw input_error(
          fmt::format("--memory: expected a size such as \"2 GiB\", got \"{}\"", a.memory));
    options.limits.memory_bytes = *bytes;
  }
  if (!a.shard.empty()) options.shard = parse_shard(a.shard);
  options.retry_failed = a.retry_failed;
  options.share_layers = !a.unshared;
  options.is_quiet = verbosity() == Verbosity::kQuiet;
  return options;
}

/// Empty if neither a store nor an output directory is named.
std::string store_directory(const SweepArguments& a) {
  return !a.store.empty() || a.directory.empty() ? a.store : a.directory + "/points";
}

/// What would run, and for how long.
int list_points(const SweepPlan& plan, const SweepArguments& a, const SweepOptions& options) {
  const ResultStore store(store_directory(a));  // not created for a listing
  double seconds = 0;
  std::size_t points = 0, known = 0;
  std::string out;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    if (!options.shard.has(i)) continue;
    const SweepPoint& point = plan.points[i];
    const bool is_done = !store.directory().empty() && store.has(point.hash);
    ++points;
    known += is_done;
    if (!is_done) seconds += point.seconds;
    out += fmt::format("{}  {}{}\n", point.hash.substr(0, 8), printable_line(point.name()),
                       is_done ? "  (known)" : "");
  }
  out += fmt::format("{} points, {} known; about {:.0f} s with {} workers\n", points, known,
                     seconds / static_cast<double>(options.limits.workers), options.limits.workers);
  print_text(out);
  return 0;
}

/// Writes the results, prints the summary; the exit code.
int finish(const SweepPlan& plan, const SweepArguments& a, const SweepOptions& options,
           const ResultStore& store, bool is_complete, const PassingFailures& failures,
           NewMetrics metrics) {
  SweepResults results = collect(plan, options.shard, store, failures, std::move(metrics));
  results.store = a.store.empty() ? "points" : std::filesystem::absolute(a.store).string();
  if (!is_complete) {
    const auto known =
        std::count_if(results.points.begin(), results.points.end(),
                      [](const auto& p) { return p.status != PointStatus::kMissing; });
    print_error(fmt::format("interrupted with {} of {} points known; the same command goes on\n",
                            known, results.points.size()));
    return kInterrupted;
  }
  write_results(results, a.directory, options.shard);
  if (!a.pareto.empty()) write_pareto(results, a.pareto, a.directory);
  std::vector<std::string> written = result_files(a.directory, options.shard);
  if (!a.pareto.empty()) written.push_back(a.directory + "/pareto.csv");
  print_written(written);
  print_summary(summary_text(results, a.pareto));
  return count_failed(results) == 0 ? 0 : kPointsFailed;
}

int sweep(const SweepArguments& a, const std::vector<Override>& overrides) {
  const SweepOptions options = options_of(a);
  if (a.mpi) mpi_module();  // or an error
  Source source = given_source(a.file);
  source.folder = "sweeps";
  Sweep file = of_kind(source, "sweep", [&] { return read_sweep(source); });
  file.set.insert(file.set.end(), overrides.begin(), overrides.end());
  const SweepPlan plan = make_plan(std::move(file), a.max_points);
  check_metric_names(plan, a.pareto);
  for (const std::string& note : plan.notes) print_error(fmt::format("note: {}\n", note));
  if (a.dry_run) return list_points(plan, a, options);
  if (a.directory.empty()) throw input_error("-o: missing: where the results go");

  const ResultStore store = ResultStore::create(store_directory(a));
  NewMetrics metrics;
  const auto run = [&](const Shard& shard, PassingFailures& failures) {
    SweepOptions mine = options;
    mine.shard = shard;
    return execute(plan, mine, store, failures, metrics);
  };
  const auto end = [&](bool is_complete, const PassingFailures& failures) {
    return finish(plan, a, options, store, is_complete, failures, std::move(metrics));
  };
  if (a.mpi) return mpi_module().run_on_ranks(run, end);
  PassingFailures failures;
  const bool is_complete = run(options.shard, failures);
  return end(is_complete, failures);
}

}  // namespace

CommandAction add_sweep_command(CLI::App& app) {
  auto a = std::make_shared<SweepArguments>();
  app.add_option("config", a->file, "sweep file; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("-o,--output", a->directory,
                 "write results.csv and results.json there, and points/ unless --store is given")
      ->type_name("DIR");
  app.add_option("--store", a->store, "directory of results that sweeps share")->type_name("DIR");
  app.add_option("-j,--jobs", a->workers, "points at once; default: the processors")
      ->check(CLI::Range(1, 4096));
  app.add_option("--timeout", a->timeout, "seconds per point; 0: no limit")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--memory", a->memory, "address space per point, such as \"2 GiB\"");
  app.add_option("--max-points", a->max_points, "refuse larger products")
      ->check(CLI::Range(std::size_t{1}, kMostPoints))
      ->capture_default_str();
  CLI::Option* shard =
      app.add_option("--shard", a->shard, "compute only this part: I/N, see `sim merge`");
  app.add_flag("--mpi", a->mpi, "under mpirun: every rank computes a part")->excludes(shard);
  app.add_option("--pareto", a->pareto, "metrics, with commas: print and write the Pareto front")
      ->delimiter(',');
  app.add_flag("--dry-run", a->dry_run, "list the points, estimate the time, run nothing");
  app.add_flag("--retry-failed", a->retry_failed, "run the points again that failed before");
  app.add_flag("--unshared", a->unshared,
               "simulate every layer of every point, also those that another point has; the same "
               "results");
  const auto sets = add_set_option(app);
  return [a, sets] { return sweep(*a, parse_overrides(*sets)); };
}

}  // namespace bitjoule
