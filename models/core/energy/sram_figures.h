// Figures of an SRAM bank between the points of a table.
#pragma once

#include <functional>
#include <optional>

#include "core/energy/table.h"

namespace bitjoule {

/// A figure of a point; empty where it has none.
using SramFigure = std::function<std::optional<double>(const SramPoint&)>;

/// By power laws (lines in log-log): for each width of the points one in capacity, between and
/// beyond its two nearest points, then one in width between and beyond the two nearest widths.
/// Exact at the points. Empty where the points lack the figure, or there are none.
std::optional<double> sram_figure(const SramPrices& prices, Bytes capacity, Bits width,
                                  const SramFigure& figure);

/// The point of exactly this bank; nullptr where there is none.
const SramPoint* sram_point(const SramPrices& prices, Bytes capacity, Bits width);

}  // namespace bitjoule
