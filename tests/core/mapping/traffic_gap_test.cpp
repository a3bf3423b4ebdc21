// What keeps a mapping from the least traffic, by hand: a product of 64 x 64 x 1024 bytes whose
// operands do not fit, so that each tile of sums fetches its rows and columns anew.
#include "core/mapping/traffic_gap.h"

#include <doctest/doctest.h>

#include <string>

#include "core/mapping/mapper.h"

namespace bitjoule::traffic_gap_test {
namespace {

constexpr double kOperand = 64 * 1024, kResults = 64 * 64;

MappingProblem problem_of(std::int64_t sums) {
  MappingProblem p;
  p.layer = lower(Gemm{64, 64, 1024});
  p.machine.array.rows = p.machine.array.cols = 8;
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  precision.weights.granularity = precision.activations.granularity = Granularity::kPerTensor;
  p.path = resolve_data_path(precision, p.machine.array.pe);
  BuffersConfig& b = p.machine.buffers;
  b.input.capacity = b.weight.capacity = Bytes(4096);
  b.accumulator.capacity = Bytes(4 * sums);
  b.output.capacity = Bytes(64 * 1024);
  b.input.banks = b.weight.banks = 4;
  return p;
}

std::vector<TrafficConstraint> constraints_of(const MappingProblem& p, MappingPins pins = {}) {
  if (!pins.objective) pins.objective = MappingObjective::kTraffic;
  return traffic_constraints(p, pins, map_layer(p, pins));
}

double times(const std::vector<TrafficConstraint>& constraints, const std::string& what) {
  for (const TrafficConstraint& c : constraints)
    if (c.what == what) return c.times;
  return 1;
}

}  // namespace

TEST_CASE("traffic constraints: two tiles in a buffer leave room for half the sums") {
  // 2 x 2048 sums: one operand is fetched twice. All 4096 in one: each once.
  const auto constraints = constraints_of(problem_of(4096));
  CHECK(times(constraints, "two tiles in a buffer") ==
        doctest::Approx((3 * kOperand + kResults) / (2 * kOperand + kResults)));
  CHECK(constraints.size() == 1);
}

TEST_CASE("traffic constraints: pins, and room for the sums behind them") {
  MappingProblem p = problem_of(1024);
  p.machine.buffers.accumulator.double_buffered = false;
  // By itself 32 x 32 sums: both operands twice, and runs of 32 results in bursts of 64 bytes.
  // Pinned to 16 x 16: four times each.
  MappingPins pins;
  pins.tile_m = pins.tile_n = 16;
  pins.order = LoopOrder::kMnk;
  const auto constraints = constraints_of(p, pins);
  CHECK(times(constraints, "pins") ==
        doctest::Approx((8 * kOperand + 4 * kResults) / (4 * kOperand + 2 * kResults)));
  // In the end nothing but every tensor once is left.
  double all = 1;
  for (const TrafficConstraint& c : constraints) all *= c.times;
  CHECK(all ==
        doctest::Approx((8 * kOperand + 4 * kResults) / (2 * kOperand + kResults)).epsilon(0.005));
}

TEST_CASE("traffic constraints: none where every tensor is moved once, or activations stay") {
  MappingProblem p = problem_of(8192);  // all sums; k in bursts of 64 bytes
  p.machine.buffers.input.capacity = p.machine.buffers.weight.capacity = Bytes(8192);
  CHECK(constraints_of(p).empty());
  p = problem_of(64);
  p.activations = ActivationMemory::kOnChip;
  p.machine.buffers.input.capacity = Bytes(256 * 1024);
  CHECK(constraints_of(p).empty());
}

}  // namespace bitjoule::traffic_gap_test
