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
/// (they are one within a full grid). A capacity with points of one width alone changes with width
/// as the others do there; likewise a width. Exact at the points. Empty where points lack the
/// figure, or are none.
std::optional<double> sram_figure(const SramPrices& prices, Bytes capacity, Bits width,
                                  const SramFigure& figure);

/// The point of exactly this bank; nullptr where there is none.
const SramPoint* sram_point(const SramPrices& prices, Bytes capacity, Bits width);

/// How far a bank lies beyond all points, in times of the outermost; 1: it does not. A single point
/// stands for memories of any size.
struct SramReach {
  double larger = 1, smaller = 1, wider = 1, narrower = 1;
};
SramReach sram_reach(const SramPrices& prices, Bytes capacity, Bits width);

/// Whether a bank lies between the table's points: within their convex set in the logarithms of
/// capacity and width, of which only the capacity counts where figures go in proportion to width. A
/// single point stands for all.
bool is_among_points(const SramPrices& prices, Bytes capacity, Bits width);
/// Beyond no point in capacity, nor in width, and yet not among them: in a corner that none covers.
bool is_in_corner(const SramPrices& prices, Bytes capacity, Bits width);
/// What notes say of such banks.
inline constexpr const char* kSramCorner =
    "capacity and width each within its points, both together outside of them";

/// The ways in which memories can lie beyond, as notes tell them.
struct SramReachRow {
  double SramReach::*times;
  const char* what;
};
inline constexpr SramReachRow kSramReaches[] = {{&SramReach::larger, "banks larger than any"},
                                                {&SramReach::smaller, "banks smaller than any"},
                                                {&SramReach::wider, "ports wider than any"},
                                                {&SramReach::narrower, "ports narrower than any"}};

/// The factor by which a point's figures are unsure: its own, else that of all points.
double sram_uncertainty(const SramPrices& prices, const Provenance& point);

}  // namespace bitjoule
