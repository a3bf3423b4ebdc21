// Weights of the next layer, fetched while one runs: what it saves, and what it leaves as it was.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/network_run.h"

namespace bitjoule::test::network_overlap_test {
namespace {

/// Two equal layers, each one tile of one fold, on a machine whose memory takes and yields one
/// burst of 32 bytes per cycle of 1 ns.
const char* const kTwoLayers = R"(
accelerator:
  clock: 1 GHz
  array: {rows: 32, cols: 32, dataflow: ws, overlap: full, pe: {width: 32}}
  buffers:
    input: {capacity: 64 KiB, banks: 4, port_width: 256 bit}
    weight: {capacity: 64 KiB, banks: 4, port_width: 256 bit}
    scale: {capacity: 4 KiB, banks: 1, port_width: 64 bit}
    accumulator: {capacity: 64 KiB, banks: 4, port_width: 256 bit}
    output: {capacity: 64 KiB, banks: 4, port_width: 256 bit}
  output_unit: {lanes: 32, latency: 4}
  dma: {request: 32 B, outstanding: 64, requests_per_cycle: 1}
dram: {name: line, model: ideal, bandwidth: 32 GB/s, latency: 20 ns, burst: 32 B, capacity: 1 GiB}
network:
  parameters: {rows: 64, k: 64}
  layers:
  - {name: a, gemm: {m: =rows, n: 32, k: =k}}
  - {name: b, gemm: {m: =rows, n: 32, k: =k}}
precision: {weights: int8, activations: int8, mac: int8}
)";

/// Cycles of the layers of kTwoLayers, and the bytes that were fetched ahead.
struct TwoLayers {
  std::vector<std::int64_t> cycles;
  std::int64_t ahead_bytes = 0, moved_bytes = 0;
};

TwoLayers run_two(const std::string& arguments) {
  const json::value r = run_file(kTwoLayers, arguments);
  TwoLayers two;
  for (const json::value& layer : r.at("layers").as_array())
    two.cycles.push_back(integer(layer.at("cycles")));
  two.ahead_bytes = integer(r.at("network").at("pass").at("ahead_bytes"));
  two.moved_bytes = integer(r.at("network").at("pass").at("dram_bytes"));
  return two;
}

}  // namespace

TEST_CASE("overlap of layers: a layer whose weights are there waits for its inputs alone") {
  // 128 bursts of inputs and 64 of weights share the memory's one burst per cycle. While a computes
  // nothing else moves: it takes far longer than the 64 bursts of b's weights, which all come.
  const std::int64_t weight_bursts = 32 * 64 / 32;
  const TwoLayers apart = run_two(""), ahead = run_two("--set overlap=layers");
  REQUIRE(apart.cycles.size() == 2);
  REQUIRE(ahead.cycles.size() == 2);
  const std::int64_t alone = apart.cycles[0];
  CHECK(ahead.cycles[0] == alone);
  CHECK(ahead.cycles[1] == alone - weight_bursts);
  CHECK(ahead.ahead_bytes == weight_bursts * 32);
  CHECK(ahead.moved_bytes == apart.moved_bytes);
}

TEST_CASE(
    "overlap of layers: what has come of a tile when the results are sent need not come again") {
  // One row of 256: 8 bursts of inputs, 256 of weights, then the array's and the output unit's few
  // cycles.
  const std::string row = "--set network.parameters.rows=1 --set network.parameters.k=256 ";
  const TwoLayers apart = run_two(row), ahead = run_two(row + "--set overlap=layers");
  REQUIRE(ahead.cycles.size() == 2);
  const std::int64_t alone = apart.cycles[0];
  // The layer's own bursts leave in cycles 1 to 264, b's from 265 on, one per cycle, up to the
  // cycle before the result's single burst is taken. That burst is the last to come back: after 20
  // cycles of latency and one of data.
  const std::int64_t first = 265, result_taken = alone - 21;
  const std::int64_t bursts = result_taken - first;
  CHECK(bursts > 0);
  CHECK(bursts < 256);
  CHECK(ahead.cycles[0] == alone);
  CHECK(ahead.ahead_bytes == bursts * 32);
  CHECK(ahead.cycles[1] == alone - bursts);
}

TEST_CASE("requests of several bursts: one after the other, each waits once for the memory") {
  const std::string row =
      "--set network.parameters.rows=1 --set network.parameters.k=256 "
      "--set accelerator.dma.outstanding=1 ";
  const TwoLayers one = run_two(row),
                  four = run_two(row + "--set accelerator.dma.request=\"128 B\"");
  // 264 bursts of inputs and weights, each after 20 cycles of latency and one of data; or 66
  // requests after 20 and four.
  CHECK(one.cycles[0] - four.cycles[0] == 264 * 21 - 66 * 24);
  CHECK(one.moved_bytes == four.moved_bytes);
}

