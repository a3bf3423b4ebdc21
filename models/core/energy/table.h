// What each primitive costs: figures from the literature, each with its source, and the rules that
// derive the ones nobody published. docs/energy.md explains the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/energy/action.h"
#include "core/energy/area_prices.h"
#include "core/energy/dram_prices.h"
#include "core/energy/provenance.h"
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
  std::optional<Milliwatts> leakage = {};      ///< of the bank
  std::optional<SquareMicrometres> area = {};  ///< of the bank
};

/// Between and beyond two points a power law in capacity (a line in log-log).
enum class CapacityRule { kPowerLaw };
/// A wider access costs in proportion; or as the points say: between and beyond two widths a power
/// law too, so that the points are a grid.
enum class WidthScaling { kProportional, kPowerLaw };

struct SramPrices {
  CapacityRule capacity_rule = CapacityRule::kPowerLaw;
  WidthScaling width_rule = WidthScaling::kProportional;
  std::string node;  ///< technology; empty: the table's
  PriceUnit unit = PriceUnit::kPicojoule;
  std::string source;             ///< of points that do not name their own; empty: the table's
  double uncertainty = 1;         ///< likewise (Provenance::uncertainty)
  std::vector<SramPoint> points;  ///< by rising capacity, then width
};

/// A move inside the array, of `width` bits; of others in proportion. Wires: over `length`, else
/// over a PE pitch.
struct MovePrice {
  Primitive primitive = Primitive::kRegisterRead;
  Bits width{1};
  Picojoules energy;
  std::optional<Nanometers> length;
  std::string included;  ///< in which other price it is contained; then it has no energy of its own
  Provenance from;
};

/// A multiplier of small ones (packing `product`) takes in each cycle `factor` times what a fixed
/// one of the widest operands does, however many products it gives.
struct ScalableMultiplier {
  double factor = 1;
  Provenance from;
};

/// `kGated`: with an operand that is zero a multiplication costs `share` of another. `kToggled`:
/// `share` of a multiplication goes with its toggling bits; its price is that of random operands.
enum class DataMultiplier { kGated, kToggled };
struct DataDependence {
  DataMultiplier multiplier = DataMultiplier::kGated;
  double share = 0;
  Provenance from;
};

/// Whose prices of the DRAM count in a run: the energy table's, or those of the DRAM's own file.
enum class DramPricing { kTable, kDevice };

/// What one idle unit draws, whatever it does: a MAC of a type, a precision-scalable one
/// ("scalable int8"), a lane ("lane").
struct LeakagePrice {
  std::string type;
  Milliwatts power;
  Provenance from;
};

/// How the figures of the chip follow from its supply; DRAM has rails of its own. With v the supply
/// over the nominal one: energy grows with v^energy, leakage power with v^leakage, the highest
/// clock with v^frequency, within [lowest, highest].
struct VoltageRule {
  Volts nominal, lowest, highest;
  double energy = 2, leakage = 2.5, frequency = 1.7;
  std::string source;
};

/// A primitive that is known to have no price; reports list it instead of counting it as zero.
struct Unpriced {
  Primitive primitive = Primitive::kAdd;
  std::string type;  ///< empty: every type
  std::string reason;
};

struct EnergyTable {
  std::string name;
  std::string node;  ///< "45 nm, 0.9 V"
  PriceUnit unit = PriceUnit::kPicojoule;
  std::string description;  ///< what it is good for, and what not
  std::string source;       ///< of rows that do not name their own
  std::vector<ArithmeticPrice> arithmetic;
  std::vector<WidthRule> rules;
  std::optional<ScalableMultiplier> scalable_multiplier;
  std::optional<DataDependence> data_dependence;
  std::vector<MovePrice> moves;        ///< inside the array; what is missing is not priced
  std::optional<Nanometers> pe_pitch;  ///< from PE to PE
  SramPrices sram;
  DramPrices dram;
  std::vector<LeakagePrice> leakage;
  std::optional<VoltageRule> voltage;  ///< empty: prices hold at one supply
  std::optional<AreaPrices> area;      ///< empty: nothing is known
  std::vector<Unpriced> unpriced;
  std::optional<Volts> supply;  ///< that prices are asked for (voltage.h); empty: nominal
  /// Where pe_pitch follows from a machine's PEs (pe_pitch.h): from what, or why it does not.
  std::string pitch_from, pitch_note;
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
