// What moves inside the array and what its PEs add, counted on paper.
#include "core/mapping/array_work.h"

#include <doctest/doctest.h>

#include <array>
#include <numeric>
#include <string>

#include "core/mapping/folds.h"
#include "core/mapping/machine_counts.h"

namespace bitjoule::array_work_test {
namespace {

using M = ArrayMove;

/// 3 x 4 PEs.
MappingProblem problem_of(Dataflow dataflow, EdgeFolds edges, const LayerOp& op,
                          const char* weights = "int8", std::int64_t width = 8) {
  Precision precision;
  precision.weights.format = weights;
  precision.activations.format = "int8";
  MappingProblem p;
  p.machine.array.rows = 3;
  p.machine.array.cols = 4;
  p.machine.array.dataflow = dataflow;
  p.machine.array.edge_folds = edges;
  p.machine.array.pe.width = width;
  p.path = resolve_data_path(precision, p.machine.array.pe);
  p.layer = lower(op);
  return p;
}

MachineCounts counts_of(const MappingProblem& p) {
  const Lowered& l = p.layer;
  Tile tile{0, l.extents.groups, 0, l.batch,     0, l.out_height,
            0, l.out_width,      0, l.extents.n, 0, l.extents.k};
  tile.groups_at_once = most_groups_at_once(p);
  MachineCounts counts;
  for_each_fold(p, tile, [&](const FoldJob& job) { count_fold(p, job, counts); });
  return counts;
}

const Action* action_of(const Counts& counts, const std::string& activity) {
  for (const Action& a : counts)
    if (a.activity == activity) return &a;
  return nullptr;
}

}  // namespace

TEST_CASE("array work: every register write of a fold where weights stay, by hand") {
  // k 2 on two rows, n 2 on two columns, five steps.
  for (const EdgeFolds edges : {EdgeFolds::kFull, EdgeFolds::kExact}) {
    CAPTURE(int(edges));
    const ArrayMoves moves =
        counts_of(problem_of(Dataflow::kWeightStationary, edges, Gemm{5, 2, 2})).moves;
    const bool full = edges == EdgeFolds::kFull;
    // Ten inputs enter and pass four columns of PEs, or the two in use.
    CHECK(moves[M::kWestEntry] == 10);
    CHECK(moves[M::kWestShift] == (full ? 40 : 20));
    CHECK(moves[M::kWestHop] == (full ? 30 : 10));
    // Four weights stay, two of them below a PE that they pass; each PE reads its own five times.
    CHECK(moves[M::kNorthEntry] == 4);
    CHECK(moves[M::kNorthShift] == 2);
    CHECK(moves[M::kNorthHop] == 2);
    CHECK(moves[M::kStationaryWrite] == 4);
    CHECK(moves[M::kStationaryRead] == 4 * 5);
    // Ten sums go down three rows, or two, and leave.
    CHECK(moves[M::kSumShift] == (full ? 30 : 20));
    CHECK(moves[M::kSumHop] == (full ? 20 : 10));
    CHECK(moves[M::kSumExit] == 10);
    CHECK(moves[M::kSumWrite] + moves[M::kSumRead] == 0);
  }
}

TEST_CASE("array work: ... where inputs stay, the same of a transposed product") {
  for (const EdgeFolds edges : {EdgeFolds::kFull, EdgeFolds::kExact})
    CHECK(counts_of(problem_of(Dataflow::kInputStationary, edges, Gemm{3, 7, 5})).moves.counts ==
          counts_of(problem_of(Dataflow::kWeightStationary, edges, Gemm{7, 3, 5})).moves.counts);
}

TEST_CASE("array work: ... where sums stay, by hand") {
  // m 2 on two rows, n 2 on two columns, five steps of k.
  for (const EdgeFolds edges : {EdgeFolds::kFull, EdgeFolds::kExact}) {
    CAPTURE(int(edges));
    const ArrayMoves moves =
        counts_of(problem_of(Dataflow::kOutputStationary, edges, Gemm{2, 2, 5})).moves;
    const bool full = edges == EdgeFolds::kFull;
    CHECK(moves[M::kWestEntry] == 10);
    CHECK(moves[M::kWestShift] == (full ? 40 : 20));
    CHECK(moves[M::kWestHop] == (full ? 30 : 10));
    CHECK(moves[M::kNorthEntry] == 10);
    CHECK(moves[M::kNorthShift] == (full ? 30 : 20));
    CHECK(moves[M::kNorthHop] == (full ? 20 : 10));
    CHECK(moves[M::kStationaryWrite] + moves[M::kStationaryRead] == 0);
    CHECK(moves[M::kSumRead] == 4 * 5);
    CHECK(moves[M::kSumWrite] == 4 * 5);
    // Four sums go aside. In each column the upper one passes the row below it, where folds take
    // the whole array also the empty row below both.
    CHECK(moves[M::kSumShift] == 4 + (full ? 2 * (2 + 1) : 2 * 1));
    CHECK(moves[M::kSumHop] == (full ? 2 * (2 + 1) : 2 * 1));
    CHECK(moves[M::kSumExit] == 4);
  }
}

TEST_CASE("array work: groups side by side, by hand") {
  // Two groups of k 1, n 2: rows 0 and 1, columns 0, 1 and 2, 3; three steps.
  const MappingProblem p =
      problem_of(Dataflow::kWeightStationary, EdgeFolds::kExact, Matmul{2, 3, 2, 1, 1});
  REQUIRE(most_groups_at_once(p) == 2);
  const ArrayMoves moves = counts_of(p).moves;
  // The inputs of a group pass the columns of the other as well, and its sums the rows.
  CHECK(moves[M::kWestEntry] == 3 * 2);
  CHECK(moves[M::kWestShift] == 3 * 2 * 4);
  CHECK(moves[M::kSumShift] == 3 * 4 * 2);
  CHECK(moves[M::kStationaryWrite] == 4);
  CHECK(moves[M::kNorthShift] == 2);  // the second group's
  CHECK(moves[M::kStationaryRead] == 3 * 4);
}

TEST_CASE("array work: additions of a tree, level by level") {
  const auto adds = [](std::int64_t products, bool tree) {
    PeAdds a;
    count_adds(products, tree, 3, a);
    return a;
  };
  const auto levels = [](const PeAdds& a) {
    return std::array<std::int64_t, 4>{a.tree[0] / 3, a.tree[1] / 3, a.tree[2] / 3, a.wide / 3};
  };
  CHECK(levels(adds(1, true)) == std::array<std::int64_t, 4>{0, 0, 0, 1});
  CHECK(levels(adds(8, true)) == std::array<std::int64_t, 4>{4, 2, 1, 1});
  // Of five two pairs, of the three that are then left one, of two one.
  CHECK(levels(adds(5, true)) == std::array<std::int64_t, 4>{2, 1, 1, 1});
  CHECK(levels(adds(5, false)) == std::array<std::int64_t, 4>{0, 0, 0, 5});
  // n products are one sum after n additions, the last into the partial sum.
  for (std::int64_t products = 1; products <= 4096; ++products) {
    const PeAdds a = adds(products, true);
    CHECK(a.wide + std::accumulate(a.tree.begin(), a.tree.end(), std::int64_t{0}) == 3 * products);
  }
}

TEST_CASE("array work: words that are not full have the additions of what they hold") {
  // Four int8 MACs in a PE of 32 bits; k 6 is a word of four and one of two, for 5 x 3 results.
  MappingProblem p =
      problem_of(Dataflow::kWeightStationary, EdgeFolds::kFull, Gemm{5, 3, 6}, "int8", 32);
  const PeAdds adds = counts_of(p).adds;
  CHECK(adds.tree[0] == 15 * (2 + 1));
  CHECK(adds.tree[1] == 15);
  CHECK(adds.wide == 15 * 2);
  p.machine.array.pe.adders = PeAdders::kChain;
  CHECK(counts_of(p).adds.wide == 15 * 6);
  CHECK(counts_of(p).adds.tree[0] == 0);
}

TEST_CASE("array work: rows for pricing have the widths of words, sums and adders") {
  // int4 weights in int8 MACs, four in a PE: words of 32 bits from the west, of 16 from the north.
  const MappingProblem p =
      problem_of(Dataflow::kWeightStationary, EdgeFolds::kFull, Gemm{5, 3, 8}, "int4", 32);
  Counts rows = priced_actions(p, counts_of(p));
  append_array_clock(p, Cycles(100), &rows);
  const auto check = [&](const char* activity, Primitive primitive, std::int64_t width,
                         std::int64_t count) {
    CAPTURE(activity);
    const Action* a = action_of(rows, activity);
    REQUIRE(a != nullptr);
    CHECK(a->primitive == primitive);
    CHECK(a->width == Bits(width));
    CHECK(a->count == count);
  };
  check("shift_west", Primitive::kShift, 32, 5 * 2 * 4);
  check("write_stationary", Primitive::kRegisterWrite, 16, 2 * 3);
  check("read_stationary", Primitive::kRegisterRead, 16, 5 * 2 * 3);
  check("shift_sums", Primitive::kShift, 32, 5 * 3 * 3);
  check("hop_sums", Primitive::kPeWire, 32, 5 * 3 * 2);
  // From the buffer half-way around the array of 3 x 4 PEs.
  check("enter_west", Primitive::kEdgeWire, 32, 5 * 2 * (3 + 4));
  // Two operands, a sum, and what stays twice, as the next loads meanwhile.
  check("clock", Primitive::kClock, 32 + 16 + 32 + 2 * 16, 3 * 4 * 100);
  // Products of 12 bits: sums of two have 13, of four 14.
  CHECK(action_of(rows, "sum_products_1")->type == "int13");
  CHECK(action_of(rows, "sum_products_2")->type == "int14");
  CHECK(action_of(rows, "sum_products_1")->count == 5 * 3 * 2 * 2);
  CHECK(action_of(rows, "sum_products_3") == nullptr);
  CHECK(action_of(rows, "accumulate")->type == "int32");
  CHECK(action_of(rows, "accumulate")->count == 5 * 3 * 2);
}

TEST_CASE("array work: products in passes add their parts, as wide as the product") {
  MappingProblem p =
      problem_of(Dataflow::kWeightStationary, EdgeFolds::kFull, Gemm{5, 3, 8}, "int4", 32);
  const auto additions = [&](std::int64_t width) {
    p.machine.array.pe.packing = Packing::kPasses;
    p.machine.array.pe.width = width;
    Precision precision;
    precision.weights.format = "int4";
    precision.activations.format = "int8";
    p.path = resolve_data_path(precision, p.machine.array.pe);
    return priced_actions(p, counts_of(p));
  };
  // int4 x int8: one pass of 8 x 8 bits, two of 4 x 4, eight of 2 x 2; 120 MACs, 12 bits.
  CHECK(action_of(additions(8), "sum_passes") == nullptr);
  Counts rows = additions(4);
  REQUIRE(action_of(rows, "sum_passes") != nullptr);
  CHECK(action_of(rows, "sum_passes")->type == "int12");
  CHECK(action_of(rows, "sum_passes")->primitive == Primitive::kAdd);
  CHECK(action_of(rows, "sum_passes")->count == 120);
  CHECK(action_of(rows, "accumulate")->count == 120);
  rows = additions(2);
  CHECK(action_of(rows, "sum_passes")->count == 120 * 7);
}

TEST_CASE("array work: assumed densities make multiplications of zeros") {
  MappingProblem p = problem_of(Dataflow::kWeightStationary, EdgeFolds::kFull, Gemm{10, 10, 10});
  p.data.density = OperandDensity{0.5, 0.9};
  const Counts rows = priced_actions(p, counts_of(p));
  CHECK(action_of(rows, "multiply")->count == 450);
  CHECK(action_of(rows, "multiply")->primitive == Primitive::kMultiply);
  CHECK(action_of(rows, "multiply_zero")->count == 550);
  CHECK(action_of(rows, "multiply_zero")->primitive == Primitive::kZeroMultiply);
}

}  // namespace bitjoule::array_work_test
