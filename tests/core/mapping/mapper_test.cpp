#include "core/mapping/mapper.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace bitjoule {
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
    CHECK(!m.alternatives.empty());  // the best of each other order that fits
    for (const MappingAlternative& other : m.alternatives)
      if (objective == MappingObjective::kTraffic)
        CHECK(m.estimate.moved_bytes() <= other.estimate.moved_bytes());
      else
        CHECK(m.estimate.cycles <= other.estimate.cycles);
    CHECK(map_layer(p, pins).tiling.k == m.tiling.k);
  }
}

TEST_CASE("mapper: folds stream for as long as they load, where the layer has as much") {
  const Mapping conv = map_layer(problem_of(kConv));
  CHECK(conv.tiling.m() >= 32);
  CHECK(map_layer(problem_of(Gemm{1, 512, 512})).tiling.m() == 1);
  // A pinned tile is taken as it is.
  MappingPins pins;
  pins.tile_m = 14;
  CHECK(map_layer(problem_of(kConv), pins).tiling.m() == 14);
}

TEST_CASE("mapper: a layer that fits whole is fetched once") {
  const Mapping m = map_layer(problem_of(Gemm{64, 64, 64}));
  CHECK(m.estimate.traffic[Tensor::kInputs].read_bytes == 64 * 64);
  CHECK(m.estimate.traffic[Tensor::kWeights].read_bytes == 64 * 64);
  CHECK(m.estimate.traffic[Tensor::kOutputs].write_bytes == 64 * 64);
}

TEST_CASE("mapper: pins that the layer contradicts, and machines too small, are input errors") {
  MappingPins pins;
  pins.tile_k = 100000;
  CHECK_THROWS_AS(map_layer(problem_of(kConv), pins), Error);
  MappingProblem small = problem_of(kConv);
  small.machine.buffers.weight.capacity = Bytes(8);
  CHECK_THROWS_AS(map_layer(small), Error);
}

}  // namespace bitjoule
