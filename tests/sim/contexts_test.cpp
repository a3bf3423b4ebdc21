// Steps of a decoder with several sequences and tokens: what they multiply and keep, by hand.
#include "sim/schema/contexts.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "run/network_memory.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_network.h"
#include "sim/schema/network_file.h"

namespace bitjoule::test::contexts_test {
namespace {

constexpr std::int64_t kHidden = 64, kLayers = 2, kKvWidth = 32, kFfn = 96, kVocabulary = 100;
// Weights that a token is multiplied with: q and o, k and v, three of the MLP, the head.
constexpr std::int64_t kWeights =
    kLayers * (2 * kHidden * kHidden + 2 * kHidden * kKvWidth + 3 * kHidden * kFfn) +
    kHidden * kVocabulary;

Network read(const std::string& more) {
  return read_network(text_source("n.yaml", R"(name: small
base: base/llama.yaml
parameters: {hidden: 64, layers: 2, heads: 4, kv_heads: 2, ffn: 96, vocab: 100}
)" + more));
}

std::string message(const std::string& more) {
  try {
    read(more);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct Work {
  std::int64_t linear = 0, attention = 0, cache = 0;
};

Work work_of(const Network& network) {
  Work work;
  for (const NetworkLayer& layer : network.layers)
    (std::holds_alternative<Matmul>(layer.op) ? work.attention : work.linear) +=
        layer_macs(layer) * layer.repeat;
  Precision fp16;
  fp16.weights.format = fp16.activations.format = "fp16";
  work.cache = network_memory(network, fp16).kv_cache;
  return work;
}

/// Of one new token for each of `contexts`, scores and sums of values.
std::int64_t attention_of(const std::vector<std::int64_t>& contexts) {
  std::int64_t macs = 0;
  for (const std::int64_t c : contexts) macs += kLayers * 2 * kHidden * c;
  return macs;
}

}  // namespace

TEST_CASE("contexts: a batch of several lengths is the sum of its sequences") {
  const Network network = read("contexts: [9, 5, 9]\n");
  const Work work = work_of(network);
  CHECK(work.linear == 3 * kWeights);
  CHECK(work.attention == attention_of({9, 5, 9}));
  CHECK(work.cache == kLayers * 2 * kKvWidth * (9 + 5 + 9) * 2);
  Precision fp16;
  fp16.weights.format = fp16.activations.format = "fp16";
  CHECK(network_memory(network, fp16, 8).kv_cache == kLayers * 2 * kKvWidth * (16 + 8 + 16) * 2);
  CHECK(kv_elements_written(network) == 3 * kLayers * 2 * kKvWidth);
  CHECK(total_parameters(network) == total_parameters(read("")));
  std::map<std::string, NetworkLayer> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = layer;
  const auto& longer = std::get<Matmul>(layers.at("blk.*.qk@9").op);
  CHECK(longer.batch == 2 * 4);
  CHECK(longer.n == 9);
  CHECK(std::get<Matmul>(layers.at("blk.*.pv@5").op).batch == 4);
  CHECK(layers.at("blk.*.pv@5").inputs[0] == "blk.*.softmax@5");
  CHECK(std::get<VectorOp>(layers.at("blk.*.softmax@5").op).cols == 5);
  CHECK(layers.count("blk.*.rope_q") == 1);  // where tokens stand costs nothing
}

TEST_CASE("contexts: of one length, and within a window, are a batch as any other") {
  const Work same = work_of(read("contexts: [7, 7]\n"));
  CHECK(same.attention == attention_of({7, 7}));
  // A window of 4 tokens sees as many of 8 as of 64, and 3 of 3.
  const std::string window = "{hidden: 64, layers: 2, heads: 4, kv_heads: 2, window: 4}";
  const auto windowed = [&](const std::string& contexts) {
    return work_of(
        read_network(text_source("n.yaml", "name: w\nbase: base/llama.yaml\nparameters: " + window +
                                               "\ncontexts: " + contexts + "\n")));
  };
  CHECK(windowed("[8, 64]").attention == attention_of({4, 4}));
  CHECK(windowed("[8, 3]").attention == attention_of({4, 3}));
}

TEST_CASE("contexts: what they contradict is refused") {
  CHECK(message("contexts: [5, 0]\n").find("contexts[1]: expected") != std::string::npos);
  const NetworkFile file = read_document<NetworkFile>(
      text_source("n.yaml", "base: base/llama.yaml\ncontexts: [5, 9]\n"));
  NetworkOptions options;
  options.generates = true;
  CHECK_THROWS_WITH_AS(build_network(file, options),
                       "llama: contexts: of one step, not beside generate, which sets the context",
                       Error);
  CHECK(timing_only(file).size() == 1);
}

TEST_CASE("decode: drafts that are verified, and prompts whose beginning is cached") {
  const std::string sizes = "{hidden: 64, layers: 2, heads: 4, kv_heads: 2, ffn: 96, vocab: 100, ";
  const auto step = [&](const std::string& more) {
    return read_network(
        text_source("n.yaml", "name: s\nbase: base/llama.yaml\nparameters: " + sizes + more));
  };
  // Four tokens at once: rows of the same products, over the keys of all that were before.
  const Network draft = step("tokens: 4, context: 20}\n");
  CHECK(work_of(draft).linear == 4 * kWeights);
  CHECK(work_of(draft).attention == 4 * attention_of({20}));
  CHECK(work_of(draft).cache == kLayers * 2 * kKvWidth * 20 * 2);  // read once for all four
  CHECK(kv_elements_written(draft) == 4 * kLayers * 2 * kKvWidth);
  // Of a prompt of 24 tokens 16 are there.
  const Network prompt = step("tokens: 8, context: 24}\n");
  CHECK(work_of(prompt).linear == 8 * kWeights);
  CHECK(work_of(prompt).attention == 8 * attention_of({24}));
  CHECK(kv_elements_written(prompt) == 8 * kLayers * 2 * kKvWidth);
}

TEST_CASE("overrides: rules of another phase's layers, and optional ones") {
  const std::string phases = R"(name: two
phases: {first: {a: 1}, second: {a: 0}}
phase: second
parameters: {a: 0}
layers:
- {when: =a, name: x, gemm: {m: 1, n: 4, k: 4}}
- {name: y, gemm: {m: 1, n: 4, k: 4}}
overrides:
)";
  const auto fault = [&](const std::string& rule) -> std::string {
    try {
      read_network(text_source("n.yaml", phases + rule));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(fault("- {layers: [x], precision: {weights: int8}}\n").empty());
  CHECK(fault("- {layers: [z], precision: {weights: int8}}\n") ==
        "two: overrides: no layer is named \"z\"");
  CHECK(fault("- {layers: [z], optional: true, precision: {weights: int8}}\n").empty());
}

TEST_CASE("network: what stands for the cache is the second operand of a product that reads it") {
  const auto fault = [](const std::string& layer) -> std::string {
    try {
      read_network(text_source("n.yaml", "name: n\nlayers:\n- " + layer));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string product = "name: p, matmul: {batch: 1, m: 1, n: 4, k: 4}, ";
  CHECK(fault("{" + product + "inputs: [$operand, $cache], kv_cache: true}\n").empty());
  const std::string expected =
      "n: layer \"p\": inputs: $cache stands for the second operand of a matmul with kv_cache";
  CHECK(fault("{" + product + "inputs: [$operand, $cache]}\n") == expected);
  CHECK(fault("{" + product + "inputs: [$cache, $operand], kv_cache: true}\n") == expected);
}

}  // namespace bitjoule::test::contexts_test
