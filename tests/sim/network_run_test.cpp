// Whole networks in time, as users run them.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fstream>

#include "core/error.h"
#include "run/network_memory.h"
#include "run/run_config.h"
#include "sim/schema/network_file.h"
#include "support/gguf_builder.h"
#include "support/onnx_builder.h"
#include "support/shell.h"

namespace bitjoule::test {
namespace {

namespace json = boost::json;

const char* const kRun = R"(
accelerator: accelerators/edge-32x32.yaml
network: networks/stories260k.yaml
phase: decode
precision:
  weights: {format: int8, granularity: per_channel}
  activations: int8
  mac: int8
)";

/// `sim run` of kRun with further arguments: its result.json.
json::value run(const std::string& arguments) {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  const Outcome outcome = shell("{sim} run " + directory.at("run.yaml") + " --quiet -o " +
                                directory.at("out") + " " + arguments);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(directory.at("out/result.json")));
}

std::int64_t integer(const json::value& v) { return v.to_number<std::int64_t>(); }
double real(const json::value& v) { return v.to_number<double>(); }

Precision precision_of(const std::string& format) {
  Precision p;
  p.weights.format = p.activations.format = format;
  return p;
}

}  // namespace

TEST_CASE("network run: products with shared keys and values read the cache once per token") {
  // 5 layers, 4 heads of keys and of values for 8 of queries, 64 / 8 bytes for each of 24 tokens.
  const json::value result = run("--set network.parameters.context=24");
  const json::value& network = result.at("network");
  CHECK(integer(network.at("pass").at("kv_read_bytes")) == 5 * 2 * 4 * 8 * 24);
  CHECK(integer(network.at("memory").at("kv_cache_bytes")) == 5 * 2 * 4 * 8 * 24);
}

TEST_CASE("network run: equal layers simulated once or every time: the same result") {
  const json::value once = run("--set network.parameters.context=24");
  const json::value all =
      run("--set network.parameters.context=24 --set network.unroll=true --unshared");
  for (const char* key :
       {"cycles", "macs", "padded_macs", "compute_cycles", "stalls", "sram", "counts"}) {
    CAPTURE(key);
    CHECK(once.at(key) == all.at(key));
  }
  for (const char* key : {"read_bytes", "write_bytes", "padding_bytes", "per_tensor"}) {
    CAPTURE(key);
    CHECK(once.at("dram").at(key) == all.at("dram").at(key));
  }
  CHECK(real(once.at("energy").at("total_pj")) ==
        doctest::Approx(real(all.at("energy").at("total_pj"))).epsilon(1e-12));
  // 5 blocks of 18 layers that move something, embedding, norm, head.
  CHECK(integer(all.at("network").at("simulated_layers")) == 5 * 18 + 3);
  CHECK(integer(once.at("network").at("simulated_layers")) < 18 + 3);
}

TEST_CASE("network run: totals are the sums over layers, kinds and causes") {
  const json::value r = run("--network resnet18.yaml");
  std::int64_t cycles = 0, kinds = 0, bytes = 0, kind_bytes = 0, stalls = 0;
  for (const json::value& layer : r.at("layers").as_array()) {
    cycles += integer(layer.at("cycles")) * integer(layer.at("repeat"));
    const json::value& dram = layer.at("dram");
    bytes += (integer(dram.at("read_bytes")) + integer(dram.at("write_bytes")) +
              integer(dram.at("padding_bytes"))) *
             integer(layer.at("repeat"));
  }
  for (const json::value& kind : r.at("network").at("kinds").as_array()) {
    kinds += integer(kind.at("cycles"));
    kind_bytes += integer(kind.at("dram_bytes"));
    CHECK(real(kind.at("utilization")) <= 1);
  }
  for (const auto& cause : r.at("stalls").as_object()) stalls += integer(cause.value());
  CHECK(cycles == integer(r.at("cycles")));
  CHECK(kinds == cycles);
  CHECK(stalls == cycles);
  CHECK(kind_bytes == bytes);
  CHECK(integer(r.at("macs")) == 1814073344);  // workloads.md
  CHECK(integer(r.at("network").at("pass").at("cycles")) == cycles);
  // Folded batch norms leave a bias of 32 bits per channel; each is loaded at least once.
  const std::int64_t channels = 64 * 5 + 128 * 5 + 256 * 5 + 512 * 5 + 1000;
  CHECK(integer(r.at("dram").at("per_tensor").at("biases").at("read_bytes")) >= 4 * channels);
  CHECK(r.at("network").at("largest").at("cycles").as_array().size() == 10);
}

