// Fused attention in runs of networks.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "support/network_run.h"

namespace bitjoule::test::attention_run_test {
namespace {

// A block with 4 heads of 32 numbers on 2 of keys and values.
constexpr std::int64_t kHeads = 4, kKvHeads = 2, kDim = 32;
constexpr const char* kNetwork = R"(
name: heads-of-32
base: base/llama.yaml
parameters: {hidden: 128, layers: 1, heads: 4, kv_heads: 2, ffn: 64, vocab: 64, context: 40, prompt: 12}
)";
// Values come as columns.
constexpr const char* kColumns = R"(
name: columns
inputs: [{name: q, shape: [4, 8]}, {name: k, shape: [8, 8]}, {name: v, shape: [8, 8]}]
layers:
- {name: qk, matmul: {batch: 1, m: 4, n: 8, k: 8}, inputs: [q, k]}
- {name: softmax, vector: {op: softmax, rows: 4, cols: 8}}
- {name: pv, matmul: {batch: 1, m: 4, n: 8, k: 8}, inputs: [softmax, v]}
)";
// Input, weight and accumulator buffer of 32 KiB, 16 KiB each for results and scales: 128 KiB.
constexpr const char* kFusedRun = R"(
accelerator:
  base: accelerators/edge-16x16.yaml
  buffers:
    input: {capacity: 32 KiB}
    weight: {capacity: 32 KiB}
    accumulator: {capacity: 32 KiB}
    output: {capacity: 16 KiB}
    scale: {capacity: 16 KiB}
network: heads-of-32.yaml
phase: decode
precision: {weights: fp16, activations: fp16}
)";

// Of far more bursts than an estimate puts to the memory.
constexpr const char* kLongRun = R"(
accelerator: accelerators/edge-32x32-x64.yaml
network:
  name: one-head-of-keys
  base: base/llama.yaml
  parameters: {hidden: 512, heads: 8, kv_heads: 1, ffn: 64, layers: 1, vocab: 64, context: 1536, prompt: 1024}
phase: prefill
precision: {weights: {format: int8, granularity: per_channel}, activations: int8, mac: auto}
mapping: {attention: fused}
)";

constexpr const char* kLongVectors = R"(
accelerator: accelerators/edge-16x16.yaml
network: {name: long-rows, base: tinyllama-1.1b.yaml, parameters: {layers: 1, vocab: 64}}
phase: prefill
precision: {weights: {format: int8, granularity: per_channel}, activations: int8, mac: auto}
fidelity: estimate
)";

Outcome run_text(const std::string& arguments, const TemporaryDirectory& directory) {
  write_file(directory, "heads-of-32.yaml", kNetwork);
  write_file(directory, "columns.yaml", kColumns);
  const std::string file = write_file(directory, "run.yaml", kFusedRun);
  return shell("{sim} run " + file + " --quiet -o " + directory.at("out") + " " + arguments);
}

json::value run_fused(const std::string& arguments) {
  const TemporaryDirectory directory;
  const Outcome outcome = run_text(arguments, directory);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(directory.at("out/result.json")));
}

const json::value& layer(const json::value& result, const std::string& name) {
  for (const json::value& one : result.at("layers").as_array())
    if (one.at("name").as_string() == name) return one;
  FAIL("no layer ", name);
  return result;
}

bool has_layer(const json::value& result, const std::string& name) {
  for (const json::value& one : result.at("layers").as_array())
    if (one.at("name").as_string() == name) return true;
  return false;
}

void check_stalls(const json::value& result) {
  for (const json::value& one : result.at("layers").as_array()) {
    CAPTURE(one.at("name").as_string());
    std::int64_t sum = 0;
    for (const auto& stall : one.at("stalls").as_object()) {
      CHECK(integer(stall.value()) >= 0);
      sum += integer(stall.value());
    }
    CHECK(sum == integer(one.at("cycles")));
  }
}

const std::string kFused = "--set mapping.attention=fused ";

}  // namespace

TEST_CASE("attention: one layer in the place of three, which moves no scores") {
  for (const std::string phase : {"decode", "prefill"}) {
    CAPTURE(phase);
    const std::string arguments = "--set phase=" + phase + " ";
    const std::int64_t tokens = phase == "decode" ? 1 : 12, keys = phase == "decode" ? 40 : 12;
    const json::value apart = run_fused(arguments), fused = run_fused(kFused + arguments);
    CHECK(has_layer(apart, "blk.*.softmax"));
    CHECK_FALSE(has_layer(fused, "blk.*.softmax"));
    CHECK_FALSE(has_layer(fused, "blk.*.qk"));
    const json::value& attention = layer(fused, "blk.*.pv");
    const json::value& bytes = attention.at("dram").at("per_tensor");
    CHECK(integer(bytes.at("inputs").at("read_bytes")) == tokens * kHeads * kDim * 2);
    CHECK(integer(bytes.at("weights").at("read_bytes")) == 2 * keys * kKvHeads * kDim * 2);
    CHECK(integer(bytes.at("outputs").at("write_bytes")) == tokens * kHeads * kDim * 2);
    CHECK(integer(attention.at("macs")) == kHeads * tokens * keys * 2 * kDim);
    for (const char* key : {"kv_read_bytes", "kv_written_bytes"})
      CHECK(apart.at("network").at("pass").at(key) == fused.at("network").at("pass").at(key));
    CHECK(apart.at("network").at("memory").at("kv_cache_bytes") ==
          fused.at("network").at("memory").at("kv_cache_bytes"));
  }
}

