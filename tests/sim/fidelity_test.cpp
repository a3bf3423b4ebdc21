// The array PE by PE against the array in closed form: equal cycles, causes, counts and bits, on
// random machines, layers and formats.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "hw/accelerator.h"
#include "run/layer_runner.h"
#include "run/output_check.h"
#include "support/dram_configs.h"
#include "support/machine_pair.h"
#include "support/tile_units.h"

namespace bitjoule::fidelity_test {
namespace {

// Another one: BITJOULE_TEST_SEED=1 build/dev/tests/sim_tests -tc="fidelity: pe and fast*"
constexpr unsigned kSeed = 20140209;

unsigned seed() {
  const char* text = std::getenv("BITJOULE_TEST_SEED");
  return text == nullptr ? kSeed : static_cast<unsigned>(std::stoul(text));
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t between(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(hi - lo + 1));
  }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
  }
  bool coin() { return between(0, 1) == 1; }

 private:
  std::mt19937_64 engine_;
};

BufferConfig random_buffer(Random& r, std::int64_t kib) {
  BufferConfig b;
  b.capacity = Bytes(kib * 1024);
  b.banks = r.one_of<std::int64_t>({1, 2, 8});
  b.port_width = Bits(r.one_of<std::int64_t>({16, 64, 256}));
  b.double_buffered = r.between(0, 3) != 0;
  return b;
}

/// One SRAM for some of the roles, in banks of 256 B or more; either way to buffer, some time.
void unify_buffers(Random& r, BuffersConfig& buffers) {
  UnifiedBufferConfig unified;
  do {
    unified.roles = {};
    for (const BufferRole role : kBufferRoles)
      if (r.between(0, 3) != 0) unified.roles.add(role);
  } while (unified.roles.size() < 2);
  unified.sram.banks = r.one_of<std::int64_t>({5, 8, 24, 64});
  unified.sram.capacity = Bytes(unified.sram.banks * r.one_of<std::int64_t>({256, 512, 1024}));
  unified.sram.port_width = Bits(r.one_of<std::int64_t>({16, 64}));
  unified.sram.double_buffered = r.between(0, 3) != 0;
  unified.sram.either_buffering = r.coin();
  unified.sram.double_buffered |= unified.sram.either_buffering;
  buffers.unified = unified;
  for (const BufferRole role : kBufferRoles)
    if (!unified.roles.has(role)) buffers.of(role).either_buffering = r.coin();
}

