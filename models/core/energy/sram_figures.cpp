#include "core/energy/sram_figures.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace bitjoule {
namespace {

/// A line through points by rising x.
class Line {
 public:
  void add(double x, double y) { points_.push_back({x, y}); }
  std::size_t size() const { return points_.size(); }
  double first_x() const { return points_.front().x; }
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
/// along the second, then along the first. A value with one point alone, which tells nothing of the
/// second, follows the law that the others have there.
double along(const std::map<std::pair<double, double>, double>& points, double first,
             double second) {
  std::map<double, Line> lines;
  for (const auto& [place, value] : points) lines[place.first].add(place.second, value);
  const auto by_others = [&lines = lines](double x, double y) {
    Line others;
    for (const auto& [other, line] : lines)
      if (line.size() > 1) others.add(other, line.at(y));
    return others.size() == 0 ? 0 : others.at(x);
  };
  Line across;
  for (const auto& [x, line] : lines) {
    const double change = line.size() > 1 ? 0 : by_others(x, second) - by_others(x, line.first_x());
    across.add(x, line.at(second) + change);
  }
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

namespace {

struct Place {
  double bytes, bits;  // logarithms
};

/// Twice the area of the triangle, positive where `c` is to the left of the way from `a` to `b`.
double turn(const Place& a, const Place& b, const Place& c) {
  return (b.bytes - a.bytes) * (c.bits - a.bits) - (b.bits - a.bits) * (c.bytes - a.bytes);
}

constexpr double kOnLine = 1e-9;  // logarithms are rounded

/// Whether all points lie to one side of `at`, seen from one of them: then it is outside. Of points
/// on one line, which have no inside, those between two of them are within.
bool is_within(const std::vector<Place>& points, const Place& at) {
  for (const Place& from : points) {
    double most = 0, least = 0;
    bool is_behind = false;  // a point lies on the far side of `at`, or in it
    for (const Place& point : points) {
      const double side = turn(from, at, point);
      most = std::max(most, side);
      least = std::min(least, side);
      const double forth = (at.bytes - from.bytes) * (point.bytes - at.bytes) +
                           (at.bits - from.bits) * (point.bits - at.bits);
      is_behind = is_behind || (std::abs(side) <= kOnLine && forth >= -kOnLine);
    }
    if ((most <= kOnLine || least >= -kOnLine) && !is_behind) return false;
  }
  return true;
}

}  // namespace

bool is_among_points(const SramPrices& prices, Bytes capacity, Bits width) {
  if (prices.points.size() < 2) return true;
  const bool by_width = prices.width_rule == WidthScaling::kPowerLaw;
  std::vector<Place> points;
  for (const SramPoint& p : prices.points)
    points.push_back({log_of(p.capacity.value), by_width ? log_of(p.width.value) : 0});
  return is_within(points, {log_of(capacity.value), by_width ? log_of(width.value) : 0});
}

bool is_in_corner(const SramPrices& prices, Bytes capacity, Bits width) {
  const SramReach reach = sram_reach(prices, capacity, width);
  const bool is_beyond = std::any_of(std::begin(kSramReaches), std::end(kSramReaches),
                                     [&](const SramReachRow& row) { return reach.*row.times > 1; });
  return !is_beyond && !is_among_points(prices, capacity, width);
}

double sram_uncertainty(const SramPrices& prices, const Provenance& point) {
  return point.uncertainty == 1 ? prices.uncertainty : point.uncertainty;
}

}  // namespace bitjoule
