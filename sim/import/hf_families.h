// The model types of Hugging Face that are imported, one row each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/import/transformer.h"

namespace bitjoule {

/// A parameter of the base file and the key that gives it.
struct SizeRow {
  const char* parameter;
  const char* key;
  const char* otherwise;  ///< nullptr: required; "": the base's own default
};

/// A layer with weights, and its module within a block.
struct LinearRow {
  const char* layer;
  const char* module;
};

/// A name of config.json for the function between the layers of the MLP, and the value of the
/// base's parameter `activation` ("": there is no choice).
struct ActivationRow {
  const char* name;
  const char* parameter;
};

struct HfFamily {
  const char* model_type;
  const char* base;
  std::vector<std::pair<const char*, const char*>> fixed;  ///< parameters that the family implies
  std::vector<SizeRow> sizes;
  bool tied = false;  ///< where tie_word_embeddings is missing
  /// Heads of keys where the key is missing; 0: as many as of queries.
  std::int64_t kv_heads = 0;
  std::vector<const char*> activation_keys;  ///< the first that is there counts
  const char* activation = "silu";           ///< where none is
  std::vector<ActivationRow> activations;
  const char* block = "model.layers.";
  std::vector<LinearRow> linears;       ///< of a block
  std::vector<const char*> embeddings;  ///< layers that look rows up
  const char* embedding_module = "model.embed_tokens";
  const char* head = "head";              ///< the layer behind the blocks
  const ModelTensors* tensors = nullptr;  ///< nullptr: weights are not read
  bool has_rope = true;
};

const std::vector<HfFamily>& hf_families();

}  // namespace bitjoule