AcceleratorConfig random_machine(Random& r) {
  AcceleratorConfig m;
  m.clock = Hertz(r.one_of<std::int64_t>({1'000'000'000, 700'000'000}));
  m.array.rows = r.between(1, 6);
  m.array.cols = r.between(1, 6);
  m.array.dataflow = r.one_of(
      {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary});
  for (const Dataflow other :
       {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary})
    if (other != m.array.dataflow && r.coin()) m.array.other_dataflows.push_back(other);
  m.array.overlap = r.one_of({Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull});
  m.array.edge_folds = r.one_of({EdgeFolds::kFull, EdgeFolds::kExact});
  m.array.weight_tiles = r.between(0, 3) == 0 ? WeightTiles::kPadded : WeightTiles::kExact;
  m.array.pe.packing =
      r.one_of({Packing::kWidest, Packing::kProduct, Packing::kNone, Packing::kPasses});
  if (m.array.pe.packing == Packing::kPasses) m.array.pe.width = r.one_of<std::int64_t>({4, 8, 32});
  m.array.pe.adders = m.array.rows % 3 == 0 ? PeAdders::kChain : PeAdders::kTree;
  m.buffers.input = random_buffer(r, 4);
  m.buffers.weight = random_buffer(r, 4);
  m.buffers.accumulator = random_buffer(r, 4);
  m.buffers.output = random_buffer(r, 2);
  m.buffers.scale = random_buffer(r, 4);
  m.dequantizer.lanes = r.one_of<std::int64_t>({1, 3, 8, 64});
  m.dequantizer.latency = Cycles(r.between(0, 9));
  m.dequantizer.placement =
      r.one_of({DequantizerPlacement::kArrayEdge, DequantizerPlacement::kDramSide});
  m.output_unit.lanes = r.one_of<std::int64_t>({1, 4, 16});
  m.dma.request = Bytes(r.one_of<std::int64_t>({32, 64, 192, 1024}));
  m.dma.outstanding = r.one_of<std::int64_t>({1, 4, 64});
  return m;
}

LayerOp random_layer(Random& r) {
  switch (r.between(0, 2)) {
    case 0:
      return Gemm{r.between(1, 20), r.between(1, 20), 32 * r.between(1, 3)};
    case 1:
      return test::some_of_k_rows({2 * r.between(1, 2), r.between(1, 9), r.between(1, 9),
                                   32 * r.between(1, 2), r.one_of<std::int64_t>({1, 2})});
    default: {
      Conv2d c;
      c.batch = r.between(1, 2);
      c.height = r.between(3, 8);
      c.width = r.between(3, 8);
      c.groups = r.one_of<std::int64_t>({1, 1, 2, 4});
      c.channels = c.groups * r.between(1, 5);
      c.filters = c.groups * r.between(1, 5);
      c.kernel_h = r.between(1, 3);
      c.kernel_w = r.between(1, 3);
      c.stride_h = r.between(1, 3);
      c.stride_w = r.between(1, 3);
      c.pad_top = r.between(0, 1);
      c.pad_left = r.between(0, 1);
      c.pad_bottom = r.between(0, 1);
      c.pad_right = r.between(0, 1);
      return c;
    }
  }
}

/// Of small groups, several of which fit an array of some PEs at once.
LayerOp random_grouped_layer(Random& r) {
  if (r.between(0, 2) == 0)
    return test::some_of_k_rows({2 * r.between(1, 5), r.between(1, 3), r.between(1, 3), 32,
                                 r.one_of<std::int64_t>({1, 2})});
  Conv2d c;
  c.height = r.between(1, 4);
  c.width = r.between(1, 4);
  c.groups = r.between(2, 11);
  c.channels = c.groups * r.between(1, 2);
  c.filters = c.groups * r.between(1, 3);
  c.kernel_h = r.between(1, 2);
  c.kernel_w = r.between(1, 3);
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = 1;
  return c;
}

TensorFormat format_of(const std::string& name, Granularity granularity, bool symmetric) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  f.group_size = 32;
  f.symmetric = symmetric;
  return f;
}

/// `narrow`: the PEs hold no float.
Precision random_precision(Random& r, bool matrix, bool narrow) {
  Precision p;
  const bool float_activations = r.coin() && !narrow;
  const auto granularity =
      r.one_of({Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup});
  p.weights = format_of(r.one_of<std::string>({"int8", "int4", "int2", "int16", "fp32", "fp16",
                                               "bf16", "nf4", "fp8_e4m3"}),
                        granularity, r.coin());
  if (narrow) p.weights.format = r.one_of<std::string>({"int8", "int4", "int2", "int16"});
  if (matrix && r.coin() && !narrow)
    p.weights = format_of(r.one_of<std::string>({"q4_0", "q8_0", "q4_1", "q5_0", "mxfp4"}),
                          Granularity::kPerTensor, true);
  p.activations = float_activations ? format_of(r.one_of<std::string>({"fp32", "fp16", "bf16"}),
                                                Granularity::kPerTensor, true)
                                    : format_of(r.one_of<std::string>({"int8", "int4", "int16"}),
                                                Granularity::kPerTensor, r.coin());
  if (r.coin()) p.output = format_of("int8", Granularity::kPerTensor, true);
  if (r.coin()) p.output = format_of("fp32", Granularity::kPerTensor, true);
  p.requantize = r.one_of({Requantize::kOnnxHalfEven, Requantize::kTfliteDoubleRounding,
                           Requantize::kTfliteSingleRounding, Requantize::kTfliteBuiltin,
                           Requantize::kTfliteXnnpack});
  return p;
}

bool is_narrow(const AcceleratorConfig& machine) { return machine.array.pe.width < 32; }

/// Padded tiles stand one after the other.
DramLayout weight_layout(Random& r, const AcceleratorConfig& machine) {
  const DramLayout any = r.one_of({DramLayout::kRowMajor, DramLayout::kTiled});
  return machine.array.weight_tiles == WeightTiles::kPadded ? DramLayout::kTiled : any;
}

/// Layouts, one of the machine's dataflows, and an order of folds.
MappingPins random_pins(Random& r, const AcceleratorConfig& machine) {
  MappingPins pins;
  pins.weight_layout = weight_layout(r, machine);
  pins.activation_layout = r.one_of({DramLayout::kRowMajor, DramLayout::kTiled});
  const std::vector<MachineSetting> all = settings(machine);
  const auto last = static_cast<std::int64_t>(all.size()) - 1;
  pins.dataflow = all[static_cast<std::size_t>(r.between(0, last))].dataflow;
  pins.fold_order = r.one_of({FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost});
  return pins;
}

/// Rows of 256 bytes, so that tiles cross many; 16 MiB.
CycleDramConfig large_dram() {
  CycleDramConfig dram = test::small_dram();
  dram.organization.rows = 1 << 14;
  return dram;
}

/// To PEs for several small groups, which most take at once.
void enlarge_array(Random& r, ArrayConfig& array) {
  array.rows = r.between(1, 20);
  array.cols = r.between(1, 20);
  if (r.between(0, 4) == 0) array.group_folds = GroupFolds::kAlone;
}

std::vector<test::MachinePair> random_pairs(Random& r, int count, bool unified = false,
                                            bool for_groups = false) {
  DramConfig dram;
  std::vector<test::MachinePair> pairs;
  for (int i = 0; i < count; ++i) {
    AcceleratorConfig machine = random_machine(r);
    if (for_groups) enlarge_array(r, machine.array);
    if (unified) unify_buffers(r, machine.buffers);
    dram.model = IdealDramConfig{
        BytesPerSecond(r.one_of<std::int64_t>({400'000'000, 6'400'000'000, 1'000'000'000'000})),
        Femtoseconds(r.one_of<std::int64_t>({0, 37'000'000})), Bytes(32),
        Bytes(std::int64_t{1} << 30)};
    if (r.between(0, 2) == 0) dram.model = large_dram();
    const std::string name = "m" + std::to_string(i);
    pairs.emplace_back(name, machine, dram);
  }
  return pairs;
}

/// Runs layers on each pair; returns how many ran.
int run_layers(Random& r, std::vector<test::MachinePair>& pairs) {
  int ran = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    for (int j = 0; j < 8; ++j) {
      Layer layer{"", random_layer(r)};
      const bool matrix = !std::holds_alternative<Conv2d>(layer.op);
      layer.stage.bias = !std::holds_alternative<Matmul>(layer.op) && r.coin();
      layer.stage.activation = r.one_of<std::string>({"", "relu", "relu6"});
      const Precision precision = random_precision(r, matrix, is_narrow(pairs[i].machine()));
      const MappingPins pins = random_pins(r, pairs[i].machine());
      CAPTURE(i);
      CAPTURE(j);
      CAPTURE(precision.weights.format);
      CAPTURE(precision.activations.format);
      ran += pairs[i].run(layer, precision, pins).empty() ? 1 : 0;
    }
  MESSAGE(ran, " of ", pairs.size() * 8, " ran");
  return ran;
}

/// Runs layers of groups on each pair; returns how many had several on the array at once.
int run_groups(Random& r, std::vector<test::MachinePair>& pairs) {
  int together = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    for (int j = 0; j < 6; ++j) {
      Layer layer{"", random_grouped_layer(r)};
      layer.stage.bias = !std::holds_alternative<Matmul>(layer.op) && r.coin();
      const Precision precision = random_precision(r, false, is_narrow(pairs[i].machine()));
      const MappingPins pins = random_pins(r, pairs[i].machine());
      CAPTURE(i);
      CAPTURE(j);
      CAPTURE(precision.weights.format);
      CAPTURE(precision.activations.format);
      Mapping mapping;
      pairs[i].run(layer, precision, pins, &mapping);
      together += mapping.tiling.groups_at_once > 1 ? 1 : 0;
    }
  MESSAGE(together, " of ", pairs.size() * 6, " ran with several groups at once");
  return together;
}

/// Runs layers after one another on each pair; returns how many pairs fetched weights ahead.
int run_overlapped(Random& r, std::vector<test::MachinePair>& pairs) {
  int with_weights_ahead = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    CAPTURE(i);
    const Precision precision = random_precision(r, true, is_narrow(pairs[i].machine()));
    std::vector<Layer> layers;
    std::vector<MappingPins> pins;
    for (int j = 0; j < 6; ++j) {
      layers.push_back({"", random_layer(r)});
      layers.back().stage.bias = !std::holds_alternative<Matmul>(layers.back().op) && r.coin();
      pins.push_back(random_pins(r, pairs[i].machine()));
    }
    with_weights_ahead += pairs[i].run_overlapped(layers, precision, pins) > 0 ? 1 : 0;
  }
  MESSAGE(with_weights_ahead, " of ", pairs.size(), " machines fetched weights ahead");
  return with_weights_ahead;
}

}  // namespace

TEST_CASE("fidelity: pe and fast agree on random machines, layers and formats") {
  use_femtosecond_resolution();
  MESSAGE("seed ", seed());
  Random r(seed());
  std::vector<test::MachinePair> pairs = random_pairs(r, 120);
  CHECK(run_layers(r, pairs) > 900);
}

TEST_CASE("fidelity: pe and fast agree where the weights of the next layer come meanwhile") {
  use_femtosecond_resolution();
  MESSAGE("seed ", seed());
  Random r(seed() + 1);
  std::vector<test::MachinePair> pairs = random_pairs(r, 80);
  CHECK(run_overlapped(r, pairs) > 60);
}

TEST_CASE("fidelity: pe and fast agree where groups share the array") {
  use_femtosecond_resolution();
  MESSAGE("seed ", seed());
  Random r(seed() + 4);
  std::vector<test::MachinePair> pairs = random_pairs(r, 240, false, true);
  CHECK(run_groups(r, pairs) > 150);
}

TEST_CASE("fidelity: pe and fast agree where roles share the banks of one buffer") {
  use_femtosecond_resolution();
  MESSAGE("seed ", seed());
  Random r(seed() + 2);
  std::vector<test::MachinePair> pairs = random_pairs(r, 90, true);
  CHECK(run_layers(r, pairs) > 600);
}

TEST_CASE("fidelity: ... and the weights of the next layer come meanwhile") {
  use_femtosecond_resolution();
  MESSAGE("seed ", seed());
  Random r(seed() + 3);
  std::vector<test::MachinePair> pairs = random_pairs(r, 60, true);
  CHECK(run_overlapped(r, pairs) > 25);
}

}  // namespace bitjoule::fidelity_test
