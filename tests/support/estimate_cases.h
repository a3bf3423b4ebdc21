// Random machines, layers, formats and tilings that estimates are held against.
#pragma once

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

#include "core/dram/config.h"
#include "core/mapping/folds.h"
#include "core/mapping/region.h"
#include "core/mapping/tiling.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"
#include "support/tile_units.h"

namespace bitjoule::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::int64_t to(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
  }
  bool one_in(int n) { return to(1, n) == 1; }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[to(0, static_cast<std::int64_t>(values.size()) - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

inline TensorFormat random_operand(Dice& d, bool weights, bool integers, bool blocks) {
  TensorFormat f;
  f.format = integers ? d.of<std::string>({"int8", "int8", "int4", "int2", "int16"})
                      : d.of<std::string>({"fp32", "fp16", "bf16", "int8", "int4", "nf4"});
  if (weights && !integers && blocks)
    f.format = d.of<std::string>({"q4_0", "q8_0", "q5_0", "mxfp4", "nf4", "int4"});
  if (f.format[0] == 'i') {
    f.granularity =
        d.of({Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup});
    if (!weights) f.granularity = Granularity::kPerTensor;
    f.group_size = 32;
    f.symmetric = d.one_in(2);
  }
  return f;
}

inline Precision random_precision(Dice& d, bool matrix) {
  Precision p;
  const bool integers = d.one_in(2);
  p.weights = random_operand(d, true, integers, matrix);
  p.activations = random_operand(d, false, integers, false);
  if (!integers && d.one_in(2)) p.activations.format = "fp16";
  if (d.one_in(3)) {
    p.output = TensorFormat{};
    p.output->format = d.of<std::string>({"fp32", "int8", "fp16"});
  }
  return p;
}

/// Extents up to `size` times small ones.
inline LayerOp random_layer_op(Dice& d, std::int64_t size) {
  switch (d.to(0, 3)) {
    case 0:
      return Gemm{d.to(1, 24 * size), d.to(1, 12 * size), 32 * d.to(1, 3 * size)};
    case 1:
      return some_of_k_rows({2 * d.to(1, 2), d.to(1, 9 * size), d.to(1, 9 * size),
                             32 * d.to(1, 2 * size), d.of<std::int64_t>({1, 2})});
    default: {
      Conv2d c;
      c.batch = d.to(1, 2);
      c.height = d.to(3, 6 * size);
      c.width = d.to(3, 6 * size);
      c.groups = d.of<std::int64_t>({1, 1, 1, 2, 6});
      c.channels = c.groups * d.to(1, 5 * size);
      c.filters = c.groups * d.to(1, 5 * size);
      c.kernel_h = d.to(1, 3);
      c.kernel_w = d.to(1, 3);
      c.stride_h = d.to(1, 3);
      c.stride_w = d.to(1, 3);
      c.dilation_h = d.to(1, 2);
      c.pad_top = d.to(0, 3);
      c.pad_left = d.to(0, 2);
      c.pad_bottom = d.to(1, 3);
      c.pad_right = d.to(1, 3);
      return c;
    }
  }
}

inline BufferConfig random_buffer(Dice& d, std::int64_t kib) {
  BufferConfig b;
  b.capacity = Bytes(kib * 1024);
  b.banks = d.of<std::int64_t>({1, 2, 8});
  b.port_width = Bits(d.of<std::int64_t>({16, 64, 256}));
  b.double_buffered = d.to(0, 3) != 0;
  return b;
}

/// Of few PEs, with any setting.
inline AcceleratorConfig random_small_machine(Dice& d) {
  AcceleratorConfig m;
  m.clock = Hertz(d.of<std::int64_t>({1'000'000'000, 700'000'000}));
  m.array.rows = d.to(1, 9);
  m.array.cols = d.to(1, 9);
  m.array.dataflow =
      d.of({Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary});
  m.array.overlap = d.of({Overlap::kNone, Overlap::kDrain, Overlap::kWeights, Overlap::kFull});
  m.array.edge_folds = d.of({EdgeFolds::kFull, EdgeFolds::kExact});
  m.array.weight_tiles = d.one_in(4) ? WeightTiles::kPadded : WeightTiles::kExact;
  m.array.pe.packing = d.of({Packing::kWidest, Packing::kProduct, Packing::kNone});
  m.buffers.input = random_buffer(d, 8);
  m.buffers.weight = random_buffer(d, 8);
  m.buffers.accumulator = random_buffer(d, 8);
  m.buffers.output = random_buffer(d, 4);
  m.buffers.scale = random_buffer(d, 8);
  m.dequantizer.lanes = d.of<std::int64_t>({1, 3, 8, 64});
  m.dequantizer.latency = Cycles(d.to(0, 9));
  m.dequantizer.placement =
      d.of({DequantizerPlacement::kArrayEdge, DequantizerPlacement::kDramSide});
  m.output_unit.lanes = d.of<std::int64_t>({1, 4, 16});
  m.dma.request = Bytes(d.of<std::int64_t>({32, 64, 192, 1024}));
  m.dma.outstanding = d.of<std::int64_t>({1, 4, 64});
  return m;
}

/// Any sizes that cut neither blocks, scale groups nor bytes.
inline Tiling random_tiling(Dice& d, const MappingProblem& p) {
  const Lowered& l = p.layer;
  const auto size = [&d](std::int64_t extent, std::int64_t unit) {
    const std::int64_t chosen = d.to(1, ceil_div(extent, unit)) * unit;
    return d.one_in(3) ? extent : std::min(chosen, extent);
  };
  Tiling t;
  t.groups = size(l.extents.groups, 1);
  t.batch = size(l.batch, 1);
  t.out_rows = size(l.out_height, 1);
  t.out_cols = size(l.out_width, 1);
  t.n = size(l.extents.n, n_unit(p));
  t.k = size(l.extents.k, k_unit(p));
  t.input_full_k = d.one_in(2);
  t.fold_order = d.of({FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost});
  std::shuffle(t.order.begin(), t.order.end(), std::mt19937(static_cast<unsigned>(d.to(0, 99))));
  const std::int64_t most = std::min(t.groups, most_groups_at_once(p));
  t.groups_at_once = d.one_in(3) ? d.to(1, most) : most;
  return t;
}

/// A machine as one would build it.
inline AcceleratorConfig random_machine(Dice& d) {
  AcceleratorConfig m;
  m.clock = Hertz(d.of<std::int64_t>({1'000'000'000, 1'000'000'000, 700'000'000, 500'000'000}));
  m.array.rows = d.of<std::int64_t>({8, 16, 32, 64});
  m.array.cols = d.of<std::int64_t>({8, 16, 32, 64});
  m.array.dataflow =
      d.of({Dataflow::kWeightStationary, Dataflow::kOutputStationary, Dataflow::kInputStationary});
  m.array.overlap = d.of({Overlap::kFull, Overlap::kFull, Overlap::kWeights, Overlap::kDrain});
  m.array.edge_folds = d.of({EdgeFolds::kFull, EdgeFolds::kExact});
  const auto buffer = [&d](BufferConfig& b, std::int64_t least) {
    b.capacity = Bytes(1024 * least * d.of<std::int64_t>({1, 2, 4, 8}));
    b.banks = d.of<std::int64_t>({8, 16});
    b.port_width = Bits(d.of<std::int64_t>({64, 128}));
    b.double_buffered = !d.one_in(6);
  };
  buffer(m.buffers.input, 32);
  buffer(m.buffers.weight, 32);
  buffer(m.buffers.accumulator, 32);
  buffer(m.buffers.output, 16);
  buffer(m.buffers.scale, 32);
  m.dequantizer.lanes = d.of<std::int64_t>({64, 128});
  if (d.one_in(3)) m.dequantizer.placement = DequantizerPlacement::kDramSide;
  m.output_unit.lanes = d.of<std::int64_t>({16, 32, 64});
  m.dma.request = Bytes(d.of<std::int64_t>({64, 64, 256}));
  m.dma.outstanding = d.of<std::int64_t>({32, 64, 128});
  m.dma.requests_per_cycle = d.of<std::int64_t>({1, 2, 4});
  return m;
}

/// A layer as networks have them, of some hundred thousand bursts at most.
inline LayerOp random_network_op(Dice& d) {
  switch (d.to(0, 5)) {
    case 0:
      return Gemm{d.to(1, 8), 64 * d.to(4, 32), 256 * d.to(1, 8)};
    case 1:
      return Gemm{32 * d.to(1, 16), 64 * d.to(1, 16), 256 * d.to(1, 4)};
    case 2:
      return Matmul{d.to(2, 8), d.to(16, 256), d.to(16, 256), 32 * d.to(1, 4), 1};
    default: {
      Conv2d c;
      c.height = c.width = d.of<std::int64_t>({7, 14, 28, 56});
      c.channels = d.of<std::int64_t>({3, 32, 64, 96, 128, 256});
      c.filters = d.of<std::int64_t>({32, 64, 96, 128, 256});
      c.kernel_h = c.kernel_w = d.of<std::int64_t>({1, 3, 3, 5});
      c.stride_h = c.stride_w = d.of<std::int64_t>({1, 1, 2});
      c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = c.kernel_h / 2;
      if (d.one_in(6)) c.filters = c.groups = c.channels;
      return c;
    }
  }
}

inline Precision random_network_precision(Dice& d, bool matrix) {
  Precision p;
  const std::string weights = d.of<std::string>({"int8", "int8", "int4", "fp16", "q4_0", "q8_0"});
  const bool blocks = weights[0] == 'q';
  p.weights.format = blocks && !matrix ? "int8" : weights;
  p.activations.format = weights == "fp16" || blocks || d.one_in(3) ? "fp16" : "int8";
  if (p.weights.format[0] == 'i') p.weights.granularity = Granularity::kPerChannel;
  return p;
}

}  // namespace bitjoule::test
