// Every command that writes files, killed or out of disk at any byte that it writes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/shell.h"

namespace bitjoule::output_files_test {
namespace {

using namespace test;

/// A command; {out} stands for a directory that exists.
struct Row {
  const char* command;
  std::vector<const char*> files;  ///< below {out}, the one that vouches for the others last
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"{sim} run {in}/run.yaml --quiet -o {out}/run --save-outputs --vcd {out}/w.vcd "
       "--timeline {out}/t.json",
       {"w.vcd", "t.json", "run/outputs.npy", "run/layers.csv", "run/result.json"}},
      {"{sim} run resnet50.yaml --network mlperf-tiny-ad.yaml --save-outputs --quiet -o {out}/net",
       {"net/outputs/fc9.npy", "net/layers.csv", "net/result.json"}},
      {"{sim} price {in}/priced/result.json --energy energy/jouppi-2021-7nm.yaml -o {out}/p.json",
       {"p.json"}},
      {"{sim} dram --dram ideal.yaml --pattern sequential --count 64 -o {out}/dram",
       {"dram/result.json"}},
      {"{sim} import {in}/topology.csv -o {out}/net.yaml", {"net.yaml"}},
      {"{sim} quantize {in}/priced/outputs.npy --format q4_0,int8 -o {out}/q.json", {"q.json"}},
      {"{sim} quantize {in}/priced/outputs.npy --format int8 -o {out}/q.json --decoded {out}/d.npy",
       {"d.npy", "q.json"}},
      {"{sim} schema run -o {out}/schema.json", {"schema.json"}},
      {"{sim} report {in}/priced -o {out}/report.html", {"report.html"}},
  };
  return kRows;
}

std::string filled(std::string text, const TemporaryDirectory& dir, const std::string& out) {
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>("{in}", dir.at("in")), {"{out}", out}})
    for (std::size_t at; (at = text.find(name)) != std::string::npos;)
      text.replace(at, name.size(), value);
  return text;
}

Outcome run(const std::string& command, const std::string& fault) {
  return shell_with_faults("BITJOULE_FAULT=" + fault, command);
}

std::map<std::string, std::string> outputs(const std::string& directory) {
  return fs::exists(directory) ? contents(directory) : std::map<std::string, std::string>();
}

}  // namespace

TEST_CASE("outputs: killed or out of disk at any byte, a file is absent or whole") {
  const TemporaryDirectory dir;
  fs::create_directories(dir.at("in"));
  write_file(dir, "in/run.yaml", R"(accelerator: edge-16x16.yaml
layer: {gemm: {m: 4, n: 32, k: 64}}
precision: {weights: int8, activations: fp32, mac: fp32}
)");
  write_file(dir, "in/topology.csv", "name,M,N,K,\nfc1,4,5,6,\nfc2,7,8,9,\n");
  REQUIRE(shell(filled("{sim} run {in}/run.yaml --quiet --save-outputs -o {in}/priced", dir, ""))
              .code == 0);
  constexpr unsigned kSeed = 7;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (const Row& row : rows()) {
    CAPTURE(row.command);
    fs::create_directories(dir.at("whole"));
    REQUIRE(shell(filled(row.command, dir, dir.at("whole"))).code == 0);
    const std::map<std::string, std::string> expected = outputs(dir.at("whole"));
    REQUIRE(expected.size() == row.files.size());
    std::int64_t bytes = 0;
    for (const char* file : row.files) bytes += static_cast<std::int64_t>(expected.at(file).size());
    for (const std::string fault : {"parent", "full"}) {
      for (int times = 0; times < 4; ++times) {
        // The first and the last byte, and two between them.
        const std::int64_t at = times == 0   ? 0
                                : times == 1 ? bytes - 1
                                             : static_cast<std::int64_t>(random()) % bytes;
        CAPTURE(fault);
        CAPTURE(at);
        fs::create_directories(dir.at("hit"));
        const Outcome outcome =
            run(filled(row.command, dir, dir.at("hit")), fmt::format("{}:{}", fault, at));
        CAPTURE(outcome.text);
        // No file takes its place before the last one is whole, which at every one of these bytes
        // it is not.
        CHECK(outputs(dir.at("hit")).empty());
        if (fault == "full") {
          CHECK(outcome.code == 2);
          CHECK(outcome.text.find("cannot be written: No space left on device") !=
                std::string::npos);
          // Nothing is left to clean up either.
          for (const fs::directory_entry& entry : fs::recursive_directory_iterator(dir.at("hit")))
            CHECK(entry.is_directory());
        } else {
          CHECK(outcome.code != 0);
        }
        fs::remove_all(dir.at("hit"));
      }
    }
    fs::remove_all(dir.at("whole"));
  }
}

TEST_CASE("outputs: a run that fails leaves the result of the one before as it was") {
  const TemporaryDirectory dir;
  const auto at = [&](const std::string& m, const std::string& fault) {
    const std::string run_it = "{sim} run quickstart.yaml --quiet --set layer.gemm.m=" + m +
                               " --set layer.gemm.n=8 --set layer.gemm.k=8 -o " + dir.at("out");
    return fault.empty() ? shell(run_it) : run(run_it, fault);
  };
  REQUIRE(at("1", "").code == 0);
  const auto first = contents(dir.at("out"));
  for (const char* fault : {"full:0", "full:900", "parent:0", "parent:900"}) {
    CAPTURE(fault);
    CHECK(at("2", fault).code != 0);
    CHECK(contents(dir.at("out")) == first);
  }
  REQUIRE(at("2", "").code == 0);
  CHECK(contents(dir.at("out")) != first);
}

}  // namespace bitjoule::output_files_test
