#include "core/mapping/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/machine/setting.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kTileSteps = 512;  // of check_interrupt_after()

class Builder {
 public:
  Builder(const MappingProblem& problem, const Tiling& tiling)
      : p_(problem), t_(tiling), layout_(problem, tiling), trips_(layout_.trips()) {
    // More partial sums than two tiles' live at once where k is not the innermost loop.
    const std::int64_t live = live_output_tiles(tiling, trips_);
    accumulator_slots_ = live > 1 ? live : slots(problem.machine.buffers.accumulator);
  }

  Program build() {
    check_capacity(p_, layout_);
    program_.computes.reserve(at(trips_.total()));
    program_.dram_footprint = layout_.footprint();
    program_.groups_at_once = t_.groups_at_once;
    for (std::int64_t g = 0; g < trips_.groups; ++g) nest(g);
    free_weight_slots();
    return std::move(program_);
  }

 private:
  void nest(std::int64_t g);
  void step(std::int64_t g, const std::array<std::int64_t, 3>& mnk);
  LoadOp load(Stream stream, const TileIndex& index) const;
  void load_inputs(const TileIndex& index, const std::array<std::int64_t, 3>& mnk);
  void load_weights(const TileIndex& index, const std::array<std::int64_t, 3>& mnk);
  void free_weight_slots();
  void finish(const TileIndex& index, const Tile& tile);
  std::int64_t slots(const BufferConfig& buffer) const { return buffer.double_buffered ? 2 : 1; }
  /// Tiles of weights at once: scales and biases come with them, into a buffer of their own.
  std::int64_t weight_slots() const {
    const BuffersConfig& b = p_.machine.buffers;
    const bool beside = layout_.moves(Stream::kBiases) || layout_.moves(Stream::kWeightScales);
    return beside ? std::min(slots(b.weight), slots(b.scale)) : slots(b.weight);
  }

  const MappingProblem& p_;
  const Tiling& t_;
  TileLayout layout_;
  TripCounts trips_;
  Program program_;
  // The compute operation that used each load last (for its release).
  std::vector<std::int64_t> input_last_use_, weight_last_use_;
  std::int64_t accumulator_slots_ = 1;
  std::int64_t output_tiles_begun_ = 0;
};

LoadOp Builder::load(Stream stream, const TileIndex& index) const {
  const Transfer t = layout_.transfer(stream, index);
  LoadOp op;
  op.tensor = tensor_of(stream);
  op.region = t.region;
  op.sram_bits = t.sram_bits;
  op.dequantize = t.dequantize;
  return op;
}

void Builder::load_inputs(const TileIndex& index, const std::array<std::int64_t, 3>& mnk) {
  if (!layout_.reuse().begins(Stream::kInputs, mnk)) return;
  const auto fill = static_cast<std::int64_t>(input_last_use_.size());
  const std::int64_t reused = fill - slots(p_.machine.buffers.input);
  for (Stream stream : {Stream::kInputs, Stream::kInputScales}) {
    if (stream == Stream::kInputScales &&
        !(layout_.moves(stream) && layout_.reuse().begins(stream, mnk)))
      continue;
    LoadOp op = load(stream, index);
    if (reused >= 0) op.releases_needed = input_last_use_[at(reused)] + 1;
    program_.input_loads.push_back(op);
  }
  input_last_use_.push_back(0);
}

void Builder::load_weights(const TileIndex& index, const std::array<std::int64_t, 3>& mnk) {
  if (!layout_.reuse().begins(Stream::kWeights, mnk)) return;
  const auto fill = static_cast<std::int64_t>(weight_last_use_.size());
  const std::int64_t reused = fill - weight_slots();
  for (Stream stream : {Stream::kWeightScales, Stream::kBiases, Stream::kWeights}) {
    if (!layout_.moves(stream) || !layout_.reuse().begins(stream, mnk)) continue;
    LoadOp op = load(stream, index);
    if (reused >= 0)
      op.releases_needed = weight_last_use_[at(reused)] + 1;
    else if (!p_.layer.activations_only)
      op.slot_ahead = fill + slots(p_.machine.buffers.weight) - weight_slots();
    program_.weight_loads.push_back(op);
  }
  weight_last_use_.push_back(0);
}

/// The last tiles keep their slots; a slot that no tile took is free from the start.
void Builder::free_weight_slots() {
  const auto tiles = static_cast<std::int64_t>(weight_last_use_.size());
  const std::int64_t slots_of_buffer = slots(p_.machine.buffers.weight);
  for (std::int64_t tile = tiles - slots_of_buffer; tile < tiles; ++tile)
    program_.weight_slots_free.push_back(tile < 0 ? 0 : weight_last_use_[at(tile)] + 1);
}

