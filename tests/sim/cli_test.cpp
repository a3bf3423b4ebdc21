#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/commands/command.h"
#include "sim/commands/kinds.h"
#include "sim/version.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::cli_test {
namespace {

using test::Outcome;

/// Runs `sim ARGUMENTS` as a shell would, from the repository's root.
Outcome sim(const std::string& arguments) {
  return test::shell("cd '" + test::source_dir() + "' && {sim} " + arguments);
}

bool has(const Outcome& outcome, const std::string& part) {
  CAPTURE(outcome.text);
  return outcome.text.find(part) != std::string::npos;
}

/// A result such as `sim run` writes, as far as prices go.
const char* const kResult = R"({"schema_version": 2, "name": "demo", "cycles": 12.5,
 "counts": [
  {"component": "array", "activity": "multiply", "primitive": "multiply", "type": "fp32",
   "width_bits": 0, "capacity_bytes": 0, "count": 1000},
  {"component": "array", "activity": "accumulate", "primitive": "add", "type": "fp32",
   "width_bits": 0, "capacity_bytes": 0, "count": 1000},
  {"component": "dequantizer", "activity": "convert", "primitive": "convert", "type": "fp32",
   "width_bits": 0, "capacity_bytes": 0, "count": 7},
  {"component": "weight_buffer", "activity": "read", "primitive": "sram_read", "type": "",
   "width_bits": 64, "capacity_bytes": 8192, "count": 10},
  {"component": "dram", "activity": "read", "primitive": "dram_read", "type": "",
   "width_bits": 0, "capacity_bytes": 0, "count": 64}],
 "layers": [{"name": "first", "repeat": 2, "counts": [0, 0, 0, 0, 32]}]})";

/// A file that is gone when the test ends.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "bitjoule-cli-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    REQUIRE(file >= 0);
    std::fclose(fdopen(file, "w"));
    path_ = pattern;
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("cli: exit codes and messages of bad usage") {
  const Outcome version_line = sim("--version");
  CHECK(version_line.code == 0);
  CHECK(version_line.text == "bitjoule " + build_text(build()) + "\n");
  CHECK(sim("--help").code == 0);
  const Outcome misspelt = sim("chek x.yaml");
  CHECK(misspelt.code == 2);
  CHECK(misspelt.text == "error: unknown subcommand \"chek\", did you mean \"check\"?\n");
  CHECK(sim("check").code == 2);
  CHECK(sim("check --no-such-option x").code == 2);
  CHECK(sim("check no-such-file.yaml").code == 2);
}

TEST_CASE("cli: every subcommand explains itself") {
  for (const CommandRow& row : commands()) {
    CAPTURE(row.name);
    CHECK(sim(std::string(row.name) + " --help").code == 0);
    CHECK(has(sim("--help"), row.summary));
  }
}

TEST_CASE("cli: every list prints, an unknown one names the valid ones") {
  const Outcome lists = sim("list");
  CHECK(lists.code == 0);
  std::istringstream lines(lists.text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::string name = line.substr(0, line.find(' '));
    CAPTURE(name);
    CHECK(sim("list " + name).code == 0);
  }
  CHECK(count > 15);
  const Outcome unknown = sim("list format");
  CHECK(unknown.code == 2);
  CHECK(has(unknown, "did you mean \"formats\"?"));
}

TEST_CASE("cli: check reports all files' problems, one error line each") {
  CHECK(sim("check configs/runs/article-a.yaml edge-32x32.yaml").code == 0);
  const Outcome bad =
      sim("check configs/runs/article-a.yaml configs/layers/article-filter.yaml nowhere.yaml "
          "--set accelerator.array.rows=x");
  CHECK(bad.code == 2);
  CHECK(has(bad, "error: --set accelerator.array.rows: expected 1..1024, got \"x\"\n"));
  CHECK(has(bad, "error: nowhere.yaml: no such file\n"));
  CHECK(has(bad, "unknown key \"accelerator\""));
  const Outcome misfit =
      sim("check article-c.yaml --set accelerator.buffers.accumulator='{capacity: 4 B, banks: 1, "
          "port_width: 8 bit}'");
  CHECK(misfit.code == 2);
  CHECK(has(misfit, "error: article-c.yaml: no tile of the layer fits the machine"));
  const Outcome malformed = sim("check configs/runs/article-a.yaml --set a --set b");
  CHECK(malformed.code == 2);
  CHECK(malformed.text ==
        "error: --set a: expected a.b.c=value\nerror: --set b: expected a.b.c=value\n");
}

