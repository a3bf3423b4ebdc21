// What the modules did as rows for pricing, component by component.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "core/energy/dequant_cost.h"
#include "core/mapping/components.h"
#include "core/mapping/machine_counts.h"

namespace bitjoule {
namespace {

/// Of one component.
class Rows {
 public:
  Rows(const ComponentRow& row, Counts* counts) : row_(row), counts_(*counts) {}
  // What was not done costs no text: a mapper asks for the price of one count after the other.
  void add(std::string_view activity, Primitive primitive, std::string_view type,
           std::int64_t count) {
    if (count != 0)
      counts_.push_back(
          {row_.name, std::string(activity), primitive, std::string(type), {}, {}, count});
  }
  void words(const char* activity, Primitive primitive, Bits width, std::int64_t count) {
    if (count != 0) counts_.push_back({row_.name, activity, primitive, "", width, {}, count});
  }
  void sram(const AcceleratorConfig& machine, const MachineCounts& counts) {
    const BufferConfig& buffer = machine.buffers.*row_.config;
    const BufferCounts& accesses = counts.*row_.counts;
    add_accesses("read", Primitive::kSramRead, buffer, accesses.reads);
    add_accesses("write", Primitive::kSramWrite, buffer, accesses.writes);
  }

 private:
  void add_accesses(const char* activity, Primitive primitive, const BufferConfig& buffer,
                    std::int64_t count) {
    const Bytes bank(buffer.capacity.value / buffer.banks);
    if (count != 0)
      counts_.push_back({row_.name, activity, primitive, "", buffer.port_width, bank, count});
  }

