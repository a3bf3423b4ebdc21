#include "sim/version.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <string>
#include <vector>

#include "sim/config/writer.h"
#include "support/shell.h"

namespace bitjoule::version_test {

TEST_CASE("version: what is told to people") {
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  CHECK(build_text(Build{"1.2.3", commit, false, "feedfacefeedface"}) ==
        "1.2.3 (commit 0123456789ab)");
  CHECK(build_text(Build{"1.2.3", commit, true, "feedfacefeedface"}) ==
        "1.2.3 (commit 0123456789ab, modified, sources feedfacefeedface)");
  CHECK(build_text(Build{"1.2.3", "", false, "feedfacefeedface"}) ==
        "1.2.3 (commit unknown, sources feedfacefeedface)");
}

TEST_CASE("version: the key of hashes tells any two builds apart") {
  std::vector<std::string> keys;
  for (const char* version : {"0.1.0", "0.1.1"})
    for (const char* commit : {"", "0123", "4567"})
      for (const bool modified : {false, true})
        for (const char* sources : {"aa", "bb"})
          keys.push_back(build_key({version, commit, modified, sources}));
  std::sort(keys.begin(), keys.end());
  CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}

TEST_CASE("version: hashes of configurations carry the build") {
  const boost::json::value value = {{"a", 1}};
  boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  std::string expected = boost::uuids::to_string(
      generate(fmt::format("bitjoule {}\n{}", build_key(build()), json_text(value))));
  expected.erase(std::remove(expected.begin(), expected.end(), '-'), expected.end());
  CHECK(content_hash(value) == expected);
}

TEST_CASE("version: --version, results and reports name it, a report that of the result") {
  const test::TemporaryDirectory dir;
  const std::string told = build_text(build());
  CHECK(test::shell("{sim} --version").text == "bitjoule " + told + "\n");
  REQUIRE(test::shell("{sim} run quickstart.yaml --quiet --set layer.gemm.m=1 -o " + dir.at("out"))
              .code == 0);
  const std::string text = test::text_of(dir.at("out/result.json"));
  const boost::json::value result = boost::json::parse(text);
  CHECK(result.at("program") == program_json());
  CHECK(test::shell("{sim} report " + dir.at("out")).text.find("bitjoule " + told) !=
        std::string::npos);
  boost::json::object other = result.as_object();
  other["program"] = {{"name", "bitjoule"},
                      {"version", "0.0.7"},
                      {"commit", "abcdefabcdefabcdef"},
                      {"modified", true},
                      {"sources", "0123"}};
  test::write_file(dir, "out/result.json", boost::json::serialize(other));
  CHECK(test::shell("{sim} report " + dir.at("out"))
            .text.find("bitjoule 0.0.7 (commit abcdefabcdef, modified, sources 0123)") !=
        std::string::npos);
}

}  // namespace bitjoule::version_test
