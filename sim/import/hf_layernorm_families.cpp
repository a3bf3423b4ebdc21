// Decoders whose norms subtract the mean.
#include "sim/import/hf_family_parts.h"

namespace bitjoule::hf {

/// Without the blocks of the 40B model, whose norms are two.
HfFamily falcon() {
  static const ModelTensors kTensors = {
      {{"transformer.h."}},
      {{"transformer.word_embeddings.weight", "embed", "table", false},
       {"transformer.ln_f.weight", "norm", "gamma", false},
       {"transformer.ln_f.bias", "norm", "beta", false},
       {"lm_head.weight", "head", "weights", false},
       {"input_layernorm.weight", "attn_norm", "gamma", true},
       {"input_layernorm.bias", "attn_norm", "beta", true},
       {"self_attention.query_key_value.weight", "qkv", "weights", true},
       {"self_attention.dense.weight", "o", "weights", true},
       {"mlp.dense_h_to_4h.weight", "up", "weights", true},
       {"mlp.dense_4h_to_h.weight", "down", "weights", true}}};
  HfFamily family = llama_like("falcon");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("parallel", "2"),
        std::pair("fused", "2"), std::pair("ffn", "=4 * hidden")})
    family.fixed.emplace_back(parameter, value);
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "ffn_hidden_size", ""},
      {"vocab", "vocab_size", nullptr},          {"epsilon", "layer_norm_epsilon", "0.00001"}};
  family.tied = true;
  family.activation_keys = {"activation"};
  family.activation = "gelu";
  family.block = "transformer.h.";
  family.linears = {{"qkv", "self_attention.query_key_value"},
                    {"o", "self_attention.dense"},
                    {"up", "mlp.dense_h_to_4h"},
                    {"down", "mlp.dense_4h_to_h"}};
  family.embedding_module = "transformer.word_embeddings";
  family.tensors = &kTensors;
  family.biases = "none";
  family.required = {{"parallel_attn", true, true},
                     {"new_decoder_architecture", false, false},
                     {"alibi", false, false},
                     {"bias", false, false},
                     {"multi_query", true, true}};
  family.fixed.emplace_back("kv_heads", "1");
  return family;
}

/// Its files' rows of q, k and v alternate from head to head.
HfFamily gpt_neox() {
  static const ModelTensors kTensors = {
      {{"gpt_neox.layers."}},
      {{"gpt_neox.embed_in.weight", "embed", "table", false},
       {"embed_out.weight", "head", "weights", false},
       {"gpt_neox.final_layer_norm.weight", "norm", "gamma", false},
       {"gpt_neox.final_layer_norm.bias", "norm", "beta", false},
       {"input_layernorm.weight", "attn_norm", "gamma", true},
       {"input_layernorm.bias", "attn_norm", "beta", true},
       {"post_attention_layernorm.weight", "ffn_norm", "gamma", true},
       {"post_attention_layernorm.bias", "ffn_norm", "beta", true},
       {"attention.query_key_value.weight", "qkv", "weights", true},
       {"attention.query_key_value.bias", "qkv", "bias", true},
       {"attention.dense.weight", "o", "weights", true},
       {"attention.dense.bias", "o", "bias", true},
       {"mlp.dense_h_to_4h.weight", "up", "weights", true},
       {"mlp.dense_h_to_4h.bias", "up", "bias", true},
       {"mlp.dense_4h_to_h.weight", "down", "weights", true},
       {"mlp.dense_4h_to_h.bias", "down", "bias", true}}};
  HfFamily family = llama_like("gpt_neox");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("parallel", "1"),
        std::pair("fused", "3"), std::pair("qkv_bias", "1"), std::pair("o_bias", "1"),
        std::pair("mlp_bias", "1"), std::pair("rotated", "=head_dim / 4")})
    family.fixed.emplace_back(parameter, value);
  family.sizes.back() = {"epsilon", "layer_norm_eps", "0.00001"};
  family.activation = "gelu";
  family.block = "gpt_neox.layers.";
  family.linears = {{"qkv", "attention.query_key_value"},
                    {"o", "attention.dense"},
                    {"up", "mlp.dense_h_to_4h"},
                    {"down", "mlp.dense_4h_to_h"}};
  family.embedding_module = "gpt_neox.embed_in";
  family.tensors = &kTensors;
  family.theta_key = "rotary_emb_base";
  family.rotates_partly = true;
  family.required = {{"use_parallel_residual", true, true}, {"attention_bias", true, true}};
  return family;
}

