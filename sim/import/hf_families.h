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
  const char* otherwise;      ///< nullptr: required; "": the base's own default
  bool null_is_none = false;  ///< null means the base's own default, not `otherwise`
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

/// How a family reads sliding_window.
struct HfWindow {
  bool exists = false;
  std::int64_t missing = 0;  ///< tokens where the key is missing; 0: none
  bool flagged = false;      ///< counts with use_sliding_window alone, from max_window_layers on
  /// Of `period` layers the first `run` have it, where layer_types does not say.
  std::int64_t period = 1, run = 1;
  bool has_pattern = false;  ///< sliding_window_pattern is the period
};

/// A flag that a family has, with what it is where it is missing, and what it has to be.
struct HfFlag {
  const char* key;
  bool otherwise;
  bool expected;
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
  HfWindow window;
  const char* biases = nullptr;  ///< where attention_bias does not say: which there are
  double score_scalar = 0;  ///< query_pre_attn_scalar where it is missing; 0: it must be the heads'
  const char* theta = nullptr;        ///< rope_theta where it is missing; nullptr: the base's
  const char* local_theta = nullptr;  ///< likewise of layers with a window, rope_local_base_freq
  bool rotates_partly = false;        ///< partial_rotary_factor counts
  const char* theta_key = nullptr;    ///< another name of rope_theta
  std::vector<HfFlag> required;
  std::int64_t unrotated = 0;  ///< no_rope_layer_interval where it is missing; 0: all rotate
};

const std::vector<HfFamily>& hf_families();

}  // namespace bitjoule
