// What the machine does with the numbers of one layer: it follows from their formats, there is no
// switch for it (docs/configuration.md, "Precision").
#pragma once

#include <cstdint>

#include "core/machine/machine.h"
#include "core/numeric/mac.h"
#include "core/numeric/storage.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"

namespace bitjoule {

/// One operand on its way from DRAM to the array.
struct OperandPath {
  TensorFormat format;
  StorageLayout layout;
  /// Becomes a float of the MAC's format on the way; with an integer MAC, an integer of a table.
  bool dequantized = false;
  std::int64_t code_bits = 32;     ///< per element as stored, without scales
  std::int64_t operand_bits = 32;  ///< per integer in the array
  bool zero_points = false;        ///< integer MAC: needs the other operand's sum as a correction
};

struct DataPath {
  OperandPath weights, activations, output;
  WeightQuantizer quantizer = WeightQuantizer::kNearest;
  ScaleRule static_scales = ScaleRule::kOracle;
  MacType mac;
  std::int64_t macs_per_pe = 1;  ///< consecutive k in one PE
  std::int64_t mac_passes = 1;   ///< cycles that each takes
  /// The MAC of floats takes elements of formats with scales without those: they multiply its sums,
  /// as they do integers' (MX, nvfp4, fp8_e4m3_scaled).
  bool scaled_elements = false;
  /// Elements along k whose partial sums share one scale; 0: all of k. Where it is not 0, a fold
  /// never crosses a group, and the output unit scales and accumulates each group in float.
  std::int64_t scale_group = 0;

  /// Whether sums are of codes or elements, to be multiplied by scales.
  bool scales_sums() const { return mac.is_integer || scaled_elements; }
};

/// Whether both operands' scales multiply exactly: powers of two, and E4M3.
bool scales_exactly(const DataPath& path);
/// Whether sums of a group's products are exact in fp32, whatever their order: those of fp4 and
/// fp6 elements.
bool sums_exactly(const DataPath& path);
/// Bits of a product as an adder tree takes it, in fixed point where floats are summed exactly.
std::int64_t product_bits(const DataPath& path);

/// How values lie in memory before they get dynamic scales: in the output format, where that has
/// none itself, else as float activations do, else in fp16.
TensorFormat wide_format(const Precision& precision);
/// How a layer's results leave it: as `output` or the activations say, but wide where scales are
/// dynamic, which are known only when whole rows are there.
TensorFormat output_format(const Precision& precision);

/// Whether a pass of the vector unit makes `activations` of what lies in memory as `stored`: blocks
/// or groups with scales of their own (MX, nvfp4, GGML's) of floats.
bool makes_blocks(const TensorFormat& activations, const TensorFormat& stored);

/// Whether scales differ between the terms of a sum along k: where the second operand lies as k
/// rows of n (`k_rows`) that have scales of their own. Sums of codes mean nothing then.
bool scales_differ_in_sums(const TensorFormat& weights, bool k_rows);

/// What a layer's operation says of its sums along k.
struct SumTerms {
  bool k_rows = false;  ///< the second operand lies as k rows of n
  /// Terms of the first operand lie side by side for so many of k; 0: for all of it. Between them
  /// they may have other scales.
  std::int64_t run = 0;
};

/// Resolves the formats for a machine. With `k_rows` a MAC of floats is needed where
/// scales_differ_in_sums(). Throws an input Error with the reason where they do not fit.
DataPath resolve_data_path(const Precision& precision, const PeConfig& pe, SumTerms terms = {});
/// As a layer's operation has it.
DataPath resolve_data_path(const Precision& precision, const PeConfig& pe, const LayerOp& op);

/// Bits of `elements` consecutive elements in the main stream of a tensor: blocks with all their
/// fields where interleaved (whole blocks only), else codes alone.
std::int64_t main_bits(const StorageLayout& layout, std::int64_t elements);
/// Bytes of a region in the main stream, and in the separate stream of scales and zero-points.
std::int64_t main_bytes(const StorageLayout& layout, const RegionBytes& region);
std::int64_t side_bytes(const StorageLayout& layout, const RegionBytes& region);

}  // namespace bitjoule
