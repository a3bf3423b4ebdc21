// Every number format on every kind of layer and dataflow: both fidelities agree, and with the
// oracle.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/numeric/format.h"
#include "support/machine_pair.h"

namespace bitjoule::format_sweep_test {
namespace {

using test::MachinePair;

constexpr std::int64_t kBlock = 256;  // the longest block of any format

TensorFormat format_of(const std::string& name) {
  TensorFormat f;
  f.format = name;
  f.granularity = Granularity::kPerChannel;
  return f;
}

TensorFormat grouped(const std::string& name, const std::string& scale, const std::string& zero) {
  TensorFormat f = format_of(name);
  f.granularity = Granularity::kPerGroup;
  f.group_size = 32;
  f.symmetric = zero.empty();
  f.scale = scale;
  if (!zero.empty()) f.zero_point = zero;
  return f;
}

/// The table's formats, and the storages of scales and zero-points that a user may choose.
std::vector<TensorFormat> all_formats() {
  std::vector<TensorFormat> all;
  for (const Format& f : formats())
    if (f.has_values) all.push_back(format_of(f.name));
  for (const char* scale : {"fp32", "fp16", "bf16", "e8m0"})
    all.push_back(grouped("int4", scale, ""));
  all.push_back(grouped("uint4", "fp16", "packed"));      // as GPTQ
  all.push_back(grouped("uint4", "fp16", "packed_awq"));  // as AutoAWQ
  all.push_back(grouped("uint4", "fp16", "fp16"));        // as llm-awq
  all.push_back(grouped("int8", "fp32", "packed"));
  return all;
}

AcceleratorConfig machine(Dataflow dataflow, Packing packing) {
  AcceleratorConfig m;
  m.array.rows = m.array.cols = 4;
  m.array.dataflow = dataflow;
  m.array.pe.packing = packing;
  m.dequantizer.lanes = 6;
  return m;
}

DramConfig memory() {
  DramConfig dram;
  dram.model = IdealDramConfig{BytesPerSecond(6'400'000'000), Femtoseconds(37'000'000), Bytes(32),
                               Bytes(std::int64_t{1} << 30)};
  return dram;
}

/// One machine per dataflow and way of packing MACs into a PE.
std::vector<MachinePair> machines() {
  use_femtosecond_resolution();
  std::vector<MachinePair> pairs;
  for (Dataflow d :
       {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary})
    for (Packing p : {Packing::kWidest, Packing::kProduct})
      pairs.emplace_back("m" + std::to_string(pairs.size()), machine(d, p), memory());
  return pairs;
}

Conv2d window(std::int64_t size, std::int64_t channels, std::int64_t kernel, std::int64_t groups) {
  Conv2d c;
  c.height = c.width = size;
  c.channels = channels;
  c.filters = groups > 1 ? groups : 5;
  c.kernel_h = c.kernel_w = kernel;
  c.groups = groups;
  return c;
}

/// Rows of weights are whole blocks.
std::vector<Layer> layers_for_weights() {
  return {{"gemm", Gemm{3, 5, kBlock}},
          {"matmul", Matmul{2, 3, 5, kBlock, 2}},
          {"conv2d", window(3, 64, 2, 1)},
          {"depthwise", window(17, 2, 16, 2)}};
}

/// Pixels are whole blocks; so they cannot be where each group has one channel.
std::vector<Layer> layers_for_activations() {
  return {{"gemm", Gemm{3, 5, kBlock}},
          {"matmul", Matmul{2, 3, 5, kBlock, 2}},
          {"conv2d", window(2, kBlock, 2, 1)},
          {"depthwise", window(2, kBlock, 2, kBlock)}};
}

void run_everywhere(std::vector<MachinePair>& pairs, const Layer& layer,
                    const Precision& precision) {
  CAPTURE(layer.name);
  CAPTURE(precision.weights.format);
  CAPTURE(precision.weights.scale);
  CAPTURE(precision.weights.zero_point);
  CAPTURE(precision.activations.format);
  CAPTURE(precision.mac);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    CAPTURE(i);
    CHECK(pairs[i].run(layer, precision) == "");
  }
}

Precision precision_of(const TensorFormat& weights, const TensorFormat& activations,
                       const std::string& mac) {
  Precision p;
  p.weights = weights;
  p.activations = activations;
  p.output = format_of("fp32");
  p.mac = mac;
  return p;
}

}  // namespace

TEST_CASE("formats: every one as weights, dequantized and, where it can be, native") {
  std::vector<MachinePair> pairs = machines();
  TensorFormat int8 = format_of("int8");
  int8.granularity = Granularity::kPerTensor;
  for (const TensorFormat& format : all_formats())
    for (const Layer& layer : layers_for_weights()) {
      run_everywhere(pairs, layer, precision_of(format, int8, "auto"));
      run_everywhere(pairs, layer, precision_of(format, format_of("fp16"), "fp16"));
    }
}

TEST_CASE("formats: every one as activations") {
  std::vector<MachinePair> pairs = machines();
  for (const TensorFormat& format : all_formats())
    for (const Layer& layer : layers_for_activations()) {
      if (find_format(format.format).progressive) {
        CHECK(pairs[0]
                  .run(layer, precision_of(format_of("int8"), format, "auto"))
                  .find("qoq4 is a format of weights") != std::string::npos);
        continue;
      }
      if (layer.name == "depthwise" && find_format(format.format).is_interleaved()) {
        CHECK(pairs[0]
                  .run(layer, precision_of(format_of("int8"), format, "fp32"))
                  .find("a group of the convolution has 1") != std::string::npos);
        continue;
      }
      run_everywhere(pairs, layer, precision_of(format_of("int8"), format, "fp32"));
      // Native: sums over a window need one scale, so matrices only.
      if (!std::holds_alternative<Conv2d>(layer.op))
        run_everywhere(pairs, layer, precision_of(format_of("int8"), format, "auto"));
    }
}

TEST_CASE("formats: both operands of a product, as a quantized KV cache has them") {
  std::vector<MachinePair> pairs = machines();
  const Layer layer{"matmul", Matmul{4, 3, 5, kBlock, 2}};
  for (const TensorFormat& format : all_formats())
    if (!find_format(format.format).progressive)
      run_everywhere(pairs, layer, precision_of(format, format, "auto"));
}

}  // namespace bitjoule::format_sweep_test
