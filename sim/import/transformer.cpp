#include "sim/import/transformer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <set>
#include <sstream>

#include "core/error.h"
#include "sim/config/json_node.h"
#include "sim/config/leaf.h"
#include "sim/import/import.h"
#include "sim/schema/network_file.h"

namespace bitjoule {

namespace {

/// On one line.
std::string flow_text(const Node& node) {
  const bool is_plain = node.kind == Node::Kind::kScalar && !node.quoted;
  return is_plain ? node.text : boost::json::serialize(leaf::write(node));
}

/// A document's entry in block style: an entry or an item of it on a line, below its key.
std::string block_text(const NodeEntry& entry) {
  const Node& value = entry.value;
  const bool has_parts = !value.items.empty() && value.items.front().kind == Node::Kind::kMap;
  if (value.kind != Node::Kind::kMap && !has_parts)
    return fmt::format("{}: {}\n", entry.key, flow_text(value));
  std::string out = entry.key + ":\n";
  for (const NodeEntry& part : value.entries)
    out += fmt::format("  {}: {}\n", part.key, flow_text(part.value));
  for (const Node& item : value.items) out += "- " + flow_text(item) + "\n";
  return out;
}

}  // namespace

Node TransformerFile::node(const std::string& origin) const {
  boost::json::object json{{"name", name}, {"base", nullptr}};
  if (unroll) json["unroll"] = true;
  json["parameters"] = boost::json::object();
  if (!timing_only.empty())
    json["timing_only"] = boost::json::array(timing_only.begin(), timing_only.end());
  if (!overrides.empty()) json["overrides"] = overrides;
  Node node = node_of(json, origin);
  *node.find("base") = plain_node(base, origin);
  Node& sizes = *node.find("parameters");
  for (const auto& [key, text] : parameters)
    sizes.entries.push_back({key, sizes.place, plain_node(text, origin)});
  return node;
}

std::string TransformerFile::yaml() const {
  std::string out;
  for (const NodeEntry& entry : node("").entries) out += block_text(entry);
  return out;
}

Network TransformerFile::build(const std::string& file, const std::string& phase) const {
  try {
    Node root = node(file);
    if (!phase.empty()) root.entries.push_back({"phase", root.place, plain_node(phase, file)});
    return read_network(node_source(file, std::move(root)));
  } catch (const Error& error) {
    std::string text;
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) {
      const bool is_named = line.rfind(file, 0) == 0;
      text += fmt::format("{}{}{}", text.empty() ? "" : "\n", is_named ? "" : file + ": ", line);
    }
    throw input_error(text);
  }
}

void TransformerFile::check_heads(const std::string& file) const {
  const auto size = [this](const char* wanted) {
    for (const auto& [key, text] : parameters) {
      std::int64_t value = 0;
      const char* end = text.data() + text.size();
      if (key == wanted && std::from_chars(text.data(), end, value).ptr == end) return value;
    }
    return std::int64_t{0};  // not said
  };
  const std::int64_t hidden = size("hidden"), heads = size("heads"), kv_heads = size("kv_heads");
  if (heads > 0 && size("head_dim") == 0 && hidden % heads != 0)
    throw input_error(
        fmt::format("{}: {} heads do not divide the hidden size of {}", file, heads, hidden));
  if (kv_heads > 0 && heads % kv_heads != 0)
    throw input_error(
        fmt::format("{}: {} heads do not share {} key heads evenly", file, heads, kv_heads));
}

std::map<std::string, std::int64_t> given_parameters(const ImportOptions& options) {
  std::map<std::string, std::int64_t> parameters = options.sizes;
  if (options.batch != 1) parameters.emplace("batch", options.batch);
  return parameters;
}

boost::json::object weights_in(const boost::json::value& format) { return {{"weights", format}}; }

bool ModelTensorRow::is_of_expert() const {
  return std::string(stored).find(kExpertPlace) != std::string::npos;
}

bool ModelTensorRow::is_of_all_experts() const {
  const std::string name = layer, end = "_exps";
  return !is_of_expert() && name.size() > end.size() &&
         name.compare(name.size() - end.size(), end.size(), end) == 0;
}

