// How large a machine is: its parts times the areas of a table.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/energy/parts.h"
#include "core/energy/price.h"
#include "core/energy/table.h"

namespace bitjoule {

/// Parts of one kind.
struct PartArea {
  MachinePart part;
  PriceOrigin origin = PriceOrigin::kQuoted;
  SquareMicrometres unit;  ///< of one; zero where unpriced
  double uncertainty = 1;  ///< the truth lies within a factor of this; 1: not stated
  std::string why;         ///< source, rule, or why there is none
  double mm2() const { return unit.value * static_cast<double>(part.units) * 1e-6; }
};

struct AreaReport {
  std::string table, node;         ///< whose figures; empty: there are none
  std::vector<PartArea> parts;     ///< in the order of the machine's; those without a figure too
  std::vector<std::string> notes;  ///< what the figures leave out
  bool has_figures() const;        ///< whether any part has one
  /// Parts without a figure: "array, 4096 x fp8_e4m3 MAC".
  std::vector<std::string> unknown() const;
  double known_mm2()
      const;  ///< of the parts that have figures: less than the machine if others are
  /// Of the machine; empty where a part has no figure.
  std::optional<double> total_mm2() const;
  /// The same by the figures' uncertainties.
  std::optional<double> lowest_mm2() const, highest_mm2() const;
  /// mm2 by component, those that have figures.
  std::vector<std::pair<std::string, double>> components() const;
};

/// "1024 x int8 MAC", "8 x 8192 bytes, 64 bit", "32 x lane".
std::string part_text(const MachinePart& part);
/// "array, 1024 x int8 MAC": the component and its part_text().
std::string named_part(const MachinePart& part);

/// What one part covers. Parts without a source are listed with the reason, never zero in silence.
AreaReport area_of(const std::vector<MachinePart>& parts, const EnergyTable& table);

}  // namespace bitjoule
