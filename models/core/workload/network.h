// A network: layers with their shapes, precision and tensors, in the order they run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/numeric/shared_heads.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"
#include "core/workload/pins.h"
#include "core/workload/tensor_source.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

using NetworkOp = std::variant<Conv2d, Gemm, Matmul, VectorOp>;

/// What a layer says about its number formats; the rest comes from the run's precision.
struct PrecisionOverride {
  std::optional<TensorFormat> weights, activations, output;
  std::optional<std::string> mac;
  std::optional<Requantize> requantize;
  std::optional<WeightQuantizer> quantizer;
  std::optional<OperandTransform> transform;
  std::optional<ScaleRule> static_scales;

  Precision apply(Precision base) const;
};

/// As an input's name: the layer's tensor of role "operand" (a constant) stands there.
inline const char* const kOperandInput = "$operand";

/// As the second input of a product with `kv_cache`: all of it lies in the cache already, from a
/// pass in which the product had an input there.
inline const char* const kCacheInput = "$cache";

/// A product whose rows are those of a mixture's experts, one after the other: `chosen` rows for
/// each token. Each expert has weights of its own. The first input has the rows in the order of
/// experts (dispatch), the second says which they chose (route).
struct Experts {
  std::int64_t count = 1, chosen = 1;
  /// Rows of each expert that has any; empty: spread_loads(). With values the routing counts.
  std::vector<std::int64_t> loads;
};

/// How the sums of a quantized layer become codes, beside the run's requantization.
struct SumForm {
  ScaleProduct product = ScaleProduct::kByLayer;
  bool wide_sums = false;  ///< as SumRequantization::wide_sums
  /// TensorFlow Lite's XNNPACK delegate takes the layer; else its built-in kernels compute it.
  bool delegated = true;
  /// The built-in kernels requantize by two roundings, as they always do in depthwise layers.
  bool rounds_twice = false;
};

/// How a layer takes part in transformations of operands (run/transforms.h). A group is the linear
/// layers that read one tensor, named after the first of them.
struct TransformRole {
  std::string input_factors;         ///< its input comes times the factors of that group
  std::string output_factors;        ///< its output channels leave times them
  std::int64_t rotation = 0;         ///< above 0: its input comes rotated, by so many stages
  std::int64_t output_rotation = 0;  ///< likewise its output channels
  SharedHeads heads;                 ///< of the inputs of its own group
  SharedHeads output_heads;          ///< of the inputs of the group of its output_factors
};

struct FusedLayers;

struct NetworkLayer {
  std::string name;  ///< unique within the network
  std::string kind;  ///< what reports group by: "conv", "depthwise", "linear", "attention", ...
  NetworkOp op;
  std::int64_t repeat = 1;  ///< this many identical layers run; values are those of the first
  /// Producers of the operands, in order; "" or absent is the layer before. A network's own inputs
  /// are named in Network::inputs.
  std::vector<std::string> inputs;
  /// Tensors by role: "weights", "bias", "gamma", "beta", "mean", "variance", "table",
  /// "operand", "factors" (rope: divisors of its frequencies), and for stored quantization
  /// "input_scale", "input_zero_point", "weight_scale", "weight_zero_point",
  /// "output_scale", "output_zero_point". A role that is absent uses its default.
  std::map<std::string, TensorSource> tensors;
  PrecisionOverride precision;
  TransformRole transform;
  TilePins mapping;        ///< of a layer with MACs: takes the place of the run's
  bool bias = false;       ///< the output unit adds one value per output channel
  std::string activation;  ///< fused into the output unit: "", "relu", "relu6" or "relu_n1_to_1"
  std::optional<Experts> experts;  ///< gemm
  bool accumulators = false;       ///< the output is the 32-bit sums themselves (ONNX ConvInteger)
  SumForm sums;
  /// Above 0: gamma, beta, mean and variance of `tensors` are folded into weights and bias, with
  /// this epsilon, when the layer is loaded.
  double batch_norm_epsilon = 0;
  bool kv_cache = false;  ///< matmul: the second operand is read from the KV cache;
                          ///< otherwise: the output is appended to it
  bool kv_view = false;   ///< matmul: the cached operand is a part of what another one reads
  /// Its output goes to DRAM whatever the mapping says: it is appended to a cache, or a product
  /// reads it as it reads weights. Only runs have such layers (run/quantize_passes.h).
  bool to_memory = false;
  std::int64_t parameters = 0;  ///< trained parameters of one of the `repeat` layers; 0 when tied
  /// Set: fused attention, whose inputs are queries, keys and values, in the place of its context.
  /// Only runs have such layers (run/fused_attention.h).
  std::shared_ptr<const FusedLayers> fused;
};