/// The 350m models have norms behind attention and MLP, and embeddings of another width.
HfFamily opt() {
  static const ModelTensors kTensors = {
      {{"model.decoder.layers."}},
      {{"model.decoder.embed_tokens.weight", "embed", "table", false},
       {"model.decoder.embed_positions.weight", "position", "table", false},
       {"model.decoder.final_layer_norm.weight", "norm", "gamma", false},
       {"model.decoder.final_layer_norm.bias", "norm", "beta", false},
       {"lm_head.weight", "head", "weights", false},
       {"self_attn_layer_norm.weight", "attn_norm", "gamma", true},
       {"self_attn_layer_norm.bias", "attn_norm", "beta", true},
       {"self_attn.q_proj.weight", "q", "weights", true},
       {"self_attn.q_proj.bias", "q", "bias", true},
       {"self_attn.k_proj.weight", "k", "weights", true},
       {"self_attn.k_proj.bias", "k", "bias", true},
       {"self_attn.v_proj.weight", "v", "weights", true},
       {"self_attn.v_proj.bias", "v", "bias", true},
       {"self_attn.out_proj.weight", "o", "weights", true},
       {"self_attn.out_proj.bias", "o", "bias", true},
       {"final_layer_norm.weight", "ffn_norm", "gamma", true},
       {"final_layer_norm.bias", "ffn_norm", "beta", true},
       {"fc1.weight", "up", "weights", true},
       {"fc1.bias", "up", "bias", true},
       {"fc2.weight", "down", "weights", true},
       {"fc2.bias", "down", "bias", true}}};
  HfFamily family = llama_like("opt");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("rotary", "0"),
        std::pair("qkv_bias", "1"), std::pair("o_bias", "1"), std::pair("mlp_bias", "1"),
        std::pair("position_offset", "2")})
    family.fixed.emplace_back(parameter, value);
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "ffn_dim", nullptr},
      {"vocab", "vocab_size", nullptr},          {"positions", "max_position_embeddings", "2048"}};
  family.tied = true;
  family.activation_keys = {"activation_function"};
  family.activation = "relu";
  family.block = "model.decoder.layers.";
  family.linears = {{"q", "self_attn.q_proj"},
                    {"k", "self_attn.k_proj"},
                    {"v", "self_attn.v_proj"},
                    {"o", "self_attn.out_proj"},
                    {"up", "fc1"},
                    {"down", "fc2"}};
  family.embeddings = {"embed", "position"};
  family.embedding_module = "model.decoder.embed_tokens";
  family.tensors = &kTensors;
  family.biases = "biases of all products";
  family.required = {{"do_layer_norm_before", true, true},
                     {"enable_bias", true, true},
                     {"layer_norm_elementwise_affine", true, true},
                     {"_remove_final_layer_norm", false, false}};
  family.as_wide = {"word_embed_proj_dim"};
  return family;
}

/// Its files' rows of q, k and v alternate from head to head. Its GELU is the approximation by
/// tanh, which no key says.
HfFamily bloom() {
  static const ModelTensors kTensors = {
      {{"h."}},
      {{"word_embeddings.weight", "embed", "table", false},
       {"lm_head.weight", "head", "weights", false},
       {"word_embeddings_layernorm.weight", "embed_norm", "gamma", false},
       {"word_embeddings_layernorm.bias", "embed_norm", "beta", false},
       {"ln_f.weight", "norm", "gamma", false},
       {"ln_f.bias", "norm", "beta", false},
       {"input_layernorm.weight", "attn_norm", "gamma", true},
       {"input_layernorm.bias", "attn_norm", "beta", true},
       {"post_attention_layernorm.weight", "ffn_norm", "gamma", true},
       {"post_attention_layernorm.bias", "ffn_norm", "beta", true},
       {"self_attention.query_key_value.weight", "qkv", "weights", true},
       {"self_attention.query_key_value.bias", "qkv", "bias", true},
       {"self_attention.dense.weight", "o", "weights", true},
       {"self_attention.dense.bias", "o", "bias", true},
       {"mlp.dense_h_to_4h.weight", "up", "weights", true},
       {"mlp.dense_h_to_4h.bias", "up", "bias", true},
       {"mlp.dense_4h_to_h.weight", "down", "weights", true},
       {"mlp.dense_4h_to_h.bias", "down", "bias", true}},
      "transformer."};
  HfFamily family = llama_like("bloom");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("fused", "3"),
        std::pair("embed_norm", "1"), std::pair("alibi", "8"), std::pair("rotary", "0"),
        std::pair("qkv_bias", "1"), std::pair("o_bias", "1"), std::pair("mlp_bias", "1"),
        std::pair("ffn", "=4 * hidden")})
    family.fixed.emplace_back(parameter, value);
  family.sizes = {{"hidden", "hidden_size", nullptr, false, "n_embed"},
                  {"layers", "num_hidden_layers", nullptr, false, "n_layer"},
                  {"heads", "num_attention_heads", nullptr, false, "n_head"},
                  {"ffn", "n_inner", ""},
                  {"vocab", "vocab_size", nullptr},
                  {"epsilon", "layer_norm_epsilon", "0.00001"}};
  family.tied = true;
  family.activation = "gelu";
  family.activations = {{"gelu", "1"}, {"gelu_new", "1"}, {"gelu_pytorch_tanh", "1"}};
  family.block = "transformer.h.";
  family.linears = {{"qkv", "self_attention.query_key_value"},
                    {"o", "self_attention.dense"},
                    {"up", "mlp.dense_h_to_4h"},
                    {"down", "mlp.dense_4h_to_h"}};
  family.embedding_module = "transformer.word_embeddings";
  family.tensors = &kTensors;
  family.biases = "biases of all products";
  family.required = {{"apply_residual_connection_post_layernorm", false, false}};
  return family;
}

