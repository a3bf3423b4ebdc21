// Figures of an SRAM bank between the points of a table.
#pragma once

#include <functional>
#include <optional>

#include "core/energy/table.h"

namespace bitjoule {

/// A figure of a point; empty where it has none.
using SramFigure = std::function<std::optional<double>(const SramPoint&)>;

/// By power laws (lines in log-log) between and beyond the two nearest: for each width of the
/// points in capacity, then in width; the other way round; and of both ways the geometric mean
/// (they are one within a full grid). Exact at the points. Empty where points lack the figure, or
/// are none.
std::optional<double> sram_figure(const SramPrices& prices, Bytes capacity, Bits width,
                                  const SramFigure& figure);

/// The point of exactly this bank; nullptr where there is none.
const SramPoint* sram_point(const SramPrices& prices, Bytes capacity, Bits width);

/// How many times the largest point's capacity a bank has; 1 within. A single point stands for
/// memories of any size.
double sram_reach(const SramPrices& prices, Bytes capacity);

/// The factor by which a point's figures are unsure: its own, else that of all points.
double sram_uncertainty(const SramPrices& prices, const Provenance& point);

}  // namespace bitjoule
