// Machines that can be set up in several ways: the mapper takes the best for each layer.
#include "core/machine/setting.h"

#include <doctest/doctest.h>

#include <string>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"

namespace bitjoule::setting_test {
namespace {

constexpr Dataflow kWs = Dataflow::kWeightStationary, kOs = Dataflow::kOutputStationary,
                   kIs = Dataflow::kInputStationary;

/// 16 x 16 PEs on which folds follow one after the other, behind a memory that never holds them up.
MappingProblem problem_of(const Gemm& gemm, Dataflow first, std::vector<Dataflow> others) {
  MappingProblem p;
  p.layer = lower(gemm);
  p.machine.array.rows = p.machine.array.cols = 16;
  p.machine.array.overlap = Overlap::kNone;
  p.machine.array.dataflow = first;
  p.machine.array.other_dataflows = std::move(others);
  p.memory.bytes_per_cycle = 1e6;
  p.memory.latency_cycles = 0;
  p.machine.dma.outstanding = p.machine.dma.requests_per_cycle = 1 << 20;
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  p.path = resolve_data_path(precision, p.machine.array.pe);
  return p;
}

MappingPins fewest_cycles() {
  MappingPins pins;
  pins.objective = MappingObjective::kCycles;
  return pins;
}

}  // namespace

TEST_CASE("setting: a machine has that of its configuration, set up it has one alone") {
  AcceleratorConfig machine;
  CHECK(settings(machine).size() == 1);
  machine.array.dataflow = kOs;
  machine.array.other_dataflows = {kWs, kIs};
  const std::vector<MachineSetting> all = settings(machine);
  REQUIRE(all.size() == 3);
  CHECK(all[0].dataflow == kOs);
  CHECK(all[1].dataflow == kWs);
  CHECK(all[2].dataflow == kIs);
  for (const MachineSetting& setting : all) {
    const AcceleratorConfig set = configured(machine, setting);
    CHECK(set.array.dataflow == setting.dataflow);
    CHECK(settings(set).size() == 1);
  }
}

TEST_CASE("setting: what needs one fold instead of many is taken, whatever comes first") {
  struct Case {
    Gemm gemm;
    Dataflow best;
  };
  // A fold each, of long streams of m, k or n; the others have 64 short ones.
  for (const Case& c :
       {Case{{1024, 16, 16}, kWs}, Case{{16, 16, 4096}, kOs}, Case{{16, 1024, 16}, kIs}})
    for (const Dataflow first : {kWs, kOs, kIs}) {
      std::vector<Dataflow> others;
      for (const Dataflow other : {kWs, kOs, kIs})
        if (other != first) others.push_back(other);
      const MappingProblem p = problem_of(c.gemm, first, others);
      const Mapping m = map_layer(p, fewest_cycles());
      CHECK(m.setting.dataflow == c.best);
      for (const MappingAlternative& lost : alternatives(p, fewest_cycles(), m))
        CHECK(lost.estimate.cycles >= m.estimate.cycles);
      const MappingProblem set = configured(p, m);
      CHECK(set.machine.array.dataflow == c.best);
      CHECK(compute_cycles(set, make_program(set, m.tiling)) > 0);
      // As a machine that does that alone.
      const Mapping alone = map_layer(problem_of(c.gemm, c.best, {}), fewest_cycles());
      CHECK(alone.estimate.cycles == m.estimate.cycles);
    }
}

TEST_CASE("setting: a pin is one of the machine's, and is kept") {
  const MappingProblem p = problem_of({16, 16, 4096}, kWs, {kOs});
  MappingPins pins = fewest_cycles();
  pins.dataflow = kWs;
  CHECK(map_layer(p, pins).setting.dataflow == kWs);
  pins.dataflow = kIs;
  std::string message;
  try {
    map_layer(p, pins);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    message = e.what();
  }
  CHECK(message == "mapping.dataflow: expected one of accelerator.array.dataflow (ws, os), got is");
}

TEST_CASE("setting: a layer that fits in one of them alone runs in that one") {
  // Padded to whole arrays, a tile of 16 x 64 weights takes 1024 B; k is not padded with os.
  MappingProblem p = problem_of({16, 16, 4}, kWs, {kOs});
  p.machine.array.weight_tiles = WeightTiles::kPadded;
  p.machine.buffers.weight.capacity = Bytes(128);
  p.machine.buffers.weight.double_buffered = false;
  const Mapping m = map_layer(p);
  CHECK(m.setting.dataflow == kOs);
  for (const MappingAlternative& lost : alternatives(p, {}, m)) CHECK(lost.setting.dataflow == kOs);
  p.machine.array.other_dataflows.clear();
  CHECK_THROWS_AS(map_layer(p), Error);
}

TEST_CASE("setting: a program is of a machine that is set up") {
  const MappingProblem p = problem_of({16, 16, 16}, kWs, {kOs});
  const Mapping m = map_layer(p);
  CHECK_THROWS_AS(make_program(p, m.tiling), Error);
}

}  // namespace bitjoule::setting_test
