#include "run/transforms.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/numeric/operand_transform.h"
#include "run/layer_formats.h"
#include "run/network_layers.h"

namespace bitjoule {
namespace {

constexpr std::size_t kNoLayer = static_cast<std::size_t>(-1);

OperandTransform transform_of(const NetworkLayer& layer, const Precision& run) {
  return layer.precision.apply(run).transform.value_or(OperandTransform{});
}

bool has_codes(const NetworkLayer& layer) {
  return layer.accumulators || layer.tensors.count("weight_scale") != 0 ||
         layer.tensors.count("input_scale") != 0;
}

/// Rows of k elements that a linear layer multiplies by weights of its own; nullptr: it is none.
const Gemm* linear(const NetworkLayer& layer) {
  const auto source = layer.tensors.find("weights");
  const bool computed = source != layer.tensors.end() && !source->second.input.empty();
  return computed ? nullptr : std::get_if<Gemm>(&layer.op);
}

const VectorOp* vector_op(const NetworkLayer& layer, VectorKind kind) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && op->kind == kind ? op : nullptr;
}

/// Layers that read one tensor and transform it alike.
struct Group {
  std::string producer;
  OperandTransform transform;
  std::vector<std::size_t> readers;
  std::size_t folded = kNoLayer;  ///< into that layer
};

class Plan {
 public:
  Plan(const Network& network, const Precision& run) : network_(network), run_(run) {
    name_inputs();
    count_readers();
    for (std::size_t i = 0; i < network_.layers.size(); ++i)
      with_name(network_.layers[i], [&] { add(i); });
    for (Group& group : groups_)
      if (group.transform.kind != TransformKind::kHadamard) group.folded = folded(group);
  }

  const std::vector<Group>& groups() const { return groups_; }
  const NetworkLayer& layer(std::size_t index) const { return network_.layers[index]; }

  /// What the pass is called that stands before the group's first reader.
  std::string pass_name(const Group& group) const {
    const bool rotates = group.transform.kind == TransformKind::kHadamard;
    return layer(group.readers.front()).name + (rotates ? ".rotate" : ".scale");
  }

  Network apply() {
    Network result = network_;
    std::map<std::size_t, NetworkLayer> passes;  // by the layer that they stand before
    for (const Group& group : groups_) {
      const std::string name = result.layers[group.readers.front()].name;
      NetworkLayer pass;
      const bool needs_pass = group.folded == kNoLayer;
      if (needs_pass) pass = pass_of(group, result.layers[group.readers.front()]);
      if (!needs_pass) result.layers[group.folded].transform.output_factors = name;
      for (const std::size_t reader : group.readers) {
        NetworkLayer& layer = result.layers[reader];
        layer.precision.transform = group.transform;
        if (group.transform.kind == TransformKind::kHadamard)
          layer.transform.rotation = hadamard_stages(std::get<Gemm>(layer.op).k);
        else
          layer.transform.input_factors = name;
        if (!needs_pass) continue;
        if (layer.inputs.empty()) layer.inputs.resize(1);
        layer.inputs[0] = pass.name;
      }
      if (needs_pass) passes.emplace(group.readers.front(), std::move(pass));
    }
    std::vector<NetworkLayer> layers;
    for (std::size_t i = 0; i < result.layers.size(); ++i) {
      const auto pass = passes.find(i);
      if (pass != passes.end()) layers.push_back(std::move(pass->second));
      layers.push_back(std::move(result.layers[i]));
    }
    result.layers = std::move(layers);
    return result;
  }

 private:
  /// "The layer before" is one of the network as written: passes come between.
  void name_inputs() {
    std::string before;
    for (NetworkLayer& layer : network_.layers) {
      if (layer.inputs.empty() && !before.empty()) layer.inputs = {before};
      for (std::string& input : layer.inputs)
        if (input.empty()) input = before;
      before = layer.name;
    }
  }

  void count_readers() {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      places_[network_.layers[i].name] = i;
      for (const std::string& input : network_.layers[i].inputs) ++readers_[input];
      for (const auto& [role, source] : network_.layers[i].tensors)
        if (!source.input.empty()) ++readers_[source.input];
    }
    for (const NetworkOutput& output : network_.outputs) ++readers_[output.layer];
    if (network_.outputs.empty() && !network_.layers.empty())
      ++readers_[network_.layers.back().name];
    for (const NetworkInput& input : network_.inputs)
      if (!input.next.empty()) ++readers_[input.next];
  }

