// The example of docs/dram.md: a target of one's own in the DRAM's place.
#include <doctest/doctest.h>

#include "docs/examples/fixed_latency.h"
#include "support/dram_initiators.h"

namespace bitjoule::test::other_memory_test {

TEST_CASE("another memory: an initiator works with the documentation's target") {
  use_femtosecond_resolution();
  constexpr std::int64_t kLatency = 60;  // core cycles of 1 ns
  FixedLatency memory("memory");
  std::vector<Access> accesses(4);
  for (std::size_t i = 0; i < accesses.size(); ++i) accesses[i].address = 64 * i;
  EventInitiator initiator("initiator", Clock::from_frequency(Hertz(1'000'000'000)), 1, 64,
                           std::move(accesses));
  initiator.socket.bind(memory.socket);
  sc_core::sc_start();
  REQUIRE(initiator.completed.size() == 4);
  CHECK(initiator.completed[0] == kLatency);
  for (std::size_t i = 1; i < 4; ++i)  // one at a time, each from the edge of the one before
    CHECK(initiator.completed[i] == initiator.completed[i - 1] + kLatency);
}

}  // namespace bitjoule::test::other_memory_test
