// What array and vector unit do for the tiles of an attention.
#include <algorithm>

#include "core/mapping/attention.h"

namespace bitjoule {
namespace {

/// Streams of elements through the lanes, each of which takes the result of the one before.
class JobPasses {
 public:
  explicit JobPasses(const AcceleratorConfig& machine) : machine_(machine) {}

  void begin() {
    ++passes_;
    cycles_ += machine_.vector_unit.latency.value;
  }
  void step(Primitive primitive, std::int64_t count) {
    job.work[static_cast<std::size_t>(primitive)] += count;
    cycles_ += ceil_div(count, machine_.vector_unit.lanes);
  }
  void pass(const std::vector<VectorWork>& work) {
    begin();
    for (const VectorWork& step : work) this->step(step.primitive, step.count);
  }

  /// The job takes what its work takes, or the slowest port.
  VectorJob take() {
    const BuffersConfig& b = machine_.buffers;
    const auto port = [](std::int64_t bits, const BufferConfig& buffer) {
      return ceil_div(bits, buffer.banks * buffer.port_width.value);
    };
    const std::int64_t moved = std::max(
        {port(job.input_write_bits, b.input), port(job.output_write_bits, b.output),
         port(job.accumulator_read_bits, b.accumulator),
         port(job.accumulator_write_bits, b.accumulator), port(job.scale_read_bits, b.scale)});
    job.cycles = Cycles(std::max(cycles_, moved + passes_ * machine_.vector_unit.latency.value));
    return job;
  }

  VectorJob job;

 private:
  const AcceleratorConfig& machine_;
  std::int64_t cycles_ = 0, passes_ = 0;
};

VectorOp tile_of(VectorOp op, std::int64_t rows, std::int64_t cols) {
  op.rows = rows;
  op.cols = cols;
  op.sinks = false;  // the first maximum and sum of a row
  op.causal = op.reach = 0;
  return op;
}

/// Results that leave fp32: conversions of their own where they are not of the output's format.
void narrow(const OperandPath& path, const OperandPath& output, std::int64_t elements,
            JobPasses& job) {
  const std::string& name = path.layout.format->name;
  if (name == "fp32") return;
  if (path.layout.format->cls == FormatClass::kInteger) {
    job.step(Primitive::kMultiply, elements);  // by 1 / scale
    job.step(Primitive::kConvert, elements);
  } else if (name == output.layout.format->name) {
    job.job.narrowed += elements;
  } else {
    job.step(Primitive::kConvert, elements);
  }
}

bool has_row_scales(const OperandPath& path) {
  return path.layout.scales.present() && path.layout.scales.group != kWholeTensor;
}

ComputeOp operation(std::int64_t rows, std::size_t product) {
  ComputeOp op;
  op.product = product;
  op.tile = Tile{0, 1, 0, 1, 0, 1, 0, rows, 0, 1, 0, 1};
  return op;
}

constexpr std::int64_t kSumBits = 32;

}  // namespace

std::int64_t sink_bytes(const Attention& op) {
  return op.softmax.sinks ? op.softmax.heads * (kSumBits / 8) : 0;
}

bool has_integer_scores(const AttentionProblem& p) {
  return p.scores.path.mac.is_integer && p.scores.path.scale_group == 0;
}

VectorJob scores_job(const AttentionProblem& p, std::int64_t rows, std::int64_t keys) {
  const std::int64_t elements = rows * keys, bits = elements * kSumBits;
  const MappingProblem& context = p.context;
  JobPasses passes(context.machine);
  VectorJob& job = passes.job;
  // Sums of integers, and scores under a cap, become others once, in their place.
  if (has_integer_scores(p)) {
    const bool both = has_row_scales(p.scores.path.activations);
    passes.pass(
        {{Primitive::kConvert, elements}, {Primitive::kMultiply, (both ? 2 : 1) * elements}});
    if (has_row_scales(p.scores.path.weights))
      job.scale_read_bits += elements * p.scores.path.weights.layout.scales.bits;
    if (both) job.scale_read_bits += rows * p.scores.path.activations.layout.scales.bits;
    job.accumulator_read_bits += bits;
    job.accumulator_write_bits += bits;
  }
  if (p.op.softcap)
    for (const auto& work : vector_work(tile_of(*p.op.softcap, rows, keys))) {
      passes.pass(work);
      job.accumulator_read_bits += bits;
      job.accumulator_write_bits += bits;
    }
  const auto work = vector_work(tile_of(p.op.softmax, rows, keys));
  passes.pass(work[0]);
  passes.step(Primitive::kCompare, rows);  // with the maximum of the tiles ahead
  passes.pass(work[1]);
  // The factor of what was summed with the old maximum, and the sum.
  passes.step(Primitive::kAdd, 2 * rows);
  passes.step(Primitive::kMultiply, 2 * rows);
  passes.step(Primitive::kExp, rows);
  narrow(context.path.activations, context.path.output, elements, passes);
  job.accumulator_read_bits += 2 * bits;
  job.input_write_bits = elements * context.path.activations.code_bits;
  job.freed_sums = Bits(bits);
  job.held_inputs = Bits(job.input_write_bits);
  job.yields = false;
  return passes.take();
}

VectorJob rescale_job(const AttentionProblem& p, std::int64_t rows) {
  const std::int64_t elements = rows * p.op.value_dim();
  JobPasses passes(p.context.machine);
  passes.pass({{Primitive::kMultiply, elements}});
  passes.job.accumulator_read_bits = passes.job.accumulator_write_bits = elements * kSumBits;
  passes.job.yields = false;
  return passes.take();
}

VectorJob results_job(const AttentionProblem& p, std::int64_t rows) {
  const std::int64_t elements = rows * p.op.value_dim();
  const OperandPath& output = p.context.path.output;
  JobPasses passes(p.context.machine);
  passes.pass({{Primitive::kDivide, rows}, {Primitive::kMultiply, elements}});
  if (output.layout.format->name != "fp32") passes.job.narrowed = elements;
  passes.job.accumulator_read_bits = elements * kSumBits;
  if (p.op.softmax.sinks) passes.job.scale_read_bits = rows * kSumBits;  // one for each row
  passes.job.output_write_bits = elements * output.code_bits;
  passes.job.freed_sums = Bits(elements * kSumBits);
  return passes.take();
}

ComputeOp scores_operation(const AttentionProblem& p, std::int64_t rows, KeyRange keys) {
  ComputeOp op = operation(rows, 0);
  op.tile.n0 = keys.first;
  op.tile.n1 = keys.end;
  op.tile.k1 = p.op.key_dim();
  return op;
}

ComputeOp context_operation(const AttentionProblem& p, std::int64_t rows, KeyRange keys) {
  ComputeOp op = operation(rows, 1);
  op.tile.n1 = p.op.value_dim();
  op.tile.k0 = keys.first;
  op.tile.k1 = keys.end;
  op.first_k = keys.first == 0;
  op.freed_inputs = Bits(rows * keys.count() * p.context.path.activations.code_bits);
  return op;
}

}  // namespace bitjoule
