#include "sim/formats/onnx_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace bitjoule {
namespace {

using Attribute = onnx::AttributeProto;

struct AttributeKind {
  char letter;
  Attribute::AttributeType type;
  const char* name;
};

const AttributeKind kKinds[] = {
    {'i', Attribute::INT, "an integer"},  {'I', Attribute::INTS, "integers"},
    {'f', Attribute::FLOAT, "a float"},   {'F', Attribute::FLOATS, "floats"},
    {'s', Attribute::STRING, "a string"}, {'S', Attribute::STRINGS, "strings"},
    {'t', Attribute::TENSOR, "a tensor"}, {'p', Attribute::SPARSE_TENSOR, "a sparse tensor"},
    {'g', Attribute::GRAPH, "a graph"},
};

/// What is known of an attribute.
struct KnownAttribute {
  std::string name;
  const AttributeKind* kind = nullptr;
  std::string only;  ///< the value that it has to have; empty: any
};

KnownAttribute parsed(const std::string& word) {
  const std::size_t colon = word.find(':');
  KnownAttribute known;
  known.name = word.substr(0, colon);
  for (const AttributeKind& kind : kKinds)
    if (kind.letter == word[colon + 1]) known.kind = &kind;
  if (colon + 3 < word.size()) known.only = word.substr(colon + 3);
  return known;
}

std::vector<KnownAttribute> parsed_all(const std::string& attributes) {
  std::vector<KnownAttribute> all;
  std::istringstream words(attributes);
  for (std::string word; words >> word;) all.push_back(parsed(word));
  return all;
}

std::string text_of(const Attribute& attribute) {
  return attribute.type() == Attribute::STRING ? attribute.s() : fmt::format("{}", attribute.i());
}

/// A hint of opsets before 6 that inputs may be overwritten.
bool means_nothing(const std::string& attribute) { return attribute == "consumed_inputs"; }

void check_attribute(const OnnxNode& node, const Attribute& attribute,
                     const std::vector<KnownAttribute>& known, std::vector<std::string>& notes) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const KnownAttribute& one) {
    return one.name == attribute.name();
  });
  if (found == known.end()) {
    if (!means_nothing(attribute.name()))
      node.fail(
          fmt::format("attribute {} is not known, nor what it would change", attribute.name()));
    notes.push_back(fmt::format("node \"{}\": {} has no attribute {}; it is not used", node.label(),
                                node.op(), attribute.name()));
    return;
  }
  if (!attribute.ref_attr_name().empty() || attribute.type() != found->kind->type)
    node.fail(fmt::format("attribute {}: expected {}", attribute.name(), found->kind->name));
  if (!found->only.empty() && text_of(attribute) != found->only)
    node.fail(fmt::format("attribute {}: only {} is supported, got {}", attribute.name(),
                          found->only, text_of(attribute)));
}

}  // namespace

void check_onnx_attributes(const OnnxNode& node, const std::string& known,
                           std::vector<std::string>& notes) {
  if (node.proto().attribute_size() == 0) return;
  const std::vector<KnownAttribute> all = parsed_all(known);
  std::vector<std::string> seen;
  for (const Attribute& attribute : node.proto().attribute()) {
    if (std::find(seen.begin(), seen.end(), attribute.name()) != seen.end())
      node.fail(fmt::format("attribute {} is given twice", attribute.name()));
    seen.push_back(attribute.name());
    check_attribute(node, attribute, all, notes);
  }
}

const OnnxInfo& OnnxOperands::info(int operand) const {
  if (!has(operand)) node.fail(fmt::format("operand {} is missing", operand + 1));
  return infos_[static_cast<std::size_t>(operand)];
}

Shape OnnxOperands::integers(int operand) const {
  if (shape(operand).size() > 1)
    node.fail(fmt::format("operand \"{}\" has {} axes, expected one", node.input(operand),
                          shape(operand).size()));
  return to_integers(value(operand));
}

