// Where figures of energy and area come from.
#pragma once

#include <string>

#include "core/units.h"

namespace bitjoule {

/// What a figure includes; figures differ two- to threefold by this alone.
enum class Boundary {
  kUnit,      ///< the functional unit alone: no registers, wires, control
  kMacro,     ///< one access of a memory macro
  kIo,        ///< DRAM: the interface only
  kDevice,    ///< DRAM: the device, with or without its interface, as the source says
  kSystem,    ///< DRAM: device, interface and controller
  kUnstated,  ///< the source does not say: the default of a tool
  kBlock,     ///< area: a synthesised block with its registers
  kChip,      ///< area: a share of a finished chip, all included
};

/// What the figures of a table are in: pJ, or ratios of what a MAC costs, written as pJ.
enum class PriceUnit { kPicojoule, kMac };

/// No price is above this, a joule for one action: 2^63 of them are still a number.
inline constexpr Picojoules kMaxPrice{kMaxReal};

/// Where a figure comes from.
struct Provenance {
  Boundary boundary = Boundary::kUnit;
  std::string source;      ///< empty: the table's
  bool derived = false;    ///< computed from other figures, not quoted
  double uncertainty = 1;  ///< the truth lies within a factor of this, up or down; 1: not stated
};

}  // namespace bitjoule
