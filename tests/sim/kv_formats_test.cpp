// A KV cache in every format: a row of a head is a row of the cache, for keys and for values.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>

#include "support/network_run.h"

namespace bitjoule::test::kv_formats_test {
namespace {

// Two blocks of 4 heads of 32 numbers, on 2 heads of keys and of values.
constexpr std::int64_t kLayers = 2, kKvHeads = 2;
constexpr const char* kNetwork = R"(
name: heads-of-32
base: base/llama.yaml
parameters: {hidden: 128, layers: 2, heads: 4, kv_heads: 2, ffn: 64, vocab: 64, tied: 1, context: 19, prompt: 5}
)";
constexpr const char* kCacheRun = R"(
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
network: heads-of-32.yaml
phase: decode
precision: {weights: fp16, activations: fp16}
)";

json::value run_cache(const std::string& cache, const std::string& arguments) {
  const TemporaryDirectory directory;
  write_file(directory, "heads-of-32.yaml", kNetwork);
  const std::string file = write_file(directory, "run.yaml", kCacheRun);
  const Outcome outcome = shell("{sim} run " + file + " --quiet -o " + directory.at("out") +
                                " --set 'network.kv_cache=" + cache + "' " + arguments);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(directory.at("out/result.json")));
}

/// What 32 numbers of a head take.
struct Row {
  const char* cache;
  std::int64_t bytes;
};
constexpr Row kRows[] = {
    {"fp32", 32 * 4},
    {"fp16", 32 * 2},
    {"bf16", 32 * 2},
    {"q8_0", 2 + 32},
    {"q4_0", 2 + 16},
    {"q4_1", 2 + 2 + 16},
    {"q5_0", 2 + 4 + 16},
    {"q5_1", 2 + 2 + 4 + 16},
    {"iq4_nl", 2 + 16},
    {"{format: int8, granularity: per_token}", 32 + 4},
    {"{format: int4, granularity: per_token, scale: fp16}", 16 + 2},
    {"{format: int4, granularity: per_group, group_size: 8, scale: fp16}", 16 + 4 * 2},
    {"{format: int8, granularity: per_group, group_size: 16, symmetric: false}", 32 + 2 * (4 + 1)},
    {"fp8_e4m3", 32},
    {"fp8_e5m2", 32},
    {"mxfp8_e4m3", 32 + 1},
};

}  // namespace

TEST_CASE("KV pages: the bytes of a cache without, in whole pages, at other addresses") {
  const std::string dram = "--set dram=ddr4-2400-x8.yaml --set network.parameters.context=1000 ";
  for (const std::string attention : {"unfused", "fused"}) {
    CAPTURE(attention);
    const std::string rows = fmt::format(
        "{}--set mapping.weight_layout=row_major --set mapping.attention={} ", dram, attention);
    const json::value plain = run_cache("fp16", rows);
    const std::string pages = rows + "--set mapping.kv_page=16 ";
    const json::value paged = run_cache("fp16", pages);
    const json::value pe = run_cache("fp16", pages + "--fidelity pe");
    const json::value estimate = run_cache("fp16", pages + "--fidelity estimate");
    CHECK(paged.at("dram").at("per_tensor") == plain.at("dram").at("per_tensor"));
    CHECK(paged.at("dram").at("per_tensor") == estimate.at("dram").at("per_tensor"));
    CHECK(paged.at("counts") != plain.at("counts"));  // activations of rows
    for (const char* key : {"cycles", "dram", "counts", "stalls"})
      CHECK(paged.at(key) == pe.at(key));
    const std::int64_t token = kLayers * 2 * kKvHeads * 32 * 2;
    const auto cache = [](const json::value& run) {
      return integer(run.at("network").at("memory").at("kv_cache_bytes"));
    };
    CHECK(cache(plain) == token * 1000);
    CHECK(cache(paged) == token * 1008);
    CHECK(integer(paged.at("network").at("pass").at("kv_read_bytes")) == token * 1000);
    CHECK(integer(paged.at("network").at("pass").at("kv_written_bytes")) == token);
  }
  const TemporaryDirectory directory;
  write_file(directory, "heads-of-32.yaml", kNetwork);
  const std::string file = write_file(directory, "run.yaml", kCacheRun);
  const auto text = [&](const std::string& arguments) {
    return shell("{sim} run " + file + " --fidelity estimate " + arguments).text;
  };
  CHECK(text("--set network.kv_cache=q8_0 --set mapping.kv_page=16")
            .find("mapping.kv_page: 16 tokens of 32 numbers in q8_0 take 544 B, which are no whole "
                  "bursts of 64 B; 32 tokens are") != std::string::npos);
  CHECK(text("--set network=resnet18.yaml --set mapping.kv_page=16")
            .find("mapping.kv_page: no effect: no layer reads a cache") != std::string::npos);
}

