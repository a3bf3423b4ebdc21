#include "sim/import/onnx_graph.h"

#include <fmt/format.h>
#include <onnx/defs/schema.h>
#include <onnx/shape_inference/implementation.h>

#include <set>

#include "core/error.h"
#include "sim/formats/onnx_model.h"
#include "sim/formats/tensor_file.h"

namespace bitjoule {
namespace {

const std::string kNothing;

/// Operands that say what the node does, which must be known before anything runs.
bool is_setting(const std::string& op_type, int operand) {
  static const std::map<std::string, std::set<int>> kOperands = {
      {"Clip", {1, 2}},    {"Dropout", {1, 2}}, {"Pad", {1, 2, 3}},
      {"ReduceMean", {1}}, {"Reshape", {1}},    {"Slice", {1, 2, 3, 4}},
      {"Split", {1}},      {"Squeeze", {1}},    {"Unsqueeze", {1}}};
  const auto found = kOperands.find(op_type);
  return found != kOperands.end() && found->second.count(operand) != 0;
}

/// Refuses sizes that libonnx divides by as they are.
void check_geometry(const OnnxNode& node) {
  constexpr std::int64_t kMax = std::int64_t{1} << 31;
  for (const char* name : {"kernel_shape", "strides", "dilations", "group", "blocksize"}) {
    Shape sizes = node.integers(name);
    if (sizes.empty()) sizes.push_back(node.integer(name, 1));
    for (const std::int64_t size : sizes)
      if (size < 1 || size > kMax)
        node.fail(fmt::format("{}: expected 1..{}, got {}", name, kMax, size));
  }
}

onnx::TensorProto to_proto(const StoredTensor& tensor, const std::string& name) {
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(tensor.type->onnx);
  for (const std::int64_t size : tensor.shape) proto.add_dims(size);
  proto.set_raw_data(tensor.data, tensor.bytes);
  return proto;
}

}  // namespace

const std::string& OnnxNode::input(int index) const {
  return index < proto_.input_size() ? proto_.input(index) : kNothing;
}

const std::string& OnnxNode::output(int index) const {
  return index < proto_.output_size() ? proto_.output(index) : kNothing;
}

const onnx::AttributeProto* OnnxNode::find(const char* attribute) const {
  for (const onnx::AttributeProto& a : proto_.attribute())
    if (a.name() == attribute) return &a;
  return nullptr;
}

std::int64_t OnnxNode::integer(const char* attribute, std::int64_t otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : a->i();
}

double OnnxNode::real(const char* attribute, double otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : double{a->f()};
}

std::string OnnxNode::text(const char* attribute, const std::string& otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : a->s();
}

Shape OnnxNode::integers(const char* attribute, const Shape& otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : Shape(a->ints().begin(), a->ints().end());
}

std::string OnnxNode::label() const {
  if (!proto_.name().empty()) return proto_.name();
  return proto_.output_size() > 0 ? "-> " + proto_.output(0) : "";
}

void OnnxNode::fail(const std::string& what) const {
  throw input_error(
      fmt::format("{}: node \"{}\" ({}): {}", file_, label(), proto_.op_type(), what));
}

OnnxGraph::OnnxGraph(const Blob& blob, const ImportOptions& options)
    : file_(blob.name()), model_(parse_onnx_model(blob)) {
  for (const auto& opset : model_.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx")
      opset_ = static_cast<int>(opset.version());
  bind_constants(options);
  constants_ = onnx_constants(model_.graph());
  check_order();
  settle_sizes(options);
  infer_shapes();
  collect_shapes();
}

std::vector<std::string> OnnxGraph::inputs() const {
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& input : proto().input())
    if (constants_.count(input.name()) == 0) names.push_back(input.name());
  return names;
}

void OnnxGraph::bind_constants(const ImportOptions& options) {
  bound_ = options.constants;
  for (const onnx::NodeProto& node : proto().node())
    for (int i = 0; i < node.input_size(); ++i)
      if (const auto given = options.inputs.find(node.input(i));
          given != options.inputs.end() && is_setting(node.op_type(), i))
        bound_.insert(*given);
  for (const auto& [name, path] : bound_)
    *model_.mutable_graph()->add_initializer() = to_proto(load_tensor(path, ""), name);
}

std::string OnnxGraph::file_of(const std::string& constant) const {
  const auto found = bound_.find(constant);
  return found == bound_.end() ? "" : found->second;
}

void OnnxGraph::settle_sizes(const ImportOptions& options) {
  std::set<std::string> used;
  bool has_open_batch = false;
  for (onnx::ValueInfoProto& input : *model_.mutable_graph()->mutable_input()) {
    if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape())
      throw input_error(
          fmt::format("{}: input \"{}\" is no tensor or has no shape", file_, input.name()));
    onnx::TensorShapeProto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
    for (int d = 0; d < shape.dim_size(); ++d) {
      onnx::TensorShapeProto::Dimension& dim = *shape.mutable_dim(d);
      if (dim.has_dim_value() && dim.dim_value() > 0) continue;
      const std::string name = dim.dim_param();
      const auto given = options.sizes.find(name);
      if (given == options.sizes.end() && d != 0)
        throw input_error(
            fmt::format("{}: input \"{}\": dimension {} (\"{}\") is open: give --size {}=N", file_,
                        input.name(), d, name, name.empty() ? "NAME" : name));
      has_open_batch = has_open_batch || given == options.sizes.end();
      dim.set_dim_value(given != options.sizes.end() ? given->second : options.batch);
      used.insert(name);
    }
  }
  if (options.batch != 1 && !has_open_batch)
    throw input_error(file_ + ": --batch: no input has an open first dimension");
  for (const auto& [name, size] : options.sizes)
    if (used.count(name) == 0)
      throw input_error(fmt::format("{}: no dimension is named \"{}\"", file_, name));
}

