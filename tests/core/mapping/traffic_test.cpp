// Bytes of scales apart from those of the tensors in whose blocks they lie.
#include "core/mapping/traffic.h"

#include <doctest/doctest.h>

namespace bitjoule::traffic_test {
namespace {

OperandPath stored(const std::string& format) {
  OperandPath path;
  path.format.format = format;
  path.layout = storage_layout(path.format);
  return path;
}

}  // namespace

TEST_CASE("traffic: scales inside blocks count as scales, and nothing is counted twice") {
  DataPath path;
  path.weights = stored("q4_k");      // 256 elements: 128 B of codes, 16 B of scales and minima
  path.activations = stored("q8_0");  // 32 elements: 32 B of codes, 2 B of scale
  path.output = stored("fp16");
  DramTraffic traffic;
  traffic.burst_bytes = 64;
  traffic[Tensor::kWeights] = {10 * 144, 0, 23};
  traffic[Tensor::kInputs] = {7 * 34, 0, 4};
  traffic[Tensor::kScales] = {100, 20, 3};
  traffic[Tensor::kOutputs] = {0, 512, 8};
  const TensorTraffic before = traffic.total();
  add_block_scales(path, traffic);
  CHECK(traffic.apart(Tensor::kWeights).read_bytes == 10 * 128);
  CHECK(traffic.apart(Tensor::kInputs).read_bytes == 7 * 32);
  CHECK(traffic.apart(Tensor::kScales).read_bytes == 100 + 10 * 16 + 7 * 2);
  CHECK(traffic.apart(Tensor::kScales).write_bytes == 20);
  CHECK(traffic.apart(Tensor::kOutputs).write_bytes == 512);
  std::int64_t read = 0, written = 0;
  for (std::size_t i = 0; i < kTensors; ++i) {
    read += traffic.apart(static_cast<Tensor>(i)).read_bytes;
    written += traffic.apart(static_cast<Tensor>(i)).write_bytes;
  }
  CHECK(read == before.read_bytes);
  CHECK(written == before.write_bytes);
  // Bursts and their padding stay with the tensor that they carry.
  CHECK(traffic.total().padding(64) == before.padding(64));
  CHECK(traffic[Tensor::kWeights].padding(64) == 23 * 64 - 10 * 144);
}

}  // namespace bitjoule::traffic_test
