// `sim dram`: request traces and patterns through a DRAM without the accelerator.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "core/dram/driver.h"
#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/commands/dram_report.h"
#include "sim/commands/dram_traffic.h"
#include "sim/config/reader.h"
#include "sim/output/progress.h"
#include "sim/output/terminal.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule {
namespace {

struct DramOptions {
  std::string dram;
  std::string trace;
  PatternOptions pattern;
  std::int64_t bytes = 64;
  std::string output;
};

/// Tells how far the requests of a pattern are.
class WatchedSource : public RequestSource {
 public:
  WatchedSource(std::unique_ptr<RequestSource> source, const PatternOptions& o)
      : source_(std::move(source)),
        all_(static_cast<double>(o.count) *
             static_cast<double>(o.name == "streams" ? o.streams : 1)) {}
  bool next(TimedRequest* request) override {
    constexpr std::int64_t kLook = 4096;  // reading the clock costs more than a request
    if (++offered_ % kLook == 0) line_.show(static_cast<double>(offered_) / all_, "requests");
    return source_->next(request);
  }

 private:
  std::unique_ptr<RequestSource> source_;
  const double all_;
  std::int64_t offered_ = 0;
  ProgressLine line_;
};

int run_dram(const DramOptions& options, const std::vector<Override>& overrides) {
  require_writable_directory(options.output);
  const DramConfig config = read_document<DramConfig>(file_source(options.dram), overrides);
  const std::unique_ptr<DramEngine> engine = make_dram_engine(config);
  TrafficShape shape;
  shape.capacity = engine->capacity().value;
  const std::int64_t burst = engine->burst().value;
  shape.request_bytes = ceil_div(options.bytes, burst) * burst;
  std::unique_ptr<RequestSource> source = options.trace.empty()
                                              ? make_pattern(options.pattern, shape)
                                              : open_trace(options.trace, shape);
  if (options.trace.empty())
    source = std::make_unique<WatchedSource>(std::move(source), options.pattern);
  const DramStats stats = drive(engine.get(), source.get());
  source.reset();  // ends its line
  const DramReport report = make_dram_report(config, *engine, stats);
  if (!options.output.empty()) {
    make_directory(options.output);
    write_output(options.output + "/result.json", dram_json(report));
  }
  print_summary(dram_text(report));
  return 0;
}

/// Options of other patterns, or of any where requests come from a trace.
void refuse_without_effect(const CLI::App& app, const std::string& pattern) {
  std::set<std::string> known, used;
  for (const PatternRow& row : pattern_rows()) {
    known.insert(row.options.begin(), row.options.end());
    if (row.name == pattern) used.insert(row.options.begin(), row.options.end());
  }
  if (used.empty() && !pattern.empty()) return;  // a name that is told elsewhere
  for (const std::string& option : known)
    if (used.count(option) == 0 && app.get_option(option)->count() > 0)
      throw input_error(fmt::format(
          "{}: has no effect {}", option,
          pattern.empty() ? "beside --trace" : fmt::format("on --pattern {}", pattern)));
}

void add_pattern_options(CLI::App& app, PatternOptions* o) {
  const auto whole = CLI::Range(std::int64_t{0}, std::int64_t{1} << 48);
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 48);
  app.add_option("--count", o->count, "requests, or steps of the streams")
      ->check(positive)
      ->capture_default_str();
  app.add_flag("--write", o->write, "writes instead of reads");
  app.add_option("--base", o->base, "first byte")->check(whole)->capture_default_str();
  app.add_option("--stride", o->stride, "strided: bytes from request to request")
      ->check(whole)
      ->capture_default_str();
  app.add_option("--range", o->range, "strided, random: bytes from --base on; 0: all")
      ->check(whole)
      ->capture_default_str();
  app.add_option("--seed", o->seed, "random: initial state of splitmix64")
      ->check(whole)
      ->capture_default_str();
  app.add_option("--interval", o->interval, "memory clocks between requests; 0: no pause")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 24))
      ->capture_default_str();
  app.add_option("--streams", o->streams, "streams: how many")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--write-streams", o->write_streams, "streams: how many of them write")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--write-count", o->write_count, "streams: steps with writes; -1: all")
      ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1} << 48))
      ->capture_default_str();
  app.add_option("--gap", o->gap, "streams: bytes from the start of one to the next")
      ->check(whole)
      ->capture_default_str();
}

}  // namespace

CommandAction add_dram_command(CLI::App& app) {
  auto options = std::make_shared<DramOptions>();
  app.add_option("--dram", options->dram, "DRAM file, see `sim list dram`")
      ->required()
      ->type_name("FILE");
  auto* trace = app.add_option("--trace", options->trace, "`LD 0x40` or `0x40 READ 12` per line")
                    ->type_name("FILE");
  auto* pattern = app.add_option("--pattern", options->pattern.name, "requests that are made up")
                      ->type_name("sequential|strided|random|streams")
                      ->excludes(trace);
  trace->excludes(pattern);
  app.add_option("--bytes", options->bytes, "of a request, rounded up to whole bursts")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  add_pattern_options(app, &options->pattern);
  app.add_option("-o,--output", options->output, "write result.json into this directory")
      ->type_name("DIR");
  const auto sets = add_set_option(app);
  std::string patterns = "Patterns:\n";
  for (const PatternRow& row : pattern_rows())
    patterns += fmt::format("  {:12}{}\n", row.name, row.summary);
  app.footer(patterns);
  return [options, sets, trace, &app] {
    if (options->pattern.name.empty() && trace->count() == 0) {
      throw input_error("sim dram: needs --trace FILE or --pattern NAME");
    }
    refuse_without_effect(app, options->pattern.name);
    return run_dram(*options, parse_overrides(*sets));
  };
}

}  // namespace bitjoule
