// `sim check` says "valid" only of what `sim run` takes; and what both say of the shipped files.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/output/progress.h"
#include "support/shell.h"

namespace bitjoule::test::check_command_test {
namespace {

const char* const kRun = R"(
accelerator: accelerators/edge-16x16.yaml
layer: {gemm: {m: 4, n: 8, k: 16}}
precision: {weights: int8, activations: int8, mac: int8}
)";

/// The same file at `sim check` and `sim run`, with the same further arguments.
void both_refuse(const std::string& text, const std::string& arguments, const std::string& why) {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("r.yaml")) << text;
  for (const char* command : {"check", "run --quiet"}) {
    const Outcome outcome =
        shell(std::string("{sim} ") + command + " " + directory.at("r.yaml") + " " + arguments);
    CAPTURE(command);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(why) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("check: refuses what a run refuses before it simulates") {
  both_refuse(kRun, "--set layer.weights.file=nowhere.npy", "nowhere.npy");
  // 4096 x 4096 bytes and more in 64 KiB of memory.
  both_refuse(kRun,
              "--set 'layer={gemm: {m: 1, n: 4096, k: 4096}}' --set values=off --set "
              "'accelerator.dram={name: x, model: ideal, bandwidth: 10 GB/s, latency: 10 ns, "
              "burst: 64 B, capacity: 64 KiB}'",
              "the DRAM holds 65536 B");
  // Prices of commands, and a memory that sends none.
  both_refuse(kRun,
              "--set values=off --set energy.dram=ddr4-2400-commands.yaml --set "
              "'accelerator.dram={name: x, model: ideal, bandwidth: 10 GB/s, latency: 10 ns, "
              "burst: 64 B, capacity: 1 GiB}'",
              "prices DRAM by commands");
  const TemporaryDirectory directory;
  std::ofstream(directory.at("r.yaml")) << kRun;
  CHECK(shell("{sim} check " + directory.at("r.yaml")).code == 0);
}

TEST_CASE("check: a file that holds another shape is refused") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("r.yaml")) << kRun;
  const std::string save =
      "{sim} run " + directory.at("r.yaml") + " --quiet --save-outputs -o " + directory.at("out");
  REQUIRE(shell(save).code == 0);  // outputs.npy: 4 x 8
  both_refuse(kRun, "--set layer.weights.file=" + directory.at("out/outputs.npy"), "outputs.npy");
}

TEST_CASE("check: words in quotes are flags as well") {
  const TemporaryDirectory directory;
  std::ofstream(directory.at("r.json"))
      << R"({"accelerator": "accelerators/edge-16x16.yaml", "values": "off",
             "layer": {"gemm": {"m": 4, "n": 8, "k": 16}},
             "precision": {"weights": "int8", "activations": "int8", "mac": "int8"}})";
  const Outcome outcome = shell("{sim} run " + directory.at("r.json"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
  CHECK(outcome.text.find("not computed (values: off)") != std::string::npos);
}

TEST_CASE("list: a directory of shipped files that is none is an error") {
  const TemporaryDirectory directory;
  for (const auto& [configs, why] :
       {std::pair<std::string, std::string>{directory.at("nowhere"), "BITJOULE_CONFIGS: expected"},
        {directory.at(""), "expected a folder accelerators"}}) {
    const Outcome outcome = shell("BITJOULE_CONFIGS=" + configs + " {sim} list accelerators");
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(why) != std::string::npos);
  }
  const Outcome run = shell("BITJOULE_CONFIGS=" + directory.at("nowhere") + " {sim} check '" +
                            source_dir() + "/configs/runs/quickstart.yaml'");
  CHECK(run.code == 2);
}

TEST_CASE("progress: no time is told before enough is done to tell it") {
  CHECK(progress_text(0, 1) == "less than 1 % done");
  CHECK(progress_text(3e-7, 1) == "less than 1 % done");  // would be 900 hours
  CHECK(progress_text(0.25, 30) == "25 % done, about 1:30 left");
  CHECK(progress_text(0.5, 7200) == "50 % done, about 2:00:00 left");
}

TEST_CASE("mac: auto takes the faster of what a packing allows") {
  // `product`: a MAC of t bits is (t/2)^2 bricks, a PE of 32 bits holds 32 / t of them, and a
  // product of b x b bits takes (b/2)^2: 32 / t * (t / b)^2 at once, most for the widest type.
  const TemporaryDirectory directory;
  std::ofstream(directory.at("r.yaml")) << kRun;
  const auto explained = [&](const std::string& sets) {
    const Outcome outcome = shell("{sim} explain " + directory.at("r.yaml") + " " + sets);
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return outcome.text;
  };
  const std::string product =
      "--set precision.mac=auto --set accelerator.array.pe.packing=product ";
  for (const auto& [bits, macs] : {std::pair<int, int>{2, 128}, {4, 32}, {8, 8}, {16, 2}}) {
    const std::string format = "int" + std::to_string(bits);
    const std::string text = explained(fmt::format(
        "{}--set precision.weights={} --set precision.activations={}", product, format, format));
    CHECK(text.find("int16 MACs, " + std::to_string(macs) + " per PE") != std::string::npos);
  }
  CHECK(explained("--set precision.mac=auto").find("int8 MACs, 4 per PE") != std::string::npos);
}

}  // namespace bitjoule::test::check_command_test
