// Random layers on random machines for tests of the mapper, with fixed seeds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/region.h"
#include "support/tile_units.h"

namespace bitjoule::test {

class MappingRandom {
 public:
  explicit MappingRandom(unsigned seed) : engine_(seed) {}
  std::int64_t to(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
  }
  bool one_in(int n) { return to(1, n) == 1; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[to(0, static_cast<std::int64_t>(values.size()) - 1)];
  }
  /// From 1 to `most`, small ones as often as large ones.
  std::int64_t size(std::int64_t most) {
    std::int64_t limit = 1;
    while (limit < most && !one_in(4)) limit *= 2;
    return to(1, std::min(limit, most));
  }

 private:
  std::mt19937 engine_;
};

/// Prices of about 45 nm: of additions and multiplications, SRAM and DRAM, and of time: some part
/// draws 50 mW. `moves`: with prices of what moves inside the array, and of its clock.
inline std::shared_ptr<const Prices> mapping_prices(bool moves = false) {
  EnergyTable table;
  for (const Primitive move : {Primitive::kRegisterRead, Primitive::kRegisterWrite,
                               Primitive::kPeWire, Primitive::kEdgeWire, Primitive::kClock})
    if (moves) table.moves.push_back({move, Bits(1), Picojoules(0.02), {}, "", {}});
  for (const NumberFamily family : {NumberFamily::kInteger, NumberFamily::kFloat}) {
    table.rules.push_back({Primitive::kAdd, family, Picojoules(), Picojoules(0.003), {}});
    table.rules.push_back({Primitive::kMultiply, family, Picojoules(0.003), Picojoules(), {}});
  }
  for (const Primitive other : {Primitive::kConvert, Primitive::kLookup, Primitive::kCompare,
                                Primitive::kDivide, Primitive::kExp})
    table.unpriced.push_back({other, "", "of no matter to a mapping"});
  for (const auto& [capacity, energy] : {std::pair(1 << 13, 10.0), std::pair(1 << 20, 100.0)})
    table.sram.points.push_back({Bytes(capacity), Bits(64), Picojoules(energy), {}, {}});
  table.dram.scheme = DramPerAccess{Bits(64), Picojoules(1300), Picojoules(1300), {}};
  table.leakage = {{"lane", Milliwatts(50), {}}};
  Prices prices = make_prices(table, "test", std::nullopt, DramPricing::kTable);
  prices.parts.emplace_back().component = "vector_unit";
  return std::make_shared<const Prices>(std::move(prices));
}

inline TensorFormat random_format(MappingRandom& random, bool integers) {
  TensorFormat f;
  f.format = integers ? random.of({"int8", "int8", "int4", "int16"})
                      : random.of({"fp32", "fp16", "int8", "int4", "mxfp4", "q8_0"});
  if (f.format[0] == 'i' && random.one_in(3)) {
    f.granularity =
        random.of({Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup});
    f.group_size = 16;
    f.scale = "fp16";
  }
  return f;
}

/// `most`: of an extent of the layer.
inline LayerOp random_layer(MappingRandom& random, std::int64_t most, std::int64_t block) {
  const auto blocks = [&] { return random.size(std::max<std::int64_t>(1, most / block)) * block; };
  switch (random.to(0, 3)) {
    case 0:
      return Gemm{random.size(2 * most), blocks(), blocks()};
    case 1: {
      Matmul m;
      m.batch = random.size(most);
      m.m = random.size(most);
      m.n = blocks();
      m.k = blocks();
      return some_of_k_rows(m);
    }
    default: {
      Conv2d c;
      c.batch = random.one_in(4) ? 2 : 1;
      c.height = random.size(most);
      c.width = random.size(most);
      const bool depthwise = random.one_in(2);
      c.groups = depthwise ? blocks() : 1;
      c.channels = depthwise ? c.groups : blocks();
      c.filters = depthwise ? c.groups : blocks();
      c.kernel_h = random.to(1, 3);
      c.kernel_w = random.to(1, 3);
      c.stride_h = c.stride_w = random.to(1, 2);
      c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = random.to(0, 1);
      return c;
    }
  }
}

/// Throws an input Error where shapes and formats do not go together. Buffers hold `least` to
/// `most` bytes.
inline MappingProblem random_mapping_problem(MappingRandom& random, std::int64_t extent,
                                             std::int64_t array, std::int64_t least,
                                             std::int64_t most) {
  MappingProblem p;
  const bool integers = random.one_in(2);
  Precision precision;
  precision.weights = random_format(random, integers);
  precision.activations = random_format(random, integers);
  if (!integers) precision.mac = "fp32";
  ArrayConfig& a = p.machine.array;
  a.rows = random.to(1, array);
  a.cols = random.to(1, array);
  a.dataflow = random.of(
      {Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary});
  a.overlap = random.of({Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull});
  a.edge_folds = random.of({EdgeFolds::kFull, EdgeFolds::kExact});
  if (random.one_in(5)) a.weight_tiles = WeightTiles::kPadded;
  BuffersConfig& b = p.machine.buffers;
  for (BufferConfig* buffer : {&b.input, &b.weight, &b.accumulator, &b.output, &b.scale}) {
    buffer->capacity = Bytes(random.to(least / 8, random.one_in(2) ? least : most / 8) * 8);
    buffer->banks = random.of({1, 4});
    buffer->double_buffered = !random.one_in(4);
  }
  if (random.one_in(3)) p.machine.dequantizer.placement = DequantizerPlacement::kDramSide;
  const bool blocks = precision.weights.format[0] == 'm' || precision.weights.format[0] == 'q' ||
                      precision.activations.format[0] == 'm' ||
                      precision.activations.format[0] == 'q';
  const LayerOp op = random_layer(random, extent, blocks ? 32 : 1);
  p.layer = lower(op);
  p.stage.bias = random.one_in(3);
  p.path = resolve_data_path(precision, a.pe, op);
  p.memory.burst_bytes = random.of({16, 32, 64});
  p.memory.bytes_per_cycle = random.of({2.0, 12.8, 64.0});
  if (a.weight_tiles == WeightTiles::kExact && random.one_in(3))
    p.weight_layout = DramLayout::kRowMajor;
  if (random.one_in(3)) p.activation_layout = DramLayout::kTiled;
  p.prices = mapping_prices(p.layer.extents.k % 3 == 0);
  check_layer_formats(p);
  return p;
}

}  // namespace bitjoule::test
