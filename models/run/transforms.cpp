#include "run/transforms.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/mapping/data_path.h"
#include "core/numeric/operand_transform.h"
#include "core/numeric/storage.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/network_layers.h"

namespace bitjoule {
namespace {

constexpr std::size_t kNoLayer = static_cast<std::size_t>(-1);

/// What a layer's precision asks for: a transformation, or scales of its inputs that the weights
/// take over, which are one too.
struct Wanted {
  OperandTransform transform;
  std::optional<TensorFormat> codes;  ///< with a scale for each input, by `scales`
  ScaleRule scales = ScaleRule::kOracle;

  explicit operator bool() const { return codes || transform.kind != TransformKind::kNone; }
  bool rotates() const { return transform.kind == TransformKind::kHadamard; }
  std::string name() const {
    return codes ? "precision.activations: per_input_channel"
                 : "precision.transform: " + enum_name(transform.kind);
  }
  std::string text() const {
    return codes
               ? fmt::format("scales per input channel ({}, {})", codes->format, enum_name(scales))
               : "transform " + enum_name(transform.kind);
  }
  /// Two that are the same have one.
  std::string key() const {
    return codes ? fmt::format("{} {}", key_text(*codes), enum_name(scales))
                 : fmt::format("{} {}", enum_name(transform.kind),
                               transform.strength.value_or(kSmoothStrength));
  }
};

Wanted wanted_of(const NetworkLayer& layer, const Precision& run) {
  const Precision precision = layer.precision.apply(run);
  Wanted wanted;
  wanted.transform = precision.transform.value_or(OperandTransform{});
  if (!has_channel_scales(precision.activations)) return wanted;
  wanted.codes = precision.activations;
  wanted.scales = precision.static_scales.value_or(ScaleRule::kOracle);
  return wanted;
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
  Wanted wanted;
  std::vector<std::size_t> readers;
  std::size_t folded = kNoLayer;  ///< into that layer
  SharedHeads heads;              ///< where attention lies between
};

/// The layer whose output channels may be transformed, and which inputs they become.
struct Place {
  std::size_t layer = kNoLayer;
  SharedHeads heads;
};

class Plan {
 public:
  Plan(const Network& network, const Precision& run) : network_(network), run_(run) {
    name_inputs();
    count_readers();
    for (std::size_t i = 0; i < network_.layers.size(); ++i)
      with_name(network_.layers[i], [&] { add(i); });
    for (Group& group : groups_) fold(group);
  }

  const std::vector<Group>& groups() const { return groups_; }
  const NetworkLayer& layer(std::size_t index) const { return network_.layers[index]; }

  /// What the pass is called that stands before the group's first reader.
  std::string pass_name(const Group& group) const {
    return layer(group.readers.front()).name + (group.wanted.rotates() ? ".rotate" : ".scale");
  }