  const ComponentRow& row_;
  Counts& counts_;
};

/// Scales that go with the elements of a row, of the products' k (or n), a short last one of
/// `group` counted whole: of the second operand, and, by the mean over the layer's groups, of the
/// first, whose rows take some channels of each kernel position.
std::int64_t weight_scales(const Lowered& l, std::int64_t passed, std::int64_t group) {
  const std::int64_t length = l.stored_rows().length;
  return passed / length * ceil_div(length, group);
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
  const std::vector<DequantOperation> operations =
      path.mac.is_integer ? lookup_cost(operand.format) : dequant_cost(operand.format);
  for (const DequantOperation& op : operations)
    rows.add(op.purpose + suffix, op.primitive, op.type,
             op.count * (op.elements == 1 ? elements : scales(op.elements)));
  if (!path.mac.is_integer && path.mac.name != "fp32")
    rows.add(std::string("round") + suffix, Primitive::kConvert, path.mac.name, elements);
}

/// Of the multiplier: where small ones compose it, "int4 in int8", also what it could take.
std::string operand_type(const MappingProblem& p) {
  const DataPath& path = p.path;
  if (!path.mac.is_integer) return path.mac.name;
  const auto bits = [](const OperandPath& o) { return "int" + std::to_string(o.operand_bits); };
  const std::string w = bits(path.weights), a = bits(path.activations);
  const std::string type = w == a ? w : w + "x" + a;
  return p.machine.array.pe.packing == Packing::kProduct ? type + " in " + path.mac.name : type;
}

/// Bits of an operand in the array: of integers the code, of floats the MAC's format.
std::int64_t operand_bits(const DataPath& path, const OperandPath& operand) {
  return path.mac.is_integer ? operand.operand_bits : path.mac.operand_bits;
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
  if (!p.data.counted && c.macs == 0) return;
  const std::string type = operand_type(p);
  std::int64_t zeros = 0;
  if (p.data.counted) {
    zeros = c.operands[OperandCount::kZeroMacs];
    rows.add("multiply", Primitive::kActiveMultiply, type, c.macs - zeros);
    rows.add("toggle_inputs", Primitive::kToggle, type, c.operands[OperandCount::kInputToggles]);
    rows.add("toggle_weights", Primitive::kToggle, type, c.operands[OperandCount::kWeightToggles]);
  } else {
    if (p.data.density)
      zeros = std::llround(static_cast<double>(c.macs) *
                           (1 - p.data.density->inputs * p.data.density->weights));
    rows.add("multiply", Primitive::kMultiply, type, c.macs - zeros);
  }
  rows.add("multiply_zero", Primitive::kZeroMultiply, type, zeros);
}

/// Additions of products, which are as wide as both operands together: two of them a bit more.
void add_rows(Rows& rows, const DataPath& path, const PeAdds& adds, std::int64_t macs) {
  for (std::size_t level = 0; level < kTreeLevels; ++level) {
    if (adds.tree[level] == 0) continue;
    const std::int64_t bits = product_bits(path) + static_cast<std::int64_t>(level) + 1;
    rows.add("sum_products_" + std::to_string(level + 1), Primitive::kAdd,
             "int" + std::to_string(std::min(bits, WordBits::kSum)), adds.tree[level]);
  }
  // The parts of a product that takes passes, after the first: as wide as it.
  if (path.mac.is_integer && path.mac_passes > 1)
    rows.add("sum_passes", Primitive::kAdd,
             "int" + std::to_string(std::min(product_bits(path), WordBits::kSum)),
             macs * (path.mac_passes - 1));
  rows.add("accumulate", Primitive::kAdd, path.mac.accumulator, adds.wide);
}

/// Sums of elements times the product of their scales. Powers of two add exponents: one of both
/// scales, and that to the sum's. E4M3 scales meet in a multiplier of their own.
void scaled_element_rows(Rows& rows, const DataPath& path, const MachineCounts& c) {
  const StorageLayout &w = path.weights.layout, &a = path.activations.layout;
  const auto is_each = [&](ScaleFormat format) {
    return (!w.scales.present() || w.scale_format == format) &&
           (!a.scales.present() || a.scale_format == format);
  };
  const bool both = w.scales.present() && a.scales.present();
  // One factor of whole tensors is known before.
  const bool varies = w.scales.group != kWholeTensor && a.scales.group != kWholeTensor;
  const std::int64_t sums = path.scale_group != 0 ? c.group_results : c.outputs;
  const std::int64_t products = both && varies ? sums : 0;
  if (is_each(ScaleFormat::kE8m0)) {
    rows.add("multiply_scales", Primitive::kAdd, "int8", products);
    rows.add("scale_sums", Primitive::kAdd, "int8", sums);
  } else {
    const bool narrow = is_each(ScaleFormat::kTwoLevel);
    rows.add("multiply_scales", Primitive::kMultiply, narrow ? "fp8_e4m3" : "fp32", products);
    rows.add("scale_sums", Primitive::kMultiply, "fp32", sums);
  }
  if (w.scale_format == ScaleFormat::kTwoLevel || a.scale_format == ScaleFormat::kTwoLevel)
    rows.add("scale_tensors", Primitive::kMultiply, "fp32", c.outputs);
}

}  // namespace

namespace actions {

void of_array(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
              Counts* actions) {
  Rows rows(row, actions);
  multiply_rows(rows, p, c);
  add_rows(rows, p.path, c.adds, c.macs);
  rows.add("sum_activations", Primitive::kAdd, "int32", c.activation_sums);
}

void of_moves(const ComponentRow& component, const MappingProblem& p, const MachineCounts& c,
              Counts* actions) {
  using M = ArrayMove;
  struct Row {
    M move;
    bool on_wires;  // else in registers
    const char* activity;
    Primitive primitive;
  };
  constexpr bool kRegisters = false, kWires = true;
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
  const bool on_wires = component.name == std::string_view("array_wires");
  Rows rows(component, actions);
  for (const Row& row : kRows) {
    if (row.on_wires != on_wires || c.moves[row.move] == 0) continue;
    const bool west = row.move <= M::kWestHop, sum = row.move >= M::kSumShift;
    // From a buffer to the edge: half the way around the array.
    const std::int64_t pitches =
        row.primitive == Primitive::kEdgeWire ? p.machine.array.rows + p.machine.array.cols : 1;
    rows.words(row.activity, row.primitive,
               Bits(sum    ? WordBits::kSum
                    : west ? words.west
                           : words.north),
               c.moves[row.move] * pitches);
  }
}

void of_buffer(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
               Counts* actions) {
  Rows(row, actions).sram(p.machine, c);
}

void of_accumulators(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
                     Counts* actions) {
  Rows rows(row, actions);
  rows.sram(p.machine, c);
  rows.add("accumulate", Primitive::kAdd, p.path.scale_group != 0 ? "fp32" : p.path.mac.accumulator,
           c.accumulations);
}

void of_dequantizer(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
                    Counts* actions) {
  Rows rows(row, actions);
  const Lowered& l = p.layer;
  dequantizer_rows(
      rows, p.path, p.path.weights, "_weights", c.dequantized_weights,
      [&](std::int64_t group) { return weight_scales(l, c.dequantized_weights, group); });
  dequantizer_rows(
      rows, p.path, p.path.activations, "_inputs", c.dequantized_inputs,
      [&](std::int64_t group) { return input_scales(l, c.dequantized_inputs, group); });
}

void of_output_unit(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
                    Counts* actions) {
  Rows rows(row, actions);
  const DataPath& path = p.path;
  const StorageField& input_scales = path.activations.layout.scales;
  const bool both = input_scales.present() && input_scales.group != kWholeTensor;
  if (path.scaled_elements) {
    scaled_element_rows(rows, path, c);
  } else {
    // Group boundaries: int32 to float, times the weight's scale, and the activation's where it has
    // one.
    rows.add("convert_groups", Primitive::kConvert, "fp32", c.group_results);
    rows.add("scale_groups", Primitive::kMultiply, "fp32", c.group_results * (both ? 2 : 1));
    // A scale for each token, beside that of the channel.
    rows.add("scale_tokens", Primitive::kMultiply, "fp32",
             path.mac.is_integer && path.scale_group == 0 && both ? c.outputs : 0);
  }
  rows.add("correct_multiply", Primitive::kMultiply, "int32", c.corrections);
  rows.add("correct_add", Primitive::kAdd, "int32", c.corrections);
  const bool integer_output = path.output.layout.format->cls == FormatClass::kInteger;
  rows.add("bias", Primitive::kAdd, integer_bias(path) ? "int32" : "fp32",
           p.stage.bias ? c.outputs : 0);
  // An integer output is clamped to the activation's range instead of its format's.
  rows.add("activation", Primitive::kCompare, "fp32",
           integer_output || p.stage.activation.empty()
               ? 0
               : c.outputs * (std::isfinite(activation_bounds(p.stage.activation).hi) ? 2 : 1));
  if (path.mac.is_integer && integer_output) {
    rows.add("requantize", Primitive::kMultiply, "int32", c.outputs);
    rows.add("zero_point", Primitive::kAdd, "int32", c.outputs);
    rows.add("clamp", Primitive::kCompare, "int32", c.outputs);
  } else if (path.mac.is_integer) {
    rows.add("convert", Primitive::kConvert, path.output.layout.format->name,
             path.scale_group != 0 ? 0 : c.outputs);
    rows.add("scale", Primitive::kMultiply, "fp32", c.outputs);
  } else if (path.output.format.format != "fp32") {
    rows.add("convert", Primitive::kConvert, path.output.layout.format->name, c.outputs);
  }
}

void of_vector_unit(const ComponentRow& row, const MappingProblem& p, const MachineCounts& c,
                    Counts* actions) {
  Rows rows(row, actions);
  static constexpr const char* kVectorActivities[kVectorPrimitives] = {
      "add", "multiply", "convert", "lookup", "compare", "divide", "exp"};
  for (std::size_t i = 0; i < kVectorPrimitives; ++i)
    rows.add(kVectorActivities[i], static_cast<Primitive>(i), "fp32", c.vector[i]);
  rows.add("widen", Primitive::kConvert, "fp32", c.vector_widened);
  rows.add("narrow", Primitive::kConvert, p.path.output.layout.format->name, c.vector_narrowed);
}

void of_dram(const ComponentRow& row, const MappingProblem&, const MachineCounts& c,
             Counts* actions) {
  Rows rows(row, actions);
  rows.add("read", Primitive::kDramRead, "", c.dram_read_bits);
  rows.add("write", Primitive::kDramWrite, "", c.dram_write_bits);
  rows.add("phy", Primitive::kDramPhy, "", c.dram_read_bits + c.dram_write_bits);
}

}  // namespace actions

void append_array_clock(const MappingProblem& p, Cycles cycles, Counts* counts) {
  const ArrayConfig& array = p.machine.array;
  const bool ahead = array.overlap == Overlap::kWeights || array.overlap == Overlap::kFull;
  const WordBits words = word_bits(p);
  const std::int64_t stays =
      dataflow_of(p).outputs_stay() ? WordBits::kSum : words.north * (ahead ? 2 : 1);
  Rows(machine_component("array_clock"), counts)
      .words("clock", Primitive::kClock, Bits(words.west + words.north + WordBits::kSum + stays),
             array.rows * array.cols * cycles.value);
}

Counts priced_actions(const MappingProblem& problem, const MachineCounts& counts) {
  Counts actions;
  for (const ComponentRow& row : machine_components())
    if (row.actions != nullptr) row.actions(row, problem, counts, &actions);
  return actions;
}

}  // namespace bitjoule
