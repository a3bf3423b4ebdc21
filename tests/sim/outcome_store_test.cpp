// Outcomes of layers kept for runs to come: what they are found by, and that they change no result.
#include "run/outcome_store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/machine.h"
#include "sim/config/writer.h"
#include "sim/result/result_json.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/outcome_files.h"
#include "support/shell.h"

namespace bitjoule::outcome_store_test {
namespace {

using namespace test;

// 1024 x 1024 weights of a byte: 32768 bursts of 32 B, worth keeping.
const char* const kRun = R"(accelerator: edge-16x16.yaml
layer: {gemm: {m: 2, n: 1024, k: 1024}}
precision: {weights: int8, activations: int8}
mapping: {tile: {m: 2, n: 32, k: 1024}, order: mnk}  # whatever prices say
values: off
)";

/// Keeps everything, and counts.
class Memory : public OutcomeStore {
 public:
  std::optional<LayerOutcome> find(const std::string& key) override {
    const auto row = rows.find(key);
    if (row == rows.end()) return std::nullopt;
    ++found;
    return read_outcome(row->second);
  }
  void put(const std::string& key, const LayerOutcome& outcome) override {
    rows[key] = outcome_text(outcome);
  }
  std::map<std::string, std::string> rows;
  int found = 0;
};

std::string result_of(const std::shared_ptr<OutcomeStore>& store,
                      const std::vector<Override>& overrides = {}) {
  RunConfig run = read_run(text_source("run.yaml", kRun), overrides);
  run.options.outcomes = store;
  const Result result = Machine(run).run();
  return json_text(result_json(run, result));
}

/// A sweep over three tables of prices, of two layers.
std::string energies(const TemporaryDirectory& dir) {
  const std::string table = text_of(configs_dir() + "/energy/horowitz-2014-45nm.yaml");
  std::string names;
  for (const char* name : {"one", "two", "three"}) {
    std::string other = table;
    const std::size_t at = other.find("name: ") + 6;
    other.replace(at, other.find('\n', at) - at, name);
    write_file(dir, fmt::format("{}.yaml", name), other);
    names += fmt::format("{}{}.yaml", names.empty() ? "" : ", ", name);
  }
  return write_file(dir, "sweep.yaml",
                    fmt::format("base: {}\naxes:\n  - {{path: layer.gemm.m, values: [1, 2]}}\n"
                                "  - {{path: energy, values: [{}]}}\n",
                                write_file(dir, "run.yaml", kRun), names));
}

std::vector<std::string> layer_files(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& [name, text] : contents(directory))
    if (fs::path(name).extension() == ".layer")
      files.push_back((fs::path(directory) / name).string());
  return files;
}

std::map<std::string, std::string> without_layers(std::map<std::string, std::string> files) {
  for (auto file = files.begin(); file != files.end();)
    file = fs::path(file->first).extension() == ".layer" ? files.erase(file) : std::next(file);
  return files;
}

}  // namespace

TEST_CASE("outcomes: text and back, and nothing of a text that is cut off or changed in form") {
  const auto store = std::make_shared<Memory>();
  result_of(store);
  REQUIRE(store->rows.size() == 1);
  const std::string text = store->rows.begin()->second;
  const std::optional<LayerOutcome> outcome = read_outcome(text);
  REQUIRE(outcome);
  CHECK(outcome_text(*outcome) == text);
  CHECK(outcome->counts.macs == 2 * 1024 * 1024);
  CHECK(outcome->traffic[Tensor::kWeights].read_bytes == 1024 * 1024);
  CHECK(outcome->dram->latency.count() > 0);
  for (std::size_t size = 0; size < text.size(); size += 7)
    CHECK(!read_outcome(text.substr(0, size)));
  CHECK(!read_outcome(text + "1 "));
  CHECK(!read_outcome("x" + text));
}

TEST_CASE("outcomes: prices and names are nothing that they depend on, machine and formats are") {
  const std::vector<std::vector<Override>> equal = {{},
                                                    {{"energy", "jouppi-2021-7nm.yaml"}},
                                                    {{"name", "other"}},
                                                    {{"accelerator.name", "other"}},
                                                    {{"dram_prices", "device"}},
                                                    {{"seed", "7"}}};
  const std::vector<std::vector<Override>> different = {
      {{"accelerator.clock", "900 MHz"}},
      {{"accelerator.array.rows", "8"}},
      {{"accelerator.buffers.weight.port_width", "32 bit"}},
      {{"accelerator.dma.outstanding", "3"}},
      {{"dram", "ddr4-3200-x8.yaml"}},
      {{"accelerator.dram.controller.age_limit", "99"}},
      {{"precision.weights.format", "int4"}},
      {{"mapping.tile.n", "16"}},
      {{"layer.gemm.m", "1"}},
      {{"fidelity", "pe"}}};
  const auto store = std::make_shared<Memory>();
  int found = 0;
  for (const std::vector<Override>& overrides : equal) {
    CAPTURE(overrides.empty() ? "" : overrides[0].path);
    CHECK(result_of(store, overrides) == result_of(nullptr, overrides));
    CHECK(store->rows.size() == 1);
    CHECK(store->found == found++);
  }
  std::size_t rows = 1;
  for (const std::vector<Override>& overrides : different) {
    CAPTURE(overrides[0].path);
    result_of(store, overrides);
    CHECK(store->rows.size() == ++rows);
  }
}