const std::vector<const OnnxRule*>& onnx_rules() {
  static const std::vector<const OnnxRule*> kRules = [] {
    std::vector<const OnnxRule*> rules;
    for (const auto* table : {&onnx_mac_rules(), &onnx_elementwise_rules(), &onnx_movement_rules(),
                              &onnx_source_rules()})
      for (const OnnxRule& rule : *table) rules.push_back(&rule);
    return rules;
  }();
  return kRules;
}

const OnnxRule* find_onnx_rule(const OnnxNode& node) {
  if (!node.standard()) return nullptr;
  for (const OnnxRule* rule : onnx_rules())
    if (node.op() == rule->op_type) return rule;
  return nullptr;
}

std::vector<OnnxInfo> infer_onnx(const OnnxRule& rule, const OnnxOperands& in,
                                 std::vector<std::string>& notes) {
  const OnnxNode& node = in.node;
  if (node.inputs() < rule.least_inputs || node.inputs() > rule.most_inputs)
    node.fail(fmt::format("expected {}..{} operands, got {}", rule.least_inputs, rule.most_inputs,
                          node.inputs()));
  for (int i = 0; i < rule.least_inputs; ++i)
    if (!in.has(i)) node.fail(fmt::format("operand {} is missing", i + 1));
  if (node.outputs() < 1 || node.outputs() > rule.most_outputs)
    node.fail(fmt::format("expected 1..{} outputs, got {}", rule.most_outputs, node.outputs()));
  if (node.output().empty()) node.fail("its output has no name");
  check_onnx_attributes(node, rule.attributes, notes);
  std::vector<OnnxInfo> out = rule.infer(in);
  out.resize(static_cast<std::size_t>(node.outputs()));
  for (const OnnxInfo& info : out) volume_of(info.shape);
  return out;
}

