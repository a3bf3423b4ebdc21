#include "sim/schema/describe_layer.h"

#include "core/numeric/rows.h"
#include "core/workload/rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

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
  v.field("activation", c.stage.activation, "of the output unit", activation_names());
  v.check([&] {
    gemm_extents(c.op);
    if (c.stage.bias && std::holds_alternative<Matmul>(c.op))
      throw input_error("bias: a product of two activations has none");
    for (const auto* source : {&c.inputs, &c.weights, &c.bias})
      if (*source && !(*source)->values.empty())
        throw input_error("values: only layers of a network hold them");
    for (const auto* source : {&c.inputs, &c.weights, &c.bias})
      if (*source && !(*source)->input.empty())
        throw input_error("input: only a network has other layers to take values from");
  });
}

BITJOULE_DESCRIBED(Gemm)
BITJOULE_DESCRIBED(Matmul)
BITJOULE_DESCRIBED(Conv2d)
BITJOULE_DESCRIBED(TensorSource)
BITJOULE_DESCRIBED(BiasFile)
BITJOULE_DESCRIBED(Layer)
BITJOULE_DESCRIBED(TensorFormat)
BITJOULE_DESCRIBED(OperandTransform)
BITJOULE_DESCRIBED(Precision)

}  // namespace bitjoule
