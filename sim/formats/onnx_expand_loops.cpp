// Loops whose number of turns is known: their bodies one after the other.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_flatten.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;
using P = onnx::TensorProto;

constexpr std::int64_t kMostTurns = 4096;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

const onnx::GraphProto& body_of(const OnnxWriter& w) {
  const onnx::AttributeProto* body = w.node.find("body");
  if (body == nullptr) w.node.fail("its body is missing");
  return body->g();
}

void add_constant(OnnxWriter& w, const std::string& name, const onnx::TensorProto& value) {
  onnx::NodeProto& constant = w.nodes.emplace_back();
  constant.set_op_type("Constant");
  constant.add_output(name);
  onnx::AttributeProto& attribute = *constant.add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  *attribute.mutable_t() = value;
}

/// A body, and what of it no turn changes: computed once, under names of its
/// own.
struct Body {
  const onnx::GraphProto& graph;
  OnnxNames fixed;
};

Body body_with_constants(OnnxWriter& w) {
  Body body{body_of(w), {}};
  std::set<std::string> passed;
  for (const onnx::ValueInfoProto& input : body.graph.input()) passed.insert(input.name());
  for (const onnx::TensorProto& tensor : body.graph.initializer()) {
    body.fixed[tensor.name()] = w.name("body." + tensor.name());
    add_constant(w, body.fixed[tensor.name()], tensor);
  }
  for (const onnx::NodeProto& node : body.graph.node()) {
    const bool is_fixed =
        std::all_of(node.input().begin(), node.input().end(), [&](const std::string& input) {
          if (input.empty() || body.fixed.count(input) != 0) return true;
          return passed.count(input) == 0 && w.is_constant(input);
        });
    for (const std::string& output : node.output()) {
      if (output.empty()) continue;
      passed.insert(output);
      if (is_fixed) body.fixed[output] = w.name("body." + output);
    }
    if (!is_fixed) continue;
    w.nodes.push_back(renamed_onnx(node, body.fixed));
    w.nodes.back().set_name(w.name("body." + (node.name().empty() ? node.op_type() : node.name())));
  }
  return body;
}

/// One turn of a body that reads `inputs`; the names of its results.
Names turn_of(OnnxWriter& w, const Body& body, std::int64_t turn, const Names& inputs) {
  const std::string prefix = w.name(fmt::format("{}.", turn));
  OnnxNames names = body.fixed;
  for (int i = 0; i < body.graph.input_size(); ++i)
    names[body.graph.input(i).name()] = inputs.at(at(i));
  for (const onnx::NodeProto& node : body.graph.node())
    for (const std::string& output : node.output())
      if (!output.empty()) names.insert({output, prefix + output});
  for (const onnx::NodeProto& node : body.graph.node()) {
    if (node.output_size() > 0 && body.fixed.count(node.output(0)) != 0) continue;
    w.nodes.push_back(renamed_onnx(node, names));
    w.nodes.back().set_name(prefix + (node.name().empty() ? node.op_type() : node.name()));
  }
  Names results;
  for (const onnx::ValueInfoProto& output : body.graph.output())
    results.push_back(names.count(output.name()) != 0 ? names.at(output.name()) : output.name());
  return results;
}

/// Where only constants are asked for: those that a turn reads, whatever its data are.
void read_constants(OnnxWriter& w, const Body& body) {
  turn_of(w, body, 0, Names(at(body.graph.input_size()), w.name("data")));
}

/// Whether a body goes on whatever its data are: its condition is the one it
/// was given, or true.
bool goes_on(const onnx::GraphProto& body) {
  if (body.output_size() < 1 || body.input_size() < 2) return false;
  std::string name = body.output(0).name();
  for (int i = body.node_size(); i-- > 0;) {
    const onnx::NodeProto& node = body.node(i);
    if (node.output_size() < 1 || node.output(0) != name) continue;
    if (node.op_type() == "Identity" && node.input_size() > 0) {
      name = node.input(0);
    } else if (node.op_type() == "Constant" && node.attribute_size() == 1) {
      const P& value = node.attribute(0).t();
      const bool raw = value.raw_data().size() == 1 && value.raw_data()[0] != 0;
      return raw || (value.int32_data_size() == 1 && value.int32_data(0) != 0);
    } else {
      return false;
    }
  }
  for (const onnx::TensorProto& tensor : body.initializer())
    if (tensor.name() == name)
      return (tensor.raw_data().size() == 1 && tensor.raw_data()[0] != 0) ||
             (tensor.int32_data_size() == 1 && tensor.int32_data(0) != 0);
  return name == body.input(1).name();
}

/// The results of all turns, one after the other along an axis of their own, or
/// that axis backwards.
void yield_scanned(OnnxWriter& w, int output, Names parts, std::int64_t axis, bool back,
                   const std::string& part) {
  if (w.node.output(output).empty()) return;
  if (back) parts = Names(parts.rbegin(), parts.rend());
  Names wide;
  const std::string axes = w.sized(part + "_axis", {axis});
  for (std::size_t i = 0; i < parts.size(); ++i)
    wide.push_back(w.add("Unsqueeze", {parts[i], axes}, fmt::format("{}.{}", part, i)));
  w.add("Concat", wide, part);
  w.with("axis", axis);
  w.to_output(output);
}

void yield(OnnxWriter& w, int output, const std::string& name) {
  if (w.node.output(output).empty()) return;
  w.add("Identity", {name}, fmt::format("result{}", output));
  w.to_output(output);
}

