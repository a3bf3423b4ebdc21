// Tensors and chunks of a vector operator in memory and time.
#include "core/mapping/vector_program.h"

#include "core/interrupt.h"
#include "core/mapping/division.h"
#include "core/mapping/running_formats.h"
#include "core/mapping/vector_builder.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kChunkSteps = 1024;  // of check_interrupt_after()

}  // namespace

std::int64_t VectorBuilder::place(std::int64_t bytes) {
  const std::int64_t start = end_;
  end_ = align(end_ + bytes, tensor_alignment(p_.memory.burst_bytes));
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
      keep(table_, bytes, parameter_reads_per_result(op_) * parameters_.codes.bits);
      const bool in_one_slot = bytes <= usable(p_.machine.buffers.weight).value;
      program_.weight_loads.back().slot_ahead = in_one_slot ? 0 : weight_slots() - 1;
    }
    place_operands(room - bytes);
  }
  const std::int64_t output_bytes = ceil_div(stored_bits(out_, op_.elements()), 8);
  std::int64_t input_bytes = 0;
  for (const VectorOperand& operand : operands_)
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
    VectorOperand operand;
    operand.elements = op_.kind == VectorKind::kSlice ? op_.elements() : elements;
    const std::int64_t bytes = ceil_div(stored_bits(in_, operand.elements), 8);
    operand.base = place(bytes);
    const bool is_broadcast = broadcasts(op_) && elements < op_.elements();
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
void VectorBuilder::load(const Region& region, std::int64_t elements, VectorChunk& chunk) {
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

/// What the next chunk waits for.
VectorJob VectorBuilder::next_job() const {
  VectorJob job;
  job.inputs_needed = static_cast<std::int64_t>(program_.input_loads.size());
  job.weights_needed = static_cast<std::int64_t>(program_.weight_loads.size());
  job.stores_needed = reused(chunks(), p_.machine.buffers.output) * program_.stores_per_output;
  return job;
}

/// What leaves after the chunk that was put into the program last.
void VectorBuilder::store(const VectorChunk& chunk) {
  StoreOp store;
  store.region = chunk.output;
  store.region.merge();
  store.outputs_needed = chunks();
  store.sram_bits = chunk.output.bits();
  if (outputs_on_chip(p_)) store.region = {}, store.sram_bits = 0;
  program_.stores.push_back(store);
}

/// What the unit does for a chunk and the operations that it and its store wait for.
void VectorBuilder::finish(const VectorChunk& chunk) {
  check_interrupt_after(kChunkSteps);
  VectorOp part = op_;
  const bool rows = takes_rows(op_) && chunk.elements >= op_.cols;
  part.rows = rows ? chunk.elements / op_.cols : 1;
  part.cols = rows ? op_.cols : chunk.elements;
  const bool table = op_.kind == VectorKind::kEmbedding;
  VectorJob job = next_job();
  job.weights_done = table ? job.weights_needed : 0;
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
  const std::int64_t row_scale_bits = scale_bits(chunk.elements);
  job.output_write_bits = chunk.output.bits() + row_scale_bits;
  const StorageLayout& source = table ? parameters_ : in_;
  const bool copies = passes.empty() && source.format == out_.format;
  if (!copies && source.format->name != "fp32") job.widened = chunk.streamed;
  // The conversion of `quantize` is one of its primitives.
  if (!copies && out_.format->name != "fp32" && op_.kind != VectorKind::kQuantize)
    job.narrowed = chunk.elements;
  const VectorUnitConfig& unit = p_.machine.vector_unit;
  const auto depth =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(vector_row(op_.kind).passes.size()));
  job.cycles = std::max(vector_cycles(part, unit), Cycles(port_cycles(job)) + depth * unit.latency);
  program_.vectors.push_back(job);
  store(chunk);
  if (program_.stores_per_output == 1) return;
  StoreOp scales;
  scales.tensor = Tensor::kScales;
  scales.outputs_needed = chunks();
  if (!outputs_on_chip(p_)) {
    scales.region =
        Region::contiguous(scales_ + scale_bits(results_begun_) / 8, row_scale_bits / 8);
    scales.sram_bits = row_scale_bits;
  }
  program_.stores.push_back(scales);
  results_begun_ += chunk.elements;
}

/// A piece of a row in one pass. What a pass between the first and the last computes is stored
/// over what it has read.
void VectorBuilder::finish_piece(const VectorChunk& piece, const std::vector<VectorWork>& work,
                                 bool is_last) {
  check_interrupt_after(kChunkSteps);
  const VectorUnitConfig& unit = p_.machine.vector_unit;
  VectorJob job = next_job();
  std::int64_t cycles = 0;
  for (const VectorWork& step : work) {
    job.work[static_cast<std::size_t>(step.primitive)] += step.count;
    cycles += ceil_div(step.count, unit.lanes);
  }
  job.input_read_bits = piece.streamed_bits;
  job.weight_read_bits = is_last ? piece.elements * resident_bits_ : 0;
  job.output_write_bits = piece.output.bits();
  if (in_.format->name != "fp32") job.widened = piece.streamed;
  const StorageLayout& written = is_last ? out_ : in_;
  if (!piece.output.empty() && written.format->name != "fp32") job.narrowed = piece.elements;
  job.cycles = Cycles(std::max(cycles, port_cycles(job))) + unit.latency;
  program_.vectors.push_back(job);
  store(piece);
}

/// What the slowest port takes to move a chunk.
std::int64_t VectorBuilder::port_cycles(const VectorJob& job) const {
  const BuffersConfig& b = p_.machine.buffers;
  const auto port = [](std::int64_t bits, const BufferConfig& buffer) {
    return ceil_div(bits, buffer.banks * buffer.port_width.value);
  };
  return std::max({port(job.input_read_bits, b.input), port(job.input_write_bits, b.input),
                   port(job.weight_read_bits, b.weight), port(job.output_write_bits, b.output)});
}

namespace {

OperandPath stored(const TensorFormat& format) {
  OperandPath path;
  path.format = format;
  path.layout = storage_layout(format);
  path.code_bits = path.operand_bits = path.layout.codes.bits;
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
  for (const OperandPath* operand : {&p.path.activations, &p.path.output})
    require_made_while_running(operand->layout);
  return p;
}

Program make_vector_program(const MappingProblem& problem, const VectorOp& op) {
  if (vector_row(op.kind).moves_nothing) return {};
  require_divided(problem.machine.buffers);
  check_vector_op(op);
  return VectorBuilder(problem, op).build();
}

}  // namespace bitjoule
