#include "sim/import/hf_families.h"

#include "sim/import/hf_family_parts.h"

namespace bitjoule {
namespace hf {

const ModelTensors& llama_tensors() {
  static const ModelTensors kLlamaTensors = {
      {{"model.layers."}},
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
  ModelTensors tensors{llama_tensors().stacks, {}};
  for (const ModelTensorRow& row : llama_tensors().rows)
    if (without.count(row.layer) == 0) tensors.rows.push_back(row);
  tensors.rows.insert(tensors.rows.end(), more.begin(), more.end());
  return tensors;
}

const std::vector<ModelTensorRow> kPostNorms = {
    {"post_attention_layernorm.weight", "attn_post_norm", "gamma", true},
    {"post_feedforward_layernorm.weight", "ffn_post_norm", "gamma", true}};
const ModelTensorRow kFfnNorm = {"pre_feedforward_layernorm.weight", "ffn_norm", "gamma", true};

/// Missing keys mean what the library's configuration classes say.
std::vector<SizeRow> llama_sizes(const char* head_dim) {
  return {{"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
          {"heads", "num_attention_heads", nullptr}, {"kv_heads", "num_key_value_heads", ""},
          {"head_dim", "head_dim", head_dim},        {"ffn", "intermediate_size", nullptr},
          {"vocab", "vocab_size", nullptr},          {"epsilon", "rms_norm_eps", "0.000001"}};
}

HfFamily llama_like(const char* model_type, const char* head_dim) {
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
  static const ModelTensors kTensors = [] {
    ModelTensors tensors = llama_tensors_but(
        {"ffn_norm"}, joined(kQkNorms, kPostNorms, std::vector<ModelTensorRow>{kFfnNorm}));
    tensors.part = "language_model.";
    return tensors;
  }();
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

}  // namespace hf

const std::vector<HfFamily>& hf_families() {
  using namespace hf;
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
                                                  bert(),
                                                  roberta("roberta"),
                                                  roberta("xlm-roberta"),
                                                  distilbert(),
                                                  electra(),
                                                  albert(),
                                                  t5("t5"),
                                                  t5("mt5"),
                                                  whisper()};
  return kFamilies;
}

}  // namespace bitjoule
