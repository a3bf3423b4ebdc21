#include <doctest/doctest.h>

#include "core/error.h"
#include "hw/dram.h"
#include "support/dram_initiators.h"

namespace bitjoule::test::dram_ideal_test {
namespace {

DramConfig ideal() {
  IdealDramConfig config;  // 64 B bursts at 12.8 GB/s take 5 ns each
  config.latency = Femtoseconds(100'000'000);
  config.capacity = Bytes(4096);
  return {"ideal", config, std::nullopt};
}

std::vector<Access> sequential(std::size_t n) {
  std::vector<Access> accesses(n);
  for (std::size_t i = 0; i < n; ++i) accesses[i] = {64 * i, i % 2 == 1};
  return accesses;
}

template <class Kind>
std::vector<std::int64_t> completions(std::size_t outstanding) {
  use_femtosecond_resolution();
  Dram dram("dram", ideal());
  Kind dma("dma", Clock::from_frequency(Hertz(1'000'000'000)), outstanding, 64U, sequential(8));
  dma.socket.bind(dram.socket);
  sc_core::sc_start(1, sc_core::SC_US);
  CHECK(dram.stats().reads == 4);
  CHECK(dram.stats().writes == 4);
  CHECK(dma.released == 8);
  return dma.completed;
}

// Unlimited: a pipe. Request 0 ends at 100 + 5 ns, each other one 5 ns after the one before.
const std::vector<std::int64_t> kPipe = {105, 110, 115, 120, 125, 130, 135, 140};
// Two at once: request 2 leaves when 0 is done, at 105; request 3 at 110.
const std::vector<std::int64_t> kTwo = {105, 110, 210, 215, 315, 320, 420, 425};

}  // namespace

TEST_CASE("ideal dram: a stream run ahead") { CHECK(completions<RunAheadInitiator>(8) == kPipe); }
TEST_CASE("ideal dram: a stream with one event per phase") {
  CHECK(completions<EventInitiator>(8) == kPipe);
}
TEST_CASE("ideal dram: two outstanding run ahead") {
  CHECK(completions<RunAheadInitiator>(2) == kTwo);
}
TEST_CASE("ideal dram: two outstanding with one event per phase") {
  CHECK(completions<EventInitiator>(2) == kTwo);
}

}  // namespace bitjoule::test::dram_ideal_test
