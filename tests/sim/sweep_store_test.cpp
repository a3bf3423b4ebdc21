// What may lie in a store of results: it counts only where it is a whole result of its own name.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sim/result/result_json.h"
#include "sim/sweep/store.h"
#include "support/shell.h"

namespace bitjoule::sweep_store_test {
namespace {

using namespace test;

const char* const kSweep = R"(name: tiny
base: quickstart.yaml
set: {layer: {gemm: {m: 2, n: 16, k: 16}}}
axes:
  - {path: layer.gemm.n, values: [8, 16, 24]}
)";

std::vector<std::string> points_of(const std::string& output) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(output + "/points"))
    paths.push_back(entry.path().string());
  return paths;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string without(const std::string& text, const char* key) {
  boost::json::object object = boost::json::parse(text).as_object();
  object.erase(key);
  return boost::json::serialize(object);
}

std::string with(const std::string& text, const char* key, const boost::json::value& value) {
  boost::json::object object = boost::json::parse(text).as_object();
  object[key] = value;
  return boost::json::serialize(object);
}

}  // namespace

TEST_CASE("store: what is no whole result of its own point is computed again") {
  const TemporaryDirectory dir;
  const std::string sweep = "{sim} sweep " + write_file(dir, "s.yaml", kSweep) + " --quiet -o ";
  REQUIRE(shell(sweep + dir.at("out")).code == 0);
  const auto whole = contents(dir.at("out"));
  const std::vector<std::string> points = points_of(dir.at("out"));
  REQUIRE(points.size() == 3);
  const std::string own = text_of(points[0]);
  const std::vector<std::string> damaged = {
      "",
      "{}",
      own.substr(0, own.size() / 2),
      own.substr(0, own.size() - 3),
      std::string(own.size(), '\0'),
      own.substr(0, 4096) + std::string(own.size() - 4096, '\0'),
      own + own,
      text_of(points[1]),
      without(own, "config_hash"),
      without(own, "energy"),
      without(own, "config"),
      with(own, "schema_version", kResultSchemaVersion + 1),
      with(own, "config_hash", 7),
      "[" + own + "]",
  };
  for (std::size_t i = 0; i < damaged.size(); ++i) {
    CAPTURE(i);
    write(points[0], damaged[i]);
    CHECK(shell("{sim} sweep " + dir.at("s.yaml") + " --dry-run -o " + dir.at("out"))
              .text.find("3 points, 2 known") != std::string::npos);
    REQUIRE(shell(sweep + dir.at("out")).code == 0);
    CHECK(contents(dir.at("out")) == whole);
  }
  // Where no file can be: a directory, a pipe.
  fs::remove(points[0]);
  REQUIRE(shell("mkfifo " + points[0]).code == 0);
  REQUIRE(shell("timeout 60 " + sweep + dir.at("out")).code == 0);
  CHECK(contents(dir.at("out")) == whole);
  // What cannot be replaced is named, with what to do.
  fs::remove(points[0]);
  fs::create_directories(points[0] + "/inner");
  const Outcome blocked = shell(sweep + dir.at("out"));
  CHECK(blocked.code == 2);
  CHECK(blocked.text.find(points[0] + ": a directory stands where the result of a point goes: "
                                      "move it away") != std::string::npos);
}

TEST_CASE("store: a result has all its keys, with values of their kinds") {
  namespace json = boost::json;
  const TemporaryDirectory dir;
  REQUIRE(shell("{sim} sweep " + write_file(dir, "s.yaml", kSweep) + " --quiet -o " + dir.at("out"))
              .code == 0);
  const std::string path = points_of(dir.at("out"))[0];
  const json::value own = json::parse(text_of(path));
  const std::string hash(own.at("config_hash").as_string());
  const ResultStore store(dir.at("out/points"));
  REQUIRE(store.has(hash));
  const auto is_number = [](const json::value& value) { return value.is_number(); };
  const std::vector<json::value> others = {nullptr,
                                           true,
                                           7,
                                           "text",
                                           json::array(),
                                           json::object(),
                                           json::array{1},
                                           json::object{{"a", 1}}};
  // Null, or not there, where there are no values.
  const auto may_be = [](const std::string& key, const json::value& value) {
    return value.is_null() && (key == "error" || key == "verified");
  };
  for (const auto& [name, right] : own.as_object()) {
    const std::string key(name);
    CAPTURE(key);
    for (const json::value& wrong : others) {
      if (wrong.kind() == right.kind() || (is_number(wrong) && is_number(right)) ||
          may_be(key, wrong))
        continue;
      write(path, with(json::serialize(own), key.c_str(), wrong));
      CAPTURE(json::serialize(wrong));
      CHECK(!store.has(hash));
    }
    if (key == "error" || key == "verified" || key == "check") continue;
    write(path, without(json::serialize(own), key.c_str()));
    CHECK(!store.has(hash));
  }
  for (const char* pointer :
       {"/dram/read_bytes", "/dram/per_tensor", "/energy/total_pj", "/energy/components/dram",
        "/stalls/idle", "/dma_cycles/dram", "/roofline/macs_per_byte", "/dram/latency_s/mean"}) {
    CAPTURE(pointer);
    json::value copy = own;
    copy.at_pointer(pointer) = nullptr;
    write(path, json::serialize(copy));
    CHECK(!store.has(hash));
  }
  write(path, json::serialize(own));
  CHECK(store.has(hash));
}

