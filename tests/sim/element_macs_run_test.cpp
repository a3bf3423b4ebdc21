// Pairs of block formats PE by PE, in closed form and estimated, against the oracle.
#include <doctest/doctest.h>

#include <string>

#include "support/dram_configs.h"
#include "support/machine_pair.h"

namespace bitjoule::element_macs_run_test {
namespace {

TensorFormat format_of(const std::string& name) {
  TensorFormat format;
  format.format = name;
  return format;
}

TensorFormat scaled_fp8(Granularity granularity) {
  TensorFormat format = format_of("fp8_e4m3_scaled");
  format.granularity = granularity;
  format.group_size = 32;
  return format;
}

struct Pair {
  TensorFormat weights, activations;
};

}  // namespace

TEST_CASE("element MACs: pe, fast and estimate agree, and with the oracle") {
  const Pair pairs[] = {{format_of("mxfp4"), format_of("mxfp4")},
                        {format_of("nvfp4"), format_of("nvfp4")},
                        {format_of("mxfp6_e2m3"), format_of("mxfp6_e3m2")},
                        {format_of("mxfp4"), format_of("mxfp8_e4m3")},
                        {format_of("mxfp8_e5m2"), format_of("mxfp8_e5m2")},
                        {format_of("mxfp4"), format_of("fp8_e4m3")},
                        {scaled_fp8(Granularity::kPerChannel), scaled_fp8(Granularity::kPerTensor)},
                        {scaled_fp8(Granularity::kPerBlock), scaled_fp8(Granularity::kPerGroup)}};
  const Dataflow dataflows[] = {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                Dataflow::kInputStationary};
  DramConfig dram;
  dram.model = IdealDramConfig{BytesPerSecond(6'400'000'000), Femtoseconds(37'000'000), Bytes(32),
                               Bytes(std::int64_t{1} << 30)};
  std::vector<test::MachinePair> machines;
  for (const Dataflow dataflow : dataflows) {
    AcceleratorConfig machine;
    machine.array.rows = 3;
    machine.array.cols = 4;
    machine.array.dataflow = dataflow;
    machine.array.pe.adders =
        dataflow == Dataflow::kInputStationary ? PeAdders::kChain : PeAdders::kTree;
    machine.output_unit.lanes = 2;
    machines.emplace_back("m" + std::to_string(machines.size()), machine, dram);
  }
  for (std::size_t i = 0; i < machines.size(); ++i)
    for (const Pair& pair : pairs) {
      CAPTURE(i);
      CAPTURE(pair.weights.format);
      CAPTURE(pair.activations.format);
      Precision precision;
      precision.weights = pair.weights;
      precision.activations = pair.activations;
      precision.output = format_of("fp32");
      Layer layer{"", Gemm{5, 9, 80}};  // a short last block
      layer.stage.bias = true;
      CHECK(machines[i].run(layer, precision).empty());
      Conv2d conv;  // blocks end with the channels of a group, and with a kernel position
      conv.height = conv.width = 3;
      conv.channels = conv.filters = 64;
      conv.groups = 2;
      conv.kernel_w = 2;
      conv.pad_left = 1;
      CHECK(machines[i].run({"", conv}, precision).empty());
    }
}

}  // namespace bitjoule::element_macs_run_test
