#include "core/mapping/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

/// Start of each tensor, one after the other in the order of Tensor.
struct AddressMap {
  std::int64_t inputs = 0, input_scales = 0, weights = 0, scales = 0, biases = 0;
  std::int64_t outputs = 0, end = 0;
  // Bytes from tile to tile in the tiled layout.
  std::int64_t input_tile = 0, weight_tile = 0, scale_tile = 0, output_tile = 0;
};

class Builder {
 public:
  Builder(const MappingProblem& problem, const Tiling& tiling)
      : p_(problem), t_(tiling), trips_(trip_counts(problem.layer, tiling)) {
    place_tensors();
    // More partial sums than two tiles' live at once where k is not the innermost loop.
    const std::int64_t live = live_output_tiles(tiling, trips_);
    accumulator_slots_ = live > 1 ? live : slots(problem.machine.buffers.accumulator);
  }

  Program build() {
    const std::int64_t computes = trips_.total();
    program_.computes.reserve(static_cast<std::size_t>(computes));
    program_.dram_footprint = Bytes(map_.end);
    for (std::int64_t g = 0; g < trips_.groups; ++g) nest(g);
    free_weight_slots();
    return std::move(program_);
  }

 private:
  void place_tensors();
  void nest(std::int64_t g);
  void step(std::int64_t g, const std::array<std::int64_t, 3>& index);
  Tile tile_at(std::int64_t g, std::int64_t m, std::int64_t n, std::int64_t k) const;
  std::int64_t largest_input_tile() const;
  InputWindow window_of(const Tile& tile) const;
  Region input_region(const Tile& tile) const;
  Region weight_region(const Tile& tile, std::int64_t index) const;
  Region output_region(const Tile& tile) const;
  void load_inputs(const Tile& tile, std::int64_t index);
  void load_input_scales(const Tile& tile, std::int64_t index, std::int64_t releases_needed);
  void load_weights(const Tile& tile, std::int64_t index, std::int64_t scale_id);
  void load_biases(const Tile& tile, const LoadOp& weights);
  void free_weight_slots();
  std::int64_t operands(const Tile& tile) const;
  std::int64_t weight_rows(const Tile& tile) const { return operands(tile) * tile.n(); }
  void finish(const Tile& tile, std::int64_t tile_index);
  bool on_chip() const { return p_.activations == ActivationMemory::kOnChip; }
  std::int64_t input_k_tiles() const { return t_.input_full_k ? 1 : trips_.k; }
  std::int64_t slots(const BufferConfig& buffer) const { return buffer.double_buffered ? 2 : 1; }
  /// Tiles of weights at once: scales and biases come with them, into a buffer of their own.
  std::int64_t weight_slots() const {
    const BuffersConfig& b = p_.machine.buffers;
    const bool beside = p_.bias_bits() > 0 || map_.biases > map_.scales;
    return beside ? std::min(slots(b.weight), slots(b.scale)) : slots(b.weight);
  }

  const MappingProblem& p_;
  const Tiling& t_;
  TripCounts trips_;
  AddressMap map_;
  Program program_;
  // What the slots hold, and the compute operation that used each load last (for its release).
  std::int64_t input_tile_ = -1, input_scale_tile_ = -1;
  std::int64_t weight_tile_ = -1, scale_tile_ = -1, bias_row_ = -1;
  std::vector<std::int64_t> input_last_use_, weight_last_use_;
  std::int64_t accumulator_slots_ = 1;
  std::int64_t output_tiles_begun_ = 0;
};

