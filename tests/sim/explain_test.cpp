// What `sim explain` says of traffic before a run is what `sim run` measures.
#include <doctest/doctest.h>

#include <fstream>

#include "support/shell.h"

namespace bitjoule::test {
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

}  // namespace bitjoule::test
