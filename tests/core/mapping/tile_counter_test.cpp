// What is counted or walked once and then known is what it is if it is counted or walked anew.
#include "core/mapping/tile_counter.h"

#include <doctest/doctest.h>

#include "core/mapping/estimate.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/space.h"
#include "core/mapping/tile_sizes.h"
#include "core/mapping/walked_time.h"
#include "support/dram_configs.h"
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

TEST_CASE("tiles: what a stream asks of the DMA is known from tilings that share it") {
  constexpr std::array<LoopDim, 3> kOrders[] = {{LoopDim::kM, LoopDim::kN, LoopDim::kK},
                                                {LoopDim::kK, LoopDim::kN, LoopDim::kM}};
  test::MappingRandom random(kSeed);
  for (int problems = 0; problems < 60; ++problems) {
    MappingProblem p = random_problem(random);
    p.machine.dma.request = Bytes(p.memory.burst_bytes * random.to(1, 5));  // not all divide a page
    KnownTileSizes known(p);
    for (int tilings = 0; tilings < 40; ++tilings) {
      Tiling t = random_tiling(random, p);
      t.order = kOrders[random.to(0, 1)];
      const TileLayout layout(p, t);
      CAPTURE(problems);
      CAPTURE(tilings);
      for (const Stream stream : kStreams) {
        const TileSizes &shared = known.of(t, layout, stream), alone(p, layout, stream);
        const TripCounts& trips = layout.trips();
        const TileIndex index{random.to(0, trips.groups - 1),   random.to(0, trips.batch - 1),
                              random.to(0, trips.out_rows - 1), random.to(0, trips.out_cols - 1),
                              random.to(0, trips.n - 1),        random.to(0, trips.k - 1)};
        const TileSizes::Size &a = shared.of(index), &b = alone.of(index);
        CHECK(a.requests == b.requests);
        CHECK(a.bursts == b.bursts);
        CHECK(a.elements == b.elements);
        CHECK(a.last_elements == b.last_elements);
        std::vector<std::int64_t> of_a, of_b;
        shared.add_bounds(&TileIndex::n, &of_a);
        alone.add_bounds(&TileIndex::n, &of_b);
        CHECK(of_a == of_b);
      }
    }
  }
}

TEST_CASE("tiles: runs of a region and its copies are counted as if each were visited") {
  test::MappingRandom random(kSeed);
  for (int regions = 0; regions < 2000; ++regions) {
    const std::int64_t burst_bytes = std::int64_t{1} << random.to(0, 6);
    Region r;
    r.base_bits = random.to(0, 5000);
    r.run_bits = random.to(1, 900);
    Copies copies{};
    std::vector<std::int64_t> begins = {r.base_bits};
    const auto stride = [&](Region::Stride& s) {
      s = {random.one_in(2) ? 1 : random.to(2, 5), random.to(1, 40) * (random.one_in(3) ? 512 : 4)};
      const std::vector<std::int64_t> first = begins;
      for (std::int64_t copy = 1; copy < s.count; ++copy)
        for (const std::int64_t begin : first) begins.push_back(begin + copy * s.bits);
    };
    for (std::size_t i = 0; i < 2; ++i) stride(r.strides[i]), stride(copies[i]);
    std::int64_t bytes = 0, bursts = 0;
    for (const std::int64_t begin : begins) {
      const std::int64_t end = begin + r.run_bits, burst = burst_bytes * 8;
      bytes += (end + 7) / 8 - begin / 8;
      bursts += (end + burst - 1) / burst - begin / burst;
    }
    const Moved all = moved(r, copies, burst_bytes);
    CAPTURE(regions);
    CHECK(all.bytes == bytes);
    CHECK(all.bursts == bursts);
  }
}

TEST_CASE("tiles: no walk takes less time than is told of all walks") {
  test::MappingRandom random(kSeed);
  int walks = 0, bounded = 0;
  for (int problems = 0; problems < 400; ++problems) {
    MappingProblem p = random_problem(random);
    if (p.machine.buffers.flexible()) continue;
    CycleDramConfig dram = test::small_dram();
    dram.controller.page_policy = random.one_in(2) ? PagePolicy::kOpen : PagePolicy::kClosed;
    dram.controller.refresh = random.one_in(2) ? RefreshPolicy::kNone : RefreshPolicy::kAllBank;
    dram.organization.rows = 1 << 16;
    p.memory = memory_port({"small", dram, std::nullopt}, p.machine.clock);
    const Estimator estimator(p);
    for (int tilings = 0; tilings < 6; ++tilings) {
      const Tiling t = random_tiling(random, p);
      if (!fits(p, t, tile_footprint(p, t))) continue;
      MappingEstimate e = estimator.lower_bound(t, estimator.count(t));
      if (e.traffic.total().bursts > 3000) continue;
      const std::int64_t least = least_walked(p.memory, e.cycles);
      ++walks;
      if (least > 0) ++bounded;
      CAPTURE(problems);
      CAPTURE(tilings);
      CHECK(estimator.walk(t, e));
      CHECK(e.cycles >= least);
    }
  }
  CHECK(walks > 200);
  CHECK(2 * bounded > walks);
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