  Network apply() {
    Network result = network_;
    std::map<std::size_t, NetworkLayer> passes;  // by the layer that they stand before
    for (const Group& group : groups_) {
      const std::string name = result.layers[group.readers.front()].name;
      NetworkLayer pass;
      const bool needs_pass = group.folded == kNoLayer;
      if (needs_pass) pass = pass_of(group, result.layers[group.readers.front()]);
      if (!needs_pass) transform_outputs(group, name, result);
      for (const std::size_t reader : group.readers) {
        NetworkLayer& layer = result.layers[reader];
        layer.precision.transform = group.wanted.transform;
        if (group.wanted.codes) {
          layer.precision.activations = group.wanted.codes;
          layer.precision.static_scales = group.wanted.scales;
        }
        layer.transform.heads = group.heads;
        if (group.wanted.rotates())
          layer.transform.rotation = stages_of(group);
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
  /// Blocks lie within heads where the values are rotated.
  std::int64_t stages_of(const Group& group) const {
    const std::int64_t k = std::get<Gemm>(layer(group.readers.front()).op).k;
    return hadamard_stages(group.heads.size > 0 ? group.heads.size : k);
  }

  void transform_outputs(const Group& group, const std::string& name, Network& result) const {
    NetworkLayer& layer = result.layers[group.folded];
    if (group.wanted.rotates()) {
      layer.transform.output_rotation = stages_of(group);
    } else {
      layer.transform.output_factors = name;
      layer.transform.output_heads = group.heads;
    }
    if (group.wanted.codes)
      result.layers[places_.at(group.producer)].precision.output = group.wanted.codes;
  }

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
    const Wanted wanted = wanted_of(layer, run_);
    const auto refuse = [&](const char* why) {
      throw input_error(fmt::format(
          "{}: {}; {}", wanted.name(), why,
          wanted.codes ? "another granularity there, or a float" : "`none` leaves it as it is"));
    };
    const auto& output = layer.precision.apply(run_).output;
    if (output && has_channel_scales(*output))
      throw input_error(
          "precision.output: granularity per_input_channel is of activations, as "
          "linear layers read them");
    if (!wanted || std::holds_alternative<VectorOp>(layer.op) ||
        std::holds_alternative<Matmul>(layer.op))
      return;
    if (wanted.codes && wanted.transform.kind != TransformKind::kNone)
      refuse("its scales take the place of precision.transform");
    const Gemm* op = linear(layer);
    if (op == nullptr) refuse("linear layers with weights of their own are transformed");
    if (layer.experts) refuse("a mixture's experts are not transformed");
    if (has_codes(layer)) refuse("its operands are codes of a quantized network");
    if (wanted.rotates() && op->k % 2 != 0)
      refuse("rows of an odd number of elements are not rotated");
    const std::string producer = layer.inputs.empty() ? "" : layer.inputs.front();
    if (producer == kOperandInput) refuse("its input is a constant");
    const auto same = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
      return g.producer == producer && g.wanted.key() == wanted.key() &&
             network_.layers[g.readers.front()].repeat == layer.repeat;
    });
    if (same != groups_.end() && !producer.empty())
      same->readers.push_back(index);
    else
      groups_.push_back({producer, wanted, {index}, kNoLayer, {}});
  }

  void fold(Group& group) const {
    const NetworkLayer& reader = network_.layers[group.readers.front()];
    const std::int64_t k = std::get<Gemm>(reader.op).k;
    // Codes are stored by whoever yields the tensor, unless it is told otherwise.
    const auto producer = places_.find(group.producer);
    if (group.wanted.codes && producer != places_.end() &&
        network_.layers[producer->second].precision.output)
      return;
    Place place = values_for(group.producer, k, reader.repeat, group.readers.size());
    if (group.wanted.rotates() && place.heads.size % 2 != 0) place = {};
    if (place.layer == kNoLayer && !group.wanted.rotates())
      place.layer = place_for(group.producer, k, reader.repeat, group.readers.size());
    group.folded = place.layer;
    group.heads = place.heads;
  }

  /// The layer of that name, if all who read it are of the group.
  const NetworkLayer* read_by(const std::string& name, std::size_t readers) const {
    const auto place = places_.find(name);
    if (place == places_.end() || readers_.at(name) != readers) return nullptr;
    return &network_.layers[place->second];
  }

  /// Heads and tokens change places: [batch, a, b, size] to [batch, b, a, size].
  const VectorOp* swaps_heads(const NetworkLayer* layer) const {
    const VectorOp* op = layer == nullptr ? nullptr : vector_op(*layer, VectorKind::kTranspose);
    const bool swaps = op != nullptr && layer->inputs.size() == 1 && !layer->kv_cache &&
                       op->shape.size() == 4 && op->axes == std::vector<std::int64_t>{0, 2, 1, 3};
    return swaps ? op : nullptr;
  }

