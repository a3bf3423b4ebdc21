// The order of folds inside a tile, and their shapes.
#include "core/mapping/folds.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace bitjoule {
namespace {

using Starts = std::vector<std::array<std::int64_t, 4>>;  // g, m, n, k

Starts folds_of(Dataflow dataflow, std::int64_t groups) {
  MappingProblem p;
  p.machine.array.rows = 2;
  p.machine.array.cols = 3;
  p.machine.array.dataflow = dataflow;
  p.path.macs_per_pe = 1;
  p.layer = lower(Matmul{groups, 4, 4, 4, 1});
  Starts starts;
  for_each_fold(p, Tile{0, groups, 0, 1, 0, 1, 0, 4, 0, 4, 0, 4}, [&](const FoldJob& job) {
    starts.push_back({job.g, job.m0, job.n0, job.k0});
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

}  // namespace bitjoule
