#include "core/dram/address_map.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace bitjoule::address_map_test {
namespace {

// channels, ranks, bank groups, banks per group, rows, columns, channel bits, device bits, burst
const DramOrganization kSizes = {2, 2, 4, 2, 16, 64, 32, 8, 8};  // 32-byte bursts, 8 in a row

std::string error(const std::vector<std::string>& mapping, DramOrganization sizes = kSizes) {
  try {
    AddressMap map(sizes, mapping);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dram mapping: fields from the least significant end") {
  const AddressMap map(kSizes, {"row", "rank", "bank", "bank_group", "column", "channel"});
  // row 9, rank 1, bank 1, group 2, column 5, channel 1, from the top; 5 bits of offset below.
  const std::int64_t burst = ((((9 * 2 + 1) * 2 + 1) * 4 + 2) * 8 + 5) * 2 + 1;
  const DramAddress a = map.decode(burst * 32 + 31);
  CHECK(a.row == 9);
  CHECK(a.bank == (1 * 4 + 2) * 2 + 1);
  CHECK(a.column == 5);
  CHECK(a.channel == 1);
}

TEST_CASE("dram mapping: a field in parts") {
  const AddressMap map(kSizes,
                       {"rank", "row", "column", "bank", "bank_group", "channel", "column:2"});
  const DramAddress a = map.decode(0b101 * 32);
  CHECK(a.column == 0b01);
  CHECK(a.channel == 1);
  CHECK(map.decode(32 << 6).column == 0b100);  // above 2 + 1 + 2 + 1 bits
}

TEST_CASE("dram mapping: every burst has a place of its own") {
  const AddressMap map(kSizes, {"column", "row", "bank", "bank_group", "column:1", "rank",
                                "channel", "bank_group:1"});
  std::vector<bool> seen(2 * 16 * 16 * 8);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const DramAddress a = map.decode(static_cast<std::int64_t>(i) * 32);
    const auto place =
        static_cast<std::size_t>(((a.channel * 16 + a.bank) * 16 + a.row) * 8 + a.column);
    REQUIRE(place < seen.size());
    CHECK(!seen[place]);
    seen[place] = true;
  }
}

TEST_CASE("dram mapping: errors name the entry") {
  CHECK(error({"row", "rank", "bank", "column", "channel"}) ==
        "mapping: 2 of the 2 bits of bank_group are not covered");
  CHECK(error({"row", "rank", "bank", "bank_group", "column", "column", "channel"}) ==
        "mapping[4]: column has 3 bits, and 3 are taken already");
  CHECK(error({"row", "rank", "bank", "bank_group", "column:4", "channel"}) ==
        "mapping[4]: column has 3 bits, and 0 are taken already");
  for (const char* entry : {"colum", "column:", "column:x", "column:0", "", ":2"}) {
    CAPTURE(entry);
    CHECK(error({"row", entry}).rfind("mapping[1]: expected channel, rank", 0) == 0);
  }
  DramOrganization odd = kSizes;
  odd.rows = 24;
  CHECK(error({}, odd) == "organization.rows: expected a power of two, got 24");
}

}  // namespace bitjoule::address_map_test
