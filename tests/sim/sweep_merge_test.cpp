// Shards and their merging; runs side by side.
#include <doctest/doctest.h>

#include <string>

#include "support/shell.h"

namespace bitjoule {
namespace {

using namespace test;

const char* const kSweep = R"(name: parts
question: Is the whole the sum of its parts?
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 8}}}
axes:
  - {path: layer.gemm.n, values: [8, 16, 24, 32, 56]}
  - {path: accelerator.array.rows, values: [4, 8]}
baseline: {accelerator.array.rows: 4}
)";

}  // namespace

TEST_CASE("merge: shards in directories of their own, or in one, equal the whole") {
  const TemporaryDirectory dir;
  const std::string sweep = "{sim} sweep " + write_file(dir, "s.yaml", kSweep) + " --quiet -o ";
  REQUIRE(shell(sweep + dir.at("whole")).code == 0);
  for (int shard = 1; shard <= 3; ++shard) {
    const std::string number = std::to_string(shard);
    std::string into_part = sweep, into_one = sweep;
    into_part.append(dir.at("part" + number)).append(" --shard ").append(number).append("/3");
    into_one.append(dir.at("one")).append(" --shard ").append(number).append("/3");
    REQUIRE(shell(into_part).code == 0);
    REQUIRE(shell(into_one).code == 0);
  }
  const Outcome incomplete =
      shell("{sim} merge " + dir.at("part1") + " " + dir.at("part3") + " -o " + dir.at("x"));
  CHECK(incomplete.code == 2);
  CHECK(incomplete.text.find("3 of 10 points are in no part; first: point 2") != std::string::npos);
  REQUIRE(shell("{sim} merge " + dir.at("part1") + " " + dir.at("part2") + " " + dir.at("part3") +
                " -o " + dir.at("merged"))
              .code == 0);
  CHECK(contents(dir.at("merged")) == contents(dir.at("whole")));
  REQUIRE(shell("{sim} merge " + dir.at("one") + " -o " + dir.at("one")).code == 0);
  CHECK(text_of(dir.at("one/results.csv")) == text_of(dir.at("whole/results.csv")));
  CHECK(text_of(dir.at("one/results.json")) == text_of(dir.at("whole/results.json")));
}

TEST_CASE("merge: parts of different sweeps are refused; so are shards that do not exist") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet --shard 1/2 -o " + dir.at("a")).code == 0);
  REQUIRE(
      shell("{sim} sweep " + file + " --quiet --shard 2/2 --set seed=2 -o " + dir.at("b")).code ==
      0);
  REQUIRE(shell("{sim} sweep " + file + " --quiet --set seed=2 -o " + dir.at("c")).code == 0);
  const Outcome other =
      shell("{sim} merge " + dir.at("a") + " " + dir.at("c") + " -o " + dir.at("x"));
  CHECK(other.code == 2);
  CHECK(other.text.find("is another than in the parts before it") != std::string::npos);
  CHECK(shell("{sim} merge " + dir.at("nowhere") + " -o " + dir.at("x")).code == 2);
  for (const char* shard : {"0/2", "3/2", "1", "a/b", "1/0"})
    CHECK(shell("{sim} sweep " + file + " --dry-run --shard " + shard).code == 2);
}

TEST_CASE("diff: configuration and results, absolute and relative") {
  const TemporaryDirectory dir;
  const std::string run =
      "{sim} run quickstart.yaml --quiet --set 'layer={gemm: {m: 1, n: 32, "
      "k: 32}}' --set values=off -o ";
  REQUIRE(shell(run + dir.at("a")).code == 0);
  REQUIRE(shell(run + dir.at("b") + " --set layer.gemm.n=64").code == 0);
  const Outcome equal = shell("{sim} diff " + dir.at("a") + " " + dir.at("a/result.json"));
  CHECK(equal.code == 0);
  CHECK(equal.text.find("configuration: equal") != std::string::npos);
  CHECK(equal.text.find("result: equal") != std::string::npos);
  const Outcome outcome = shell("{sim} diff " + dir.at("a") + " " + dir.at("b") + " | tr -s ' '");
  CAPTURE(outcome.text);
  CHECK(outcome.text.find("configuration: 1 differences\n layer.gemm.n 32 64") !=
        std::string::npos);
  // MACs: 1 x 32 x 32 = 1024 against 1 x 64 x 32 = 2048.
  CHECK(outcome.text.find("\n macs 1024 2048 +1024 +100.00 % 2.00 times more\n") !=
        std::string::npos);
  const Outcome none = shell("{sim} diff " + dir.at("a") + " " + dir.at("nowhere"));
  CHECK(none.code == 2);
  CHECK(none.text.find("no result of a run") != std::string::npos);
}

}  // namespace bitjoule
