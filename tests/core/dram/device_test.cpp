// Blocked at N - 1, legal at N.
#include "core/dram/device.h"

#include <doctest/doctest.h>

#include "support/dram_configs.h"

namespace bitjoule::test::device_test {
namespace {

using C = DramCommand;

struct Fixture {
  DramStandard standard = resolve_standard(small_dram());
  DramDevice device{standard};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "dram device: one bank opens, is used, closes and opens again") {
  CHECK(device.earliest(C::kAct, 0) == 0);
  device.issue(C::kAct, 0, 5, 100);
  CHECK(device.open_row(0) == 5);
  CHECK(device.open_banks(0) == 1);
  CHECK(device.earliest(C::kRead, 0) == 100 + 9);   // tRCD
  CHECK(device.earliest(C::kWrite, 0) == 100 + 9);  // tRCD
  CHECK(device.earliest(C::kPre, 0) == 100 + 20);   // tRAS
  device.issue(C::kRead, 0, 5, 118);
  CHECK(device.earliest(C::kPre, 0) == 118 + 6);  // tRTP, later than tRAS
  device.issue(C::kPre, 0, 0, 124);
  CHECK(device.open_row(0) == DramDevice::kClosed);
  CHECK(device.earliest(C::kAct, 0) == 124 + 7);  // tRP, later than tRC = 127
}

TEST_CASE_FIXTURE(Fixture, "dram device: writes recover before the bank closes") {
  device.issue(C::kAct, 1, 0, 0);
  device.issue(C::kWrite, 1, 0, 9);
  CHECK(device.earliest(C::kPre, 1) == 9 + 8 + 4 + 11);  // CWL + burst + tWR
  CHECK(device.earliest(C::kRead, 1) == 9 + 8 + 4 + 3);  // CWL + burst + tWTR
  CHECK(device.earliest(C::kRead, 3) == 9 + 8 + 4 + 3);  // for the whole rank
}

TEST_CASE_FIXTURE(Fixture, "dram device: bursts of a bank group are further apart") {
  device.issue(C::kRead, 0, 0, 50);
  CHECK(device.earliest(C::kRead, 1) == 50 + 6);                // tCCD_L
  CHECK(device.earliest(C::kRead, 2) == 50 + 4);                // tCCD
  CHECK(device.earliest(C::kWrite, 2) == 50 + 10 + 4 + 2 - 8);  // read to write
}

TEST_CASE_FIXTURE(Fixture, "dram device: four activates in a window") {
  for (std::int64_t bank = 0; bank < 4; ++bank) {
    CHECK(device.earliest(C::kAct, bank) == (bank == 0 ? 0 : 5 * bank));  // tRRD
    device.issue(C::kAct, bank, 0, 5 * bank);
  }
  device.issue(C::kPre, 0, 0, 20);
  CHECK(device.earliest(C::kAct, 0) == 30);  // tFAW, later than tRC = 27 and tRP = 27
}

TEST_CASE_FIXTURE(Fixture, "dram device: a refresh takes the rank") {
  device.issue(C::kAct, 2, 0, 0);
  device.issue(C::kAct, 3, 0, 5);
  CHECK(device.earliest_of_rank(C::kPreAll, 0) == 5 + 20);  // tRAS of the later one
  device.issue_to_rank(C::kPreAll, 0, 25);
  CHECK(device.open_banks(0) == 0);
  CHECK(device.earliest_of_rank(C::kRefAll, 0) == 25 + 7);  // tRP
  device.issue_to_rank(C::kRefAll, 0, 32);
  for (std::int64_t bank = 0; bank < 4; ++bank) CHECK(device.earliest(C::kAct, bank) == 132);
}

}  // namespace bitjoule::test::device_test
