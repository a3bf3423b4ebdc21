// Bounds of boxes of tilings where the buffers hold whatever tile: what is left out then must
// follow from the sizes alone.
#include "core/mapping/bounds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/mapping/estimate.h"
#include "core/mapping/search_boxes.h"
#include "support/random_mapping.h"

namespace bitjoule::bounds_test {
namespace {

constexpr unsigned kSeed = 20261201;
constexpr int kProblems = 60;
constexpr std::int64_t kTilings = 1500;  // of a problem, before the orders of its loops

MappingProblem small_problem(test::MappingRandom& random) {
  for (;;) try {
      MappingProblem p = test::random_mapping_problem(random, 12, 6, 512, 1 << 15);
      std::int64_t tilings = 1;
      for (const auto& sizes : mapping_space(p, {}).sizes)
        tilings *= static_cast<std::int64_t>(sizes.size());
      if (tilings <= kTilings) return p;
    } catch (const Error&) {  // it makes no layer
      continue;
    }
}

/// Every single tiling of the space.
std::vector<Box> points_of(const MappingSpace& space) {
  std::vector<Box> all;
  Box box;
  for (std::size_t s = 0; s < space.schemes.size(); ++s) {
    box.scheme = static_cast<std::uint16_t>(s);
    for (;;) {
      box.hi = box.lo;
      all.push_back(box);
      std::size_t a = 0;
      while (a < kAxes && box.lo[a] + std::size_t{1} == space.sizes[a].size()) box.lo[a++] = 0;
      if (a == kAxes) break;
      ++box.lo[a];
    }
  }
  return all;
}

Tiling tiling_of(const MappingSpace& space, const Box& point) {
  std::array<std::int64_t, kAxes> tile{};
  for (std::size_t a = 0; a < kAxes; ++a) tile[a] = space.sizes[a][point.lo[a]];
  return space.tiling(point.scheme, tile);
}

/// The box and those that halving leads to.
void add_halves(const MappingSpace& space, const Box& box, int depth, std::vector<Box>& boxes) {
  boxes.push_back(box);
  if (depth == 0 || box.is_point()) return;
  for (const Box& half : halves(space, box)) add_halves(space, half, depth - 1, boxes);
}

/// A random problem with what its bounds are made of.
struct SmallSearch {
  explicit SmallSearch(test::MappingRandom& random)
      : p(small_problem(random)),
        space(mapping_space(p, {})),
        energy(p),
        rates(energy_rates(p, energy)) {}
  const MappingProblem p;
  const MappingSpace space;
  EnergyModel energy;
  const EnergyRates rates;
};

}  // namespace

TEST_CASE(
    "bounds: where every tile is said to fit, each does, and none costs less than its bound") {
  test::MappingRandom random(kSeed);
  int all_fit = 0, others = 0;
  for (int i = 0; i < kProblems; ++i) {
    CAPTURE(i);
    const SmallSearch one(random);
    const Bounds bounds(one.p, one.space, one.rates);
    ++(bounds.all_fit() ? all_fit : others);
    if (!bounds.all_fit()) continue;
    const Estimator estimator(one.p);
    const std::vector<Box> points = points_of(one.space);
    for (std::size_t at = 0; at < points.size(); ++at) {
      const Tiling tiling = tiling_of(one.space, points[at]);
      REQUIRE(fits(one.p, tiling, tile_footprint(one.p, tiling)));
      CostBound bound;
      if (!bounds.feasible(points[at], bound) || at % 17 != 0) continue;
      const MappingEstimate e = estimator.estimate(tiling);
      CHECK(bound.bursts <= static_cast<double>(e.traffic.total().bursts));
      CHECK(bound.cycles <= static_cast<double>(e.cycles));
      CHECK(bound.energy_pj <= e.energy_pj * (1 + 1e-9));
    }
  }
  CHECK(all_fit >= 10);
  CHECK(others >= 10);
}

TEST_CASE("bounds: what was asked before changes none") {
  test::MappingRandom random(kSeed + 1);
  int all_fit = 0;
  for (int i = 0; i < kProblems; ++i) {
    CAPTURE(i);
    const SmallSearch one(random);
    std::vector<Box> boxes;
    for (std::size_t s = 0; s < one.space.schemes.size(); ++s)
      add_halves(one.space, whole_box(one.space, s), 4, boxes);
    const Bounds bounds(one.p, one.space, one.rates);
    if (bounds.all_fit()) ++all_fit;
    for (std::size_t at = 0; at < boxes.size(); ++at) {
      CostBound known, anew;
      const bool fits = bounds.feasible(boxes[at], known);
      if (at % 11 != 0) continue;
      REQUIRE(Bounds(one.p, one.space, one.rates).feasible(boxes[at], anew) == fits);
      if (!fits) continue;
      CHECK(known.bursts == anew.bursts);
      CHECK(known.cycles == anew.cycles);
      CHECK(known.energy_pj == anew.energy_pj);
    }
  }
  CHECK(all_fit >= 10);
}

}  // namespace bitjoule::bounds_test
