// Sizes that a user can write down in one line cost no more than that, or are refused at once; so
// is whatever is no regular file where one is read. `ulimit` and `timeout` say what "at once" is.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>

#include "support/shell.h"

namespace bitjoule::sizes_test {
namespace {

using namespace test;

/// In 1 GiB of address space (a sanitizer's runtime needs more) and 60 seconds.
Outcome within_limits(const std::string& command) {
#ifdef __SANITIZE_ADDRESS__
  return shell("timeout 60 " + command);
#else
  return shell("ulimit -v 1048576; timeout 60 " + command);
#endif
}

void check_refused(const std::string& command, const std::string& why) {
  CAPTURE(command);
  const Outcome outcome = within_limits(command);
  CAPTURE(outcome.text.substr(0, 2000));
  CHECK(outcome.code == 2);
  CHECK(outcome.text.find(why) != std::string::npos);
}

/// Two layers, of which one depends on the context where `grows`.
std::string generation(const TemporaryDirectory& dir, bool grows, const std::string& generate) {
  return write_file(dir, "run.yaml",
                    fmt::format(R"(accelerator: edge-16x16.yaml
network:
  parameters: {{tokens: 1, context: 1, batch: 1, prompt: 1}}
  phases: {{prefill: {{tokens: 4, context: 4}}, decode: {{tokens: 1}}}}
  layers:
  - {{name: a, gemm: {{m: =tokens, n: 16, k: 16}}}}
  - {{name: b, matmul: {{m: =tokens, n: {}, k: 16}}}}
generate: {}
precision: {{weights: int8, activations: fp32, mac: fp32}}
)",
                                grows ? "=context" : "16", generate));
}

}  // namespace

TEST_CASE("sizes: generations of any length") {
  const TemporaryDirectory dir;
  const auto run = [&](bool grows, const std::string& generate) {
    return "{sim} run " + generation(dir, grows, generate) + " -o " + dir.at("out");
  };
  // A network of two layers holds 2^16 / 2 steps at most.
  check_refused(run(true, "{prompt: 4, tokens: 1000000000}"), "choose every: ");
  check_refused(run(true, "{prompt: 4, tokens: 1000000000, every: 3}"),
                "generate: 1000000000 tokens");
  // The `every` that it names is one that works.
  const std::string told = shell(run(true, "{prompt: 4, tokens: 200000}")).text;
  const std::string every = told.substr(told.find("choose every: ") + 14);
  CHECK(every == "7\n");  // 199999 / 3 + 3 steps are too many, 199999 / 7 + 3 are not
}