/// The layers that a fused attention takes the place of.
struct FusedLayers {
  NetworkLayer scores, softmax, context;
  std::optional<NetworkLayer> softcap;  ///< between scores and softmax
};

/// A tensor that enters the network. `type` names what its elements are: real values ("", "fp32",
/// ...), which are stored as activations are, or integers ("int64", "uint8", "bool", ...), which
/// stand for themselves: indices, or codes of a quantized network.
struct NetworkInput {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string type;
  TensorSource source;  ///< a file, or a generator
  /// A state: in the next pass it is what this layer produces in this one; before the first,
  /// `initial`, where `source` is no file.
  std::string next;
  double initial = 0;
};

/// A tensor that leaves the network: what `layer` produces, under a name, shape and type of its
/// own where the layer's do not say it all.
struct NetworkOutput {
  std::string layer;
  std::string name;  ///< empty: the layer's
  std::vector<std::int64_t> shape;
  std::string type;
};

struct Network {
  std::string name;
  std::string phase;                               ///< "prefill", "decode", or empty
  std::map<std::string, std::int64_t> parameters;  ///< resolved: tokens, context, batch, ...
  std::vector<NetworkInput> inputs;
  std::vector<NetworkLayer> layers;
  std::vector<NetworkOutput> outputs;  ///< empty: the last layer
  /// Where neither a layer nor the run says how integer sums become integers again.
  std::optional<Requantize> requantize;
};

/// The operation of a layer with MACs; none of a vector operator.
std::optional<LayerOp> mac_op(const NetworkOp& op);

/// MACs of one of the `repeat` layers; 0 for vector operators. Checks the sizes.
std::int64_t layer_macs(const NetworkLayer& layer);
/// Stationary weights of one of the `repeat` layers (groups x n x k of a conv or linear layer; 0
/// for attention products, whose second operand is an activation).
std::int64_t layer_weights(const NetworkLayer& layer);
/// Rows of the experts that are expected to have any: of B tokens that choose independently and
/// evenly count * (1 - (1 - chosen / count)^B), to the nearest whole number, have rows, all as many
/// or one more, the fuller ones first.
std::vector<std::int64_t> spread_loads(const Gemm& product, const Experts& experts);
/// "conv", "depthwise", "linear", "attention" or "vector".
std::string default_kind(const NetworkOp& op);
/// Weights and `per_channel` more for each output channel (bias, norms); a vector operator's own.
std::int64_t default_parameters(const NetworkLayer& layer, std::int64_t per_channel);
/// Elements of the layer's output.
std::int64_t output_elements(const NetworkLayer& layer);
/// Sums over all layers and repeats.
std::int64_t total_macs(const Network& network);
std::int64_t total_parameters(const Network& network);
std::int64_t total_outputs(const Network& network);  ///< elements

/// Bytes per token are this many KV elements: keys and values appended per token and sequence.
std::int64_t kv_elements_written(const Network& network);

/// Unique names, known inputs, no cycle (inputs stand before), positive repeats, legal shapes.
/// Throws an input Error that names the layer.
void check_network(const Network& network);

}  // namespace bitjoule
