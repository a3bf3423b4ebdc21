// One PE: the operands of its multipliers, counted bit by bit.
#include <doctest/doctest.h>

#include <memory>

#include "hw/pe_grid.h"
#include "hw/time.h"

namespace bitjoule::pe_operands_test {
namespace {

struct OnePe : sc_core::sc_module {
  OnePe(sc_core::sc_module_name name, Simd simd) : sc_module(name) {
    ArrayConfig config;
    config.rows = config.cols = 1;
    grid = make_integer_grid(config, simd);
  }
  std::unique_ptr<PeGrid> grid;
};

struct NoResults : ResultSink {
  void result(const FoldInFlight&, std::int64_t, std::int64_t, std::int32_t sum, bool) override {
    last = sum;
  }
  void result(const FoldInFlight&, std::int64_t, std::int64_t, float, bool) override {}
  std::int32_t last = 0;
};

}  // namespace

TEST_CASE("pe: zeros and toggling bits of its multipliers, by hand") {
  use_femtosecond_resolution();
  PeRules rules;
  rules.operands = true;
  rules.west = {0xff, {}, OperandCount::kInputZeros, OperandCount::kInputToggles};
  rules.north = {0xf, {}, OperandCount::kWeightZeros, OperandCount::kWeightToggles};
  PeTile tile;
  tile.tile = Tile{0, 1, 0, 1, 0, 1, 0, 3, 0, 1, 0, 2};
  tile.values = true;
  tile.integer_weights.data = {3, -1};  // 0011, 1111
  // 00000001, 00000000; 00000011, 11111111; 00000000, 00000000.
  tile.integer_inputs.data = {1, 0, 3, -1, 0, 0};
  tile.integer_weights.k = tile.integer_inputs.k = 2;
  FoldInFlight fold;
  fold.job.m1 = 3, fold.job.n1 = 1, fold.job.k1 = 2;
  fold.job.shape.rows = fold.job.shape.cols = 1;
  fold.job.timing.rows = fold.job.timing.cols = 1, fold.job.timing.steps = 3;
  fold.tile = std::make_shared<PeTile>(tile);
  fold.macs_per_pe = 2;
  fold.number = 1;
  fold.first_step = 1;
  for (const Simd simd : {Simd::kPortable, best_simd()}) {
    OnePe pe(simd == Simd::kPortable ? "portable" : "vectors", simd);
    pe.grid->begin(pe_dataflow(Dataflow::kWeightStationary), rules, 2, true);
    MachineCounts counts;
    NoResults results;
    for (std::int64_t cycle = 0; cycle < 6; ++cycle) {
      if (cycle == 0) pe.grid->enter_row(fold, 0);
      if (cycle >= 1 && cycle <= 3) pe.grid->enter_step(fold, cycle - 1);
      pe.grid->collect(fold, cycle, results, counts);
      pe.grid->step(cycle, counts);
      // 1 x 3 + 0 x -1, 3 x 3 + -1 x -1 and nothing, each in the cycle after its step.
      if (cycle == 2) CHECK(results.last == 3);
      if (cycle == 3) CHECK(results.last == 10);
      if (cycle == 4) CHECK(results.last == 0);
    }
    CHECK(counts.macs == 6);
    CHECK(counts.adds.tree[0] == 3);
    CHECK(counts.adds.wide == 3);
    CHECK(counts.operands[OperandCount::kInputZeros] == 3);
    CHECK(counts.operands[OperandCount::kWeightZeros] == 0);
    CHECK(counts.operands[OperandCount::kZeroMacs] == 3);
    // From zeros: 1 and 0 bits; then 1 and 8; then 2 and 8.
    CHECK(counts.operands[OperandCount::kInputToggles] == 1 + (1 + 8) + (2 + 8));
    CHECK(counts.operands[OperandCount::kWeightToggles] == 2 + 4);
  }
}

}  // namespace bitjoule::pe_operands_test
