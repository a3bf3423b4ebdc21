// Published machines and measurements against the model of each: docs/validation.md says what is
// modelled and what is not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <tuple>

#include "support/shell.h"

namespace bitjoule::test::validation_test {
namespace {

namespace json = boost::json;

std::int64_t integer(const json::value& v) { return v.to_number<std::int64_t>(); }
double real(const json::value& v) { return v.to_number<double>(); }

/// `sim run` of a shipped run: its result.json.
json::value run(const std::string& name, const std::string& arguments = "") {
  const TemporaryDirectory directory;
  const Outcome outcome = shell("{sim} run " + source_dir() + "/configs/runs/" + name +
                                ".yaml --quiet -o " + directory.at("out") + " " + arguments);
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(directory.at("out/result.json")));
}

// Jouppi et al., ISCA 2017, figure 1: what the host interface moves.
constexpr double kHostBytesPerSecond = 14.0 * (1 << 30);

/// A pass of the first TPU: the host brings the inputs and takes the results, before and after.
double seconds_with_host(const json::value& result, double host_bytes) {
  return real(result.at("time_s")) + host_bytes / kHostBytesPerSecond;
}

constexpr double kMlpHostBytes = 2 * 200.0 * 2048;  // in, out
// CNN0 is AlphaGo's: 48 planes of the board in, one plane out (Silver et al., Nature 2016).
constexpr double kCnnHostBytes = 8.0 * 19 * 19 * (48 + 1);

double tops(const json::value& result, double seconds) {
  return 2e-12 * real(result.at("macs")) / seconds;
}

const char* const kFastMemory = "--set 'accelerator.dram.bandwidth=136 GB/s'";
const char* const kFastClock = "--set 'accelerator.clock=2800 MHz'";

}  // namespace

TEST_CASE("validation: TPU v1's MLP0 and CNN0 run as fast as published") {
  const json::value mlp = run("tpu-v1-mlp0"), cnn = run("tpu-v1-cnn0");
  CHECK(integer(mlp.at("macs")) == std::int64_t{200} * 20 * (1 << 20));
  CHECK(integer(cnn.at("macs")) == std::int64_t{2888} * 8 * (1 << 20));
  const double mlp_tops = tops(mlp, seconds_with_host(mlp, kMlpHostBytes));
  const double cnn_tops = tops(cnn, seconds_with_host(cnn, kCnnHostBytes));
  MESSAGE("MLP0 ", mlp_tops, " TOPS, CNN0 ", cnn_tops, " TOPS");
  MESSAGE("without the host: ", tops(mlp, real(mlp.at("time_s"))), " and ",
          tops(cnn, real(cnn.at("time_s"))));
  CHECK(mlp_tops == doctest::Approx(12.3).epsilon(0.15));
  CHECK(cnn_tops == doctest::Approx(86.0).epsilon(0.15));
  // Never above the roofline: 34 GB/s at 200 MACs per weight, or the array's peak.
  CHECK(tops(mlp, real(mlp.at("time_s"))) < 13.6);
  CHECK(tops(cnn, real(cnn.at("time_s"))) < 91.75);
}

TEST_CASE("validation: TPU v1 with four times the weight memory or the clock") {
  const double mlp = seconds_with_host(run("tpu-v1-mlp0"), kMlpHostBytes);
  const double cnn = seconds_with_host(run("tpu-v1-cnn0"), kCnnHostBytes);
  const double mlp_memory = seconds_with_host(run("tpu-v1-mlp0", kFastMemory), kMlpHostBytes);
  const double mlp_clock = seconds_with_host(run("tpu-v1-mlp0", kFastClock), kMlpHostBytes);
  const double cnn_clock = seconds_with_host(run("tpu-v1-cnn0", kFastClock), kCnnHostBytes);
  MESSAGE("memory: MLP0 ", mlp / mlp_memory, "; clock: MLP0 ", mlp / mlp_clock, ", CNN0 ",
          cnn / cnn_clock);
  CHECK(mlp / mlp_memory == doctest::Approx(3.0).epsilon(0.25));
  CHECK(mlp / mlp_clock == doctest::Approx(1.0).epsilon(0.25));
  CHECK(cnn / cnn_clock == doctest::Approx(2.0).epsilon(0.25));
}