TEST_CASE("cli: price") {
  const TemporaryFile result(kResult);
  const TemporaryFile prices("");
  const Outcome done = sim("price " + result.path() + " -o " + prices.path());
  CHECK(done.code == 0);
  CHECK(has(done, "not priced: dequantizer.convert, 7 of convert fp32"));
  std::stringstream text;
  text << std::ifstream(prices.path()).rdbuf();
  const boost::json::value json = boost::json::parse(text.str());
  // Horowitz: 1000 fp32 MACs of 4.6 pJ, ten 64-bit accesses of 10 pJ, one of 1300 pJ.
  const boost::json::value& energy = json.at("energy");
  CHECK(energy.at("components").at("array").to_number<double>() == doctest::Approx(4600));
  CHECK(energy.at("components").at("weight_buffer").to_number<double>() == 100);
  CHECK(energy.at("components").at("dram").to_number<double>() == 1300);
  CHECK(energy.at("total_pj").to_number<double>() == doctest::Approx(6000));
  CHECK(energy.at("unpriced").as_array().size() == 1);
  CHECK(json.at("layers").at(0).at("energy").at("total_pj").to_number<double>() == 650);
  CHECK(has(sim("price " + result.path() + " --energy jouppi-2021-7nm.yaml"), "jouppi-2021-7nm"));
  CHECK(has(sim("price " + result.path() + " --set dram=hbm2-3.9pj.yaml"), "249.6 pJ"));
}

TEST_CASE("cli: price refuses what it cannot price, with its place") {
  std::string bad = kResult;
  bad.replace(bad.find("\"fp32\""), 6, "\"int\"");
  const TemporaryFile result(bad);
  const Outcome outcome = sim("price " + result.path());
  CHECK(outcome.code == 2);
  CHECK(outcome.text ==
        "error: energy table \"horowitz-2014-45nm\" has no price for array.multiply: multiply of "
        "int; add a row, or list it under unpriced\n");
  const std::string begin = R"({"schema_version": 2, "cycles": 1)";
  const TemporaryFile broken(begin + R"(, "counts": [{"component": "array", "count": -1}]})");
  CHECK(has(sim("price " + broken.path()),
            broken.path() + ": counts[0].count: expected at least 0, got \"-1\""));
  CHECK(has(sim("price " + broken.path()), "counts[0].primitive: missing"));
  const TemporaryFile none(begin + "}");
  CHECK(has(sim("price " + none.path()), "no counts: not a result of sim run"));
  const TemporaryFile layers(begin + R"(, "counts": [], "layers": [{"counts": [1]}, 3]})");
  for (const char* place : {"layers[0].counts: expected 0 numbers, one per action in counts, got 1",
                            "layers[1]: expected a map"})
    CHECK(has(sim("price " + layers.path()), place));
  const TemporaryFile other("{}");
  CHECK(has(sim("price " + other.path()), "not a result of `sim run` with schema_version 2"));
  CHECK(sim("price " + other.path() + " -o /nonexistent/x.json").code == 2);
}

TEST_CASE("cli: schema") {
  for (const FileKindRow& kind : file_kinds()) {
    const Outcome schema = sim("schema " + kind.name);
    CHECK(schema.code == 0);
    CHECK(boost::json::parse(schema.text).is_object());
  }
  CHECK(has(sim("schema runs"), "did you mean \"run\"?"));
}

}  // namespace bitjoule::cli_test
