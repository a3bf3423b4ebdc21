#include "sim/schema/describe_network.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/workload/rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe(V& v, TensorsFile& c) {
  for (std::size_t i = 0; i < tensor_roles().size(); ++i)
    v.field(tensor_roles()[i].c_str(), c.sources[i], "where its values come from");
}

template <class V>
void describe(V& v, PrecisionOverride& c) {
  v.field("weights", c.weights, "storage of the weights, or of a product's second operand");
  v.field("activations", c.activations, "storage of the activations");
  v.field("output", c.output, "storage of the output");
  v.field("mac", c.mac, "arithmetic");
  v.field("requantize", c.requantize, "how accumulators become integers again");
  v.field("quantizer", c.quantizer, "how weights become codes when they are loaded");
  v.field("transform", c.transform,
          "what becomes of inputs and weights of linear layers before they are quantized");
  v.field("static_scales", c.static_scales,
          "where the scales of integer activations per tensor come from");
}

template <class V>
void describe(V& v, PoolWindow& c) {
  v.field("batch", c.batch, "images", extent());
  v.required("height", c.height, "of the input", extent());
  v.required("width", c.width, "of the input", extent());
  v.required("channels", c.channels, "of input and output", extent());
  describe_window(v, c);
  v.spread("beyond", {&c.beyond_bottom, &c.beyond_right},
           "of the padding [bottom, right], what lies behind it: no mean counts that",
           range(0, std::int64_t{1} << 31));
  c.groups = c.filters = c.channels;
}

template <class V>
void describe(V& v, RopeScaling& c) {
  v.required("factor", c.factor, "frequencies are divided by it");
  v.field("original", c.original,
          "tokens of the training: frequencies are spared by how often "
          "they turn in them (Llama 3.1); 0: none is",
          at_least(0));
  v.field("low_frequency", c.low_frequency, "turns below which the factor counts in full");
  v.field("high_frequency", c.high_frequency, "turns above which it does not count");
}

template <class V>
void describe(V& v, Routing& c) {
  v.required("experts", c.experts, "of the mixture", extent());
  v.required("chosen", c.chosen, "of them, by every token", extent());
  v.field("scores", c.scores, "what the router's sums become");
  v.field("normalized", c.normalized, "weights of the chosen are divided by their sum");
  v.field("scale", c.scale, "of the weights");
  v.field("biased", c.biased, "a trained bias for each expert counts in the choice alone");
  v.field("groups", c.groups, "of consecutive experts; the best ones are chosen from", extent());
  v.field("kept_groups", c.kept_groups, "so many", extent());
  v.field("group_best", c.group_best, "by the sum of so many of their best scores", extent());
}

template <class V>
void describe(V& v, Experts& c) {
  v.required("count", c.count, "matrices, one of each expert", extent());
  v.required("chosen", c.chosen, "rows of each token", extent());
  v.field("loads", c.loads,
          "rows of each expert that has any; default: as many experts as expected", extent());
}

template <class V>
void describe(V& v, Resize& c) {
  v.field("coordinates", c.coordinates, "of output element o in the operand");
  v.field("rounding", c.rounding, "resize_nearest: which element is taken");
  v.field("scales", c.scales, "output size / input size of each axis; default: by the sizes");
}

template <class V>
void describe(V& v, CodeScale& c) {
  v.required("scale", c.scale, "what a step of the code is worth: a positive fp32 number");
  v.field("zero_point", c.zero_point, "the code of 0", range(INT32_MIN, INT32_MAX));
  v.check([&] {
    if (!(c.scale > 0) || !std::isfinite(static_cast<float>(c.scale)))
      throw input_error(fmt::format("scale: expected a positive number, got {}", c.scale));
  });
}

template <class V>
void describe(V& v, Distances& c) {
  v.field("buckets", c.buckets, "of distances, each with a score for each head", range(4, 1 << 20));
  v.field("farthest", c.farthest, "distances from here on are one bucket", range(1, 1 << 30));
}

template <class V>
void describe(V& v, VectorCodes& c) {
  v.field("operands", c.operands, "what the operands' codes stand for");
  v.required("output", c.output, "what the result's codes stand for");
  v.field("activation", c.activation, "clamps the result", activation_names());
  v.field("delegated", c.delegated,
          "TFLite's XNNPACK takes the operator, else its built-in kernels");
  v.field("keeps_axes", c.keeps_axes, "TFLite: a mean of images that keeps its four axes");
}

