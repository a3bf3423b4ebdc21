// What runs are bound by: machines that are short of one thing each, and what more of it gains.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/shell.h"

namespace bitjoule::test::bound_test {
namespace {

namespace json = boost::json;

/// A decode step of 2048 x 2048 int8 weights: 4 MiB that are read once.
const char* const kDecode = "'layer={gemm: {m: 1, n: 2048, k: 2048}}'";

std::string memory(const std::string& bandwidth, const std::string& latency) {
  return "'accelerator.dram={name: x, model: ideal, bandwidth: " + bandwidth +
         ", latency: " + latency + ", burst: 64 B, capacity: 32 GiB}'";
}

/// Of a 64 x 128 array, whose weights enter faster than the memories below bring them.
json::value run(const std::vector<std::string>& sets) {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << R"(
accelerator:
  base: accelerators/edge-32x32.yaml
  array: {rows: 64, cols: 128}
  buffers:
    input: {capacity: 512 KiB, banks: 32}
    weight: {capacity: 512 KiB, banks: 64}
    accumulator: {capacity: 512 KiB, banks: 64}
    output: {capacity: 512 KiB, banks: 32}
    scale: {capacity: 128 KiB, banks: 16}
  dma: {request: 64 B}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: int8, activations: int8, mac: int8}
values: off
)";
  std::string command =
      "{sim} run " + directory.at("run.yaml") + " --quiet -o " + directory.at("out");
  for (const std::string& set : sets) command += " --set " + set;
  const Outcome outcome = shell(command);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  json::value result = json::parse(text_of(directory.at("out/result.json")));
  std::int64_t cycles = 0;
  for (const auto& cause : result.at("stalls").as_object())
    cycles += cause.value().to_number<std::int64_t>();
  CHECK(cycles == result.at("cycles").to_number<std::int64_t>());
  CHECK(result.at("bound") == result.at("layers").at(0).at("bound"));
  return result;
}

double cycles_of(const json::value& result) { return result.at("cycles").to_number<double>(); }

double share_of(const json::value& result, const char* cause) {
  return result.at("stalls").at(cause).to_number<double>() / cycles_of(result);
}

std::string bound_of(const json::value& result) {
  return std::string(result.at("bound").as_string());
}

/// How much faster a run is where it has more of something.
double gain(const std::vector<std::string>& sets, const std::string& more) {
  std::vector<std::string> all = sets;
  all.push_back(more);
  return cycles_of(run(sets)) / cycles_of(run(all));
}

}  // namespace

TEST_CASE("bound: a full window of requests, by Little's law") {
  // 64 requests of 256 B per 100 ns are 163.84 GB/s of the memory's 400.
  const std::vector<std::string> sets = {
      kDecode, memory("400 GB/s", "100 ns"), "accelerator.dma.request='256 B'",
      "accelerator.dma.outstanding=64", "mapping.objective=cycles"};
  const json::value result = run(sets);
  CHECK(bound_of(result) == "dma_window");
  CHECK(share_of(result, "dma_window") > 0.5);
  CHECK(share_of(result, "fill_drain") < 0.05);
  const double clock = result.at("clock_hz").to_number<double>();
  CHECK(cycles_of(result) ==
        doctest::Approx(2048.0 * 2048 / (64 * 256 / 100e-9) * clock).epsilon(0.05));
  CHECK(gain(sets, "accelerator.dma.outstanding=128") > 1.8);
  CHECK(gain(sets, memory("800 GB/s", "100 ns")) < 1.02);
}

TEST_CASE("bound: the memory's bandwidth, also with a window that is full for it") {
  const std::vector<std::string> sets = {kDecode, memory("96 GB/s", "100 ns"),
                                         "accelerator.dma.outstanding=256"};
  const json::value result = run(sets);
  CHECK(bound_of(result) == "dram");
  CHECK(share_of(result, "dma_window") < 0.05);
  CHECK(gain(sets, memory("192 GB/s", "100 ns")) > 1.5);
  CHECK(gain(sets, "accelerator.dma.outstanding=512") < 1.02);
}

TEST_CASE("bound: requests per cycle") {
  const std::vector<std::string> sets = {kDecode, memory("400 GB/s", "100 ns"),
                                         "accelerator.dma.outstanding=1024",
                                         "accelerator.dma.requests_per_cycle=1"};
  const json::value result = run(sets);
  CHECK(bound_of(result) == "dma_rate");
  // A burst of 64 B per cycle.
  CHECK(cycles_of(result) == doctest::Approx(2048.0 * 2048 / 64).epsilon(0.05));
  CHECK(gain(sets, "accelerator.dma.requests_per_cycle=2") > 1.8);
  CHECK(gain(sets, memory("800 GB/s", "100 ns")) < 1.02);
}