void OnnxGraph::check_order() const {
  std::set<std::string> known = {""};
  for (const onnx::ValueInfoProto& input : proto().input()) known.insert(input.name());
  for (const auto& [name, tensor] : constants_) known.insert(name);
  for (const onnx::NodeProto& proto_node : proto().node()) {
    const OnnxNode node(proto_node, file_);
    for (const std::string& input : proto_node.input())
      if (known.count(input) == 0)
        node.fail(
            fmt::format("reads \"{}\" before it is produced: the graph has a cycle, is not "
                        "sorted, or lacks a node",
                        input));
    for (const std::string& output : proto_node.output())
      if (!output.empty() && !known.insert(output).second && proto_node.op_type() != "Constant")
        node.fail(fmt::format("produces \"{}\", which exists already", output));
  }
  for (const onnx::ValueInfoProto& output : proto().output())
    if (known.count(output.name()) == 0)
      throw input_error(fmt::format("{}: output \"{}\" is never produced", file_, output.name()));
}

void OnnxGraph::infer_shapes() {
  // What an exporter wrote for other sizes must not contradict the sizes settled above.
  onnx::GraphProto& graph = *model_.mutable_graph();
  const auto forget_open_shape = [](onnx::ValueInfoProto& info) {
    if (!info.type().has_tensor_type()) return;
    for (const auto& dim : info.type().tensor_type().shape().dim())
      if (!dim.has_dim_value() || dim.dim_value() < 1)
        return info.mutable_type()->mutable_tensor_type()->clear_shape();
  };
  for (onnx::ValueInfoProto& value : *graph.mutable_value_info()) forget_open_shape(value);
  for (onnx::ValueInfoProto& output : *graph.mutable_output()) forget_open_shape(output);
  for (const onnx::NodeProto& proto : graph.node()) {
    const OnnxNode node(proto, file_);
    check_geometry(node);
    const auto* schema =
        onnx::OpSchemaRegistry::Instance()->GetSchema(proto.op_type(), opset_, proto.domain());
    try {
      if (schema != nullptr) schema->Verify(proto);
    } catch (const std::exception& error) {
      node.fail(error.what());
    }
  }
  try {
    const onnx::ShapeInferenceOptions options(false, 0, true);
    onnx::shape_inference::InferShapes(model_, onnx::OpSchemaRegistry::Instance(), options);
  } catch (const std::exception& error) {
    throw input_error(fmt::format("{}: {}", file_, error.what()));
  }
  constants_ = onnx_constants(model_.graph());
}

void OnnxGraph::collect_shapes() {
  const auto note = [this](const onnx::ValueInfoProto& info) {
    if (!info.type().has_tensor_type()) return;
    const auto& tensor = info.type().tensor_type();
    types_[info.name()] = tensor.elem_type();
    if (!tensor.has_shape()) return;
    Shape shape;
    for (const auto& dim : tensor.shape().dim()) {
      if (!dim.has_dim_value() || dim.dim_value() < 1) return;
      shape.push_back(dim.dim_value());
    }
    shapes_[info.name()] = std::move(shape);
  };
  for (const auto& info : proto().input()) note(info);
  for (const auto& info : proto().value_info()) note(info);
  for (const auto& info : proto().output()) {
    note(info);
    ++readers_[info.name()];
  }
  for (const auto& [name, tensor] : constants_) {
    shapes_[name].assign(tensor->dims().begin(), tensor->dims().end());
    types_[name] = tensor->data_type();
  }
  for (const onnx::NodeProto& node : proto().node())
    for (const std::string& input : node.input()) ++readers_[input];
}

const onnx::TensorProto* OnnxGraph::constant(const std::string& name) const {
  const auto found = constants_.find(name);
  return found == constants_.end() ? nullptr : found->second;
}

const Shape* OnnxGraph::shape(const std::string& name) const {
  const auto found = shapes_.find(name);
  return found == shapes_.end() ? nullptr : &found->second;
}

int OnnxGraph::type(const std::string& name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? 0 : found->second;
}

int OnnxGraph::readers(const std::string& name) const {
  const auto found = readers_.find(name);
  return found == readers_.end() ? 0 : found->second;
}

}  // namespace bitjoule
