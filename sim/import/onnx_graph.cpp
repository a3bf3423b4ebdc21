#include "sim/import/onnx_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_model.h"
#include "sim/formats/tensor_file.h"
#include "sim/import/network_builder.h"

namespace bitjoule {
namespace {

/// The sets of operators that the rules were written for.
constexpr int kOldestOpset = 7, kNewestOpset = 23;

/// Operands that say what the node does, which must be known before anything runs.
bool is_setting(const std::string& op_type, int operand) {
  static const std::map<std::string, std::set<int>> kOperands = {{"AffineGrid", {1}},
                                                                 {"Clip", {1, 2}},
                                                                 {"Col2Im", {1, 2}},
                                                                 {"Compress", {1}},
                                                                 {"ConstantOfShape", {0}},
                                                                 {"Dropout", {1, 2}},
                                                                 {"Expand", {1}},
                                                                 {"Pad", {1, 2, 3}},
                                                                 {"Range", {0, 1, 2}},
                                                                 {"ReduceMean", {1}},
                                                                 {"Reshape", {1}},
                                                                 {"Slice", {1, 2, 3, 4}},
                                                                 {"Split", {1}},
                                                                 {"Squeeze", {1}},
                                                                 {"Unsqueeze", {1}},
                                                                 {"Trilu", {1}},
                                                                 {"CumSum", {1}},
                                                                 {"Resize", {1, 2, 3}},
                                                                 {"Upsample", {1}},
                                                                 {"Tile", {1}},
                                                                 {"ReduceSum", {1}},
                                                                 {"ReduceL1", {1}},
                                                                 {"ReduceL2", {1}},
                                                                 {"ReduceLogSum", {1}},
                                                                 {"ReduceLogSumExp", {1}},
                                                                 {"ReduceSumSquare", {1}},
                                                                 {"CenterCropPad", {1}},
                                                                 {"MaxUnpool", {2}},
                                                                 {"NonZero", {0}},
                                                                 {"ReverseSequence", {1}},
                                                                 {"HannWindow", {0}},
                                                                 {"HammingWindow", {0}},
                                                                 {"BlackmanWindow", {0}},
                                                                 {"Loop", {0, 1}},
                                                                 {"ReduceMax", {1}},
                                                                 {"ReduceMin", {1}},
                                                                 {"ReduceProd", {1}},
                                                                 {"TopK", {1}},
                                                                 {"OneHot", {1}},
                                                                 {"DFT", {1, 2}},
                                                                 {"STFT", {1, 3}},
                                                                 {"SplitToSequence", {1}},
                                                                 {"SequenceAt", {1}},
                                                                 {"SequenceErase", {1}},
                                                                 {"SequenceInsert", {2}},
                                                                 {"If", {0}},
                                                                 {"LSTM", {4}},
                                                                 {"GRU", {4}},
                                                                 {"RNN", {4}}};
  const auto found = kOperands.find(op_type);
  return found != kOperands.end() && found->second.count(operand) != 0;
}

/// The sizes of the data that are given for an input, where they have as many axes.
Shape sizes_of_data(const ImportOptions& options, const std::string& input, int axes) {
  const auto given = options.inputs.find(input);
  if (given == options.inputs.end() || given->second.empty()) return {};
  const Shape shape = load_tensor(given->second, "").shape;
  const bool fits = shape.size() == static_cast<std::size_t>(axes) &&
                    std::all_of(shape.begin(), shape.end(), [](std::int64_t s) { return s > 0; });
  return fits ? shape : Shape();
}

/// -1 where the file is not read as a tensor, which whoever needs its elements says.
std::int64_t elements_of_data(const std::string& path) {
  try {
    return volume_of(load_tensor(path, "").shape);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    return -1;
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

OnnxGraph::OnnxGraph(const Blob& blob, const ImportOptions& options, Supported supported)
    : file_(blob.name()),
      model_(parse_onnx_model(blob)),
      opset_(onnx_opset(model_)),
      values_(file_, opset_) {
  if (const int read = std::clamp(opset_, kOldestOpset, kNewestOpset); read != opset_)
    notes_.push_back(
        fmt::format("opset {}: operators are read as those of opset {}", opset_, read));
  bind_constants(options);
  values_.add_initializers(proto());
  for (const auto& [name, file] : bound_) values_.mark_sized(name);
  for (const auto& info : proto().value_info()) declared_[info.name()] = &info;
  for (const auto& info : proto().output()) declared_[info.name()] = &info;
  check_order();
  find_unsupported(options.skip_unknown, supported);
  settle_sizes(options);
  infer();
  compare_declared();
}

std::vector<std::string> OnnxGraph::inputs() const {
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& input : proto().input())
    if (!is_constant(input.name())) names.push_back(input.name());
  return names;
}

/// Of the inputs that are given: what nodes do by, what that is computed from where it is small,
/// and what has no elements.
void OnnxGraph::bind_constants(const ImportOptions& options) {
  constexpr std::int64_t kSmall = 64;
  bound_ = options.constants;
  std::set<std::string> settings, behind;
  const auto& nodes = proto().node();
  for (auto proto_node = nodes.rbegin(); proto_node != nodes.rend(); ++proto_node) {
    const OnnxNode node(*proto_node, file_, opset_);
    const bool leads = is_computed(node, true) && node.op() != "Shape" && node.op() != "Size" &&
                       std::any_of(proto_node->output().begin(), proto_node->output().end(),
                                   [&](const std::string& output) {
                                     return settings.count(output) + behind.count(output) != 0;
                                   });
    for (int i = 0; i < proto_node->input_size(); ++i)
      if (is_setting(proto_node->op_type(), i))
        settings.insert(proto_node->input(i));
      else if (leads)
        behind.insert(proto_node->input(i));
  }
  for (const onnx::ValueInfoProto& input : proto().input()) {
    const auto given = options.inputs.find(input.name());
    if (given == options.inputs.end() || given->second.empty()) continue;
    bool binds = settings.count(input.name()) != 0;
    if (!binds) {
      const std::int64_t elements = elements_of_data(given->second);
      binds =
          elements == 0 || (behind.count(input.name()) != 0 && elements > 0 && elements <= kSmall);
    }
    if (binds) bound_.insert(*given);
  }
  for (const auto& [name, path] : bound_) {
    onnx::TensorProto proto = to_proto(load_tensor(path, ""), name);
    // Elements may have been widened; where there are none, nothing but their type counts.
    for (const onnx::ValueInfoProto& input : this->proto().input())
      if (input.name() == name && proto.raw_data().empty())
        proto.set_data_type(input.type().tensor_type().elem_type());
    *model_.mutable_graph()->add_initializer() = std::move(proto);
  }
}

std::string OnnxGraph::file_of(const std::string& constant) const {
  const auto found = bound_.find(constant);
  return found == bound_.end() ? "" : found->second;
}

void OnnxGraph::settle_sizes(const ImportOptions& options) {
  std::set<std::string> used;
  bool has_open_batch = false;
  for (onnx::ValueInfoProto& input : *model_.mutable_graph()->mutable_input()) {
    if (values_.has(input.name())) continue;  // an initializer's default is its value
    if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape())
      throw input_error(
          fmt::format("{}: input \"{}\" is no tensor or has no shape", file_, input.name()));
    onnx::TensorShapeProto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
    const Shape data = sizes_of_data(options, input.name(), shape.dim_size());
    for (int d = 0; d < shape.dim_size(); ++d) {
      onnx::TensorShapeProto::Dimension& dim = *shape.mutable_dim(d);
      if (dim.has_dim_value() && dim.dim_value() > 0) continue;
      const std::string name =
          dim.dim_param().empty() ? fmt::format("{}.{}", input.name(), d) : dim.dim_param();
      const auto given = options.sizes.find(name);
      if (given == options.sizes.end() && !data.empty()) {
        dim.set_dim_value(data[static_cast<std::size_t>(d)]);
        continue;
      }
      if (given == options.sizes.end() && d != 0)
        throw input_error(
            fmt::format("{}: input \"{}\": dimension {} (\"{}\") is open: give --size {}=N", file_,
                        input.name(), d, dim.dim_param(), name));
      has_open_batch = has_open_batch || given == options.sizes.end();
      dim.set_dim_value(given != options.sizes.end() ? given->second : options.batch);
      used.insert(name);
    }
    Shape sizes;
    for (const auto& dim : shape.dim()) sizes.push_back(dim.dim_value());
    try {
      volume_of(sizes);
    } catch (const Error& error) {
      throw input_error(fmt::format("{}: input \"{}\": {}", file_, input.name(), error.what()));
    }
    values_.add_data(input.name(), {input.type().tensor_type().elem_type(), std::move(sizes)});
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
  for (const onnx::TensorProto& tensor : proto().initializer()) known.insert(tensor.name());
  for (const onnx::SparseTensorProto& sparse : proto().sparse_initializer())
    known.insert(sparse.values().name());
  for (const onnx::NodeProto& proto_node : proto().node()) {
    const OnnxNode node(proto_node, file_, opset_);
    for (const std::string& input : proto_node.input())
      if (known.count(input) == 0)
        node.fail(
            fmt::format("reads \"{}\" before it is produced: the graph has a cycle, is not "
                        "sorted, or lacks a node",
                        input));
    for (const std::string& output : proto_node.output())
      if (!output.empty() && !known.insert(output).second)
        node.fail(fmt::format("produces \"{}\", which exists already", output));
  }
  for (const onnx::ValueInfoProto& output : proto().output())
    if (known.count(output.name()) == 0)
      throw input_error(fmt::format("{}: output \"{}\" is never produced", file_, output.name()));
}

void OnnxGraph::find_unsupported(bool skip, Supported supported) {
  std::set<std::string> constants = {""};
  for (const onnx::TensorProto& tensor : proto().initializer()) constants.insert(tensor.name());
  for (const onnx::SparseTensorProto& sparse : proto().sparse_initializer())
    constants.insert(sparse.values().name());
  UnsupportedOperators unsupported;
  for (const onnx::NodeProto& proto_node : proto().node()) {
    const OnnxNode node(proto_node, file_, opset_);
    const bool all = std::all_of(proto_node.input().begin(), proto_node.input().end(),
                                 [&](const auto& input) { return constants.count(input) != 0; });
    if (is_computed(node, all)) {
      constants.insert(proto_node.output().begin(), proto_node.output().end());
      continue;
    }
    if (supported(node) || find_onnx_expansion(node) != nullptr) continue;
    left_out_.insert(&proto_node);
    unsupported.add(node.standard() ? node.op() : proto_node.domain() + "." + node.op(),
                    node.label());
  }
  for (std::string& line : unsupported.settle(file_, fmt::format("opset {}", opset_), skip))
    notes_.push_back(std::move(line));
}

/// What an operator that is left out would produce: as its rule says, else as the file declares it,
/// else as large as the first operand.
void OnnxGraph::leave_out(const OnnxNode& node) {
  for (const std::string& output : node.proto().output()) {
    if (output.empty()) continue;
    OnnxInfo info;
    if (const onnx::ValueInfoProto* stated = declared(output)) {
      info.type = stated->type().tensor_type().elem_type();
      for (const auto& dim : stated->type().tensor_type().shape().dim())
        info.shape.push_back(dim.dim_value());
      volume_of(info.shape);
    } else if (values_.has(node.input(0))) {
      info = values_.info(node.input(0));
    } else {
      node.fail(fmt::format("the shape of \"{}\" is not known", output));
    }
    if (volume_of(info.shape) == 0) node.fail(fmt::format("\"{}\" has no elements", output));
    values_.add_data(output, info);
  }
}

/// Nullptr where the file does not state every size.
const onnx::ValueInfoProto* OnnxGraph::declared(const std::string& name) const {
  const auto found = declared_.find(name);
  if (found == declared_.end() || !found->second->type().has_tensor_type() ||
      !found->second->type().tensor_type().has_shape())
    return nullptr;
  for (const auto& dim : found->second->type().tensor_type().shape().dim())
    if (!dim.has_dim_value() || dim.dim_value() < 1) return nullptr;
  return found->second;
}

/// Layers divide by the sizes of what they work on.
void OnnxGraph::refuse_empty(const OnnxNode& node) const {
  const auto refuse = [&](const std::string& name) {
    if (!name.empty() && volume_of(values_.info(name).shape) == 0)
      node.fail(fmt::format("\"{}\" has no elements, which is not supported", name));
  };
  for (int i = 0; i < node.inputs(); ++i)
    if (!is_setting(node.op(), i)) refuse(node.input(i));
  for (int i = 0; i < node.outputs(); ++i) refuse(node.output(i));
}

/// Nodes take the place of those that are written as others, in order, as the sizes of their
/// operands become known.
void OnnxGraph::infer() {
  auto& nodes = *model_.mutable_graph()->mutable_node();
  std::vector<onnx::NodeProto*> extracted(static_cast<std::size_t>(nodes.size()));
  nodes.ExtractSubrange(0, nodes.size(), extracted.data());
  // Whoever throws below leaves nodes that nobody has taken.
  std::vector<std::unique_ptr<onnx::NodeProto>> stated(extracted.begin(), extracted.end());
  const OnnxWriter::Known known = known_of(values_);
  RefusedNodes refused;
  const auto settle = [&](std::unique_ptr<onnx::NodeProto>& one) {
    if (is_left_out(*one)) {
      nodes.AddAllocated(one.release());
      return infer(*nodes.rbegin());
    }
    const auto add = [&](onnx::NodeProto&& part) {
      onnx::NodeProto& added = *nodes.Add();
      added = std::move(part);
      infer(added);
    };
    expand_onnx(std::move(*one), file_, opset_, known, add);
  };
  for (std::unique_ptr<onnx::NodeProto>& one : stated)
    refused.attempt({one->input().begin(), one->input().end()},
                    {one->output().begin(), one->output().end()}, [&] { settle(one); });
  refused.settle(file_);
  for (const onnx::NodeProto& node : nodes)
    if (node.output_size() == 0 || !is_constant(node.output(0)))
      for (const std::string& input : node.input()) ++readers_[input];
  for (const onnx::ValueInfoProto& output : proto().output()) ++readers_[output.name()];
  notes_.insert(notes_.end(), values_.notes().begin(), values_.notes().end());
}

void OnnxGraph::infer(const onnx::NodeProto& proto_node) {
  const OnnxNode node(proto_node, file_, opset_);
  if (is_left_out(proto_node) && find_onnx_rule(node) == nullptr)
    leave_out(node);
  else
    values_.add_node(proto_node);
  if (!is_left_out(proto_node) && !is_constant(node.output())) refuse_empty(node);
}

void OnnxGraph::compare_declared() {
  std::vector<std::string> differing;
  for (const auto& [name, info] : declared_) {
    const onnx::ValueInfoProto* stated = declared(name);
    if (stated == nullptr || !values_.has(name)) continue;
    Shape shape;
    for (const auto& dim : stated->type().tensor_type().shape().dim())
      shape.push_back(dim.dim_value());
    const Shape& found = values_.info(name).shape;
    if (shape != found)
      differing.push_back(fmt::format("\"{}\" ([{}], not [{}])", name, fmt::join(found, ", "),
                                      fmt::join(shape, ", ")));
  }
  if (!differing.empty())
    notes_.push_back(fmt::format("{} shapes are others than the file states, as {}",
                                 differing.size(), differing.front()));
}

bool OnnxGraph::is_constant(const std::string& name) const {
  return values_.has(name) && values_.kind(name) != OnnxValues::Kind::kData;
}

bool OnnxGraph::is_sized(const std::string& name) const {
  return values_.has(name) && values_.kind(name) == OnnxValues::Kind::kSized;
}

const Shape* OnnxGraph::shape(const std::string& name) const {
  return values_.has(name) ? &values_.info(name).shape : nullptr;
}

int OnnxGraph::type(const std::string& name) const {
  return values_.has(name) ? values_.info(name).type : 0;
}

int OnnxGraph::readers(const std::string& name) const {
  const auto found = readers_.find(name);
  return found == readers_.end() ? 0 : found->second;
}

}  // namespace bitjoule
