#include "core/mapping/mapper.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "support/random_mapping.h"

namespace bitjoule::mapper_test {
namespace {

MappingProblem problem_of(const LayerOp& op) {
  MappingProblem p;
  p.layer = lower(op);
  p.machine.array.rows = p.machine.array.cols = 32;
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  p.path = resolve_data_path(precision, p.machine.array.pe);
  return p;
}

const Conv2d kConv = [] {
  Conv2d c;
  c.height = c.width = 28;
  c.channels = c.filters = 256;
  c.kernel_h = c.kernel_w = 3;
  c.stride_h = c.stride_w = 2;
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = 1;
  return c;
}();

}  // namespace

TEST_CASE("mapper: the chosen tiling fits and no alternative beats it by the objective") {
  const MappingProblem p = problem_of(kConv);
  for (const MappingObjective objective : {MappingObjective::kTraffic, MappingObjective::kCycles}) {
    MappingPins pins;
    pins.objective = objective;
    const Mapping m = map_layer(p, pins);
    CHECK(misfit(p, m.tiling, tile_footprint(p, m.tiling)) == "");
    const std::vector<MappingAlternative> others = alternatives(p, pins, m);
    CHECK(!others.empty());  // the best of each other order that costs something else
    for (const MappingAlternative& other : others)
      if (objective == MappingObjective::kTraffic)
        CHECK(m.estimate.moved_bytes() <= other.estimate.moved_bytes() * (1 + m.gap));
      else
        CHECK(m.estimate.cycles <= static_cast<double>(other.estimate.cycles) * (1 + m.gap) + 0.5);
    CHECK(map_layer(p, pins).tiling.k == m.tiling.k);
  }
}

TEST_CASE("mapper: a pinned tile is taken as it is, a rectangle too, and clipped with a note") {
  MappingPins pins;
  pins.tile_m = 14;
  CHECK(map_layer(problem_of(kConv), pins).tiling.m() == 14);
  pins = {};
  pins.tile_rows = 3;
  pins.tile_cols = 5;
  const Mapping m = map_layer(problem_of(kConv), pins);
  CHECK(m.tiling.out_rows == 3);
  CHECK(m.tiling.out_cols == 5);
  CHECK(m.notes.empty());
  pins.tile_n = 1000;
  const Mapping clipped = map_layer(problem_of(kConv), pins);
  CHECK(clipped.tiling.n == 256);
  REQUIRE(clipped.notes.size() == 1);
  CHECK(clipped.notes.front() == "mapping.tile.n: 1000 pinned, the layer has 256");
}

TEST_CASE("mapper: a layer's pins take the place of the run's, a rectangle that of its pixels") {
  MappingPins run;
  run.objective = MappingObjective::kEnergy;
  run.tile_m = 28;
  run.tile_n = 64;
  run.order = LoopOrder::kKmn;
  TilePins layer;
  layer.weights = ObjectiveWeights{1, 2, 0};
  layer.tile_rows = 2;
  const MappingPins both = with(layer, run);
  CHECK(!both.objective);
  CHECK(both.weights->cycles == 2);
  CHECK(!both.tile_m);
  CHECK(both.tile_rows == 2);
  CHECK(both.tile_n == 64);
  CHECK(both.order == LoopOrder::kKmn);
}

TEST_CASE("mapper: a layer that fits whole is fetched once") {
  const Mapping m = map_layer(problem_of(Gemm{64, 64, 64}));
  CHECK(m.estimate.traffic[Tensor::kInputs].read_bytes == 64 * 64);
  CHECK(m.estimate.traffic[Tensor::kWeights].read_bytes == 64 * 64);
  CHECK(m.estimate.traffic[Tensor::kOutputs].write_bytes == 64 * 64);
}

namespace {

std::string refusal(const MappingProblem& p, const MappingPins& pins = {}) {
  try {
    map_layer(p, pins);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("mapper: a layer is refused only if no tile fits, and the capacity named does") {
  // One sum of 4 B, twice.
  MappingProblem p = problem_of(Gemm{64, 64, 64});
  p.machine.buffers.accumulator.banks = 1;
  p.machine.buffers.accumulator.port_width = Bits(8);
  p.machine.buffers.accumulator.capacity = Bytes(7);
  CHECK(refusal(p) ==
        "no tile of the layer fits the machine: the smallest takes 4 B of the accumulator buffer, "
        "which has 7 B for two tiles (double-buffered); 8 B would do");
  p.machine.buffers.accumulator.capacity = Bytes(8);
  CHECK(map_layer(p).tiling.m() == 1);
  // A pinned tile of 32 pixels x 64 outputs.
  p.machine.buffers.accumulator.capacity = Bytes(8191);
  p.machine.buffers.accumulator.double_buffered = false;
  MappingPins pins;
  pins.tile_m = 32;
  pins.tile_n = 64;
  CHECK(refusal(p, pins).find("the smallest takes 8192 B of the accumulator buffer") !=
        std::string::npos);
  p.machine.buffers.accumulator.capacity = Bytes(8192);
  CHECK(refusal(p, pins).empty());
}

TEST_CASE(
    "mapper: a refusal names every buffer that is too small, and capacities that go together") {
  // Sums of 4 B and bytes of 1 B, twice; 3 banks as wide as two bytes each.
  MappingProblem p = problem_of(Gemm{64, 64, 64});
  for (const BufferRole role : {BufferRole::kAccumulator, BufferRole::kInput})
    p.machine.buffers.of(role) = {Bytes(1), 3, Bits(16), true, false};
  CHECK(refusal(p) ==
        "no tile of the layer fits the machine: the smallest takes 1 B of the input buffer, which "
        "has 1 B for two tiles (double-buffered); 6 B would do, and 4 B of the accumulator buffer, "
        "which has 1 B for two tiles (double-buffered); 9 B would do");
  p.machine.buffers.input.capacity = Bytes(6);
  p.machine.buffers.accumulator.capacity = Bytes(9);
  CHECK(refusal(p).empty());
}

TEST_CASE("mapper: pins of no size, and machines too small, are input errors") {
  MappingPins pins;
  pins.tile_k = 0;
  CHECK_THROWS_AS(map_layer(problem_of(kConv), pins), Error);
  pins = {};
  pins.tile_m = 28 + 1;  // neither part of a row of 14, nor whole rows
  CHECK_THROWS_AS(map_layer(problem_of(kConv), pins), Error);
  MappingProblem small = problem_of(kConv);
  small.machine.buffers.weight.capacity = Bytes(1);
  CHECK_THROWS_AS(map_layer(small), Error);
}

TEST_CASE("mapper: weights of an objective lie between what they weigh") {
  MappingProblem p = problem_of(Gemm{512, 1024, 1024});
  p.prices = test::mapping_prices();
  const auto estimate_by = [&p](const ObjectiveWeights& weights) {
    MappingPins pins;
    pins.weights = weights;
    return map_layer(p, pins).estimate;
  };
  const MappingEstimate energy = estimate_by({1, 0, 0}), cycles = estimate_by({0, 1, 0}),
                        both = estimate_by({1, 1, 0}), traffic = estimate_by({0, 0, 1});
  constexpr double kClose = 1.005;  // what a long search is content with
  CHECK(energy.energy_pj <= both.energy_pj * kClose);
  CHECK(cycles.cycles <= static_cast<double>(both.cycles) * kClose);
  const auto product = [](const MappingEstimate& e) {
    return e.energy_pj * static_cast<double>(e.cycles);
  };
  for (const MappingEstimate& other : {energy, cycles, traffic})
    CHECK(product(both) <= product(other) * kClose);
}

}  // namespace bitjoule::mapper_test
