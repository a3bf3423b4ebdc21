#include "sim/import/hf_keys.h"

namespace bitjoule {

const std::set<std::string>& hf_harmless_keys() {
  static const std::set<std::string> kKeys = {
      // What the file is.
      "_name_or_path", "_commit_hash", "architectures", "model_type", "transformers_version",
      "tokenizer_class", "finetuning_task", "problem_type", "id2label", "label2id", "num_labels",
      "task_specific_params", "auto_map", "language", "name_or_path", "unsloth_version",
      "unsloth_fixed", "is_llama_config",
      // Tokens that mean something to the tokenizer.
      "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id",
      "cls_token_id", "mask_token_id", "decoder_start_token_id", "forced_bos_token_id",
      "forced_eos_token_id", "bad_words_ids", "begin_suppress_tokens", "suppress_tokens",
      "bos_token", "eos_token", "prefix",
      // Training.
      "initializer_range", "initializer_factor", "attention_dropout",
      "attention_probs_dropout_prob", "hidden_dropout", "hidden_dropout_prob", "dropout",
      "resid_pdrop", "embd_pdrop", "attn_pdrop", "classifier_dropout", "classifier_dropout_prob",
      "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
      "summary_use_proj", "gradient_checkpointing", "pretraining_tp", "use_bfloat16", "torchscript",
      "router_aux_loss_coef", "output_router_logits",
      // How the library runs it.
      "use_cache", "output_attentions", "output_hidden_states", "output_past", "return_dict",
      "return_dict_in_generate", "output_scores", "attn_implementation", "_attn_implementation",
      "_attn_implementation_autoset", "_flash_attn_2_enabled", "use_flash_attn",
      "cache_implementation", "chunk_size_feed_forward", "tie_encoder_decoder",
      "remove_invalid_values", "reorder_and_upcast_attn", "tf_legacy_loss",
      "cross_attention_hidden_size", "layerdrop", "slow_but_exact", "offset_alibi", "skip_bias_add",
      "skip_bias_add_qkv", "attention_softmax_in_fp32", "bias_dropout_fusion",
      "masked_softmax_fusion", "router_jitter_noise", "ep_size", "aux_loss_alpha", "seq_aux",
      "initial_context_length",
      // Generation.
      "do_sample", "early_stopping", "max_length", "min_length", "num_beams", "num_beam_groups",
      "num_return_sequences", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
      "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
      "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty",
      // The longest context; a run says its own.
      "max_position_embeddings", "max_sequence_length", "model_max_length", "seq_length", "n_ctx",
      "max_window_layers", "original_max_position_embeddings"};
  return kKeys;
}

const std::vector<UnsupportedKey>& hf_unsupported_keys() {
  static const char* const kExperts =
      "the shapes of the layers: a mixture of experts, which this family is not";
  static const char* const kLatent = "the shapes of attention (latent keys and values)";
  static const char* const kBlock = "the layers of a block";
  static const char* const kScores = "the values of attention";
  static const char* const kScale = "the values of the layers";
  static const std::vector<UnsupportedKey> kRows = {
      {"num_local_experts", {"0", "1"}, kExperts},
      {"num_experts", {"0", "1"}, kExperts},
      {"n_routed_experts", {"0"}, kExperts},
      {"n_shared_experts", {"0"}, kExperts},
      {"num_experts_per_tok", {"0"}, kExperts},
      {"experts_per_token", {"0"}, kExperts},
      {"moe_intermediate_size", {"0"}, kExperts},
      {"shared_expert_intermediate_size", {"0"}, kExperts},
      {"moe_layer_freq", {"0"}, kExperts},
      {"first_k_dense_replace", {"0"}, kExperts},
      {"mlp_only_layers", {"[]"}, kExperts},
      {"decoder_sparse_step", {"0"}, kExperts},
      {"num_mtp_layers", {"0"}, "the layers: further ones that predict later tokens"},
      {"mtp_num_hidden_layers", {"0"}, "the layers: further ones that predict later tokens"},
      {"num_nextn_predict_layers", {"0"}, "the layers: further ones that predict later tokens"},
      {"q_lora_rank", {"0"}, kLatent},
      {"kv_lora_rank", {"0"}, kLatent},
      {"qk_rope_head_dim", {"0"}, kLatent},
      {"qk_nope_head_dim", {"0"}, kLatent},
      {"v_head_dim", {"0"}, kLatent},
      {"attn_logit_softcapping", {}, kScores},
      {"final_logit_softcapping", {}, "the values of the logits"},
      {"attention_multiplier", {}, kScores},
      {"embedding_multiplier", {"1"}, kScale},
      {"residual_multiplier", {"1"}, kScale},
      {"logits_scaling", {"1"}, "the values of the logits"},
      {"logit_scale", {"1"}, "the values of the logits"},
      {"scale_emb", {"1"}, kScale},
      {"scale_depth", {"1"}, kScale},
      {"partial_rotary_factor", {"1"}, "the values of attention: a part of each head is rotated"},
      {"rotary_pct", {"1"}, "the values of attention: a part of each head is rotated"},
      {"no_rope_layers", {"[]"}, "the values of attention: some layers do not rotate"},
      {"no_rope_layer_interval", {"0"}, "the values of attention: some layers do not rotate"},
      {"rope_local_base_freq", {}, "the values of attention in some layers"},
      {"rope_interleave", {"false"}, kScores},
      {"dual_chunk_attention_config", {}, "the keys that a token sees"},
      {"use_bidirectional_attention", {"false"}, "the keys that a token sees"},
      {"attention_chunk_size", {}, "the keys that a token sees"},
      {"sliding_window_pattern", {}, "the keys that a token sees, by layer"},
      {"_sliding_window_pattern", {}, "the keys that a token sees, by layer"},
      {"use_qk_norm", {"false"}, "the layers: norms of queries and keys"},
      {"qk_norm", {"false"}, "the layers: norms of queries and keys"},
      {"qk_layernorm", {"false"}, "the layers: norms of queries and keys"},
      {"clip_qkv", {}, kScores},
      {"alibi", {"false"}, kScores},
      {"parallel_attn", {"false"}, kBlock},
      {"num_ln_in_parallel_attn", {}, kBlock},
      {"use_parallel_residual", {"false"}, kBlock},
      {"new_decoder_architecture", {"false"}, kBlock},
      {"is_encoder_decoder", {"false"}, "the layers: an encoder and a decoder"},
      {"is_decoder", {"false"}, "the layers: an encoder used as decoder"},
      {"add_cross_attention", {"false"}, "the layers: attention to an encoder"},
      {"text_config", {}, "what the model is: keys of a part of it stand there"},
      {"vision_config", {}, "the layers: a part that reads images"},
      {"audio_config", {}, "the layers: a part that reads sound"},
      {"pruned_heads", {"{}", "[]"}, "the shapes of attention"},
      {"scale_attn_weights", {"true"}, kScores},
      {"scale_attn_by_inverse_layer_idx", {"false"}, kScores},
      {"position_embedding_type", {"\"absolute\""}, kScores},
      {"embedding_size", {}, "the shapes of the embedding"},
      {"word_embed_proj_dim", {}, "the shapes of the embedding"},
      {"use_bias", {"false"}, "the parameters: biases"},
      {"qkv_bias", {"false"}, "the parameters: biases"},
      {"add_qkv_bias", {"false"}, "the parameters: biases"},
      {"use_qkv_bias", {"false"}, "the parameters: biases"},
      {"attention_out_bias", {"false"}, "the parameters: biases"},
      {"lm_head_bias", {"false"}, "the parameters: biases"},
      {"norm_type", {"\"rmsnorm\"", "\"rms_norm\"", "\"RMSNorm\""}, "the norms"},
      {"multi_query", {"false"}, "the shapes of attention"},
      {"rotary_emb_base", {}, kScores},
      {"num_kv_shared_layers", {"0"}, "the layers: keys and values of several at once"},
      {"compression_config", {}, "the bytes of weights (compressed-tensors)"},
      {"kv_cache_scheme", {}, "the bytes of keys and values (a network's kv_cache says them)"},
      {"kv_cache_quant_algo", {}, "the bytes of keys and values (a network's kv_cache says them)"},
      {"bias", {"false"}, "the parameters: biases"},
      {"use_sliding_window", {"false", "true"}, "the keys that a token sees"},
  };
  return kRows;
}

}  // namespace bitjoule