void Builder::place_tensors() {
  const Lowered& l = p_.layer;
  const StorageLayout& weights = p_.path.weights.layout;
  const RegionBytes whole = region_bytes(weights, l.weight_rows(), l.extents.k);
  const std::int64_t burst = p_.memory.burst_bytes;
  std::int64_t at = 0;
  const auto place = [&at](std::int64_t& start, std::int64_t bytes) {
    start = at;
    at = align(at + bytes, kTensorAlignment);
  };
  const RegionBytes inputs =
      region_bytes(p_.path.activations.layout, l.input_elements() / l.channels, l.channels);
  check_activation_memory(
      p_, inputs.total(),
      region_bytes(p_.path.output.layout, l.output_elements() / l.extents.n, l.extents.n).total());
  const bool tiled_activations = p_.activation_layout == DramLayout::kTiled;
  map_.input_tile = align(largest_input_tile(), burst);
  place(map_.inputs, tiled_activations
                         ? trips_.groups * trips_.m() * input_k_tiles() * map_.input_tile
                         : main_bytes(p_.path.activations.layout, inputs));
  place(map_.input_scales, side_bytes(p_.path.activations.layout, inputs));
  const RegionBytes tile = region_bytes(weights, std::min(t_.groups * t_.n, l.weight_rows()),
                                        std::min(t_.k, l.extents.k));
  const std::int64_t tiles = trips_.groups * trips_.n * trips_.k;
  const WeightExtent stored =
      stored_weights(p_, std::min(t_.n, l.extents.n), std::min(t_.k, l.extents.k));
  const std::int64_t operands = std::min(t_.groups, l.extents.groups / l.shared_groups);
  map_.weight_tile =
      align(main_bytes(weights, region_bytes(weights, operands * stored.n, stored.k)), burst);
  map_.scale_tile = align(side_bytes(weights, tile), burst);
  const bool tiled = p_.weight_layout == DramLayout::kTiled;
  place(map_.weights, tiled ? tiles * map_.weight_tile : main_bytes(weights, whole));
  place(map_.scales, tiles * map_.scale_tile);
  place(map_.biases, ceil_div(l.extents.groups * l.extents.n * p_.bias_bits(), 8));
  const StorageLayout& output = p_.path.output.layout;
  map_.output_tile = align(ceil_div(main_bits(output, std::min(t_.groups, l.extents.groups) *
                                                          t_.m() * std::min(t_.n, l.extents.n)),
                                    8),
                           burst);
  place(map_.outputs,
        tiled_activations
            ? trips_.groups * trips_.m() * trips_.n * map_.output_tile
            : region_bytes(output, l.output_elements() / l.extents.n, l.extents.n).total());
  map_.end = at;
  if (map_.end > p_.memory.capacity.value)
    throw input_error(fmt::format("the layer's tensors take {} B, the DRAM holds {} B", map_.end,
                                  p_.memory.capacity.value));
}

Tile Builder::tile_at(std::int64_t g, std::int64_t m, std::int64_t n, std::int64_t k) const {
  const Lowered& l = p_.layer;
  const auto range = [](std::int64_t index, std::int64_t size, std::int64_t limit,
                        std::int64_t& begin, std::int64_t& end) {
    begin = index * size;
    end = std::min(begin + size, limit);
  };
  Tile tile{};
  range(g, t_.groups, l.extents.groups, tile.g0, tile.g1);
  range(m % trips_.out_cols, t_.out_cols, l.out_width, tile.c0, tile.c1);
  range(m / trips_.out_cols % trips_.out_rows, t_.out_rows, l.out_height, tile.r0, tile.r1);
  range(m / trips_.out_cols / trips_.out_rows, t_.batch, l.batch, tile.b0, tile.b1);
  range(n, t_.n, l.extents.n, tile.n0, tile.n1);
  range(k, t_.k, l.extents.k, tile.k0, tile.k1);
  return tile;
}

InputWindow Builder::window_of(const Tile& tile) const {
  return t_.input_full_k ? input_window(p_, tile, 0, p_.layer.extents.k)
                         : input_window(p_, tile, tile.k0, tile.k1);
}

/// Bytes of the largest tile of the inputs.
std::int64_t Builder::largest_input_tile() const {
  std::int64_t bits = 0;
  for (std::int64_t m = 0; m < trips_.m(); ++m)
    for (std::int64_t k = 0; k < input_k_tiles(); ++k) {
      const Tile tile = tile_at(0, m, 0, k);
      bits =
          std::max(bits, main_bits(p_.path.activations.layout, tile.groups() * (tile.b1 - tile.b0) *
                                                                   window_of(tile).elements()));
    }
  return ceil_div(bits, 8);
}

