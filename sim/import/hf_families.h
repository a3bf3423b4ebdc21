// The model types of Hugging Face that are imported, one row each.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/import/transformer.h"

namespace bitjoule {

/// A parameter of the base file and the key that gives it.
struct SizeRow {
  const char* parameter;
  const char* key;
  const char* otherwise;       ///< nullptr: required; "": the base's own default
  bool null_is_none = false;   ///< null means the base's own default, not `otherwise`
  const char* also = nullptr;  ///< another spelling of the key
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
  const char* gated = nullptr;  ///< of the base's parameter `gated`, where the name says it too
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

/// How a family is a mixture of experts: keys, and what a missing one means. Without a key of their
/// width that of the MLP is the experts'.
struct HfMixture {
  const char* count = nullptr;  ///< nullptr: it is none
  std::int64_t missing_count = 0, missing_chosen = 0, missing_width = 0;
  const char* width = nullptr;
  bool always_normalized = false;  ///< else norm_topk_prob says it, false where it is missing
  const char* shared_width = nullptr;
  std::int64_t missing_shared_width = 0;
  const char* shared_count = nullptr;  ///< so many times as wide as an expert, at first
  std::int64_t missing_shared_count = 0;
  /// DeepSeek: n_group and others say from which experts is chosen; what is missing is V3's.
  bool has_groups = false, is_v3 = false;
  bool has_sparse_step = false;  ///< decoder_sparse_step and mlp_only_layers say which layers are
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
  const char* head = "head";  ///< the layer behind the blocks; nullptr: there is none
  const ModelTensors* tensors = nullptr;
  HfWindow window;
  const char* biases = nullptr;  ///< where attention_bias does not say: which there are
  double score_scalar = 0;  ///< query_pre_attn_scalar where it is missing; 0: it must be the heads'
  const char* theta = nullptr;        ///< rope_theta where it is missing; nullptr: the base's
  const char* local_theta = nullptr;  ///< likewise of layers with a window, rope_local_base_freq
  bool rotates_partly = false;        ///< partial_rotary_factor counts
  const char* theta_key = nullptr;    ///< another name of rope_theta
  std::vector<HfFlag> required;
  HfMixture mixture;
  bool latent = false;  ///< attention of latent keys and values: kv_lora_rank and others
  /// Sizes that must be the hidden size where they are there.
  std::vector<const char*> as_wide;
  /// Of an encoder and a decoder: layers that look up the table of `embed`, and what multiplies
  /// that which a tied head reads.
  std::vector<const char*> same_table;
  const char* tied_head_scale = nullptr;
  std::vector<const char*> one;    ///< sizes that must be 1 where they are there
  std::set<std::string> harmless;  ///< keys beside those of all families
  std::int64_t unrotated = 0;      ///< no_rope_layer_interval where it is missing; 0: all rotate
};

/// Of latent attention: the layer of both matrices where keys and values are made of the cache, and
/// the name of their tensor. Absorbed, they are layers of their own, k_b and v_b.
constexpr const char* kLatentMatrices = "kv_b";

const std::vector<HfFamily>& hf_families();

}  // namespace bitjoule
