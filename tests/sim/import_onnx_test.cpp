#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "sim/formats/onnx_values.h"
#include "sim/import/import.h"
#include "sim/import/onnx_import.h"
#include "sim/schema/network_file.h"
#include "support/onnx_builder.h"

namespace bitjoule::test::import_onnx_test {

namespace {

Imported import_model(const OnnxModel& model, const ImportOptions& options = {}) {
  return import_onnx(Blob::from_memory("m.onnx", model.bytes()), options);
}

std::map<std::string, NetworkLayer> layers_of(const OnnxModel& model,
                                              const ImportOptions& options = {}) {
  const Network network =
      read_network(text_source("m.yaml", imported_yaml(import_model(model, options))));
  std::map<std::string, NetworkLayer> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = layer;
  return layers;
}

std::string message_of(const OnnxModel& model, const ImportOptions& options = {}) {
  try {
    import_model(model, options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("onnx: a small CNN, with batch norm and activation folded") {
  ImportOptions options;
  options.batch = 2;
  const Imported imported = import_model(small_cnn(), options);
  const Network network = read_network(text_source("m.yaml", imported_yaml(imported)));
  const std::int64_t conv = 2 * 16 * 16 * 8 * 27, depthwise = 2 * 8 * 8 * 8 * 9, fc = 2 * 10 * 8;
  CHECK(total_macs(network) == conv + depthwise + fc);
  // Weights, gamma and beta, depthwise weights and bias, classifier and bias.
  CHECK(total_parameters(network) == 8 * 27 + 2 * 8 + 8 * 9 + 8 + 80 + 10);

  auto layers = layers_of(small_cnn(), options);
  const NetworkLayer& c0 = layers.at("c0");
  CHECK(c0.kind == "conv");
  CHECK(c0.activation == "relu");
  CHECK(c0.batch_norm_epsilon > 0);
  CHECK(c0.tensors.at("weights").layout == TensorLayout::kChannelsFirst);
  CHECK(c0.tensors.at("weights").file == "m.onnx");
  CHECK(c0.tensors.at("variance").tensor == "var");
  CHECK(c0.inputs == std::vector<std::string>{"image.channels_last"});
  CHECK(layers.count("n0") + layers.count("r0") == 0);
  CHECK(layers.at("c1").kind == "depthwise");
  CHECK(std::get<VectorOp>(layers.at("p0").op).kind == VectorKind::kMaxPool);
  // One factor per channel: channels are the last axis, so it needs one axis only.
  const VectorOp& factor = std::get<VectorOp>(layers.at("m1").op);
  CHECK(factor.shape == std::vector<std::int64_t>{2, 8, 8, 8});
  CHECK(factor.operand_shapes[1] == std::vector<std::int64_t>{8});
  CHECK(layers.at("m1").inputs == std::vector<std::string>{"c1", kOperandInput});
  CHECK(layers.at("l").tensors.at("weights").layout == TensorLayout::kNative);
  REQUIRE(network.outputs.size() == 1);
  CHECK(network.outputs[0].layer == "y");
  CHECK(network.inputs[0].shape == std::vector<std::int64_t>{2, 3, 16, 16});
  CHECK(network.parameters.at("batch") == 2);  // images, which reports are per
}

TEST_CASE("onnx: attention between activations, weights as k rows of n") {
  OnnxModel m;
  m.input("x", {1, 5, 16}).output("y");
  m.constant("wq", {16, 8}).constant("wk", {16, 8});
  m.node("MatMul", {"x", "wq"}, "q");
  m.node("MatMul", {"x", "wk"}, "k");
  OnnxModel::set(m.node("Transpose", {"k"}, "kt"), "perm", {0, 2, 1});
  m.node("MatMul", {"q", "kt"}, "s");
  m.node("Softmax", {"s"}, "y");
  auto layers = layers_of(m);
  CHECK(layers.at("q").tensors.at("weights").layout == TensorLayout::kTransposed);
  CHECK(layer_macs(layers.at("q")) == 5 * 16 * 8);
  const Matmul& scores = std::get<Matmul>(layers.at("s").op);
  CHECK(scores.batch == 1);
  CHECK(scores.m == 5);
  CHECK(scores.n == 5);
  CHECK(scores.k == 8);
  CHECK(layers.at("s").kind == "attention");
}

TEST_CASE("onnx: quantize and dequantize fold into the layer between them") {
  OnnxModel m;
  const int i8 = onnx::TensorProto::INT8, u8 = onnx::TensorProto::UINT8;
  m.input("x", {1, 4, 6, 6}).output("y");
  m.constant("xs", {}).constant("xz", {}, u8, {128});
  m.constant("wq", {8, 4, 1, 1}, i8).constant("ws", {8}).constant("wz", {8}, i8);
  m.constant("ys", {}).constant("yz", {}, u8, {3});
  m.node("QuantizeLinear", {"x", "xs", "xz"}, "xq");
  m.node("DequantizeLinear", {"xq", "xs", "xz"}, "xd");
  OnnxModel::set(m.node("DequantizeLinear", {"wq", "ws", "wz"}, "wd"), "axis", std::int64_t{0});
  m.node("Conv", {"xd", "wd"}, "c");
  m.node("Relu", {"c"}, "r");
  m.node("QuantizeLinear", {"r", "ys", "yz"}, "q");
  m.node("DequantizeLinear", {"q", "ys", "yz"}, "y");
  auto layers = layers_of(m);
  const NetworkLayer& c = layers.at("c");
  CHECK(c.precision.mac == "int8");
  CHECK(c.precision.activations->format == "uint8");
  CHECK(!c.precision.activations->symmetric);  // zero-point 128
  CHECK(c.precision.weights->format == "int8");
  CHECK(c.precision.weights->granularity == Granularity::kPerChannel);
  CHECK(c.precision.weights->symmetric);  // all zero-points are 0
  CHECK(c.precision.output->format == "uint8");
  CHECK(c.precision.requantize == Requantize::kOnnxHalfEven);
  CHECK(c.activation == "relu");
  CHECK(c.tensors.at("weights").tensor == "wq");
  CHECK(c.tensors.at("input_scale").tensor == "xs");
  CHECK(c.tensors.at("output_zero_point").tensor == "yz");
  // The network's input is quantized by the vector unit, its output dequantized there.
  CHECK(std::get<VectorOp>(layers.at("xq").op).kind == VectorKind::kQuantizeLinear);
  CHECK(std::get<VectorOp>(layers.at("y").op).kind == VectorKind::kDequantizeLinear);
  CHECK(layers.count("wd") == 0);
}

TEST_CASE("onnx: integer operators keep scales and zero-points, also as run-time inputs") {
  OnnxModel m;
  const int u8 = onnx::TensorProto::UINT8;
  m.input("x", {1, 1, 7, 7}, u8).input("w", {2, 1, 3, 3}, u8).input("xz", {}, u8);
  m.output("y", onnx::TensorProto::INT32);
  m.node("ConvInteger", {"x", "w", "xz"}, "y");
  auto layers = layers_of(m);
  const NetworkLayer& y = layers.at("y");
  CHECK(y.accumulators);
  CHECK(y.tensors.at("weights").input == "w");
  CHECK(y.tensors.at("weights").layout == TensorLayout::kChannelsFirst);
  CHECK(y.tensors.at("input_zero_point").input == "xz");
  CHECK(layers.count("y.channels_first") == 1);  // what leaves is in ONNX's order
}

TEST_CASE("onnx: padding of auto_pad and ceil_mode follows the inferred size") {
  OnnxModel m;
  m.input("x", {1, 2, 5, 5}).output("y").output("p").constant("w", {2, 2, 3, 3});
  onnx::NodeProto& conv = m.node("Conv", {"x", "w"}, "y");
  OnnxModel::set(conv, "strides", {2, 2});
  auto* mode = conv.add_attribute();
  mode->set_name("auto_pad");
  mode->set_type(onnx::AttributeProto::STRING);
  mode->set_s("SAME_UPPER");
  onnx::NodeProto& pool = m.node("MaxPool", {"x"}, "p");
  OnnxModel::set(pool, "kernel_shape", {2, 2});
  OnnxModel::set(pool, "strides", {2, 2});
  OnnxModel::set(pool, "ceil_mode", std::int64_t{1});
  auto layers = layers_of(m);
  const Conv2d& c = std::get<Conv2d>(layers.at("y").op);
  CHECK(c.out_height() == 3);  // ceil(5 / 2)
  CHECK(c.pad_top == 1);       // (3 - 1) * 2 + 3 - 5 = 2, half before
  CHECK(c.pad_bottom == 1);
  const VectorOp& p = std::get<VectorOp>(layers.at("p").op);
  CHECK(p.elements() == 3 * 3 * 2);
  CHECK(p.window->pad_bottom == 1);
}

TEST_CASE("onnx: sizes that contradict each other, or that nothing can be divided by") {
  const auto convolution = [](const char* name, std::vector<std::int64_t> values) {
    OnnxModel m;
    m.input("x", {1, 4, 5, 5}).output("y").constant("w", {2, 4, 3, 3});
    onnx::NodeProto& conv = m.node("Conv", {"x", "w"}, "y");
    if (values.size() == 1)
      OnnxModel::set(conv, name, values[0]);
    else
      OnnxModel::set(conv, name, values);
    return message_of(m);
  };
  CHECK(convolution("strides", {2, 2}) == "");
  CHECK(convolution("strides", {1, 0}) ==
        "m.onnx: node \"Conv_y\" (Conv-13): strides: expected 1..2147483648, got 0");
  CHECK(convolution("dilations", {-1, 1}) ==
        "m.onnx: node \"Conv_y\" (Conv-13): dilations: expected 1..2147483648, got -1");
  CHECK(convolution("group", {0}) ==
        "m.onnx: node \"Conv_y\" (Conv-13): group: expected 1..2147483648, got 0");
  CHECK(convolution("group", {2}) ==
        "m.onnx: node \"Conv_y\" (Conv-13): 4 channels meet 2 groups of 4");

  OnnxModel unknown;  // the shape inference of an operator that is left out divides as well
  unknown.input("x", {1, 4, 6, 6}).output("y");
  OnnxModel::set(unknown.node("SpaceToDepth", {"x"}, "y"), "blocksize", std::int64_t{0});
  ImportOptions skip;
  skip.skip_unknown = true;
  CHECK(message_of(unknown, skip) ==
        "m.onnx: node \"SpaceToDepth_y\" (SpaceToDepth-13): blocksize: expected 1..2147483648, got "
        "0");

  OnnxModel product;
  product.input("a", {1, 4}).output("y").constant("b", {5, 3});
  product.node("Gemm", {"a", "b"}, "y");
  CHECK(message_of(product) == "m.onnx: node \"Gemm_y\" (Gemm-13): 4 columns meet 5 rows");
}

TEST_CASE("onnx: faults name the node or the input") {
  OnnxModel unknown;
  unknown.input("x", {4}).output("y");
  unknown.node("Unique", {"x"}, "a");
  unknown.node("Det", {"a"}, "b");
  unknown.node("Unique", {"b"}, "c");
  unknown.node("NonZero", {"c"}, "y");
  const std::string what_then =
      "; --skip-unknown leaves them out, and what they would produce becomes an input of the "
      "network";
  CHECK(message_of(unknown) ==
        "m.onnx: operators that are not supported (opset 13): 2 x Unique (first: node "
        "\"Unique_a\"), 1 x Det (node \"Det_b\"), 1 x NonZero (node \"NonZero_y\")" +
            what_then);

  OnnxModel partly;
  partly.input("x", {4}).output("y");
  partly.node("Unique", {"x"}, "a");
  partly.node("Relu", {"a"}, "y");
  ImportOptions skip;
  skip.skip_unknown = true;
  CHECK(import_model(partly, skip).notes.size() == 1);
  CHECK(layers_of(partly, skip).at("y").inputs == std::vector<std::string>{"a"});

  OnnxModel unnamed;
  unnamed.input("x", {4}).output("y");
  unnamed.node("Mish", {"x"}, "y").clear_name();
  unnamed.graph().mutable_node(0)->set_domain("com.example");
  CHECK(
      message_of(unnamed) ==
      "m.onnx: operators that are not supported (opset 13): 1 x com.example.Mish (node \"-> y\")" +
          what_then);

  OnnxModel cycle;
  cycle.input("x", {4}).output("y");
  cycle.node("Add", {"x", "b"}, "a");
  cycle.node("Add", {"x", "a"}, "b");
  cycle.node("Relu", {"b"}, "y");
  CHECK(
      message_of(cycle) ==
      "m.onnx: node \"Add_a\" (Add-13): reads \"b\" before it is produced: the graph has a cycle, "
      "is not sorted, or lacks a node");

  OnnxModel open;
  open.input("x", {1, 0}).output("y");
  open.node("Relu", {"x"}, "y");
  CHECK(message_of(open) == "m.onnx: input \"x\": dimension 1 (\"N\") is open: give --size N=N");
  ImportOptions sized;
  sized.sizes = {{"N", 7}};
  CHECK(output_elements(layers_of(open, sized).at("y")) == 7);
  sized.sizes = {{"M", 7}};
  CHECK(message_of(open, sized) != "");

  OnnxModel mismatch;
  mismatch.input("x", {2, 3}).output("y").constant("w", {4, 5});
  mismatch.node("MatMul", {"x", "w"}, "y");
  CHECK(message_of(mismatch).find("m.onnx: ") == 0);

  OnnxModel huge;
  huge.input("x", {1, std::int64_t{1} << 40, 3, 3}).output("y");
  huge.constant("w", {1, 1, 3, 3});
  OnnxModel::set(huge.node("Conv", {"x", "w"}, "y"), "group", std::int64_t{1} << 40);
  CHECK(message_of(huge).find("m.onnx: ") == 0);
}

TEST_CASE("onnx: what follows from the sizes of inputs is held by the network") {
  OnnxModel m;
  m.input("x", {1, 3}).output("y");
  m.constant("zero", {}, onnx::TensorProto::INT64, {0});
  m.constant("one", {}, onnx::TensorProto::INT64, {1});
  m.constant("table", {4, 2}, onnx::TensorProto::FLOAT, {1, 2, 3, 4, 5, 6, 7, 8});
  m.node("Shape", {"x"}, "s");
  m.node("Gather", {"s", "one"}, "n");
  m.node("Range", {"zero", "n", "one"}, "places");
  m.node("Gather", {"table", "places"}, "rows");
  m.node("MatMul", {"x", "rows"}, "y");
  const Network network = read_network(text_source("m.yaml", imported_yaml(import_model(m))));
  const auto product = std::find_if(network.layers.begin(), network.layers.end(),
                                    [](const auto& layer) { return layer.name == "y"; });
  REQUIRE(product != network.layers.end());
  const TensorSource& rows = product->tensors.at("weights");
  CHECK(rows.values == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(rows.layout == TensorLayout::kTransposed);
  CHECK(!rows.integers);
}

TEST_CASE("onnx: functions that call themselves are refused") {
  OnnxModel m;
  m.input("x", {4}).output("y");
  m.node("Own", {"x"}, "y").set_domain("own");
  onnx::FunctionProto& own = *m.proto().add_functions();
  own.set_name("Own");
  own.set_domain("own");
  own.add_input("a");
  own.add_output("b");
  onnx::NodeProto& call = *own.add_node();
  call.set_op_type("Own");
  call.set_domain("own");
  call.add_input("a");
  call.add_output("b");
  CHECK(message_of(m) == "m.onnx: function \"Own\" calls itself");
}

TEST_CASE("onnx: truncated and damaged models are refused or read, never worse") {
  const std::string whole = small_cnn().bytes();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    try {
      import_onnx(Blob::from_memory("m.onnx", whole.substr(0, size)), {});
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
    }
  }
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
    try {
      import_onnx(Blob::from_memory("m.onnx", damaged), {});
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
    }
  }
}

TEST_CASE("onnx: what follows from stored weights is computed, or refused by node and opset") {
  const auto floats = [](const OnnxModel& m, const std::string& name) {
    const std::string bytes = m.bytes();
    const Blob blob = Blob::from_memory("m.onnx", bytes);
    for (const StoredTensor& tensor : onnx_tensors(blob))
      if (tensor.name == name) return to_floats(tensor);
    return std::vector<float>();
  };
  const auto product = [](OnnxModel& m, const std::vector<std::int64_t>& x) {
    m.input("x", x);
    m.node("MatMul", {"x", "c"}, "y");
    m.output("y");
    return read_network(text_source("m.yaml", imported_yaml(import_model(m))));
  };
  using Floats = std::vector<float>;
  const int kFloat = onnx::TensorProto::FLOAT;
  {
    OnnxModel m;
    m.constant("w", {2, 3}, kFloat, {1, 2, 3, 4, 5, 6});
    m.constant("pads", {4}, onnx::TensorProto::INT64, {0, 1, 1, 0});
    m.constant("value", {}, kFloat, {7});
    m.node("Pad", {"w", "pads", "value"}, "c");
    CHECK(total_macs(product(m, {1, 3})) == 3 * 4);
    CHECK(floats(m, "c") == Floats{7, 1, 2, 3, 7, 4, 5, 6, 7, 7, 7, 7});
  }
  {
    OnnxModel m;
    m.constant("w", {2, 2, 3}, kFloat, {1, 2, 3, 4, 5, 6, 3, 2, 1, 6, 5, 4});
    OnnxModel::set(m.node("ReduceMean", {"w"}, "c"), "axes", std::vector<std::int64_t>{0});
    OnnxModel::set(*m.graph().mutable_node(0), "keepdims", 0);
    CHECK(total_macs(product(m, {1, 2})) == 2 * 3);
    CHECK(floats(m, "c") == Floats{2, 2, 2, 5, 5, 5});
  }
  for (const int opset : {11, 13}) {  // over all axes from the first on, or over that one
    OnnxModel m(opset);
    m.constant("w", {1, 2, 2}, kFloat, {3, 3, 3, 3});
    OnnxModel::set(m.node("Softmax", {"w"}, "c"), "axis", 1);
    CHECK(total_macs(product(m, {1, 2})) == 2 * 2);
    CHECK(floats(m, "c") == Floats(4, opset < 13 ? 0.25f : 0.5f));
  }
  {
    OnnxModel m;
    m.constant("a", {2, 3}, kFloat, {1, 2, 3, 4, 5, 6});
    m.constant("b", {3, 2}, kFloat, {1, 2, 3, 4, 5, 6});
    m.node("MatMul", {"a", "b"}, "c");
    CHECK(total_macs(product(m, {1, 2})) == 2 * 2);
    CHECK(floats(m, "c") == Floats{22, 28, 49, 64});
  }
  {
    OnnxModel m;  // batches broadcast: two rows by one matrix, and a vector
    m.constant("a", {2, 1, 2}, kFloat, {1, 2, 3, 4});
    m.constant("b", {1, 2, 2}, kFloat, {1, 0, 0, 10});
    m.constant("v", {2}, kFloat, {1, 1});
    m.node("MatMul", {"a", "b"}, "ab");
    m.node("MatMul", {"ab", "v"}, "c");
    product(m, {1, 2});
    CHECK(floats(m, "c") == Floats{21, 43});
  }
  OnnxModel leaky;
  leaky.constant("w", {2, 3});
  leaky.input("x", {1, 2});
  leaky.node("LeakyRelu", {"w"}, "c");
  leaky.node("MatMul", {"x", "c"}, "y");
  leaky.output("y");
  const auto layers = layers_of(leaky);  // what is not computed is loaded and executed
  CHECK(layers.at("w.stored").inputs == std::vector<std::string>{"$operand"});
  CHECK(layers.at("c").inputs == std::vector<std::string>{"w.stored"});
  CHECK(layers.at("y").inputs.front() == "x");
  OnnxModel negative;
  negative.input("x", {1, 1, 4, 4}, onnx::TensorProto::UINT8);
  negative.constant("scale", {}, kFloat, {-2});
  negative.node("DequantizeLinear", {"x", "scale"}, "f");
  OnnxModel::set(negative.node("MaxPool", {"f"}, "y"), "kernel_shape", {2, 2});
  negative.output("y");
  const std::string refused = message_of(negative);
  CAPTURE(refused);
  CHECK(refused.find("node \"DequantizeLinear_f\" (DequantizeLinear-13): ") != std::string::npos);
  CHECK(refused.find("\"scale\": expected positive numbers, got -2") != std::string::npos);
}

}  // namespace bitjoule::test::import_onnx_test
