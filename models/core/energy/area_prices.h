// How large the parts of a machine are: figures from the literature, each with its source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/energy/provenance.h"
#include "core/units.h"

namespace bitjoule {

/// One MAC of a type, with what `from` says that it includes.
struct MacArea {
  std::string type;  ///< of the MAC: "int8", "fp16", ...
  SquareMicrometres area;
  Provenance from;
};

/// Of what a component has several, or has once.
enum class AreaUnit { kLane, kMachine };

/// A component that is no memory and no array.
struct ComponentArea {
  std::string component;  ///< "dequantizer", ..., "control_and_dma"
  AreaUnit per = AreaUnit::kLane;
  SquareMicrometres area;
  Provenance from;
};

/// On-chip memory by the bit, whatever its banks.
struct SramDensity {
  SquareMicrometres per_bit;
  Provenance from;
};

struct AreaPrices {
  std::string name;         ///< empty: the energy table's
  std::string node;         ///< "28 nm"
  std::string description;  ///< what the figures are good for, and what not
  std::string source;       ///< of rows that do not name their own
  std::vector<MacArea> macs;
  /// A precision-scalable MAC over a fixed one of its type; empty: not known.
  std::optional<double> scalable;
  std::optional<SramDensity> sram;  ///< empty: the areas of the energy table's SRAM points
  std::vector<ComponentArea> components;
};

}  // namespace bitjoule