TEST_CASE("validation: where TPU v1's cycles go in MLP0") {
  const json::value result = run("tpu-v1-mlp0");
  // The published 12.7, 53.9 and 15.9 % are of all cycles; 17.5 % were no matrix work at all (host,
  // input data, hazards). Here: of the matrix work.
  const double matrix = 12.7 + 53.9 + 15.9;
  const auto share = [&](const char* cause) {
    return real(result.at("stalls").at(cause)) / real(result.at("cycles"));
  };
  MESSAGE("busy ", share("array_busy"), ", memory ", share("dram_read") + share("fill_drain"),
          ", shift ", share("weight_load"));
  CHECK(std::abs(share("array_busy") - 12.7 / matrix) < 0.05);
  // A tile's tail still drains while the next waits for its weights.
  CHECK(std::abs(share("dram_read") + share("fill_drain") - 53.9 / matrix) < 0.05);
  CHECK(std::abs(share("weight_load") - 15.9 / matrix) < 0.05);
}

TEST_CASE("validation: TPU v1 fetches a matrix in whole tiles") {
  // Section 7: 600 x 600 takes nine steps of 256 x 256, 18 us, and four of 512 x 512, 32 us: as
  // long as their weights take at 34 GB/s. Beyond that here: the last tile's load, stream and skew.
  for (const auto& [size, tiles, published] :
       {std::tuple<std::int64_t, std::int64_t, double>{256, 9, 18e-6}, {512, 4, 32e-6}}) {
    const json::value result =
        run("tpu-v1-mlp",
            fmt::format("--values off --set 'layer={{gemm: {{m: 200, n: 600, k: 600}}}}' "
                        "--set 'mapping={{activations: on_chip, tile: {{n: {0}, k: {0}}}}}' "
                        "--set accelerator.array.rows={0} --set accelerator.array.cols={0} "
                        "--set 'accelerator.buffers.weight={{capacity: 1 MiB, banks: 64, "
                        "port_width: 64 bit}}' --set precision.weights=int8",
                        size));
    const json::value& weights = result.at("dram").at("per_tensor").at("weights");
    CHECK(integer(weights.at("read_bytes")) == tiles * size * size);
    const double time = real(result.at("time_s"));
    MESSAGE(size, ": ", time * 1e6, " us");
    CHECK(time > static_cast<double>(tiles * size * size) / 34e9);
    CHECK(time == doctest::Approx(published).epsilon(0.06));
  }
}

TEST_CASE("validation: TPU v1 takes 8 x 16 bits at half and 16 x 16 at a quarter of its speed") {
  const auto busy = [](const std::string& weights, const std::string& activations) {
    const json::value result = run(
        "tpu-v1-mlp", "--values off --set precision.mac=auto --set precision.weights=" + weights +
                          " --set precision.activations=" + activations);
    return integer(result.at("stalls").at("array_busy"));
  };
  // 8 x 8 tiles of 256 x 256 stream 200 rows each.
  const std::int64_t steps = 8 * 8 * 200;
  CHECK(busy("int8", "int8") == steps);
  CHECK(busy("int8", "int16") == 2 * steps);
  CHECK(busy("int16", "int8") == 2 * steps);
  CHECK(busy("int16", "int16") == 4 * steps);
}

// overlap and mapping_objective of this machine were chosen with these rows in view: this holds
// what docs/validation.md says of them, it does not confirm the settings.
TEST_CASE("validation: Gemmini's RTL") {
  const struct {
    std::int64_t m, n, k, rtl;
    double tolerance;
  } rows[] = {{64, 64, 64, 3810, 0.50},  // half of it is the set-up of the host's loop
              {128, 128, 128, 10530, 0.08}, {256, 256, 256, 69653, 0.08},
              {16, 512, 512, 32506, 0.08},  {512, 512, 64, 74413, 0.08},
              {512, 512, 512, 543240, 0.08}};
  for (const auto& row : rows) {
    const std::string layer =
        fmt::format("--set 'layer={{gemm: {{m: {}, n: {}, k: {}}}}}'", row.m, row.n, row.k);
    const std::int64_t cycles = integer(run("gemmini", "--values off " + layer).at("cycles"));
    const std::int64_t paired = integer(
        run("gemmini", "--values off --set accelerator.array.overlap=full " + layer).at("cycles"));
    MESSAGE(row.m, " x ", row.n, " x ", row.k, ": ", cycles, " cycles, ",
            100.0 * static_cast<double>(cycles - row.rtl) / static_cast<double>(row.rtl),
            " %; preloads hidden: ", paired);
    CHECK(static_cast<double>(cycles) ==
          doctest::Approx(static_cast<double>(row.rtl)).epsilon(row.tolerance));
    // Never faster than the array, nor than with preloads that cost nothing.
    CHECK(cycles >= row.m * row.n * row.k / (16 * 16));
    CHECK(cycles >= paired);
  }
}