std::vector<OnnxWindow> onnx_windows(const OnnxNode& node, const Shape& image,
                                     const Shape& kernel) {
  constexpr std::int64_t kMax = std::int64_t{1} << 31;
  if (image.size() < 3) node.fail("expected an image: batch, channels and one axis or more");
  const std::size_t axes = image.size() - 2;
  const auto values = [&](const char* name, const Shape& given, std::size_t count,
                          std::int64_t least) {
    if (!given.empty() && given.size() != count)
      node.fail(fmt::format("{}: expected {} values, got {}", name, count, given.size()));
    for (const std::int64_t value : given)
      if (value < least || value > kMax)
        node.fail(fmt::format("{}: expected {}..{}, got {}", name, least, kMax, value));
    return given;
  };
  if (kernel.size() != axes)
    node.fail(fmt::format("kernel_shape: expected {} values, got {}", axes, kernel.size()));
  values("kernel_shape", kernel, axes, 1);
  const Shape strides = values("strides", node.integers("strides"), axes, 1);
  const Shape dilations = values("dilations", node.integers("dilations"), axes, 1);
  const Shape pads = values("pads", node.integers("pads"), 2 * axes, 0);
  const std::string mode = node.text("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!same && mode != "NOTSET" && mode != "VALID")
    node.fail(fmt::format("auto_pad \"{}\" is unknown", mode));
  std::vector<OnnxWindow> windows;
  for (std::size_t i = 0; i < axes; ++i) {
    OnnxWindow w;
    w.size = image[i + 2];
    w.kernel = kernel[i];
    w.stride = at(strides, i, 1);
    w.dilation = at(dilations, i, 1);
    const std::int64_t reach = w.dilation * (w.kernel - 1) + 1;
    if (same) {
      w.out = (w.size + w.stride - 1) / w.stride;
      const std::int64_t all = std::max<std::int64_t>(0, (w.out - 1) * w.stride + reach - w.size);
      w.before = mode == "SAME_UPPER" ? all / 2 : all - all / 2;
      w.after = all - w.before;
    } else {
      w.before = mode == "NOTSET" ? at(pads, i, 0) : 0;
      w.after = mode == "NOTSET" ? at(pads, axes + i, 0) : 0;
      const bool ceil = mode == "NOTSET" && node.integer("ceil_mode", 0) != 0;
      const std::int64_t room = w.size + w.before + w.after - reach;
      const std::int64_t last = room + (ceil ? w.stride - 1 : 0);
      if (last < 0)
        node.fail(fmt::format("a window of {} does not fit an image of {} with padding {} and {}",
                              reach, w.size, w.before, w.after));
      w.out = last / w.stride + 1;
      if (ceil && w.out > 1 && (w.out - 1) * w.stride >= w.size + w.before) --w.out;
      w.beyond = std::max<std::int64_t>(0, (w.out - 1) * w.stride - room);
    }
    windows.push_back(w);
  }
  return windows;
}

Shape onnx_reduced_axes(const OnnxOperands& in) {
  const std::size_t rank = in.shape(0).size();
  Shape axes = in.has(1) ? in.integers(1) : in.node.integers("axes");
  if (axes.empty() && in.node.integer("noop_with_empty_axes", 0) != 0) return {};
  if (axes.empty())
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  for (std::int64_t& axis : axes) axis = in.node.settled_axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    in.node.fail("axes: one is named twice");
  return axes;
}

Shape onnx_reduced_shape(const OnnxOperands& in) {
  const Shape axes = onnx_reduced_axes(in);
  const bool keep = in.node.integer("keepdims", 1) != 0;
  Shape shape;
  for (std::size_t i = 0; i < in.shape(0).size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end())
      shape.push_back(in.shape(0)[i]);
    else if (keep)
      shape.push_back(1);
  return shape;
}

OnnxSlice onnx_slice(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const Shape& from = in.shape(0);
  const auto argument = [&](int operand, const char* name) {
    return in.has(operand) ? in.integers(operand) : node.integers(name);
  };
  const Shape starts = argument(1, "starts"), ends = argument(2, "ends");
  Shape axes = argument(3, "axes");
  const Shape steps = argument(4, "steps");
  if (axes.empty())
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      (!steps.empty() && steps.size() != starts.size()))
    node.fail("starts, ends, axes and steps: expected as many of each");
  OnnxSlice slice{Shape(from.size(), 0), Shape(from.size(), 1), from};
  std::vector<bool> seen(from.size(), false);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(node.settled_axis(axes[i], from.size()));
    if (seen[axis]) node.fail("axes: one is named twice");
    seen[axis] = true;
    const std::int64_t size = from[axis], step = at(steps, i, 1);
    if (step == 0) node.fail("steps: expected no 0");
    // Positions as Python's slices have them: clamped to the axis.
    const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    const auto settled = [&](std::int64_t position) {
      if (position < 0) position = position < -size ? low : position + size;
      return std::clamp(position, std::min(low, high), std::max(low, high));
    };
    const std::int64_t start = settled(starts[i]);
    // An end below the axis says "to the front" where the step is negative.
    const std::int64_t end = ends[i] < 0 && ends[i] < -size ? low : settled(ends[i]);
    const std::int64_t distance = step > 0 ? end - start : start - end;
    // Beyond the axis every step takes one element; the negation of the lowest integer is none.
    const std::int64_t pace = step > 0                     ? step
                              : step < -kMaxTensorElements ? kMaxTensorElements
                                                           : -step;
    slice.starts[axis] = start;
    slice.steps[axis] = step > 0 ? std::min(step, kMaxTensorElements) : -pace;
    slice.shape[axis] = distance <= 0 ? 0 : (distance - 1) / pace + 1;
  }
  return slice;
}

Shape onnx_broadcast(const OnnxNode& node, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  const auto from_behind = [](const Shape& shape, std::size_t i) {
    return i < shape.size() ? shape[shape.size() - 1 - i] : 1;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t x = from_behind(a, i), y = from_behind(b, i);
    if (x != y && x != 1 && y != 1)
      node.fail(fmt::format("sizes {} and {} do not broadcast", x, y));
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace bitjoule
