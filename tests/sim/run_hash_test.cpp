// The name of a result covers what a run reads, also from tensor files.
#include "sim/result/run_hash.h"

#include <doctest/doctest.h>

#include "sim/formats/npy.h"
#include "sim/schema/run_file.h"
#include "support/shell.h"

namespace bitjoule::run_hash_test {
namespace {

using test::TemporaryDirectory;
using test::write_file;

std::string hash_of(const TemporaryDirectory& dir, const std::vector<Override>& overrides = {}) {
  const std::string text =
      "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 1, n: 2, k: 2}, inputs: {file: x.npy}}\n"
      "precision: {weights: int8, activations: int8}\n";
  return run_hash(read_run(file_source(write_file(dir, "run.yaml", text)), overrides));
}

}  // namespace

TEST_CASE("run hash: another content of a tensor file is another run, the same is the same") {
  const TemporaryDirectory dir;
  write_npy(dir.at("x.npy"), {1, 2}, {1, 2});
  const std::string first = hash_of(dir);
  CHECK(first.size() == 32);
  CHECK(hash_of(dir) == first);
  write_npy(dir.at("x.npy"), {1, 2}, {1, 3});
  const std::string second = hash_of(dir);
  CHECK(second != first);
  // Without values nothing is read.
  const std::vector<Override> off = {{"values", "off"}};
  const std::string unread = hash_of(dir, off);
  write_npy(dir.at("x.npy"), {1, 2}, {1, 2});
  CHECK(hash_of(dir) == first);
  CHECK(hash_of(dir, off) == unread);
  // A missing file is told when the run reads it, not here.
  CHECK(hash_of(dir, {{"layer.inputs.file", dir.at("none.npy")}}) != first);
}

TEST_CASE("run hash: `sim check` prints what the result of `sim run` carries") {
  const TemporaryDirectory dir;
  const std::string hash = hash_of(dir);  // writes run.yaml
  write_npy(dir.at("x.npy"), {1, 2}, {1, 2});
  const std::string of_file = hash_of(dir);
  CHECK(of_file != hash);
  const test::Outcome check = test::shell("{sim} check " + dir.at("run.yaml"));
  CAPTURE(check.text);
  CHECK(check.code == 0);
  CHECK(check.text.find("configuration " + of_file) != std::string::npos);
  REQUIRE(test::shell("{sim} run " + dir.at("run.yaml") + " --quiet -o " + dir.at("out")).code ==
          0);
  CHECK(test::text_of(dir.at("out/result.json")).find(of_file) != std::string::npos);
}

}  // namespace bitjoule::run_hash_test
