#include "core/mapping/machine_counts.h"

#include <algorithm>

namespace bitjoule {
namespace {

std::int64_t accesses(std::int64_t bits, const BufferConfig& buffer) {
  return ceil_div(bits, buffer.port_width.value);
}

}  // namespace

bool operator==(const MachineCounts& a, const MachineCounts& b) {
  bool same = a.unified_peak_bytes == b.unified_peak_bytes;
  each_count([&](std::int64_t x, std::int64_t y) { same = same && x == y; }, a, b);
  for (const auto buffer : kBufferCounts)
    same = same && (a.*buffer).peak_bytes == (b.*buffer).peak_bytes;
  return same;
}

MachineCounts& operator+=(MachineCounts& a, const MachineCounts& b) {
  each_count([](std::int64_t& x, std::int64_t y) { x += y; }, a, b);
  for (const auto buffer : kBufferCounts)
    (a.*buffer).peak_bytes = std::max((a.*buffer).peak_bytes, (b.*buffer).peak_bytes);
  a.unified_peak_bytes = std::max(a.unified_peak_bytes, b.unified_peak_bytes);
  return a;
}

MachineCounts& operator*=(MachineCounts& a, std::int64_t n) {
  each_count([n](std::int64_t& x) { x *= n; }, a);
  return a;
}

namespace {

/// Bits of the scales, zero-points and minima whose first element is one of k0..k1 of a row, which
/// consists of pieces of `length`, each with scales of its own.
std::int64_t begun_scale_bits(const StorageLayout& layout, std::int64_t length, std::int64_t k0,
                              std::int64_t k1) {
  if (!layout.scales.present() || layout.scales.group == kWholeTensor) return 0;
  const std::int64_t group = layout.scales.group == kWholeRow ? length : layout.scales.group;
  const auto before = [&](std::int64_t k) {
    return k / length * ceil_div(length, group) + ceil_div(k % length, group);
  };
  const std::int64_t first = before(k0), end = before(k1);
  std::int64_t bits =
      (end - first) * (layout.scales.bits + layout.zero_points.bits + layout.mins.bits);
  if (layout.progressive())
    bits += (ceil_div(k1, length) - ceil_div(k0, length)) * layout.tables.bits;
  else if (layout.tables.present())
    bits += (ceil_div(end, layout.tables.group) - ceil_div(first, layout.tables.group)) *
            layout.tables.bits;
  return bits;
}

}  // namespace

ScaleBits fold_scale_bits(const MappingProblem& p, std::int64_t k0, std::int64_t k1) {
  const bool by_group = p.path.scale_group != 0;
  ScaleBits bits;
  if (!p.layer.k_rows && (by_group || dequantizes_at_edge(p)))
    bits.weights = begun_scale_bits(p.path.weights.layout, p.layer.extents.k, k0, k1);
  if (by_group || p.path.activations.dequantized)
    bits.inputs = begun_scale_bits(p.path.activations.layout, p.layer.channels, k0, k1);
  return bits;
}

std::int64_t column_scale_bits(const MappingProblem& p, std::int64_t n0, std::int64_t n1) {
  if (!p.layer.k_rows || !dequantizes_at_edge(p)) return 0;
  return begun_scale_bits(p.path.weights.layout, p.layer.extents.n, n0, n1);
}

std::int64_t fold_scale_reads(const MappingProblem& p, const FoldJob& job) {
  const ScaleBits bits = fold_scale_bits(p, job.k0, job.k1);
  const std::int64_t columns = column_scale_bits(p, job.n0, job.n1);
  return accesses(
      job.groups() * (job.n() * bits.weights + job.k() * columns + job.m() * bits.inputs),
      p.machine.buffers.scale);
}

namespace {

/// The moves of one fold, whose words and sums pass the PEs that take part in its timing.
void count_moves(const MappingProblem& p, const FoldJob& job, const FoldEntries& entries,
                 ArrayMoves& moves) {
  using M = ArrayMove;
  const FoldShape& s = job.shape;
  const std::int64_t rows = job.timing.rows, cols = job.timing.cols;
  const std::int64_t west = s.steps * s.rows, macs = s.steps * s.active_pes();
  moves[M::kWestEntry] += west;
  moves[M::kWestShift] += west * cols;
  moves[M::kWestHop] += west * (cols - 1);
  moves[M::kSumExit] += entries.results.count * entries.results.width;
  if (dataflow_of(p).outputs_stay()) {
    const std::int64_t north = s.steps * s.cols;
    moves[M::kNorthEntry] += north;
    moves[M::kNorthShift] += north * rows;
    moves[M::kNorthHop] += north * (rows - 1);
    moves[M::kSumRead] += macs;
    moves[M::kSumWrite] += macs;
    // A sum leaves its register for the one next to it, and then passes those below.
    const std::int64_t below = s.block_cols() * (s.rows * (rows - 1) - s.rows * (s.rows - 1) / 2);
    moves[M::kSumShift] += s.active_pes() + below;
    moves[M::kSumHop] += below;
  } else {
    // The word of row r passes the r rows above.
    const std::int64_t above = s.block_cols() * (s.rows * (s.rows - 1) / 2);
    moves[M::kNorthEntry] += s.active_pes();
    moves[M::kNorthShift] += above;
    moves[M::kNorthHop] += above;
    moves[M::kStationaryWrite] += s.active_pes();
    moves[M::kStationaryRead] += macs;
    moves[M::kSumShift] += s.steps * s.cols * rows;
    moves[M::kSumHop] += s.steps * s.cols * (rows - 1);
  }
}

}  // namespace

void count_fold(const MappingProblem& p, const FoldJob& job, MachineCounts& counts) {
  const BuffersConfig& buffers = p.machine.buffers;
  const ArrayConfig& array = p.machine.array;
  const std::int64_t macs = p.path.macs_per_pe;
  const auto words = [](const Entries& entries, std::int64_t bits, const BufferConfig& buffer) {
    return entries.count * accesses(entries.width * bits, buffer);
  };
  const FoldEntries entries = dataflow_of(p).entries(job.shape);
  counts.weight.reads += words(entries.weights, macs * weight_read_bits(p), buffers.weight);
  counts.input.reads += words(entries.inputs, macs * p.path.activations.code_bits, buffers.input);
  const std::int64_t inputs = job.groups() * job.m() * job.k();
  const std::int64_t results = job.groups() * job.m() * job.n();
  counts.macs += results * job.k();
  counts.mac_slots += job.shape.steps * array.rows * array.cols * macs;
  count_adds(macs, adds_in_tree(p), results * (job.k() / macs), counts.adds);
  if (job.k() % macs != 0) count_adds(job.k() % macs, adds_in_tree(p), results, counts.adds);
  count_moves(p, job, entries, counts.moves);
  const std::int64_t accumulator = words(entries.results, 32, buffers.accumulator);
  counts.accumulator.writes += accumulator;
  if (job.k0 > 0) {
    counts.accumulator.reads += accumulator;
    counts.accumulations += results;
  }
  if (dequantizes_at_edge(p)) counts.dequantized_weights += job.groups() * job.n() * job.k();
  if (p.path.activations.dequantized) counts.dequantized_inputs += inputs;
  if (p.path.scale_group != 0) counts.group_results += results;
  if (p.path.weights.zero_points) {
    counts.activation_sums += inputs;
    counts.corrections += results;
  }
  counts.scale.reads += fold_scale_reads(p, job);
}

void count_output(const MappingProblem& p, const Tile& tile, MachineCounts& counts) {
  const BuffersConfig& buffers = p.machine.buffers;
  const std::int64_t elements = tile.groups() * tile.m() * tile.n();
  counts.outputs += elements;
  counts.accumulator.reads += accesses(elements * 32, buffers.accumulator);
  counts.output.writes += accesses(elements * p.path.output.code_bits, buffers.output);
  // Sums of codes or elements are scaled per channel: a scale for each of them, and one for each
  // token, where tokens have their own.
  const bool scaled = p.path.scales_sums() && p.path.scale_group == 0;
  const StorageField& weights = p.path.weights.layout.scales;
  const StorageField& inputs = p.path.activations.layout.scales;
  if (scaled && weights.group == kWholeRow)
    counts.scale.reads += accesses(elements * weights.bits, buffers.scale);
  if (scaled && inputs.group == kWholeRow)
    counts.scale.reads += accesses(tile.groups() * tile.m() * inputs.bits, buffers.scale);
  counts.scale.reads += accesses(elements * p.bias_bits(), buffers.scale);
}

void TransferCounts::add(const TransferCounts& other, std::int64_t times) {
  input_writes += other.input_writes * times;
  weight_writes += other.weight_writes * times;
  scale_writes += other.scale_writes * times;
  output_reads += other.output_reads * times;
  dequantized_weights += other.dequantized_weights * times;
}

void TransferCounts::add_to(MachineCounts& counts, std::int64_t times) const {
  counts.input.writes += input_writes * times;
  counts.weight.writes += weight_writes * times;
  counts.scale.writes += scale_writes * times;
  counts.output.reads += output_reads * times;
  counts.dequantized_weights += dequantized_weights * times;
}

TransferCounts transfer_counts(const MappingProblem& p, const LoadOp& op) {
  const BuffersConfig& buffers = p.machine.buffers;
  TransferCounts counts;
  if (op.tensor == Tensor::kInputs)
    counts.input_writes = accesses(op.sram_bits, buffers.input);
  else if (op.tensor == Tensor::kWeights)
    counts.weight_writes = accesses(op.sram_bits, buffers.weight);
  else
    counts.scale_writes = accesses(op.sram_bits, buffers.scale);
  counts.scale_writes += accesses(block_scale_bits(op).value, buffers.scale);
  counts.dequantized_weights = op.dequantize;
  return counts;
}

TransferCounts transfer_counts(const MappingProblem& p, const StoreOp& op) {
  TransferCounts counts;
  counts.output_reads = accesses(op.sram_bits, p.machine.buffers.output);
  return counts;
}

void count_load(const MappingProblem& p, const LoadOp& op, MachineCounts& counts) {
  transfer_counts(p, op).add_to(counts, 1);
}

void count_store(const MappingProblem& p, const StoreOp& op, MachineCounts& counts) {
  transfer_counts(p, op).add_to(counts, 1);
}

void count_vector(const MappingProblem& p, const VectorJob& job, MachineCounts& counts) {
  const BuffersConfig& buffers = p.machine.buffers;
  counts.input.reads += accesses(job.input_read_bits, buffers.input);
  counts.input.writes += accesses(job.input_write_bits, buffers.input);
  counts.weight.reads += accesses(job.weight_read_bits, buffers.weight);
  counts.output.writes += accesses(job.output_write_bits, buffers.output);
  counts.accumulator.reads += accesses(job.accumulator_read_bits, buffers.accumulator);
  counts.accumulator.writes += accesses(job.accumulator_write_bits, buffers.accumulator);
  counts.scale.reads += accesses(job.scale_read_bits, buffers.scale);
  for (std::size_t i = 0; i < kVectorPrimitives; ++i) counts.vector[i] += job.work[i];
  counts.vector_widened += job.widened;
  counts.vector_narrowed += job.narrowed;
}

bool adds_in_tree(const MappingProblem& p) {
  return (p.path.mac.is_integer || sums_exactly(p.path)) &&
         p.machine.array.pe.adders == PeAdders::kTree;
}

}  // namespace bitjoule
