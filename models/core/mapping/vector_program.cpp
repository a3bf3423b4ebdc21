#include "core/mapping/vector_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace bitjoule {
namespace {

/// Bits of consecutive elements; blocks are whole.
std::int64_t stored_bits(const StorageLayout& layout, std::int64_t elements) {
  return main_bits(layout,
                   layout.interleaved() ? align(elements, layout.block_elements) : elements);
}

/// Rows are normalised, reduced or rotated as one.
bool takes_rows(const VectorOp& op) {
  return op.kind <= VectorKind::kRope || op.kind == VectorKind::kLrn;
}

/// One activation that the operator reads.
struct Operand {
  std::int64_t elements = 0;
  std::int64_t base = 0;  ///< byte address
  bool resident = false;  ///< loaded once, into the weight buffer
};

/// What one chunk reads and yields.
struct Chunk {
  std::int64_t elements = 0;  ///< of the output
  std::int64_t streamed = 0;  ///< operand elements that were loaded for it
  std::int64_t streamed_bits = 0;
  Region output;
};

class VectorBuilder {
 public:
  VectorBuilder(const MappingProblem& problem, const VectorOp& op)
      : p_(problem),
        op_(op),
        in_(problem.path.activations.layout),
        parameters_(problem.path.weights.layout),
        out_(problem.path.output.layout),
        input_room_(usable(problem.machine.buffers.input).value * 8),
        output_room_(usable(problem.machine.buffers.output).value * 8) {}

  Program build() {
    place_tensors();
    if (op_.kind == VectorKind::kEmbedding)
      look_up();
    else if (op_.kind == VectorKind::kConcat)
      concatenate();
    else if (op_.window)
      pool();
    else
      stream();
    program_.vectors.back().weights_done = static_cast<std::int64_t>(program_.weight_loads.size());
    free_weight_slots();
    return std::move(program_);
  }

 private:
  void place_tensors();
  void place_operands(std::int64_t free_bytes);
  void free_weight_slots();
  std::int64_t place(std::int64_t bytes);
  void keep(std::int64_t base, std::int64_t bytes, std::int64_t bits_per_result);
  void stream();
  void pool();
  void concatenate();
  void concatenate(const Operand& operand, std::int64_t outer, std::int64_t inner,
                   std::int64_t offset, std::int64_t row);
  void look_up();
  std::int64_t streamed_range(const Operand& operand, std::int64_t begin, std::int64_t end,
                              std::int64_t& first) const;
  std::int64_t streamed_bits(std::int64_t elements) const;
  void load(const Region& region, std::int64_t elements, Chunk& chunk);
  void finish(const Chunk& chunk);
  void set_time(const VectorOp& part, VectorJob& job) const;

  /// The largest multiple of `step`, at most `limit`, that fits both buffers; 0 if none does.
  template <class Bits>
  std::int64_t largest(std::int64_t step, std::int64_t limit, Bits input_bits) const {
    const auto fits = [&](std::int64_t n) {
      return input_bits(n) <= input_room_ && stored_bits(out_, n) + scale_bits(n) <= output_room_;
    };
    std::int64_t low = 0, high = ceil_div(limit, step);
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      if (fits(std::min(middle * step, limit)))
        low = middle;
      else
        high = middle - 1;
    }
    return std::min(low * step, limit);
  }
  [[noreturn]] void refuse(const std::string& what, std::int64_t in_bits,
                           std::int64_t out_bits) const {
    throw input_error(
        fmt::format("{}: {} takes {} B of the input buffer and {} B of the output buffer; {} B and "
                    "{} B are usable",
                    vector_row(op_.kind).name, what, ceil_div(in_bits, 8), ceil_div(out_bits, 8),
                    input_room_ / 8, output_room_ / 8));
  }
  /// Of the scales that rows of results get; `elements` are whole rows.
  std::int64_t scale_bits(std::int64_t elements) const {
    return has_dynamic_scales(p_.path.output.format) ? elements / op_.cols * out_.scales.bits : 0;
  }
  std::int64_t alignment() const { return std::max(region_alignment(in_), region_alignment(out_)); }
  Region output_region(std::int64_t first, std::int64_t elements) const {
    Region r;
    r.base_bits = output_ * 8 + stored_bits(out_, first);
    r.run_bits = stored_bits(out_, elements);
    return r;
  }
  bool on_chip() const { return p_.activations == ActivationMemory::kOnChip; }
  std::int64_t weight_slots() const { return p_.machine.buffers.weight.double_buffered ? 2 : 1; }
  std::int64_t chunks() const { return static_cast<std::int64_t>(program_.vectors.size()); }
  static std::int64_t reused(std::int64_t index, const BufferConfig& buffer) {
    return std::max<std::int64_t>(0, index - (buffer.double_buffered ? 2 : 1) + 1);
  }

