// What `sim explain` says of traffic before a run is what `sim run` measures.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "support/shell.h"

namespace bitjoule::test::explain_test {
namespace {

/// What follows "traffic" at the begin of a line.
std::string traffic_of(const std::string& text) {
  const std::size_t line = text.find("\ntraffic");
  REQUIRE(line != std::string::npos);
  const std::size_t begin = text.find_first_not_of(' ', line + 8);
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE("explain: the traffic of a layer is that of its run, tensor by tensor") {
  const char* const layers[] = {
      "matmul: {batch: 8, m: 1, n: 512, k: 64, shared: 8}}, precision: {weights: int8, "
      "activations: int8}",
      "matmul: {batch: 1000, m: 1, n: 1, k: 1}}, precision: {weights: int8, activations: int8}",
      "gemm: {m: 3, n: 100, k: 320}}, precision: {weights: q4_0, activations: fp16}",
      "gemm: {m: 5, n: 70, k: 130}}, precision: {weights: {format: int4, granularity: per_group, "
      "group_size: 26}, activations: {format: int8, granularity: per_token}}",
      "conv2d: {height: 30, width: 23, channels: 24, filters: 40, kernel: [3, 5], stride: [2, 1], "
      "padding: 2}}, precision: {weights: int8, activations: int4}, mapping: {tile: {m: 46}}",
      "conv2d: {height: 9, width: 9, channels: 20, filters: 20, groups: 20, kernel: [3, 3], "
      "dilation: [2, 2], padding: 1}}, precision: {weights: int8, activations: mxfp8_e4m3}"};
  for (const char* layer : layers) {
    CAPTURE(layer);
    const TemporaryDirectory directory;
    const std::string file = directory.at("run.yaml");
    std::ofstream(file) << "{accelerator: accelerators/edge-16x16.yaml, values: off, layer: {"
                        << layer << "}";
    const Outcome run = shell("{sim} run " + file), explained = shell("{sim} explain " + file);
    CAPTURE(run.text);
    REQUIRE(run.code == 0);
    const std::string measured = traffic_of(run.text);
    // Behind it stands the sum.
    CHECK(traffic_of(explained.text).substr(0, measured.size() + 2) == measured + ": ");
  }
}

TEST_CASE("pins: what exceeds a layer is clipped, and the run says so") {
  const TemporaryDirectory directory;
  const std::string file = directory.at("run.yaml");
  const auto notes_of = [&](const std::string& workload) {
    std::ofstream(file) << "{accelerator: accelerators/edge-16x16.yaml, values: off, " << workload
                        << ", precision: {weights: int8, activations: int8}}";
    const Outcome run = shell("{sim} run -q " + file + " -o " + directory.at("out"));
    CHECK(run.code == 0);
    return run.text;
  };
  const std::string note = "mapping.tile.n: 101 pinned, the layer has 100";
  CHECK(notes_of("layer: {gemm: {m: 3, n: 100, k: 320}}, mapping: {tile: {n: 101}}") ==
        "note: " + note + "\n");
  CHECK(shell("cat " + directory.at("out") + "/result.json").text.find('"' + note + '"') !=
        std::string::npos);
  // An autoencoder of eight layers with 128 outputs, one with 8 and one with 640.
  CHECK(notes_of("network: networks/mlperf-tiny-ad.yaml, mapping: {tile: {n: 130}}") ==
        "note: mapping.tile.n: 130 pinned, the layer has 128 (layer \"fc0\" and 7 more)\n"
        "note: mapping.tile.n: 130 pinned, the layer has 8 (layer \"fc4\")\n");
}

TEST_CASE("explain: where a network moves much more than the least, it says what costs that") {
  // One SRAM for all: within 1.25 of the bound, or by constraints that are named.
  const TemporaryDirectory directory;
  for (const char* const network : {"resnet50", "vgg16", "bert-base"}) {
    CAPTURE(network);
    const std::string file = directory.at("run.yaml");
    std::ofstream(file) << "{accelerator: accelerators/edge-32x32-unified.yaml, network: networks/"
                        << network
                        << ".yaml, precision: {weights: int8, activations: int8}, mapping: "
                           "{objective: traffic}}";
    const Outcome explained = shell("{sim} explain " + file);
    REQUIRE(explained.code == 0);
    std::istringstream text(explained.text);
    int layers = 0, above = 0;
    double ratio = 0;
    for (std::string line; std::getline(text, line);) {
      const std::size_t least = line.find(" of traffic, ");
      if (least != std::string::npos) {
        CHECK(ratio < 1.25);  // of the layer before, what is not named
        ratio = std::stod(line.substr(least + 13));
        ++layers;
        above += ratio > 1.25 ? 1 : 0;
      }
      if (line.rfind("  above it ", 0) != 0) continue;
      line = line.substr(11);
      for (std::size_t at = 0; at != std::string::npos; at = line.find(", ", at + 1))
        ratio /= std::stod(line.substr(at == 0 ? 0 : at + 2));
    }
    CHECK(ratio < 1.25);
    CHECK(layers > 5);
    MESSAGE(network << ": " << above << " of " << layers << " distinct layers above 1.25");
  }
}

}  // namespace bitjoule::test::explain_test
