// An array that does several dataflows, through the program: set layer by layer, shown and pinned.
#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "support/shell.h"

namespace bitjoule::test::setting_test {
namespace {

/// 8 x 8 PEs behind a fast memory, and two layers: one of long streams of m, one of long sums.
std::string run_text(const std::string& dataflow, const std::string& workload) {
  return "accelerator: {base: accelerators/edge-16x16.yaml, array: {rows: 8, cols: 8, overlap: "
         "none, "
         "dataflow: " +
         dataflow +
         "}}\n"
         "dram: {name: fast, model: ideal, bandwidth: 1 TB/s, latency: 1 ns}\n"
         "mapping: {objective: cycles}\n"
         "precision: {weights: int8, activations: int8}\n" +
         workload + "\n";
}

const char* const kLong = "gemm: {m: 512, n: 8, k: 32}";
const char* const kDeep = "gemm: {m: 8, n: 8, k: 512}";

std::string layer(const char* op) { return std::string("layer: {") + op + "}"; }

boost::json::value result_of(const TemporaryDirectory& dir, const std::string& text,
                             const std::string& options = "") {
  const Outcome run = shell("{sim} run " + write_file(dir, "run.yaml", text) + " -q -o " +
                            dir.at("out") + " " + options);
  CAPTURE(run.text);
  REQUIRE(run.code == 0);
  return boost::json::parse(text_of(dir.at("out/result.json")));
}

}  // namespace

TEST_CASE("setting: each layer of a network runs in the dataflow that suits it, as if alone") {
  const TemporaryDirectory dir;
  const std::string network = std::string("network: {layers: [{name: long, ") + kLong +
                              "}, {name: deep, " + kDeep + "}]}\nvalues: on";
  for (const char* fidelity : {"", "--fidelity pe"}) {
    const boost::json::value both = result_of(dir, run_text("[is, os, ws]", network), fidelity);
    const auto& layers = both.at("layers").as_array();
    REQUIRE(layers.size() == 2);
    for (const boost::json::value& each : layers) CHECK(each.at("verified") == true);
    CHECK(layers[0].at("mapping").at("dataflow") == "ws");
    CHECK(layers[1].at("mapping").at("dataflow") == "os");
    const std::string csv = text_of(dir.at("out/layers.csv"));
    CHECK(csv.find(",true,ws\nde") != std::string::npos);
    CHECK(csv.find(",true,os\n") != std::string::npos);
    const boost::json::value ws = result_of(dir, run_text("ws", network), fidelity);
    const boost::json::value os = result_of(dir, run_text("os", network), fidelity);
    for (const char* figure : {"cycles", "compute_cycles", "stalls", "sram", "dram"}) {
      CAPTURE(std::string(figure));
      CHECK(layers[0].at(figure) == ws.at("layers").at(0).at(figure));
      CHECK(layers[1].at(figure) == os.at("layers").at(1).at(figure));
    }
  }
}

TEST_CASE("setting: the summary and explain say what the array is set to, pins keep it") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "run.yaml", run_text("[ws, os]", layer(kDeep)));
  for (const char* command : {"run ", "explain "}) {
    const Outcome chosen = shell(std::string("{sim} ") + command + file);
    CHECK(chosen.text.find("\nmapping      dataflow os; tile ") != std::string::npos);
    const Outcome pinned =
        shell(std::string("{sim} ") + command + file + " --set mapping.dataflow=ws");
    CHECK(pinned.text.find("\nmapping      dataflow ws; tile ") != std::string::npos);
    const Outcome other =
        shell(std::string("{sim} ") + command + file + " --set mapping.dataflow=is");
    CHECK(other.code == 2);
    CHECK(other.text.find("mapping.dataflow: expected one of accelerator.array.dataflow (ws, os), "
                          "got is") != std::string::npos);
  }
  // Of an array that does one, nothing is said.
  const std::string alone = write_file(dir, "alone.yaml", run_text("os", layer(kDeep)));
  CHECK(shell("{sim} run " + alone).text.find("\nmapping      tile ") != std::string::npos);
}

namespace {

/// All counts but those of time: the clock ticks in every cycle, and everything leaks.
boost::json::array untimed(const boost::json::value& result) {
  boost::json::array counts = result.at("counts").as_array();
  const auto* clock = std::find_if(counts.begin(), counts.end(), [](const boost::json::value& row) {
    return row.at("primitive") == "clock";
  });
  CHECK(clock->at("count") == 8 * 8 * result.at("cycles").to_number<std::int64_t>());
  counts.erase(clock);
  boost::json::array untimed;
  for (const boost::json::value& row : counts)
    if (row.at("primitive").as_string().find("leakage") == boost::json::string::npos)
      untimed.push_back(row);
  CHECK(untimed.size() < counts.size());
  return untimed;
}

}  // namespace

TEST_CASE("fold order: a pin changes cycles where folds are uneven, and nothing else") {
  const TemporaryDirectory dir;
  // k: 32 folds of 8 rows and one of 4; 8 columns of folds, 16 steps each.
  const std::string text = run_text("ws", layer("gemm: {m: 16, n: 64, k: 260}"));
  const std::string sets =
      "--set accelerator.array.overlap=full --set accelerator.array.edge_folds=exact "
      "--set accelerator.array.pe.width=8 --set 'mapping.tile={m: 16, n: 64, k: 260}' "
      "--set accelerator.buffers.weight.capacity='64 KiB' --set mapping.fold_order=";
  const boost::json::value k = result_of(dir, text, sets + "k_innermost");
  const boost::json::value columns = result_of(dir, text, sets + "columns_innermost");
  CHECK(k.at("layers").at(0).at("mapping").at("fold_order") == "k_innermost");
  CHECK(columns.at("layers").at(0).at("mapping").at("fold_order") == "columns_innermost");
  // A short fold waits 8 - 4 cycles: in each column, or once.
  const std::int64_t common = 8 + 8 * 33 * 16 + (4 + 8 - 2) - 1;
  CHECK(k.at("compute_cycles") == common + 8 * 4);
  CHECK(columns.at("compute_cycles") == common + 4);
  CHECK(untimed(k) == untimed(columns));
  CHECK(k.at("error") == columns.at("error"));
}

}  // namespace bitjoule::test::setting_test
