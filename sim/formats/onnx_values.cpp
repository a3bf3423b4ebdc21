#include "sim/formats/onnx_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_fold.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;

/// Results up to this size are kept: shapes, axes, bounds.
constexpr std::int64_t kSmall = 4096;

/// Elements that may be computed from nothing: the largest layer of VGG-19 is 2^26.6 of them.
constexpr std::int64_t kComputed = std::int64_t{1} << 27;

/// Bytes that a tensor has in its file: what may be computed from it is in proportion.
std::int64_t stored_size(const P& tensor) {
  if (tensor.data_location() == P::EXTERNAL)
    return volume_of(Shape(tensor.dims().begin(), tensor.dims().end()));
  return static_cast<std::int64_t>(tensor.raw_data().size()) + tensor.float_data_size() +
         tensor.int32_data_size() + tensor.int64_data_size() + tensor.double_data_size();
}

bool computes_from_shapes(const OnnxNode& node) {
  return node.standard() && (node.op() == "Shape" || node.op() == "Size");
}

}  // namespace

bool is_computed(const OnnxNode& node, bool constants) {
  if (node.standard() && node.op() == "Constant") return true;
  const OnnxRule* rule = find_onnx_rule(node);
  return rule != nullptr && rule->fold != nullptr && (constants || computes_from_shapes(node));
}

void OnnxValues::add_data(const std::string& name, OnnxInfo info) {
  Entry& entry = entries_[name];
  entry = Entry();
  entry.info = std::move(info);
}

void OnnxValues::add_constant(const std::string& name, const onnx::TensorProto& tensor) {
  Entry& entry = entries_[name];
  entry = Entry();
  entry.kind = Kind::kStored;
  entry.info = {tensor.data_type(), Shape(tensor.dims().begin(), tensor.dims().end())};
  entry.tensor = &tensor;
  small_.erase(name);
  check_stored_size(tensor, file_);
  stored_elements_ = std::min(stored_elements_ + stored_size(tensor), kMaxTensorElements);
}

void OnnxValues::add_initializers(const onnx::GraphProto& graph) {
  for (const onnx::TensorProto& tensor : graph.initializer()) add_constant(tensor.name(), tensor);
  for (const onnx::SparseTensorProto& sparse : graph.sparse_initializer())
    add_constant(sparse.values().name(), own_.emplace_back(dense_tensor(sparse, file_)));
}

OnnxOperands OnnxValues::operands(const OnnxNode& node, OnnxOperands::Values values) const {
  std::vector<OnnxInfo> infos;
  for (int i = 0; i < node.inputs(); ++i) {
    const std::string& name = node.input(i);
    if (!name.empty() && !has(name))
      node.fail(fmt::format("the shape of \"{}\" is not known", name));
    infos.push_back(name.empty() ? OnnxInfo() : info(name));
  }
  return {node, std::move(infos), std::move(values)};
}

OnnxOperands OnnxValues::operands(const OnnxNode& node) const {
  return operands(node, [this, &node](int operand) {
    const std::string& name = node.input(operand);
    if (kind(name) == Kind::kData)
      node.fail(fmt::format("operand \"{}\" must be a constant", name));
    return value(name);
  });
}

