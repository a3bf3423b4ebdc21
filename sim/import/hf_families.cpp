#include "sim/import/hf_families.h"

#include <set>

namespace bitjoule {
namespace {

const ModelTensors& llama_tensors() {
  static const ModelTensors kLlamaTensors = {
      "model.layers.",
      {{"model.embed_tokens.weight", "embed", "table", false},
       {"model.norm.weight", "norm", "gamma", false},
       {"lm_head.weight", "head", "weights", false},
       {"input_layernorm.weight", "attn_norm", "gamma", true},
       {"self_attn.q_proj.weight", "q", "weights", true},
       {"self_attn.q_proj.bias", "q", "bias", true},
       {"self_attn.k_proj.weight", "k", "weights", true},
       {"self_attn.k_proj.bias", "k", "bias", true},
       {"self_attn.v_proj.weight", "v", "weights", true},
       {"self_attn.v_proj.bias", "v", "bias", true},
       {"self_attn.o_proj.weight", "o", "weights", true},
       {"self_attn.o_proj.bias", "o", "bias", true},
       {"post_attention_layernorm.weight", "ffn_norm", "gamma", true},
       {"mlp.gate_proj.weight", "gate", "weights", true},
       {"mlp.gate_proj.bias", "gate", "bias", true},
       {"mlp.up_proj.weight", "up", "weights", true},
       {"mlp.up_proj.bias", "up", "bias", true},
       {"mlp.down_proj.weight", "down", "weights", true},
       {"mlp.down_proj.bias", "down", "bias", true}}};
  return kLlamaTensors;
}

/// Those of Llama, but for the rows of some layers, and with others.
ModelTensors llama_tensors_but(const std::set<std::string>& without,
                               const std::vector<ModelTensorRow>& more) {
  ModelTensors tensors{llama_tensors().block, {}};
  for (const ModelTensorRow& row : llama_tensors().rows)
    if (without.count(row.layer) == 0) tensors.rows.push_back(row);
  tensors.rows.insert(tensors.rows.end(), more.begin(), more.end());
  return tensors;
}

const std::vector<ModelTensorRow> kQkNorms = {{"self_attn.q_norm.weight", "q_norm", "gamma", true},
                                              {"self_attn.k_norm.weight", "k_norm", "gamma", true}};
const std::vector<ModelTensorRow> kPostNorms = {
    {"post_attention_layernorm.weight", "attn_post_norm", "gamma", true},
    {"post_feedforward_layernorm.weight", "ffn_post_norm", "gamma", true}};
const ModelTensorRow kFfnNorm = {"pre_feedforward_layernorm.weight", "ffn_norm", "gamma", true};

template <class... Parts>
std::vector<ModelTensorRow> joined(const std::vector<ModelTensorRow>& first,
                                   const Parts&... parts) {
  std::vector<ModelTensorRow> all = first;
  (all.insert(all.end(), parts.begin(), parts.end()), ...);
  return all;
}

/// Missing keys mean what the library's configuration classes say.
std::vector<SizeRow> llama_sizes(const char* head_dim) {
  return {{"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
          {"heads", "num_attention_heads", nullptr}, {"kv_heads", "num_key_value_heads", ""},
          {"head_dim", "head_dim", head_dim},        {"ffn", "intermediate_size", nullptr},
          {"vocab", "vocab_size", nullptr},          {"epsilon", "rms_norm_eps", "0.000001"}};
}

HfFamily llama_like(const char* model_type, const char* head_dim = "") {
  HfFamily family;
  family.model_type = model_type;
  family.base = "base/llama.yaml";
  family.fixed = {{"interleaved_rope", "0"}};
  family.sizes = llama_sizes(head_dim);
  family.activation_keys = {"hidden_act"};
  family.activations = {{"silu", "0"},     {"swish", "0"},     {"gelu_pytorch_tanh", "1"},
                        {"gelu_new", "1"}, {"gelu_fast", "1"}, {"gelu", "2"},
                        {"relu", "3"}};
  family.linears = {{"q", "self_attn.q_proj"}, {"k", "self_attn.k_proj"}, {"v", "self_attn.v_proj"},
                    {"o", "self_attn.o_proj"}, {"gate", "mlp.gate_proj"}, {"up", "mlp.up_proj"},
                    {"down", "mlp.down_proj"}};
  family.embeddings = {"embed"};
  family.tensors = &llama_tensors();
  return family;
}

HfFamily mistral() {
  HfFamily family = llama_like("mistral");
  family.kv_heads = 8;
  family.window = {true, 4096};
  return family;
}

HfFamily qwen2() {
  HfFamily family = llama_like("qwen2");
  family.fixed.emplace_back("qkv_bias", "1");
  family.kv_heads = 32;
  family.window = {true, 4096, true};
  family.biases = "biases of q, k and v, and none of o";
  return family;
}

HfFamily qwen3() {
  static const ModelTensors kTensors = llama_tensors_but({}, kQkNorms);
  HfFamily family = llama_like("qwen3", "128");
  family.fixed.emplace_back("qk_norm", "1");
  family.required = {{"use_qk_norm", true, true}};  // some files say what is always so
  family.kv_heads = 32;
  family.window = {true, 4096, true};
  family.tensors = &kTensors;
  return family;
}

HfFamily phi3() {
  static const ModelTensors kTensors = llama_tensors_but(
      {"q", "k", "v", "gate", "up"}, {{"self_attn.qkv_proj.weight", "qkv", "weights", true},
                                      {"mlp.gate_up_proj.weight", "gate_up", "weights", true}});
  HfFamily family = llama_like("phi3");
  family.fixed.emplace_back("fused", "1");
  family.sizes.back().otherwise = "0.00001";
  family.linears = {{"qkv", "self_attn.qkv_proj"},
                    {"o", "self_attn.o_proj"},
                    {"gate_up", "mlp.gate_up_proj"},
                    {"down", "mlp.down_proj"}};
  family.window = {true};
  family.biases = "none";
  family.rotates_partly = true;
  family.tensors = &kTensors;
  return family;
}

HfFamily smollm3() {
  HfFamily family = llama_like("smollm3");
  family.tied = true;
  family.kv_heads = 4;
  family.theta = "2000000";
  family.unrotated = 4;
  return family;
}

HfFamily granite() {
  HfFamily family = llama_like("granite");
  for (const SizeRow& row :
       std::initializer_list<SizeRow>{{"embed_scale", "embedding_multiplier", ""},
                                      {"score_scale", "attention_multiplier", "1"},
                                      {"residual_scale", "residual_multiplier", ""},
                                      {"logit_scale", "logits_scaling", ""}})
    family.sizes.push_back(row);
  return family;
}

HfFamily olmo2() {
  static const ModelTensors kTensors =
      llama_tensors_but({"attn_norm", "ffn_norm"}, joined(kQkNorms, kPostNorms));
  HfFamily family = llama_like("olmo2");
  family.fixed.emplace_back("pre_norm", "0");
  family.fixed.emplace_back("post_norm", "1");
  family.fixed.emplace_back("qk_norm", "2");
  family.sizes.back().otherwise = "0.00001";
  family.tensors = &kTensors;
  return family;
}

/// Its first files say hidden_act: gelu and mean the approximation by tanh.
HfFamily gemma() {
  HfFamily family = llama_like("gemma", "256");
  family.fixed.emplace_back("embed_scale", "=sqrt(hidden)");
  family.fixed.emplace_back("norm_offset", "1");
  family.tied = true;
  family.kv_heads = 16;
  family.activation_keys = {"hidden_activation"};
  family.activation = "gelu_pytorch_tanh";
  return family;
}

HfFamily gemma2() {
  static const ModelTensors kTensors =
      llama_tensors_but({"ffn_norm"}, joined(kPostNorms, std::vector<ModelTensorRow>{kFfnNorm}));
  HfFamily family = gemma();
  family.model_type = "gemma2";
  family.fixed.emplace_back("post_norm", "1");
  family.sizes.push_back({"score_cap", "attn_logit_softcapping", "50", true});
  family.sizes.push_back({"logit_cap", "final_logit_softcapping", "30", true});
  family.kv_heads = 4;
  family.score_scalar = 256;
  family.window = {true, 4096, false, 2, 1};
  family.tensors = &kTensors;
  return family;
}

/// Files of the models that also read images leave out whatever is the class's default.
HfFamily gemma3() {
  static const ModelTensors kTensors = llama_tensors_but(
      {"ffn_norm"}, joined(kQkNorms, kPostNorms, std::vector<ModelTensorRow>{kFfnNorm}));
  HfFamily family = gemma();
  family.model_type = "gemma3_text";
  family.fixed.emplace_back("post_norm", "1");
  family.fixed.emplace_back("qk_norm", "1");
  family.fixed.emplace_back("rope_factor_local", "1");
  for (SizeRow& row : family.sizes)
    for (const auto& [parameter, size] :
         {std::pair("hidden", "2304"), std::pair("layers", "26"), std::pair("heads", "8"),
          std::pair("ffn", "9216"), std::pair("vocab", "262208")})
      if (row.parameter == std::string(parameter)) row.otherwise = size;
  family.sizes.push_back({"score_cap", "attn_logit_softcapping", ""});
  family.sizes.push_back({"logit_cap", "final_logit_softcapping", ""});
  family.kv_heads = 4;
  family.score_scalar = 256;
  family.window = {true, 4096, false, 6, 5, true};
  family.theta = "1000000";
  family.local_theta = "10000";
  family.tensors = &kTensors;
  return family;
}

/// Without the blocks of the 40B model, whose norms are two.
HfFamily falcon() {
  static const ModelTensors kTensors = {
      "transformer.h.",
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

/// Its files' rows of q, k and v alternate from head to head, so weights are not read.
HfFamily gpt_neox() {
  HfFamily family = llama_like("gpt_neox");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("parallel", "1"),
        std::pair("fused", "2"), std::pair("qkv_bias", "1"), std::pair("o_bias", "1"),
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
  family.tensors = nullptr;
  family.theta_key = "rotary_emb_base";
  family.rotates_partly = true;
  family.required = {{"use_parallel_residual", true, true}, {"attention_bias", true, true}};
  return family;
}

/// The 350m models have norms behind attention and MLP, and embeddings of another width.
HfFamily opt() {
  static const ModelTensors kTensors = {
      "model.decoder.layers.",
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

/// Its files' rows of q, k and v alternate from head to head, so weights are not read. Its GELU is
/// the approximation by tanh, which no key says.
HfFamily bloom() {
  HfFamily family = llama_like("bloom");
  for (const auto& [parameter, value] :
       {std::pair("layernorm", "1"), std::pair("gated", "0"), std::pair("fused", "2"),
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
  family.tensors = nullptr;
  family.biases = "biases of all products";
  family.required = {{"apply_residual_connection_post_layernorm", false, false}};
  return family;
}

std::vector<ModelTensorRow> expert_tensors(const char* router, const char* gate, const char* up,
                                           const char* down) {
  return {{router, "router", "weights", true},
          {gate, "gate_exps", "weights", true},
          {up, "up_exps", "weights", true},
          {down, "down_exps", "weights", true}};
}

HfFamily mixtral() {
  static const ModelTensors kTensors = llama_tensors_but(
      {"gate", "up", "down"},
      expert_tensors("block_sparse_moe.gate.weight", "block_sparse_moe.experts.{expert}.w1.weight",
                     "block_sparse_moe.experts.{expert}.w3.weight",
                     "block_sparse_moe.experts.{expert}.w2.weight"));
  HfFamily family = llama_like("mixtral");
  family.kv_heads = 8;
  family.theta = "1000000";
  family.sizes.back().otherwise = "0.00001";
  family.window = {true};
  family.tensors = &kTensors;
  family.linears = {{"q", "self_attn.q_proj"},
                    {"k", "self_attn.k_proj"},
                    {"v", "self_attn.v_proj"},
                    {"o", "self_attn.o_proj"},
                    {"gate_exps", "block_sparse_moe.experts.0.w1"},
                    {"up_exps", "block_sparse_moe.experts.0.w3"},
                    {"down_exps", "block_sparse_moe.experts.0.w2"}};
  family.mixture.count = "num_local_experts";
  family.mixture.missing_count = 8;
  family.mixture.missing_chosen = 2;
  family.mixture.always_normalized = true;
  return family;
}

const std::vector<ModelTensorRow>& qwen_experts() {
  static const std::vector<ModelTensorRow> kRows = expert_tensors(
      "mlp.gate.weight", "mlp.experts.{expert}.gate_proj.weight",
      "mlp.experts.{expert}.up_proj.weight", "mlp.experts.{expert}.down_proj.weight");
  return kRows;
}

/// What the two mixtures have in common; layers that are dense are those of the family without.
void make_qwen_mixture(HfFamily& family) {
  family.linears.push_back({"gate_exps", "mlp.experts.0.gate_proj"});
  family.linears.push_back({"up_exps", "mlp.experts.0.up_proj"});
  family.linears.push_back({"down_exps", "mlp.experts.0.down_proj"});
  family.mixture.count = "num_experts";
  family.mixture.width = "moe_intermediate_size";
  family.mixture.has_sparse_step = true;
}

HfFamily qwen3_moe() {
  static const ModelTensors kTensors = llama_tensors_but({}, joined(kQkNorms, qwen_experts()));
  HfFamily family = qwen3();
  family.model_type = "qwen3_moe";
  family.sizes = llama_sizes("");
  family.kv_heads = 4;
  family.tensors = &kTensors;
  make_qwen_mixture(family);
  family.mixture.missing_count = 128;
  family.mixture.missing_chosen = 8;
  family.mixture.missing_width = 768;
  return family;
}

HfFamily qwen2_moe() {
  static const ModelTensors kTensors = llama_tensors_but(
      {}, joined(qwen_experts(),
                 std::vector<ModelTensorRow>{
                     {"mlp.shared_expert.gate_proj.weight", "gate_shexp", "weights", true},
                     {"mlp.shared_expert.up_proj.weight", "up_shexp", "weights", true},
                     {"mlp.shared_expert.down_proj.weight", "down_shexp", "weights", true},
                     {"mlp.shared_expert_gate.weight", "router_shexp", "weights", true}}));
  HfFamily family = qwen2();
  family.model_type = "qwen2_moe";
  family.kv_heads = 16;
  family.fixed.emplace_back("shared_gate", "1");
  family.tensors = &kTensors;
  family.required = {{"qkv_bias", true, true}};
  make_qwen_mixture(family);
  family.linears.push_back({"gate_shexp", "mlp.shared_expert.gate_proj"});
  family.linears.push_back({"up_shexp", "mlp.shared_expert.up_proj"});
  family.linears.push_back({"down_shexp", "mlp.shared_expert.down_proj"});
  family.mixture.missing_count = 60;
  family.mixture.missing_chosen = 4;
  family.mixture.missing_width = 1408;
  family.mixture.shared_width = "shared_expert_intermediate_size";
  family.mixture.missing_shared_width = 5632;
  return family;
}

/// Of the checkpoints' matrices two are one, row by row, so weights are not read.
HfFamily deepseek(const char* model_type, bool is_v3) {
  HfFamily family = llama_like(model_type);
  family.fixed = {{"interleaved_rope", "1"}};
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "intermediate_size", nullptr},
      {"vocab", "vocab_size", nullptr},          {"epsilon", "rms_norm_eps", "0.000001"}};
  family.tensors = nullptr;
  family.linears = {{"q", "self_attn.q_proj"},
                    {"q_a", "self_attn.q_a_proj"},
                    {"kv_a", "self_attn.kv_a_proj_with_mqa"},
                    {"k_b", "self_attn.kv_b_proj"},
                    {"v_b", "self_attn.kv_b_proj"},
                    {"o", "self_attn.o_proj"},
                    {"gate", "mlp.gate_proj"},
                    {"up", "mlp.up_proj"},
                    {"down", "mlp.down_proj"},
                    {"gate_exps", "mlp.experts.0.gate_proj"},
                    {"up_exps", "mlp.experts.0.up_proj"},
                    {"down_exps", "mlp.experts.0.down_proj"},
                    {"gate_shexp", "mlp.shared_experts.gate_proj"},
                    {"up_shexp", "mlp.shared_experts.up_proj"},
                    {"down_shexp", "mlp.shared_experts.down_proj"}};
  family.latent = true;
  family.required = {{"rope_interleave", true, true}};
  HfMixture& m = family.mixture;
  m.count = "n_routed_experts";
  m.missing_count = is_v3 ? 256 : 64;
  m.missing_chosen = is_v3 ? 8 : 0;  // V2's class has none
  m.width = "moe_intermediate_size";
  m.missing_width = is_v3 ? 2048 : 1407;
  m.shared_count = "n_shared_experts";
  m.missing_shared_count = is_v3 ? 1 : 2;
  m.has_groups = true;
  m.is_v3 = is_v3;
  return family;
}

/// The files hold gate and up of all experts as one tensor in MXFP4, so weights are not read.
HfFamily gpt_oss() {
  HfFamily family = llama_like("gpt_oss", "64");
  for (const auto& [parameter, value] :
       {std::pair("qkv_bias", "1"), std::pair("o_bias", "1"), std::pair("sinks", "1"),
        std::pair("router", "2"), std::pair("router_bias", "1"), std::pair("expert_bias", "1")})
    family.fixed.emplace_back(parameter, value);
  family.sizes.back().otherwise = "0.00001";
  family.sizes.push_back({"swiglu_limit", "swiglu_limit", ""});
  family.kv_heads = 8;
  family.activations = {{"silu", "4"}, {"swish", "4"}};
  family.theta = "150000";
  family.window = {true, 128, false, 2, 1};
  family.required = {{"attention_bias", true, true}};
  family.biases = "biases of all products";
  family.tensors = nullptr;
  family.linears = {{"q", "self_attn.q_proj"},    {"k", "self_attn.k_proj"},
                    {"v", "self_attn.v_proj"},    {"o", "self_attn.o_proj"},
                    {"gate_exps", "mlp.experts"}, {"up_exps", "mlp.experts"},
                    {"down_exps", "mlp.experts"}};
  family.mixture.count = "num_local_experts";
  family.mixture.missing_count = 128;
  family.mixture.missing_chosen = 4;
  return family;
}

HfFamily gpt2() {
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
  return family;
}

HfFamily bert() {
  HfFamily family;
  family.model_type = "bert";
  family.base = "base/bert.yaml";
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "intermediate_size", nullptr},
      {"vocab", "vocab_size", nullptr},          {"positions", "max_position_embeddings", nullptr},
      {"types", "type_vocab_size", ""},          {"epsilon", "layer_norm_eps", ""}};
  family.tied = true;
  family.activation_keys = {"hidden_act"};
  family.activation = "gelu";
  family.activations = {{"gelu", ""}};
  family.block = "bert.encoder.layer.";
  family.linears = {{"q", "attention.self.query"}, {"k", "attention.self.key"},
                    {"v", "attention.self.value"}, {"o", "attention.output.dense"},
                    {"up", "intermediate.dense"},  {"down", "output.dense"}};
  family.embeddings = {"word", "position", "type"};
  family.embedding_module = "bert.embeddings.word_embeddings";
  family.head = "pooler";
  return family;
}

}  // namespace

const std::vector<HfFamily>& hf_families() {
  static const std::vector<HfFamily> kFamilies = {llama_like("llama"),
                                                  mistral(),
                                                  qwen2(),
                                                  qwen3(),
                                                  gemma(),
                                                  gemma2(),
                                                  gemma3(),
                                                  phi3(),
                                                  smollm3(),
                                                  granite(),
                                                  olmo2(),
                                                  falcon(),
                                                  gpt_neox(),
                                                  opt(),
                                                  bloom(),
                                                  mixtral(),
                                                  qwen2_moe(),
                                                  qwen3_moe(),
                                                  deepseek("deepseek_v2", false),
                                                  deepseek("deepseek_v3", true),
                                                  gpt_oss(),
                                                  gpt2(),
                                                  bert()};
  return kFamilies;
}

}  // namespace bitjoule