HfFamily gpt2() {
  // Its linear layers are stored as k rows of n; those of q, k and v are columns of one matrix.
  constexpr TensorLayout kTurned = TensorLayout::kTransposed;
  const auto third = [](std::int64_t index) {
    return TensorShare{TensorShare::Kind::kBehind, index, 3};
  };
  static const ModelTensors kTensors = {
      {{"h."}},
      {{"wte.weight", "embed", "table", false},
       {"wpe.weight", "position", "table", false},
       {"lm_head.weight", "head", "weights", false},
       {"ln_f.weight", "norm", "gamma", false},
       {"ln_f.bias", "norm", "beta", false},
       {"ln_1.weight", "attn_norm", "gamma", true},
       {"ln_1.bias", "attn_norm", "beta", true},
       {"ln_2.weight", "ffn_norm", "gamma", true},
       {"ln_2.bias", "ffn_norm", "beta", true},
       {"attn.c_attn.weight", "q", "weights", true, 0, false, kTurned, third(0)},
       {"attn.c_attn.weight", "k", "weights", true, 0, false, kTurned, third(1)},
       {"attn.c_attn.weight", "v", "weights", true, 0, false, kTurned, third(2)},
       {"attn.c_attn.bias", "q", "bias", true, 0, false, TensorLayout::kNative, third(0)},
       {"attn.c_attn.bias", "k", "bias", true, 0, false, TensorLayout::kNative, third(1)},
       {"attn.c_attn.bias", "v", "bias", true, 0, false, TensorLayout::kNative, third(2)},
       {"attn.c_proj.weight", "o", "weights", true, 0, false, kTurned},
       {"attn.c_proj.bias", "o", "bias", true},
       {"mlp.c_fc.weight", "up", "weights", true, 0, false, kTurned},
       {"mlp.c_fc.bias", "up", "bias", true},
       {"mlp.c_proj.weight", "down", "weights", true, 0, false, kTurned},
       {"mlp.c_proj.bias", "down", "bias", true}},
      "transformer."};
  HfFamily family;
  family.model_type = "gpt2";
  family.base = "base/gpt2.yaml";
  family.sizes = {{"hidden", "n_embd", nullptr},        {"layers", "n_layer", nullptr},
                  {"heads", "n_head", nullptr},         {"ffn", "n_inner", ""},
                  {"vocab", "vocab_size", nullptr},     {"positions", "n_positions", nullptr},
                  {"epsilon", "layer_norm_epsilon", ""}};
  family.tied = true;
  family.activation_keys = {"activation_function"};
  family.activation = "gelu_new";
  family.activations = {{"gelu_new", ""}, {"gelu_pytorch_tanh", ""}};
  family.block = "transformer.h.";
  family.linears = {{"q", "attn.c_attn"}, {"k", "attn.c_attn"}, {"v", "attn.c_attn"},
                    {"o", "attn.c_proj"}, {"up", "mlp.c_fc"},   {"down", "mlp.c_proj"}};
  family.embeddings = {"embed", "position"};
  family.embedding_module = "transformer.wte";
  family.tensors = &kTensors;
  return family;
}

}  // namespace bitjoule::hf
