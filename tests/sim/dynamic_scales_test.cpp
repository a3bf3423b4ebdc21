// Scales per token: the pass of the vector unit that finds them, and the layers that use them.
#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/error.h"
#include "run/layer_runner.h"
#include "run/quantize_passes.h"
#include "sim/schema/run_file.h"
#include "support/machine_pair.h"
#include "support/shell.h"

namespace bitjoule::dynamic_scales_test {
namespace {

TensorFormat format_of(const std::string& name, Granularity granularity) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  return f;
}

TensorFormat per_token(const std::string& name) { return format_of(name, Granularity::kPerToken); }

std::int64_t count_of(const LayerResult& r, const std::string& component,
                      const std::string& activity) {
  std::int64_t count = 0;
  for (const Action& a : r.counts)
    if (a.component == component && a.activity == activity) count += a.count;
  return count;
}

const TensorTraffic& traffic(const LayerResult& r, Tensor tensor) {
  return r.outcome.traffic.tensors[static_cast<std::size_t>(tensor)];
}

RunConfig config_of(const std::string& layer, const std::vector<Override>& overrides) {
  std::vector<Override> all = {{"layer", layer},
                               {"precision.activations", "{format: int8, granularity: per_token}"},
                               {"precision.weights", "{format: int8, granularity: per_channel}"},
                               {"verify", "full"}};
  all.insert(all.end(), overrides.begin(), overrides.end());
  return read_run(file_source("quickstart.yaml"), all);
}

NetworkLayer gemm(const std::string& name, std::vector<std::string> inputs) {
  NetworkLayer layer;
  layer.name = name;
  layer.op = Gemm{4, 8, 8};
  layer.inputs = std::move(inputs);
  return layer;
}

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const NetworkLayer& layer : network.layers) names.push_back(layer.name);
  return names;
}

const NetworkLayer& layer_named(const Network& network, const std::string& name) {
  return *std::find_if(network.layers.begin(), network.layers.end(),
                       [&](const NetworkLayer& l) { return l.name == name; });
}

}  // namespace

