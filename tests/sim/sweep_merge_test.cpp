// Shards and their merging; runs side by side.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "sim/output/terminal.h"
#include "sim/sweep/compare.h"
#include "sim/version.h"
#include "support/shell.h"

namespace bitjoule::sweep_merge_test {
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

TEST_CASE("merge: parts of different sweeps are refused, so are shards that do not exist") {
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

TEST_CASE("merge: parts from elsewhere write nothing outside the output") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet -o " + dir.at("part")).code == 0);
  const std::string part = text_of(dir.at("part/results.json"));
  const boost::json::value original = boost::json::parse(part);
  const auto hostile = [&](const std::function<void(boost::json::object&)>& change) {
    boost::json::value copy = original;
    change(copy.as_object());
    write_file(dir, "part/results.json", boost::json::serialize(copy));
    const Outcome outcome =
        shell("ulimit -t 20; timeout 60 {sim} merge " + dir.at("part") + " -o " + dir.at("out"));
    CAPTURE(outcome.text);
    CHECK(!fs::exists(dir.at("x.json")));
    CHECK(!fs::exists(dir.at("elsewhere")));
    return outcome.code;
  };
  const auto set_hash = [](boost::json::object& object, const std::string& hash) {
    object["points"].as_array()[0].as_object()["hash"] = hash;
  };
  const std::string hash(original.at("points").at(0).at("hash").as_string());
  // A result that another directory holds under the name that the hash would lead to.
  fs::copy_file(dir.at("part/points/" + hash + ".json"), dir.at("part/x.json"));
  for (const std::string& name :
       {std::string("../../x"), std::string("../x"), dir.at("x"), std::string(),
        std::string(32, '.'), hash + "0", std::string(32, 'A')})
    CHECK(hostile([&](auto& object) { set_hash(object, name); }) == 2);
  for (const std::int64_t count : {std::int64_t{100'000'000}, std::int64_t{1} << 62})
    CHECK(hostile([&](auto& object) { object["points_in_sweep"] = count; }) == 2);
  CHECK(hostile([&](auto& object) { object["points_in_sweep"] = 3; }) == 2);
  // A store that does not exist is not made; one that holds something else is not taken: no point
  // is done then.
  CHECK(hostile([&](auto& object) { object["store"] = "../elsewhere"; }) == 1);
  CHECK(contents(dir.at("out")).size() == 2);  // the tables alone
  fs::remove_all(dir.at("out"));
  // Nothing is changed where a part only says that its points are: not even leftovers are removed.
  fs::create_directories(dir.at("other"));
  write_file(dir, "other/old.partial", "of somebody else");
  fs::last_write_time(dir.at("other/old.partial"),
                      fs::file_time_type::clock::now() - std::chrono::hours(5));
  CHECK(hostile([&](auto& object) { object["store"] = dir.at("other"); }) == 1);
  CHECK(fs::exists(dir.at("other/old.partial")));
  fs::remove_all(dir.at("out"));
  // Links in an output that is a part itself.
  write_file(dir, "victim", "mine");
  write_file(dir, "part/results.json", part);
  fs::create_directories(dir.at("out"));
  for (const char* name : {"out/results.json", "out/results.csv"})
    fs::create_symlink(dir.at("victim"), dir.at(name));
  CHECK(shell("{sim} merge " + dir.at("part") + " -o " + dir.at("out")).code == 0);
  CHECK(text_of(dir.at("victim")) == "mine");
  fs::remove_all(dir.at("out"));
  fs::create_directories(dir.at("out"));
  fs::create_directories(dir.at("target"));
  fs::create_directory_symlink(dir.at("target"), dir.at("out/points"));
  const Outcome link = shell("{sim} merge " + dir.at("part") + " -o " + dir.at("out"));
  CHECK(link.code == 2);
  CHECK(link.text.find("expected a directory of the output, not a link") != std::string::npos);
  CHECK(fs::is_empty(dir.at("target")));
}

TEST_CASE("merge: parts of different programs are refused, a whole names the one of its parts") {
  namespace json = boost::json;
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", kSweep);
  for (const char* shard : {"1/2", "2/2"})
    REQUIRE(
        shell("{sim} sweep " + file + " --quiet --shard " + shard + " -o " + dir.at("p")).code ==
        0);
  const std::string merge = "{sim} merge " + dir.at("p") + " -o " + dir.at("out");
  const json::object other{{"name", "bitjoule"},
                           {"version", "0.0.7"},
                           {"commit", "abcdefabcdefabcdef"},
                           {"modified", false},
                           {"sources", "0123"}};
  const auto set_program = [&](const std::string& path, const json::object& program) {
    json::object object = json::parse(text_of(path)).as_object();
    object["program"] = program;
    std::ofstream(path, std::ios::binary) << json::serialize(object);
  };
  const json::object own =
      json::parse(text_of(dir.at("p/results-1-of-2.json"))).at("program").as_object();
  for (const char* key : {"version", "commit", "modified", "sources"}) {
    CAPTURE(key);
    json::object changed = own;
    changed[key] = other.at(key);
    if (changed[key] == own.at(key)) changed[key] = true;  // "modified" of a clean tree
    set_program(dir.at("p/results-2-of-2.json"), changed);
    const Outcome mixed = shell(merge);
    CHECK(mixed.code == 2);
    CHECK(mixed.text.find("results of different programs") != std::string::npos);
  }
  set_program(dir.at("p/results-2-of-2.json"), other);
  const std::string both = shell(merge).text;
  CHECK(both.find(build_text(own) + " and 0.0.7 (commit abcdefabcdef)") != std::string::npos);
  CHECK(!fs::exists(dir.at("out")));
  // Of another program than the one that merges: its results count, this one's beside them do not.
  set_program(dir.at("p/results-1-of-2.json"), other);
  CHECK(shell(merge).code == 1);
  for (const fs::directory_entry& entry : fs::directory_iterator(dir.at("p/points")))
    set_program(entry.path().string(), other);
  CHECK(shell(merge).code == 0);
  CHECK(json::parse(text_of(dir.at("out/results.json"))).at("program") == other);
}

TEST_CASE("merge: a point is done where its result is, with the numbers that stand there") {
  namespace json = boost::json;
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml", kSweep);
  REQUIRE(shell("{sim} sweep " + file + " --quiet -o " + dir.at("part")).code == 0);
  const std::string own = text_of(dir.at("part/results.json"));
  const std::string merge = "{sim} merge " + dir.at("part") + " -o " + dir.at("out");
  json::value forged = json::parse(own);
  json::object& point = forged.at("points").as_array()[0].as_object();
  point["metrics"].as_object()["time_s"] = 1e-30;
  point["metrics"].as_object()["invented"] = 7;
  write_file(dir, "part/results.json", json::serialize(forged));
  REQUIRE(shell(merge).code == 0);
  CHECK(text_of(dir.at("out/results.json")) == own);
  fs::remove_all(dir.at("out"));
  fs::remove(dir.at("part/points/" + std::string(point["hash"].as_string()) + ".json"));
  const Outcome lost = shell(merge);
  CHECK(lost.code == 1);
  CHECK(lost.text.find("not run: said to be done, but its part has no such result") !=
        std::string::npos);
  const json::value merged = json::parse(text_of(dir.at("out/results.json")));
  CHECK(merged.at("points").at(0).at("status") == "missing");
  CHECK(!merged.at("points").at(0).as_object().contains("metrics"));
  CHECK(merged.at("points").at(1).at("status") == "done");
  // A page about a table says what nothing bears out.
  CHECK(shell("{sim} report " + dir.at("part"))
            .text.find("The results of 1 of 10 points are not in points") != std::string::npos);
  CHECK(shell("{sim} report " + dir.at("out")).text.find("are not in points") == std::string::npos);
}

TEST_CASE("diff: decibels and shares have differences, and no ratio") {
  const auto result = [](double sqnr, double utilization, double hits) {
    return boost::json::object{
        {"error", {{"sqnr_db", sqnr}}},
        {"utilization", utilization},
        {"dram", {{"row_hit_rate", hits}, {"data_bus_share", {{"busy", hits}}}}}};
  };
  const std::string text =
      diff_text("a", result(20, 0.25, 0.5), "b", result(38.75, 0.75, 0.375), kUnlimited);
  CAPTURE(text);
  CHECK(text.find("+18.75 dB\n") != std::string::npos);
  CHECK(text.find("+50 percentage points\n") != std::string::npos);
  CHECK(text.find("-12.5 percentage points\n") != std::string::npos);
  CHECK(text.find(" times ") == std::string::npos);
  CHECK(text.find(" % ") == std::string::npos);
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

}  // namespace bitjoule::sweep_merge_test