void Builder::finish(const TileIndex& index, const Tile& tile) {
  const auto done = static_cast<std::int64_t>(program_.outputs.size());
  const std::int64_t output_slots = slots(p_.machine.buffers.output);
  OutputOp output;
  output.compute = static_cast<std::int64_t>(program_.computes.size()) - 1;
  output.computes_needed = output.compute + 1;
  output.stores_needed = std::max<std::int64_t>(0, done - output_slots + 1);
  output.elements = tile.groups() * tile.m() * tile.n();
  program_.outputs.push_back(output);
  const Transfer t = layout_.transfer(Stream::kOutputs, index);
  StoreOp store;
  store.region = t.region;
  store.sram_bits = t.sram_bits;
  store.outputs_needed = done + 1;
  program_.stores.push_back(store);
}

void Builder::step(std::int64_t g, const std::array<std::int64_t, 3>& mnk) {
  check_interrupt_after(kTileSteps);
  const std::int64_t m = mnk[0], n = mnk[1], k = mnk[2];
  const TileIndex index{g,
                        m / trips_.out_cols / trips_.out_rows,
                        m / trips_.out_cols % trips_.out_rows,
                        m % trips_.out_cols,
                        n,
                        k};
  const Tile tile = layout_.tile(index);
  load_inputs(index, mnk);
  load_weights(index, mnk);
  const auto compute = static_cast<std::int64_t>(program_.computes.size());
  input_last_use_.back() = weight_last_use_.back() = compute;

  ComputeOp op;
  op.tile = tile;
  op.inputs_needed = static_cast<std::int64_t>(program_.input_loads.size());
  op.weights_needed = static_cast<std::int64_t>(program_.weight_loads.size());
  op.first_k = k == 0;
  op.last_k = k == trips_.k - 1;
  if (op.first_k)
    op.outputs_needed = std::max<std::int64_t>(0, output_tiles_begun_++ - accumulator_slots_ + 1);
  program_.computes.push_back(op);
  if (op.last_k) finish(index, tile);
}

void Builder::nest(std::int64_t g) {
  const std::array<std::int64_t, 3> trips = {trips_.m(), trips_.n, trips_.k};
  const auto dim = [this](std::size_t level) { return static_cast<std::size_t>(t_.order[level]); };
  std::array<std::int64_t, 3> index{};
  for (index[dim(0)] = 0; index[dim(0)] < trips[dim(0)]; ++index[dim(0)])
    for (index[dim(1)] = 0; index[dim(1)] < trips[dim(1)]; ++index[dim(1)])
      for (index[dim(2)] = 0; index[dim(2)] < trips[dim(2)]; ++index[dim(2)]) step(g, index);
}

}  // namespace

Program values_program(const MappingProblem& p, const Tiling& tiling) {
  constexpr std::int64_t kInputs = std::int64_t{1} << 18;  // of a tile, which fit the caches
  const Lowered& l = p.layer;
  // Channels that are groups of their own are not gathered.
  const std::int64_t of_pixel = l.extents.k * (l.extents.n > 1 ? l.extents.groups : 1);
  const std::int64_t pixels = std::max<std::int64_t>(1, kInputs / of_pixel);
  const std::int64_t cols = std::min(pixels, l.out_width);
  const std::int64_t rows = std::clamp<std::int64_t>(pixels / l.out_width, 1, l.out_height);
  Program program;
  Tile tile{};
  tile.g1 = l.extents.groups;
  tile.n1 = l.extents.n;
  tile.fold_order = tiling.fold_order;
  tile.groups_at_once = tiling.groups_at_once;
  const auto in_steps = [](std::int64_t all, std::int64_t step, std::int64_t& from,
                           std::int64_t& to, auto each) {
    for (from = 0; from < all; from = to) {
      to = std::min(from + step, all);
      each();
    }
  };
  in_steps(l.batch, 1, tile.b0, tile.b1, [&] {
    in_steps(l.out_height, rows, tile.r0, tile.r1, [&] {
      in_steps(l.out_width, cols, tile.c0, tile.c1, [&] {
        in_steps(l.extents.k, tiling.k, tile.k0, tile.k1, [&] {
          ComputeOp op;
          op.tile = tile;
          op.first_k = tile.k0 == 0;
          op.last_k = tile.k1 == l.extents.k;
          program.computes.push_back(op);
        });
      });
    });
  });
  return program;
}