TEST_CASE("network run: a decode step reads the KV cache once, and appends to it") {
  // 5 layers, 4 KV heads of 8 channels, keys and values, a byte each.
  const std::int64_t token = 2 * 5 * 4 * 8;
  for (const int context : {24, 48}) {
    const json::value pass =
        run("--set network.parameters.context=" + std::to_string(context)).at("network").at("pass");
    CHECK(integer(pass.at("kv_read_bytes")) == token * context);
    CHECK(integer(pass.at("kv_written_bytes")) == token);
  }
  const json::value narrow =
      run("--set network.parameters.context=24 --set network.kv_cache=int4").at("network");
  CHECK(integer(narrow.at("memory").at("kv_cache_bytes")) == token * 24 / 2);
}

TEST_CASE("network run: Llama-2-7B decodes no faster than its memory streams the weights") {
  const json::value r = run("--network llama2-7b.yaml");
  CHECK(integer(r.at("macs")) == 6607077376 + 262144 * std::int64_t{512});  // workloads.md
  // Every weight of layers and head once, keys and values of 512 tokens, a row of the embedding,
  // with its scale, 65 norms in fp32.
  CHECK(integer(r.at("dram").at("per_tensor").at("weights").at("read_bytes")) ==
        6607077376 + 262144 * std::int64_t{512} + 4096 + 4 + 65 * 4096 * 4);
  const json::value& pass = r.at("network").at("pass");
  CHECK(real(pass.at("tokens_per_s")) < real(pass.at("limit_tokens_per_s")));
  CHECK(real(pass.at("limit_tokens_per_s")) <=
        real(r.at("dram").at("peak_bytes_per_s")) / (6607077376 + 262144 * 512.0));
  CHECK(pass.at("bound").as_string() == "dram");
  CHECK(!r.at("network").at("memory").at("fits").as_bool());  // 1 GiB of LPDDR5
}

TEST_CASE("network run: decoding is below the memory's limit whatever the formats") {
  for (const char* format : {"fp32", "fp16", "q8_0", "int4"})
    for (const char* dram : {"ideal.yaml", "lpddr5-6400.yaml", "ddr4-3200-x16.yaml"}) {
      CAPTURE(format);
      CAPTURE(dram);
      const json::value pass =
          run(std::string("--network stories15m.yaml --set precision.weights=") + format +
              " --set precision.activations=fp16 --set precision.mac=fp16 --set dram=" + dram)
              .at("network")
              .at("pass");
      CHECK(real(pass.at("tokens_per_s")) <= real(pass.at("limit_tokens_per_s")));
    }
}

TEST_CASE("generation: decode samples stand for every step once") {
  for (std::int64_t tokens : {1, 2, 3, 9, 17, 64, 65})
    for (std::int64_t every : {1, 3, 5, 15, 99}) {
      CAPTURE(tokens);
      CAPTURE(every);
      Generation g;
      g.prompt = 100;
      g.tokens = tokens;
      g.every = every;
      std::int64_t steps = 0, contexts = 0, before = 100;
      for (const auto& [context, weight] : decode_samples(g)) {
        CHECK(context > before);
        CHECK(context - before <= (before == 100 ? 1 : every));
        before = context;
        steps += weight;
        contexts += weight * context;
      }
      // Exact for what is linear in the context: contexts 101 .. 100 + tokens - 1.
      CHECK(steps == tokens - 1);
      CHECK(contexts == (tokens - 1) * 100 + (tokens - 1) * tokens / 2);
      CHECK((tokens == 1 || before == 100 + tokens - 1));
    }
}

