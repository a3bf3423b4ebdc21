// The article's experiment, reduced to what the array can do PE by PE in a moment.
#include <boost/json.hpp>
#include <string>

#include "support/shell.h"

namespace bitjoule::test::article_test {
namespace {

namespace json = boost::json;

const char* const kFilter = " --set layer.conv2d.channels=64 --set layer.conv2d.filters=32";
const char* const kDecode = " --set layer='{gemm: {m: 1, n: 96, k: 128}}'";
const char* const kPrefill = " --set layer='{gemm: {m: 40, n: 96, k: 128}}'";

json::object result(const std::string& machine, const std::string& layer,
                    const std::string& fidelity) {
  const TemporaryDirectory dir;
  const Outcome run = shell("cd '" + test::source_dir() + "' && {sim} run configs/runs/article-" +
                            machine + ".yaml --quiet --fidelity " + fidelity +
                            " --set verify=full --set accelerator.array.rows=8"
                            " --set accelerator.array.cols=8" +
                            layer + " -o " + dir.at("out"));
  CHECK(run.text == "");
  REQUIRE(run.code == 0);
  return json::parse(text_of(dir.at("out/result.json"))).as_object();
}

std::int64_t read_bytes(const json::object& result, const char* tensor) {
  return result.at("dram").at("per_tensor").at(tensor).at("read_bytes").as_int64();
}

}  // namespace

TEST_CASE("article: machines A, B and C come out equal PE by PE") {
  for (const char* layer : {kFilter, kDecode, kPrefill}) {
    CAPTURE(layer);
    json::object fast[3];
    for (int i = 0; i < 3; ++i) {
      const std::string machine(1, static_cast<char>('a' + i));
      CAPTURE(machine);
      fast[i] = result(machine, layer, "fast");
      json::object pe = result(machine, layer, "pe");
      CHECK(pe.at("fidelity").as_string() == "pe");
      for (const char* differs : {"fidelity", "config", "config_hash"}) {
        fast[i].erase(differs);
        pe.erase(differs);
      }
      CHECK(json::serialize(fast[i]) == json::serialize(pe));
      CHECK(fast[i].at("verified").as_bool());
    }
    // Each weight is a byte instead of four wherever it is fetched equally often.
    if (layer == kDecode) {
      CHECK(read_bytes(fast[0], "weights") == 4 * read_bytes(fast[1], "weights"));
      CHECK(read_bytes(fast[0], "weights") == 4 * read_bytes(fast[2], "weights"));
    }
    CHECK(fast[0].at("macs") == fast[2].at("macs"));
  }
}

}  // namespace bitjoule::test::article_test
