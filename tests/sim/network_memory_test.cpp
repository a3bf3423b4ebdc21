// What of a network must lie in memory at once.
#include "run/network_memory.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>

#include "core/error.h"
#include "run/run_config.h"
#include "sim/schema/network_file.h"

namespace bitjoule::test::network_memory_test {
namespace {

Precision precision_of(const std::string& format) {
  Precision p;
  p.weights.format = p.activations.format = format;
  return p;
}

}  // namespace

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
  // While c runs: a waits for d, b is read through its view; nobody reads the input any more.
  CHECK(network_memory(residual, precision_of("int8")).activations == 100 + 300 + 100);
}

// What llama.cpp's logs tell of its caches, to the two digits they have.
TEST_CASE("network memory: caches in blocks are as large as llama.cpp's") {
  using Parameters = std::map<std::string, std::int64_t>;
  const Parameters qwen3 = {{"layers", 94}, {"heads", 64}, {"kv_heads", 4}, {"head_dim", 128}};
  const Parameters deepseek = {{"layers", 61},   {"kv_lora", 512},  {"q_lora", 1536},
                               {"rope_dim", 64}, {"nope_dim", 128}, {"value_dim", 128}};
  const struct {
    Parameters model;
    const char* format;
    std::int64_t context;
    double mib;
  } rows[] = {{qwen3, "fp16", 32768, 6016.00},    {qwen3, "q8_0", 32768, 3196.00},
              {deepseek, "q8_0", 32768, 1166.62}, {deepseek, "q8_0", 2048, 72.91},
              {deepseek, "fp16", 16384, 1098.00}, {deepseek, "fp16", 2048, 137.25}};
  for (const auto& row : rows) {
    CAPTURE(row.format);
    CAPTURE(row.context);
    NetworkOptions options;
    options.parameters = row.model;
    options.parameters["context"] = row.context;
    Source source = file_source("llama2-7b.yaml");
    Network network = read_network(source, {}, options);
    for (NetworkLayer& layer : network.layers)
      if (layer.kv_cache && std::holds_alternative<Matmul>(layer.op))
        layer.precision.weights = precision_of(row.format).weights;
    const double bytes =
        static_cast<double>(network_memory(network, precision_of("fp16")).kv_cache);
    CHECK(std::abs(bytes / (1 << 20) - row.mib) < 0.00501);
  }
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
  // An input that is read late, an output of the network; a cache, which is in DRAM.
  CHECK(check("inputs: [{name: x, shape: [40]}]\nlayers:\n- {name: a, gemm: {m: 1, n: 8, k: 40}, "
              "inputs: [x]}\n- {name: b, gemm: {m: 1, n: 4, k: 8}}\n- {name: c, vector: {op: add, "
              "rows: 1, cols: 40}, inputs: [x, x]}\noutputs: [a, c]\n",
              50, 37)
            .find("while layer \"c\" runs, 88 B are alive (x 40 B, c 40 B, a 8 B)") !=
        std::string::npos);
  CHECK(
      check("layers:\n- {name: k, gemm: {m: 1, n: 4, k: 4}, kv_cache: true}\n- {name: qk, matmul: "
            "{m: 1, n: 100, k: 4}, inputs: [k, k], kv_cache: true}\n",
            60, 39)
          .find("while layer \"qk\" runs, 100 B are alive (qk 100 B), the input") !=
      std::string::npos);
}

}  // namespace bitjoule::test::network_memory_test
