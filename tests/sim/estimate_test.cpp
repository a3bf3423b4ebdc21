// What an estimate says of a tiling against what the machine does with it.
#include "core/mapping/estimate.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "core/mapping/program.h"
#include "run/layer_runner.h"
#include "run/simulation.h"
#include "sim/schema/run_file.h"
#include "support/estimate_cases.h"

namespace bitjoule::estimate_test {
namespace {

constexpr std::uint64_t kSeed = 20261128;

/// All that are not the time's: what a buffer held at most depends on when.
void check_counts(MachineCounts said, MachineCounts did) {
  for (const auto buffer :
       {&MachineCounts::input, &MachineCounts::weight, &MachineCounts::accumulator,
        &MachineCounts::output, &MachineCounts::scale}) {
    CHECK((said.*buffer).reads == (did.*buffer).reads);
    CHECK((said.*buffer).writes == (did.*buffer).writes);
    (did.*buffer).peak_bytes = 0;
  }
  CHECK(said.macs == did.macs);
  CHECK(said.mac_slots == did.mac_slots);
  CHECK(said.dequantized_weights == did.dequantized_weights);
  CHECK(said.outputs == did.outputs);
  CHECK(said.dram_read_bits == did.dram_read_bits);
  CHECK(said == did);
}

std::int64_t folds_of(const MappingProblem& p, const Program& program) {
  std::int64_t folds = 0;
  for (const ComputeOp& op : program.computes)
    for_each_fold(p, op.tile, [&](const FoldJob&) { ++folds; });
  return folds;
}

/// A problem of a machine, with a tiling that fits; nothing where the dice say none.
struct Case {
  MappingProblem problem;
  Tiling tiling;
};
std::optional<Case> random_case(test::Dice& d, const AcceleratorConfig& machine,
                                const MemoryPort& memory, const LayerOp& op) {
  Layer layer;
  layer.op = op;
  const bool matrix = !std::holds_alternative<Conv2d>(layer.op);
  layer.stage.bias = !std::holds_alternative<Matmul>(layer.op) && d.one_in(2);
  const Precision precision = test::random_precision(d, matrix);
  MappingPins pins;
  pins.weight_layout = machine.array.weight_tiles == WeightTiles::kPadded
                           ? DramLayout::kTiled
                           : d.of({DramLayout::kTiled, DramLayout::kRowMajor});
  pins.activation_layout = d.of({DramLayout::kTiled, DramLayout::kRowMajor});
  Case c;
  try {
    c.problem = make_problem(machine, memory, layer.op, precision, pins, layer.stage);
  } catch (const Error&) {
    return std::nullopt;  // formats that do not go together
  }
  for (int tries = 0; tries < 60; ++tries) {
    c.tiling = test::random_tiling(d, c.problem);
    const TripCounts trips = trip_counts(c.problem.layer, c.tiling);
    if (trips.total() <= 600 && fits(c.problem, c.tiling, tile_footprint(c.problem, c.tiling)))
      return c;
  }
  return std::nullopt;
}

/// Of groups so small that several fit an array of some PEs at once.
LayerOp small_groups(test::Dice& d) {
  if (d.one_in(6)) return Matmul{2 * d.to(1, 4), d.to(1, 4), d.to(1, 4), 32, 1};
  Conv2d c;
  c.height = d.to(1, 4);
  c.width = d.to(1, 4);
  c.groups = d.to(2, 12);
  c.channels = c.groups;
  c.filters = c.groups * d.to(1, 2);
  c.kernel_h = d.to(1, 2);
  c.kernel_w = d.to(1, 2);
  c.pad_top = c.pad_bottom = c.pad_left = c.pad_right = 1;
  return c;
}

/// Tilings that ran, and those of them with several groups at once.
struct Ran {
  int done = 0, together = 0;
};

template <class F>
Ran compare_runs(F random_op) {
  MESSAGE("seed ", kSeed);
  test::Dice d(kSeed);
  const auto prices = std::make_shared<const Prices>(make_prices(
      read_energy_table("horowitz-2014-45nm.yaml"), "ideal", std::nullopt, DramPricing::kTable));
  Ran ran;
  for (int i = 0; i < 60; ++i) {
    const AcceleratorConfig machine = test::random_small_machine(d);
    DramConfig dram;
    dram.model = IdealDramConfig{BytesPerSecond(6'400'000'000), Femtoseconds(20'000'000), Bytes(32),
                                 Bytes(std::int64_t{1} << 32)};
    const auto machine_run = make_simulation(machine, dram, Fidelity::kFast);
    for (int j = 0; j < 8; ++j) {
      std::optional<Case> c = random_case(d, machine, machine_run->memory(), random_op(d));
      if (!c) continue;
      CAPTURE(i);
      CAPTURE(j);
      CAPTURE(c->problem.path.weights.format.format);
      CAPTURE(c->problem.path.activations.format.format);
      const Program program = make_program(c->problem, c->tiling);
      LayerOutcome run = machine_run->run({c->problem, {}, program}, nullptr, nullptr, {}, {});
      add_block_scales(c->problem.path, run.traffic);
      c->problem.prices = prices;
      const MappingEstimate e = estimate(c->problem, c->tiling);
      const EnergyReport energy = price(priced_actions(c->problem, run.counts), *prices);
      CHECK(e.energy_pj == doctest::Approx(energy.total.value).epsilon(1e-12));
      check_counts(e.counts, run.counts);
      CHECK(e.folds == folds_of(c->problem, program));
      CHECK(e.array_cycles == compute_cycles(c->problem, program));
      for (std::size_t t = 0; t < kTensors; ++t) {
        CHECK(e.traffic.tensors[t].read_bytes == run.traffic.tensors[t].read_bytes);
        CHECK(e.traffic.tensors[t].write_bytes == run.traffic.tensors[t].write_bytes);
        CHECK(e.traffic.tensors[t].bursts == run.traffic.tensors[t].bursts);
        CHECK(e.traffic.tensors[t].scale_read_bytes == run.traffic.tensors[t].scale_read_bytes);
      }
      ++ran.done;
      ran.together += c->tiling.groups_at_once > 1 ? 1 : 0;
    }
  }
  MESSAGE(ran.done, " tilings, ", ran.together, " of several groups at once");
  return ran;
}

}  // namespace

TEST_CASE("estimate: counts, folds, bytes and array cycles are the run's, exactly") {
  CHECK(compare_runs([](test::Dice& d) { return test::random_layer_op(d, 2); }).done > 200);
}

TEST_CASE("estimate: ... and where groups share the array") {
  CHECK(compare_runs([](test::Dice& d) { return small_groups(d); }).together > 50);
}

}  // namespace bitjoule::estimate_test