Region Builder::input_region(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.activations.layout;
  const InputWindow w = window_of(tile);
  const std::int64_t pixel = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  const std::int64_t map = l.batch * l.height * l.width * pixel;
  const std::int64_t first = ((tile.b0 * l.height + w.h0) * l.width + w.w0) * pixel + w.c0 +
                             tile.g0 * (l.interleaved_groups ? l.channels : map);
  Region r;
  r.base_bits = map_.inputs * 8 + main_bits(layout, first);
  r.run_bits = main_bits(layout, w.channels() * (l.interleaved_groups ? tile.groups() : 1));
  r.strides[0] =
      l.interleaved_groups
          ? Region::Stride{tile.b1 - tile.b0, main_bits(layout, l.height * l.width * pixel)}
          : Region::Stride{tile.groups(), main_bits(layout, map)};
  r.strides[1] = {w.rows, main_bits(layout, w.h_step * l.width * pixel)};
  r.strides[2] = {w.cols, main_bits(layout, w.w_step * pixel)};
  r.merge();
  return r;
}

Region Builder::weight_region(const Tile& tile, std::int64_t index) const {
  const StorageLayout& layout = p_.path.weights.layout;
  if (p_.weight_layout == DramLayout::kTiled) {
    const WeightExtent stored = stored_weights(p_, tile.n(), tile.k());
    return Region::contiguous(
        map_.weights + index * map_.weight_tile,
        main_bytes(layout, region_bytes(layout, operands(tile) * stored.n, stored.k)));
  }
  const std::int64_t row = main_bytes(layout, region_bytes(layout, 1, p_.layer.extents.k)) * 8;
  Region r;
  r.base_bits =
      map_.weights * 8 + p_.layer.weight_row(tile.g0, tile.n0) * row + main_bits(layout, tile.k0);
  r.run_bits = main_bytes(layout, region_bytes(layout, 1, tile.k())) * 8;
  r.strides[2] = {weight_rows(tile), row};
  r.merge();
  return r;
}

Region Builder::output_region(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.output.layout;
  const std::int64_t pixel = l.extents.n * (l.interleaved_groups ? l.extents.groups : 1);
  const std::int64_t map = l.extents.m * pixel;
  const std::int64_t first = ((tile.b0 * l.out_height + tile.r0) * l.out_width + tile.c0) * pixel +
                             tile.n0 + tile.g0 * (l.interleaved_groups ? l.extents.n : map);
  Region r;
  r.base_bits = map_.outputs * 8 + main_bits(layout, first);
  r.run_bits = main_bits(layout, tile.n() * (l.interleaved_groups ? tile.groups() : 1));
  r.strides[0] =
      l.interleaved_groups
          ? Region::Stride{tile.b1 - tile.b0, main_bits(layout, l.out_height * l.out_width * pixel)}
          : Region::Stride{tile.groups(), main_bits(layout, map)};
  r.strides[1] = {tile.r1 - tile.r0, main_bits(layout, l.out_width * pixel)};
  r.strides[2] = {tile.c1 - tile.c0, main_bits(layout, pixel)};
  r.merge();
  return r;
}

/// Groups that share an operand fetch it once.
std::int64_t Builder::operands(const Tile& tile) const {
  const std::int64_t first = tile.g0 / p_.layer.shared_groups;
  const std::int64_t last = (tile.g1 - 1) / p_.layer.shared_groups;
  return last - first + 1;
}

/// The elements of `rows`, one after the other from the start of tile `index`.
Region tiled(const Region& rows, std::int64_t base, std::int64_t tile_bytes, std::int64_t index) {
  return Region::contiguous(base + index * tile_bytes, ceil_div(rows.runs() * rows.run_bits, 8));
}