TEST_CASE("generation: prefill and decode steps, each as if it were run alone") {
  const json::value r = run("--set 'generate={prompt: 16, tokens: 4}'");
  const json::value& network = r.at("network");
  const json::array& passes = network.at("passes").as_array();
  REQUIRE(passes.size() == 4);
  const json::value prefill = run("--set phase=prefill --set network.parameters.prompt=16");
  CHECK(network.at("time_to_first_token_s") == prefill.at("time_s"));
  std::int64_t cycles = integer(prefill.at("cycles"));
  for (std::size_t i = 1; i < passes.size(); ++i) {
    const json::value step = run("--set network.parameters.context=" + std::to_string(16 + i));
    CHECK(passes[i].at("cycles") == step.at("cycles"));
    cycles += integer(step.at("cycles"));
  }
  CHECK(integer(r.at("cycles")) == cycles);
  CHECK(real(network.at("decode").at("tokens")) == 3);
  // MACs are linear in the context, so sampling keeps their sum.
  const json::value sampled = run("--set 'generate={prompt: 16, tokens: 12, every: 5}'");
  const json::value each = run("--set 'generate={prompt: 16, tokens: 12}'");
  CHECK(sampled.at("network").at("passes").as_array().size() == 4);  // of 1 + 11
  CHECK(sampled.at("macs") == each.at("macs"));
  CHECK(real(sampled.at("cycles")) == doctest::Approx(real(each.at("cycles"))).epsilon(0.01));
  // One token comes out of the prompt's pass alone.
  CHECK(run("--set 'generate={prompt: 16, tokens: 1}'").at("cycles") == prefill.at("cycles"));
}

TEST_CASE("generation: what it sets is not set beside it, and a phase takes its place") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("chat.yaml")) << std::string(kRun).replace(
      std::string(kRun).find("phase: decode"), 13, "generate: {prompt: 8, tokens: 3}");
  std::ofstream(directory.at("both.yaml")) << kRun << "generate: {prompt: 8, tokens: 3}\n";
  const auto output = [&](const std::string& arguments, int code) {
    const Outcome outcome = shell("cd " + directory.at("") + " && {sim} run " + arguments);
    CAPTURE(arguments);
    CAPTURE(outcome.text);
    CHECK(outcome.code == code);
    return outcome.text;
  };
  const auto names = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(names(output("both.yaml", 2),
              "both.yaml:4:8: phase: not beside generate, which runs prefill and decode"));
  CHECK(names(output("chat.yaml --set network.parameters.batch=2", 2),
              "--set network.parameters.batch: a generation sets it: see generate"));
  CHECK(names(output("chat.yaml", 0), "first token after"));
  // One phase alone; and what is said last counts.
  for (const char* phase : {"prefill", "decode"}) {
    const std::string one = output(std::string("chat.yaml --set phase=") + phase, 0);
    CHECK(names(one, phase));
    CHECK(!names(one, "first token after"));
  }
  CHECK(names(output("chat.yaml --set phase=decode --set 'generate={prompt: 4, tokens: 2}'", 0),
              "first token after"));
}

TEST_CASE("network run: outputs that are NaN or infinite are told, not taken as exact") {
  // Outliers beyond what fp16 holds: in every row of 64, so that every sum is infinite.
  const json::value r = run(
      "--set 'layer={gemm: {m: 2, n: 4, k: 64}, inputs: {generator: outliers, outlier_share: 0.02, "
      "outlier_factor: 100000000}}' --set precision.weights=fp32 --set precision.activations=fp32 "
      "--set precision.mac=fp32 --set precision.output=fp16");
  const json::value& error = r.at("error");
  CHECK(integer(error.at("compared")) == 0);
  CHECK(integer(error.at("not_finite")) == 2 * 4);
  CHECK(error.at("sqnr_db").is_null());
}

