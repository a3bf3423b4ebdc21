// Builds ONNX models for tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace bitjoule::test {

class OnnxModel {
 public:
  explicit OnnxModel(int opset = 13) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(opset);
    model_.mutable_graph()->set_name("test");
  }

  /// A size of 0 is the open dimension "N".
  OnnxModel& input(const std::string& name, const std::vector<std::int64_t>& shape,
                   int type = onnx::TensorProto::FLOAT) {
    describe(*graph().add_input(), name, type, &shape);
    return *this;
  }
  OnnxModel& output(const std::string& name, int type = onnx::TensorProto::FLOAT) {
    describe(*graph().add_output(), name, type, nullptr);
    return *this;
  }
  /// Zeros, or the integers given.
  OnnxModel& constant(const std::string& name, const std::vector<std::int64_t>& shape,
                      int type = onnx::TensorProto::FLOAT,
                      const std::vector<std::int64_t>& values = {}) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    std::int64_t elements = 1;
    for (std::int64_t size : shape) {
      tensor.add_dims(size);
      elements *= size;
    }
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t value = values.empty() ? 0 : values[static_cast<std::size_t>(i)];
      if (type == onnx::TensorProto::FLOAT)
        tensor.add_float_data(static_cast<float>(value));
      else if (type == onnx::TensorProto::INT64)
        tensor.add_int64_data(value);
      else
        tensor.add_int32_data(static_cast<std::int32_t>(value));
    }
    return *this;
  }
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(op);
    node.set_name(op + "_" + output);
    for (const std::string& name : inputs) node.add_input(name);
    node.add_output(output);
    return node;
  }
  static void set(onnx::NodeProto& node, const std::string& name,
                  const std::vector<std::int64_t>& values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (std::int64_t value : values) attribute.add_ints(value);
  }
  static void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }

  onnx::ModelProto& proto() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  std::string bytes() const { return model_.SerializeAsString(); }

 private:
  static void describe(onnx::ValueInfoProto& info, const std::string& name, int type,
                       const std::vector<std::int64_t>* shape) {
    info.set_name(name);
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    if (shape == nullptr) return;
    tensor.mutable_shape();  // of a scalar: there, and empty
    for (std::int64_t size : *shape) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (size == 0)
        dim.set_dim_param("N");
      else
        dim.set_dim_value(size);
    }
  }

  onnx::ModelProto model_;
};

/// Convolution with folded batch norm and ReLU, pool, depthwise convolution, a scaled residual,
/// global pool and a classifier; open batch.
inline OnnxModel small_cnn() {
  OnnxModel m;
  m.input("image", {0, 3, 16, 16}).output("y");
  m.constant("w0", {8, 3, 3, 3});
  for (const char* name : {"gamma", "beta", "mean", "var"}) m.constant(name, {8});
  m.constant("w1", {8, 1, 3, 3}).constant("b1", {8}).constant("factor", {8, 1, 1});
  m.constant("w2", {10, 8}).constant("b2", {10});
  OnnxModel::set(m.node("Conv", {"image", "w0"}, "c0"), "pads", {1, 1, 1, 1});
  m.node("BatchNormalization", {"c0", "gamma", "beta", "mean", "var"}, "n0");
  m.node("Relu", {"n0"}, "r0");
  onnx::NodeProto& pool = m.node("MaxPool", {"r0"}, "p0");
  OnnxModel::set(pool, "kernel_shape", {2, 2});
  OnnxModel::set(pool, "strides", {2, 2});
  onnx::NodeProto& depthwise = m.node("Conv", {"p0", "w1", "b1"}, "c1");
  OnnxModel::set(depthwise, "pads", {1, 1, 1, 1});
  OnnxModel::set(depthwise, "group", std::int64_t{8});
  m.node("Mul", {"c1", "factor"}, "m1");
  m.node("Add", {"p0", "m1"}, "a1");
  m.node("GlobalAveragePool", {"a1"}, "g");
  m.node("Flatten", {"g"}, "f");
  onnx::NodeProto& linear = m.node("Gemm", {"f", "w2", "b2"}, "l");
  OnnxModel::set(linear, "transB", std::int64_t{1});
  m.node("Softmax", {"l"}, "y");
  return m;
}

}  // namespace bitjoule::test