TEST_CASE("KV formats: appended and read with exact bytes at every context length") {
  struct Step {
    std::int64_t context;
    const char* attention;
  };
  for (const Row& row : kRows)
    for (const Step& step : {Step{1, "unfused"}, {19, "unfused"}, {19, "fused"}}) {
      const std::int64_t context = step.context;
      CAPTURE(row.cache);
      CAPTURE(context);
      CAPTURE(step.attention);
      const json::value result = run_cache(
          row.cache, "--fidelity estimate --set network.parameters.context=" +
                         std::to_string(context) + " --set mapping.attention=" + step.attention);
      const std::int64_t token = kLayers * 2 * kKvHeads * row.bytes;  // keys and values
      const json::value& network = result.at("network");
      CHECK(integer(network.at("pass").at("kv_read_bytes")) == token * context);
      CHECK(integer(network.at("pass").at("kv_written_bytes")) == token);
      CHECK(integer(network.at("memory").at("kv_cache_bytes")) == token * context);
    }
}

TEST_CASE("KV formats: every fidelity counts alike, and values are those of the oracle") {
  for (const char* cache : {"q8_0", "q5_1", "{format: int8, granularity: per_token}"}) {
    CAPTURE(cache);
    const json::value fast = run_cache(cache, "--values on --set verify=full");
    const json::value pe = run_cache(cache, "--fidelity pe --values on --set verify=off");
    const json::value estimate = run_cache(cache, "--fidelity estimate");
    for (const char* key : {"macs", "padded_macs", "counts", "compute_cycles"}) {
      CAPTURE(key);
      CHECK(fast.at(key) == pe.at(key));
      CHECK(fast.at(key) == estimate.at(key));
    }
    CHECK(fast.at("cycles") == pe.at("cycles"));
    CHECK(fast.at("stalls") == pe.at("stalls"));
    CHECK(fast.at("dram").at("per_tensor") == estimate.at("dram").at("per_tensor"));
    CHECK(fast.at("energy").at("total_pj") == estimate.at("energy").at("total_pj"));
    const json::value& values = fast.at("network").at("values");
    CHECK(integer(values.at("wrong")) == 0);
    CHECK(integer(values.at("checked")) == integer(values.at("computed")));
  }
}

TEST_CASE("KV formats: scales that are found when a token is appended cost the vector unit") {
  // One token: of each of 2 heads a block of 32, for keys and for values.
  const json::value result = run_cache("q4_1", "--fidelity estimate");
  std::int64_t passes = 0;
  for (const json::value& layer : result.at("layers").as_array()) {
    if (layer.at("kind") != "quantize") continue;
    passes += integer(layer.at("repeat"));
    // A layer's counts are in the order of the run's.
    std::int64_t compares = 0, divisions = 0;
    const json::array& all = result.at("counts").as_array();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::int64_t count = integer(layer.at("counts").at(i));
      if (all[i].at("component") != "vector_unit") continue;
      if (all[i].at("activity") == "compare") compares += count;
      if (all[i].at("activity") == "divide") divisions += count;
    }
    CHECK(compares == 4 * kKvHeads * 32);  // largest, smallest, and a clamp at both ends
    CHECK(divisions == kKvHeads);
    const json::value& tensors = layer.at("dram").at("per_tensor");
    CHECK(integer(tensors.at("outputs").at("write_bytes")) +
              integer(tensors.at("scales").at("write_bytes")) ==
          kKvHeads * 20);
  }
  CHECK(passes == kLayers * 2);
}

TEST_CASE("KV formats: what cannot be appended row by row, and rows that are no blocks") {
  const auto refusal = [](const std::string& cache) {
    const TemporaryDirectory directory;
    write_file(directory, "heads-of-32.yaml", kNetwork);
    const Outcome outcome =
        shell("{sim} run " + write_file(directory, "run.yaml", kCacheRun) + " --quiet -o " +
              directory.at("out") + " --set 'network.kv_cache=" + cache + "'");
    CHECK(outcome.code == 2);
    return outcome.text;
  };
  CHECK(
      refusal("nf4_dq").find("kv_cache: nf4_dq as chosen stores fields of several rows together") !=
      std::string::npos);
  CHECK(refusal("q4_k").find(
            "kv_cache: q4_k stores blocks of 256 elements, a row of a head has 32") !=
        std::string::npos);
}

}  // namespace bitjoule::test::kv_formats_test