  void add(std::size_t index) {
    const NetworkLayer& layer = network_.layers[index];
    const OperandTransform transform = transform_of(layer, run_);
    if (transform.kind == TransformKind::kNone || std::holds_alternative<VectorOp>(layer.op) ||
        std::holds_alternative<Matmul>(layer.op))
      return;
    const auto refuse = [&](const char* why) {
      throw input_error(fmt::format("precision.transform: {}: {}; `none` leaves it as it is",
                                    enum_name(transform.kind), why));
    };
    const Gemm* op = linear(layer);
    if (op == nullptr) refuse("linear layers with weights of their own are transformed");
    if (layer.experts) refuse("a mixture's experts are not transformed");
    if (has_codes(layer)) refuse("its operands are codes of a quantized network");
    if (transform.kind == TransformKind::kHadamard && op->k % 2 != 0)
      refuse("rows of an odd number of elements are not rotated");
    const std::string producer = layer.inputs.empty() ? "" : layer.inputs.front();
    if (producer == kOperandInput) refuse("its input is a constant");
    const auto same = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
      return g.producer == producer && g.transform.kind == transform.kind &&
             g.transform.strength == transform.strength &&
             network_.layers[g.readers.front()].repeat == layer.repeat;
    });
    if (same != groups_.end() && !producer.empty())
      same->readers.push_back(index);
    else
      groups_.push_back({producer, transform, {index}});
  }

  std::size_t folded(const Group& group) const {
    const NetworkLayer& reader = network_.layers[group.readers.front()];
    return place_for(group.producer, std::get<Gemm>(reader.op).k, reader.repeat,
                     group.readers.size());
  }

  /// The layer whose output channels may be multiplied, so that those of `name` are.
  std::size_t place_for(const std::string& name, std::int64_t k, std::int64_t repeat,
                        std::size_t readers) const {
    const auto place = places_.find(name);
    if (place == places_.end() || readers_.at(name) != readers) return kNoLayer;
    const NetworkLayer& layer = network_.layers[place->second];
    if (layer.repeat != repeat || layer.kv_cache || has_codes(layer)) return kNoLayer;
    if (const Gemm* op = linear(layer)) {
      const bool is_linear = layer.activation.empty() || layer.activation == "relu";
      const bool is_plain = !layer.experts && layer.batch_norm_epsilon == 0;
      return op->n == k && is_linear && is_plain ? place->second : kNoLayer;
    }
    for (const VectorKind norm : {VectorKind::kRmsNorm, VectorKind::kLayerNorm})
      if (const VectorOp* op = vector_op(layer, norm))
        return op->cols == k && !op->codes ? place->second : kNoLayer;
    const VectorOp* product = vector_op(layer, VectorKind::kMul);
    if (product == nullptr || product->cols != k || !product->operand_shapes.empty() ||
        product->codes)
      return kNoLayer;
    for (auto operand = layer.inputs.rbegin(); operand != layer.inputs.rend(); ++operand) {
      const std::size_t found = place_for(*operand, k, repeat, 1);
      if (found != kNoLayer) return found;
    }
    return kNoLayer;
  }

  NetworkLayer pass_of(const Group& group, const NetworkLayer& reader) const {
    const Gemm& gemm = std::get<Gemm>(reader.op);
    NetworkLayer pass;
    pass.name = pass_name(group);
    pass.kind = "transform";
    pass.repeat = reader.repeat;
    VectorOp op;
    op.rows = gemm.m;
    op.cols = gemm.k;
    if (group.transform.kind == TransformKind::kHadamard) {
      op.kind = VectorKind::kHadamard;
      op.reduced = hadamard_stages(gemm.k);
    } else {
      op.kind = VectorKind::kChannelScale;
      pass.transform.output_factors = reader.name;
    }
    pass.op = op;
    if (!group.producer.empty()) pass.inputs = {group.producer};
    const Precision precision = layer_precision(reader, run_);
    const auto from = places_.find(group.producer);
    pass.precision.activations = between_layers(precision, run_);
    pass.precision.output = pass.precision.activations;
    if (from != places_.end())
      pass.precision.activations = output_format(network_.layers[from->second], run_);
    return pass;
  }

  Network network_;
  const Precision& run_;
  std::map<std::string, std::size_t> places_;
  std::map<std::string, std::size_t> readers_;
  std::vector<Group> groups_;
};

bool has_transforms(const Network& network, const Precision& run) {
  return std::any_of(network.layers.begin(), network.layers.end(), [&](const NetworkLayer& layer) {
    return transform_of(layer, run).kind != TransformKind::kNone;
  });
}

}  // namespace

Network with_transforms(const Network& network, const Precision& run) {
  if (!has_transforms(network, run)) return network;
  return Plan(network, run).apply();
}

Network without_transforms(Network network) {
  for (NetworkLayer& layer : network.layers) layer.precision.transform = OperandTransform{};
  return network;
}

std::vector<std::string> transform_notes(const Network& network, const Precision& run) {
  std::vector<std::string> notes;
  if (!has_transforms(network, run)) return notes;
  const Plan plan(network, run);
  for (const Group& group : plan.groups()) {
    std::vector<std::string> readers;
    for (const std::size_t reader : group.readers)
      readers.push_back(kind_of(plan.layer(reader).name));
    std::string note = fmt::format(
        "transform {} of {}: {}", enum_name(group.transform.kind), fmt::join(readers, ", "),
        group.folded == kNoLayer
            ? fmt::format("a pass of the vector unit, {}", kind_of(plan.pass_name(group)))
            : fmt::format("free, folded into {}", kind_of(plan.layer(group.folded).name)));
    if (std::find(notes.begin(), notes.end(), note) == notes.end())
      notes.push_back(std::move(note));
  }
  return notes;
}

std::string transform_signature(const Network& network) {
  std::uint32_t hash = 0x811C9DC5;  // FNV-1a
  bool any = false;
  for (const NetworkLayer& layer : network.layers) {
    if (layer.transform.input_factors.empty() && layer.transform.rotation == 0) continue;
    any = true;
    const OperandTransform transform = layer.precision.transform.value_or(OperandTransform{});
    for (const char c : fmt::format("{} {} {}\n", layer.name, enum_name(transform.kind),
                                    transform.strength.value_or(kSmoothStrength)))
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  }
  return any ? fmt::format("{:08x}", hash) : "";
}

}  // namespace bitjoule