TEST_CASE("network memory: caches as published, and what is alive at once") {
  const auto llama = [](const std::string& format, std::int64_t context) {
    NetworkOptions options;
    options.parameters = {{"context", context}};
    Source source = file_source("llama2-7b.yaml");
    return network_memory(read_network(source, {}, options), precision_of(format));
  };
  CHECK(llama("fp16", 4096).kv_cache == std::int64_t{2} << 30);  // workloads.md
  CHECK(llama("int8", 2048).kv_cache == std::int64_t{1} << 29);
  // 65 norms of 4096 are stored in fp32 in any case.
  CHECK(llama("fp16", 512).weights == 2 * std::int64_t{6738415616} + 65 * 4096 * 2);
  const Network residual = read_network(text_source("n.yaml", R"(
inputs: [{name: x, shape: [1, 10]}]
layers:
- {name: a, gemm: {m: 1, n: 100, k: 10}, inputs: [x]}
- {name: b, gemm: {m: 1, n: 300, k: 100}}
- {name: view, vector: {op: reshape, rows: 3, cols: 100}}
- {name: c, gemm: {m: 1, n: 100, k: 300}}
- {name: d, vector: {op: add, rows: 1, cols: 100}, inputs: [a, c]}
)"));
  // While c runs: a waits for d, b is read through its view; and the input.
  CHECK(network_memory(residual, precision_of("int8")).activations == 100 + 300 + 100 + 10);
}

TEST_CASE("network memory: activations on chip must fit together, not layer by layer") {
  // int8: while c runs, x is done with; a (100 B) waits for d, b (300 B) is read, c (100 B)
  // written.
  const std::string text = R"(
inputs: [{name: x, shape: [1, 10]}]
layers:
- {name: a, gemm: {m: 1, n: 100, k: 10}, inputs: [x]}
- {name: b, gemm: {m: 1, n: 300, k: 100}}
- {name: view, vector: {op: reshape, rows: 3, cols: 100}}
- {name: c, gemm: {m: 1, n: 100, k: 300}}
- {name: d, vector: {op: add, rows: 1, cols: 100}, inputs: [a, c]}
)";
  const auto check = [&](const std::string& network, std::int64_t input, std::int64_t output) {
    BuffersConfig buffers;
    buffers.input.capacity = Bytes(input);
    buffers.output.capacity = Bytes(output);
    try {
      check_on_chip(read_network(text_source("n.yaml", network)), precision_of("int8"), buffers);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(check(text, 300, 200).empty());
  // Every layer alone fits: at most 300 + 100.
  CHECK(
      check(text, 300, 199) ==
      "mapping.activations: on_chip: while layer \"c\" runs, 500 B are alive (b 300 B, a 100 B, c "
      "100 B), the input and output buffers hold 499 B");
  // An input that is read late, a cache, an output of the network.
  CHECK(check("inputs: [{name: x, shape: [40]}]\nlayers:\n- {name: a, gemm: {m: 1, n: 8, k: 40}, "
              "inputs: [x]}\n- {name: b, gemm: {m: 1, n: 4, k: 8}}\n- {name: c, vector: {op: add, "
              "rows: 1, cols: 40}, inputs: [x, x]}\noutputs: [a, c]\n",
              50, 37)
            .find("while layer \"c\" runs, 88 B are alive (x 40 B, c 40 B, a 8 B)") !=
        std::string::npos);
  CHECK(
      check("layers:\n- {name: k, gemm: {m: 1, n: 4, k: 4}, kv_cache: true}\n- {name: qk, matmul: "
            "{m: 1, n: 100, k: 4}, inputs: [k, k], kv_cache: true}\n",
            400, 99)
          .find("while layer \"qk\" runs, 500 B are alive (the KV cache 400 B, qk 100 B)") !=
      std::string::npos);
}

TEST_CASE("network run: what a run file says counts for the network that replaces its own") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  std::ofstream(directory.at("prefill.yaml"))
      << std::string(kRun).replace(std::string(kRun).find("phase: decode"), 13, "phase: prefill");
  std::ofstream(directory.at("tiny.gguf"), std::ios::binary) << tiny_llama().bytes();
  const auto run = [&](const std::string& arguments) {
    const Outcome outcome = shell("cd " + directory.at("") + " && {sim} run " + arguments +
                                  " --quiet -o out --set precision.activations=fp16 --set "
                                  "precision.mac=fp16");
    CAPTURE(arguments);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
    return std::make_pair(outcome.text, json::parse(text_of(directory.at("out/result.json"))));
  };
  const auto says = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  // The phase stays: of 16 tokens every weight multiplies with each.
  const std::int64_t d = 256, kv = 128, ffn = 512, vocab = 32;
  const std::int64_t linear = 2 * d * d + 2 * d * kv + 3 * d * ffn + d * vocab;
  const auto [text, prefill] = run("prefill.yaml --network tiny.gguf --size prompt=16");
  CHECK(integer(prefill.at("macs")) == 16 * linear + 2 * 16 * 16 * d);
  CHECK(says(text, "note: precision.weights: no effect: the network brings the format"));
  CHECK(says(run("run.yaml --network resnet18.yaml").first,
             "note: phase: decode: no effect: the network has no phases"));
  // Parameters that are set count, whatever the phase says of them.
  CHECK(integer(run("run.yaml --network tiny.gguf --size tokens=3 --size context=16")
                    .second.at("macs")) == 3 * (linear + 2 * 16 * d));
  const std::int64_t one = integer(run("run.yaml").second.at("macs"));
  CHECK(integer(run("run.yaml --set network.parameters.tokens=5").second.at("macs")) == 5 * one);
  CHECK(says(run("run.yaml --set network.parameters.prompt=5").first,
             "note: network.parameters.prompt: no effect: no layer depends on it in phase decode"));
  CHECK(says(run("run.yaml --network resnet18.yaml --set network.kv_cache=int8").first,
             "note: kv_cache: no effect"));
  CHECK(run("run.yaml --set network.parameters.context=24").first.empty());
}

TEST_CASE("network run: a GGUF of mixed types moves every tensor's bytes as they are stored") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  std::ofstream(directory.at("tiny.gguf"), std::ios::binary) << tiny_llama().bytes();
  const std::string sim = "cd " + directory.at("") + " && {sim} ";
  const std::string arguments =
      " --quiet --set network.parameters.context=16 --set precision.activations=fp16 "
      "--set precision.mac=fp16 ";
  const Outcome direct = shell(sim + "run run.yaml --network tiny.gguf -o direct" + arguments);
  CAPTURE(direct.text);
  REQUIRE(direct.code == 0);
  const json::value r = json::parse(text_of(directory.at("direct/result.json")));
  const std::int64_t d = 256, kv = 128, ffn = 512, vocab = 32;
  // Per block of 32 or 256, codes and then scales with minima (ggml-common.h).
  const std::int64_t codes = d * d / 32 * 16           // q: q4_0
                             + d * kv / 32 * 32        // k: q8_0
                             + d * kv / 256 * 192      // v: q6_k
                             + d * d * 2               // o: fp16
                             + d * ffn / 32 * 16       // gate: q4_1
                             + d * ffn / 256 * 160     // up: q5_k
                             + ffn * d / 256 * 96      // down: q3_k
                             + d * vocab / 256 * 128;  // head, the embedding's: q4_k
  const std::int64_t scales = d * d / 32 * 2 + d * kv / 32 * 2 + d * kv / 256 * 18 +
                              d * ffn / 32 * 4 + d * ffn / 256 * 16 + ffn * d / 256 * 14 +
                              d * vocab / 256 * 16;
  const std::int64_t embedding_codes = 128, embedding_scales = 16;
  const std::int64_t norms = 3 * d * 4, cache = 2 * kv * 16 * 2;
  const json::value& tensors = r.at("dram").at("per_tensor");
  CHECK(integer(tensors.at("weights").at("read_bytes")) == codes + embedding_codes + norms + cache);
  CHECK(integer(tensors.at("scales").at("read_bytes")) == scales + embedding_scales);
  // The same by way of a network file.
  REQUIRE(shell(sim + "import tiny.gguf -o tiny.yaml").code == 0);
  REQUIRE(shell(sim + "run run.yaml --network tiny.yaml -o file" + arguments).code == 0);
  const json::value file = json::parse(text_of(directory.at("file/result.json")));
  for (const char* key : {"cycles", "dram", "energy", "layers"}) {
    CAPTURE(key);
    CHECK(file.at(key) == r.at(key));
  }
}