  const MappingProblem& p_;
  const VectorOp& op_;
  const StorageLayout &in_, &parameters_, &out_;
  std::int64_t input_room_, output_room_;  // bits
  std::vector<Operand> operands_;
  std::int64_t end_ = 0, table_ = 0, output_ = 0, scales_ = 0;  // byte addresses
  std::int64_t resident_bits_ = 0;  // read from the weight buffer for each result
  std::int64_t results_begun_ = 0;  // of chunks with scales, which are rows in order
  Program program_;
};

std::int64_t VectorBuilder::place(std::int64_t bytes) {
  const std::int64_t start = end_;
  end_ = align(end_ + bytes, kTensorAlignment);
  return start;
}

/// Loads a tensor that stays in the weight buffer.
void VectorBuilder::keep(std::int64_t base, std::int64_t bytes, std::int64_t bits_per_result) {
  LoadOp op;
  op.tensor = Tensor::kWeights;
  op.region = Region::contiguous(base, bytes);
  op.sram_bits = bytes * 8;
  program_.weight_loads.push_back(op);
  resident_bits_ += bits_per_result;
}

void VectorBuilder::place_tensors() {
  const VectorRow& row = vector_row(op_.kind);
  const std::int64_t room = p_.machine.buffers.weight.capacity.value;
  if (op_.kind == VectorKind::kEmbedding) {
    table_ = place(op_.table_rows * region_bytes(parameters_, 1, op_.cols).total());
  } else {
    const std::int64_t bytes = ceil_div(stored_bits(parameters_, parameter_elements(op_)), 8);
    if (bytes > room)
      throw input_error(fmt::format("{}: parameters of {} B exceed {} B of the weight buffer",
                                    row.name, bytes, room));
    table_ = place(bytes);
    if (bytes > 0) {
      keep(table_, bytes, row.parameters_per_col * parameters_.codes.bits);
      const bool in_one_slot = bytes <= usable(p_.machine.buffers.weight).value;
      program_.weight_loads.back().slot_ahead = in_one_slot ? 0 : weight_slots() - 1;
    }
    place_operands(room - bytes);
  }
  const std::int64_t output_bytes = ceil_div(stored_bits(out_, op_.elements()), 8);
  std::int64_t input_bytes = 0;
  for (const Operand& operand : operands_)
    input_bytes += ceil_div(stored_bits(in_, operand.elements), 8);
  check_activation_memory(p_, input_bytes, output_bytes);
  output_ = place(output_bytes);
  scales_ = place(ceil_div(scale_bits(op_.elements()), 8));
  program_.stores_per_output = scale_bits(op_.elements()) > 0 ? 2 : 1;
  program_.dram_footprint = Bytes(end_);
  if (end_ > p_.memory.capacity.value)
    throw input_error(fmt::format("the operator's tensors take {} B, the DRAM holds {} B", end_,
                                  p_.memory.capacity.value));
}

void VectorBuilder::place_operands(std::int64_t free_bytes) {
  for (std::int64_t elements : operand_elements(op_)) {
    Operand operand;
    operand.elements = op_.kind == VectorKind::kSlice ? op_.elements() : elements;
    const std::int64_t bytes = ceil_div(stored_bits(in_, operand.elements), 8);
    operand.base = place(bytes);
    const bool is_broadcast = vector_row(op_.kind).operands == 2 && elements < op_.elements();
    operand.resident = is_broadcast && bytes <= free_bytes && !on_chip();
    if (operand.resident) {
      keep(operand.base, bytes, in_.codes.bits);
      free_bytes -= bytes;
    }
    operands_.push_back(operand);
  }
}

/// Rows of a table come and go with their chunks; what stays does so until the last chunk.
void VectorBuilder::free_weight_slots() {
  std::int64_t resident_bits = 0;
  for (const LoadOp& op : program_.weight_loads) resident_bits += op.sram_bits;
  const bool table = op_.kind == VectorKind::kEmbedding;
  const std::int64_t slots = weight_slots(), last = chunks();
  const std::int64_t room = usable(p_.machine.buffers.weight).value * 8;
  for (std::int64_t slot = 1; slot <= slots; ++slot) {
    if (table)
      program_.weight_slots_free.push_back(std::max<std::int64_t>(0, last - slots + slot));
    else
      program_.weight_slots_free.push_back(resident_bits <= room * (slots - slot) ? 0 : last);
  }
}