Bits block_scale_bits(const LoadOp& op) {
  if (op.tensor != Tensor::kWeights || op.dequantize > 0) return Bits(0);
  return Bits(std::max<std::int64_t>(0, op.region.bytes() * 8 - op.sram_bits));
}

std::int64_t compute_cycles(const MappingProblem& problem, const Program& program) {
  if (program.fused()) return fused_compute_cycles(program);
  ArrayTimeline timeline(problem.machine.array.overlap,
                         array_rates(problem, program.groups_at_once));
  for (const ComputeOp& op : program.computes)
    for_each_fold(problem, op.tile, [&](const FoldJob& job) { timeline.issue(0, job.timing); });
  return timeline.end() - 1;
}

void check_capacity(const MappingProblem& p, const TileLayout& layout) {
  const Lowered& l = p.layer;
  const StorageLayout& output = p.path.output.layout;
  check_activation_memory(
      p,
      region_bytes(p.path.activations.layout, l.input_elements() / l.channels, l.channels).total(),
      region_bytes(output, l.output_elements() / l.extents.n, l.extents.n).total());
  if (layout.footprint() > p.memory.capacity)
    throw input_error(fmt::format("the layer's tensors take {} B, the DRAM holds {} B",
                                  layout.footprint().value, p.memory.capacity.value));
}

DramTraffic traffic_of(const Program& program, std::int64_t burst_bytes) {
  DramTraffic planned;
  planned.burst_bytes = burst_bytes;
  for (const auto* loads : {&program.input_loads, &program.weight_loads})
    for (const LoadOp& op : *loads) {
      planned[op.tensor].read_bytes += op.region.bytes();
      planned[op.tensor].bursts += bursts_of(op.region, burst_bytes);
    }
  for (const StoreOp& op : program.stores) {
    planned[op.tensor].write_bytes += op.region.bytes();
    planned[op.tensor].bursts += bursts_of(op.region, burst_bytes);
  }
  return planned;
}

Program make_program(const MappingProblem& problem, const Tiling& tiling) {
  require_divided(problem.machine.buffers);
  if (settings(problem.machine).size() != 1)
    throw internal_error("make_program: the machine is not set up for the layer");
  const std::int64_t most = std::min(tiling.groups, most_groups_at_once(problem));
  if (tiling.groups_at_once < 1 || tiling.groups_at_once > most)
    throw internal_error(fmt::format("make_program: {} groups at once, the array takes {}",
                                     tiling.groups_at_once, most));
  return Builder(problem, tiling).build();
}

void check_addresses(const MappingProblem& p, const Tiling& tiling, const Program& program) {
  const TileLayout layout(p, tiling);
  std::int64_t free_from = 0;
  for (Stream stream : kStreams) {
    const AddressRange& range = layout.range(stream);
    if (range.begin < free_from || range.begin % p.memory.burst_bytes != 0)
      throw internal_error(fmt::format("addresses: {} begin at {}, in what is taken up to {}",
                                       tensor_name(tensor_of(stream)), range.begin, free_from));
    free_from = align(range.end, p.memory.burst_bytes);
  }
  if (program.dram_footprint.value < free_from)
    throw internal_error(fmt::format("addresses: a footprint of {} B, tensors end at {}",
                                     program.dram_footprint.value, free_from));
  const auto check = [&](Stream stream, const Region& region) {
    const AddressRange& range = layout.range(stream);
    if (region.empty() ||
        (region.base_bits >= range.begin * 8 && region.end_bits() <= range.end * 8))
      return;
    throw internal_error(fmt::format("addresses: {} from bit {} to {} leave the bytes {} to {}",
                                     tensor_name(tensor_of(stream)), region.base_bits,
                                     region.end_bits(), range.begin, range.end));
  };
  const auto stream_of = [](Tensor tensor, Stream scales) {
    return tensor == Tensor::kInputs    ? Stream::kInputs
           : tensor == Tensor::kWeights ? Stream::kWeights
           : tensor == Tensor::kBiases  ? Stream::kBiases
                                        : scales;
  };
  for (const LoadOp& op : program.input_loads)
    check(stream_of(op.tensor, Stream::kInputScales), op.region);
  for (const LoadOp& op : program.weight_loads)
    check(stream_of(op.tensor, Stream::kWeightScales), op.region);
  for (const StoreOp& op : program.stores) check(Stream::kOutputs, op.region);
}

}  // namespace bitjoule
