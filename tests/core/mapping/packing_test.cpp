// Groups side by side on the array: how many fit, what enters the edges, how long it takes.
#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "core/enums.h"
#include "core/mapping/estimate.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"

namespace bitjoule::packing_test {
namespace {

/// int8 on an array of one MAC per PE, with ports that hold nothing up.
MappingProblem problem_of(const LayerOp& op, Dataflow dataflow, std::int64_t rows,
                          std::int64_t cols) {
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  MappingProblem p;
  p.machine.array.rows = rows;
  p.machine.array.cols = cols;
  p.machine.array.dataflow = dataflow;
  p.machine.array.edge_folds = EdgeFolds::kExact;
  p.machine.array.pe.width = 8;
  for (const BufferRole role : kBufferRoles) {
    p.machine.buffers.of(role).capacity = Bytes(1 << 24);
    p.machine.buffers.of(role).port_width = Bits(8192);
  }
  p.path = resolve_data_path(precision, p.machine.array.pe);
  p.layer = lower(op);
  return p;
}

Conv2d depthwise(std::int64_t channels, std::int64_t size) {
  Conv2d c;
  c.height = c.width = size;
  c.channels = c.filters = c.groups = channels;
  c.kernel_h = c.kernel_w = 3;
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = 1;
  return c;
}

/// The whole layer in one tile.
Tiling whole(const MappingProblem& p, std::int64_t groups_at_once) {
  const Lowered& l = p.layer;
  Tiling t;
  t.groups = l.extents.groups;
  t.batch = l.batch, t.out_rows = l.out_height, t.out_cols = l.out_width;
  t.n = l.extents.n, t.k = l.extents.k;
  t.groups_at_once = groups_at_once;
  return t;
}

MachineCounts counts_of(const MappingProblem& p, std::int64_t groups_at_once) {
  MachineCounts counts;
  for (const ComputeOp& op : make_program(p, whole(p, groups_at_once)).computes)
    for_each_fold(p, op.tile, [&](const FoldJob& job) { count_fold(p, job, counts); });
  return counts;
}

std::int64_t cycles_of(const MappingProblem& p, std::int64_t groups_at_once) {
  return compute_cycles(p, make_program(p, whole(p, groups_at_once)));
}

}  // namespace

TEST_CASE("packing: as many groups as their rows and columns leave room for") {
  const auto most = [](const Matmul& op, Dataflow dataflow, std::int64_t macs) {
    MappingProblem p = problem_of(op, dataflow, 20, 15);
    p.path.macs_per_pe = macs;
    return most_groups_at_once(p);
  };
  const Matmul small{50, 4, 2, 9, 1};  // groups of m 4, n 2, k 9
  CHECK(most(small, Dataflow::kWeightStationary, 1) == 20 / 9);
  CHECK(most(small, Dataflow::kWeightStationary, 2) == 20 / 5);
  CHECK(most(small, Dataflow::kWeightStationary, 4) == 20 / 3);
  CHECK(most(small, Dataflow::kWeightStationary, 16) == 15 / 2);
  CHECK(most(small, Dataflow::kInputStationary, 16) == 15 / 4);
  CHECK(most(small, Dataflow::kOutputStationary, 1) == 20 / 4);
  CHECK(most({3, 4, 2, 9, 1}, Dataflow::kOutputStationary, 1) == 3);  // there are no more
  // What exceeds the array in one direction has it alone.
  CHECK(most({50, 4, 2, 21, 1}, Dataflow::kWeightStationary, 1) == 1);
  CHECK(most({50, 4, 16, 2, 1}, Dataflow::kWeightStationary, 1) == 1);
  CHECK(most({50, 99, 2, 9, 1}, Dataflow::kOutputStationary, 1) == 1);
  MappingProblem alone = problem_of(small, Dataflow::kWeightStationary, 20, 15);
  alone.machine.array.group_folds = GroupFolds::kAlone;
  CHECK(most_groups_at_once(alone) == 1);
}

TEST_CASE("packing: a fold has the same part of each of its groups, the last one those left") {
  // k of 4 in scale groups of 2: two folds.
  MappingProblem p = problem_of(Matmul{5, 3, 2, 4, 1}, Dataflow::kWeightStationary, 4, 4);
  p.path.scale_group = 2;
  std::vector<std::array<std::int64_t, 4>> folds;  // g0, g1, k0, rows
  Tile tile{0, 5, 0, 1, 0, 1, 0, 3, 0, 2, 0, 4};
  tile.groups_at_once = most_groups_at_once(p);
  for_each_fold(p, tile, [&](const FoldJob& job) {
    folds.push_back({job.g0, job.g1, job.k0, job.shape.rows});
    CHECK(job.shape.cols == job.groups() * 2);
    CHECK(job.shape.active_pes() == job.groups() * 2 * 2);
  });
  CHECK(folds ==
        std::vector<std::array<std::int64_t, 4>>{
            {0, 2, 0, 4}, {0, 2, 2, 4}, {2, 4, 0, 4}, {2, 4, 2, 4}, {4, 5, 0, 2}, {4, 5, 2, 2}});
}

TEST_CASE("packing: counts of a fold of three groups, by hand") {
  // m 2, n 3, k 4; words of 16 bits hold two int8, sums take two words.
  const std::int64_t g = 3, m = 2, n = 3, k = 4, rows = 12, cols = 9;
  for (const EnumRow<Dataflow>& row : enum_rows<Dataflow>()) {
    CAPTURE(row.name);
    MappingProblem p = problem_of(Matmul{g, m, n, k, 1}, row.value, rows, cols);
    for (const BufferRole role : kBufferRoles) p.machine.buffers.of(role).port_width = Bits(16);
    REQUIRE(most_groups_at_once(p) >= g);
    const MachineCounts together = counts_of(p, g), alone = counts_of(p, 1);
    CHECK(together.macs == g * m * n * k);
    CHECK(alone.macs == g * m * n * k);
    switch (row.value) {
      case Dataflow::kWeightStationary:  // m steps of k inputs and n sums; k rows of n weights
        CHECK(together.weight.reads == g * k * ceil_div(n, 2));
        CHECK(together.input.reads == m * ceil_div(g * k, 2));
        CHECK(together.accumulator.writes == m * g * n * 2);
        CHECK(together.mac_slots == m * rows * cols);
        break;
      case Dataflow::kInputStationary:  // n steps of k weights and m sums; k rows of m inputs
        CHECK(together.weight.reads == n * ceil_div(g * k, 2));
        CHECK(together.input.reads == g * k * ceil_div(m, 2));
        CHECK(together.accumulator.writes == n * g * m * 2);
        CHECK(together.mac_slots == n * rows * cols);
        break;
      case Dataflow::kOutputStationary:  // k steps of m inputs and n weights; m rows of n sums
        CHECK(together.weight.reads == k * ceil_div(g * n, 2));
        CHECK(together.input.reads == k * ceil_div(g * m, 2));
        CHECK(together.accumulator.writes == g * m * n * 2);
        CHECK(together.mac_slots == k * rows * cols);
        break;
    }
    CHECK(alone.mac_slots == g * together.mac_slots);
  }
}

TEST_CASE("packing: words of several groups fill ports, which hold the array up together") {
  const Matmul op{4, 10, 1, 3, 1};
  MappingProblem p = problem_of(op, Dataflow::kWeightStationary, 12, 4);
  p.machine.buffers.input.banks = 1;
  p.machine.buffers.input.port_width = Bits(40);  // five of 4 x 3 inputs: three cycles
  CHECK(array_rates(p, 1).stream_interval == 1);
  CHECK(array_rates(p, 4).stream_interval == 3);
  CHECK(array_rates(p, 4).load_interval == array_rates(p, 1).load_interval);
  CHECK(cycles_of(p, 4) == 12 + 10 * 3 + (12 + 4 - 2) - 1);
}

TEST_CASE("packing: MobileNetV2's depthwise layers on 128 x 128 PEs") {
  const std::int64_t channels = 144, m = 56 * 56;
  // Two int8 MACs to a PE: nine taps take five rows, and 25 groups would fit.
  MappingProblem p = problem_of(depthwise(channels, 56), Dataflow::kWeightStationary, 128, 128);
  p.machine.array.pe.width = 16;
  p.path.macs_per_pe = 2;
  CHECK(most_groups_at_once(p) == 25);
  // The first load, all streams, the last skew; loads are shorter than streams.
  const std::int64_t alone = 5 + channels * m + (5 + 1 - 2) - 1;
  const std::int64_t packed = 24 * 5 + channels / 24 * m + (24 * 5 + 24 - 2) - 1;
  CHECK(cycles_of(p, 1) == alone);
  CHECK(cycles_of(p, 24) == packed);
  CHECK(packed * 23 < alone);
  // The mapper packs them, and the whole of it is what is announced.
  MappingPins pins;
  pins.objective = MappingObjective::kCycles;
  p.memory.bytes_per_cycle = 64;
  const Mapping mapping = map_layer(p, pins);
  CHECK(mapping.tiling.groups_at_once > 17);
  CHECK(mapping.estimate.array_cycles == compute_cycles(p, make_program(p, mapping.tiling)));
  p.machine.array.group_folds = GroupFolds::kAlone;
  const Mapping one_by_one = map_layer(p, pins);
  CHECK(one_by_one.tiling.groups_at_once == 1);
  CHECK(one_by_one.estimate.cycles > 17 * mapping.estimate.cycles);
}

TEST_CASE("packing: heads of a decoding attention share the array where inputs stay") {
  // One query of 64 against 200 keys, 8 heads: 64 rows and one column for each head.
  const MappingProblem p = problem_of(Matmul{8, 1, 200, 64, 1}, Dataflow::kInputStationary, 128, 8);
  CHECK(most_groups_at_once(p) == 2);
  CHECK(cycles_of(p, 1) == 64 + 8 * 200 + (64 + 1 - 2) - 1);
  CHECK(cycles_of(p, 2) == 128 + 4 * 200 + (128 + 2 - 2) - 1);
}

TEST_CASE("packing: sums that stayed leave row by row, of all groups") {
  // k of 50 takes longer than 8 rows of results to leave.
  const MappingProblem p = problem_of(Matmul{6, 4, 3, 50, 1}, Dataflow::kOutputStationary, 8, 9);
  CHECK(most_groups_at_once(p) == 2);
  CHECK(cycles_of(p, 1) == 6 * 50 + (4 + 3 - 2) - 1);
  CHECK(cycles_of(p, 2) == 3 * 50 + (8 + 6 - 2) - 1);
}

}  // namespace bitjoule::packing_test
