#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/energy/price.h"
#include "core/error.h"
#include "sim/schema/describe_energy.h"
#include "sim/schema/run_file.h"
#include "support/paths.h"

namespace bitjoule::config_energy_test {
namespace {

Action action(const std::string& component, Primitive primitive, const std::string& type,
              std::int64_t count) {
  Action a;
  a.component = component;
  a.activity = primitive_name(primitive);
  a.primitive = primitive;
  a.type = type;
  a.count = count;
  return a;
}

double unit(const EnergyTable& table, Primitive primitive, const std::string& type) {
  return unit_price(action("array", primitive, type, 1), table).energy.value;
}

double sram_read(const EnergyTable& table, std::int64_t capacity, std::int64_t width) {
  Action a = action("buffer", Primitive::kSramRead, "", 1);
  a.capacity = Bytes(capacity);
  a.width = Bits(width);
  return unit_price(a, table).energy.value;
}

/// One fp32 weight fetched and used `reuse` times (machine A).
Counts baseline(std::int64_t reuse) {
  return {action("dram", Primitive::kDramRead, "", 32),
          action("array", Primitive::kMultiply, "fp32", reuse),
          action("array", Primitive::kAdd, "fp32", reuse)};
}

/// One int8 weight fetched, dequantized by one multiply, used `reuse` times (machine B).
Counts dequantize(std::int64_t reuse) {
  return {action("dram", Primitive::kDramRead, "", 8),
          action("dequantizer", Primitive::kMultiply, "fp32", 1),
          action("array", Primitive::kMultiply, "fp32", reuse),
          action("array", Primitive::kAdd, "fp32", reuse)};
}

/// One int8 weight fetched, used `reuse` times with 32-bit accumulation (machine C).
Counts native(std::int64_t reuse) {
  return {action("dram", Primitive::kDramRead, "", 8),
          action("array", Primitive::kMultiply, "int8", reuse),
          action("array", Primitive::kAdd, "int32", reuse)};
}

}  // namespace

TEST_CASE("energy: Horowitz's figures come out as printed") {
  const EnergyTable table = read_energy_table("horowitz-2014-45nm.yaml");
  // fp32 MAC 3.7 + 0.9, int8 MAC with a 32-bit accumulate 0.2 + 0.1, with an 8-bit one 0.2 + 0.03.
  CHECK(price(baseline(1), table).components[1].energy.value ==
        doctest::Approx(4.6).epsilon(1e-12));
  CHECK(price(native(1), table).components[1].energy.value == doctest::Approx(0.30).epsilon(1e-12));
  CHECK(unit(table, Primitive::kAdd, "int8") == 0.03);
  CHECK(unit(table, Primitive::kMultiply, "fp16") == 1.1);
  CHECK(sram_read(table, 8 * 1024, 64) == 10);
  CHECK(sram_read(table, 8 * 1024, 32) == 5);
  CHECK(sram_read(table, 32 * 1024, 64) == 20);
  CHECK(sram_read(table, 1024 * 1024, 64) == 100);
  // sqrt(10 * 20) half-way between 8 and 32 KiB on a logarithmic scale.
  CHECK(sram_read(table, 16 * 1024, 64) == doctest::Approx(14.142136));
  // The widest part of the table: 1 MiB is 32 times 32 KiB, its energy 5 times.
  CHECK(sram_read(table, 64 * 1024, 64) == doctest::Approx(20 * std::pow(5.0, 1.0 / 5.0)));
  CHECK(64 * unit(table, Primitive::kDramRead, "") == 1300);
}

TEST_CASE("energy: derived widths reproduce the closed forms and the quoted rows they fit") {
  const EnergyTable table = read_energy_table("horowitz-2014-45nm.yaml");
  // reference/energy.md: 4 -> 0.052, 2 -> 0.014, 16 -> 0.783, 4 x 8 -> 0.102, 8 x 16 -> 0.395.
  CHECK(unit(table, Primitive::kMultiply, "int4") == doctest::Approx(0.052).epsilon(0.01));
  CHECK(unit(table, Primitive::kMultiply, "int2") == doctest::Approx(0.014).epsilon(0.01));
  CHECK(unit(table, Primitive::kMultiply, "int16") == doctest::Approx(0.783).epsilon(0.001));
  CHECK(unit(table, Primitive::kMultiply, "int4xint8") == doctest::Approx(0.102).epsilon(0.005));
  CHECK(unit(table, Primitive::kMultiply, "int8xint16") == doctest::Approx(0.395).epsilon(0.001));
  // (8^2 + 13 * 8) / 240 for bfloat16's 8-bit significand.
  CHECK(unit(table, Primitive::kMultiply, "bf16") == doctest::Approx(0.7));
  CHECK(unit(table, Primitive::kMultiply, "tf32") == doctest::Approx(1.1));
  for (const char* name : {"horowitz-2014-45nm.yaml", "jouppi-2021-7nm.yaml"}) {
    EnergyTable bare = read_energy_table(name);
    const EnergyTable full = bare;
    bare.arithmetic.clear();
    for (const ArithmeticPrice& row : full.arithmetic) {
      // The 16-bit integer adder of Horowitz (0.05) equals the line; his 8-bit one lies above it.
      const bool is_above_line = row.type == "int8" && row.operation == Primitive::kAdd;
      if (is_above_line && full.name == "horowitz-2014-45nm") continue;
      CAPTURE(name);
      CAPTURE(row.type);
      CHECK(unit(bare, row.operation, row.type) == doctest::Approx(row.energy.value).epsilon(1e-8));
    }
  }
}

TEST_CASE("energy: the article's ratios at weight reuse R (validation row 5)") {
  const EnergyTable table = read_energy_table("horowitz-2014-45nm.yaml");
  struct Row {
    std::int64_t reuse;
    double a_to_b, a_to_c;
  };
  for (const Row& row : {Row{1, 3.83, 4.02}, Row{100, 1.77, 5.77}, Row{1000, 1.10, 11.35}}) {
    CAPTURE(row.reuse);
    const double a = price(baseline(row.reuse), table).total.value;
    CHECK(a / price(dequantize(row.reuse), table).total.value ==
          doctest::Approx(row.a_to_b).epsilon(0.005));
    CHECK(a / price(native(row.reuse), table).total.value ==
          doctest::Approx(row.a_to_c).epsilon(0.005));
  }
}

TEST_CASE("energy: 7 nm ratios (reference/energy.md 2a)") {
  const EnergyTable table = read_energy_table("jouppi-2021-7nm.yaml");
  const double fp32 =
      unit(table, Primitive::kMultiply, "fp32") + unit(table, Primitive::kAdd, "fp32");
  const double int8 = unit(table, Primitive::kMultiply, "int8");
  CHECK(fp32 / (int8 + unit(table, Primitive::kAdd, "int8")) ==
        doctest::Approx(21.9).epsilon(0.005));
  CHECK(fp32 / (int8 + unit(table, Primitive::kAdd, "int32")) ==
        doctest::Approx(16.9).epsilon(0.005));
}

TEST_CASE("energy: prices have a bound, which is named where they are read") {
  const std::string path = test::source_dir() + "/configs/energy/horowitz-2014-45nm.yaml";
  const auto refusal = [&](const std::string& key, const std::string& energy) -> std::string {
    try {
      read_energy_table(path, {{key, energy}});
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  for (const char* key : {"arithmetic.0.energy", "rules.0.quadratic", "rules.0.linear",
                          "sram.points.0.read", "dram.per_access.read"}) {
    CAPTURE(key);
    CHECK(refusal(key, "1e12 pJ").empty());
    for (const char* energy : {"1.7e308 pJ", "1.1e12 pJ", "1e7 uJ"})
      CHECK(refusal(key, energy) == std::string("--set ") + key +
                                        ": expected at most 1000000000000 pJ, got \"" + energy +
                                        "\"");
  }
}

TEST_CASE("energy: rules that lead beyond every price are refused, sums of any count are numbers") {
  EnergyTable table = read_energy_table("horowitz-2014-45nm.yaml");
  table.sram.points = {{Bytes(1024), Bits(64), Picojoules(1e-9), std::nullopt, {}},
                       {Bytes(1025), Bits(64), Picojoules(1e12), std::nullopt, {}}};
  CHECK_THROWS_AS(sram_read(table, 1 << 20, 64), Error);
  CHECK(sram_read(table, 1025, 64) == 1e12);
  Action most =
      action("buffer", Primitive::kSramRead, "", std::numeric_limits<std::int64_t>::max());
  most.capacity = Bytes(1025);
  most.width = Bits(64);
  // 2^63 times a joule.
  CHECK(price(Counts(100, most), table).total.value ==
        doctest::Approx(100 * std::pow(2.0, 63) * 1e12));
}

}  // namespace bitjoule::config_energy_test
