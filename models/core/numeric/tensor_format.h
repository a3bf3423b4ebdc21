// How the numbers of one tensor are stored: the user's choice, by name (precision.weights and so
// on).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bitjoule {

/// Which elements share one scale (and zero-point): all; one output channel; `group_size`
/// consecutive elements along k of one output channel. Block formats (q4_0, mxfp4, ...) bring their
/// own. Per token: one row of activations, whose scale is dynamic: the vector unit finds it when
/// the values are there (VectorKind::kQuantize). Per block: squares of `group_size` output channels
/// and elements along k, of weights. Dynamic tensor: one scale for all activations, found as those
/// per token are. Per input channel: of what linear layers read, a static scale for each element of
/// k, which the weights take over (run/transforms.h); the tensor itself then has one scale.
enum class Granularity {
  kPerTensor,
  kPerChannel,
  kPerGroup,
  kPerToken,
  kPerBlock,
  kDynamicTensor,
  kPerInputChannel
};

struct TensorFormat {
  std::string format = "int8";  ///< a name of formats() in format.h
  Granularity granularity = Granularity::kPerTensor;
  std::int64_t group_size = 128;  ///< elements along k, where granularity is per group
  bool symmetric = true;          ///< false: a zero-point per scale
  /// Storage of the scales: fp32, fp16, bf16, e8m0; of nvfp4's scale of the tensor: fp32, or
  /// fp32_inverse (compressed-tensors: values are divided by it).
  std::string scale = "fp32";
  /// Storage of zero-points where not symmetric: "packed" (GPTQ: as wide as the element, less one),
  /// "packed_plain" (compressed-tensors: the number itself), "packed_awq" (AutoAWQ, uint4) or a
  /// format name such as "fp16" or "int8". Or, in their place, "offset_fp32", "offset_fp16" or
  /// "offset_bf16" (MLX, llm-awq): value = scale * code + offset.
  std::string zero_point = "packed";
};

/// How accumulators become integers again; never implied. See requantize.h.
enum class Requantize {
  kTfliteDoubleRounding,
  kTfliteSingleRounding,
  kTfliteBuiltin,
  kTfliteXnnpack,
  kOnnxHalfEven
};

/// How real weights become codes, where the format leaves a choice. See weight_quantizer.h.
enum class WeightQuantizer { kNearest, kMse, kImportance, kGptq };

/// What becomes of both operands of a linear layer before they are quantized, their product staying
/// what it is. See operand_transform.h.
enum class TransformKind { kNone, kAwq, kSmooth, kHadamard };

inline constexpr double kSmoothStrength = 0.5;  ///< where kSmooth says none
struct OperandTransform {
  TransformKind kind = TransformKind::kNone;
  std::optional<double> strength;  ///< of kSmooth alone
};

/// Where the one scale of an integer tensor of activations comes from: from the very values that
/// are stored, or from the values of a calibration. See value_histogram.h.
enum class ScaleRule { kOracle, kAbsMax, kPercentile, kMse, kEntropy };

/// In which type the factor input scale * weight scale / output scale is formed, and how it
/// multiplies.
enum class ScaleProduct {
  kByLayer,  ///< TFLite: of dense layers with one scale kProductFp32, of all others kAllFp64
  kAllFp64,
  kProductFp32,  ///< the product of the scales in fp32, the rest in fp64
  kAllFp32,
};

/// The number formats of one layer. What the machine does follows from them
/// (docs/configuration.md).
struct Precision {
  TensorFormat weights;                ///< the second operand
  TensorFormat activations;            ///< the first operand
  std::optional<TensorFormat> output;  ///< default: the activations' format
  std::string mac = "auto";            ///< fp32, fp16, int16, int8, int4, int2, ... or auto
  /// Default: what the network asks for, else onnx_half_even.
  std::optional<Requantize> requantize;
  /// Of weights that are quantized when they are loaded; default: nearest.
  std::optional<WeightQuantizer> quantizer;
  /// Of linear layers whose weights are quantized when they are loaded; default: none.
  std::optional<OperandTransform> transform;
  /// Of integer activations with a scale per tensor; default: oracle.
  std::optional<ScaleRule> static_scales;
  /// Of a language model, in the place of `weights`: llama.cpp's mixes (core/numeric/recipe.h).
  std::string recipe;
};

inline Requantize requantization(const Precision& precision) {
  return precision.requantize.value_or(Requantize::kOnnxHalfEven);
}

}  // namespace bitjoule
