#include "core/mapping/machine_counts.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/energy/dequant_cost.h"
#include "core/mapping/components.h"

namespace bitjoule {
namespace {

auto members(const BufferCounts& b) { return std::tie(b.reads, b.writes, b.peak_bytes); }

constexpr std::int64_t MachineCounts::*kCounts[] = {&MachineCounts::macs,
                                                    &MachineCounts::mac_slots,
                                                    &MachineCounts::dequantized_weights,
                                                    &MachineCounts::dequantized_inputs,
                                                    &MachineCounts::accumulations,
                                                    &MachineCounts::group_results,
                                                    &MachineCounts::activation_sums,
                                                    &MachineCounts::corrections,
                                                    &MachineCounts::outputs,
                                                    &MachineCounts::vector_widened,
                                                    &MachineCounts::vector_narrowed,
                                                    &MachineCounts::dram_read_bits,
                                                    &MachineCounts::dram_write_bits};
constexpr BufferCounts MachineCounts::*kBufferCounts[] = {
    &MachineCounts::input, &MachineCounts::weight, &MachineCounts::accumulator,
    &MachineCounts::output, &MachineCounts::scale};

/// Calls f with a pair of each that is counted in an array of counts.
template <class A, class B, class F>
void each_listed(A& a, B& b, F f) {
  const auto all = [&](auto& x, auto& y) {
    for (std::size_t i = 0; i < x.size(); ++i) f(x[i], y[i]);
  };
  f(a.adds.wide, b.adds.wide);
  all(a.adds.tree, b.adds.tree);
  all(a.moves.counts, b.moves.counts);
  all(a.operands.counts, b.operands.counts);
  all(a.vector, b.vector);
}

BufferCounts& operator+=(BufferCounts& a, const BufferCounts& b) {
  a.reads += b.reads;
  a.writes += b.writes;
  a.peak_bytes = std::max(a.peak_bytes, b.peak_bytes);
  return a;
}

std::int64_t accesses(std::int64_t bits, const BufferConfig& buffer) {
  return ceil_div(bits, buffer.port_width.value);
}

}  // namespace

bool operator==(const MachineCounts& a, const MachineCounts& b) {
  const auto all = [](const MachineCounts& c) {
    return std::tuple_cat(
        std::tie(c.macs, c.mac_slots, c.adds.wide, c.adds.tree, c.moves.counts, c.operands.counts,
                 c.dequantized_weights, c.dequantized_inputs, c.accumulations, c.group_results,
                 c.activation_sums, c.corrections, c.outputs, c.vector, c.vector_widened,
                 c.vector_narrowed, c.dram_read_bits, c.dram_write_bits, c.unified_peak_bytes),
        members(c.input), members(c.weight), members(c.accumulator), members(c.output),
        members(c.scale));
  };
  return all(a) == all(b);
}

MachineCounts& operator+=(MachineCounts& a, const MachineCounts& b) {
  for (const auto member : kCounts) a.*member += b.*member;
  each_listed(a, b, [](std::int64_t& x, std::int64_t y) { x += y; });
  for (const auto member : kBufferCounts) a.*member += b.*member;
  a.unified_peak_bytes = std::max(a.unified_peak_bytes, b.unified_peak_bytes);
  return a;
}

MachineCounts& operator*=(MachineCounts& a, std::int64_t n) {
  for (const auto member : kCounts) a.*member *= n;
  each_listed(a, a, [n](std::int64_t& x, std::int64_t) { x *= n; });
  for (const auto member : kBufferCounts) {
    (a.*member).reads *= n;
    (a.*member).writes *= n;
  }
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
  if (layout.tables.present())
    bits += (ceil_div(end, layout.tables.group) - ceil_div(first, layout.tables.group)) *
            layout.tables.bits;
  return bits;
}

}  // namespace

