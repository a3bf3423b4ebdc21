#include "sim/schema/describe_layer.h"

#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe(V& v, Gemm& c) {
  v.required("m", c.m, "rows of the input: tokens, or batch", extent());
  v.required("n", c.n, "outputs per row", extent());
  v.required("k", c.k, "inputs per row", extent());
}

template <class V>
void describe(V& v, Matmul& c) {
  v.field("batch", c.batch, "independent products", extent());
  v.required("m", c.m, "rows of the first operand", extent());
  v.required("n", c.n, "columns of the second operand", extent());
  v.required("k", c.k, "length of the sums", extent());
  v.field("shared", c.shared, "consecutive products with the same second operand", extent());
}

template <class V>
void describe(V& v, Conv2d& c) {
  v.field("batch", c.batch, "images", extent());
  v.required("height", c.height, "of the input", extent());
  v.required("width", c.width, "of the input", extent());
  v.required("channels", c.channels, "of the input", extent());
  v.required("filters", c.filters, "channels of the output", extent());
  describe_window(v, c);
  v.field("groups", c.groups, "channels is the depthwise convolution", extent());
}

template <class V>
void describe(V& v, TensorSource& c) {
  v.shorthand("generator");
  describe_source(v, c);
}

template <class V>
void describe(V& v, BiasFile& c) {
  v.shorthand("add");
  v.field("add", c.add, "false: no bias");
  describe_source(v, c.values);
}

template <class V>
void describe(V& v, Layer& c) {
  v.field("name", c.name, "shown in reports");
  v.variant(c.op, alternative<Gemm>("gemm", "linear layer: m x k by k x n"),
            alternative<Conv2d>("conv2d", "2-D convolution"),
            alternative<Matmul>("matmul", "batch of products of two activations"));
  v.field("inputs", c.inputs, "values of the first operand");
  v.field("weights", c.weights, "values of the weights, or of a product's second operand");
  std::optional<BiasFile> bias;
  if (c.stage.bias) bias = BiasFile{true, c.bias.value_or(TensorSource{})};
  v.field("bias", bias, "one value per output channel is added: true, or where the values are");
  c.stage.bias = bias && bias->add;
  if (c.stage.bias) c.bias = bias->values;
  v.field("activation", c.stage.activation, "of the output unit", one_of({"", "relu", "relu6"}));
  v.check([&] {
    gemm_extents(c.op);
    if (c.stage.bias && std::holds_alternative<Matmul>(c.op))
      throw input_error("bias: a product of two activations has none");
    for (const auto* source : {&c.inputs, &c.weights, &c.bias})
      if (*source && !(*source)->input.empty())
        throw input_error("input: only a network has other layers to take values from");
  });
}

static Rule mac_names() {
  Rule rule = one_of({"auto"});
  for (const MacType& row : mac_types()) rule.choices.push_back(row.name);
  return rule;
}

template <class V>
void describe(V& v, TensorFormat& c) {
  v.shorthand("format");
  v.required("format", c.format, "number format, one of `sim list formats`", format_names());
  v.field("granularity", c.granularity, "which elements share a scale");
  v.field("group_size", c.group_size, "elements along k per group", range(1, 1 << 20));
  v.field("symmetric", c.symmetric, "false: a zero-point beside each scale");
  v.field("scale", c.scale, "storage of the scales", one_of({"fp32", "fp16", "bf16", "e8m0"}));
  v.field("zero_point", c.zero_point,
          "storage of zero-points: packed (GPTQ), packed_awq, or a format's name");
  v.check([&] { storage_layout(c); });
}

template <class V>
void describe(V& v, Precision& c) {
  v.required("weights", c.weights, "storage of the weights");
  v.required("activations", c.activations, "storage of the activations");
  v.field("output", c.output, "storage of the output; default: as the activations");
  v.field("mac", c.mac, "arithmetic, or auto: from the formats", mac_names());
  v.field("requantize", c.requantize, "how accumulators become integers again");
}

BITJOULE_DESCRIBED(Gemm)
BITJOULE_DESCRIBED(Matmul)
BITJOULE_DESCRIBED(Conv2d)
BITJOULE_DESCRIBED(TensorSource)
BITJOULE_DESCRIBED(BiasFile)
BITJOULE_DESCRIBED(Layer)
BITJOULE_DESCRIBED(TensorFormat)
BITJOULE_DESCRIBED(Precision)

}  // namespace bitjoule