TEST_CASE("store: a result counts, fast and estimated, whatever table and memory priced it") {
  const TemporaryDirectory dir;
  const std::string file = write_file(dir, "s.yaml",
                                      "name: all\nbase: quickstart.yaml\n"
                                      "set: {values: off, layer: {gemm: {m: 2, n: 16, k: 16}}}\n"
                                      "axes:\n"
                                      "  - {path: fidelity, values: [fast, estimate]}\n"
                                      "  - {path: energy, values: [horowitz-2014-45nm.yaml, "
                                      "chip-45nm.yaml, jouppi-2021-7nm.yaml]}\n"
                                      "  - {path: dram, values: [ideal.yaml, lpddr5-6400.yaml, "
                                      "hbm2-2000.yaml]}\n");
  const Outcome outcome = shell("{sim} sweep " + file + " -o " + dir.at("out"));
  CAPTURE(outcome.text);
  CHECK(outcome.code == 0);
  CHECK(outcome.text.find("not run") == std::string::npos);
  CHECK(points_of(dir.at("out")).size() == 18);
}

TEST_CASE("store: failures count by the same rule") {
  const TemporaryDirectory dir;
  const std::string hash(32, 'a'), other(32, 'b');
  const ResultStore store = ResultStore::create(dir.at("store"));
  store.put_failure(hash, "it broke");
  REQUIRE(store.find(hash));
  CHECK(store.find(hash)->failure == "it broke");
  fs::copy_file(dir.at("store/" + hash + ".failed.json"),
                dir.at("store/" + other + ".failed.json"));
  CHECK(!store.has(other));
  write(dir.at("store/" + other + ".failed.json"), R"({"message": "it broke"})");
  CHECK(!store.has(other));
  // No name leads out of the store.
  write(dir.at("x.failed.json"), text_of(dir.at("store/" + hash + ".failed.json")));
  CHECK(!store.has("../x"));
}

TEST_CASE("store: a point is on the disk, name and all, before it counts") {
  const TemporaryDirectory dir;
  const std::string sweep = "{sim} sweep " + write_file(dir, "s.yaml", kSweep) + " --quiet -o ";
  const std::string points = dir.at("out/points");
  REQUIRE(shell_with_faults("BITJOULE_SYNC_LOG=" + dir.at("log"), sweep + dir.at("out") + " -j 1")
              .code == 0);
  // What a file has been through; names are synced with the directory, which may be of many files.
  enum class State { kWritten, kOnDisk, kNamed, kCounts };
  std::map<std::string, State> files;
  const auto all_become = [&](State before, State after) {
    for (auto& [name, state] : files)
      if (state == before) state = after;
  };
  std::istringstream lines(text_of(dir.at("log")));
  for (std::string line; std::getline(lines, line);) {
    const std::string what = line.substr(0, line.find(' ')), name = line.substr(what.size() + 1);
    const std::string file = name.substr(0, name.find(".json.") + 5);  // .HOST.PID.partial
    if (line == "syncfs " + points) all_become(State::kWritten, State::kOnDisk);
    if (line == "sync " + points) all_become(State::kNamed, State::kCounts);
    if (name.rfind(points + "/", 0) != 0) continue;
    if (what == "write") files[file] = State::kWritten;
    if (what != "rename") continue;
    REQUIRE(files.count(name) == 1);
    CHECK(files[name] == State::kOnDisk);
    files[name] = State::kNamed;
  }
  CHECK(files.size() == 3);
  for (const auto& [name, state] : files) CHECK(state == State::kCounts);
  // The store's own name, the points, their names, the tables.
  for (const char* fault : {"sync:0", "sync:1", "sync:2", "sync:3"}) {
    CAPTURE(fault);
    fs::remove_all(dir.at("out"));
    const Outcome failed =
        shell_with_faults(std::string("BITJOULE_FAULT=") + fault, sweep + dir.at("out") + " -j 1");
    CHECK(failed.code == 2);
    CHECK(failed.text.find("cannot be written: Input/output error") != std::string::npos);
  }
}

}  // namespace bitjoule::sweep_store_test