/// One transfer into the input buffer for the next chunk.
void VectorBuilder::load(const Region& region, std::int64_t elements, Chunk& chunk) {
  LoadOp op;
  op.region = region;
  op.region.merge();
  op.releases_needed = reused(chunks(), p_.machine.buffers.input);
  op.sram_bits = region.runs() * region.run_bits;
  chunk.streamed += elements;
  chunk.streamed_bits += op.sram_bits;
  if (on_chip()) op.region = {}, op.sram_bits = 0;
  program_.input_loads.push_back(op);
}

/// What the unit does for a chunk and the operations that it and its store wait for.
void VectorBuilder::finish(const Chunk& chunk) {
  VectorOp part = op_;
  part.rows = takes_rows(op_) ? chunk.elements / op_.cols : 1;
  part.cols = takes_rows(op_) ? op_.cols : chunk.elements;
  const bool table = op_.kind == VectorKind::kEmbedding;
  VectorJob job;
  job.inputs_needed = static_cast<std::int64_t>(program_.input_loads.size());
  job.weights_needed = static_cast<std::int64_t>(program_.weight_loads.size());
  job.weights_done = table ? job.weights_needed : 0;
  job.stores_needed = reused(chunks(), p_.machine.buffers.output) * program_.stores_per_output;
  const auto passes = vector_work(part);
  for (const auto& pass : passes)
    for (const VectorWork& step : pass)
      job.work[static_cast<std::size_t>(step.primitive)] += step.count;
  const auto streams = static_cast<std::int64_t>(passes.size());
  // A window reads its elements for each result; rows are read in every pass, and what a pass
  // between the first and the last computes is written back.
  job.input_read_bits = chunk.streamed_bits * std::max<std::int64_t>(1, streams);
  if (op_.window)
    job.input_read_bits =
        chunk.elements * op_.window->kernel_h * op_.window->kernel_w * in_.codes.bits;
  job.input_write_bits = chunk.streamed_bits * std::max<std::int64_t>(0, streams - 2);
  job.weight_read_bits = chunk.elements * resident_bits_;
  if (table) std::swap(job.input_read_bits, job.weight_read_bits);
  const std::int64_t result_bits = chunk.output.runs() * chunk.output.run_bits;
  const std::int64_t row_scale_bits = scale_bits(chunk.elements);
  job.output_write_bits = result_bits + row_scale_bits;
  const StorageLayout& source = table ? parameters_ : in_;
  const bool copies = passes.empty() && source.format == out_.format;
  if (!copies && source.format->name != "fp32") job.widened = chunk.streamed;
  // The conversion of `quantize` is one of its primitives.
  if (!copies && out_.format->name != "fp32" && op_.kind != VectorKind::kQuantize)
    job.narrowed = chunk.elements;
  set_time(part, job);
  program_.vectors.push_back(job);
  StoreOp store;
  store.region = chunk.output;
  store.region.merge();
  store.outputs_needed = chunks();
  store.sram_bits = result_bits;
  if (on_chip()) store.region = {}, store.sram_bits = 0;
  program_.stores.push_back(store);
  if (program_.stores_per_output == 1) return;
  store.tensor = Tensor::kScales;
  store.region = Region::contiguous(scales_ + scale_bits(results_begun_) / 8, row_scale_bits / 8);
  store.sram_bits = row_scale_bits;
  if (on_chip()) store.region = {}, store.sram_bits = 0;
  program_.stores.push_back(store);
  results_begun_ += chunk.elements;
}

/// The lanes' time, or the ports' where they are slower.
void VectorBuilder::set_time(const VectorOp& part, VectorJob& job) const {
  const BuffersConfig& b = p_.machine.buffers;
  const auto port = [](std::int64_t bits, const BufferConfig& buffer) {
    return ceil_div(bits, buffer.banks * buffer.port_width.value);
  };
  const std::int64_t ports =
      std::max({port(job.input_read_bits, b.input), port(job.input_write_bits, b.input),
                port(job.weight_read_bits, b.weight), port(job.output_write_bits, b.output)});
  const auto passes =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(vector_row(op_.kind).passes.size()));
  const VectorUnitConfig& unit = p_.machine.vector_unit;
  job.cycles = std::max(vector_cycles(part, unit), Cycles(ports) + passes * unit.latency);
}

