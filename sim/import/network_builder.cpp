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

namespace {

/// Of a reduction of more elements than small buffers hold: how many are reduced first, where its
/// elements are as many in several parts; else 0.
std::int64_t part_of(const NetworkLayer& layer) {
  constexpr std::int64_t kMostReduced = 4096;
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op == nullptr || op->codes || layer.precision.activations || op->reduced <= kMostReduced)
    return 0;
  switch (op->kind) {
    case VectorKind::kReduceMean:
    case VectorKind::kReduceSum:
    case VectorKind::kReduceMax:
    case VectorKind::kReduceMin:
    case VectorKind::kReduceProd:
      for (std::int64_t part = kMostReduced; part > 1; --part)
        if (op->reduced % part == 0) return part;
      return 0;
    default:
      return 0;
  }
}

/// Reductions of reductions in the place of long ones.
void split_reductions(std::vector<NetworkLayer>& layers) {
  std::vector<NetworkLayer> all;
  all.reserve(layers.size());
  for (NetworkLayer& layer : layers) {
    int parts = 0;
    while (const std::int64_t part = part_of(layer)) {
      NetworkLayer& first = all.emplace_back(layer);
      first.name = fmt::format("{}.parts{}", layer.name, ++parts);
      auto &of_part = std::get<VectorOp>(first.op), &rest = std::get<VectorOp>(layer.op);
      rest.reduced /= part;
      of_part.rows *= of_part.cols * rest.reduced;
      of_part.cols = 1;
      of_part.reduced = part;
      layer.inputs = {first.name};
    }
    all.push_back(std::move(layer));
  }
  layers = std::move(all);
}

}  // namespace

Network NetworkBuilder::take() {
  split_reductions(network_.layers);
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

void RefusedNodes::attempt(const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs,
                           const std::function<void()>& add) {
  constexpr std::size_t kMostTold = 100;
  const bool is_open =
      !unknown_.empty() && std::any_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
        return unknown_.count(input) != 0;
      });
  try {
    if (!is_open) return add();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    ++count_;
    if (told_.size() < kMostTold) told_.emplace_back(error.what());
  }
  for (const std::string& output : outputs)
    if (!output.empty()) unknown_.insert(output);
}

void RefusedNodes::settle(const std::string& file) const {
  if (count_ == 0) return;
  if (count_ == 1) throw input_error(told_.front());
  std::vector<std::string> lines = told_;
  for (std::string& line : lines)
    if (line.rfind(file + ": ", 0) == 0) line.erase(0, file.size() + 2);
  if (const auto more = count_ - static_cast<std::int64_t>(lines.size()); more > 0)
    lines.push_back(fmt::format("and {} more", more));
  throw input_error(
      fmt::format("{}: {} nodes are refused (--skip-unknown leaves none of them out):\n  {}", file,
                  count_, fmt::join(lines, "\n  ")));
}

}  // namespace bitjoule
