// What was mapped once in a process is not searched for again while nothing that the mapping
// depends on has changed, whatever else has.
#include "run/mapping_memo.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "run/key.h"
#include "run/layer_runner.h"
#include "run/machine.h"
#include "sim/schema/run_file.h"

namespace bitjoule::mapping_memo_test {
namespace {

using Overrides = std::vector<Override>;

/// Searches that a run takes.
std::int64_t searches(
    const std::string& file, const Overrides& overrides,
    const std::function<void(RunConfig&)>& change = [](RunConfig&) {}) {
  RunConfig run = read_run(file_source(file), overrides);
  change(run);
  const std::int64_t before = MappingMemo::instance().searches();
  Machine(run).run();
  return MappingMemo::instance().searches() - before;
}

const Overrides kLayer = {{"layer", "{gemm: {m: 64, n: 100, k: 300}}"}};

Overrides with(const std::string& path, const std::string& value) {
  Overrides all = kLayer;
  all.push_back({path, value});
  return all;
}

}  // namespace

TEST_CASE("mapping memo: a run that differs in nothing that mapping depends on searches nothing") {
  MappingMemo::instance().clear();
  CHECK(searches("quickstart.yaml", kLayer) == 1);
  CHECK(searches("quickstart.yaml", kLayer) == 0);
  CHECK(searches("quickstart.yaml", with("fidelity", "estimate")) == 0);
  CHECK(searches("quickstart.yaml", with("values", "off")) == 0);
  CHECK(searches("quickstart.yaml", with("energy.name", "another")) == 0);
  CHECK(searches("quickstart.yaml", with("seed", "7")) == 0);
  CHECK(searches("quickstart.yaml", with("accelerator.vector_unit.lanes", "5")) == 0);
}

TEST_CASE("mapping memo: whatever mapping depends on is searched anew") {
  MappingMemo::instance().clear();
  CHECK(searches("quickstart.yaml", kLayer) == 1);
  CHECK(searches("quickstart.yaml", with("layer.gemm.n", "101")) == 1);
  CHECK(searches("quickstart.yaml", with("precision.weights", "int4")) == 1);
  CHECK(searches("quickstart.yaml", with("mapping.objective", "traffic")) == 1);
  CHECK(searches("quickstart.yaml", with("mapping.tile", "{n: 10}")) == 1);
  CHECK(searches("quickstart.yaml", with("accelerator.array.rows", "7")) == 1);
  CHECK(searches("quickstart.yaml", with("accelerator.buffers.weight.capacity", "1 KiB")) == 1);
  CHECK(searches("quickstart.yaml", with("accelerator.dma.outstanding", "3")) == 1);
  CHECK(searches("quickstart.yaml", with("dram", "lpddr4-3200.yaml")) == 1);
  // A price that the layer pays, and the old one again.
  const auto dearer = [](RunConfig& run) {
    for (SramPoint& point : run.energy.edit().sram.points)
      point.read = Picojoules(point.read.value * 2);
  };
  CHECK(searches("quickstart.yaml", kLayer, dearer) == 1);
  CHECK(searches("quickstart.yaml", kLayer, dearer) == 0);
  CHECK(searches("quickstart.yaml", kLayer) == 0);
}

TEST_CASE("mapping memo: what is known is what a search finds") {
  const RunConfig run = read_run(file_source("quickstart.yaml"), kLayer);
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  const auto mapping = [&] {
    return runner.prepare(run.layer, run.precision, run.mapping).mapping;
  };
  MappingMemo::instance().clear();
  const Mapping first = mapping(), known = mapping();
  MappingMemo::instance().clear();
  const Mapping anew = mapping();
  for (const Mapping& m : {known, anew}) {
    CHECK(key_text(m.tiling) == key_text(first.tiling));
    CHECK(m.estimate.cycles == first.estimate.cycles);
    CHECK(m.boxes == first.boxes);
  }
}

TEST_CASE("mapping memo: the oldest are forgotten") {
  MappingMemo memo;
  const MappingProblem problem;
  const auto find = [&](std::size_t i) {
    const std::int64_t before = memo.searches();
    memo.find_or(std::to_string(i), problem, [](std::vector<PricesAsked>&) { return Mapping(); });
    return memo.searches() > before;
  };
  for (std::size_t i = 0; i <= MappingMemo::kMost; ++i) CHECK(find(i));
  CHECK(memo.size() == MappingMemo::kMost);
  CHECK_FALSE(find(1));
  CHECK(find(0));
}

TEST_CASE("mapping memo: for values alone any mapping will do that adds up sums alike") {
  for (const char* n : {"100", "37"}) {
    const RunConfig run = read_run(file_source("quickstart.yaml"), with("layer.gemm.n", n));
    const auto k_of = [&](bool values_alone) {
      RunOptions options = run.options;
      options.values_alone = values_alone;
      const LayerRunner runner(run.accelerator, run.dram, run.energy, options);
      return runner.prepare(run.layer, run.precision, run.mapping).mapping.tiling.k;
    };
    MappingMemo& memo = MappingMemo::instance();
    memo.clear();
    const std::int64_t before = memo.searches(), k = k_of(true);
    CHECK(memo.searches() == before + 1);
    // Whose cost counts is searched for by itself, and then serves values, too.
    CHECK(k_of(false) == k);
    CHECK(memo.searches() == before + 2);
    memo.clear();
    CHECK(k_of(false) == k);
    CHECK(k_of(true) == k);
    CHECK(memo.searches() == before + 3);
  }
}

}  // namespace bitjoule::mapping_memo_test