TensorLayout ModelTensorRow::layout_of(const StoredTensor& tensor) const {
  return tensor.packed != nullptr ? TensorLayout::kNative : layout;
}

namespace {

/// Whether it is the pattern's text, with a number in the place of an expert's.
bool is_like(const std::string& text, const std::string& pattern) {
  const std::string place = kExpertPlace;
  const std::size_t at = pattern.find(place);
  if (at == std::string::npos) return text == pattern;
  const std::size_t end = text.find_first_not_of("0123456789", at);
  return end != std::string::npos && end > at && text.compare(0, at, pattern, 0, at) == 0 &&
         text.substr(end) == pattern.substr(at + place.size());
}

}  // namespace

namespace {

std::string without(const std::string& part, const std::string& name) {
  return !part.empty() && name.rfind(part, 0) == 0 ? name.substr(part.size()) : name;
}

}  // namespace

bool ModelTensors::is_unread(const std::string& name) const {
  return unread.count(without(part, name)) != 0;
}

std::vector<ModelTensorUse> ModelTensors::uses(const std::string& name) const {
  std::string rest = without(part, name);
  std::string number;
  std::size_t stack = 0;
  for (std::size_t i = 0; i < stacks.size() && number.empty(); ++i) {
    const std::string prefix = stacks[i].stored;
    if (rest.rfind(prefix, 0) != 0) continue;
    const std::size_t dot = rest.find('.', prefix.size());
    if (dot == std::string::npos || dot == prefix.size()) continue;
    if (rest.find_first_not_of("0123456789", prefix.size()) != dot) continue;
    number = rest.substr(prefix.size(), dot - prefix.size());
    rest.erase(0, dot + 1);
    stack = i;
  }
  std::vector<ModelTensorUse> uses;
  for (const ModelTensorRow& row : rows)
    if (row.in_block == !number.empty() && row.stack == stack && is_like(rest, row.stored))
      uses.push_back({&row, row.in_block
                                ? fmt::format("{}{}.{}", stacks[stack].layer, number, row.layer)
                                : row.layer});
  return uses;
}

std::string ModelTensors::stored_name(const ModelTensorRow& row, const std::string& layer) const {
  if (!row.in_block) return row.stored;
  const BlockStack& stack = stacks[row.stack];
  const std::size_t begin = std::string(stack.layer).size(), end = layer.rfind('.');  // "blk.3.q"
  return fmt::format("{}{}.{}", stack.stored, layer.substr(begin, end - begin), row.stored);
}

