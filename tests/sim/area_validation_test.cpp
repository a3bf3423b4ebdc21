// Areas of published chips (docs/validation.md). No row of a table comes from a single one of them.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "core/energy/area.h"
#include "core/mapping/machine_parts.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_energy.h"

namespace bitjoule::area_validation_test {
namespace {

EnergyTable with_areas(const std::string& file) {
  EnergyTable table;
  table.name = file;
  table.area = read_document<AreaPrices>(file_source(file), {});
  return table;
}

MachinePart macs(std::int64_t units, const char* type = "int8") {
  MachinePart part;
  part.component = "array";
  part.kind = PartKind::kMac;
  part.type = type;
  part.units = units;
  return part;
}

MachinePart sram(std::int64_t kib) {
  MachinePart part;
  part.component = "weight_buffer";
  part.kind = PartKind::kSram;
  part.capacity = Bytes(kib * 1024);
  part.width = Bits(64);
  return part;
}

MachinePart control() {
  MachinePart part;
  part.component = "control_and_dma";
  part.kind = PartKind::kOnce;
  return part;
}

double error(const std::vector<MachinePart>& parts, const EnergyTable& table, double mm2) {
  return area_of(parts, table).total_mm2().value() / mm2 - 1;
}

}  // namespace

TEST_CASE("area: NVDLA's configurations at 28 nm within 25 %") {
  const EnergyTable table = with_areas("energy/area/generic-28nm.yaml");
  struct Configuration {
    std::int64_t macs, kib;
    double mm2;
  };
  // nvdla/doc, primer: synthesis estimates, int8, 1 GHz.
  const Configuration configurations[] = {{2048, 512, 5.5}, {1024, 256, 3.0}, {512, 256, 2.3},
                                          {256, 256, 1.7},  {128, 256, 1.4},  {64, 128, 0.91},
                                          {32, 128, 0.85}};
  for (const Configuration& c : configurations) {
    CAPTURE(c.macs);
    const double off = error({macs(c.macs), sram(c.kib), control()}, table, c.mm2);
    MESSAGE(c.macs, " MACs, ", c.kib, " KiB: ", off);
    CHECK(std::abs(off) < 0.25);
  }
}

TEST_CASE("area: TPU v1's matrix unit and unified buffer within 40 %") {
  const EnergyTable table = with_areas("energy/area/generic-28nm.yaml");
  // Of less than 331 mm2: matrix unit 24 %, unified buffer of 24 MiB 29 %.
  const double matrix = error({macs(65536)}, table, 0.24 * 331);
  const double buffer = error({sram(24 * 1024)}, table, 0.29 * 331);
  const double both = error({macs(65536), sram(24 * 1024)}, table, 0.53 * 331);
  MESSAGE("matrix unit ", matrix, ", unified buffer ", buffer, ", both ", both);
  CHECK(std::abs(matrix) < 0.4);
  CHECK(std::abs(buffer) < 0.4);
  CHECK(std::abs(both) < 0.2);
}

TEST_CASE("area: EIE's memory at 45 nm, which no row comes from, within 40 %") {
  // 93.2 % of 0.638 mm2 of a PE are its 162 KiB: 128 of weights, 32 of pointers, 2 of activations.
  EnergyTable table = with_areas("energy/area/generic-45nm.yaml");
  table.sram = read_document<SramPrices>(file_source("energy/sram/cacti7-45nm-lop.yaml"), {});
  const double off = error({sram(128), sram(32), sram(2)}, table, 0.932 * 0.638);
  MESSAGE("EIE's memory ", off);
  CHECK(std::abs(off) < 0.4);
}

TEST_CASE("area: Eyeriss' multipliers and adders are a part of what the table calls a MAC") {
  // 65 nm, 12.25 mm2: 7.4 % multipliers and adders of 168 PEs; a third of the core is no storage.
  const EnergyTable table = with_areas("energy/area/generic-45nm.yaml");
  const double scaled = (65.0 / 45) * (65.0 / 45);
  const double logic = area_of({macs(168, "int16")}, table).total_mm2().value() * scaled;
  const double off = logic / (12.25 / 3) - 1;
  MESSAGE("Eyeriss' logic ", off);
  CHECK(logic > 0.074 * 12.25);
  CHECK(std::abs(off) < 0.4);
}

}  // namespace bitjoule::area_validation_test