TEST_CASE("bound: latency, where a single buffer asks for one small tile after the other") {
  const std::vector<std::string> sets = {"'layer={gemm: {m: 64, n: 64, k: 4096}}'",
                                         "'mapping.tile={m: 64, n: 64, k: 64}'",
                                         "accelerator.buffers.input.double_buffered=false",
                                         "accelerator.buffers.weight.double_buffered=false",
                                         memory("100 GB/s", "500 ns"),
                                         "accelerator.dma.outstanding=512"};
  const json::value result = run(sets);
  CHECK(bound_of(result) == "dram_latency");
  CHECK(gain(sets, memory("100 GB/s", "250 ns")) > 1.4);
  CHECK(gain(sets, memory("200 GB/s", "500 ns")) < gain(sets, memory("100 GB/s", "250 ns")));
}

TEST_CASE("bound: the units around the array") {
  struct Row {
    std::vector<std::string> sets;
    const char* bound;
    const char* more;
  };
  const std::string fast = memory("400 GB/s", "100 ns");
  const Row kRows[] = {
      {{"'layer={gemm: {m: 512, n: 512, k: 64}}'", fast, "accelerator.output_unit.lanes=1"},
       "output",
       "accelerator.output_unit.lanes=2"},
      {{"'layer={gemm: {m: 512, n: 512, k: 512}}'", fast,
        "'accelerator.buffers.input={banks: 1, port_width: 32 bit}'"},
       "buffer_port",
       "accelerator.buffers.input.banks=2"},
      {{kDecode, fast, "'precision={weights: int4, activations: fp16, mac: fp16}'",
        "accelerator.dequantizer.lanes=4"},
       "dequantizer",
       "accelerator.dequantizer.lanes=8"},
      {{kDecode, fast, "'precision={weights: int4, activations: fp16, mac: fp16}'",
        "'accelerator.dequantizer={lanes: 2, placement: dram_side}'"},
       "dequantizer",
       "accelerator.dequantizer.lanes=4"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.bound);
    CHECK(bound_of(run(row.sets)) == row.bound);
    CHECK(gain(row.sets, row.more) > 1.7);
  }
}

TEST_CASE("bound: weights that enter row by row are no compute") {
  const std::vector<std::string> sets = {kDecode, memory("4 TB/s", "1 ns"),
                                         "accelerator.dma.request='1024 B'",
                                         "accelerator.dma.outstanding=1024"};
  const json::value result = run(sets);
  CHECK(bound_of(result) == "weight_load");
  CHECK(share_of(result, "weight_load") > 0.8);
  CHECK(result.at("utilization").to_number<double>() < 0.05);
}

TEST_CASE("bound: of an interval of two cycles all is held by what sets it") {
  struct Row {
    std::vector<std::string> sets;
    const char* bound;
    const char* more;
    std::vector<const char*> other;
  };
  const std::string fast = memory("4 TB/s", "1 ns");
  const std::vector<std::string> wide = {fast, "accelerator.dma.request='1024 B'",
                                         "accelerator.dma.outstanding=1024",
                                         "accelerator.output_unit.lanes=256"};
  const Row kRows[] = {
      // A step takes 64 x 4 codes of 8 bits: 2048 bits, of which 1024 come per cycle.
      {{"'layer={gemm: {m: 512, n: 512, k: 2048}}'",
        "'accelerator.buffers.input={banks: 2, port_width: 512 bit}'"},
       "buffer_port",
       "accelerator.buffers.input.banks=4",
       {"accelerator.output_unit.lanes=512", "accelerator.buffers.weight.banks=128"}},
      // A row takes 128 x 2 weights.
      {{kDecode, "'precision={weights: int4, activations: fp16, mac: fp16}'",
        "accelerator.dequantizer.lanes=128"},
       "dequantizer",
       "accelerator.dequantizer.lanes=256",
       {"accelerator.buffers.weight.banks=128", "accelerator.output_unit.lanes=512"}},
      // Per step 128 sums of 32 bits.
      {{"'layer={gemm: {m: 512, n: 512, k: 2048}}'",
        "'accelerator.buffers.accumulator={banks: 4, port_width: 512 bit}'"},
       "output",
       "accelerator.buffers.accumulator.banks=8",
       {"accelerator.buffers.input.banks=64"}},
  };
  for (const Row& row : kRows) {
    std::vector<std::string> sets = row.sets;
    sets.insert(sets.end(), wide.begin(), wide.end());
    CAPTURE(row.bound);
    CHECK(bound_of(run(sets)) == row.bound);
    CHECK(gain(sets, row.more) > 1.5);
    for (const char* other : row.other) CHECK(gain(sets, other) < 1.02);
  }
}

