// The order of folds inside a tile, and their shapes.
#include "core/mapping/folds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/mapping/program.h"

namespace bitjoule::folds_test {
namespace {

using Starts = std::vector<std::array<std::int64_t, 4>>;  // g, m, n, k

Starts folds_of(Dataflow dataflow, std::int64_t groups, FoldOrder order = FoldOrder::kKInnermost) {
  MappingProblem p;
  p.machine.array.rows = 2;
  p.machine.array.cols = 3;
  p.machine.array.dataflow = dataflow;
  p.path.macs_per_pe = 1;
  p.layer = lower(Matmul{groups, 4, 4, 4, 1});
  Starts starts;
  for_each_fold(p, Tile{0, groups, 0, 1, 0, 1, 0, 4, 0, 4, 0, 4, order}, [&](const FoldJob& job) {
    starts.push_back({job.g0, job.m0, job.n0, job.k0});
  });
  return starts;
}

}  // namespace

TEST_CASE("folds: group by group, then m, then n, and k innermost") {
  CHECK(folds_of(Dataflow::kWeightStationary, 1) ==
        Starts{{0, 0, 0, 0}, {0, 0, 0, 2}, {0, 0, 3, 0}, {0, 0, 3, 2}});
  CHECK(folds_of(Dataflow::kOutputStationary, 1) ==
        Starts{{0, 0, 0, 0}, {0, 0, 3, 0}, {0, 2, 0, 0}, {0, 2, 3, 0}});
  CHECK(folds_of(Dataflow::kInputStationary, 2) == Starts{{0, 0, 0, 0},
                                                          {0, 0, 0, 2},
                                                          {0, 3, 0, 0},
                                                          {0, 3, 0, 2},
                                                          {1, 0, 0, 0},
                                                          {1, 0, 0, 2},
                                                          {1, 3, 0, 0},
                                                          {1, 3, 0, 2}});
}

TEST_CASE("folds: none crosses a group of scales, whatever the array takes at once") {
  MappingProblem p;
  p.machine.array.cols = 3;
  p.path.macs_per_pe = 4;
  for (const Dataflow dataflow :
       {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary})
    for (const std::int64_t rows : {3, 16, 32})
      for (const std::int64_t group : {16, 32, 80, 192})
        for (const std::int64_t groups_of_tile : {1, 2, 3}) {
          CAPTURE(rows);
          CAPTURE(group);
          p.machine.array.rows = rows;
          p.machine.array.dataflow = dataflow;
          p.path.scale_group = group;
          p.layer = lower(Matmul{1, 4, 4, 3 * group, 1});
          const std::int64_t k = groups_of_tile * group;
          std::int64_t multiplied = 0;
          for_each_fold(p, Tile{0, 1, 0, 1, 0, 1, 0, 4, 0, 4, 0, k, FoldOrder::kKInnermost},
                        [&](const FoldJob& job) {
                          CHECK(job.k0 / group == (job.k1 - 1) / group);
                          multiplied += job.m() * job.n() * job.k();
                        });
          CHECK(multiplied == 4 * 4 * k);
        }
}

TEST_CASE("folds: with columns innermost those of the same k follow one another") {
  const auto order = FoldOrder::kColumnsInnermost;
  CHECK(folds_of(Dataflow::kWeightStationary, 2, order) == Starts{{0, 0, 0, 0},
                                                                  {0, 0, 3, 0},
                                                                  {0, 0, 0, 2},
                                                                  {0, 0, 3, 2},
                                                                  {1, 0, 0, 0},
                                                                  {1, 0, 3, 0},
                                                                  {1, 0, 0, 2},
                                                                  {1, 0, 3, 2}});
  CHECK(folds_of(Dataflow::kOutputStationary, 1, order) ==
        Starts{{0, 0, 0, 0}, {0, 0, 3, 0}, {0, 2, 0, 0}, {0, 2, 3, 0}});
  CHECK(folds_of(Dataflow::kInputStationary, 1, order) ==
        Starts{{0, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 0, 2}, {0, 3, 0, 2}});
}

TEST_CASE("folds: those with fewer rows wait for the ones ahead once per k, or once per column") {
  struct Case {
    Dataflow dataflow;
    std::int64_t size, m, n, k;
  };
  for (const Case& c : {Case{Dataflow::kWeightStationary, 16, 16, 256, 17},
                        Case{Dataflow::kWeightStationary, 32, 49, 512, 72},
                        Case{Dataflow::kInputStationary, 16, 256, 16, 17}}) {
    CAPTURE(c.k);
    MappingProblem p;
    p.machine.array.rows = p.machine.array.cols = c.size;
    p.machine.array.dataflow = c.dataflow;
    p.machine.array.overlap = Overlap::kFull;
    p.machine.array.edge_folds = EdgeFolds::kExact;
    p.machine.array.pe.width = 8;
    for (BufferConfig* buffer :
         {&p.machine.buffers.input, &p.machine.buffers.weight, &p.machine.buffers.accumulator})
      buffer->port_width = Bits(1024);
    Precision precision;
    precision.weights.format = precision.activations.format = "int8";
    p.path = resolve_data_path(precision, p.machine.array.pe);
    p.layer = lower(Gemm{c.m, c.n, c.k});
    Tiling t;
    t.out_cols = c.m, t.n = c.n, t.k = c.k;
    const bool ws = c.dataflow == Dataflow::kWeightStationary;
    const std::int64_t columns = (ws ? c.n : c.m) / c.size;
    const std::int64_t stream = ws ? c.m : c.n;        // Q, longer than a load: L is hidden
    const std::int64_t folds = ceil_div(c.k, c.size);  // along k
    const std::int64_t last = c.k % c.size;            // rows of the last of them
    const std::int64_t wait = c.size - last;           // r' - r
    const auto cycles = [&](std::int64_t waits) {
      return c.size + columns * folds * stream + waits * wait + (last + c.size - 2) - 1;
    };
    REQUIRE(order_matters(p, t));
    CHECK(compute_cycles(p, make_program(p, t)) == cycles(columns));
    t.fold_order = FoldOrder::kColumnsInnermost;
    CHECK(compute_cycles(p, make_program(p, t)) == cycles(1));
    // With the timing of the whole array all folds are alike.
    p.machine.array.edge_folds = EdgeFolds::kFull;
    CHECK(!order_matters(p, t));
    const std::int64_t other = compute_cycles(p, make_program(p, t));
    t.fold_order = FoldOrder::kKInnermost;
    CHECK(compute_cycles(p, make_program(p, t)) == other);
  }
}

TEST_CASE("folds: where the order does not matter it changes no cycles") {
  int differ = 0, alike = 0;
  for (const Dataflow dataflow :
       {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary})
    for (const EdgeFolds edges : {EdgeFolds::kFull, EdgeFolds::kExact})
      for (const Overlap overlap :
           {Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull})
        for (const std::int64_t group : {std::int64_t{0}, std::int64_t{6}})
          for (const std::int64_t k : {3, 4, 8, 9, 12, 13, 22})
            for (const std::int64_t tile_k : {std::int64_t{6}, std::int64_t{12}, k}) {
              MappingProblem p;
              p.machine.array.rows = 4;
              p.machine.array.cols = 3;
              p.machine.array.dataflow = dataflow;
              p.machine.array.overlap = overlap;
              p.machine.array.edge_folds = edges;
              p.path = resolve_data_path({}, p.machine.array.pe);
              p.path.scale_group = group;
              p.layer = lower(Gemm{7, 8, k});
              Tiling t;
              t.out_cols = 7, t.n = 8, t.k = std::min(k, tile_k);
              const std::int64_t before = compute_cycles(p, make_program(p, t));
              t.fold_order = FoldOrder::kColumnsInnermost;
              const std::int64_t after = compute_cycles(p, make_program(p, t));
              if (!order_matters(p, t)) CHECK(before == after);
              ++(before == after ? alike : differ);
            }
  CHECK(differ > 10);
  CHECK(alike > 50);
}

TEST_CASE("folds: compute_cycles counts from the begin of the first interval to the last MAC") {
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  MappingProblem p;
  p.machine.array.rows = 3;
  p.machine.array.cols = 4;
  p.machine.array.overlap = Overlap::kNone;
  p.machine.array.pe.width = 8;
  p.path = resolve_data_path(precision, p.machine.array.pe);
  p.layer = lower(Gemm{5, 4, 3});
  Tiling t;
  t.out_cols = 5;
  t.n = 4;
  t.k = 3;
  const auto cycles = [&](std::int64_t weight_port) {
    p.machine.buffers.weight.banks = 1;
    p.machine.buffers.weight.port_width = Bits(weight_port);
    return compute_cycles(p, make_program(p, t));
  };
  // L, Q, Z: the first row of four weights enters in cycle 0, or at the end of two cycles.
  CHECK(cycles(32) == 3 + 5 + (3 + 4 - 2) - 1);
  CHECK(cycles(16) == 3 * 2 + 5 + (3 + 4 - 2) - 1);
}

TEST_CASE("values program: every result once in each of a tiling's parts of k") {
  Conv2d conv;
  conv.batch = 2, conv.height = 9, conv.width = 7, conv.channels = 4, conv.filters = 6;
  conv.kernel_h = conv.kernel_w = 3, conv.groups = 2;
  for (const LayerOp& op :
       {LayerOp(Gemm{6000, 3, 100}), LayerOp(conv), LayerOp(Matmul{6, 4, 5, 70, 2})}) {
    MappingProblem p;
    p.layer = lower(op);
    const GemmExtents& e = p.layer.extents;
    Tiling t;
    t.k = 30;
    const Program program = values_program(p, t);
    const std::int64_t parts = ceil_div(e.k, t.k);
    std::vector<std::int64_t> next(static_cast<std::size_t>(e.m), 0);  // part of each pixel
    for (const ComputeOp& each : program.computes) {
      const Tile& tile = each.tile;
      const bool is_whole = tile.g0 == 0 && tile.g1 == e.groups && tile.n0 == 0 && tile.n1 == e.n;
      CHECK(is_whole);
      CHECK(each.first_k == (tile.k0 == 0));
      CHECK(each.last_k == (tile.k1 == e.k));
      CHECK(tile.k1 == std::min(tile.k0 + t.k, e.k));
      for (std::int64_t m = 0; m < tile.m(); ++m) {
        const std::int64_t row = tile.r0 + m / (tile.c1 - tile.c0) % (tile.r1 - tile.r0);
        const std::int64_t pixel = (tile.b0 * p.layer.out_height + row) * p.layer.out_width +
                                   tile.c0 + m % (tile.c1 - tile.c0);
        CHECK(tile.k0 == 30 * next.at(static_cast<std::size_t>(pixel))++);
      }
    }
    for (const std::int64_t count : next) CHECK(count == parts);
  }
}

}  // namespace bitjoule::folds_test