TEST_CASE("outcomes: with values on, those of a layer that was simulated before are the same") {
  const auto store = std::make_shared<Memory>();
  result_of(store);
  for (const char* format : {"int8", "fp16"}) {
    const std::vector<Override> on = {
        {"values", "on"}, {"verify", "full"}, {"precision.activations", format}};
    const std::string expected = result_of(nullptr, on);
    CHECK(result_of(store, on) == expected);
    CHECK(result_of(store, on) == expected);
  }
  CHECK(store->found == 3);  // int8: both, fp16: the second
}

TEST_CASE("outcomes: a sweep over prices simulates each layer once, with the same files") {
  const TemporaryDirectory dir;
  const std::string sweep = "{sim} sweep " + energies(dir) + " --quiet -j 1 -o ";
  REQUIRE(shell(sweep + dir.at("alone") + " --unshared").code == 0);
  REQUIRE(shell(sweep + dir.at("shared")).code == 0);
  CHECK(layer_files(dir.at("alone")).empty());
  CHECK(layer_files(dir.at("shared")).size() == 2);
  CHECK(without_layers(contents(dir.at("shared"))) == contents(dir.at("alone")));
}

TEST_CASE("outcomes: a file that is not whole, or another's, goes and comes anew") {
  const TemporaryDirectory dir;
  const std::string run = "{sim} run " + write_file(dir, "run.yaml", kRun) + " --quiet -o ";
  const std::string store = " --store " + dir.at("store");
  REQUIRE(shell(run + dir.at("alone")).code == 0);
  REQUIRE(shell(run + dir.at("first") + store).code == 0);
  const std::vector<std::string> files = layer_files(dir.at("store"));
  REQUIRE(files.size() == 1);
  const std::string good = text_of(files[0]);
  REQUIRE(shell(run + dir.at("other") + store + " --set layer.gemm.m=3").code == 0);
  std::string other;
  for (const std::string& file : layer_files(dir.at("store")))
    if (file != files[0]) other = text_of(file);
  REQUIRE(!other.empty());
  std::string digit = good;  // one more cycle: a whole outcome, but not what was written
  const std::size_t line = digit.rfind('\n', digit.size() - 35) + 1;
  digit[line] = digit[line] == '9' ? '1' : '9';
  const std::map<std::string, std::string> expected = contents(dir.at("alone"));
  const std::string again = run + dir.at("again") + store;
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string(),
                                 std::string(good.size(), '\0'), digit, other, good + "x"}) {
    write_file(dir, "bad", bad);
    fs::copy_file(dir.at("bad"), files[0], fs::copy_options::overwrite_existing);
    REQUIRE(shell(again).code == 0);
    CHECK(contents(dir.at("again")) == expected);
    CHECK(text_of(files[0]) == good);
  }
}

TEST_CASE("outcomes: a store that cannot be written keeps nothing, and the run goes on") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "no-directory", "");
  OutcomeFiles store(file);
  const std::shared_ptr<OutcomeStore> shared(&store, [](OutcomeStore*) {});
  CHECK(result_of(shared) == result_of(nullptr));
}

TEST_CASE("outcomes: runs over contexts share all layers but attention") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "run.yaml", R"(accelerator: edge-16x16.yaml
network: stories15m.yaml
phase: decode
precision: {weights: int8, activations: int8}
)");
  const auto run = [&](int context, const std::string& more) {
    const Outcome outcome =
        shell(fmt::format("{{sim}} run {} --quiet -o {} --set network.parameters.context={}{}",
                          file, dir.at("out"), context, more));
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    return contents(dir.at("out"));
  };
  const std::string store = " --store " + dir.at("store");
  run(200, store);
  const std::size_t before = layer_files(dir.at("store")).size();
  const auto shared = run(240, store);
  const std::size_t of_attention = layer_files(dir.at("store")).size() - before;
  CHECK(of_attention <= 3);  // scores, their softmax, the sum of values
  CHECK(before > of_attention);
  CHECK(shared == run(240, ""));
}

}  // namespace bitjoule::outcome_store_test
