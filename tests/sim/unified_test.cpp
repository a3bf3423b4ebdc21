// Machines whose roles share one SRAM, from the file to the result.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "support/shell.h"

namespace bitjoule::test::unified_test {
namespace {

namespace json = boost::json;

const char* const kRun = R"(
accelerator: accelerators/edge-32x32-unified.yaml
values: off
layer: {gemm: {m: 64, n: 256, k: 512}}
precision: {weights: int8, activations: int8}
)";

const char* const kNetwork = R"(
accelerator: accelerators/edge-32x32-unified.yaml
values: off
network:
  name: tiny
  inputs: [{name: x, shape: [16, 256]}]
  layers:
  - {name: a, gemm: {m: 16, n: 512, k: 256}, inputs: [x]}
  - {name: b, gemm: {m: 16, n: 512, k: 512}, activation: relu}
  - {name: c, gemm: {m: 16, n: 512, k: 512}}
  - {name: d, vector: {op: add, rows: 16, cols: 512}, inputs: [b, c]}
  - {name: e, gemm: {m: 16, n: 96, k: 512}}
precision: {weights: int8, activations: int8}
)";

json::object run(const std::string& text, const std::string& options = "") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "run.yaml", text);
  const Outcome outcome = shell("{sim} run " + file + " " + options + " -o " + dir.at("out"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(dir.at("out/result.json"))).as_object();
}

std::string refused(const std::string& text, const std::string& options) {
  const TemporaryDirectory dir;
  const Outcome outcome = shell("{sim} run " + write_file(dir, "run.yaml", text) + " " + options +
                                " -o " + dir.at("out"));
  CHECK(outcome.code == 2);
  return outcome.text;
}

std::int64_t moved_bytes(const json::object& result) {
  const json::value& dram = result.at("dram");
  return dram.at("read_bytes").as_int64() + dram.at("write_bytes").as_int64() +
         dram.at("padding_bytes").as_int64();
}

}  // namespace

TEST_CASE("unified: edge-32x32's 512 KiB in one halve the traffic of a projection of a prefill") {
  // 512 tokens, 4096 x 4096. Divided by hand, fixed buffers of as much in all came to 69 MB.
  const std::string layer = "--set 'layer={gemm: {m: 512, n: 4096, k: 4096}}' ";
  const json::object unified = run(kRun, layer);
  const json::object fixed = run(kRun, layer + "--set accelerator=edge-32x32.yaml");
  CHECK(moved_bytes(unified) < 69'000'000);
  CHECK(moved_bytes(unified) < moved_bytes(fixed) * 6 / 10);
}

TEST_CASE("unified: a result tells each layer's division, what was held, and one bank's price") {
  const json::object result = run(kRun);
  const json::object& shares = result.at("layers").at(0).at("buffers").as_object();
  REQUIRE(shares.size() == 4);
  std::int64_t banks = 0, peaks = 0;
  for (const auto& row : shares) {
    const std::string role(row.key());
    const json::value& share = row.value();
    CAPTURE(role);
    banks += share.at("banks").as_int64();
    CHECK(share.at("capacity_bytes").as_int64() == share.at("banks").as_int64() * 8192);
    const std::int64_t peak = result.at("sram").at(role).at("peak_bytes").as_int64();
    CHECK(peak <= share.at("capacity_bytes").as_int64());
    peaks += peak;
  }
  CHECK(banks <= 64);
  const std::int64_t held = result.at("sram").at("unified").at("peak_bytes").as_int64();
  CHECK(held <= peaks);
  CHECK(held > peaks / 4);
  CHECK(run(kRun, "--set accelerator=edge-32x32.yaml").at("sram").as_object().count("unified") ==
        0);
  // Horowitz: 10 pJ for 64 bits of 8 KiB, 512 KiB / 64 banks, whatever the role has of them.
  int priced = 0;
  for (const json::value& price : result.at("energy").at("prices").as_array()) {
    const std::string component(price.at("component").as_string());
    if (component.find("_buffer") == std::string::npos || component == "scale_buffer") continue;
    const std::string primitive(price.at("primitive").as_string());
    if (primitive != "sram_read" && primitive != "sram_write") continue;
    ++priced;
    CHECK(price.at("capacity_bytes").as_int64() == 8192);
    CHECK(price.at("unit_pj").to_number<double>() == doctest::Approx(10.0));
  }
  CHECK(priced >= 7);
}

TEST_CASE("unified: reports show the banks") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "run.yaml", kRun);
  const std::string text = shell("{sim} explain " + file).text;
  CHECK(text.find("of the unified buffer of 64 x 8 KiB; ") != std::string::npos);
  CHECK(shell("{sim} run " + file + " -o " + dir.at("out")).code == 0);
  const std::string page = dir.at("page.html");
  const Outcome report = shell("{sim} report " + dir.at("out") + " -o " + page);
  CAPTURE(report.text);
  REQUIRE(report.code == 0);
  CHECK(text_of(page).find("of the unified 512 KiB, 64 banks") != std::string::npos);
  const std::string trace = dir.at("trace.vcd");
  const Outcome traced = shell("{sim} run " + file + " -o " + dir.at("traced") + " --vcd " + trace);
  CAPTURE(traced.text);
  REQUIRE(traced.code == 0);
  CHECK(text_of(trace).find("unified_buffer") != std::string::npos);
}

TEST_CASE("unified: a network runs layer by layer, each with a division of its own") {
  const json::object result = run(kNetwork);
  for (const json::value& layer : result.at("layers").as_array()) {
    std::int64_t banks = 0;
    for (const auto& [role, share] : layer.at("buffers").as_object())
      banks += share.at("banks").as_int64();
    CHECK(banks <= 64);
  }
  // Where the next layer's weights come ahead, as many bytes are moved, and sooner where the memory
  // serves all requests alike.
  CHECK(moved_bytes(run(kNetwork, "--set overlap=layers")) == moved_bytes(result));
  const std::string ideal = "--set dram=ideal.yaml ";
  CHECK(run(kNetwork, ideal + "--set overlap=layers").at("cycles").as_int64() <=
        run(kNetwork, ideal).at("cycles").as_int64());
}

TEST_CASE("unified: activations stay on chip where nothing else is given their banks") {
  const std::string on_chip = "--set mapping.activations=on_chip ";
  CHECK(refused(kNetwork, on_chip)
            .find("mapping.activations: on_chip: expected accelerator.buffers.unified.roles of "
                  "input and output alone") != std::string::npos);
  const auto of_kib = [&](int kib) {
    return on_chip +
           fmt::format(
               "--set 'accelerator.buffers={{unified: {{roles: [input, output], banks: 16, "
               "capacity: {} KiB}}}}'",
               kib);
  };
  const json::object result = run(kNetwork, of_kib(64));
  const json::value& tensors = result.at("dram").at("per_tensor");
  CHECK(tensors.at("inputs").at("read_bytes").as_int64() == 0);
  CHECK(tensors.at("outputs").at("write_bytes").as_int64() == 0);
  CHECK(tensors.at("weights").at("read_bytes").as_int64() == 512 * (256 + 512 + 512) + 96 * 512);
  // While d runs, b, c and d are alive: 3 x 16 x 512 B.
  CHECK(refused(kNetwork, of_kib(16)).find("24576 B are alive") != std::string::npos);
}

}  // namespace bitjoule::test::unified_test
