#include "core/energy/sram_figures.h"

#include <cmath>
#include <map>
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

}  // namespace

std::optional<double> sram_figure(const SramPrices& prices, Bytes capacity, Bits width,
                                  const SramFigure& figure) {
  std::map<std::int64_t, Line> by_width;
  for (const SramPoint& point : prices.points) {
    const std::optional<double> value = figure(point);
    if (!value) return std::nullopt;
    by_width[point.width.value].add(log_of(point.capacity.value), std::log(*value));
  }
  if (by_width.empty()) return std::nullopt;
  if (const SramPoint* point = sram_point(prices, capacity, width)) return figure(*point);
  Line across;
  for (const auto& [bits, line] : by_width)
    across.add(log_of(bits), line.at(log_of(capacity.value)));
  return std::exp(across.at(log_of(width.value)));
}

const SramPoint* sram_point(const SramPrices& prices, Bytes capacity, Bits width) {
  for (const SramPoint& point : prices.points)
    if (point.capacity == capacity && point.width == width) return &point;
  return nullptr;
}

}  // namespace bitjoule