template <class V>
void describe(V& v, VectorOp& c) {
  const Rule size = range(1, kMaxVectorElements);
  v.required("op", c.kind, "operator, see `sim list vector_ops`");
  v.field("rows", c.rows, "rows of the output; default: from shape or window", size);
  v.field("cols", c.cols, "elements of a row", size);
  v.field("reduced", c.reduced, "elements read per output (reductions), channels (lrn)", size);
  v.field("window", c.window, "pools: geometry");
  v.field("count_padding", c.count_padding, "avg_pool: padding counts in the mean");
  v.field("table_rows", c.table_rows, "embedding: rows of the table", size);
  v.field("causal", c.causal, "softmax: rows of a sequence, each blind to what follows it",
          at_least(0));
  v.field("reach", c.reach, "softmax: of the columns that a row sees, the last so many; 0: all",
          at_least(0));
  v.field("heads", c.heads, "rope: rows per token; softmax with alibi or sinks: heads", size);
  v.field("position", c.position, "rope, embedding: of the first token", at_least(0));
  v.field("tokens", c.tokens,
          "rope: tokens of a sequence; 0: all; embedding: above 0, positions are looked up",
          at_least(0));
  v.field("alibi", c.alibi,
          "softmax: scores less slope * distance, slopes 2^(-alibi * (head + 1) / heads)",
          at_least(0));
  v.field("sinks", c.sinks, "softmax: one more score for each head, of no column");
  v.field("distances", c.distances,
          "softmax: a trained score for each head and bucket of distances");
  v.field("routing", c.routing, "route, combine, dispatch: how experts are chosen");
  v.field("interleaved", c.interleaved, "rope: pairs are neighbours");
  v.field("rotated", c.rotated, "rope: leading columns that are rotated; 0: all", at_least(0));
  v.field("scaling", c.scaling, "rope: frequencies for longer contexts");
  v.field("alpha", c.alpha, "constant of the operator's formula");
  v.field("beta", c.beta, "constant of the operator's formula; rmsnorm: is added to gamma");
  v.field("bias", c.bias, "lrn: constant of its formula");
  v.field("shape", c.shape, "of the output, for broadcasting and data movement", size);
  v.field("operand_shapes", c.operand_shapes, "of the operands", size);
  v.field("axes", c.axes, "transpose: permutation; concat: the axis; lstm, gru: places of gates",
          range(0, 63));
  v.field("starts", c.starts, "slice: first index; pad: leading padding", at_least(0));
  v.field("steps", c.steps, "slice; pad: from one element to the next; of a slice below 0: back",
          range(-kMaxVectorElements, kMaxVectorElements));
  v.field("resize", c.resize, "resize, resize_nearest: where elements come from");
  v.field("codes", c.codes, "of a quantized network: operands and result are integer codes");
}

template <class V>
void describe(V& v, SumForm& c) {
  v.field("scale_product", c.product, "the type of input scale * weight scale / output scale");
  v.field("wide", c.wide_sums, "TFLite's sums of 64 bits: times the factor's upper 15 bits");
  v.field("delegated", c.delegated, "TFLite's XNNPACK takes the layer, else its built-in kernels");
  v.field("rounds_twice", c.rounds_twice,
          "TFLite's built-in kernels requantize in two steps, as in depthwise layers");
}

template <class V>
void describe(V& v, LayerFile& c) {
  v.required("name", c.name, "unique in the network");
  v.field("kind", c.kind, "what reports group by; default: by the operation");
  v.field("repeat", c.repeat, "identical layers, simulated once", range(1, 1 << 20));
  v.field("inputs", c.inputs, "layers whose outputs it reads; default: the one before");
  v.variant(c.op, alternative<Gemm>("gemm", "linear layer: m x k by k x n"),
            alternative<Conv2d>("conv2d", "2-D convolution"),
            alternative<Matmul>("matmul", "batch of products of two activations"),
            alternative<VectorOp>("vector", "operator of the vector unit"));
  v.field("tensors", c.tensors, "where values come from; default: generated");
  v.field("experts", c.experts, "gemm: rows of experts, each with weights of its own");
  v.field("precision", c.precision, "number formats that differ from the run's");
  v.field("mapping", c.mapping, "pinned parts of the tiling that differ from the run's");
  v.field("bias", c.bias, "one value per output channel is added");
  v.field("batch_norm", c.batch_norm, "folded into weights and bias; counts two parameters");
  v.field("activation", c.activation, "fused into the output unit", activation_names());
  v.field("accumulators", c.accumulators, "the output is the 32-bit sums");
  v.field("sums", c.sums, "how those of codes become codes");
  v.field("batch_norm_epsilon", c.batch_norm_epsilon,
          "above 0: tensors gamma, beta, mean, variance are folded in", at_least(0));
  v.field("kv_cache", c.kv_cache, "matmul: the second operand is cached; else: output is cached");
  v.field("kv_view", c.kv_view,
          "matmul with kv_cache: its part of the cache is one that another product reads");
  v.field("parameters", c.parameters, "trained parameters; default: weights, bias and norms",
          at_least(0));
}

