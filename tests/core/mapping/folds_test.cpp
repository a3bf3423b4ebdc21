// The order of folds inside a tile, and their shapes.
#include "core/mapping/folds.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "core/mapping/program.h"

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

}  // namespace bitjoule