namespace {

std::int64_t experts_of(const NetworkLayer& layer) {
  return layer.experts ? layer.experts->count : 1;
}

/// Outputs of a linear layer or a convolution.
std::int64_t channels_of(const NetworkLayer& layer) {
  const auto* conv = std::get_if<Conv2d>(&layer.op);
  return conv != nullptr ? conv->filters : std::get<Gemm>(layer.op).n;
}

/// What the file's tensor must measure: the layer's weights, or its norm or bias; of all experts,
/// or of one.
std::int64_t expected_elements(const NetworkLayer& layer, const ModelTensorRow& row) {
  const std::string role = row.role;
  if (const auto* op = std::get_if<VectorOp>(&layer.op))
    return role == "gamma" || role == "beta" ? op->cols : parameter_elements(*op);
  const std::int64_t elements =
      role == "bias" ? channels_of(layer) * experts_of(layer) : layer_weights(layer);
  return (row.is_of_expert() ? elements / experts_of(layer) : elements) * row.share.count;
}

/// What all experts or several layers share: experts x outputs x inputs, which the number of
/// elements alone does not tell from another order.
void check_order(const std::string& file, const StoredTensor& tensor, const ModelTensorRow& row,
                 const NetworkLayer& layer) {
  const bool of_experts = layer.experts && !row.is_of_expert();
  const bool is_bias = row.role == std::string("bias");
  if (row.share.count == 1 && (!of_experts || is_bias)) return;
  const auto& product = std::get<Gemm>(layer.op);
  std::vector<std::int64_t> expected;
  std::vector<const char*> axes;
  const auto add = [&](std::int64_t extent, const char* axis) {
    expected.push_back(extent);
    axes.push_back(axis);
  };
  const bool is_turned = row.layout_of(tensor) == TensorLayout::kTransposed;
  if (of_experts) add(layer.experts->count, "experts");
  if (is_turned) add(product.k, "inputs");
  add(product.n * row.share.count, "outputs");
  if (!is_turned && !is_bias) add(product.k, "inputs");
  if (tensor.shape == expected) return;
  throw input_error(fmt::format("{}: tensor \"{}\" has the shape {}, layer \"{}\" needs {}: {}",
                                file, tensor.name, fmt::join(tensor.shape, " x "), layer.name,
                                fmt::join(expected, " x "), fmt::join(axes, ", ")));
}

void check_shapes(const std::string& file, const Network& network, const ModelTensors& names,
                  const std::vector<const StoredTensor*>& tensors) {
  std::map<std::string, const NetworkLayer*> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = &layer;
  for (const StoredTensor* tensor : tensors)
    for (const auto& [row, name] : names.uses(tensor->name)) {
      if (layers.count(name) == 0)
        throw input_error(
            fmt::format("{}: tensor \"{}\" is beyond the model's layers", file, tensor->name));
      const std::int64_t expected = expected_elements(*layers[name], *row);
      if (tensor->elements() != expected)
        throw input_error(fmt::format("{}: tensor \"{}\" has {} elements, layer \"{}\" needs {}",
                                      file, tensor->name, tensor->elements(), name, expected));
      check_order(file, *tensor, *row, *layers[name]);
      const bool is_vector = std::holds_alternative<VectorOp>(layers[name]->op);
      if (row->role == std::string("bias") && !is_vector && !layers[name]->bias)
        throw input_error(
            fmt::format("{}: tensor \"{}\": layer \"{}\" has no bias", file, tensor->name, name));
    }
}

}  // namespace

namespace {

/// Whether the row's tensor is one of the layer's, whatever its block.
bool is_of_layer(const ModelTensors& names, const ModelTensorRow& row, const std::string& layer) {
  if (!row.in_block) return layer == row.layer;
  const std::string before = names.stacks[row.stack].layer;
  const std::size_t dot = layer.rfind('.');
  return layer.rfind(before, 0) == 0 && dot >= before.size() && dot != std::string::npos &&
         layer.substr(dot + 1) == row.layer;
}

}  // namespace

void check_tensors(const std::string& file, const Network& network, const ModelTensors& names,
                   const std::vector<const StoredTensor*>& tensors, const std::string& hint) {
  std::map<std::pair<std::string, std::string>, std::int64_t> stored;
  for (const StoredTensor* tensor : tensors)
    for (const ModelTensorUse& use : names.uses(tensor->name)) ++stored[{use.layer, use.row->role}];
  std::vector<std::string> missing;
  for (const NetworkLayer& layer : network.layers) {
    for (const ModelTensorRow& row : names.rows) {
      if (!is_of_layer(names, row, layer.name)) continue;
      const bool is_bias = row.role == std::string("bias");
      const bool is_tied = layer.parameters == 0;  // to one that has the tensor
      const std::int64_t wanted = row.is_of_expert() ? experts_of(layer) : 1;
      const auto* vector = std::get_if<VectorOp>(&layer.op);
      const bool has_it =
          !is_bias || layer.bias || (vector != nullptr && parameter_elements(*vector) > 0);
      if (has_it && !is_tied && stored[{layer.name, row.role}] < wanted)
        missing.push_back(names.stored_name(row, layer.name));
    }
  }
  if (!missing.empty()) {
    const std::size_t count = missing.size();
    constexpr std::size_t kShown = 5;
    if (count > kShown) missing.resize(kShown);
    throw input_error(fmt::format("{}: {} missing tensor{}: {}{}{}", file, count,
                                  count == 1 ? "" : "s", fmt::join(missing, ", "),
                                  count > kShown ? ", ..." : "", hint));
  }
  check_shapes(file, network, names, tensors);
}

}  // namespace bitjoule
