#include "sim/schema/rule_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "run/key.h"

namespace bitjoule {
namespace {

struct RuleKey {
  const char* name;
  bool (*is_set)(const LayerRule&);
  bool (*counts)(const NetworkLayer&);
};

const VectorOp* vector_op(const NetworkLayer& layer) { return std::get_if<VectorOp>(&layer.op); }

bool has_macs(const NetworkLayer& layer) { return vector_op(layer) == nullptr; }

/// Trained ones, or an embedding's table.
bool has_weights(const NetworkLayer& layer) {
  const VectorOp* op = vector_op(layer);
  return op == nullptr ? !std::holds_alternative<Matmul>(layer.op)
                       : op->kind == VectorKind::kEmbedding;
}

bool has_second_operand(const NetworkLayer& layer) {
  const VectorOp* op = vector_op(layer);
  return op == nullptr || has_weights(layer) || parameter_elements(*op) > 0;
}

bool has_sums(const NetworkLayer& layer) {
  const VectorOp* op = vector_op(layer);
  return op == nullptr || op->codes;
}

bool is_linear(const NetworkLayer& layer) { return std::holds_alternative<Gemm>(layer.op); }

const RuleKey kKeys[] = {
    {"precision.weights", [](const LayerRule& r) { return r.precision.weights.has_value(); },
     has_second_operand},
    {"precision.mac", [](const LayerRule& r) { return r.precision.mac.has_value(); }, has_macs},
    {"precision.requantize", [](const LayerRule& r) { return r.precision.requantize.has_value(); },
     has_sums},
    {"precision.quantizer", [](const LayerRule& r) { return r.precision.quantizer.has_value(); },
     has_weights},
    {"precision.transform", [](const LayerRule& r) { return r.precision.transform.has_value(); },
     is_linear},
    {"mapping", [](const LayerRule& r) { return key_text(r.mapping) != key_text(TilePins()); },
     has_macs},
};

std::string what_is(const NetworkLayer& layer) {
  if (const VectorOp* op = vector_op(layer))
    return fmt::format("the vector operator {}", vector_row(op->kind).name);
  return is_linear(layer)     ? "a linear layer"
         : has_weights(layer) ? "a convolution"
                              : "a product of activations";
}

}  // namespace

std::vector<std::string> keys_without_effect(const LayerRule& rule,
                                             const std::vector<const NetworkLayer*>& layers) {
  std::vector<std::string> keys;
  if (layers.empty()) return keys;
  for (const RuleKey& key : kKeys) {
    const auto counts = [&](const NetworkLayer* layer) { return key.counts(*layer); };
    if (key.is_set(rule) && std::none_of(layers.begin(), layers.end(), counts))
      keys.push_back(fmt::format("{}: no effect: \"{}\" is {}", key.name, layers.front()->name,
                                 what_is(*layers.front())));
  }
  return keys;
}

}  // namespace bitjoule
