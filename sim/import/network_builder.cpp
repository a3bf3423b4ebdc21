#include "sim/import/network_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"

namespace bitjoule {

NetworkBuilder::NetworkBuilder(const std::string& file) {
  network_.name = std::filesystem::path(file).stem().string();
}

void NetworkBuilder::add_input(const std::string& name, const Shape& shape,
                               const std::string& type) {
  NetworkInput& input = network_.inputs.emplace_back();
  input.name = name;
  input.shape = shape;
  input.type = type;
}

void NetworkBuilder::count_images() {
  for (const NetworkInput& input : network_.inputs)
    if (input.shape.size() > 1 && network_.parameters.count("batch") == 0)
      network_.parameters["batch"] = input.shape[0];
}

void NetworkBuilder::add_output(const std::string& layer, const std::string& name,
                                const Shape& shape, const std::string& type) {
  network_.outputs.push_back({layer, layer == name ? "" : name, shape, type});
}

NetworkLayer& NetworkBuilder::add_step(const std::string& name, NetworkOp op,
                                       std::vector<std::string> inputs) {
  NetworkLayer& layer = network_.layers.emplace_back();
  layer.name = name;
  layer.op = std::move(op);
  layer.inputs = std::move(inputs);
  return layer;
}

std::string NetworkBuilder::transposed(const std::string& name, const std::string& layer,
                                       const Shape& shape, const Shape& axes) {
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  op.operand_shapes = {shape};
  op.shape = permuted(shape, axes);
  op.axes = axes;
  op.cols = volume_of(shape);
  return add_step(fmt::format("{}.transposed{}", name, ++steps_), op, {layer}).name;
}

Network NetworkBuilder::take() {
  for (NetworkLayer& layer : network_.layers) {
    // Integers that nothing quantizes again leave as real values.
    if (layer.precision.activations && !layer.precision.output &&
        !std::holds_alternative<VectorOp>(layer.op)) {
      layer.precision.output = TensorFormat{};
      layer.precision.output->format = "fp32";
    }
    layer.kind = default_kind(layer.op);
    layer.bias = layer.tensors.count("bias") + layer.tensors.count("gamma") != 0 &&
                 !std::holds_alternative<VectorOp>(layer.op);
    const std::size_t per_channel = layer.tensors.count("bias") + 2 * layer.tensors.count("gamma");
    layer.parameters = default_parameters(layer, static_cast<std::int64_t>(per_channel));
  }
  check_network(network_);
  return std::move(network_);
}

TensorFormat code_format(const std::string& type, bool per_channel, bool symmetric) {
  TensorFormat format;
  format.format = type;
  if (per_channel) format.granularity = Granularity::kPerChannel;
  format.symmetric = symmetric;
  format.zero_point = type;
  return format;
}

VectorOp slice_of(const Shape& from, const Shape& to, const Shape& starts, const Shape& steps) {
  VectorOp op;
  op.kind = VectorKind::kSlice;
  op.operand_shapes = {from};
  op.shape = to;
  op.cols = volume_of(to);
  op.starts = starts;
  op.steps = steps;
  return op;
}

void UnsupportedOperators::add(const std::string& name, const std::string& node) {
  auto at = std::find_if(found_.begin(), found_.end(),
                         [&](const Found& found) { return found.name == name; });
  if (at == found_.end()) at = found_.insert(found_.end(), {name, node});
  ++at->count;
}

std::vector<std::string> UnsupportedOperators::settle(const std::string& file,
                                                      const std::string& version, bool skip) const {
  std::vector<std::string> lines;
  lines.reserve(found_.size());
  for (const Found& found : found_)
    lines.push_back(fmt::format("{} x {} ({} \"{}\")", found.count, found.name,
                                found.count == 1 ? "node" : "first: node", found.first));
  if (!lines.empty() && !skip)
    throw input_error(fmt::format(
        "{}: operators that are not supported ({}): {}; --skip-unknown leaves them out, and what "
        "they would produce becomes an input of the network",
        file, version, fmt::join(lines, ", ")));
  for (std::string& line : lines) line.insert(0, "left out: ");
  return lines;
}

}  // namespace bitjoule