TEST_CASE("dynamic scales: both fidelities and the oracle agree, on one operand and on both") {
  use_femtosecond_resolution();
  DramConfig dram;
  dram.model = IdealDramConfig{BytesPerSecond(6'400'000'000), Femtoseconds(37'000'000), Bytes(32),
                               Bytes(std::int64_t{1} << 30)};
  std::vector<test::MachinePair> pairs;
  for (Dataflow d :
       {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary}) {
    AcceleratorConfig m;
    m.array.rows = m.array.cols = 4;
    m.array.dataflow = d;
    pairs.emplace_back("m" + std::to_string(pairs.size()), m, dram);
  }
  const std::vector<Layer> layers = {{"gemm", Gemm{7, 9, 70}}, {"matmul", Matmul{4, 7, 9, 64, 2}}};
  for (const Layer& layer : layers)
    for (const char* activations : {"int8", "int4", "uint8"})
      for (const char* output : {"fp32", "int8", ""})
        for (const char* weights : {"int8", "int4", "q4_0", "uint4"})
          for (Requantize mode : {Requantize::kOnnxHalfEven, Requantize::kTfliteDoubleRounding,
                                  Requantize::kTfliteSingleRounding, Requantize::kTfliteXnnpack}) {
            Precision p;
            p.activations = per_token(activations);
            p.requantize = mode;
            const bool product = layer.name == "matmul" && std::string(weights) == "int8";
            p.weights = product ? per_token(weights) : format_of(weights, Granularity::kPerChannel);
            p.weights.symmetric = std::string(weights) != "uint4";
            if (*output != 0) p.output = format_of(output, Granularity::kPerTensor);
            if (std::string(weights) == "q4_0" && layer.name == "gemm") continue;  // 70 is no block
            CAPTURE(layer.name);
            CAPTURE(activations);
            CAPTURE(weights);
            CAPTURE(output);
            for (test::MachinePair& pair : pairs) CHECK(pair.run(layer, p) == "");
          }
}

// Rows of 40 are a block of 32 and one of 8: two scales each, as many as are stored.
TEST_CASE("quantize passes: a scale for the part of a block at the end of a row") {
  Network network;
  network.layers = {gemm("a", {"x"}), gemm("b", {"a"})};
  network.layers[0].op = Gemm{6, 40, 16};
  network.layers[1].op = Gemm{6, 8, 40};
  network.layers[0].precision.activations = format_of("fp32", Granularity::kPerTensor);
  Precision run;
  run.activations = format_of("mxfp8_e4m3", Granularity::kPerTensor);
  run.weights = format_of("fp32", Granularity::kPerTensor);
  run.output = run.weights;
  run.mac = "fp32";
  const auto divisions = [&](const char* format) {
    run.activations.format = format;
    const Network passes = with_quantize_passes(network, run);
    std::int64_t count = 0;
    for (const auto& pass : vector_work(std::get<VectorOp>(layer_named(passes, "a.quantize").op)))
      for (const VectorWork& work : pass)
        if (work.primitive == Primitive::kDivide) count += work.count;
    return count;
  };
  CHECK(divisions("mxfp8_e4m3") == 6 * 2);  // blocks of 32
  CHECK(divisions("nvfp4") == 6 * 3);       // of 16
}

// 6 tokens of 96 elements: fp16 in, codes and an fp32 scale for each token out.
TEST_CASE(
    "dynamic scales: the pass before a layer is timed, counted and priced, so are the scales") {
  const RunConfig run = config_of("{gemm: {m: 6, n: 40, k: 96}}", {});
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  const std::vector<LayerResult> results = runner.run_all(run.layer, run.precision, run.mapping);
  REQUIRE(results.size() == 2);
  const LayerResult &pass = results[0], &layer = layer_of(results);
  CHECK(pass.op == "quantize");
  CHECK(traffic(pass, Tensor::kInputs).read_bytes == 6 * 96 * 2);
  CHECK(traffic(pass, Tensor::kOutputs).write_bytes == 6 * 96);
  CHECK(traffic(pass, Tensor::kScales).write_bytes == 6 * 4);
  // docs/networks.md: compare; multiply and divide per row, multiply, convert, 2 compare.
  CHECK(count_of(pass, "vector_unit", "compare") == 3 * 6 * 96);
  CHECK(count_of(pass, "vector_unit", "multiply") == 6 * 96 + 6);
  CHECK(count_of(pass, "vector_unit", "divide") == 6);
  CHECK(count_of(pass, "vector_unit", "convert") == 6 * 96);
  CHECK(count_of(pass, "vector_unit", "narrow") == 0);
  CHECK(pass.outcome.cycles.value >= pass.compute_cycles);
  CHECK(pass.compute_cycles > 0);
  CHECK(pass.energy.total.value > 0);

  CHECK(layer.check->wrong == 0);
  CHECK(layer.check->checked == 6 * 40);
  // Scales of 40 channels and 6 tokens; two multiplications for each result.
  CHECK(traffic(layer, Tensor::kScales).read_bytes == (40 + 6) * 4);
  CHECK(count_of(layer, "output_unit", "scale_tokens") == 6 * 40);
  CHECK(count_of(layer, "output_unit", "scale") == 6 * 40);
  // The output is fp16: its own scales are not known before the row is complete.
  CHECK(traffic(layer, Tensor::kOutputs).write_bytes == 6 * 40 * 2);
}

// 6 tokens of 96 elements, as above, with one scale: the pass takes 96 times as long a row.
TEST_CASE("dynamic scales: of a whole tensor, one multiplication and one division in all") {
  const std::string one = "{format: int8, granularity: dynamic_tensor}";
  const RunConfig run = config_of("{gemm: {m: 6, n: 40, k: 96}}", {{"precision.activations", one}});
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  const std::vector<LayerResult> results = runner.run_all(run.layer, run.precision, run.mapping);
  REQUIRE(results.size() == 2);
  const LayerResult &pass = results[0], &layer = layer_of(results);
  CHECK(count_of(pass, "vector_unit", "compare") == 3 * 6 * 96);
  CHECK(count_of(pass, "vector_unit", "multiply") == 6 * 96 + 1);
  CHECK(count_of(pass, "vector_unit", "divide") == 1);
  CHECK(traffic(pass, Tensor::kInputs).read_bytes == 6 * 96 * 2);
  CHECK(traffic(pass, Tensor::kOutputs).write_bytes == 6 * 96);
  CHECK(layer.check->wrong == 0);
  CHECK(layer.check->checked == 6 * 40);
  CHECK(traffic(layer, Tensor::kOutputs).write_bytes == 6 * 40 * 2);

  // 4,096 tokens: 786,432 bytes of fp16 that no buffer holds are read for the largest, then again.
  const RunConfig large = config_of("{gemm: {m: 4096, n: 8, k: 96}}",
                                    {{"precision.activations", one}, {"verify", "off"}});
  LayerRunner another(large.accelerator, large.dram, large.energy, large.options);
  const LayerResult twice = another.run_all(large.layer, large.precision, large.mapping).front();
  CHECK(traffic(twice, Tensor::kInputs).read_bytes == 2 * 4096 * 96 * 2);
  CHECK(traffic(twice, Tensor::kOutputs).write_bytes == 4096 * 96);
  CHECK(count_of(twice, "vector_unit", "divide") == 1);
}

TEST_CASE("dynamic scales: an output that has them is quantized after the layer") {
  const RunConfig run = config_of("{matmul: {batch: 2, m: 6, n: 40, k: 64}}",
                                  {{"precision.weights", "{format: int8, granularity: per_token}"},
                                   {"precision.output", "{format: int4, granularity: per_token}"}});
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  const std::vector<LayerResult> results = runner.run_all(run.layer, run.precision, run.mapping);
  REQUIRE(results.size() == 4);
  CHECK(results[1].extents.m == 2 * 40);  // rows of the second operand
  CHECK(results[1].extents.n == 64);
  CHECK(layer_of(results).check->wrong == 0);
  CHECK(traffic(results[3], Tensor::kOutputs).write_bytes == 2 * 6 * 40 / 2);
  CHECK(traffic(results[3], Tensor::kScales).write_bytes == 2 * 6 * 4);
}

TEST_CASE("dynamic scales: of weights that are known before, they are refused") {
  const RunConfig run =
      config_of("{gemm: {m: 6, n: 40, k: 96}}", {{"precision.weights.granularity", "per_token"}});
  CHECK_THROWS_WITH_AS(make_problem(run.accelerator, {}, run.layer.op, run.precision, {}),
                       doctest::Contains("weights are known before: use per_channel"), Error);
}

TEST_CASE("dynamic scales: one pass for all readers of a tensor, and before the cache") {
  Network network;
  NetworkLayer norm;
  norm.name = "norm";
  VectorOp op;
  op.kind = VectorKind::kRmsNorm;
  op.rows = 4;
  op.cols = 8;
  norm.op = op;
  NetworkLayer keys = gemm("k", {"norm"});
  keys.kv_cache = true;
  keys.precision.output = per_token("int8");
  NetworkLayer product;
  product.name = "qk";
  product.op = Matmul{1, 4, 4, 8, 1};
  product.inputs = {"q", "k"};
  product.kv_cache = true;
  product.precision.weights = per_token("int8");
  network.layers = {norm, gemm("q", {}), keys, gemm("v", {"norm"}), product};
  Precision precision;
  precision.weights = format_of("int8", Granularity::kPerChannel);
  precision.activations = per_token("int8");
  const Network expanded = with_quantize_passes(network, precision);
  CHECK(names_of(expanded) == std::vector<std::string>{"norm", "norm.quantize", "q", "k",
                                                       "k.quantize", "v", "q.quantize", "qk"});
  for (const char* reader : {"q", "k", "v"})
    CHECK(layer_named(expanded, reader).inputs == std::vector<std::string>{"norm.quantize"});
  // The codes are what the cache gets, so no pass stands between it and the product.
  CHECK_FALSE(layer_named(expanded, "k").kv_cache);
  CHECK(layer_named(expanded, "k.quantize").kv_cache);
  CHECK(layer_named(expanded, "qk").inputs == std::vector<std::string>{"q.quantize", "k"});
  check_network(expanded);
}

TEST_CASE("dynamic scales: a language model pays for its passes and reads its scales") {
  const test::TemporaryDirectory dir;
  const std::string file = test::write_file(
      dir, "run.yaml",
      "accelerator: edge-32x32.yaml\nnetwork: stories260k.yaml\nphase: decode\nprecision:\n"
      "  weights: {format: int8, granularity: per_channel}\n"
      "  activations: {format: int8, granularity: per_token}\n");
  const test::Outcome outcome =
      test::shell("{sim} run " + file + " --quiet -o " + dir.at("out") +
                  " --set 'network.kv_cache={format: int8, granularity: per_token}'");
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  const boost::json::value result = boost::json::parse(test::text_of(dir.at("out/result.json")));
  std::int64_t passes = 0, scales = 0;
  for (const boost::json::value& layer : result.at("layers").as_array()) {
    const std::int64_t repeat = layer.at("repeat").as_int64();
    if (layer.at("kind") != "quantize") continue;
    passes += repeat;
    scales += repeat * layer.at("dram").at("per_tensor").at("scales").at("write_bytes").as_int64();
  }
  // In each of 5 blocks: before q, k and v; qk; pv; o; gate and up; down; and keys and values on
  // their way to the cache. One before the head.
  CHECK(passes == 5 * 8 + 1);
  // 8 heads of one token have a scale each for qk and pv, 4 heads of keys and of values too; else
  // one per token.
  CHECK(scales == 4 * (5 * (1 + 8 + 8 + 1 + 1 + 1 + 4 + 4) + 1));
}

TEST_CASE("dynamic scales: a language model runs with values on, each layer equal to the oracle") {
  const test::TemporaryDirectory dir;
  const std::string file = test::write_file(
      dir, "run.yaml",
      "accelerator: edge-32x32.yaml\nnetwork: stories260k.yaml\nverify: full\nprecision:\n"
      "  weights: {format: int8, granularity: per_channel}\n"
      "  activations: {format: int8, granularity: per_token}\n");
  const auto run = [&](const std::string& arguments) {
    const test::Outcome outcome =
        test::shell("{sim} run " + file + " --quiet -o " + dir.at("out") + " " + arguments +
                    " --set 'network.kv_cache={format: int8, granularity: per_token}'");
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return boost::json::parse(test::text_of(dir.at("out/result.json")));
  };
  const auto cycles_of = [](const boost::json::value& r) { return r.at("cycles").as_int64(); };
  for (const std::string phase : {"--set phase=prefill --set network.parameters.prompt=9",
                                  "--set phase=decode --set network.parameters.context=20"}) {
    CAPTURE(phase);
    const boost::json::value on = run(phase + " --values on");
    CHECK(cycles_of(on) == cycles_of(run(phase + " --values off")));
    // 7 bits and a sign for the largest value of a row leave some 40 dB in each of 40 tensors.
    double sqnr = 0;
    std::int64_t verified = 0;
    for (const boost::json::value& layer : on.at("layers").as_array()) {
      if (!layer.at("verified").is_null())
        verified += layer.at("verified").as_bool() ? layer.at("repeat").as_int64() : -1000;
      if (layer.at("name") == "head")
        sqnr = layer.at("network_error").at("sqnr_db").to_number<double>();
    }
    CHECK(verified == 5 * 9 + 1);  // q, k, v, qk, pv, o, gate, up, down
    MESSAGE(sqnr, " dB");
    CHECK(sqnr > 20);
  }
}

}  // namespace bitjoule::dynamic_scales_test
