// The mapper against searches that share nothing with it but the estimate of a tiling: for small
// layers every tiling there is, for large ones thousands at random.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include "support/random_mapping.h"
#include "support/tile_units.h"

namespace bitjoule::optimal_test {
namespace {

using test::MappingRandom;

constexpr unsigned kSeed = 20261128;
constexpr unsigned kLargeSeeds[] = {kSeed + 1, 4711, 2, 101};
#ifdef __SANITIZE_ADDRESS__  // ten times slower, and after other faults
constexpr int kSmall = 30, kOfEachDataflow = 2, kLarge = 3, kPins = 200;
#else
constexpr int kSmall = 320, kOfEachDataflow = 53, kLarge = 100, kPins = 2000;
#endif
constexpr std::int64_t kTilings = 1500;  // of a small problem, before the orders of its loops

using test::k_unit;
using test::n_unit;

std::int64_t tilings(const MappingProblem& p) {
  const Lowered& l = p.layer;
  return l.extents.groups * l.batch * l.out_height * l.out_width *
         ceil_div(l.extents.n, n_unit(p)) * ceil_div(l.extents.k, k_unit(p));
}

/// The value of every objective, by its name.
using Values = std::map<std::string, double>;
Values values(const MappingEstimate& e) {
  const double energy = e.energy_pj, cycles = static_cast<double>(e.cycles),
               traffic = static_cast<double>(e.moved_bytes());
  return {{"edp", energy * cycles},
          {"energy", energy},
          {"cycles", cycles},
          {"traffic", traffic},
          {"mixed", std::pow(energy, 0.5) * cycles * std::pow(traffic, 0.25)}};
}
MappingPins pins_for(const std::string& name) {
  static const std::map<std::string, MappingObjective> kNamed = {
      {"edp", MappingObjective::kEdp},
      {"energy", MappingObjective::kEnergy},
      {"cycles", MappingObjective::kCycles},
      {"traffic", MappingObjective::kTraffic}};
  MappingPins pins;
  const auto named = kNamed.find(name);
  if (named != kNamed.end())
    pins.objective = named->second;
  else
    pins.weights = ObjectiveWeights{0.5, 1, 0.25};
  return pins;
}

void keep_least(const MappingEstimate& e, Values& least) {
  for (const auto& [name, value] : values(e))
    if (least.count(name) == 0 || value < least[name]) least[name] = value;
}

constexpr LoopDim kM = LoopDim::kM, kN = LoopDim::kN, kK = LoopDim::kK;
constexpr std::array<LoopDim, 3> kOrders[] = {{kM, kN, kK}, {kM, kK, kN}, {kN, kM, kK},
                                              {kN, kK, kM}, {kK, kM, kN}, {kK, kN, kM}};

/// Whether any value is less than what was chosen, but for a trifle.
bool beats(const Values& some, const Values& chosen) {
  for (const auto& [name, value] : chosen)
    if (some.at(name) < value * 0.999) return true;
  return false;
}

/// Of equal traffic fewer cycles are better, and then less energy.
using Traffic = std::array<double, 3>;
Traffic traffic_of(const MappingEstimate& e) {
  return {static_cast<double>(e.moved_bytes()), static_cast<double>(e.cycles), e.energy_pj};
}

struct Least {
  Values values;
  Traffic traffic{};

