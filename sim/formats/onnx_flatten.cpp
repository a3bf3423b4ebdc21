#include "sim/formats/onnx_flatten.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"

namespace bitjoule {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

constexpr int kMostNodes = 1 << 20;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr int kDeepest = 64;  // functions that call functions

void rename(onnx::NodeProto& node, const OnnxNames& names) {
  const auto apply = [&](std::string& name) {
    if (const auto found = names.find(name); found != names.end()) name = found->second;
  };
  for (std::string& name : *node.mutable_input()) apply(name);
  for (std::string& name : *node.mutable_output()) apply(name);
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (!attribute.has_g()) continue;
    for (onnx::NodeProto& inner : *attribute.mutable_g()->mutable_node()) rename(inner, names);
    for (onnx::ValueInfoProto& output : *attribute.mutable_g()->mutable_output())
      apply(*output.mutable_name());
  }
}

/// Attributes that stand for one of the call get its value; those that the call lacks are left out.
void bind_attributes(onnx::NodeProto& node, const onnx::NodeProto& call) {
  auto& attributes = *node.mutable_attribute();
  for (int i = attributes.size(); i-- > 0;) {
    onnx::AttributeProto& attribute = attributes[i];
    if (attribute.has_g())
      for (onnx::NodeProto& inner : *attribute.mutable_g()->mutable_node())
        bind_attributes(inner, call);
    if (attribute.ref_attr_name().empty()) continue;
    const auto found =
        std::find_if(call.attribute().begin(), call.attribute().end(),
                     [&](const auto& given) { return given.name() == attribute.ref_attr_name(); });
    if (found == call.attribute().end()) {
      attributes.DeleteSubrange(i, 1);
      continue;
    }
    const std::string name = attribute.name();
    attribute = *found;
    attribute.set_name(name);
  }
}

class Functions {
 public:
  Functions(const onnx::ModelProto& model, std::string file) : file_(std::move(file)) {
    for (const onnx::FunctionProto& function : model.functions())
      by_name_[{function.domain(), function.name()}] = &function;
  }

  void inline_into(Nodes& nodes, const Nodes& from, int depth) {
    for (const onnx::NodeProto& node : from) {
      const auto function = by_name_.find({node.domain(), node.op_type()});
      if (function == by_name_.end()) {
        bytes_ += node.ByteSizeLong();
        if (nodes.size() >= kMostNodes || bytes_ > kMostBytes)
          throw input_error(fmt::format("{}: its functions make too large a graph", file_));
        *nodes.Add() = node;
        continue;
      }
      if (depth >= kDeepest)
        throw input_error(fmt::format("{}: function \"{}\" calls itself", file_, node.op_type()));
      inline_into(nodes, body_of(*function->second, node), depth + 1);
    }
  }

 private:
  Nodes body_of(const onnx::FunctionProto& function, const onnx::NodeProto& call) {
    if (calls_ >= kMostNodes) throw input_error(fmt::format("{}: too many calls", file_));
    const std::string prefix =
        fmt::format("{}.{}",
                    call.name().empty() ? call.output_size() > 0 ? call.output(0) : call.op_type()
                                        : call.name(),
                    ++calls_);
    OnnxNames names;
    for (const onnx::NodeProto& node : function.node())
      for (const std::string& output : node.output())
        if (!output.empty()) names[output] = fmt::format("{}.{}", prefix, output);
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    Nodes body;
    for (int i = 0; i < function.output_size() && i < call.output_size(); ++i) {
      if (call.output(i).empty()) continue;
      const std::string& inner = function.output(i);
      const bool is_input = std::find(function.input().begin(), function.input().end(), inner) !=
                            function.input().end();
      const auto named = names.find(inner);
      if (!is_input && named != names.end() && named->second.rfind(prefix, 0) == 0) {
        named->second = call.output(i);
        continue;
      }
      // An operand that is passed on, or one value under two names.
      onnx::NodeProto& same = *body.Add();
      same.set_op_type("Identity");
      same.add_input(named == names.end() ? inner : named->second);
      same.add_output(call.output(i));
    }
    const int aliases = body.size();
    for (const onnx::NodeProto& node : function.node()) {
      onnx::NodeProto& added = *body.Add();
      added = node;
      bind_attributes(added, call);
      rename(added, names);
      added.set_name(
          fmt::format("{}.{}", prefix, node.name().empty() ? node.op_type() : node.name()));
    }
    std::rotate(body.begin(), body.begin() + aliases, body.end());
    return body;
  }

  std::string file_;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto*> by_name_;
  int calls_ = 0;
  std::size_t bytes_ = 0;
};

/// What a node reads, graphs of its attributes included.
void reads_of(const onnx::NodeProto& node, std::set<std::string>& reads) {
  reads.insert(node.input().begin(), node.input().end());
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (!attribute.has_g()) continue;
    for (const onnx::NodeProto& inner : attribute.g().node()) reads_of(inner, reads);
    for (const onnx::ValueInfoProto& output : attribute.g().output()) reads.insert(output.name());
  }
}

void sort(onnx::GraphProto& graph) {
  const int count = graph.node_size();
  std::map<std::string, int> producers;
  for (int i = 0; i < count; ++i)
    for (const std::string& output : graph.node(i).output())
      if (!output.empty()) producers.insert({output, i});
  std::vector<int> missing(static_cast<std::size_t>(count), 0);
  std::vector<std::vector<int>> readers(static_cast<std::size_t>(count));
  bool sorted = true;
  for (int i = 0; i < count; ++i) {
    std::set<std::string> reads;
    reads_of(graph.node(i), reads);
    for (const std::string& name : reads) {
      const auto producer = producers.find(name);
      if (producer == producers.end() || producer->second == i) continue;
      sorted = sorted && producer->second < i;
      ++missing[static_cast<std::size_t>(i)];
      readers[static_cast<std::size_t>(producer->second)].push_back(i);
    }
  }
  if (sorted) return;
  std::set<int> ready;
  for (int i = 0; i < count; ++i)
    if (missing[static_cast<std::size_t>(i)] == 0) ready.insert(i);
  Nodes ordered;
  while (!ready.empty()) {
    const int next = *ready.begin();
    ready.erase(ready.begin());
    *ordered.Add() = graph.node(next);
    for (const int reader : readers[static_cast<std::size_t>(next)])
      if (--missing[static_cast<std::size_t>(reader)] == 0) ready.insert(reader);
  }
  if (ordered.size() == count) graph.mutable_node()->Swap(&ordered);
}

}  // namespace

onnx::NodeProto renamed_onnx(const onnx::NodeProto& node, const OnnxNames& names) {
  onnx::NodeProto result = node;
  rename(result, names);
  return result;
}

void flatten_onnx(onnx::ModelProto& model, const std::string& file) {
  if (model.functions_size() > 0) {
    Nodes flat;
    Functions(model, file).inline_into(flat, model.graph().node(), 0);
    model.mutable_graph()->mutable_node()->Swap(&flat);
  }
  sort(*model.mutable_graph());
}

}  // namespace bitjoule
