// Runs of networks from files: run files, and other programs' models.
#include <doctest/doctest.h>

#include "support/gguf_builder.h"
#include "support/network_run.h"
#include "support/onnx_builder.h"

namespace bitjoule::test::network_files_run_test {

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

TEST_CASE("network run: an imported network's open sizes, and what is left out of it") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("run.yaml")) << kRun;
  OnnxModel model;
  model.input("x", {0, 8}).output("y").constant("w", {8, 4});
  model.node("Unique", {"x"}, "a");
  model.node("MatMul", {"a", "w"}, "y");
  std::ofstream(directory.at("m.onnx")) << model.bytes();
  const auto images_per_second = [&](const std::string& options, std::int64_t macs) {
    const Outcome outcome =
        shell("{sim} run " + directory.at("run.yaml") + " --quiet -o " + directory.at("out") +
              " --skip-unknown --network " + directory.at("m.onnx") + " " + options);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
    CHECK(outcome.text ==
          "note: left out: 1 x Unique (node \"Unique_a\")\n"
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

}  // namespace bitjoule::test::network_files_run_test