TEST_CASE("validation: Llama-2-7B on a laptop's memory") {
  struct Row {
    const char* format;
    double tokens_per_s;  // llama.cpp, discussion 4167, 120 GB/s
  };
  for (const Row& row : {Row{"fp16", 7.43}, Row{"q8_0", 13.54}, Row{"q4_0", 24.11}}) {
    CAPTURE(row.format);
    const json::value pass =
        run("llama2-7b-laptop", std::string("--set precision.weights=") + row.format)
            .at("network")
            .at("pass");
    const double tokens_per_s = real(pass.at("tokens_per_s"));
    MESSAGE(std::string(row.format), ": ", tokens_per_s, " tokens/s, ",
            real(pass.at("bytes_per_token")), " B per token");
    CHECK(tokens_per_s == doctest::Approx(row.tokens_per_s).epsilon(0.10));
    CHECK(tokens_per_s <= 120e9 / real(pass.at("bytes_per_token")));
    CHECK(tokens_per_s <= real(pass.at("limit_tokens_per_s")));
  }
}

TEST_CASE("validation: language models on boards") {
  // llm-awq @d6e797a, Jetson Orin, Llama-2-7B: ms per token in fp16, and in int4 with groups of 128
  // (the head in fp16).
  const std::string board =
      "--set accelerator=accelerators/board-205gbs.yaml --set network.parameters.context=64 ";
  const std::string int4 =
      "--set 'precision.weights={format: int4, granularity: per_group, group_size: 128, symmetric: "
      "false}' --set 'network.overrides=[{layers: [head], precision: {weights: fp16}}]'";
  for (const auto& [weights, ms] : std::initializer_list<std::pair<std::string, double>>{
           {"--set precision.weights=fp16", 83.95}, {int4, 25.94}}) {
    const json::value pass = run("llama2-7b-laptop", board + weights).at("network").at("pass");
    const double tokens_per_s = real(pass.at("tokens_per_s"));
    MESSAGE(weights, ": ", 1e3 / tokens_per_s, " ms");
    CHECK(1e3 / tokens_per_s == doctest::Approx(ms).epsilon(0.10));
  }
  // llama.cpp, issue 26484, Raspberry Pi 5: bytes of the file times tokens/s, 9.8 to 10.6 GB/s over
  // three formats of a model.
  for (const char* const format : {"q2_k", "q4_k", "q8_0"}) {
    const json::value network =
        run("llama2-7b-laptop",
            std::string("--set accelerator=accelerators/cpu-17gbs.yaml --set "
                        "network=tinyllama-1.1b.yaml --set network.parameters.context=64 "
                        "--set precision.weights=") +
                format)
            .at("network");
    const double bandwidth = real(network.at("pass").at("tokens_per_s")) *
                             real(network.at("memory").at("weights_bytes"));
    MESSAGE(std::string(format), ": ", bandwidth * 1e-9, " GB/s");
    CHECK(bandwidth == doctest::Approx(10.2e9).epsilon(0.10));
  }
}

TEST_CASE("validation: the DRAM's share of Llama-2-7B's energy per token") {
  const json::value energy = run("llama2-7b-decode").at("energy");
  const double dram = real(energy.at("components").at("dram"));
  // The published share is of memory and arithmetic; the buffers take another 1.5 %.
  const double share = dram / (dram + real(energy.at("components").at("array")));
  MESSAGE("DRAM share ", share, ", of all ", dram / real(energy.at("total_pj")));
  CHECK(std::abs(share - 0.998) < 0.003);
  CHECK(dram / real(energy.at("total_pj")) < share);
}

}  // namespace bitjoule::test::validation_test