TEST_CASE("sizes: decode steps that differ in their context alone are simulated and kept once") {
  const TemporaryDirectory dir;
  const std::string file = generation(dir, false, "{prompt: 4, tokens: 20000}");
  const Outcome outcome = within_limits("{sim} run " + file + " --quiet -o " + dir.at("out"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  const boost::json::value result = boost::json::parse(text_of(dir.at("out/result.json")));
  const boost::json::array& passes = result.at("network").at("passes").as_array();
  REQUIRE(passes.size() == 2);
  CHECK(passes[1].at("weight") == 20000 - 1);
  CHECK(fs::file_size(dir.at("out/result.json")) < 200'000);
}

TEST_CASE("sizes: repetitions of a layer that overlap cost what two of them cost") {
  const TemporaryDirectory dir;
  const auto cycles = [&](std::int64_t repeat) {
    write_file(dir, "run.yaml",
               fmt::format(R"(accelerator: edge-16x16.yaml
overlap: layers
network:
  layers: [{{name: a, repeat: {}, gemm: {{m: 4, n: 16, k: 16}}}}]
precision: {{weights: int8, activations: fp32, mac: fp32}}
)",
                           repeat));
    const Outcome outcome =
        within_limits("{sim} run " + dir.at("run.yaml") + " --quiet -o " + dir.at("out"));
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return boost::json::parse(text_of(dir.at("out/result.json"))).at("cycles").as_int64();
  };
  // In the steady state each costs as much as the one before it.
  const std::int64_t hundred = cycles(100), step = cycles(101) - hundred;
  CHECK(cycles(1000) == hundred + 900 * step);
  CHECK(cycles(1 << 20) == hundred + ((1 << 20) - 100) * step);
  check_refused("{sim} check " + dir.at("run.yaml") + " --set network.layers.0.repeat=1048577",
                "expected 1..1048576");
}

TEST_CASE("sizes: products of a sweep") {
  const TemporaryDirectory dir;
  std::string axes;
  for (const char* path : {"layer.gemm.m", "layer.gemm.n", "layer.gemm.k"}) {
    std::string values;
    for (int i = 1; i <= 200; ++i) values += (i == 1 ? "" : ", ") + std::to_string(i);
    axes += fmt::format("- {{path: {}, values: [{}]}}\n", path, values);
  }
  const std::string sweep =
      "{sim} sweep " + write_file(dir, "s.yaml", "base: quickstart.yaml\naxes:\n" + axes);
  check_refused(sweep + " --dry-run", "the product is above 100000 points");
  check_refused(sweep + " --dry-run --max-points 10000000000000", "--max-points");
  check_refused(sweep + " --dry-run --max-points 1000000", "the product is above 1000000 points");
}

TEST_CASE("sizes: pipes, devices and directories where a file is read") {
  const TemporaryDirectory dir;
  REQUIRE(shell("mkfifo " + dir.at("fifo.yaml")).code == 0);
  for (const char* ending : {"npy", "onnx", "tflite", "gguf", "csv", "json", "safetensors", "pb"})
    fs::create_symlink("fifo.yaml", dir.at(std::string("fifo.") + ending));
  REQUIRE(
      shell("{sim} run quickstart.yaml --quiet --set layer.gemm.m=1 -o " + dir.at("priced")).code ==
      0);
  for (const std::string& file : {dir.at("fifo.yaml"), std::string("/dev/zero")}) {
    const std::string why = file + ": is not a regular file";
    for (const char* command :
         {"run", "check", "explain", "sweep --dry-run", "price", "dram --pattern random --dram"})
      check_refused(fmt::format("{{sim}} {} {}", command, file), "is not a regular file");
    check_refused("{sim} dram --dram ideal.yaml --trace " + file, why);
    check_refused(fmt::format("{{sim}} diff {0} {0}", file), "is not a regular file");
    check_refused("{sim} price " + dir.at("priced") + " --energy " + file, "is not a regular file");
    check_refused("{sim} run quickstart.yaml --set layer=" + file, "is not a regular file");
    check_refused("{sim} run quickstart.yaml --set accelerator=" + file, "is not a regular file");
    check_refused("{sim} run resnet50.yaml --network " + file, "is not a regular file");
  }
  for (const char* ending : {"onnx", "tflite", "gguf", "csv", "json"})
    check_refused("{sim} import " + dir.at(std::string("fifo.") + ending), "is not a regular file");
  for (const char* ending : {"npy", "onnx", "tflite", "gguf", "safetensors"}) {
    const std::string file = dir.at(std::string("fifo.") + ending);
    check_refused("{sim} quantize --format int8 " + file, file + ": is not a regular file");
    check_refused("{sim} run quickstart.yaml --set layer.inputs.file=" + file,
                  "is not a regular file");
  }
  fs::create_directories(dir.at("run/result.json"));
  check_refused("{sim} report " + dir.at("run"), "is a directory");
  fs::create_directories(dir.at("pipe"));
  for (const char* name : {"result.json", "results.json"}) {
    CAPTURE(name);
    REQUIRE(shell("mkfifo " + dir.at(std::string("pipe/") + name)).code == 0);
    check_refused("{sim} report " + dir.at("pipe"), "is not a regular file");
    if (std::string(name) == "results.json")
      check_refused("{sim} merge " + dir.at("pipe") + " -o " + dir.at("merged"),
                    "is not a regular file");
    fs::remove(dir.at(std::string("pipe/") + name));
  }
  check_refused("{sim} dram --dram ideal.yaml --trace " + dir.at("pipe"), "is a directory");
}

TEST_CASE("sizes: a trace without line ends") {
  const TemporaryDirectory dir;
  write_file(dir, "long.trace", "LD 0x40\n" + std::string(100'000, ' ') + "LD 0x80\n");
  check_refused("{sim} dram --dram ideal.yaml --trace " + dir.at("long.trace"),
                dir.at("long.trace") + ":2: expected a line of at most 1000 bytes");
}

TEST_CASE("sizes: a network of ten thousand layers: its result is small, and read by all") {
  const TemporaryDirectory dir;
  write_file(dir, "run.yaml", R"(accelerator: edge-16x16.yaml
network:
  unroll: true
  layers:
  - repeat: 5000
    block:
    - {name: "{i}.a", gemm: {m: 1, n: 16, k: 16}}
    - {name: "{i}.b", vector: {op: relu, rows: 1, cols: 16}}
precision: {weights: int8, activations: fp32, mac: fp32}
)");
  const Outcome ran = shell("{sim} run " + dir.at("run.yaml") + " -o " + dir.at("out"));
  CAPTURE(ran.text);
  REQUIRE(ran.code == 0);
  CHECK(fs::file_size(dir.at("out/result.json")) < 40'000'000);
  const boost::json::value result = boost::json::parse(text_of(dir.at("out/result.json")));
  REQUIRE(result.at("layers").as_array().size() == 10'000);
  // Actions of the run are 5,000 times those of its two kinds of layers.
  const boost::json::array& actions = result.at("counts").as_array();
  const boost::json::array& first = result.at("layers").at(0).at("counts").as_array();
  const boost::json::array& second = result.at("layers").at(1).at("counts").as_array();
  REQUIRE(first.size() == actions.size());
  for (std::size_t i = 0; i < actions.size(); ++i)
    CHECK(actions[i].at("count").as_int64() == 5000 * (first[i].as_int64() + second[i].as_int64()));
  CHECK(result.at("timelines").as_array().size() <= 2);
  CHECK(result.at("layers").at(9998).at("dram").at("timeline") ==
        result.at("layers").at(0).at("dram").at("timeline"));
  const Outcome priced = shell("{sim} price " + dir.at("out") + " -o " + dir.at("prices.json"));
  CHECK(priced.code == 0);
  const boost::json::value prices = boost::json::parse(text_of(dir.at("prices.json")));
  CHECK(prices.at("energy").at("total_pj") == result.at("energy").at("total_pj"));
  for (const std::size_t layer : {0U, 1U, 9999U})
    CHECK(prices.at("layers").at(layer).at("energy").at("total_pj") ==
          result.at("layers").at(layer).at("energy").at("total_pj"));
  CHECK(shell("{sim} diff " + dir.at("out") + " " + dir.at("out")).text.find("result: equal") !=
        std::string::npos);
  const Outcome report = shell("{sim} report " + dir.at("out") + " -o " + dir.at("report.html"));
  CHECK(report.code == 0);
}

}  // namespace bitjoule::sizes_test
