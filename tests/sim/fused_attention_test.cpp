// A fused layer on the machine: PE by PE as in closed form, and as the estimate counts it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/enums.h"
#include "core/mapping/attention.h"
#include "core/mapping/fused_time.h"
#include "core/result/estimated_outcome.h"
#include "support/machine_pair.h"

namespace bitjoule::fused_attention_test {
namespace {

struct Case {
  const char *activations, *cache;
  Granularity granularity = Granularity::kPerTensor;
  std::int64_t heads = 4, shared = 2, queries = 1, keys = 40, reach = 0, page = 0;
};

constexpr std::int64_t kDim = 32;

TensorFormat format_of(const std::string& name, Granularity granularity = Granularity::kPerTensor) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  return f;
}

Attention attention_of(const Case& c) {
  Attention a;
  a.scores = Matmul{c.heads, c.queries, c.keys, kDim, c.shared, false};
  a.context = Matmul{c.heads, c.queries, kDim, c.keys, c.shared, true};
  a.softmax.kind = VectorKind::kSoftmax;
  a.softmax.rows = c.heads * c.queries;
  a.softmax.cols = c.keys;
  a.softmax.causal = c.queries;
  a.softmax.reach = c.reach;
  a.softmax.heads = c.heads;
  a.softmax.alpha = 0.2;
  return a;
}

AcceleratorConfig machine_of(Dataflow dataflow, Overlap overlap, bool double_buffered = true) {
  AcceleratorConfig m;
  m.array.rows = 4;
  m.array.cols = 8;
  m.array.dataflow = dataflow;
  m.array.overlap = overlap;
  m.array.edge_folds = EdgeFolds::kExact;
  for (const BufferRole role : kBufferRoles) {
    m.buffers.of(role).capacity = Bytes(8192);
    m.buffers.of(role).double_buffered = double_buffered;
  }
  m.buffers.accumulator.banks = 2;  // ports that hold array and vector unit up
  m.dequantizer.lanes = 8;
  m.vector_unit.lanes = 4;
  return m;
}

MappingProblem product_of(const AcceleratorConfig& machine, const MemoryPort& memory,
                          const LayerOp& op, const TensorFormat& first, const TensorFormat& second,
                          std::int64_t page) {
  Precision precision;
  precision.weights = second;
  precision.activations = first;
  precision.output = format_of("fp16");
  MappingPins pins;
  pins.kv_page = page;
  return make_problem(machine, memory, op, precision, pins);
}

/// Runs on both fidelities, and by estimate.
void check(test::MachinePair& pair, const Case& c, const MappingPins& pins) {
  CAPTURE(c.activations);
  CAPTURE(c.cache);
  const Attention a = attention_of(c);
  const TensorFormat activations = format_of(c.activations);
  const TensorFormat cache = format_of(c.cache, c.granularity);
  const AttentionProblem problem = attention_problem(
      a, product_of(pair.machine(), pair.memory(), a.scores, activations, cache, c.page),
      product_of(pair.machine(), pair.memory(), a.context, probability_format(activations), cache,
                 c.page));
  const AttentionMapping mapping = map_attention(problem, pins);
  const AttentionProblem p = configured(problem, mapping);
  const Program program = make_attention_program(p, mapping.tiling);
  const LayerOutcome run = pair.run(p.context, program);
  const LayerOutcome estimate = estimated_outcome(p.context, program);
  CHECK(estimate.counts == test::MachinePair::without_peaks(run.counts));
  for (std::size_t i = 0; i < kTensors; ++i) {
    CHECK(estimate.traffic.tensors[i].bursts == run.traffic.tensors[i].bursts);
    CHECK(estimate.traffic.tensors[i].read_bytes == run.traffic.tensors[i].read_bytes);
    CHECK(estimate.traffic.tensors[i].write_bytes == run.traffic.tensors[i].write_bytes);
  }
  CHECK(estimate.stalls.total() == estimate.cycles.value);
  for (const std::int64_t cycles : estimate.stalls.cycles) CHECK(cycles >= 0);
  CHECK(static_cast<double>(estimate.cycles.value) ==
        doctest::Approx(static_cast<double>(run.cycles.value)).epsilon(0.05));
}

MappingPins tiles(std::int64_t queries, std::int64_t keys) {
  MappingPins pins;
  pins.tile_m = queries;
  pins.tile_n = keys;
  return pins;
}

}  // namespace

TEST_CASE("fused attention: PE by PE takes the cycles of the closed form, and counts the same") {
  std::vector<test::MachinePair> pairs;
  const auto add = [&pairs](const AcceleratorConfig& machine) {
    pairs.emplace_back("m" + std::to_string(pairs.size()), machine, DramConfig());
  };
  add(machine_of(Dataflow::kWeightStationary, Overlap::kFull));
  add(machine_of(Dataflow::kOutputStationary, Overlap::kNone));
  add(machine_of(Dataflow::kInputStationary, Overlap::kWeights, false));
  AcceleratorConfig dram_side = machine_of(Dataflow::kOutputStationary, Overlap::kFull);
  dram_side.dequantizer.placement = DequantizerPlacement::kDramSide;
  add(dram_side);
  for (test::MachinePair& pair : pairs) {
    CAPTURE(enum_name(pair.machine().array.dataflow));
    Case step{"fp16", "fp16"};
    check(pair, step, {});
    check(pair, step, tiles(1, 7));
    Case prompt{"fp16", "fp16"};
    prompt.queries = prompt.keys = 24;
    check(pair, prompt, tiles(5, 6));
    prompt.reach = 9;
    check(pair, prompt, tiles(8, 8));
    Case integers{"int8", "int8"};
    integers.queries = 3;
    check(pair, integers, tiles(3, 9));
    integers.granularity = Granularity::kPerToken;  // scores of integers, context of floats
    check(pair, integers, tiles(3, 9));
    check(pair, {"fp16", "q4_0"}, tiles(1, 9));
    Case pages{"fp16", "fp16"};
    pages.page = 16;  // the last one half full
    check(pair, pages, tiles(1, 7));
    check(pair, pages, tiles(1, 32));
  }
}

}  // namespace bitjoule::fused_attention_test