  void keep(const MappingEstimate& e) {
    traffic = values.empty() ? traffic_of(e) : std::min(traffic, traffic_of(e));
    keep_least(e, values);
  }
};

/// Every order of the loops, and both ways to hold the inputs.
void try_orders(const MappingProblem& p, const Estimator& estimator, Tiling t, Least& least) {
  for (const auto& order : kOrders)
    for (const bool full : {false, true}) {
      t.order = order;
      t.input_full_k = full;
      if (!fits(p, t, tile_footprint(p, t))) continue;
      for (const std::int64_t groups : {std::int64_t{1}, most_groups_at_once(p)})
        for (const FoldOrder folds : {FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost}) {
          t.groups_at_once = std::min(t.groups, groups);
          t.fold_order = folds;
          least.keep(estimator.estimate(t));
        }
    }
}

Least exhaustive(const MappingProblem& p) {
  const Lowered& l = p.layer;
  const Estimator estimator(p);
  Least least;
  Tiling t;
  for (t.groups = 1; t.groups <= l.extents.groups; ++t.groups)
    for (t.batch = 1; t.batch <= l.batch; ++t.batch)
      for (t.out_rows = 1; t.out_rows <= l.out_height; ++t.out_rows)
        for (t.out_cols = 1; t.out_cols <= l.out_width; ++t.out_cols)
          for (std::int64_t n = n_unit(p); n < l.extents.n + n_unit(p); n += n_unit(p))
            for (std::int64_t k = k_unit(p); k < l.extents.k + k_unit(p); k += k_unit(p)) {
              t.n = std::min(n, l.extents.n);
              t.k = std::min(k, l.extents.k);
              try_orders(p, estimator, t, least);
            }
  return least;
}

/// Sizes of all magnitudes, whole and halved ones among them.
Tiling random_tiling(MappingRandom& random, const MappingProblem& p) {
  const Lowered& l = p.layer;
  const auto size = [&random](std::int64_t extent, std::int64_t unit) {
    std::int64_t units = ceil_div(extent, unit);
    for (std::int64_t halves = random.to(0, 6); halves > 0; --halves) units = ceil_div(units, 2);
    if (random.one_in(2)) units = random.to(1, units);
    return std::min(extent, units * unit);
  };
  Tiling t;
  t.groups = size(l.extents.groups, 1);
  t.batch = size(l.batch, 1);
  t.out_rows = size(l.out_height, 1);
  t.out_cols = size(l.out_width, 1);
  t.n = size(l.extents.n, n_unit(p));
  t.k = size(l.extents.k, k_unit(p));
  t.order = kOrders[random.to(0, 5)];
  t.input_full_k = random.one_in(2);
  return t;
}

/// Large layers of one seed against random tilings.
void check_large(unsigned seed) {
  MESSAGE("seed ", seed);
  MappingRandom random(seed);
  int done = 0;
  double closest = 2, widest = 0;
  while (done < kLarge) {
    MappingProblem p;
    try {
      p = test::random_mapping_problem(random, 300, 64, 2048, 1 << 18);
    } catch (const Error&) {
      continue;
    }
    if (p.layer.extents.macs() < 1000000) continue;
    Values chosen;
    try {
      for (const auto& [name, zero] : values({})) {
        const Mapping m = map_layer(p, pins_for(name));
        chosen[name] = values(m.estimate).at(name);
        widest = std::max(widest, m.gap);
      }
    } catch (const Error&) {
      continue;  // no tile fits
    }
    CAPTURE(done);
    ++done;
    const Estimator estimator(p);
    Values least;
    for (int i = 0; i < kPins; ++i) {
      Tiling t = random_tiling(random, p);
      t.groups_at_once = std::min(t.groups, most_groups_at_once(p));
      if (!fits(p, t, tile_footprint(p, t))) continue;
      const TileCounts counts = estimator.count(t);
      // What is worse by its least time is worse.
      if (!beats(values(estimator.lower_bound(t, counts)), chosen)) continue;
      for (const FoldOrder folds : {FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost}) {
        t.fold_order = folds;
        keep_least(estimator.estimate(t, counts), least);
      }
    }
    for (const auto& row : least) {
      const std::string& name = row.first;
      const double value = row.second;
      INFO(name, ": ", chosen.at(name), " chosen, ", value, " found");
      CHECK(chosen.at(name) <= value * 1.01);
      closest = std::min(closest, value / chosen.at(name));
    }
  }
  MESSAGE(done, " layers; the best at random costs ", closest,
          " of the mapper's, whose widest proven gap is ", widest);
}

}  // namespace

TEST_CASE("mapper: for small layers nothing is better among all tilings that there are") {
  MESSAGE("seed ", kSeed);
  MappingRandom random(kSeed);
  int done = 0, refused = 0;
  std::map<Dataflow, int> of_dataflow;
  while (done < kSmall) {
    MappingProblem p;
    try {
      p = test::random_mapping_problem(random, 9, 6, 64, 2048);
    } catch (const Error&) {
      continue;
    }
    if (tilings(p) > kTilings || p.layer.extents.macs() < 8) continue;
    const Least all = exhaustive(p);
    const Values& least = all.values;
    CAPTURE(done);
    CAPTURE(p.layer.extents.groups);
    CAPTURE(p.layer.extents.m);
    CAPTURE(p.layer.extents.n);
    CAPTURE(p.layer.extents.k);
    if (least.empty()) {
      CHECK_THROWS_AS(map_layer(p), Error);
      if (++refused > kSmall) break;
      continue;
    }
    ++done;
    ++of_dataflow[p.machine.array.dataflow];
    for (const auto& row : least) {
      const std::string& name = row.first;
      const double value = row.second;
      CAPTURE(name);
      const Mapping m = map_layer(p, pins_for(name));
      CHECK(values(m.estimate).at(name) == doctest::Approx(value).epsilon(1e-12));
      if (name == "traffic") {
        const Traffic traffic = traffic_of(m.estimate);
        CHECK(traffic[1] == all.traffic[1]);
        CHECK(traffic[2] == doctest::Approx(all.traffic[2]).epsilon(1e-12));
      }
      CHECK(m.gap == 0);
      CHECK(misfit(p, m.tiling, tile_footprint(p, m.tiling)) == "");
    }
  }
  MESSAGE(done, " layers, and ", refused, " that no tile fits");
  CHECK(done == kSmall);
  for (const auto& [dataflow, count] : of_dataflow) CHECK(count > kOfEachDataflow);
}

TEST_CASE("mapper: for large layers thousands of random tilings find none that is 1 % better") {
  for (const unsigned seed : kLargeSeeds) check_large(seed);
}

}  // namespace bitjoule::optimal_test