/// Elements of an operand that results begin..end need, from element `first` on.
std::int64_t VectorBuilder::streamed_range(const Operand& operand, std::int64_t begin,
                                           std::int64_t end, std::int64_t& first) const {
  if (vector_row(op_.kind).operands == 2 && operand.elements < op_.elements()) {
    const std::int64_t count = std::min(end - begin, operand.elements);
    first = std::min(begin % operand.elements, operand.elements - count);
    return count;
  }
  __extension__ using wide = __int128;
  const auto at = [&](std::int64_t result) {
    return static_cast<std::int64_t>(static_cast<wide>(result) * operand.elements / op_.elements());
  };
  first = at(begin);
  return at(end) - first;
}

std::int64_t VectorBuilder::streamed_bits(std::int64_t elements) const {
  std::int64_t bits = 0, first = 0;
  for (const Operand& operand : operands_)
    if (!operand.resident)
      bits += stored_bits(in_, streamed_range(operand, 0, elements, first) + 1);
  return bits;
}

/// Rows, or single elements: results in order, and the part of every operand that they need.
void VectorBuilder::stream() {
  const std::int64_t all = op_.elements();
  const std::int64_t step = takes_rows(op_) ? op_.cols : std::min(all, alignment());
  const std::int64_t size = largest(step, all, [this](std::int64_t n) { return streamed_bits(n); });
  if (size == 0)
    refuse(fmt::format("a row of {} results", step), streamed_bits(step), stored_bits(out_, step));
  for (std::int64_t begin = 0; begin < all; begin += size) {
    const std::int64_t end = std::min(begin + size, all);
    Chunk chunk;
    chunk.elements = end - begin;
    chunk.output = output_region(begin, chunk.elements);
    for (const Operand& operand : operands_) {
      if (operand.resident) continue;
      Region r;
      std::int64_t first = 0;
      const std::int64_t elements = streamed_range(operand, begin, end, first);
      r.base_bits = operand.base * 8 + stored_bits(in_, first);
      r.run_bits = stored_bits(in_, elements);
      load(r, elements, chunk);
    }
    finish(chunk);
  }
}

/// Rows of results of all channels where they fit, else one row of some channels.
void VectorBuilder::pool() {
  const Conv2d& w = *op_.window;
  const std::int64_t pixel = w.out_width();
  const auto first_row = [&](std::int64_t r) {
    return std::max<std::int64_t>(0, r * w.stride_h - w.pad_top);
  };
  const auto end_row = [&](std::int64_t r) {
    return std::min(w.height,
                    (r - 1) * w.stride_h - w.pad_top + w.dilation_h * (w.kernel_h - 1) + 1);
  };
  const auto input_bits = [&](std::int64_t rows, std::int64_t channels) {
    const std::int64_t high =
        std::min(w.height, (rows - 1) * w.stride_h + w.dilation_h * (w.kernel_h - 1) + 1);
    return high * w.width * stored_bits(in_, channels);
  };
  const std::int64_t row = pixel * w.channels;
  std::int64_t channels = w.channels;
  std::int64_t rows = largest(row, w.out_height() * row,
                              [&](std::int64_t n) { return input_bits(n / row, channels); }) /
                      row;
  if (rows == 0) {
    rows = 1;
    channels = largest(pixel * alignment(), row,
                       [&](std::int64_t n) { return input_bits(1, n / pixel); }) /
               pixel;
    if (channels == 0)
      refuse("a row of windows", input_bits(1, alignment()),
             stored_bits(out_, pixel * alignment()));
  }
  for (std::int64_t b = 0; b < w.batch; ++b)
    for (std::int64_t r0 = 0; r0 < w.out_height(); r0 += rows)
      for (std::int64_t c0 = 0; c0 < w.channels; c0 += channels) {
        const std::int64_t r1 = std::min(r0 + rows, w.out_height());
        const std::int64_t c = std::min(channels, w.channels - c0);
        const std::int64_t h0 = first_row(r0), high = std::max<std::int64_t>(0, end_row(r1) - h0);
        Chunk chunk;
        chunk.elements = (r1 - r0) * pixel * c;
        chunk.output = output_region(((b * w.out_height() + r0) * pixel) * w.channels + c0, c);
        chunk.output.strides[2] = {(r1 - r0) * pixel, stored_bits(out_, w.channels)};
        Region r;
        r.base_bits = operands_[0].base * 8 +
                      stored_bits(in_, (b * w.height + h0) * w.width * w.channels + c0);
        r.run_bits = stored_bits(in_, c);
        r.strides[2] = {high * w.width, stored_bits(in_, w.channels)};
        load(r, high * w.width * c, chunk);
        finish(chunk);
      }
}