  /// The layer that yields the values of an attention whose results are read by that name: what its
  /// channels are multiplied by, or rotated with, the results are, as probabilities weigh tokens.
  Place values_for(const std::string& name, std::int64_t k, std::int64_t repeat,
                   std::size_t readers) const {
    const NetworkLayer* merge = read_by(name, readers);
    const VectorOp* merged = swaps_heads(merge);
    if (merged == nullptr) return {};
    const NetworkLayer* context = read_by(merge->inputs.front(), 1);
    const auto* product = context == nullptr ? nullptr : std::get_if<Matmul>(&context->op);
    if (product == nullptr || !product->k_rows || context->inputs.size() != 2) return {};
    const NetworkLayer* heads = read_by(context->inputs[1], 1);
    const VectorOp* split = swaps_heads(heads);
    if (split == nullptr) return {};
    const NetworkLayer* values = read_by(heads->inputs.front(), 1);
    const Gemm* op = values == nullptr ? nullptr : linear(*values);
    const std::int64_t size = merged->shape[3], count = merged->shape[2];
    const bool fits = op != nullptr && product->n == size && split->shape[3] == size &&
                      product->batch == merged->shape[0] * count && count * size == k &&
                      split->shape[1] * product->shared == count && op->n * product->shared == k;
    if (!fits || !scales_outputs(*values, *op)) return {};
    for (const NetworkLayer* layer : {merge, context, heads, values})
      if (layer->repeat != repeat) return {};
    return {places_.at(values->name), {product->shared, size}};
  }

  /// Whether its output channels may be multiplied: nothing but a bias follows the sums.
  static bool scales_outputs(const NetworkLayer& layer, const Gemm& /*op*/) {
    const bool is_linear = layer.activation.empty();
    return is_linear && !layer.experts && layer.batch_norm_epsilon == 0 && !has_codes(layer);
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
    if (group.wanted.rotates()) {
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
    pass.precision.output = group.wanted.codes ? *group.wanted.codes : pass.precision.activations;
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
    return static_cast<bool>(wanted_of(layer, run));
  });
}

}  // namespace

Network with_transforms(const Network& network, const Precision& run) {
  if (!has_transforms(network, run)) return network;
  return Plan(network, run).apply();
}

Network without_transforms(Network network, const Precision& run) {
  for (NetworkLayer& layer : network.layers) {
    layer.precision.transform = OperandTransform{};
    const Precision precision = layer.precision.apply(run);
    if (!has_channel_scales(precision.activations)) continue;
    layer.precision.activations = wide_format(precision);
    layer.precision.mac = "auto";
  }
  return network;
}

std::set<std::string> counted_inputs(const Network& network, const Precision& run) {
  std::set<std::string> layers;
  for (const NetworkLayer& layer : with_transforms(network, run).layers) {
    const Wanted wanted = wanted_of(layer, run);
    if (wanted.codes && wanted.scales != ScaleRule::kAbsMax &&
        !layer.transform.input_factors.empty())
      layers.insert(layer.transform.input_factors);
  }
  return layers;
}

std::vector<std::string> transform_notes(const Network& network, const Precision& run) {
  std::vector<std::string> notes;
  if (!has_transforms(network, run)) return notes;
  const Plan plan(network, run);
  const auto add = [&](std::string note) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end())
      notes.push_back(std::move(note));
  };
  for (const NetworkLayer& layer : network.layers)
    if (std::holds_alternative<Matmul>(layer.op) && wanted_of(layer, run).codes)
      add(
          fmt::format("scales per input channel of {}: none, a product of two activations has no "
                      "weights to take them over; its operands stay as they are stored",
                      kind_of(layer.name)));
  for (const Group& group : plan.groups()) {
    std::vector<std::string> readers;
    for (const std::size_t reader : group.readers)
      readers.push_back(kind_of(plan.layer(reader).name));
    std::string note = fmt::format(
        "{} of {}: {}", group.wanted.text(), fmt::join(readers, ", "),
        group.folded == kNoLayer
            ? fmt::format("a pass of the vector unit, {}", kind_of(plan.pass_name(group)))
            : fmt::format("free, folded into {}", kind_of(plan.layer(group.folded).name)));
    add(std::move(note));
  }
  return notes;
}

std::string transform_signature(const Network& network) {
  std::uint32_t hash = 0x811C9DC5;  // FNV-1a
  bool any = false;
  for (const NetworkLayer& layer : network.layers) {
    if (layer.transform.input_factors.empty() && layer.transform.rotation == 0) continue;
    any = true;
    const Wanted wanted = wanted_of(layer, {});  // with_transforms() has written down the run's
    for (const char c : fmt::format("{} {}\n", layer.name, wanted.key()))
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  }
  return any ? fmt::format("{:08x}", hash) : "";
}

}  // namespace bitjoule
