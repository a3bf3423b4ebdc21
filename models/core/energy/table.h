// What each primitive costs: figures from the literature, each with its source, and the rules that
// derive the ones nobody published. docs/energy.md explains the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/energy/action.h"
#include "core/energy/dram_prices.h"
#include "core/units.h"

namespace bitjoule {

/// One addition or multiplication of one type.
struct ArithmeticPrice {
  Primitive operation = Primitive::kAdd;
  std::string type;  ///< "int8", "fp16", ...
  Picojoules energy;
  Provenance from;
};

enum class NumberFamily { kInteger, kFloat };

/// Prices of types without a row: quadratic * b^2 + linear * b. For integers b is the width, for
/// operands of two widths the root of their product; for floats b is the significand's bits with
/// the hidden one.
struct WidthRule {
  Primitive operation = Primitive::kAdd;
  NumberFamily family = NumberFamily::kInteger;
  Picojoules quadratic, linear;
  Provenance from;
};

/// One access of `width` bits to a bank of `capacity`.
struct SramPoint {
  Bytes capacity{0};
  Bits width{0};
  Picojoules read;
  std::optional<Picojoules> write;  ///< empty: as a read, derived
  Provenance from;
};

/// Between and beyond two points a power law in capacity (a line in log-log).
enum class CapacityRule { kPowerLaw };
/// A wider access costs in proportion.
enum class WidthScaling { kProportional };

struct SramPrices {
  CapacityRule capacity_rule = CapacityRule::kPowerLaw;
  WidthScaling width_rule = WidthScaling::kProportional;
  std::vector<SramPoint> points;  ///< by rising capacity
};

/// Whose prices of the DRAM count in a run: the energy table's, or those of the DRAM's own file.
enum class DramPricing { kTable, kDevice };

/// A primitive that is known to have no price; reports list it instead of counting it as zero.
struct Unpriced {
  Primitive primitive = Primitive::kAdd;
  std::string type;  ///< empty: every type
  std::string reason;
};

struct EnergyTable {
  std::string name;
  std::string node;         ///< "45 nm, 0.9 V"
  std::string description;  ///< what it is good for, and what not
  std::string source;       ///< of rows that do not name their own
  std::vector<ArithmeticPrice> arithmetic;
  std::vector<WidthRule> rules;
  SramPrices sram;
  DramPrices dram;
  std::vector<Unpriced> unpriced;
};

/// A table without prices: reports list every action as not priced.
EnergyTable no_prices();

/// Throws an input Error if figures contradict each other: two rows or rules for one type, SRAM
/// points out of order or not positive.
void check_energy_table(const EnergyTable& table);

struct PrimitiveRow {
  Primitive value;
  const char* name;  ///< in tables and results
  const char* unit;  ///< what is counted
};

/// Every primitive with its name.
const std::vector<PrimitiveRow>& primitives();
const char* primitive_name(Primitive primitive);

}  // namespace bitjoule