/// Each operand in turn is copied to where it belongs.
void VectorBuilder::concatenate() {
  const std::size_t axis = op_.axes.empty() ? 0 : static_cast<std::size_t>(op_.axes[0]);
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
  };
  std::vector<std::int64_t> inner;
  for (const auto& shape : op_.operand_shapes)
    inner.push_back(product(
        shape.begin() + static_cast<std::ptrdiff_t>(std::min(axis, shape.size())), shape.end()));
  const std::int64_t row = std::accumulate(inner.begin(), inner.end(), std::int64_t{0});
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    concatenate(operands_[i], operands_[i].elements / inner[i], inner[i], offset, row);
    offset += inner[i];
  }
}

/// `outer` pieces of `inner` elements, to `offset` in rows of `row` elements.
void VectorBuilder::concatenate(const Operand& operand, std::int64_t outer, std::int64_t inner,
                                std::int64_t offset, std::int64_t row) {
  const auto input_bits = [this](std::int64_t n) { return stored_bits(in_, n); };
  const std::int64_t whole = largest(inner, outer * inner, input_bits);
  const std::int64_t part = whole > 0 ? inner : largest(alignment(), inner, input_bits);
  if (part == 0) refuse("a block", stored_bits(in_, alignment()), stored_bits(out_, alignment()));
  const std::int64_t rows = std::max<std::int64_t>(1, whole / inner);
  for (std::int64_t o = 0; o < outer; o += rows)
    for (std::int64_t i = 0; i < inner; i += part) {
      const std::int64_t taken = std::min(rows, outer - o), width = std::min(part, inner - i);
      Chunk chunk;
      chunk.elements = taken * width;
      chunk.output = output_region(o * row + offset + i, width);
      chunk.output.strides[2] = {taken, stored_bits(out_, row)};
      Region r;
      r.base_bits = operand.base * 8 + stored_bits(in_, o * inner + i);
      r.run_bits = stored_bits(in_, chunk.elements);
      load(r, chunk.elements, chunk);
      finish(chunk);
    }
}

/// Only the rows looked up are read, spread over the table by Fibonacci hashing.
void VectorBuilder::look_up() {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio (Knuth, vol. 3, 6.4)
  const std::int64_t row = region_bytes(parameters_, 1, op_.cols).total();
  const std::int64_t result = stored_bits(out_, op_.cols);
  const std::int64_t room = usable(p_.machine.buffers.weight).value;
  const std::int64_t rows = std::min(room / row, output_room_ / result);
  if (rows == 0)
    throw input_error(
        fmt::format("embedding: a row of {} B exceeds {} B of the weight buffer, or "
                    "{} B {} B of the output buffer",
                    row, room, ceil_div(result, 8), output_room_ / 8));
  for (std::int64_t begin = 0; begin < op_.rows; begin += rows) {
    const std::int64_t end = std::min(begin + rows, op_.rows);
    Chunk chunk;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint64_t spread = static_cast<std::uint64_t>(i) * kGolden >> 20;
      const auto index =
          static_cast<std::int64_t>(spread % static_cast<std::uint64_t>(op_.table_rows));
      LoadOp op;
      op.tensor = Tensor::kWeights;
      op.region = Region::contiguous(table_ + index * row, row);
      op.sram_bits = row * 8;
      op.releases_needed = reused(chunks(), p_.machine.buffers.weight);
      program_.weight_loads.push_back(op);
    }
    chunk.elements = chunk.streamed = (end - begin) * op_.cols;
    chunk.streamed_bits = (end - begin) * row * 8;
    chunk.output = output_region(begin * op_.cols, chunk.elements);
    finish(chunk);
  }
}

OperandPath stored(const TensorFormat& format) {
  OperandPath path;
  path.format = format;
  path.layout = storage_layout(format);
  path.code_bits = path.layout.codes.bits;
  return path;
}

}  // namespace

MappingProblem make_vector_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                                   const VectorFormats& formats) {
  MappingProblem p;
  p.machine = machine;
  p.memory = memory;
  p.path.activations = stored(formats.inputs);
  p.path.weights = stored(formats.parameters);
  p.path.output = stored(formats.output);
  return p;
}

Program make_vector_program(const MappingProblem& problem, const VectorOp& op) {
  if (vector_row(op.kind).moves_nothing) return {};
  check_vector_op(op);
  return VectorBuilder(problem, op).build();
}

}  // namespace bitjoule
