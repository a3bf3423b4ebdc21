#include "core/energy/sram_figures.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/energy/price.h"
#include "core/error.h"

namespace bitjoule::sram_figures_test {
namespace {

SramPoint point(std::int64_t capacity, std::int64_t width, double read, double leakage) {
  SramPoint p;
  p.capacity = Bytes(capacity);
  p.width = Bits(width);
  p.read = Picojoules(read);
  p.write = Picojoules(2 * read);
  p.leakage = Milliwatts(leakage);
  return p;
}

/// Reads: capacity^0.5 at 32 bits, capacity^1 at 128 bits, so that every number below is by hand.
EnergyTable grid() {
  EnergyTable table;
  table.name = "grid";
  table.source = "this test";
  table.sram.width_rule = WidthScaling::kPowerLaw;
  table.sram.points = {point(1024, 32, 1, 3), point(1024, 128, 4, 3), point(4096, 32, 2, 12),
                       point(4096, 128, 16, 12)};
  return table;
}

UnitPrice price_of(Primitive primitive, std::int64_t capacity, std::int64_t width,
                   const EnergyTable& table = grid()) {
  Action a;
  a.component = "weight_buffer";
  a.activity = "read";
  a.primitive = primitive;
  a.capacity = Bytes(capacity);
  a.width = Bits(width);
  return unit_price(a, table);
}

double read(std::int64_t capacity, std::int64_t width) {
  return price_of(Primitive::kSramRead, capacity, width).energy.value;
}

}  // namespace

TEST_CASE("SRAM grid: exact and quoted at its points") {
  CHECK(read(4096, 32) == 2);
  CHECK(price_of(Primitive::kSramWrite, 4096, 128).energy.value == 32);
  CHECK(price_of(Primitive::kSramRead, 4096, 32).origin == PriceOrigin::kQuoted);
  CHECK(price_of(Primitive::kSramRead, 2048, 32).origin == PriceOrigin::kDerived);
}

TEST_CASE("SRAM grid: a capacity with points of one width follows its neighbours' law in width") {
  EnergyTable table = grid();
  table.sram.points.push_back(point(2048, 32, 1.5, 6));
  const auto at = [&](std::int64_t capacity, std::int64_t width) {
    return price_of(Primitive::kSramRead, capacity, width, table).energy.value;
  };
  // In capacity: sqrt(4 x 16) at 128 bits. In width: its neighbours go from sqrt(1 x 2) to that.
  CHECK(at(2048, 128) == doctest::Approx(std::sqrt(8 * (1.5 * 8 / std::sqrt(2.0)))));
  CHECK(at(2048, 32) == 1.5);
  CHECK(at(2048, 33) == doctest::Approx(1.5).epsilon(0.05));  // no jump beside the point
}

TEST_CASE("SRAM grid: power laws in capacity, then in width, between and beyond") {
  CHECK(read(2048, 32) == doctest::Approx(std::sqrt(2.0)));                 // halfway from 1 to 2
  CHECK(read(2048, 128) == doctest::Approx(8));                             // halfway from 4 to 16
  CHECK(read(2048, 64) == doctest::Approx(std::sqrt(std::sqrt(2.0) * 8)));  // halfway of both
  CHECK(read(16384, 32) == doctest::Approx(4));    // beyond: four times, ^0.5
  CHECK(read(16384, 128) == doctest::Approx(64));  // beyond: four times, ^1
  CHECK(read(1024, 512) == doctest::Approx(16));   // beyond: 1 -> 4 -> 16
}

TEST_CASE("SRAM grid: a bank's leakage is its power, whatever the width") {
  // 1 mW is 1 pJ per nanosecond.
  CHECK(price_of(Primitive::kSramLeakage, 2048, 64).energy.value == doctest::Approx(6));
  EnergyTable table = grid();
  for (SramPoint& p : table.sram.points) p.leakage.reset();
  CHECK(price_of(Primitive::kSramLeakage, 2048, 64, table).origin == PriceOrigin::kUnpriced);
}

TEST_CASE("SRAM grid: points must rise, and all have what one has") {
  EnergyTable table = grid();
  CHECK_NOTHROW(check_energy_table(table));
  std::swap(table.sram.points[0], table.sram.points[1]);
  CHECK_THROWS_AS(check_energy_table(table), Error);
  table = grid();
  table.sram.points[2].leakage.reset();
  CHECK_THROWS_AS(check_energy_table(table), Error);
}

}  // namespace bitjoule::sram_figures_test
