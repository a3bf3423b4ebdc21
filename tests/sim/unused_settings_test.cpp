// What a run says in vain is told, by every command that reads runs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "sim/config/writer.h"
#include "sim/schema/run_file.h"
#include "support/shell.h"

namespace bitjoule::test::unused_settings_test {
namespace {

using Notes = std::vector<std::string>;

const char* const kRun = R"(
accelerator: accelerators/edge-16x16.yaml
layer: {gemm: {m: 4, n: 8, k: 64}}
precision: {weights: int8, activations: int8, mac: auto}
)";

Notes notes(const std::string& path, const std::string& value, std::vector<Override> more = {}) {
  more.push_back({path, value});
  return read_run(text_source("r.yaml", kRun), more).notes;
}

}  // namespace

TEST_CASE("settings: keys of formats that store nothing otherwise are told") {
  const auto weights = [](const std::string& map) { return notes("precision.weights", map); };
  const std::string w = "precision.weights.";
  CHECK(weights("{format: int4, granularity: per_channel, group_size: 64}") ==
        Notes{w + "group_size: no effect: granularity is per_channel, which has no groups"});
  CHECK(weights("{format: int4, granularity: per_tensor, group_size: 128}") ==
        Notes{w + "group_size: no effect: granularity is per_tensor, which has no groups"});
  CHECK(weights("{format: int4, granularity: per_group, group_size: 64}").empty());
  for (const char* zero : {"packed", "int8"})
    CHECK(weights(std::string("{format: int4, granularity: per_channel, zero_point: ") + zero +
                  "}") == Notes{w + "zero_point: no effect: symmetric codes have no zero-points"});
  CHECK(weights("{format: uint4, granularity: per_channel, symmetric: false, zero_point: packed}")
            .empty());
  CHECK(weights("{format: int8, scale: fp16}") ==
        Notes{w + "scale: no effect on bytes and cycles: the one scale of a tensor is not moved"});
  CHECK(weights("{format: int8, granularity: per_channel, scale: fp16}").empty());
  for (const std::string format : {"q4_0", "mxfp4", "nf4_dq", "fp16", "q6_k"})
    CHECK(weights("{format: " + format + ", symmetric: false, scale: fp16}") ==
          Notes{fmt::format("{}symmetric: no effect: {} fixes what is stored", w, format),
                fmt::format("{}scale: no effect: {} fixes what is stored", w, format)});
  CHECK(weights("{format: q4_0, granularity: per_group, group_size: 64}") ==
        Notes{w + "granularity: no effect: q4_0 fixes what is stored",
              w + "group_size: no effect: q4_0 fixes what is stored"});
  CHECK(weights("{format: nf4, granularity: per_group, group_size: 128, scale: fp16}").empty());
  CHECK(notes("precision.activations", "{format: int8, group_size: 32}") ==
        Notes{"precision.activations.group_size: no effect: granularity is per_tensor, which has "
              "no groups"});
  // As a part of the file, and as an override of one key.
  CHECK(notes("precision.weights.group_size", "64", {{"precision.weights", "{format: int8}"}}) ==
        Notes{w + "group_size: no effect: granularity is per_tensor, which has no groups"});
}

TEST_CASE("settings: what only values depend on is told where they are off") {
  const std::vector<Override> off = {{"values", "off"}};
  CHECK(notes("seed", "3", off) == Notes{"seed: no effect: values are off"});
  CHECK(notes("verify", "full", off) == Notes{"verify: no effect: values are off"});
  CHECK(notes("precision.requantize", "tflite_double_rounding", off) ==
        Notes{"precision.requantize: no effect: values are off"});
  CHECK(notes("layer.weights", "normal", off) == Notes{"layer.weights: no effect: values are off"});
  CHECK(notes("precision.requantize", "tflite_double_rounding", {{"precision.output", "fp16"}}) ==
        Notes{"precision.requantize: no effect: no sums of integers become integers again"});
  CHECK(notes("precision.requantize", "tflite_double_rounding").empty());
  for (const char* path : {"seed", "fidelity"})
    CHECK(notes(path, path == std::string("seed") ? "3" : "pe").empty());
  // A resolved configuration says everything, and nothing in vain.
  const RunConfig run = read_run(text_source("r.yaml", kRun), off);
  CHECK(run.notes.empty());
  CHECK(read_run(text_source("resolved.yaml", boost::json::serialize(to_json(run)))).notes.empty());
}

TEST_CASE("settings: run, check, sweep and explain tell what has no effect") {
  const TemporaryDirectory directory;
  const std::string run = directory.at("r.yaml"), sweep = directory.at("s.yaml");
  std::ofstream(run) << kRun;
  std::ofstream(sweep) << "base: r.yaml\nset: {precision.weights.group_size: 64, values: off}\n"
                          "axes:\n  - {path: accelerator.array.rows, values: [8, 16]}\n";
  const std::string part = "precision.weights.group_size: no effect";
  for (const std::string command : {"run", "check", "explain"}) {
    const Outcome outcome =
        shell(fmt::format("{{sim}} {} {} --set precision.weights.group_size=64", command, run));
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
    CHECK(outcome.text.find(part) != std::string::npos);
  }
  const Outcome swept = shell("{sim} sweep " + sweep + " -o " + directory.at("out"));
  CAPTURE(swept.text);
  CHECK(swept.text.find(part) != std::string::npos);
  const Outcome unshared = shell("{sim} run " + run + " --unshared");
  CHECK(unshared.code == 2);
  CHECK(unshared.text.find("--unshared: of a run with a network") != std::string::npos);
}

TEST_CASE("explain: refuses a layer that the DRAM does not hold, as run and check do") {
  const TemporaryDirectory directory;
  const std::string run = directory.at("r.yaml");
  std::ofstream(run) << kRun;
  // 4096 x 4096 bytes and more in 64 KiB of memory.
  const std::string arguments =
      " --set 'layer={gemm: {m: 1, n: 4096, k: 4096}}' --set values=off --set "
      "'accelerator.dram={name: x, model: ideal, bandwidth: 10 GB/s, latency: 10 ns, burst: 64 B, "
      "capacity: 64 KiB}'";
  for (const std::string command : {"run", "check", "explain"}) {
    const Outcome outcome = shell(fmt::format("{{sim}} {} {}{}", command, run, arguments));
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find("the DRAM holds 65536 B") != std::string::npos);
  }
}

TEST_CASE("settings: an estimate says that it never powers a memory down") {
  const char* const kKey = "accelerator.dram.controller.power_down";
  CHECK(notes(kKey, "100", {{"values", "off"}}).empty());
  const Notes estimated = notes(kKey, "100", {{"fidelity", "estimate"}});
  REQUIRE(estimated.size() == 1);
  CHECK(estimated[0].find("power_down: no effect on fidelity: estimate") != std::string::npos);
  CHECK(notes(kKey, "0", {{"fidelity", "estimate"}}).empty());
}

}  // namespace bitjoule::test::unused_settings_test
