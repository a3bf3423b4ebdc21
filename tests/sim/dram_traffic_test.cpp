// What `sim dram` is asked to send, and what it refuses.
#include "sim/commands/dram_traffic.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "core/dram/standard.h"
#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"
#include "support/shell.h"

namespace bitjoule::test::dram_traffic_test {
namespace {

constexpr TrafficShape kShape{64, 4096};  // room for 64 requests

template <class Change>
PatternOptions options(const char* name, std::int64_t count, Change change) {
  PatternOptions o;
  o.name = name;
  o.count = count;
  change(&o);
  return o;
}

std::string refusal(const PatternOptions& o) {
  try {
    make_pattern(o, kShape);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

std::vector<std::int64_t> addresses(const PatternOptions& o) {
  const auto source = make_pattern(o, kShape);
  std::vector<std::int64_t> all;
  for (TimedRequest r; source->next(&r);) all.push_back(r.request.address);
  return all;
}

std::string trace_refusal(const std::string& text) {
  const TemporaryDirectory directory;
  const std::string path = write_file(directory, "t.trace", text);
  try {
    const auto source = open_trace(path, kShape);
    for (TimedRequest r; source->next(&r);) {
    }
  } catch (const Error& e) {
    return std::string(e.what()).substr(path.size() - 6);
  }
  return "";
}

std::string standard_refusal(const std::vector<Override>& overrides,
                             const char* file = "ddr4-2400-x8.yaml") {
  try {
    resolve_standard(
        std::get<CycleDramConfig>(read_document<DramConfig>(file_source(file), overrides).model));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dram traffic: a pattern may fill the capacity to its last byte, and no more") {
  const auto nothing = [](PatternOptions*) {};
  CHECK(addresses(options("sequential", 64, nothing)).back() == 4096 - 64);
  CHECK(refusal(options("sequential", 65, nothing)) ==
        "--count: 65 x 64 bytes from byte 0 on end beyond the capacity of 4096 bytes");
  // 2^58 requests of 2^6 bytes: their product does not fit 64 bits.
  CHECK(refusal(options("sequential", std::int64_t{1} << 58, nothing)) ==
        "--count: 288230376151711744 x 64 bytes from byte 0 on end beyond the capacity of 4096 "
        "bytes");
  CHECK(refusal(options("sequential", 1, [](PatternOptions* o) { o->base = 4096; })) ==
        "--base: 1 x 64 bytes from byte 4096 on end beyond the capacity of 4096 bytes");
  CHECK(refusal(options("random", 1, [](PatternOptions* o) { o->range = 8192; })) ==
        "--range: 1 x 8192 bytes from byte 0 on end beyond the capacity of 4096 bytes");
}

TEST_CASE("dram traffic: streams that write are among the streams") {
  const auto streams = [](std::int64_t all, std::int64_t writing, std::int64_t gap) {
    return options("streams", 2, [=](PatternOptions* o) {
      o->streams = all;
      o->write_streams = writing;
      o->gap = gap;
    });
  };
  CHECK(addresses(streams(2, 2, 1024)) == std::vector<std::int64_t>{0, 1024, 64, 1024 + 64});
  CHECK(refusal(streams(2, 3, 1024)) ==
        "--write-streams: expected at most the 2 of --streams, got 3");
  CHECK(refusal(streams(4, 0, 2048)) ==
        "--gap: 3 x 2048 bytes from byte 0 on end beyond the capacity of 4096 bytes");
  CHECK(refusal(streams(2, 0, 96)) == "--gap: expected a multiple of a request's 64 bytes, got 96");
}

TEST_CASE("dram traffic: pauses that outlast the clock are refused") {
  CHECK(refusal(options("random", std::int64_t{1} << 48, [](PatternOptions* o) {
          o->interval = 1 << 24;
        })) == "--interval: 281474976710656 requests 16777216 clocks apart take too long");
}

TEST_CASE("dram traffic: more requests than anyone waits for are refused") {
  constexpr std::int64_t kMost = std::int64_t{1} << 32;
  const auto nothing = [](PatternOptions*) {};
  CHECK(refusal(options("random", kMost, nothing)) == "");
  CHECK(refusal(options("random", kMost + 1, nothing)) ==
        "--count: expected at most 4294967296 requests, got 4294967297");
  CHECK(refusal(options("strided", std::int64_t{1} << 48, nothing)) ==
        "--count: expected at most 4294967296 requests, got 281474976710656");
}

TEST_CASE("dram traffic: the mean of a queue over time is at most its maximum, in any channel") {
  const TemporaryDirectory directory;
  const Outcome outcome =
      shell("{sim} dram --dram hbm2-2000-stack.yaml --pattern random -o " + directory.at("out"));
  REQUIRE(outcome.code == 0);
  CHECK(outcome.text.find(" bursts per channel\n") != std::string::npos);
  const boost::json::value queue =
      boost::json::parse(text_of(directory.at("out/result.json"))).at("queue");
  CHECK(queue.at("mean").to_number<double>() > 1);
  CHECK(queue.at("mean").to_number<double>() <= queue.at("max").to_number<double>());
}

TEST_CASE("dram traffic: a trace's bad line is named") {
  CHECK(trace_refusal("LD 0x40\n\n# a comment\n0xfc0 WRITE 7\nST 64\n") == "");
  CHECK(trace_refusal("LD 0x40\nLD 0x1000\n") ==
        ".trace:2: address 0x1000 is beyond the capacity of 4096 bytes");
  CHECK(trace_refusal("LD\n") ==
        ".trace:1: expected \"LD ADDRESS\", \"ST ADDRESS\" or \"ADDRESS READ|WRITE CYCLE\"");
  CHECK(trace_refusal("0x0 LOAD 3\n") == ".trace:1: expected READ or WRITE, got \"LOAD\"");
  CHECK(trace_refusal("0x0 READ -3\n") == ".trace:1: expected a cycle, got \"-3\"");
  CHECK(trace_refusal("LD 0x10000000000000000\n") ==
        ".trace:1: expected an address, got \"0x10000000000000000\"");
}

TEST_CASE("dram traffic: standards that no device could be are refused") {
  CHECK(standard_refusal({}) == "");
  CHECK(standard_refusal({{"organization.ranks", "64"},
                          {"organization.bank_groups", "64"},
                          {"organization.banks_per_group", "64"}})
            .find("organization: 262144 banks in a channel, expected at most") !=
        std::string::npos);
  CHECK(standard_refusal({{"timing.tRAS", "70"}}).find("tRAS") != std::string::npos);
  CHECK(standard_refusal({{"mapping", "[row, bank, column]"}}).find("mapping") !=
        std::string::npos);
  CHECK(standard_refusal({{"protocol.constraints",
                           "[{level: other_ranks, preceding: [ACT], following: [ACT], latency: "
                           "tFAW, window: 4}]"}})
            .find("protocol.constraints[0].window: there is none between ranks") !=
        std::string::npos);
  // HBM2's rows know one rank; two would send their data at once.
  CHECK(standard_refusal({{"organization.ranks", "2"},
                          {"mapping", "[row, bank, bank_group, column, rank, channel]"}},
                         "hbm2-2000.yaml")
            .find("organization.ranks: no row of protocol.constraints says when RD may follow RD "
                  "of another rank") != std::string::npos);
}

TEST_CASE("dram traffic: the program refuses with 2 and writes nothing") {
  const TemporaryDirectory directory;
  const std::string dram = "{sim} dram --dram ddr4-2400-x8.yaml -o " + directory.at("out");
  for (const char* arguments : {" --pattern sequentail", " --pattern streams --write-count -2",
                                " --pattern sequential --count 0", " --trace /no/such/file",
                                " --pattern random --set timing.tRAS=70"})
    CHECK(shell(dram + arguments).code == 2);
  CHECK(!fs::exists(directory.at("out")));
}

TEST_CASE("dram traffic: an option that has no effect on the requests is refused") {
  const TemporaryDirectory dir;
  std::ofstream(dir.at("t.tr")) << "LD 0x40\n";
  const std::string dram = "{sim} dram --dram ddr4-2400-x8.yaml ";
  const auto refused = [&](const std::string& options, const std::string& text) {
    const Outcome outcome = shell(dram + options);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(outcome.text.find(text) != std::string::npos);
  };
  refused("--pattern sequential --stride 64", "--stride: has no effect on --pattern sequential");
  refused("--pattern random --gap 64", "--gap: has no effect on --pattern random");
  refused("--pattern streams --seed 3", "--seed: has no effect on --pattern streams");
  refused("--trace " + dir.at("t.tr") + " --count 5", "--count: has no effect beside --trace");
  CHECK(shell(dram + "--pattern streams --count 8 --gap 65536 --interval 4").code == 0);
  CHECK(shell(dram + "--pattern strided --count 8 --stride 128 --range 1024 --write").code == 0);
}

}  // namespace bitjoule::test::dram_traffic_test
