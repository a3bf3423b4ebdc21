#include "hw/buffer.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "hw/time.h"

namespace bitjoule::buffer_test {
namespace {

BufferConfig of_bytes(std::int64_t capacity) {
  BufferConfig config;
  config.capacity = Bytes(capacity);
  config.port_width = Bits(64);
  return config;
}

}  // namespace

TEST_CASE("buffer: accesses are as wide as the port, begun ones whole") {
  use_femtosecond_resolution();
  Buffer buffer("input_buffer");
  buffer.start(of_bytes(64));
  CHECK(buffer.accesses(Bits(64)) == 1);
  CHECK(buffer.accesses(Bits(65)) == 2);
  buffer.read(3);
  buffer.write(buffer.accesses(Bits(1)));
  const BufferCounts counts = buffer.finish(nullptr);
  CHECK(counts.reads == 3);
  CHECK(counts.writes == 1);
  CHECK(counts.peak_bytes == 0);
  buffer.start(of_bytes(64));
  CHECK(buffer.finish(nullptr).reads == 0);
}

TEST_CASE("buffer: the level follows time, not the order in which it is told") {
  use_femtosecond_resolution();
  Buffer buffer("input_buffer");
  buffer.start(of_bytes(48));
  // 32 B in cycles 10 to 30, 16 B in 20 to 40, and 32 B from 30 on: what leaves makes room.
  buffer.occupy(Cycles(10), Bits(256));
  buffer.vacate(Cycles(30), Bits(256));
  buffer.occupy(Cycles(30), Bits(256));
  buffer.occupy(Cycles(20), Bits(128));
  buffer.vacate(Cycles(50), Bits(256));
  buffer.vacate(Cycles(40), Bits(128));
  Trace trace;
  CHECK(buffer.finish(&trace).peak_bytes == 48);
  REQUIRE(trace.signals().size() == 1);
  CHECK(trace.signals()[0].name == "input_buffer.level_bytes");
  std::vector<std::int64_t> levels;
  for (const SignalChange& change : trace.sorted_changes()) levels.push_back(change.value);
  CHECK(levels == std::vector<std::int64_t>{32, 48, 16, 48, 32, 0});
}

TEST_CASE("buffer: each layer has it as it says") {
  use_femtosecond_resolution();
  Buffer buffer("input_buffer");
  buffer.start(of_bytes(64));
  CHECK(buffer.accesses(Bits(128)) == 2);
  BufferConfig wide = of_bytes(16);
  wide.port_width = Bits(128);
  buffer.start(wide);
  CHECK(buffer.accesses(Bits(128)) == 1);
  buffer.occupy(Cycles(1), Bits(17 * 8));
  buffer.vacate(Cycles(2), Bits(17 * 8));
  CHECK_THROWS_AS(buffer.finish(nullptr), Error);
}

TEST_CASE("buffer: levels of several add up where they overlap in time") {
  BufferLevel inputs, weights, all;
  inputs.change(Cycles(10), 80);
  inputs.change(Cycles(30), -80);
  weights.change(Cycles(30), 160);  // what leaves in this cycle makes room
  weights.change(Cycles(40), -160);
  all.add(weights);
  all.add(inputs);
  CHECK(all.peak_bytes("unified_buffer", Bytes(20), nullptr) == 20);
  inputs.change(Cycles(35), 8);
  inputs.change(Cycles(36), -8);
  all.clear();
  all.add(inputs);
  all.add(weights);
  Trace trace;
  CHECK_THROWS_AS(all.peak_bytes("unified_buffer", Bytes(20), &trace), Error);
  REQUIRE(trace.signals().size() == 1);
  CHECK(trace.signals()[0].name == "unified_buffer.level_bytes");
}

TEST_CASE("buffer: more than its capacity, or something left over, is an internal error") {
  use_femtosecond_resolution();
  Buffer buffer("weight_buffer");
  buffer.start(of_bytes(32));
  buffer.occupy(Cycles(1), Bits(257));
  buffer.vacate(Cycles(2), Bits(257));
  CHECK_THROWS_AS(buffer.finish(nullptr), Error);
  buffer.start(of_bytes(32));
  buffer.occupy(Cycles(1), Bits(256));
  CHECK_THROWS_AS(buffer.finish(nullptr), Error);
}

}  // namespace bitjoule::buffer_test
