// Standard output and error that are full, or closed at the other end or from the start: every
// command says so with exit code 2 and loses no file.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "sim/commands/command.h"
#include "support/shell.h"

namespace bitjoule::streams_test {
namespace {

using namespace test;

const char* const kRun = R"(accelerator: edge-16x16.yaml
layer: {gemm: {m: 4, n: 32, k: 64}}
precision: {weights: int8, activations: fp32, mac: fp32}
)";
const char* const kSweep = R"(base: run.yaml
axes:
  - {path: layer.gemm.n, values: [8, 16]}
)";

const char* const kNetwork = R"(name: net
inputs: [{name: x, shape: [1, 32]}]
layers: [{name: fc, gemm: {m: 1, n: 8, k: 32}, inputs: [x]}]
)";

/// A command that prints, and the files that it writes below {out}.
struct Row {
  const char* command;
  std::vector<const char*> files;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"{sim} run {in}/run.yaml -o {out} --vcd {out}.vcd", {"/result.json", "/layers.csv", ".vcd"}},
      {"{sim} run resnet50.yaml --network mlperf-tiny-ad.yaml -o {out}",
       {"/result.json", "/layers.csv"}},
      {"{sim} evaluate {in}/run.yaml --network {in}/net.yaml --data {in}/priced/outputs.npy -o "
       "{out} "
       "--json --quiet",
       {"/result.json", "/layers.csv", "/inputs.csv"}},
      {"{sim} calibrate {in}/run.yaml --network {in}/net.yaml --data {in}/priced/outputs.npy -o "
       "{out}",
       {""}},
      {"{sim} tune {in}/run.yaml --network {in}/net.yaml --data {in}/priced/outputs.npy --labels "
       "{in}/labels.npy --formats int4 --budget 'accuracy.kl <= 100' -o {out}",
       {"/mix.yaml", "/sensitivity.csv", "/mixes.csv"}},
      {"{sim} sweep {in}/sweep.yaml -o {out} --pareto cycles",
       {"/results.json", "/results.csv", "/pareto.csv"}},
      {"{sim} sweep {in}/sweep.yaml --dry-run", {}},
      {"{sim} merge {in}/swept -o {out}", {"/results.json", "/results.csv"}},
      {"{sim} price {in}/priced -o {out}", {""}},
      {"{sim} area {in}/run.yaml", {}},
      {"{sim} report {in}/priced", {}},
      {"{sim} diff {in}/priced {in}/priced", {}},
      {"{sim} check {in}/run.yaml", {}},
      {"{sim} check {in}/run.yaml --print", {}},
      {"{sim} schema run", {}},
      {"{sim} list", {}},
      {"{sim} list formats", {}},
      {"{sim} import {in}/topology.csv", {}},
      {"{sim} quantize {in}/priced/outputs.npy --format int8 -o {out}", {""}},
      {"{sim} dram --dram ideal.yaml --pattern sequential --count 64 -o {out}", {"/result.json"}},
      {"{sim} explain {in}/run.yaml", {}},
      {"{sim} run {in}/run.yaml --json", {}},
      {"{sim} help", {}},
      {"{sim} man", {}},
      {"{sim} completion bash", {}},
      {"{sim} --help", {}},
      {"{sim} --version", {}},
      {"{sim} run --help", {}},
  };
  return kRows;
}

std::string filled(std::string text, const TemporaryDirectory& dir) {
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>("{in}", dir.at("in")), {"{out}", dir.at("out")}})
    for (std::size_t at; (at = text.find(name)) != std::string::npos;)
      text.replace(at, name.size(), value);
  return text;
}

/// The exit code of a command whose standard output is a pipe that nobody reads.
int code_with_closed_pipe(std::string command) {
  for (std::size_t at; (at = command.find("{sim}")) != std::string::npos;)
    command.replace(at, 5, "'" + sim_program() + "'");
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const pid_t child = fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    execl("/bin/sh", "sh", "-c", ("exec " + command + " 2>/dev/null").c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void prepare(const TemporaryDirectory& dir) {
  fs::create_directories(dir.at("in"));
  write_file(dir, "in/run.yaml", kRun);
  write_file(dir, "in/sweep.yaml", kSweep);
  write_file(dir, "in/net.yaml", kNetwork);
  std::string labels = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }";
  labels.resize(117, ' ');
  write_file(dir, "in/labels.npy",
             std::string("\x93NUMPY\x01\x00\x76\x00", 10) + labels + '\n' +
                 std::string("\x00\x01\x02\x03", 4));
  write_file(dir, "in/topology.csv", "name,M,N,K,\nfc1,4,5,6,\nfc2,7,8,9,\n");
  REQUIRE(
      shell(filled("{sim} run {in}/run.yaml --quiet --save-outputs -o {in}/priced", dir)).code ==
      0);
  REQUIRE(shell(filled("{sim} sweep {in}/sweep.yaml --quiet -o {in}/swept", dir)).code == 0);
}

void check_files(const TemporaryDirectory& dir, const Row& row) {
  for (const char* file : row.files) {
    CAPTURE(file);
    CHECK(fs::file_size(dir.at("out") + file) > 0);
  }
  fs::remove_all(dir.at("out"));
  fs::remove(dir.at("out.vcd"));
}

}  // namespace

TEST_CASE("streams: a full, closed or missing standard output costs no file and gives code 2") {
  const TemporaryDirectory dir;
  prepare(dir);
  for (const Row& row : rows()) {
    CAPTURE(row.command);
    const std::string command = filled(row.command, dir);
    REQUIRE(shell(command + " > /dev/null").code == 0);
    check_files(dir, row);
    const Outcome full = shell("(" + command + " > /dev/full)");
    CHECK(full.code == 2);
    const std::size_t said = full.text.rfind("wrote ", 0) == 0 ? full.text.find('\n') + 1 : 0;
    CHECK(full.text.substr(said) ==
          "error: standard output: cannot be written: No space left on device\n");
    check_files(dir, row);
    CHECK(code_with_closed_pipe(command) == 2);
    check_files(dir, row);
    CHECK(shell("(" + command + " >&-)").code == 2);
    check_files(dir, row);
    CHECK(shell("(" + command + " > /dev/full 2> /dev/full)").code == 2);
    check_files(dir, row);
    CHECK(shell("(" + command + " >&- 2>&- <&-)").code == 2);
    check_files(dir, row);
  }
}

TEST_CASE("streams: every command is among those that are tried") {
  for (const CommandRow& command : commands()) {
    bool is_tried = false;
    for (const Row& row : rows())
      is_tried =
          is_tried || std::string(row.command).rfind(std::string("{sim} ") + command.name) == 0;
    CAPTURE(command.name);
    CHECK(is_tried);
  }
}

TEST_CASE("streams: errors and notes that nobody can read end no program early") {
  const TemporaryDirectory dir;
  prepare(dir);
  for (const char* stream : {"2> /dev/full", "2>&-"}) {
    CAPTURE(stream);
    CHECK(shell(fmt::format("({{sim}} run nowhere.yaml {})", stream)).code == 2);
    CHECK(shell(fmt::format("({{sim}} no-such-command {})", stream)).code == 2);
    CHECK(shell(fmt::format("({{sim}} list --no-such-option {})", stream)).code == 2);
    for (const char* how : {"--quiet", "", "--verbose"}) {  // nothing to say, or nothing missed
      const std::string run =
          fmt::format("({{sim}} run {{in}}/run.yaml {} -o {{out}} {})", how, stream);
      CHECK(shell(filled(run, dir)).code == 0);
      check_files(dir, {"", {"/result.json"}});
    }
  }
}

}  // namespace bitjoule::streams_test