TEST_CASE("attention: an estimate counts and prices what a run does") {
  const std::string prompt = kFused + "--set phase=prefill ";
  const json::value run = run_fused(prompt);
  const json::value estimate = run_fused(prompt + "--fidelity estimate");
  const json::value &ran = layer(run, "blk.*.pv"), &said = layer(estimate, "blk.*.pv");
  CHECK(ran.at("dram").at("per_tensor") == said.at("dram").at("per_tensor"));
  for (const char* key : {"macs", "padded_macs", "compute_cycles"})
    CHECK(ran.at(key) == said.at(key));
  for (const char* component : {"array", "accumulator_buffer", "input_buffer", "weight_buffer",
                                "output_buffer", "vector_unit"})
    CHECK(ran.at("energy").at("components").at(component) ==
          said.at("energy").at("components").at(component));
}

TEST_CASE("attention: the estimate of a long prompt, whose first queries see few keys") {
  const TemporaryDirectory directory;
  const std::string file = write_file(directory, "run.yaml", kLongRun);
  for (const std::string window : {"1024", "256"}) {
    CAPTURE(window);
    const auto run = [&](const std::string& fidelity) {
      const Outcome outcome =
          shell(fmt::format("{{sim}} run {} --quiet -o {} --set network.parameters.window={} "
                            "--fidelity {}",
                            file, directory.at("out"), window, fidelity));
      CAPTURE(outcome.text);
      REQUIRE(outcome.code == 0);
      return json::parse(text_of(directory.at("out/result.json")));
    };
    const json::value did = run("fast"), said = run("estimate");
    CHECK(real(layer(said, "blk.*.pv").at("cycles")) ==
          doctest::Approx(real(layer(did, "blk.*.pv").at("cycles"))).epsilon(0.03));
    check_stalls(said);
  }
  // Vector operators of many chunks: results of the last ones are stored behind all.
  const std::string vectors = write_file(directory, "vectors.yaml", kLongVectors);
  const Outcome outcome = shell("{sim} run " + vectors + " --quiet -o " + directory.at("out"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  check_stalls(json::parse(text_of(directory.at("out/result.json"))));
}

TEST_CASE("attention: encoders, whose values a turn of their own makes columns, go by rows") {
  for (const std::string network : {"bert-base", "vit-b-16"}) {
    CAPTURE(network);
    const std::string file = "--set network=" + network + ".yaml ";
    const std::string small = network == "bert-base" ? "--set network.parameters.tokens=40 "
                                                     : "--set network.parameters.image=96 ";
    const std::string sizes = small +
                              "--set network.parameters.layers=1 --set "
                              "network.parameters.hidden=64 --set network.parameters.heads=2 ";
    const std::int64_t tokens = network == "bert-base" ? 40 : 37, hidden = 64;
    const json::value result =
        run_fused(fmt::format("{}{}{}--values on", kFused, file, sizes));  // by the oracle
    const json::value& attention = layer(result, "blk.0.pv");
    CHECK(attention.at("verified").as_bool());
    const json::value& bytes = attention.at("dram").at("per_tensor");
    CHECK(integer(bytes.at("inputs").at("read_bytes")) == tokens * hidden * 2);
    CHECK(integer(bytes.at("weights").at("read_bytes")) == 2 * tokens * hidden * 2);
    CHECK(integer(bytes.at("outputs").at("write_bytes")) == tokens * hidden * 2);
    // Nobody sees less than all keys.
    CHECK(integer(attention.at("macs")) == 2 * tokens * tokens * hidden);
  }
}

TEST_CASE("attention: 131,072 tokens on a machine of 128 KiB") {
  const json::value result =
      run_fused(kFused + "--set network.parameters.context=131072 --fidelity estimate");
  const json::value& bytes = layer(result, "blk.*.pv").at("dram").at("per_tensor");
  CHECK(integer(bytes.at("weights").at("read_bytes")) == 2 * 131072 * kKvHeads * kDim * 2);
  CHECK(integer(bytes.at("outputs").at("write_bytes")) == kHeads * kDim * 2);
}

TEST_CASE("attention: what cannot be fused is refused, with its place") {
  const auto refusal = [](const std::string& arguments) {
    const TemporaryDirectory directory;
    const Outcome outcome = run_text(kFused + arguments, directory);
    CHECK(outcome.code != 0);
    return outcome.text;
  };
  CHECK(refusal("--set network=resnet18.yaml")
            .find("mapping.attention: fused: ResNet-18 has no softmax between two products") !=
        std::string::npos);
  const TemporaryDirectory directory;
  const std::string columns = "--set network=" + directory.at("columns.yaml");
  CHECK(run_text(kFused + columns, directory).text.find("a row for each of them") !=
        std::string::npos);
  CHECK(refusal("--set precision.activations=mxfp8_e4m3")
            .find("probabilities are stored as activations are") != std::string::npos);
}

}  // namespace bitjoule::test::attention_run_test