TEST_CASE("bound: results that leave slowly through narrow accumulator ports") {
  // 128 sums of 32 bits per row of results, 512 bits per cycle.
  const std::vector<std::string> sets = {
      "'layer={gemm: {m: 64, n: 1024, k: 32}}'", "accelerator.array.dataflow=os",
      memory("4 TB/s", "1 ns"), "accelerator.dma.outstanding=1024",
      "'accelerator.buffers.accumulator={banks: 1, port_width: 512 bit}'"};
  CHECK(bound_of(run(sets)) == "output");
  CHECK(gain(sets, "accelerator.buffers.accumulator.banks=2") > 1.7);
  CHECK(gain(sets, "accelerator.output_unit.lanes=64") < 1.02);
}

TEST_CASE("bound: an array that is occupied but empty") {
  const TemporaryDirectory directory;
  const auto told = [&](const std::string& layer) {
    std::ofstream(directory.at("run.yaml"))
        << "{accelerator: accelerators/edge-32x32.yaml, values: off, precision: {weights: int8, "
           "activations: int8}, layer: {"
        << layer << "}}";
    // Enough of everything but the array, and no loads that count.
    const Outcome o =
        shell("{sim} explain " + directory.at("run.yaml") + " --set " + memory("4 TB/s", "1 ns") +
              " --set accelerator.dma.outstanding=1024 --set "
              "accelerator.array.group_folds=alone");
    CAPTURE(o.text);
    REQUIRE(o.code == 0);
    return o.text.substr(o.text.find("bound by"));
  };
  // A group of 9 x 1 weights: 9 of 32 x 32 x 4 multipliers, 0.22 %.
  const std::string depthwise = told(
      "conv2d: {height: 64, width: 64, channels: 16, filters: 16, groups: 16, kernel: [3, 3], "
      "padding: 1}");
  CHECK(depthwise.find("compute: the array is occupied, but 0.22 % of its multipliers have work") !=
        std::string::npos);
  CHECK(depthwise.find("more PEs") == std::string::npos);
}

TEST_CASE("explain: the bound of a layer is that of its run, word by word") {
  std::mt19937 random(20261128);
  const auto to = [&](int n) { return std::to_string(1 + random() % static_cast<unsigned>(n)); };
  const char* const machines[] = {"edge-16x16",    "edge-32x32", "edge-32x32-x64",
                                  "gemmini-16x16", "scalesim",   "tpu-v1-like"};
  const char* const formats[] = {"int8, activations: int8", "int8, activations: int8",
                                 "int4, activations: int8", "q4_0, activations: fp16"};
  const char* const settings[] = {
      "accelerator.dequantizer.placement=dram_side",
      "accelerator.buffers.input.double_buffered=false",
      "accelerator.array.dataflow=os",
      "accelerator.array.dataflow=is",
      "accelerator.output_unit.lanes=1",
      "accelerator.dma.outstanding=1",
      "'accelerator.buffers.output={banks: 1, port_width: 8 bit}'",
      "'accelerator.buffers.accumulator={banks: 1, port_width: 128 bit}'",
      "fidelity=fast"};
  const auto bound_line = [](const std::string& text) {
    const std::size_t line = text.find("\nbound by");
    return line == std::string::npos ? text : text.substr(line, text.find('\n', line + 1) - line);
  };
  std::set<std::string> bounds;
#ifdef __SANITIZE_ADDRESS__  // ten times slower
  constexpr int kLayers = 12;
#else
  constexpr int kLayers = 100;
#endif
  int ran = 0;
  for (int i = 0; i < kLayers; ++i) {
    const TemporaryDirectory directory;
    const std::string file = directory.at("run.yaml");
    const std::string layer =
        i % 3 == 0 ? "conv2d: {height: " + to(24) + ", width: " + to(24) + ", channels: " + to(48) +
                         ", filters: " + to(64) + ", kernel: [3, 3], padding: 1}"
                   : "gemm: {m: " + to(i % 3 == 1 ? 3 : 200) + ", n: " + to(400) +
                         ", k: " + std::to_string(32 * (1 + random() % 16)) + "}";
    std::ofstream(file) << "{accelerator: accelerators/" << machines[i % 6]
                        << ".yaml, values: off, precision: {weights: " << formats[random() % 4]
                        << "}, layer: {" << layer << "}}";
    const std::string sets = file + " --set " + settings[random() % 9];
    CAPTURE(layer);
    CAPTURE(sets);
    const Outcome run = shell("{sim} run " + sets), explained = shell("{sim} explain " + sets);
    CHECK(run.code == explained.code);
    if (run.code != 0) continue;
    ++ran;
    const std::string bound = bound_line(run.text);
    CHECK(bound_line(explained.text) == bound);
    bounds.insert(bound.substr(0, bound.find(':')));
  }
  CHECK(ran >= kLayers * 6 / 10);
  CHECK(bounds.size() >= (kLayers == 100 ? 5 : 2));
}

}  // namespace bitjoule::test::bound_test
