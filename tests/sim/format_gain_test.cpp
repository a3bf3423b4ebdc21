// What narrow formats gain where memory or the array is the bottleneck, against the ratio of the
// bytes, or of the MACs in a PE.
#include <doctest/doctest.h>

#include "run/layer_runner.h"
#include "sim/schema/run_file.h"

namespace bitjoule::format_gain_test {
namespace {

constexpr double kTolerance = 0.02;

/// 12.8 GB/s, and more than the array can ask for.
const char* const kNarrow = "ideal.yaml";
const char* const kWide =
    "{name: wide, model: ideal, bandwidth: 200 GB/s, latency: 100 ns, burst: 64 B, capacity: 16 "
    "GiB}";

/// Cycles of the layer with these operands, on the shipped edge machine with an ideal DRAM.
class Machine {
 public:
  Machine(const std::string& layer, const std::string& dram)
      : layer_(layer),
        dram_(dram),
        base_(config("fp32", "fp32", "fp32")),
        runner_(base_.accelerator, base_.dram, base_.energy, base_.options),
        fp32_(cycles(base_)) {}

  double gain(const std::string& weights, const std::string& activations, const std::string& mac) {
    return fp32_ / cycles(config(weights, activations, mac));
  }

 private:
  RunConfig config(const std::string& weights, const std::string& activations,
                   const std::string& mac) const {
    return read_run(text_source(
        "gain", "accelerator: edge-32x32.yaml\ndram: " + dram_ + "\nlayer: " + layer_ +
                    "\nprecision: {weights: " + weights + ", activations: " + activations +
                    ", output: fp32" + ", mac: " + mac + "}\nvalues: off\n"));
  }
  double cycles(const RunConfig& c) {
    return static_cast<double>(runner_.run(c.layer, c.precision, c.mapping).outcome.cycles.value);
  }

  std::string layer_, dram_;
  RunConfig base_;
  LayerRunner runner_;
  double fp32_;
};

}  // namespace

TEST_CASE("gain: a memory-bound projection gains what its weights lose in bytes") {
  Machine machine("llama2-7b-attention-decode.yaml", kNarrow);
  const auto gains = [&](double expected, const std::string& weights) {
    CAPTURE(weights);
    CHECK(machine.gain(weights, "fp32", "fp32") == doctest::Approx(expected).epsilon(kTolerance));
  };
  // 32 bits over the stored bits per weight (docs/formats.md).
  gains(32 / 8.0, "{format: int8, granularity: per_channel}");
  gains(32 / 8.5, "q8_0");
  gains(32 / 4.25,
        "{format: uint4, granularity: per_group, group_size: 128, symmetric: false, scale: fp16, "
        "zero_point: fp16}");
  gains(32 / 4.5, "q4_0");
}

TEST_CASE("gain: a compute-bound layer gains only by narrower MACs") {
  Machine machine("{gemm: {m: 2048, n: 512, k: 2048}}", kWide);
  const std::string int8 = "{format: int8, granularity: per_channel}";
  CHECK(machine.gain(int8, "fp32", "fp32") == doctest::Approx(1).epsilon(kTolerance));
  CHECK(machine.gain(int8, "int8", "int8") == doctest::Approx(4).epsilon(kTolerance));
}

}  // namespace bitjoule::format_gain_test
