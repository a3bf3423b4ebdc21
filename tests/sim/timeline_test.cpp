// Timelines against what runs report: all cycles have a cause, tiles lie within their layers,
// arrows go forward, counters sum to the traffic, and the size is bounded.
#include "sim/report/timeline.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "run/machine.h"
#include "sim/schema/run_file.h"

namespace bitjoule::timeline_test {
namespace {

namespace json = boost::json;

struct Slice {
  std::string name;
  double begin, end;
};

struct Read {
  std::map<std::string, std::vector<Slice>> tracks;
  std::map<std::string, std::vector<std::pair<double, json::object>>> counters;
  std::vector<std::pair<double, double>> arrows;  ///< leaves, arrives
  std::string detail;
  std::size_t slices = 0;
};

Read read(const TimelineFile& file) {
  const json::value value = json::parse(file.text);
  Read out;
  out.detail = value.at("otherData").at("detail").as_string().c_str();
  std::map<std::int64_t, std::string> names;
  std::map<std::int64_t, double> leaves;
  std::map<std::int64_t, std::vector<std::size_t>> open;  // by track, places in it
  for (const json::value& event : value.at("traceEvents").as_array()) {
    const std::string kind = event.at("ph").as_string().c_str(),
                      name = event.at("name").as_string().c_str();
    const std::int64_t track = event.at("tid").as_int64();
    const auto number = [&](const char* key) { return event.at(key).to_number<double>(); };
    if (name == "thread_name") names[track] = event.at("args").at("name").as_string().c_str();
    if (kind == "B") {
      std::vector<Slice>& slices = out.tracks[names.at(track)];
      open[track].push_back(slices.size());
      slices.push_back({name, number("ts"), -1});
      ++out.slices;
    }
    if (kind == "E") {
      Slice& slice = out.tracks[names.at(track)][open[track].back()];
      CHECK(slice.name == name);
      slice.end = number("ts");
      open[track].pop_back();
    }
    if (kind == "C") out.counters[name].emplace_back(number("ts"), event.at("args").as_object());
    if (kind == "s") leaves[event.at("id").as_int64()] = number("ts");
    if (kind == "f") out.arrows.emplace_back(leaves.at(event.at("id").as_int64()), number("ts"));
  }
  return out;
}

struct Traced {
  RunConfig config;
  Timeline timeline;
  Result result;
  Read read;
};

Traced traced(const std::string& text) {
  Traced out;
  out.config = read_run(text_source("run.yaml", text));
  Machine machine(out.config);
  out.result = machine.run(out.timeline);
  const Clock clock = Clock::from_frequency(out.config.accelerator.clock);
  out.read = read(timeline_file(out.timeline, clock, "test"));
  return out;
}

constexpr const char* kLayer =
    "name: t\naccelerator: edge-16x16.yaml\nvalues: off\n"
    "layer: {name: conv, conv2d: {height: 28, width: 28, channels: 64, filters: 512, kernel: 3, "
    "padding: 1}}\n"
    "precision: {weights: int8, activations: int8, mac: int8}\n";

bool has_name(const std::vector<Slice>& slices, const std::string& part) {
  for (const Slice& slice : slices)
    if (slice.name.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("timeline: a layer is the parent of its tiles, and every cycle has a cause") {
  const Traced t = traced(kLayer);
  const double all = static_cast<double>(t.result.layer().outcome.cycles.value) * 1e-3;  // 1 GHz
  REQUIRE(t.read.tracks.at("layers").size() == 1);
  CHECK(t.read.tracks.at("layers")[0].end == doctest::Approx(all));
  double covered = 0;
  for (const Slice& cause : t.read.tracks.at("cause")) {
    CHECK(cause.begin == covered);  // to the bit: viewers compare
    covered = cause.end;
  }
  CHECK(covered == doctest::Approx(all));
  for (const auto& [track, slices] : t.read.tracks) {
    const std::string unit = track;
    CAPTURE(unit);
    if (track == "layers" || track == "cause") continue;
    CHECK(slices[0].name == "conv");
    double free = 0;  // behind the parent, one after the other
    for (std::size_t i = 1; i < slices.size(); ++i) {
      CHECK(slices[i].begin >= free);
      CHECK(slices[i].end <= slices[0].end);
      free = slices[i].end;
    }
  }
  CHECK(has_name(t.read.tracks.at("array"), "filters "));
  CHECK(has_name(t.read.tracks.at("DMA weights"), " B for "));
  CHECK(has_name(t.read.tracks.at("DMA results"), " B of "));
}

TEST_CASE("timeline: arrows go from loads to work to stores, forward in time") {
  const Traced t = traced(kLayer);
  const Trace& trace = t.timeline.layers[0]->trace;
  std::map<std::string, std::set<std::string>> to;
  for (const Trace::Link& link : trace.links()) {
    const Activity &from = trace.activities()[link.from], &at = trace.activities()[link.to];
    to[from.unit].insert(at.unit);
    CHECK(from.begin <= at.end);
    if (from.unit.rfind("DMA", 0) == 0) CHECK(from.end <= at.end);
  }
  CHECK(to.at("DMA inputs") == std::set<std::string>{"array"});
  CHECK(to.at("DMA weights") == std::set<std::string>{"array"});
  CHECK(to.at("array") == std::set<std::string>{"output unit"});
  CHECK(to.at("output unit") == std::set<std::string>{"DMA results"});
  CHECK(t.read.arrows.size() == trace.links().size());
}

TEST_CASE("timeline: counters are the run's own bytes and joules") {
  const Traced t = traced(kLayer);
  const LayerResult& layer = t.result.layer();
  // Bytes: rates times the bins' length.
  const DramStats& dram = layer.outcome.dram;
  const double bin_us = static_cast<double>(dram.timeline.bin_cycles()) *
                        static_cast<double>(dram.period.value) * 1e-9;
  const auto& rates = t.read.counters.at("DRAM bandwidth, GB/s");
  REQUIRE(rates.size() > 3);
  const double step = rates[1].first - rates[0].first;
  CHECK(step >= bin_us * 0.999);
  double bytes = 0;
  for (const auto& [at, values] : rates)
    bytes += (values.at("read").to_number<double>() + values.at("write").to_number<double>()) *
             step * 1e3;
  const std::int64_t moved =
      layer.outcome.traffic.total().bursts * layer.outcome.traffic.burst_bytes;
  CHECK(bytes == doctest::Approx(static_cast<double>(moved)).epsilon(0.01));
  // The most that a buffer held.
  double most = 0;
  for (const auto& [at, values] : t.read.counters.at("weight_buffer.level_bytes"))
    most = std::max(most, values.at("bytes").to_number<double>());
  CHECK(most == doctest::Approx(static_cast<double>(layer.outcome.counts.weight.peak_bytes)));
  CHECK(t.read.counters.count("power, W") == 1);
}

TEST_CASE("timeline: of a network each distinct layer in detail once, and a bounded size") {
  const Traced t = traced(
      "name: net\naccelerator: edge-16x16.yaml\nvalues: off\nnetwork: mlperf-tiny-ic.yaml\n"
      "precision: {weights: int8, activations: int8, mac: int8}\n");
  std::int64_t cycles = 0;
  for (const LayerResult& layer : t.result.layers())
    cycles += layer.outcome.cycles.value * layer.repeat;
  const std::vector<Slice>& layers = t.read.tracks.at("layers");
  double free = 0;
  for (const Slice& layer : layers) {
    CHECK(layer.begin == doctest::Approx(free));
    free = layer.end;
  }
  CHECK(free == doctest::Approx(static_cast<double>(cycles) * 1e-3));
  CHECK(t.timeline.layers.size() == static_cast<std::size_t>(t.result.network->simulated));
  CHECK(t.read.slices < 2 * kMostSlices);
  CHECK(t.read.detail.find("distinct and in detail once") != std::string::npos);
}

TEST_CASE(
    "timeline: what repeats has its mean in the counters, and a layer's last clocks no peak") {
  const Traced t = traced(
      "name: net\naccelerator: edge-16x16.yaml\nvalues: off\n"
      "network: {layers: [{name: a, repeat: 9, gemm: {m: 64, n: 256, k: 256}}, "
      "{name: b, gemm: {m: 1, n: 64, k: 512}}, {name: c, gemm: {m: 64, n: 256, k: 256}}]}\n"
      "precision: {weights: int8, activations: int8, mac: int8}\n");
  const auto integral = [&](const char* counter, const char* value) {
    const auto& samples = t.read.counters.at(counter);
    double sum = 0;  // in microseconds
    for (std::size_t i = 0; i + 1 < samples.size(); ++i)
      sum += samples[i].second.at(value).to_number<double>() *
             (samples[i + 1].first - samples[i].first);
    return sum;
  };
  double read = 0, energy = 0, seconds = 0, highest = 0;
  for (const LayerResult& layer : t.result.layers()) {
    const auto times = static_cast<double>(layer.repeat);
    read += static_cast<double>(layer.outcome.traffic.total().read_bytes) * times;
    energy += layer.energy.total.value * times;
    seconds += layer.time_s * times;
  }
  CHECK(integral("DRAM bandwidth, GB/s", "read") * 1e3 == doctest::Approx(read).epsilon(0.02));
  CHECK(integral("power, W", "mean") * 1e6 == doctest::Approx(energy).epsilon(0.02));
  for (const auto& [at, values] : t.read.counters.at("power, W"))
    highest = std::max(highest, values.at("mean").to_number<double>());
  CHECK(highest < 4 * energy * 1e-12 / seconds);
}

TEST_CASE("timeline: of layers that overlap, weights come once, some while the layer before runs") {
  // A memory of a burst a cycle is idle while 64 rows are computed: the next weights come then.
  const Traced t = traced(
      "name: net\nvalues: off\noverlap: layers\n"
      "accelerator:\n  clock: 1 GHz\n  array: {rows: 32, cols: 32, dataflow: ws, overlap: full}\n"
      "  buffers:\n    input: {capacity: 64 KiB, banks: 4, port_width: 256 bit}\n"
      "    weight: {capacity: 64 KiB, banks: 4, port_width: 256 bit}\n"
      "    scale: {capacity: 4 KiB, banks: 1, port_width: 64 bit}\n"
      "    accumulator: {capacity: 64 KiB, banks: 4, port_width: 256 bit}\n"
      "    output: {capacity: 64 KiB, banks: 4, port_width: 256 bit}\n"
      "  output_unit: {lanes: 32, latency: 4}\n"
      "  dma: {request: 32 B, outstanding: 64, requests_per_cycle: 1}\n"
      "dram: {name: line, model: ideal, bandwidth: 32 GB/s, latency: 20 ns, burst: 32 B, "
      "capacity: 1 GiB}\n"
      "network: {layers: [{name: a, gemm: {m: 64, n: 32, k: 64}}, "
      "{name: b, gemm: {m: 64, n: 32, k: 32}}, {name: c, gemm: {m: 64, n: 40, k: 32}}]}\n"
      "precision: {weights: int8, activations: int8, mac: int8}\n");
  const auto bytes = [&](const char* track) {
    std::map<std::string, std::int64_t> sums;  // by layer; its own slice precedes its loads
    std::string layer;
    const auto found = t.read.tracks.find(track);
    REQUIRE(found != t.read.tracks.end());
    for (const Slice& slice : found->second)
      if (slice.name.rfind("weights, ", 0) == 0)
        sums[layer] += std::stoll(slice.name.substr(9));
      else if (slice.name.size() == 1)
        layer = slice.name;
    return sums;
  };
  std::map<std::string, std::int64_t> here = bytes("DMA weights"), ahead = bytes("DMA ahead");
  CHECK(here["a"] == 32 * 64);
  CHECK(ahead["a"] == 32 * 32);
  CHECK(ahead["a"] + here["b"] == 32 * 32);
  CHECK(ahead["b"] + here["c"] == 40 * 32);
  CHECK(ahead["c"] == 0);
  double free = 0, covered = 0;
  for (const Slice& layer : t.read.tracks.at("layers")) {
    CHECK(layer.begin == doctest::Approx(free));
    free = layer.end;
  }
  for (const Slice& cause : t.read.tracks.at("cause")) {
    CHECK(cause.begin == doctest::Approx(covered));
    covered = cause.end;
  }
  CHECK(covered == doctest::Approx(free));
}

TEST_CASE("timeline: more tiles than fit are drawn several to a slice, and it says so") {
  Timeline timeline;
  timeline.layers.push_back(std::make_shared<Timeline::Layer>());
  Timeline::Layer& layer = *timeline.layers[0];
  layer.result.name = "large";
  layer.result.outcome.cycles = Cycles(1'000'000);
  for (int i = 0; i < 1'000'000; ++i) {
    layer.trace.add("array", "tile", Cycles(i), Cycles(i + 1));
    layer.trace.add_cause(Cycles(i), Cycles(i + 1),
                          i % 2 == 0 ? Cause::kArrayBusy : Cause::kDramRead);
  }
  timeline.steps.push_back({"large", 3, 0});
  const TimelineFile file =
      timeline_file(timeline, Clock::from_frequency(Hertz(1'000'000'000)), "test");
  const Read r = read(file);
  CHECK(r.slices <= kMostSlices + 2);
  CHECK(file.text.size() < 16'000'000);
  CHECK(r.detail.find("of 1 several tiles are one slice") != std::string::npos);
  CHECK(r.tracks.at("layers")[0].name == "large (x3)");
  CHECK(r.tracks.at("array").back().end == doctest::Approx(1000));
}

}  // namespace bitjoule::timeline_test