TEST_CASE("network run: scales and biases in a buffer without halves wait for their tile") {
  // 64 channels of 4-byte biases and scales fill 512 B: the next tile's come when these are read.
  const json::value r =
      run("--network mlperf-tiny-ic.yaml --set accelerator.buffers.scale.double_buffered=false "
          "--set 'accelerator.buffers.scale.capacity=512 B'");
  CHECK(integer(r.at("sram").at("scale").at("peak_bytes")) <= 512);
  CHECK(integer(r.at("macs")) == 12501632);  // workloads.md
}

TEST_CASE("network run: a layer of many tiles takes time by their number, not by its square") {
  // 2000 x 128 tiles of 32 x 32 weights: seconds, where a look back from each tile takes minutes.
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  const Outcome outcome =
      shell("timeout 60 {sim} run " + directory.at("run.yaml") +
            " --quiet --values off --set 'layer={gemm: {m: 1, n: 64000, k: 4096}}' --set "
            "dram=ideal.yaml --set precision.weights=fp32 --set precision.activations=fp32 --set "
            "precision.mac=fp32 --set 'mapping.tile={n: 32, k: 32}'");
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
}

TEST_CASE("network run: an imported network's open sizes, and what is left out of it") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  OnnxModel model;
  model.input("x", {0, 8}).output("y").constant("w", {8, 4});
  model.node("Softsign", {"x"}, "a");
  model.node("MatMul", {"a", "w"}, "y");
  std::ofstream(directory.at("m.onnx")) << model.bytes();
  const auto images_per_second = [&](const std::string& options, std::int64_t macs) {
    const Outcome outcome =
        shell("{sim} run " + directory.at("run.yaml") + " --quiet -o " + directory.at("out") +
              " --skip-unknown --network " + directory.at("m.onnx") + " " + options);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
    CHECK(outcome.text ==
          "note: left out: 1 x Softsign (node \"Softsign_a\")\n"
          "note: phase: decode: no effect: the network has no phases\n");
    const json::value r = json::parse(text_of(directory.at("out/result.json")));
    CHECK(integer(r.at("macs")) == macs);
    return real(r.at("network").at("pass").at("images_per_s")) * real(r.at("time_s"));
  };
  CHECK(images_per_second("", 8 * 4) == doctest::Approx(1));
  CHECK(images_per_second("--batch 3", 3 * 8 * 4) == doctest::Approx(3));
  CHECK(images_per_second("--size N=5", 5 * 8 * 4) == doctest::Approx(5));
}

