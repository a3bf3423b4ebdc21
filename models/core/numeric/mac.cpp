#include "core/numeric/mac.h"

#include <algorithm>

#include "core/numeric/format.h"
#include "core/units.h"

namespace bitjoule {

int brick_width(int bits) {
  int width = 2;
  while (width < bits) width *= 2;
  return width;
}

const std::vector<MacType>& mac_types() {
  static const std::vector<MacType> rows = {
      {"fp32", 32, false, "fp32", kFp32},       {"tf32", 32, false, "fp32", kTf32},
      {"bf16", 16, false, "fp32", kBf16},       {"fp16", 16, false, "fp32", kFp16},
      {"fp8_e4m3", 8, false, "fp32", kFp8E4m3}, {"fp8_e5m2", 8, false, "fp32", kFp8E5m2},
      {"fp6_e3m2", 8, false, "fp32", kFp6E3m2}, {"fp6_e2m3", 8, false, "fp32", kFp6E2m3},
      {"fp4_e2m1", 4, false, "fp32", kFp4E2m1}, {"int16", 16, true, "int32", {}},
      {"int8", 8, true, "int32", {}},           {"int4", 4, true, "int32", {}},
      {"int2", 2, true, "int32", {}},
  };
  return rows;
}

const MacType& find_mac_type(const std::string& name) {
  for (const MacType& row : mac_types())
    if (row.name == name) return row;
  std::vector<std::string> valid;
  for (const MacType& row : mac_types()) valid.push_back(row.name);
  throw unknown_name_error("MAC type", name, std::move(valid));
}

const MacType& integer_mac_for(int weight_bits, int activation_bits) {
  const int widest = std::max(weight_bits, activation_bits);
  if (widest > 16) {
    throw input_error("no integer MAC holds operands of " + std::to_string(widest) + " bits");
  }
  return find_mac_type("int" + std::to_string(brick_width(widest)));
}

std::int64_t macs_per_pe(std::int64_t pe_width, Packing packing, const MacType& mac,
                         int weight_bits, int activation_bits) {
  const int widest_operand = std::max(weight_bits, activation_bits);
  if (mac.is_integer && widest_operand > mac.operand_bits) {
    throw input_error("an " + mac.name + " MAC cannot take an operand of " +
                      std::to_string(widest_operand) + " bits");
  }
  if (packing == Packing::kNone || (packing == Packing::kPasses && mac.is_integer)) return 1;
  const std::int64_t widest = pe_width / mac.operand_bits;
  if (widest == 0) {
    throw input_error("a PE of " + std::to_string(pe_width) + " bits does not hold an " + mac.name +
                      " MAC of " + std::to_string(mac.operand_bits) + " bits");
  }
  if (packing == Packing::kPasses) return 1;
  if (packing == Packing::kWidest || !mac.is_integer) return widest;
  return widest * (mac.operand_bits / brick_width(weight_bits)) *
         (mac.operand_bits / brick_width(activation_bits));
}

std::int64_t mac_passes(std::int64_t pe_width, Packing packing, int weight_bits,
                        int activation_bits) {
  if (packing != Packing::kPasses) return 1;
  return ceil_div(weight_bits, pe_width) * ceil_div(activation_bits, pe_width);
}

}  // namespace bitjoule