/// Operands: the number of turns, a condition, then the values that turns pass
/// on.
void loop(OnnxWriter& w) {
  const Body whole = body_with_constants(w);
  if (w.reads_constants()) return read_constants(w, whole);
  const onnx::GraphProto& body = whole.graph;
  const auto count = w.has(0) ? w.whole(0) : std::nullopt;
  if (!count || count->size() != 1) w.node.fail("the number of its turns depends on data");
  const auto condition = w.has(1) ? w.whole(1) : std::optional<Shape>(Shape{1});
  if (!condition || condition->size() != 1 || !goes_on(body))
    w.node.fail("whether it goes on depends on data");
  const std::int64_t turns = condition->front() == 0 ? 0 : count->front();
  const int passed = w.node.inputs() - 2;
  if (turns < 0 || turns > kMostTurns)
    w.node.fail(fmt::format("{} turns: expected 0..{}", turns, kMostTurns));
  if (body.input_size() != passed + 2 || body.output_size() < passed + 1 ||
      w.node.outputs() > body.output_size() - 1)
    w.node.fail("its body has other operands or results than it");
  Names values;
  for (int i = 0; i < passed; ++i) values.push_back(w.node.input(i + 2));
  const int scanned = body.output_size() - 1 - passed;
  std::vector<Names> scans(at(scanned));
  if (turns == 0 && w.node.outputs() > passed)
    w.node.fail("it makes no turn, its results are empty");
  for (std::int64_t t = 0; t < turns; ++t) {
    Names inputs = {w.scalar(fmt::format("turn{}", t), static_cast<double>(t), P::INT64),
                    w.scalar("goes_on", 1, P::BOOL)};
    inputs.insert(inputs.end(), values.begin(), values.end());
    const Names results = turn_of(w, whole, t, inputs);
    for (int i = 0; i < passed; ++i) values[at(i)] = results[at(i + 1)];
    for (int i = 0; i < scanned; ++i) scans[at(i)].push_back(results[at(passed + 1 + i)]);
  }
  for (int i = 0; i < passed; ++i) yield(w, i, values[at(i)]);
  for (int i = 0; i < scanned; ++i)
    yield_scanned(w, passed + i, scans[at(i)], 0, false, fmt::format("scan{}", i));
}

/// States that turns pass on, and operands of which each turn reads one slice.
void scan(OnnxWriter& w) {
  if (w.node.opset() < 9) w.node.fail("its form of opset 8 is not supported");
  const Body whole = body_with_constants(w);
  if (w.reads_constants()) return read_constants(w, whole);
  const onnx::GraphProto& body = whole.graph;
  const auto scanned = static_cast<int>(w.count("num_scan_inputs"));
  const int states = w.node.inputs() - scanned;
  if (states < 0 || body.input_size() != w.node.inputs() || body.output_size() < states ||
      w.node.outputs() > body.output_size())
    w.node.fail("its body has other operands or results than it");
  const auto listed = [&](const char* name, int i) {
    const Shape values = w.node.integers(name);
    return at(i) < values.size() ? values[at(i)] : 0;
  };
  Names values;
  for (int i = 0; i < states; ++i) values.push_back(w.node.input(i));
  std::int64_t turns = -1;
  Shape axes;
  for (int i = 0; i < scanned; ++i) {
    const Shape x = w.shape(states + i);
    if (x.empty()) w.node.fail("the sizes of an operand are not known");
    axes.push_back(w.node.settled_axis(listed("scan_input_axes", i), x.size()));
    const std::int64_t size = x[static_cast<std::size_t>(axes.back())];
    if (turns >= 0 && turns != size) w.node.fail("its operands have different numbers of slices");
    turns = size;
  }
  if (turns < 1 || turns > kMostTurns)
    w.node.fail(fmt::format("{} turns: expected 1..{}", turns, kMostTurns));
  std::vector<Names> scans(at(body.output_size() - states));
  for (std::int64_t t = 0; t < turns; ++t) {
    Names inputs = values;
    for (int i = 0; i < scanned; ++i) {
      const bool back = listed("scan_input_directions", i) != 0;
      const std::string index = w.scalar(fmt::format("at{}", back ? turns - 1 - t : t),
                                         static_cast<double>(back ? turns - 1 - t : t), P::INT64);
      inputs.push_back(
          w.add("Gather", {w.node.input(states + i), index}, fmt::format("{}.operand{}", t, i)));
      w.with("axis", axes[at(i)]);
    }
    const Names results = turn_of(w, whole, t, inputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (i < values.size())
        values[i] = results[i];
      else
        scans[i - values.size()].push_back(results[i]);
    }
  }
  for (int i = 0; i < states; ++i) yield(w, i, values[at(i)]);
  for (std::size_t i = 0; i < scans.size(); ++i) {
    const int output = states + static_cast<int>(i);
    yield_scanned(w, output, scans[i], listed("scan_output_axes", static_cast<int>(i)),
                  listed("scan_output_directions", static_cast<int>(i)) != 0,
                  fmt::format("scan{}", i));
  }
}

}  // namespace

std::vector<OnnxExpansion> onnx_loop_expansions() {
  return {
      {"", "Loop", "body:g", loop},
      {"", "Scan",
       "body:g num_scan_inputs:i scan_input_axes:I scan_input_directions:I "
       "scan_output_axes:I scan_output_directions:I",
       scan},
  };
}

}  // namespace bitjoule
