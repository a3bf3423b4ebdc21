// Transformations of operands in networks: what goes through attention, scales of each input, and
// values of one side alone.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "run/quantize_passes.h"
#include "run/transforms.h"
#include "run/value_pass.h"

namespace bitjoule::test::operand_folds_test {
namespace {

constexpr std::int64_t kTokens = 3, kHidden = 8, kHeads = 4, kShared = 2, kDim = 4;

RunConfig plain() {
  RunConfig run;
  run.accelerator.name = "plain";
  run.accelerator.buffers.unified = std::nullopt;
  run.dram = {"pipe", IdealDramConfig{BytesPerSecond(12'800'000'000)}, {}};
  run.energy = no_prices();
  for (TensorFormat* format : {&run.precision.weights, &run.precision.activations})
    format->format = "fp32";
  run.precision.mac = "fp32";
  return run;
}

/// Magnitudes of inputs, as a calibration has them.
class Magnitudes : public TensorReader {
 public:
  void add(const std::string& layer, std::vector<float> values) {
    std::vector<float>& kept = values_[layer + ".input_magnitudes"];
    kept = std::move(values);
    StoredTensor& tensor = tensors_[layer + ".input_magnitudes"];
    tensor.type = find_stored_type("fp32");
    tensor.shape = {2, static_cast<std::int64_t>(kept.size()) / 2};
    tensor.data = reinterpret_cast<const std::uint8_t*>(kept.data());
    tensor.bytes = 4 * kept.size();
  }
  const StoredTensor& get(const std::string& file, const std::string& name) override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw input_error(file + " has no " + name);
    return found->second;
  }

 private:
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, StoredTensor> tensors_;
};

NetworkLayer linear(const std::string& name, std::int64_t n, std::int64_t k,
                    const std::string& input) {
  NetworkLayer layer;
  layer.name = name;
  layer.op = Gemm{kTokens, n, k};
  layer.inputs = {input};
  std::vector<double>& w = layer.tensors["weights"].values;
  for (std::int64_t i = 0; i < n * k; ++i) w.push_back(std::sin(static_cast<double>(3 * i + n)));
  return layer;
}

NetworkLayer swapped(const std::string& name, std::int64_t a, std::int64_t b,
                     const std::string& input) {
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  op.shape = {1, b, a, kDim};
  op.operand_shapes = {{1, a, b, kDim}};
  op.axes = {0, 2, 1, 3};
  op.rows = a * b;
  op.cols = kDim;
  NetworkLayer layer;
  layer.name = name;
  layer.op = op;
  layer.inputs = {input};
  return layer;
}

/// Values of two heads, weighted by the probabilities of four, and what a linear layer makes of it.
Network attention() {
  Network network;
  network.name = "attention";
  network.inputs = {{"x", {kTokens, kHidden}, "", {}, "", 0},
                    {"p", {kHeads, kTokens, kTokens}, "", {}, "", 0}};
  NetworkLayer context;
  context.name = "pv";
  context.op = Matmul{kHeads, kTokens, kDim, kTokens, kShared, true};
  context.inputs = {"p", "v_heads"};
  network.layers = {linear("v", kHeads / kShared * kDim, kHidden, "x"),
                    swapped("v_heads", kTokens, kHeads / kShared, "v"), context,
                    swapped("merge", kHeads, kTokens, "pv"),
                    linear("o", 5, kHeads * kDim, "merge")};
  network.layers.front().bias = true;
  return network;
}

std::vector<float> numbers(std::int64_t count, double step) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < count; ++i)
    x.push_back(static_cast<float>(std::cos(step * static_cast<double>(i))));
  return x;
}

NetworkOutputValues outputs(const RunConfig& run, const Network& network, Side side = Side::kBoth) {
  ValuePass pass(run, network, nullptr, side);
  std::map<std::string, NetworkTensor> inputs;
  for (const NetworkInput& input : network.inputs) {
    std::int64_t count = 1;
    for (const std::int64_t size : input.shape) count *= size;
    inputs.emplace(input.name, raw_tensor(numbers(count, input.name == "x" ? 1.7 : 0.9)));
  }
  return std::move(pass.run(std::move(inputs)).front());
}

const NetworkLayer& layer_of(const Network& network, const std::string& name) {
  for (const NetworkLayer& layer : network.layers)
    if (layer.name == name) return layer;
  FAIL(name);
  return network.layers.front();
}

}  // namespace

TEST_CASE("operand folds: what attention reads is transformed where its values are made") {
  RunConfig run = plain();
  const Network network = attention();
  const NetworkOutputValues before = outputs(run, network);
  auto calibration = std::make_shared<Magnitudes>();
  std::vector<float> magnitudes;
  for (int i = 0; i < 2 * kHeads * kDim; ++i)
    magnitudes.push_back(1.0f + static_cast<float>(i % 7));
  calibration->add("o", magnitudes);
  run.options.tensors = calibration;
  run.calibration = "calibration";
  for (const TransformKind kind : {TransformKind::kHadamard, TransformKind::kSmooth}) {
    Network folded = network;
    folded.layers.back().precision.transform = OperandTransform{kind, std::nullopt};
    const Network complete = with_passes(folded, run.precision);
    CHECK(complete.layers.size() == network.layers.size());
    const TransformRole &v = layer_of(complete, "v").transform,
                        &o = layer_of(complete, "o").transform;
    // Four elements of a head are two stages; the first heads of those that share values are 0, 2.
    const bool rotates = kind == TransformKind::kHadamard;
    CHECK(v.output_rotation == (rotates ? 2 : 0));
    CHECK(o.rotation == (rotates ? 2 : 0));
    CHECK(v.output_factors == (rotates ? "" : "o"));
    CHECK(v.output_heads.input(5) == (rotates ? 5 : 9));
    // Nothing is quantized: the results are what they were, up to the rounding of other sums.
    const NetworkOutputValues after = outputs(run, folded);
    for (std::size_t i = 0; i < before.values.size(); ++i) {
      CHECK(after.values[i] == doctest::Approx(before.values[i]).epsilon(1e-5).scale(1));
      CHECK(after.reference[i] == doctest::Approx(before.reference[i]).epsilon(1e-6).scale(1));
    }
    CHECK(transform_notes(folded, run.precision) ==
          std::vector<std::string>{std::string("transform ") + (rotates ? "hadamard" : "smooth") +
                                   " of o: free, folded into v"});
  }
  // Another layer that reads the values sees them as they are.
  Network shared = network;
  shared.layers.push_back(linear("other", 2, kHeads / kShared * kDim, "v"));
  shared.layers[4].precision.transform = OperandTransform{TransformKind::kHadamard, std::nullopt};
  CHECK(layer_of(with_passes(shared, run.precision), "o.rotate").kind == "transform");
}

TEST_CASE("operand folds: a static scale of each input is in the weights") {
  RunConfig run = plain();
  Network network;
  network.name = "linear";
  network.inputs = {{"x", {1, 2}, "", {}, "", 0}};
  network.layers = {linear("fc", 1, 2, "x")};
  std::get<Gemm>(network.layers[0].op).m = 1;
  network.layers[0].tensors["weights"].values = {2, 3};
  auto calibration = std::make_shared<Magnitudes>();
  calibration->add("fc", {1, 100, 0.5f, 50});
  run.options.tensors = calibration;
  run.calibration = "calibration";
  run.precision.activations = {"int8", Granularity::kPerInputChannel};
  run.precision.output = TensorFormat{"fp32"};
  run.precision.static_scales = ScaleRule::kAbsMax;
  ValuePass pass(run, network);
  CHECK(pass.network().layers.size() == 2);  // `fc.scale`: nothing of the network yields x
  std::map<std::string, NetworkTensor> inputs;
  inputs.emplace("x", raw_tensor({0.5f, 30.0f}));
  const NetworkOutputValues y = std::move(pass.run(std::move(inputs)).front());
  // x / clip in steps of 1 / 127: 0.5 -> 63.5, to even 64; 0.3 -> 38.1, 38.
  CHECK(y.values.at(0) == doctest::Approx(64 / 127.0 * 2 + 38 / 127.0 * 100 * 3).epsilon(1e-6));
  CHECK(y.reference.at(0) == doctest::Approx(2 * 0.5 + 3 * 30).epsilon(1e-7));
  run.precision.static_scales.reset();
  CHECK_THROWS_WITH_AS(outputs(run, network), doctest::Contains("static_scales: oracle"), Error);
}

TEST_CASE("operand folds: each side alone is what it is beside the other") {
  for (const char* format : {"bf16", "int8"}) {
    RunConfig run = plain();
    run.precision.weights = {"int4", Granularity::kPerChannel};
    run.precision.activations = {format, Granularity::kPerToken};
    run.precision.mac = "auto";
    const NetworkOutputValues both = outputs(run, attention());
    CHECK(outputs(run, attention(), Side::kMachine).values == both.values);
    CHECK(outputs(run, attention(), Side::kExact).reference == both.reference);
    CHECK(both.values != outputs(run, attention(), Side::kExact).values);
  }
  // Scales of the very values are those of the other side.
  RunConfig run = plain();
  run.precision.activations.format = "int8";
  run.precision.mac = "auto";
  const NetworkOutputValues both = outputs(run, attention());
  CHECK(outputs(run, attention(), Side::kMachine).values == both.values);
}

/// Scores of so many tokens, a causal softmax of them, and what that weighs.
Network causal_attention(std::int64_t tokens) {
  Network network;
  network.name = "causal";
  network.inputs = {{"x", {kHeads, tokens, kDim}, "", {}, "", 0},
                    {"k", {kHeads, tokens, kDim}, "", {}, "", 0},
                    {"v", {kHeads, tokens, kDim}, "", {}, "", 0}};
  NetworkLayer scores, softmax, context;
  scores.name = "qk";
  scores.op = Matmul{kHeads, tokens, tokens, kDim, 1};
  scores.inputs = {"x", "k"};
  VectorOp op;
  op.kind = VectorKind::kSoftmax;
  op.rows = kHeads * tokens;
  op.cols = tokens;
  op.causal = tokens;
  softmax.name = "softmax";
  softmax.op = op;
  softmax.inputs = {"qk"};
  context.name = "pv";
  context.op = Matmul{kHeads, tokens, kDim, tokens, 1, true};
  context.inputs = {"softmax", "v"};
  network.layers = {scores, softmax, context};
  return network;
}

TEST_CASE(
    "value pass: scores that a causal softmax masks are left out where nobody else reads them") {
  constexpr std::int64_t kMany = 40;
  for (const char* format : {"fp32", "fp16", "int8"}) {
    CAPTURE(format);
    RunConfig run = plain();
    run.precision.activations = {format, Granularity::kPerToken};
    run.precision.mac = "auto";
    const NetworkOutputValues alone = outputs(run, causal_attention(kMany));
    Network told = causal_attention(kMany);
    told.outputs = {{"pv", "", {}, ""}, {"qk", "", {}, ""}};
    ValuePass pass(run, told);
    std::map<std::string, NetworkTensor> inputs;
    for (const NetworkInput& input : told.inputs)
      inputs.emplace(input.name,
                     raw_tensor(numbers(kHeads * kMany * kDim, input.name == "x" ? 1.7 : 0.9)));
    const std::vector<NetworkOutputValues> both = pass.run(std::move(inputs));
    CHECK(both[0].values == alone.values);
    CHECK(both[0].reference == alone.reference);
    // An output has all of them: the first query's score of the last key among them.
    CHECK(both[1].reference[kMany - 1] != 0);
    CHECK(both[1].values[kMany - 1] != 0);
  }
}

}  // namespace bitjoule::test::operand_folds_test
