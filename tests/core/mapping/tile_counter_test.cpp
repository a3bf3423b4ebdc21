// What is counted or walked once and then known is what it is if it is counted or walked anew.
#include "core/mapping/tile_counter.h"

#include <doctest/doctest.h>

#include "core/mapping/estimate.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/space.h"
#include "support/random_mapping.h"

namespace bitjoule::tile_counter_test {
namespace {

constexpr unsigned kSeed = 20261129;

MappingProblem random_problem(test::MappingRandom& random) {
  for (;;) {
    try {
      return test::random_mapping_problem(random, 24, 8, 1024, 1 << 16);
    } catch (const Error&) {  // shapes and formats do not go together
    }
  }
}

/// One of few sizes along each axis, so that tilings share many of them.
Tiling random_tiling(test::MappingRandom& random, const MappingProblem& p) {
  std::array<std::int64_t, kAxes> size{};
  for (std::size_t a = 0; a < kAxes; ++a) {
    const auto [total, unit] = axis_extent(p, static_cast<TileAxis>(a));
    size[a] = std::min(total, align(ceil_div(total, random.to(1, 3)), unit));
  }
  Tiling t;
  t.groups = size[kAxisG];
  t.batch = size[kAxisB];
  t.out_rows = size[kAxisR];
  t.out_cols = size[kAxisC];
  t.n = size[kAxisN];
  t.k = size[kAxisK];
  t.input_full_k = random.one_in(2);
  t.groups_at_once = random.one_in(2) ? 1 : std::min(t.groups, most_groups_at_once(p));
  return t;
}

}  // namespace

TEST_CASE("tiles: what a tiling shares with others is as if it were counted alone") {
  test::MappingRandom random(kSeed);
  for (int problems = 0; problems < 60; ++problems) {
    const MappingProblem p = random_problem(random);
    TileCounter counter(p);
    for (int tilings = 0; tilings < 40; ++tilings) {
      const Tiling t = random_tiling(random, p);
      const TileCounts known = counter.count(t), alone = TileCounter(p).count(t);
      CAPTURE(problems);
      CAPTURE(tilings);
      CHECK(known.work == alone.work);
      CHECK(known.folds == alone.folds);
      for (const Stream stream : kStreams) {
        const StreamCounts &a = known.of(stream), &b = alone.of(stream);
        CHECK(a.moved.bytes == b.moved.bytes);
        CHECK(a.moved.bursts == b.moved.bursts);
        CHECK(a.edge == b.edge);
        MachineCounts of_a, of_b;
        a.buffers.add_to(of_a, 1);
        b.buffers.add_to(of_b, 1);
        CHECK(of_a == of_b);
      }
    }
  }
}

TEST_CASE("folds: a tile that is known takes as long as one that is walked") {
  test::MappingRandom random(kSeed);
  for (int problems = 0; problems < 60; ++problems) {
    const MappingProblem p = random_problem(random);
    const FoldWalk walk(p);
    RecentFolds recent(p);
    const ArrayRates rates = array_rates(p, 1);
    ArrayTimeline anew(p.machine.array.overlap, rates), known(p.machine.array.overlap, rates);
    std::int64_t ready = 0;
    for (int tiles = 0; tiles < 200; ++tiles) {
      TileExtent tile;
      tile.m = random.one_in(4) ? 3 : 17;
      tile.n = random.one_in(4) ? 2 : 9;
      tile.k = std::min<std::int64_t>(p.layer.extents.k, 16);
      tile.order = random.one_in(8) ? FoldOrder::kColumnsInnermost : FoldOrder::kKInnermost;
      ready += random.one_in(3) ? random.to(0, 40) : 5;
      CAPTURE(problems);
      CAPTURE(tiles);
      REQUIRE(recent.run(tile, ready, known) == walk.run(tile, ready, anew));
      REQUIRE(known.now() == anew.now());
      REQUIRE(known.phase() == anew.phase());
    }
  }
}

}  // namespace bitjoule::tile_counter_test
