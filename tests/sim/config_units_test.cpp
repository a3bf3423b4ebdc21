#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "sim/config/units.h"

namespace bitjoule::config_units_test {
namespace {

std::int64_t size_of(const char* text) { return parse_quantity(text, units_of(Bytes())).value(); }
std::int64_t time_of(const char* text) {
  return parse_quantity(text, units_of(Femtoseconds())).value();
}

}  // namespace

TEST_CASE("units: amounts are exact integers of the base unit") {
  CHECK(size_of("64 KiB") == 64 * 1024);
  CHECK(size_of("64KiB") == 64 * 1024);
  CHECK(size_of("1.5 MiB") == 3 * 512 * 1024);
  CHECK(size_of("0 B") == 0);
  CHECK(size_of("1 kB") == 1000);
  CHECK(time_of("0.833 ns") == 833'000);
  CHECK(time_of("1.25 ns") == 1'250'000);
  CHECK(time_of("0.000001 ns") == 1);
  CHECK(time_of("2 s") == 2'000'000'000'000'000);
  CHECK(parse_quantity("700 MHz", units_of(Hertz())) == 700'000'000);
  CHECK(parse_quantity("12.8 GB/s", units_of(BytesPerSecond())) == 12'800'000'000);
  CHECK(parse_quantity("256 b", units_of(Bits())) == 256);
  CHECK(parse_quantity("256 bit", units_of(Bits())) == 256);
  CHECK(parse_quantity("256", units_of(Bits())) == 256);
  CHECK(parse_quantity("4", units_of(Cycles())) == 4);
}

TEST_CASE("units: what is no exact amount of the table is refused") {
  for (const char* text : {"",
                           "64",
                           "KiB",
                           "64 kib",
                           "64  KiB",
                           " 64 KiB",
                           "64 KiB ",
                           "-1 B",
                           "+1 B",
                           "1e3 B",
                           "1. B",
                           ".5 KiB",
                           "1.2.3 B",
                           "0.3 B",
                           "0.3 KiB",
                           "64 KiB/s",
                           "64 MHz",
                           "inf B",
                           "nan B",
                           "0x10 B",
                           "9223372036854775808 B",
                           "8388608 TiB",
                           "99999999999999999999999 B",
                           "0.00000000000000000000001 KiB"}) {
    CAPTURE(text);
    CHECK(!parse_quantity(text, units_of(Bytes())));
  }
  // The largest sizes that fit 63 bits.
  CHECK(parse_quantity("8388607 TiB", units_of(Bytes())) == (std::int64_t{8388607} << 40));
  CHECK(!parse_quantity("0.0000001 ns", units_of(Femtoseconds())));
}

TEST_CASE("units: the text of an amount reads back as the amount") {
  constexpr unsigned kSeed = 20140209;
  INFO("seed ", kSeed);
  std::mt19937_64 random(kSeed);
  for (const UnitTable* table : unit_tables()) {
    for (int i = 0; i < 2000; ++i) {
      const Unit& unit = table->units[random() % table->units.size()];
      const std::int64_t most = std::numeric_limits<std::int64_t>::max() / 100 / unit.factor;
      const std::int64_t amount =
          static_cast<std::int64_t>(random() >> (1 + random() % 62)) % (most + 1) * unit.factor;
      const std::string text = quantity_text(amount, *table);
      CAPTURE(text);
      CHECK(parse_quantity(text, *table) == amount);
    }
  }
  CHECK(quantity_text(65536, units_of(Bytes())) == "64 KiB");
  CHECK(quantity_text(700'000'000, units_of(Hertz())) == "700 MHz");
  CHECK(quantity_text(0, units_of(Bytes())) == "0 B");
  CHECK(quantity_text(833'000, units_of(Femtoseconds())) == "833 ps");
}

TEST_CASE("units: energies are real numbers of picojoules") {
  CHECK(parse_picojoules("3.7 pJ") == 3.7);
  CHECK(parse_picojoules("3.35 nJ") == doctest::Approx(3350));
  CHECK(parse_picojoules("500 fJ") == doctest::Approx(0.5));
  CHECK(parse_picojoules("1e-05 pJ") == 1e-05);
  for (const char* text :
       {"", "3.7", "pJ", "-1 pJ", "nan pJ", "inf pJ", "1e999 pJ", "1 J", "1 pJ x"})
    CHECK(!parse_picojoules(text));
}

}  // namespace bitjoule::config_units_test