void Builder::load_inputs(const Tile& tile, std::int64_t index) {
  const auto fill = static_cast<std::int64_t>(input_last_use_.size());
  const std::int64_t reused = fill - slots(p_.machine.buffers.input);
  LoadOp op;
  op.tensor = Tensor::kInputs;
  op.region = input_region(tile);
  op.sram_bits = op.region.runs() * op.region.run_bits;
  if (p_.activation_layout == DramLayout::kTiled)
    op.region = tiled(op.region, map_.inputs, map_.input_tile, index);
  if (reused >= 0) op.releases_needed = input_last_use_[static_cast<std::size_t>(reused)] + 1;
  input_last_use_.push_back(0);
  if (on_chip()) op.region = {}, op.sram_bits = 0;
  program_.input_loads.push_back(op);
  if (!on_chip()) load_input_scales(tile, index, op.releases_needed);
}

/// Where a scale covers a whole token, it stays in its buffer while k advances.
void Builder::load_input_scales(const Tile& tile, std::int64_t index,
                                std::int64_t releases_needed) {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.activations.layout;
  const bool per_row = layout.scales.group == kWholeRow;
  const std::int64_t id = per_row ? index / input_k_tiles() : index;
  if (layout.interleaved() || id == input_scale_tile_) return;
  input_scale_tile_ = id;
  const InputWindow w = per_row ? input_window(p_, tile, 0, l.extents.k) : window_of(tile);
  const std::int64_t tokens =
      (tile.b1 - tile.b0) * w.pixels() * (l.interleaved_groups ? 1 : tile.groups());
  const std::int64_t scales = side_bytes(layout, region_bytes(layout, tokens, w.channels()));
  if (scales == 0) return;
  const std::int64_t first = (tile.b0 * l.height + w.h0) * l.width + w.w0 +
                             (l.interleaved_groups ? 0 : tile.g0 * l.batch * l.height * l.width);
  LoadOp op;
  op.tensor = Tensor::kScales;
  op.releases_needed = releases_needed;
  op.region = Region::contiguous(
      map_.input_scales + side_bytes(layout, region_bytes(layout, first, l.channels)), scales);
  op.sram_bits = scales * 8;
  program_.input_loads.push_back(op);
}

void Builder::load_weights(const Tile& tile, std::int64_t index, std::int64_t scale_id) {
  const StorageLayout& layout = p_.path.weights.layout;
  const auto fill = static_cast<std::int64_t>(weight_last_use_.size());
  const std::int64_t reused = fill - weight_slots();
  LoadOp op;
  if (reused >= 0)
    op.releases_needed = weight_last_use_[static_cast<std::size_t>(reused)] + 1;
  else if (!p_.layer.activations_only)
    op.slot_ahead = fill + slots(p_.machine.buffers.weight) - weight_slots();
  const std::int64_t rows = weight_rows(tile);
  const RegionBytes bytes = region_bytes(layout, rows, tile.k());
  if (side_bytes(layout, bytes) > 0 && scale_id != scale_tile_) {
    op.tensor = Tensor::kScales;
    op.region =
        Region::contiguous(map_.scales + index * map_.scale_tile, side_bytes(layout, bytes));
    op.sram_bits = op.region.run_bits;
    program_.weight_loads.push_back(op);
    scale_tile_ = scale_id;
  }
  load_biases(tile, op);
  op.tensor = Tensor::kWeights;
  op.region = weight_region(tile, index);
  const WeightExtent stored = stored_weights(p_, tile.n(), tile.k());
  const std::int64_t stored_rows = operands(tile) * stored.n;
  op.sram_bits = weight_buffer_bytes(p_, stored_rows, stored.k) * 8;
  if (p_.path.weights.dequantized &&
      p_.machine.dequantizer.placement == DequantizerPlacement::kDramSide)
    op.dequantize = stored_rows * stored.k;
  program_.weight_loads.push_back(op);
  weight_last_use_.push_back(0);
}

