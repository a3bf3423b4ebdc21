// Whole networks in time, as users run them.
#include "support/network_run.h"

#include <doctest/doctest.h>

#include "run/machine.h"
#include "run/workers.h"
#include "sim/schema/run_file.h"

namespace bitjoule::test::network_run_test {

TEST_CASE("network run: products with shared keys and values read the cache once per token") {
  // 5 layers, 4 heads of keys and of values for 8 of queries, 64 / 8 bytes for each of 24 tokens.
  const json::value result = run("--set network.parameters.context=24");
  const json::value& network = result.at("network");
  CHECK(integer(network.at("pass").at("kv_read_bytes")) == 5 * 2 * 4 * 8 * 24);
  CHECK(integer(network.at("memory").at("kv_cache_bytes")) == 5 * 2 * 4 * 8 * 24);
}

TEST_CASE("network run: tokens verified at once, and a prompt behind a cached prefix") {
  const auto step = [](std::int64_t tokens, std::int64_t context) {
    return run("--fidelity estimate --set network.parameters.tokens=" + std::to_string(tokens) +
               " --set network.parameters.context=" + std::to_string(context));
  };
  const auto of = [](const json::value& result, const char* key) {
    return integer(result.at("network").at("pass").at(key));
  };
  const json::value one = step(1, 24), four = step(4, 24), prompt = step(16, 24);
  const std::int64_t token = 5 * 2 * 4 * 8;  // layers, keys and values, heads, numbers of a byte
  for (const json::value* result : {&one, &four, &prompt}) {
    const std::int64_t tokens = of(*result, "tokens");
    CHECK(of(*result, "kv_read_bytes") == token * 24);
    CHECK(of(*result, "kv_written_bytes") == token * tokens);
    CHECK(integer(result->at("macs")) == tokens * integer(one.at("macs")));
  }
  CHECK(of(four, "tokens") == 4);
  CHECK(of(prompt, "tokens") == 16);
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

TEST_CASE("network run: layers in several processes: the same bytes, the same error") {
  const TemporaryDirectory directory;
  const auto out = [&](const std::string& arguments) {
    const Outcome outcome = shell(
        "{sim} run resnet50.yaml --network stories15m.yaml --quiet "
        "--set phase=decode -o " +
        directory.at("out") + " " + arguments);
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return text_of(directory.at("out/result.json")) + text_of(directory.at("out/layers.csv"));
  };
  for (const std::string more :
       {"", "--values on", "--fidelity pe --set accelerator=edge-16x16.yaml"}) {
    CAPTURE(more);
    CHECK(out(more) == out(more + " -j 3"));
  }
  const auto refusal = [](const std::string& arguments) {
    return shell("{sim} run resnet50.yaml --set 'accelerator.buffers.input.capacity=256 B' " +
                 arguments);
  };
  const Outcome alone = refusal(""), beside = refusal("-j 3");
  CHECK(alone.code == 2);
  CHECK(beside.code == 2);
  CHECK(alone.text == beside.text);
  CHECK(shell("{sim} run quickstart.yaml -j 2").text.find("-j: of a run with a network") !=
        std::string::npos);
}

TEST_CASE("network run: layers that workers have simulated are not simulated again") {
  // Whatever the workers leave is taken: of texts that are no outcome nothing is, and the run goes
  // on as if it were alone; a worker that leaves nothing likewise.
  class Idle : public Workers {
   public:
    std::size_t asked = 0;
    std::vector<std::optional<std::string>> run(
        std::size_t jobs, const std::function<std::string(std::size_t)>& work,
        const std::function<void(std::size_t)>& ended) override {
      asked += jobs;
      std::vector<std::optional<std::string>> texts(jobs);
      texts[0] = "no outcome";
      texts[1] = work(1);
      for (std::size_t i = 0; i < jobs; ++i) ended(i);
      return texts;
    }
  };
  RunConfig config = read_run(text_source("run", std::string(kRun) + "dram: ddr4-2400-x8.yaml\n"),
                              {{"network", "stories15m.yaml"}});
  const std::int64_t alone = Machine(config).run().network->passes.front().cycles;
  const auto workers = std::make_shared<Idle>();
  config.options.workers = workers;
  double last = 0;
  Machine machine(config);
  machine.report_to([&](double share, const std::string&) {
    CHECK(share >= last);
    CHECK(share <= 1);
    last = share;
  });
  CHECK(machine.run().network->passes.front().cycles == alone);
  CHECK(workers->asked >= 2);
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

}  // namespace bitjoule::test::network_run_test