TEST_CASE("network run: other programs' files, and what is refused") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  std::ofstream(directory.at("two.csv")) << "Layer, M, N, K,\nfirst, 4, 32, 64,\nlast, 4, 8, 32,\n";
  const std::string sim = "cd " + directory.at("") + " && {sim} run run.yaml ";
  const Outcome imported = shell(sim + "--network two.csv");
  CAPTURE(imported.text);
  CHECK(imported.code == 0);
  CHECK(imported.text.find("first") != std::string::npos);
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const Outcome outcome = shell(sim + arguments);
    CAPTURE(arguments);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(message) != std::string::npos);
  };
  refused("--network nowhere.onnx", "nowhere.onnx");
  refused("--batch 2", "of an imported network");
  refused("--network resnet18.yaml --size batch=2", "--set network.parameters.NAME=N");
  refused("--network two.csv --batch 2", "two.csv: --batch, --size and --skip-unknown");
  refused("--network two.csv --batch 0", "--batch");
  std::ofstream(directory.at("machine.cfg")) << "[general]\n";
  refused("--network machine.cfg", "machine.cfg: a machine, not a network");
  refused("--set layer.gemm.m=3", "expected one of layer, network, passes, got layer, network");
  refused("--set generate.every=4", "every: expected an odd number, got 4");
  refused("--network resnet18.yaml --set generate.prompt=4", "the network has no phases");
  refused("--set network.parameters.contxt=24",
          "--set network.parameters.contxt: parameters.contxt: unknown parameter: no expression of "
          "the network uses it, did you mean \"context\"?");
  refused("--network resnet18.yaml --set network.parameters.bach=2", "did you mean \"batch\"?");
  refused("--set overlap=layer", "did you mean \"layers\"?");
  refused("--set phase=decod", "did you mean \"decode\"?");
  refused("--vcd x.vcd", "of a run with one layer");
  refused("--set 'accelerator.buffers.input={capacity: 64 B, banks: 1, port_width: 64 bit}'",
          "layer \"");
}

}  // namespace bitjoule::test