/// The biases of a tile's output channels stay while only m or k advances.
void Builder::load_biases(const Tile& tile, const LoadOp& weights) {
  const std::int64_t first = tile.g0 * p_.layer.extents.n + tile.n0;
  if (p_.bias_bits() == 0 || first == bias_row_) return;
  bias_row_ = first;
  LoadOp op;
  op.tensor = Tensor::kBiases;
  op.releases_needed = weights.releases_needed;
  op.slot_ahead = weights.slot_ahead;
  op.region.base_bits = map_.biases * 8 + first * p_.bias_bits();
  op.region.run_bits = tile.n() * p_.bias_bits();
  op.region.strides[2] = {tile.groups(), p_.layer.extents.n * p_.bias_bits()};
  op.region.merge();
  op.sram_bits = op.region.runs() * op.region.run_bits;
  program_.weight_loads.push_back(op);
}

/// The last tiles keep their slots; a slot that no tile took is free from the start.
void Builder::free_weight_slots() {
  const auto tiles = static_cast<std::int64_t>(weight_last_use_.size());
  const std::int64_t slots_of_buffer = slots(p_.machine.buffers.weight);
  for (std::int64_t tile = tiles - slots_of_buffer; tile < tiles; ++tile)
    program_.weight_slots_free.push_back(
        tile < 0 ? 0 : weight_last_use_[static_cast<std::size_t>(tile)] + 1);
}

void Builder::finish(const Tile& tile, std::int64_t tile_index) {
  const auto index = static_cast<std::int64_t>(program_.outputs.size());
  const std::int64_t output_slots = slots(p_.machine.buffers.output);
  OutputOp output;
  output.compute = static_cast<std::int64_t>(program_.computes.size()) - 1;
  output.computes_needed = output.compute + 1;
  output.stores_needed = std::max<std::int64_t>(0, index - output_slots + 1);
  output.elements = tile.groups() * tile.m() * tile.n();
  program_.outputs.push_back(output);
  StoreOp store;
  store.region = output_region(tile);
  store.outputs_needed = index + 1;
  store.sram_bits = store.region.runs() * store.region.run_bits;
  if (p_.activation_layout == DramLayout::kTiled)
    store.region = tiled(store.region, map_.outputs, map_.output_tile, tile_index);
  if (on_chip()) store.region = {}, store.sram_bits = 0;
  program_.stores.push_back(store);
}

void Builder::step(std::int64_t g, const std::array<std::int64_t, 3>& index) {
  const auto at = [&index](LoopDim d) { return index[static_cast<std::size_t>(d)]; };
  const std::int64_t m = at(LoopDim::kM), n = at(LoopDim::kN), k = at(LoopDim::kK);
  const Tile tile = tile_at(g, m, n, k);
  const std::int64_t input_id = (g * trips_.m() + m) * input_k_tiles() + (t_.input_full_k ? 0 : k);
  const std::int64_t operand = tile.g0 / p_.layer.shared_groups;
  const std::int64_t weight_id = (operand * trips_.n + n) * trips_.k + k;
  // Where a scale covers a whole channel, it stays in its buffer while k advances.
  const bool per_row = p_.path.weights.layout.scales.group == kWholeRow;
  const std::int64_t scale_id = per_row ? weight_id / trips_.k : weight_id;
  if (input_id != input_tile_) load_inputs(tile, input_id);
  if (weight_id != weight_tile_) load_weights(tile, weight_id, scale_id);
  input_tile_ = input_id;
  weight_tile_ = weight_id;
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
  if (op.last_k) finish(tile, (g * trips_.m() + m) * trips_.n + n);
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

const char* tensor_name(Tensor tensor) {
  static constexpr const char* kNames[kTensors] = {"inputs", "weights", "scales", "biases",
                                                   "outputs"};
  return kNames[static_cast<std::size_t>(tensor)];
}

std::int64_t compute_cycles(const MappingProblem& problem, const Program& program) {
  ArrayTimeline timeline(problem.machine.array.overlap, array_rates(problem));
  for (const ComputeOp& op : program.computes)
    for_each_fold(problem, op.tile, [&](const FoldJob& job) { timeline.issue(0, job.timing); });
  return timeline.end() - 1;
}

Program make_program(const MappingProblem& problem, const Tiling& tiling) {
  return Builder(problem, tiling).build();
}

}  // namespace bitjoule