template <class V>
void describe(V& v, NetworkInput& c) {
  v.required("name", c.name, "as layers name it");
  v.field(
      "shape", c.shape,
      "sizes, the last varies fastest; 0 only where no layer reads it (axes that an importer took)",
      range(0, kMaxVectorElements));
  v.field("type", c.type, "of its elements: real values, or integers that stand for themselves",
          element_types());
  v.field("next", c.next, "a state: the layer whose result it is in the next pass");
  v.field("initial", c.initial, "a state: of its elements before the first pass");
  describe_source(v, c.source);
}

template <class V>
void describe(V& v, NetworkOutput& c) {
  v.shorthand("layer");
  v.required("layer", c.layer, "that produces it");
  v.field("name", c.name, "of the output; default: the layer's");
  v.field("shape", c.shape, "sizes; default: the layer's", range(1, kMaxVectorElements));
  v.field("type", c.type, "of its elements", element_types());
}

template <class V>
void describe(V& v, LayerRule& c) {
  v.required("layers", c.layers, "names of layers; * is any text");
  v.field("optional", c.optional, "the network need not have such layers");
  v.field("precision", c.precision, "number formats that differ from the run's");
  v.field("mapping", c.mapping, "pinned parts of the tiling that differ from the run's");
  TensorsFile tensors(c.tensors);
  v.field("tensors", tensors, "where values come from");
  c.tensors = tensors.by_role();
}

template <class V>
void describe(V& v, MixFile& c) {
  v.field("unroll", c.unroll, "every repetition becomes layers of its own, as overrides may need");
  v.required("overrides", c.overrides, "precision, mapping and tensors of layers by name");
}

template <class V>
void describe(V& v, NetworkFile& c) {
  v.field("name", c.name, "shown in reports");
  v.field("base", c.base, "network file whose keys these replace");
  v.field("phase", c.phase, "one of phases");
  v.field("parameters", c.parameters, "name: number, or =expression of other parameters");
  v.field("phases", c.phases, "phase: {parameter: value}");
  v.field("inputs", c.inputs, "the network's inputs");
  v.field("layers", c.layers, "layers and blocks, in the order they run");
  v.field("outputs", c.outputs, "layers whose outputs leave; default: the last");
  v.field("kv_cache", c.kv_cache, "storage of cached keys and values; default: as activations");
  v.field("contexts", c.contexts,
          "tokens of each sequence of the batch, where they differ; default: context, of all",
          extent());
  v.field("expert_loads", c.expert_loads,
          "tokens of each expert that has any, in all layers; default: as expected", extent());
  v.field("requantize", c.requantize,
          "how accumulators become integers again, where the run does not say");
  v.field("unroll", c.unroll, "every repetition becomes layers of its own, as overrides may need");
  v.field("overrides", c.overrides, "precision, mapping and tensors of layers by name");
  v.field("timing_only", c.timing_only,
          "what the layers leave out that changes values alone: values: on is refused");
  v.field("notes", c.notes, "what an importer left out or simplified: told with every run");
}

BITJOULE_DESCRIBED(TensorsFile)
BITJOULE_DESCRIBED(PrecisionOverride)
BITJOULE_DESCRIBED(PoolWindow)
BITJOULE_DESCRIBED(RopeScaling)
BITJOULE_DESCRIBED(Routing)
BITJOULE_DESCRIBED(Resize)
BITJOULE_DESCRIBED(SumForm)
BITJOULE_DESCRIBED(Experts)
BITJOULE_DESCRIBED(CodeScale)
BITJOULE_DESCRIBED(VectorCodes)
BITJOULE_DESCRIBED(VectorOp)
BITJOULE_DESCRIBED(LayerFile)
BITJOULE_DESCRIBED(NetworkInput)
BITJOULE_DESCRIBED(NetworkOutput)
BITJOULE_DESCRIBED(LayerRule)
BITJOULE_DESCRIBED(MixFile)
BITJOULE_DESCRIBED(NetworkFile)

}  // namespace bitjoule
