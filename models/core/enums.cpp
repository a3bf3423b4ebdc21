#include "core/enums.h"

#include "core/energy/price.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Dataflow>>& enum_rows() {
  static const std::vector<EnumRow<Dataflow>> kRows = {
      {Dataflow::kWeightStationary, "ws", "weight stationary: K x N weights stay in the PEs"},
      {Dataflow::kOutputStationary, "os", "output stationary: M x N sums stay in the PEs"},
      {Dataflow::kInputStationary, "is", "input stationary: K x M inputs stay in the PEs"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Overlap>>& enum_rows() {
  static const std::vector<EnumRow<Overlap>> kRows = {
      {Overlap::kNone, "none", "a fold loads, streams and drains before the next begins"},
      {Overlap::kDrain, "drain",
       "the next fold's stationary operand loads behind the stream, while the array drains"},
      {Overlap::kWeights, "weights", "the next fold's stationary operand loads during the stream"},
      {Overlap::kFull, "full", "the next fold's stream follows at once, behind the diagonal"}};
  return kRows;
}

template <>
const std::vector<EnumRow<EdgeFolds>>& enum_rows() {
  static const std::vector<EnumRow<EdgeFolds>> kRows = {
      {EdgeFolds::kFull, "full", "a partly filled fold takes the time of the whole array"},
      {EdgeFolds::kExact, "exact", "a partly filled fold takes the time of the used part"}};
  return kRows;
}

template <>
const std::vector<EnumRow<GroupFolds>>& enum_rows() {
  static const std::vector<EnumRow<GroupFolds>> kRows = {
      {GroupFolds::kPacked, "packed", "groups side by side, each on rows and columns of its own"},
      {GroupFolds::kAlone, "alone", "one group after the other"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Packing>>& enum_rows() {
  static const std::vector<EnumRow<Packing>> kRows = {
      {Packing::kWidest, "widest", "MACs per PE: pe.width over the wider operand's bits"},
      {Packing::kProduct, "product", "MACs per PE grow with the product of both operands' bits"},
      {Packing::kNone, "none", "one MAC per PE at any width"},
      {Packing::kPasses, "passes",
       "one multiplier of pe.width bits: wider integers take a cycle for each pair of parts"}};
  return kRows;
}

template <>
const std::vector<EnumRow<PeAdders>>& enum_rows() {
  static const std::vector<EnumRow<PeAdders>> kRows = {
      {PeAdders::kTree, "tree", "products in a tree of narrow adders, then one wide addition"},
      {PeAdders::kChain, "chain", "a wide addition for each product"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DataMultiplier>>& enum_rows() {
  static const std::vector<EnumRow<DataMultiplier>> kRows = {
      {DataMultiplier::kGated, "gated",
       "with a zero operand, its inputs are held: that multiplication costs a share"},
      {DataMultiplier::kToggled, "toggled",
       "a share of a multiplication goes with the bits of its operands that toggle"}};
  return kRows;
}

template <>
const std::vector<EnumRow<WeightTiles>>& enum_rows() {
  static const std::vector<EnumRow<WeightTiles>> kRows = {
      {WeightTiles::kExact, "exact", "as many weights as there are"},
      {WeightTiles::kPadded, "padded", "tiles filled up with zeros to whole arrays"}};
  return kRows;
}

template <>
const std::vector<EnumRow<BufferRole>>& enum_rows() {
  static const std::vector<EnumRow<BufferRole>> kRows = {
      {BufferRole::kInput, "input", "activations"},
      {BufferRole::kWeight, "weight", "weights, as stored or dequantized"},
      {BufferRole::kAccumulator, "accumulator", "32-bit partial sums"},
      {BufferRole::kOutput, "output", "converted outputs on their way to DRAM"},
      {BufferRole::kScale, "scale", "scales, zero-points, minima and biases"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DequantizerPlacement>>& enum_rows() {
  static const std::vector<EnumRow<DequantizerPlacement>> kRows = {
      {DequantizerPlacement::kArrayEdge, "array_edge", "buffers hold packed codes"},
      {DequantizerPlacement::kDramSide, "dram_side", "buffers hold floats"}};
  return kRows;
}

template <>
const std::vector<EnumRow<MappingObjective>>& enum_rows() {
  static const std::vector<EnumRow<MappingObjective>> kRows = {
      {MappingObjective::kEdp, "edp", "the least product of energy and cycles"},
      {MappingObjective::kEnergy, "energy", "the least energy, then DRAM traffic"},
      {MappingObjective::kCycles, "cycles", "the fewest cycles, then the least DRAM traffic"},
      {MappingObjective::kTraffic, "traffic", "the least DRAM traffic, then the fewest cycles"}};
  return kRows;
}

template <>
const std::vector<EnumRow<LoopOrder>>& enum_rows() {
  static const std::vector<EnumRow<LoopOrder>> kRows = {
      {LoopOrder::kMnk, "mnk", "outermost m"},
      {LoopOrder::kMkn, "mkn", "outermost m, output sums are revisited"},
      {LoopOrder::kNmk, "nmk", "outermost n"},
      {LoopOrder::kNkm, "nkm", "outermost n, output sums are revisited"},
      {LoopOrder::kKmn, "kmn", "outermost k, output sums are revisited"},
      {LoopOrder::kKnm, "knm", "outermost k, output sums are revisited"}};
  return kRows;
}

template <>
const std::vector<EnumRow<FoldOrder>>& enum_rows() {
  static const std::vector<EnumRow<FoldOrder>> kRows = {
      {FoldOrder::kKInnermost, "k_innermost", "the k of some columns, then that of the next"},
      {FoldOrder::kColumnsInnermost, "columns_innermost",
       "all columns of some k, then those of the next"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DramLayout>>& enum_rows() {
  static const std::vector<EnumRow<DramLayout>> kRows = {
      {DramLayout::kRowMajor, "row_major", "rows of the tensor's innermost axis, no gaps"},
      {DramLayout::kTiled, "tiled", "tile after tile, each from the start of a burst"}};
  return kRows;
}

template <>
const std::vector<EnumRow<ActivationMemory>>& enum_rows() {
  static const std::vector<EnumRow<ActivationMemory>> kRows = {
      {ActivationMemory::kDram, "dram", "each layer reads and writes them there"},
      {ActivationMemory::kOnChip, "on_chip", "they stay in the input and output buffers"}};
  return kRows;
}

template <>
const std::vector<EnumRow<AttentionExecution>>& enum_rows() {
  static const std::vector<EnumRow<AttentionExecution>> kRows = {
      {AttentionExecution::kUnfused, "unfused", "scores, softmax and context are layers"},
      {AttentionExecution::kFused, "fused", "one layer, tile by tile of the keys"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Granularity>>& enum_rows() {
  static const std::vector<EnumRow<Granularity>> kRows = {
      {Granularity::kPerTensor, "per_tensor", "one scale for the tensor"},
      {Granularity::kPerChannel, "per_channel", "one scale per output channel"},
      {Granularity::kPerGroup, "per_group", "one scale per group_size elements along k"},
      {Granularity::kPerBlock, "per_block",
       "one scale per group_size output channels x group_size elements along k"},
      {Granularity::kPerToken, "per_token",
       "one scale per row of activations, found by the vector unit when the values are there"},
      {Granularity::kDynamicTensor, "dynamic_tensor",
       "one scale for all activations of a tensor, found by the vector unit when they are there"},
      {Granularity::kPerInputChannel, "per_input_channel",
       "one scale per element of k of activations, from a calibration; weights take it over"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Requantize>>& enum_rows() {
  static const std::vector<EnumRow<Requantize>> kRows = {
      {Requantize::kTfliteDoubleRounding, "tflite_double_rounding",
       "fixed-point multiplier, two roundings (gemmlowp)"},
      {Requantize::kTfliteSingleRounding, "tflite_single_rounding",
       "fixed-point multiplier, one rounding, half up"},
      {Requantize::kTfliteBuiltin, "tflite_builtin",
       "TensorFlow Lite's built-in kernels: two roundings in depthwise layers, one in others"},
      {Requantize::kTfliteXnnpack, "tflite_xnnpack",
       "TensorFlow Lite's XNNPACK delegate: fp32 multiplier, ties to even"},
      {Requantize::kOnnxHalfEven, "onnx_half_even", "float multiplier, ties to even"}};
  return kRows;
}

template <>
const std::vector<EnumRow<ScaleRule>>& enum_rows() {
  static const std::vector<EnumRow<ScaleRule>> kRows = {
      {ScaleRule::kOracle, "oracle",
       "holds the very values that are stored, which no machine knows beforehand"},
      {ScaleRule::kAbsMax, "abs_max", "holds all values of the calibration"},
      {ScaleRule::kPercentile, "percentile", "holds 99.99 % of them"},
      {ScaleRule::kMse, "mse", "clips where that makes their squared error least"},
      {ScaleRule::kEntropy, "entropy",
       "clips where their distribution loses the least information (TensorRT)"}};
  return kRows;
}

template <>
const std::vector<EnumRow<WeightQuantizer>>& enum_rows() {
  static const std::vector<EnumRow<WeightQuantizer>> kRows = {
      {WeightQuantizer::kNearest, "nearest", "scales hold the largest, codes are the nearest"},
      {WeightQuantizer::kMse, "mse", "scales clip where that makes the squared error least"},
      {WeightQuantizer::kImportance, "importance",
       "the same, errors weighted with the mean square of what they are multiplied by"},
      {WeightQuantizer::kGptq, "gptq",
       "element by element: those that follow make up for the error of those before"}};
  return kRows;
}

template <>
const std::vector<EnumRow<TransformKind>>& enum_rows() {
  static const std::vector<EnumRow<TransformKind>> kRows = {
      {TransformKind::kNone, "none", "as they are"},
      {TransformKind::kAwq, "awq",
       "weights of inputs that are large become larger before they are rounded, as far as that "
       "lessens the layers' error"},
      {TransformKind::kSmooth, "smooth", "inputs give a part of their range to the weights"},
      {TransformKind::kHadamard, "hadamard",
       "both are rotated, so that no element is much larger than others"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Primitive>>& enum_rows() {
  static const std::vector<EnumRow<Primitive>> kRows = [] {
    std::vector<EnumRow<Primitive>> rows;
    for (const PrimitiveRow& row : primitives())
      rows.push_back({row.value, row.name, std::string("counted in ") + row.unit});
    return rows;
  }();
  return kRows;
}

template <>
const std::vector<EnumRow<Boundary>>& enum_rows() {
  static const std::vector<EnumRow<Boundary>> kRows = {
      {Boundary::kUnit, "unit", "the functional unit alone: no registers, wires, control"},
      {Boundary::kMacro, "macro", "one access of a memory macro"},
      {Boundary::kIo, "io", "DRAM: the interface only"},
      {Boundary::kDevice, "device", "DRAM: the device, as far as its source says"},
      {Boundary::kSystem, "system", "DRAM: device, interface and controller"},
      {Boundary::kUnstated, "unstated", "the source does not say: the default of a tool"},
      {Boundary::kBlock, "block", "area: a synthesised block with its registers"},
      {Boundary::kChip, "chip", "area: a share of a finished chip, all included"}};
  return kRows;
}

template <>
const std::vector<EnumRow<PartKind>>& enum_rows() {
  static const std::vector<EnumRow<PartKind>> kRows = {
      {PartKind::kMac, "mac", "a MAC within a PE"},
      {PartKind::kSram, "bank", "a bank of a memory"},
      {PartKind::kLane, "lane", "a lane of a unit"},
      {PartKind::kOnce, "once", "there is one"}};
  return kRows;
}

template <>
const std::vector<EnumRow<NumberFamily>>& enum_rows() {
  static const std::vector<EnumRow<NumberFamily>> kRows = {
      {NumberFamily::kInteger, "integer", "b: width; of two widths, the root of their product"},
      {NumberFamily::kFloat, "float", "b: bits of the significand, with the hidden one"}};
  return kRows;
}

template <>
const std::vector<EnumRow<CapacityRule>>& enum_rows() {
  static const std::vector<EnumRow<CapacityRule>> kRows = {
      {CapacityRule::kPowerLaw, "power_law", "a line in log-log between and beyond two points"}};
  return kRows;
}

template <>
const std::vector<EnumRow<WidthScaling>>& enum_rows() {
  static const std::vector<EnumRow<WidthScaling>> kRows = {
      {WidthScaling::kProportional, "proportional", "an access of twice the bits costs twice"},
      {WidthScaling::kPowerLaw, "power_law", "a line in log-log between and beyond two widths"}};
  return kRows;
}

template <>
const std::vector<EnumRow<AreaUnit>>& enum_rows() {
  static const std::vector<EnumRow<AreaUnit>> kRows = {
      {AreaUnit::kLane, "lane", "of a lane of the component"},
      {AreaUnit::kMachine, "machine", "of the component, which there is once"}};
  return kRows;
}

template <>
const std::vector<EnumRow<TensorLayout>>& enum_rows() {
  static const std::vector<EnumRow<TensorLayout>> kRows = {
      {TensorLayout::kNative, "native", "n rows of k; filters x height x width x channels; NHWC"},
      {TensorLayout::kTransposed, "transposed", "the other way round: k rows of n"},
      {TensorLayout::kChannelsFirst, "channels_first",
       "filters x channels x height x width; NCHW"}};
  return kRows;
}

template <>
const std::vector<EnumRow<TensorSource::Generator>>& enum_rows() {
  using G = TensorSource::Generator;
  static const std::vector<EnumRow<G>> kRows = {
      {G::kNormal, "normal", "normally distributed"},
      {G::kUniform, "uniform", "evenly distributed"},
      {G::kOutliers, "outliers", "normal, with a few channels far larger, as LLM activations are"}};
  return kRows;
}

template <>
const std::vector<EnumRow<PriceUnit>>& enum_rows() {
  static const std::vector<EnumRow<PriceUnit>> kRows = {
      {PriceUnit::kPicojoule, "pJ", "picojoules"},
      {PriceUnit::kMac, "MAC", "ratios of what a MAC costs, written as pJ"}};
  return kRows;
}

template <>
const std::vector<EnumRow<PriceOrigin>>& enum_rows() {
  static const std::vector<EnumRow<PriceOrigin>> kRows = {
      {PriceOrigin::kQuoted, "quoted", "a figure of the table's source"},
      {PriceOrigin::kDerived, "derived", "by a rule of the table"},
      {PriceOrigin::kIncluded, "included", "contained in another action's price"},
      {PriceOrigin::kUnpriced, "unpriced", "not part of any sum"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DramPricing>>& enum_rows() {
  static const std::vector<EnumRow<DramPricing>> kRows = {
      {DramPricing::kTable, "table", "the energy table's: every DRAM costs the same"},
      {DramPricing::kDevice, "device", "those of the DRAM's own file, which must have some"}};
  return kRows;
}

}  // namespace bitjoule