ScaleBits fold_scale_bits(const MappingProblem& p, std::int64_t k0, std::int64_t k1) {
  const bool by_group = p.path.scale_group != 0;
  ScaleBits bits;
  if (by_group || dequantizes_at_edge(p))
    bits.weights = begun_scale_bits(p.path.weights.layout, p.layer.extents.k, k0, k1);
  if (by_group || p.path.activations.dequantized)
    bits.inputs = begun_scale_bits(p.path.activations.layout, p.layer.channels, k0, k1);
  return bits;
}

std::int64_t fold_scale_reads(const MappingProblem& p, const FoldJob& job) {
  const ScaleBits bits = fold_scale_bits(p, job.k0, job.k1);
  return accesses(job.groups() * (job.n() * bits.weights + job.m() * bits.inputs),
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
  // Integer results are scaled per channel: a scale for each of them, and one for each token, where
  // tokens have their own.
  const bool scaled = p.path.mac.is_integer && p.path.scale_group == 0;
  const StorageField& weights = p.path.weights.layout.scales;
  const StorageField& inputs = p.path.activations.layout.scales;
  if (scaled && weights.group == kWholeRow)
    counts.scale.reads += accesses(elements * weights.bits, buffers.scale);
  if (scaled && inputs.group == kWholeRow)
    counts.scale.reads += accesses(tile.groups() * tile.m() * inputs.bits, buffers.scale);
  counts.scale.reads += accesses(elements * p.bias_bits(), buffers.scale);
}

void count_load(const MappingProblem& p, const LoadOp& op, MachineCounts& counts) {
  const BuffersConfig& buffers = p.machine.buffers;
  if (op.tensor == Tensor::kInputs)
    counts.input.writes += accesses(op.sram_bits, buffers.input);
  else if (op.tensor == Tensor::kWeights)
    counts.weight.writes += accesses(op.sram_bits, buffers.weight);
  else
    counts.scale.writes += accesses(op.sram_bits, buffers.scale);
  counts.scale.writes += accesses(block_scale_bits(op).value, buffers.scale);
  counts.dequantized_weights += op.dequantize;
}

void count_store(const MappingProblem& p, const StoreOp& op, MachineCounts& counts) {
  counts.output.reads += accesses(op.sram_bits, p.machine.buffers.output);
}

void count_vector(const MappingProblem& p, const VectorJob& job, MachineCounts& counts) {
  const BuffersConfig& buffers = p.machine.buffers;
  counts.input.reads += accesses(job.input_read_bits, buffers.input);
  counts.input.writes += accesses(job.input_write_bits, buffers.input);
  counts.weight.reads += accesses(job.weight_read_bits, buffers.weight);
  counts.output.writes += accesses(job.output_write_bits, buffers.output);
  for (std::size_t i = 0; i < kVectorPrimitives; ++i) counts.vector[i] += job.work[i];
  counts.vector_widened += job.widened;
  counts.vector_narrowed += job.narrowed;
}

namespace {

class Rows {
 public:
  explicit Rows(Counts& counts) : counts_(counts) {}
  void add(const char* component, const std::string& activity, Primitive primitive,
           const std::string& type, std::int64_t count) {
    if (count != 0) counts_.push_back({component, activity, primitive, type, {}, {}, count});
  }
  void words(const char* component, const char* activity, Primitive primitive, Bits width,
             std::int64_t count) {
    if (count != 0) counts_.push_back({component, activity, primitive, "", width, {}, count});
  }
  void sram(const char* component, const AcceleratorConfig& machine, const MachineCounts& counts) {
    const ComponentRow& row = machine_component(component);
    const BufferConfig& buffer = machine.buffers.*row.config;
    const BufferCounts& accesses = counts.*row.counts;
    const Bytes bank(buffer.capacity.value / buffer.banks);
    if (accesses.reads != 0)
      counts_.push_back(
          {component, "read", Primitive::kSramRead, "", buffer.port_width, bank, accesses.reads});
    if (accesses.writes != 0)
      counts_.push_back({component, "write", Primitive::kSramWrite, "", buffer.port_width, bank,
                         accesses.writes});
  }

 private:
  Counts& counts_;
};

/// Scales that go with the elements of a row of the products' k, a short last one of `group`
/// counted whole: of the second operand, and, by the mean over the layer's groups, of the first,
/// whose rows take some channels of each kernel position.
std::int64_t weight_scales(const Lowered& l, std::int64_t passed, std::int64_t group) {
  return passed / l.extents.k * ceil_div(l.extents.k, group);
}
std::int64_t input_scales(const Lowered& l, std::int64_t passed, std::int64_t group) {
  const std::int64_t positions = l.kernel_h * l.kernel_w;
  if (!l.interleaved_groups || l.channels % group == 0)
    return passed / l.extents.k * positions * ceil_div(l.channels, group);
  std::int64_t scales = 0;
  for (std::int64_t g = 0; g < l.extents.groups; ++g)
    scales += ceil_div((g + 1) * l.channels, group) - g * l.channels / group;
  return passed / (l.extents.groups * l.extents.k) * positions * scales;
}

/// What `elements` that pass a dequantizer cost on their way to the MAC's format: `scales(group)`
/// of them begin a group.
template <class F>
void dequantizer_rows(Rows& rows, const DataPath& path, const OperandPath& operand,
                      const char* suffix, std::int64_t elements, F scales) {
  if (elements == 0) return;
  for (const DequantOperation& op : dequant_cost(operand.format))
    rows.add("dequantizer", op.purpose + suffix, op.primitive, op.type,
             op.count * (op.elements == 1 ? elements : scales(op.elements)));
  if (path.mac.name != "fp32")
    rows.add("dequantizer", std::string("round") + suffix, Primitive::kConvert, path.mac.name,
             elements);
}

/// Of the multiplier: where small ones compose it, "int4 in int8", also what it could take.
std::string operand_type(const MappingProblem& p) {
  const DataPath& path = p.path;
  if (!path.mac.is_integer) return path.mac.name;
  const auto bits = [](const OperandPath& o) { return "int" + std::to_string(o.code_bits); };
  const std::string w = bits(path.weights), a = bits(path.activations);
  const std::string type = w == a ? w : w + "x" + a;
  return p.machine.array.pe.packing == Packing::kProduct ? type + " in " + path.mac.name : type;
}

/// Bits of an operand in the array: of integers the code, of floats the MAC's format.
std::int64_t operand_bits(const DataPath& path, const OperandPath& operand) {
  return path.mac.is_integer ? operand.code_bits : path.mac.operand_bits;
}

/// The words of a layer in the array, in bits.
struct WordBits {
  std::int64_t west, north;
  static constexpr std::int64_t kSum = 32;
};
WordBits word_bits(const MappingProblem& p) {
  const std::int64_t inputs = p.path.macs_per_pe * operand_bits(p.path, p.path.activations);
  const std::int64_t weights = p.path.macs_per_pe * operand_bits(p.path, p.path.weights);
  return dataflow_of(p).inputs_stay() ? WordBits{weights, inputs} : WordBits{inputs, weights};
}

void multiply_rows(Rows& rows, const MappingProblem& p, const MachineCounts& c) {
  const std::string type = operand_type(p);
  std::int64_t zeros = 0;
  if (p.data.counted) {
    zeros = c.operands[OperandCount::kZeroMacs];
    rows.add("array", "multiply", Primitive::kActiveMultiply, type, c.macs - zeros);
    rows.add("array", "toggle_inputs", Primitive::kToggle, type,
             c.operands[OperandCount::kInputToggles]);
    rows.add("array", "toggle_weights", Primitive::kToggle, type,
             c.operands[OperandCount::kWeightToggles]);
  } else {
    if (p.data.density)
      zeros = std::llround(static_cast<double>(c.macs) *
                           (1 - p.data.density->inputs * p.data.density->weights));
    rows.add("array", "multiply", Primitive::kMultiply, type, c.macs - zeros);
  }
  rows.add("array", "multiply_zero", Primitive::kZeroMultiply, type, zeros);
}

/// Additions of products, which are as wide as both operands together: two of them a bit more.
void add_rows(Rows& rows, const DataPath& path, const PeAdds& adds) {
  for (std::size_t level = 0; level < kTreeLevels; ++level) {
    const std::int64_t bits =
        path.weights.code_bits + path.activations.code_bits + static_cast<std::int64_t>(level) + 1;
    rows.add("array", "sum_products_" + std::to_string(level + 1), Primitive::kAdd,
             "int" + std::to_string(std::min(bits, WordBits::kSum)), adds.tree[level]);
  }
  rows.add("array", "accumulate", Primitive::kAdd, path.mac.accumulator, adds.wide);
}

void move_rows(Rows& rows, const MappingProblem& p, const ArrayMoves& moves) {
  using M = ArrayMove;
  struct Row {
    M move;
    const char *component, *activity;
    Primitive primitive;
  };
  constexpr const char *kRegisters = "array_registers", *kWires = "array_wires";
  static constexpr Row kRows[] = {
      {M::kWestShift, kRegisters, "shift_west", Primitive::kShift},
      {M::kNorthShift, kRegisters, "shift_north", Primitive::kShift},
      {M::kSumShift, kRegisters, "shift_sums", Primitive::kShift},
      {M::kStationaryWrite, kRegisters, "write_stationary", Primitive::kRegisterWrite},
      {M::kStationaryRead, kRegisters, "read_stationary", Primitive::kRegisterRead},
      {M::kSumWrite, kRegisters, "write_sums", Primitive::kRegisterWrite},
      {M::kSumRead, kRegisters, "read_sums", Primitive::kRegisterRead},
      {M::kWestHop, kWires, "hop_west", Primitive::kPeWire},
      {M::kNorthHop, kWires, "hop_north", Primitive::kPeWire},
      {M::kSumHop, kWires, "hop_sums", Primitive::kPeWire},
      {M::kWestEntry, kWires, "enter_west", Primitive::kEdgeWire},
      {M::kNorthEntry, kWires, "enter_north", Primitive::kEdgeWire},
      {M::kSumExit, kWires, "leave_sums", Primitive::kEdgeWire}};
  const WordBits words = word_bits(p);
  for (const Row& row : kRows) {
    const bool west = row.move <= M::kWestHop, sum = row.move >= M::kSumShift;
    // From a buffer to the edge: half the way around the array.
    const std::int64_t pitches =
        row.primitive == Primitive::kEdgeWire ? p.machine.array.rows + p.machine.array.cols : 1;
    rows.words(row.component, row.activity, row.primitive,
               Bits(sum    ? WordBits::kSum
                    : west ? words.west
                           : words.north),
               moves[row.move] * pitches);
  }
}

}  // namespace

bool adds_in_tree(const MappingProblem& p) {
  return p.path.mac.is_integer && p.machine.array.pe.adders == PeAdders::kTree;
}

void append_array_clock(const MappingProblem& p, Cycles cycles, Counts* counts) {
  const ArrayConfig& array = p.machine.array;
  const bool ahead = array.overlap == Overlap::kWeights || array.overlap == Overlap::kFull;
  const WordBits words = word_bits(p);
  const std::int64_t stays =
      dataflow_of(p).outputs_stay() ? WordBits::kSum : words.north * (ahead ? 2 : 1);
  Rows(*counts).words("array_clock", "clock", Primitive::kClock,
                      Bits(words.west + words.north + WordBits::kSum + stays),
                      array.rows * array.cols * cycles.value);
}

Counts priced_actions(const MappingProblem& p, const MachineCounts& c) {
  Counts counts;
  Rows rows(counts);
  const DataPath& path = p.path;
  const std::string sum = path.mac.accumulator;
  const std::string results = path.scale_group != 0 ? "fp32" : sum;
  multiply_rows(rows, p, c);
  add_rows(rows, path, c.adds);
  rows.add("array", "sum_activations", Primitive::kAdd, "int32", c.activation_sums);
  move_rows(rows, p, c.moves);
  rows.sram("input_buffer", p.machine, c);
  rows.sram("weight_buffer", p.machine, c);
  rows.sram("scale_buffer", p.machine, c);
  const Lowered& l = p.layer;
  dequantizer_rows(
      rows, path, path.weights, "_weights", c.dequantized_weights,
      [&](std::int64_t group) { return weight_scales(l, c.dequantized_weights, group); });
  dequantizer_rows(
      rows, path, path.activations, "_inputs", c.dequantized_inputs,
      [&](std::int64_t group) { return input_scales(l, c.dequantized_inputs, group); });
  rows.sram("accumulator_buffer", p.machine, c);
  rows.add("accumulator_buffer", "accumulate", Primitive::kAdd, results, c.accumulations);
  // Group boundaries: int32 to float, times the weight's scale, and the activation's where it has
  // one.
  rows.add("output_unit", "convert_groups", Primitive::kConvert, "fp32", c.group_results);
  const StorageField& input_scales = path.activations.layout.scales;
  const bool both = input_scales.present() && input_scales.group != kWholeTensor;
  rows.add("output_unit", "scale_groups", Primitive::kMultiply, "fp32",
           c.group_results * (both ? 2 : 1));
  // A scale for each token, beside that of the channel.
  rows.add("output_unit", "scale_tokens", Primitive::kMultiply, "fp32",
           path.mac.is_integer && path.scale_group == 0 && both ? c.outputs : 0);
  rows.add("output_unit", "correct_multiply", Primitive::kMultiply, "int32", c.corrections);
  rows.add("output_unit", "correct_add", Primitive::kAdd, "int32", c.corrections);
  const bool integer_output = path.output.layout.format->cls == FormatClass::kInteger;
  rows.add("output_unit", "bias", Primitive::kAdd, integer_bias(path) ? "int32" : "fp32",
           p.stage.bias ? c.outputs : 0);
  // An integer output is clamped to the activation's range instead of its format's.
  rows.add("output_unit", "activation", Primitive::kCompare, "fp32",
           integer_output || p.stage.activation.empty()
               ? 0
               : c.outputs * (p.stage.activation == "relu6" ? 2 : 1));
  if (path.mac.is_integer && integer_output) {
    rows.add("output_unit", "requantize", Primitive::kMultiply, "int32", c.outputs);
    rows.add("output_unit", "zero_point", Primitive::kAdd, "int32", c.outputs);
    rows.add("output_unit", "clamp", Primitive::kCompare, "int32", c.outputs);
  } else if (path.mac.is_integer) {
    rows.add("output_unit", "convert", Primitive::kConvert, path.output.layout.format->name,
             path.scale_group != 0 ? 0 : c.outputs);
    rows.add("output_unit", "scale", Primitive::kMultiply, "fp32", c.outputs);
  } else if (path.output.format.format != "fp32") {
    rows.add("output_unit", "convert", Primitive::kConvert, path.output.layout.format->name,
             c.outputs);
  }
  static constexpr const char* kVectorActivities[kVectorPrimitives] = {
      "add", "multiply", "convert", "lookup", "compare", "divide", "exp"};
  for (std::size_t i = 0; i < kVectorPrimitives; ++i)
    rows.add("vector_unit", kVectorActivities[i], static_cast<Primitive>(i), "fp32", c.vector[i]);
  rows.add("vector_unit", "widen", Primitive::kConvert, "fp32", c.vector_widened);
  rows.add("vector_unit", "narrow", Primitive::kConvert, path.output.layout.format->name,
           c.vector_narrowed);
  rows.sram("output_buffer", p.machine, c);
  rows.add("dram", "read", Primitive::kDramRead, "", c.dram_read_bits);
  rows.add("dram", "write", Primitive::kDramWrite, "", c.dram_write_bits);
  return counts;
}

}  // namespace bitjoule