TEST_CASE("a dequantizer at the DRAM: behind the last request, then its latency") {
  // One tile. 64 lanes are twice as fast as the memory: nothing but the last request is left when
  // it comes.
  const std::string row =
      "--set network.parameters.rows=1 --set network.parameters.k=32 "
      "--set precision.activations=fp32 --set precision.mac=fp32 "
      "--set accelerator.dequantizer.placement=dram_side "
      "--set accelerator.dequantizer.lanes=64 ";
  const auto cycles = [&](const std::string& more) { return run_two(row + more).cycles[0]; };
  const std::string none = "--set accelerator.dequantizer.latency=0 ";
  // The memory ends with the last burst at the same time; one burst of 32 weights, or eight.
  CHECK(cycles(none + "--set accelerator.dma.request=\"256 B\"") - cycles(none) == 4 - 1);
  CHECK(cycles("--set accelerator.dequantizer.latency=9") - cycles(none) == 9);
}

TEST_CASE("overlap of layers: requests of several bursts are taken as a whole") {
  const std::string row = "--set network.parameters.rows=1 --set network.parameters.k=256 ";
  const std::string four = row + "--set accelerator.dma.request=\"128 B\" ";
  const TwoLayers apart = run_two(four), ahead = run_two(four + "--set overlap=layers");
  // The memory yields as much per cycle, however it is asked.
  CHECK(apart.cycles == run_two(row).cycles);
  // 66 requests of the layer's own leave one per cycle up to the window's 64, the rest as places
  // come back: all of b's weights, 64 requests, have left before the result.
  CHECK(ahead.ahead_bytes == 256 * 32);
  CHECK(ahead.moved_bytes == apart.moved_bytes);
}

TEST_CASE("overlap of layers: as much work and traffic, and no more time than a request a layer") {
  for (const char* network : {"stories260k.yaml", "stories15m.yaml", "resnet18.yaml",
                              "mobilenet-v1.yaml", "mlperf-tiny-kws.yaml", "mlperf-tiny-ad.yaml"})
    for (const char* dram : {"ideal.yaml", "lpddr5-6400.yaml"}) {
      CAPTURE(network);
      CAPTURE(dram);
      const std::string arguments = std::string("--network ") + network + " --set dram=" + dram;
      const json::value apart = run(arguments);
      const json::value ahead = run(arguments + " --set overlap=layers");
      // A request of the next layer delays one of a layer by its own time at most (docs/timing.md):
      // 256 bytes at the memory's peak, at 1 GHz. A controller that puts reads first may besides
      // hold up results behind weights of the next layer.
      std::int64_t layers = 0;
      for (const auto& row : apart.at("layers").as_array()) layers += integer(row.at("repeat"));
      const double request = 256e9 / real(apart.at("dram").at("peak_bytes_per_s"));
      const double alone = real(apart.at("cycles"));
      const double reads_first = std::string(dram) == "ideal.yaml" ? 0 : 0.005 * alone;
      CHECK(real(ahead.at("cycles")) < alone + static_cast<double>(layers) * request + reads_first);
      CHECK(integer(ahead.at("network").at("pass").at("ahead_bytes")) > 0);
      for (const char* key : {"macs", "padded_macs", "compute_cycles"}) {
        CAPTURE(key);
        CHECK(ahead.at(key) == apart.at(key));
      }
      for (const char* key : {"read_bytes", "write_bytes", "padding_bytes", "per_tensor"}) {
        CAPTURE(key);
        CHECK(ahead.at("dram").at(key) == apart.at("dram").at(key));
      }
      std::int64_t stalls = 0;
      for (const auto& cause : ahead.at("stalls").as_object()) stalls += integer(cause.value());
      CHECK(stalls == integer(ahead.at("cycles")));
    }
}

TEST_CASE("overlap of layers: those with equal neighbours simulated once or every time") {
  const std::string arguments = "--set overlap=layers --set network.parameters.context=24 ";
  const json::value once = run(arguments), all = run(arguments + "--unshared");
  for (const char* key : {"cycles", "stalls", "counts", "sram", "dram"}) {
    CAPTURE(key);
    CHECK(once.at(key) == all.at(key));
  }
  // The first block follows the embedding, the last is followed by the final norm.
  CHECK(integer(once.at("network").at("simulated_layers")) < 3 * 18 + 3);
  CHECK(integer(all.at("network").at("simulated_layers")) == 5 * 18 + 3);
}

}  // namespace bitjoule::test::network_overlap_test