void OnnxValues::add_node(const onnx::NodeProto& proto) {
  const OnnxNode node(proto, file_, opset_);
  if (node.standard() && node.op() == "Constant") {
    if (node.output().empty()) node.fail("its output has no name");
    const onnx::AttributeProto* value = node.find("value");
    const bool plain = value != nullptr && proto.attribute_size() == 1;
    add_constant(node.output(), plain ? value->t() : own_.emplace_back(constant_tensor(node)));
    if (proto.domain() == kOwnDomain) entries_[node.output()].kind = Kind::kSized;
    return;
  }
  const OnnxRule* rule = find_onnx_rule(node);
  if (rule == nullptr) node.fail("the operator is not known");
  bool constants = true;
  const bool is_own = proto.domain() == kOwnDomain && node.op() == "Identity";
  Kind kind = computes_from_shapes(node) || is_own ? Kind::kSized : Kind::kStored;
  for (const std::string& input : proto.input()) {
    if (input.empty() || !has(input)) continue;
    constants = constants && this->kind(input) != Kind::kData;
    if (this->kind(input) == Kind::kSized) kind = Kind::kSized;
  }
  if (computes_from_shapes(node) && constants && has(node.input(0)) &&
      this->kind(node.input(0)) == Kind::kStored)
    kind = Kind::kStored;
  const OnnxOperands in = operands(node, [&](int operand) {
    const std::string& name = node.input(operand);
    if (this->kind(name) == Kind::kData)
      node.fail(fmt::format("operand \"{}\" must be a constant", name));
    return value(name, settings_budget_);
  });
  std::vector<OnnxInfo> out;
  try {
    out = infer_onnx(*rule, in, notes_);
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.rfind(file_, 0) == 0) throw;
    node.fail(message);
  }
  const bool computed = is_computed(node, constants);
  // All elements of what has none are known.
  const bool empty = !computed && std::all_of(out.begin(), out.end(), [](const OnnxInfo& info) {
    return volume_of(info.shape) == 0;
  });
  for (int i = 0; i < node.outputs(); ++i) {
    if (node.output(i).empty()) continue;
    if (const OnnxInfo& info = out[static_cast<std::size_t>(i)];
        empty && find_onnx_type(info.type) != nullptr) {
      onnx::TensorProto& none = own_.emplace_back();
      none.set_data_type(info.type);
      for (const std::int64_t size : info.shape) none.add_dims(size);
      add_constant(node.output(i), none);
      mark_sized(node.output(i));
      continue;
    }
    Entry& entry = entries_[node.output(i)];
    entry.kind = computed ? kind : Kind::kData;
    entry.info = std::move(out[static_cast<std::size_t>(i)]);
    entry.producer = &proto;
  }
}

void OnnxValues::compute(const onnx::NodeProto& proto, std::map<std::string, StoredTensor>& known,
                         std::int64_t& budget) const {
  const OnnxNode node(proto, file_, opset_);
  const OnnxOperands in =
      operands(node, [&](int operand) { return known.at(node.input(operand)); });
  std::vector<OnnxInfo> out;
  for (const std::string& name : proto.output())
    out.push_back(name.empty() ? OnnxInfo() : info(name));
  for (const OnnxInfo& info : out) budget -= volume_of(info.shape);
  if (!computes_from_shapes(node))
    for (int i = 0; i < in.count(); ++i) budget -= in.has(i) ? volume_of(in.shape(i)) : 0;
  if (budget < 0) node.fail("its constants are too large to be computed");
  std::vector<StoredTensor> results;
  if (volume_of(out[0].shape) == 0)
    for (const OnnxInfo& none : out) results.push_back(computed_tensor(node, {none.type, {0}}, ""));
  else
    results = find_onnx_rule(node)->fold(in, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string& name = proto.output(static_cast<int>(i));
    if (name.empty() || i >= results.size()) continue;
    results[i].name = name;
    results[i].shape = out[i].shape;
    known[name] = results[i];
    if (volume_of(out[i].shape) <= kSmall) small_[name] = results[i];
  }
}

StoredTensor OnnxValues::value(const std::string& name) const {
  std::int64_t budget = kComputed + 16 * stored_elements_;
  return value(name, budget);
}

StoredTensor OnnxValues::value(const std::string& name, std::int64_t& budget) const {
  std::map<std::string, StoredTensor> known;
  std::vector<std::string> wanted = {name};
  while (!wanted.empty()) {
    const std::string next = wanted.back();
    const Entry& entry = entries_.at(next);
    if (known.count(next) != 0) {
      wanted.pop_back();
    } else if (const auto before = small_.find(next); before != small_.end()) {
      known[next] = before->second;
    } else if (entry.tensor != nullptr) {
      known[next] = to_stored(*entry.tensor, file_);
      known[next].name = next;
    } else {
      const std::size_t before_operands = wanted.size();
      if (!computes_from_shapes(OnnxNode(*entry.producer, file_, opset_)))
        for (const std::string& input : entry.producer->input())
          if (!input.empty() && known.count(input) == 0) wanted.push_back(input);
      if (wanted.size() == before_operands) compute(*entry.producer, known, budget);
    }
  }
  return known.at(name);
}

onnx::TensorProto constant_tensor(const OnnxNode& node) {
  if (node.proto().attribute_size() != 1) node.fail("expected one attribute");
  const onnx::AttributeProto& a = node.proto().attribute(0);
  onnx::TensorProto tensor;
  if (a.name() == "sparse_value") return dense_tensor(a.sparse_tensor(), node.file());
  if (a.name() == "value_int" || a.name() == "value_ints") {
    tensor.set_data_type(P::INT64);
    if (a.name() == "value_int")
      tensor.add_int64_data(a.i());
    else
      *tensor.mutable_int64_data() = a.ints();
  } else if (a.name() == "value_float" || a.name() == "value_floats") {
    tensor.set_data_type(P::FLOAT);
    if (a.name() == "value_float")
      tensor.add_float_data(a.f());
    else
      *tensor.mutable_float_data() = a.floats();
  } else {
    node.fail(
        fmt::format("{} is not supported: expected value, sparse_value, value_int(s) or "
                    "value_float(s)",
                    a.name()));
  }
  if (a.name().back() == 's') tensor.add_dims(a.ints_size() + a.floats_size());
  return tensor;
}

