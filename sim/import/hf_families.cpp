#include "sim/import/hf_families.h"

namespace bitjoule {
namespace {

const ModelTensors kLlamaTensors = {"model.layers.",
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
  family.activations = {{"silu", "0"},     {"swish", "0"}, {"gelu_pytorch_tanh", "1"},
                        {"gelu_new", "1"}, {"gelu", "2"},  {"relu", "3"}};
  family.linears = {{"q", "self_attn.q_proj"}, {"k", "self_attn.k_proj"}, {"v", "self_attn.v_proj"},
                    {"o", "self_attn.o_proj"}, {"gate", "mlp.gate_proj"}, {"up", "mlp.up_proj"},
                    {"down", "mlp.down_proj"}};
  family.embeddings = {"embed"};
  family.tensors = &kLlamaTensors;
  return family;
}

HfFamily mistral() {
  HfFamily family = llama_like("mistral");
  family.kv_heads = 8;
  return family;
}

HfFamily qwen2() {
  HfFamily family = llama_like("qwen2");
  family.fixed.emplace_back("qkv_bias", "1");
  family.kv_heads = 32;
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
  family.has_rope = false;
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
  family.has_rope = false;
  return family;
}

}  // namespace

const std::vector<HfFamily>& hf_families() {
  static const std::vector<HfFamily> kFamilies = {
      llama_like("llama"), mistral(), qwen2(), gemma(), gpt2(), bert()};
  return kFamilies;
}

}  // namespace bitjoule
