// What an estimate says of DRAM traffic is what the program of the same tiling moves: equal tiles
// are counted there, and visited here.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "support/tile_units.h"

namespace bitjoule::traffic_estimate_test {
namespace {

constexpr unsigned kSeed = 20261128;
constexpr int kProblems = 6000;

class Random {
 public:
  std::int64_t to(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
  }
  bool one_in(int n) { return to(1, n) == 1; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[to(0, static_cast<std::int64_t>(values.size()) - 1)];
  }

 private:
  std::mt19937 engine_{kSeed};
};

TensorFormat format(Random& random, bool weights, bool integers) {
  TensorFormat f;
  f.format = integers ? random.of({"int8", "int8", "int4", "uint8"})
                      : random.of({"fp32", "fp16", "int8", "int4", "int3", "uint4", "q4_0", "q8_0",
                                   "q4_k", "mxfp4", "mxfp8_e4m3", "nf4", "nf4_dq"});
  f.scale = random.of({"fp16", "fp32"});
  if (f.format[0] == 'u' || f.format[0] == 'i') {
    f.granularity = random.of({Granularity::kPerTensor, Granularity::kPerChannel,
                               Granularity::kPerGroup, Granularity::kPerToken});
    if (weights && f.granularity == Granularity::kPerToken) f.granularity = Granularity::kPerGroup;
    f.group_size = random.of({16, 32, 64});
    f.symmetric = f.format[0] == 'i' || f.granularity == Granularity::kPerToken;
    if (!f.symmetric) f.zero_point = f.format == "uint4" ? "packed" : "uint8";
  }
  return f;
}

Conv2d convolution(Random& random) {
  Conv2d c;
  c.batch = random.to(1, 3);
  c.height = random.to(1, 14);
  c.width = random.to(1, 14);
  c.groups = random.of({1, 1, 1, 2, 5, 32});
  c.channels = c.groups * (random.one_in(2) ? random.to(1, 40) : random.of({1, 32, 64, 256}));
  c.filters = c.groups * (random.one_in(2) ? random.to(1, 24) : random.of({1, 32, 64}));
  c.kernel_h = random.to(1, 4);
  c.kernel_w = random.to(1, 4);
  c.stride_h = random.to(1, 5);
  c.stride_w = random.to(1, 5);
  c.dilation_h = random.to(1, 3);
  c.dilation_w = random.to(1, 3);
  c.pad_top = random.to(0, 6);
  c.pad_left = random.to(0, 6);
  c.pad_bottom = random.to(0, 6);
  c.pad_right = random.to(0, 6);
  return c;
}

LayerOp layer(Random& random) {
  const std::int64_t block = random.of({1, 1, 32, 256});
  switch (random.to(0, 3)) {
    case 0:
      return Gemm{random.to(1, 40), random.to(1, 9) * block, random.to(1, 6) * block};
    case 1: {
      Matmul m;
      m.shared = random.to(1, 4);
      m.batch = m.shared * random.to(1, 7);
      m.m = random.to(1, 9);
      m.n = random.to(1, 6) * block;
      m.k = random.to(1, 6) * block;
      return test::some_of_k_rows(m);
    }
    default:
      return convolution(random);
  }
}

/// Any sizes that cut neither blocks, scale groups nor bytes.
Tiling tiling(Random& random, const MappingProblem& p) {
  const Lowered& l = p.layer;
  const auto size = [&random](std::int64_t extent, std::int64_t unit) {
    const std::int64_t chosen = random.to(1, ceil_div(extent, unit)) * unit;
    return random.one_in(3) ? extent : std::min(chosen, extent);
  };
  Tiling t;
  t.groups = size(l.extents.groups, 1);
  t.batch = size(l.batch, 1);
  t.out_rows = size(l.out_height, 1);
  t.out_cols = size(l.out_width, 1);
  t.n = size(l.extents.n, test::n_unit(p));
  t.k = size(l.extents.k, test::k_unit(p));
  t.input_full_k = random.one_in(2);
  std::shuffle(t.order.begin(), t.order.end(),
               std::mt19937(static_cast<unsigned>(random.to(0, 99))));
  return t;
}

/// Bursts of one run after the other, as the DMA asks for them.
void add(const Region& region, std::int64_t burst_bytes, std::int64_t& bytes,
         std::int64_t& bursts) {
  std::array<std::int64_t, 4> index{};
  for (std::int64_t run = 0; run < region.runs(); ++run) {
    std::int64_t from = region.base_bits, rest = run;
    for (std::size_t i = index.size(); i-- > 0; rest /= region.strides[i].count)
      from += rest % region.strides[i].count * region.strides[i].bits;
    const std::int64_t last = from + region.run_bits - 1;
    bytes += last / 8 - from / 8 + 1;
    bursts += last / (burst_bytes * 8) - from / (burst_bytes * 8) + 1;
  }
}

DramTraffic visited(const Program& program, std::int64_t burst_bytes) {
  DramTraffic t;
  for (const auto* loads : {&program.input_loads, &program.weight_loads})
    for (const LoadOp& op : *loads)
      if (!op.region.empty())
        add(op.region, burst_bytes, t[op.tensor].read_bytes, t[op.tensor].bursts);
  for (const StoreOp& op : program.stores)
    if (!op.region.empty())
      add(op.region, burst_bytes, t[op.tensor].write_bytes, t[op.tensor].bursts);
  return t;
}

/// First bit and end of every run of the results and, each tile once, of the second operand.
using Runs = std::set<std::pair<std::int64_t, std::int64_t>>;
void add(const Region& region, Runs& runs) {
  for (std::int64_t run = 0; run < region.runs(); ++run) {
    std::int64_t from = region.base_bits, rest = run;
    for (std::size_t i = 4; i-- > 0; rest /= region.strides[i].count)
      from += rest % region.strides[i].count * region.strides[i].bits;
    if (region.run_bits > 0) runs.emplace(from, from + region.run_bits);
  }
}

/// No bit twice; returns how many there are.
std::int64_t disjoint_bits(const Runs& runs) {
  std::int64_t bits = 0, end = 0, overlaps = 0;
  for (const auto& [from, to] : runs) {
    overlaps += from < end ? 1 : 0;
    end = to;
    bits += to - from;
  }
  CHECK(overlaps == 0);
  return bits;
}

void check_each_element_once(const MappingProblem& p, const Program& program) {
  const Lowered& l = p.layer;
  Runs results, weights;
  for (const StoreOp& op : program.stores) add(op.region, results);
  for (const LoadOp& op : program.weight_loads)
    if (op.tensor == Tensor::kWeights) add(op.region, weights);
  if (p.activations == ActivationMemory::kDram) {
    const std::int64_t exact = main_bits(p.path.output.layout, l.output_elements());
    const std::int64_t bits = disjoint_bits(results);
    CHECK(bits >= exact);  // tiles that are contiguous end with whole bytes
    CHECK(bits < exact + 8 * static_cast<std::int64_t>(program.stores.size()) + 8);
    if (p.activation_layout == DramLayout::kRowMajor) CHECK(bits == exact);
  }
  const StorageLayout& layout = p.path.weights.layout;
  const RegionBytes rows = region_bytes(layout, l.stored_rows().rows, l.stored_rows().length);
  CHECK(disjoint_bits(weights) == 8 * main_bytes(layout, rows));
}

MappingProblem random_problem(Random& random) {
  MappingProblem p;
  const bool integers = random.one_in(2);
  Precision precision;
  precision.weights = format(random, true, integers);
  precision.activations = format(random, false, integers);
  if (!integers) precision.mac = "fp32";
  if (random.one_in(3)) {
    precision.output = TensorFormat{};
    precision.output->format = random.of({"fp32", "int8", "int4", "q8_0"});
  }
  p.machine.array.rows = random.of({4, 16});
  p.machine.array.cols = random.of({4, 16});
  p.machine.array.dataflow = random.of(
      {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary});
  if (random.one_in(3)) p.machine.dequantizer.placement = DequantizerPlacement::kDramSide;
  const LayerOp op = layer(random);
  p.layer = lower(op);
  p.stage.bias = random.one_in(3);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  p.memory.burst_bytes = random.of({16, 32, 64, 64, 128, 24});
  p.weight_layout = random.of({DramLayout::kTiled, DramLayout::kRowMajor});
  p.activation_layout = random.of({DramLayout::kTiled, DramLayout::kRowMajor});
  if (random.one_in(9)) p.activations = ActivationMemory::kOnChip;
  p.machine.buffers.input.capacity = p.machine.buffers.output.capacity = Bytes(1 << 28);
  check_layer_formats(p);
  return p;
}

}  // namespace

TEST_CASE("estimate: bytes, bursts and padding of each tensor are the program's, exactly") {
  MESSAGE("seed ", kSeed);
  Random random;
  int done = 0, unlike = 0;
  for (int i = 0; i < kProblems; ++i) {
    CAPTURE(i);
    MappingProblem p;
    try {
      p = random_problem(random);
    } catch (const Error&) {
      continue;  // shapes or formats that do not go together
    }
    const Tiling t = tiling(random, p);
    const TripCounts trips = trip_counts(p.layer, t);
    if (trips.total() > 20000) continue;
    const Program program = make_program(p, t);
    check_addresses(p, t, program);
    check_each_element_once(p, program);
    const DramTraffic expected = visited(program, p.memory.burst_bytes);
    const MappingEstimate e = estimate(p, t);
    bool equal = true;
    for (std::size_t tensor = 0; tensor < kTensors; ++tensor) {
      CAPTURE(tensor_name(static_cast<Tensor>(tensor)));
      const TensorTraffic &said = e.traffic.tensors[tensor], &moved = expected.tensors[tensor];
      CHECK(said.read_bytes == moved.read_bytes);
      CHECK(said.write_bytes == moved.write_bytes);
      CHECK(said.bursts == moved.bursts);
      equal = equal && said.bursts == moved.bursts;
    }
    unlike += equal ? 0 : 1;
    ++done;
  }
  MESSAGE(done, " tilings");
  CHECK(done > kProblems / 2);
  CHECK(unlike == 0);
}

}  // namespace bitjoule::traffic_estimate_test