bool is_zero(const StoredTensor& tensor) {
  return std::all_of(tensor.data, tensor.data + tensor.bytes,
                     [](std::uint8_t byte) { return byte == 0; });
}

OnnxWriter::Known known_of(const OnnxValues& values) {
  OnnxWriter::Known known;
  const auto is_constant = [&values](const std::string& name) {
    return values.has(name) && values.kind(name) != OnnxValues::Kind::kData;
  };
  known.is_constant = is_constant;
  known.shape = [&values](const std::string& name) {
    return values.has(name) ? &values.info(name).shape : nullptr;
  };
  known.type = [&values](const std::string& name) {
    return values.has(name) ? values.info(name).type : 0;
  };
  known.is_zero = [&values, is_constant](const std::string& name) {
    return is_constant(name) && is_zero(values.value(name));
  };
  known.whole = [&values, is_constant](const std::string& name) -> std::optional<Shape> {
    if (!is_constant(name)) return std::nullopt;
    const StoredTensor tensor = values.value(name);
    if (is_integer_type(tensor.type->format)) return to_integers(tensor);
    Shape whole;
    for (const double value : numbers_of(tensor).real) {
      if (!(std::fabs(value) < 0x1p53) || value != std::floor(value)) return std::nullopt;
      whole.push_back(static_cast<std::int64_t>(value));
    }
    return whole;
  };
  known.reals = [&values, is_constant](const std::string& name) {
    std::optional<std::vector<double>> reals;
    if (!is_constant(name)) return reals;
    const OnnxNumbers numbers = numbers_of(values.value(name));
    reals = numbers.integer ? std::vector<double>(numbers.whole.begin(), numbers.whole.end())
                            : numbers.real;
    return reals;
  };
  return known;
}

std::vector<StoredTensor> onnx_tensors(const Blob& blob) {
  const onnx::ModelProto model = parse_onnx_model(blob);
  const onnx::GraphProto& graph = model.graph();
  OnnxValues values(blob.name(), onnx_opset(model));
  values.add_initializers(graph);
  std::set<std::string> names, read;
  for (const auto& output : graph.output()) read.insert(output.name());
  for (const onnx::TensorProto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const onnx::SparseTensorProto& sparse : graph.sparse_initializer())
    names.insert(sparse.values().name());
  const int opset = onnx_opset(model);
  const auto visit = [&](const onnx::NodeProto& proto) {
    const OnnxNode node(proto, blob.name(), opset);
    const auto is_known = [&](const std::string& name) { return name.empty() || values.has(name); };
    const bool fresh = std::none_of(proto.output().begin(), proto.output().end(),
                                    [&](const std::string& name) { return values.has(name); });
    if (fresh && std::all_of(proto.input().begin(), proto.input().end(), is_known) &&
        is_computed(node, true)) {
      try {
        values.add_node(proto);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kInput) throw;
      }
      if (node.op() == "Constant" && proto.domain() != kOwnDomain) names.insert(node.output());
      return;
    }
    read.insert(proto.input().begin(), proto.input().end());
  };
  OnnxWriter::Known known = known_of(values);
  known.reads_constants = true;
  std::deque<onnx::NodeProto> parts;  // which the values point at
  for (const onnx::NodeProto& proto : graph.node()) {
    try {
      expand_onnx(proto, blob.name(), opset, known,
                  [&](onnx::NodeProto&& part) { visit(parts.emplace_back(std::move(part))); });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
    }
  }
  std::vector<StoredTensor> tensors;
  const auto take = [&](const std::string& name) {
    if (!values.has(name) || find_onnx_type(values.info(name).type) == nullptr) return;
    tensors.push_back(values.value(name));
    tensors.back().name = name;
  };
  for (const std::string& name : names) take(name);
  for (const std::string& name : read) {
    if (names.count(name) != 0) continue;
    try {
      take(name);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
    }
  }
  return tensors;
}

}  // namespace bitjoule
