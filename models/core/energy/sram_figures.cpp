#include "core/energy/sram_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

namespace bitjoule {
namespace {

/// A line through points by rising x.
class Line {
 public:
  void add(double x, double y) { points_.push_back({x, y}); }
  double at(double x) const {
    if (points_.size() == 1) return points_.front().y;
    std::size_t i = 1;
    while (i + 1 < points_.size() && points_[i].x < x) ++i;
    const Point &a = points_[i - 1], &b = points_[i];
    return a.y + (b.y - a.y) / (b.x - a.x) * (x - a.x);
  }

 private:
  struct Point {
    double x, y;
  };
  std::vector<Point> points_;
};

double log_of(std::int64_t value) { return std::log(static_cast<double>(value)); }

/// The logarithm of a figure at (first, second): for each value of the first that points have,
/// along the second, then along the first.
double along(const std::map<std::pair<double, double>, double>& points, double first,
             double second) {
  std::map<double, Line> lines;
  for (const auto& [place, value] : points) lines[place.first].add(place.second, value);
  Line across;
  for (const auto& [x, line] : lines) across.add(x, line.at(second));
  return across.at(first);
}

}  // namespace

std::optional<double> sram_figure(const SramPrices& prices, Bytes capacity, Bits width,
                                  const SramFigure& figure) {
  std::map<std::pair<double, double>, double> by_width, by_capacity;
  for (const SramPoint& point : prices.points) {
    const std::optional<double> value = figure(point);
    if (!value) return std::nullopt;
    const double bytes = log_of(point.capacity.value), bits = log_of(point.width.value);
    by_width[{bits, bytes}] = by_capacity[{bytes, bits}] = std::log(*value);
  }
  if (by_width.empty()) return std::nullopt;
  if (const SramPoint* point = sram_point(prices, capacity, width)) return figure(*point);
  const double bytes = log_of(capacity.value), bits = log_of(width.value);
  return std::exp((along(by_width, bits, bytes) + along(by_capacity, bytes, bits)) / 2);
}

const SramPoint* sram_point(const SramPrices& prices, Bytes capacity, Bits width) {
  for (const SramPoint& point : prices.points)
    if (point.capacity == capacity && point.width == width) return &point;
  return nullptr;
}

SramReach sram_reach(const SramPrices& prices, Bytes capacity, Bits width) {
  SramReach reach;
  if (prices.points.size() < 2) return reach;
  const auto beyond = [&](auto of, auto value, double& above, double& below) {
    const auto less = [&](const SramPoint& a, const SramPoint& b) { return of(a) < of(b); };
    const auto [least, most] =
        std::minmax_element(prices.points.begin(), prices.points.end(), less);
    const auto own = static_cast<double>(value.value);
    above = std::max(1.0, own / static_cast<double>(of(*most).value));
    if (own > 0) below = std::max(1.0, static_cast<double>(of(*least).value) / own);
  };
  beyond([](const SramPoint& p) { return p.capacity; }, capacity, reach.larger, reach.smaller);
  beyond([](const SramPoint& p) { return p.width; }, width, reach.wider, reach.narrower);
  return reach;
}

double sram_uncertainty(const SramPrices& prices, const Provenance& point) {
  return point.uncertainty == 1 ? prices.uncertainty : point.uncertainty;
}

}  // namespace bitjoule
