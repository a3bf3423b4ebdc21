// What number formats are described by: every member with its name, meaning and range, for files
// (sim/schema) and for what programs give (checked.h). Where it is instantiated, it is compiled.
#pragma once

#include <cstdint>
#include <optional>

#include "core/enums.h"
#include "core/error.h"
#include "core/numeric/format.h"
#include "core/numeric/mac.h"
#include "core/numeric/recipe.h"
#include "core/numeric/storage.h"
#include "core/numeric/tensor_format.h"
#include "core/rule.h"

namespace bitjoule {

// Made once: formats of runs are looked at again and again.
inline const Rule& format_names() {
  static const Rule kRule = [] {
    Rule rule;
    for (const Format& row : formats()) rule.choices.push_back(row.name);
    return rule;
  }();
  return kRule;
}

inline const Rule& mac_names() {
  static const Rule kRule = [] {
    Rule rule = one_of({"auto"});
    for (const MacType& row : mac_types()) rule.choices.push_back(row.name);
    return rule;
  }();
  return kRule;
}

/// None, or one of `sim list recipes`.
inline const Rule& recipe_choices() {
  static const Rule kRule = [] {
    Rule rule = one_of({""});
    for (const std::string& name : recipe_names()) rule.choices.push_back(name);
    return rule;
  }();
  return kRule;
}

inline const Rule& scale_names() {
  static const Rule kRule = one_of({"fp32", "fp16", "bf16", "e8m0", "fp32_inverse"});
  return kRule;
}

template <class V>
void describe(V& v, TensorFormat& c) {
  v.shorthand("format");
  v.required("format", c.format, "number format, one of `sim list formats`", format_names());
  v.field("granularity", c.granularity, "which elements share a scale");
  v.field("group_size", c.group_size, "elements along k per group", range(1, 1 << 20));
  v.field("symmetric", c.symmetric, "false: a zero-point beside each scale");
  v.field("scale", c.scale, "storage of the scales", scale_names());
  v.field("zero_point", c.zero_point,
          "storage of zero-points: packed (GPTQ), packed_plain, packed_awq, a format's name; or of "
          "offsets in their place: offset_fp32, offset_fp16, offset_bf16");
  v.check([&] { storage_layout(c); });
}

template <class V>
void describe(V& v, OperandTransform& c) {
  v.shorthand("kind");
  v.required("kind", c.kind, "which");
  v.field("strength", c.strength,
          "of smooth: how much of their range inputs give to weights, 1: each input has its own "
          "scale; default: 0.5",
          range(0, 1));
  v.check([&] {
    if (c.strength && c.kind != TransformKind::kSmooth)
      throw input_error("strength: only smooth has one");
  });
}

/// Whether anybody has said the format of weights; else it has no name.
inline bool says_weights(const Precision& precision) { return !precision.weights.format.empty(); }

template <class V>
void describe(V& v, Precision& c) {
  std::optional<TensorFormat> weights;
  if (says_weights(c)) weights = c.weights;
  v.field("weights", weights,
          "storage of the weights; needed where neither a network nor `recipe` says that of all");
  c.weights = weights.value_or(TensorFormat{""});
  v.required("activations", c.activations, "storage of the activations");
  v.field("output", c.output, "storage of the output; default: as the activations");
  v.field("mac", c.mac, "arithmetic, or auto: from the formats", mac_names());
  v.field("requantize", c.requantize, "how accumulators become integers again");
  v.field("quantizer", c.quantizer, "how weights become codes when they are loaded");
  v.field("transform", c.transform,
          "what becomes of inputs and weights of linear layers before they are quantized");
  v.field("static_scales", c.static_scales,
          "where the scales of integer activations per tensor come from");
  v.field("recipe", c.recipe,
          "of a language model, in the place of `weights`: each matrix in a format of its own, as "
          "llama.cpp's mixes have it",
          recipe_choices());
}

}  // namespace bitjoule
