#include "sim/import/gguf_architectures.h"

namespace bitjoule {
namespace {

const ModelTensors& common_tensors() {
  static const ModelTensors kTensors = {{{"blk."}},
                                        {{"token_embd.weight", "embed", "table", false},
                                         {"output_norm.weight", "norm", "gamma", false},
                                         {"output.weight", "head", "weights", false},
                                         {"attn_norm.weight", "attn_norm", "gamma", true},
                                         {"attn_q.weight", "q", "weights", true},
                                         {"attn_q.bias", "q", "bias", true},
                                         {"attn_k.weight", "k", "weights", true},
                                         {"attn_k.bias", "k", "bias", true},
                                         {"attn_v.weight", "v", "weights", true},
                                         {"attn_v.bias", "v", "bias", true},
                                         {"attn_output.weight", "o", "weights", true},
                                         {"attn_output.bias", "o", "bias", true},
                                         {"ffn_norm.weight", "ffn_norm", "gamma", true},
                                         {"ffn_gate.weight", "gate", "weights", true},
                                         {"ffn_up.weight", "up", "weights", true},
                                         {"ffn_down.weight", "down", "weights", true}}};
  return kTensors;
}

const std::vector<ModelTensorRow> kHeadNorms = {{"attn_q_norm.weight", "q_norm", "gamma", true},
                                                {"attn_k_norm.weight", "k_norm", "gamma", true}};
const std::vector<ModelTensorRow> kBranchNorms = {
    {"post_attention_norm.weight", "attn_post_norm", "gamma", true},
    {"post_ffw_norm.weight", "ffn_post_norm", "gamma", true}};

const std::vector<ModelTensorRow> kExpertTensors = {
    {"ffn_gate_inp.weight", "router", "weights", true},
    {"ffn_gate_exps.weight", "gate_exps", "weights", true},
    {"ffn_up_exps.weight", "up_exps", "weights", true},
    {"ffn_down_exps.weight", "down_exps", "weights", true}};
const std::vector<ModelTensorRow> kSharedTensors = {
    {"ffn_gate_shexp.weight", "gate_shexp", "weights", true},
    {"ffn_up_shexp.weight", "up_shexp", "weights", true},
    {"ffn_down_shexp.weight", "down_shexp", "weights", true},
    {"ffn_gate_inp_shexp.weight", "router_shexp", "weights", true}};

std::vector<ModelTensorRow> both(std::vector<ModelTensorRow> first,
                                 const std::vector<ModelTensorRow>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

GgufArchitecture gguf_llama(const char* name) {
  GgufArchitecture row{name, true, {}, {}, {}, kExpertTensors};
  row.has_windows = true;
  row.mixture = {true, nullptr, true, false};
  return row;
}

GgufArchitecture gguf_qwen3() {
  GgufArchitecture row{"qwen3", false, {{"qk_norm", "1"}}, {}, {}, kHeadNorms};
  return row;
}

GgufArchitecture gguf_qwen3moe() {
  GgufArchitecture row = gguf_qwen3();
  row.name = "qwen3moe";
  row.tensors = both(row.tensors, kExpertTensors);
  row.mixture = {true, "expert_feed_forward_length", true, false};
  return row;
}

GgufArchitecture gguf_qwen2moe() {
  GgufArchitecture row{"qwen2moe", false, {}, {}, {}, both(kExpertTensors, kSharedTensors)};
  row.mixture = {true, "expert_feed_forward_length", false, true};
  return row;
}

GgufArchitecture gguf_gemma(const char* name) {
  return {name, false, {{"activation", "1"}, {"embed_scale", "=sqrt(hidden)"}}, {}, {}, {}};
}

GgufArchitecture gguf_gemma2() {
  GgufArchitecture row = gguf_gemma("gemma2");
  row.fixed.emplace_back("post_norm", "1");
  row.fixed.emplace_back("score_cap", "50");  // where the file says none
  row.fixed.emplace_back("logit_cap", "30");
  row.keys = {{"attn_logit_softcapping", "score_cap"}, {"final_logit_softcapping", "logit_cap"}};
  row.tensors = kBranchNorms;
  row.has_windows = true;
  row.window = 4096;
  row.period = 2;
  row.other_scale_layers = 46;
  return row;
}

GgufArchitecture gguf_gemma3() {
  GgufArchitecture row = gguf_gemma("gemma3");
  row.fixed.emplace_back("post_norm", "1");
  row.fixed.emplace_back("qk_norm", "1");
  row.fixed.emplace_back("rope_theta_local", "10000");
  row.fixed.emplace_back("rope_factor_local", "1");
  row.keys = {{"rope.freq_base_swa", "rope_theta_local"}, {"final_logit_softcapping", "logit_cap"}};
  row.tensors = both(kHeadNorms, kBranchNorms);
  row.has_windows = true;
  row.period = 6;
  row.run = 5;
  row.other_scale_layers = 62;
  return row;
}

GgufArchitecture gguf_phi3() {
  GgufArchitecture row{
      "phi3",
      false,
      {{"fused", "1"}},
      {},
      {"q", "k", "v", "gate", "up"},
      {{"attn_qkv.weight", "qkv", "weights", true}, {"ffn_up.weight", "gate_up", "weights", true}}};
  row.has_windows = true;
  row.rotates_partly = true;
  return row;
}

GgufArchitecture gguf_granite() {
  return {"granite",
          true,
          {},
          {{"embedding_scale", "embed_scale"},
           {"attention.scale", "score_scale"},
           {"residual_scale", "residual_scale"},
           {"logit_scale", "logit_scale"}},
          {},
          {}};
}

GgufArchitecture gguf_olmo2() {
  return {"olmo2",
          false,
          {{"pre_norm", "0"}, {"post_norm", "1"}, {"qk_norm", "2"}},
          {},
          {"attn_norm", "ffn_norm"},
          both(kHeadNorms, kBranchNorms)};
}

/// Of both, llama.cpp computes GELU by tanh; their own files say the exact one, which is taken.
GgufArchitecture with_layernorm(const char* name, const char* parallel) {
  GgufArchitecture row{name,
                       false,
                       {{"layernorm", "1"}, {"gated", "0"}, {"fused", "2"}, {"activation", "2"}},
                       {},
                       {"q", "k", "v", "gate"},
                       {{"output_norm.bias", "norm", "beta", false},
                        {"attn_norm.bias", "attn_norm", "beta", true},
                        {"attn_qkv.weight", "qkv", "weights", true}}};
  row.fixed.emplace_back("parallel", parallel);
  row.epsilon = "attention.layer_norm_epsilon";
  return row;
}

GgufArchitecture gguf_falcon() {
  GgufArchitecture row = with_layernorm("falcon", "2");
  row.other_layers.insert("ffn_norm");
  return row;
}

GgufArchitecture gguf_gptneox() {
  GgufArchitecture row = with_layernorm("gptneox", "1");
  row.rotates_partly = true;
  for (const ModelTensorRow& tensor :
       std::initializer_list<ModelTensorRow>{{"ffn_norm.bias", "ffn_norm", "beta", true},
                                             {"attn_qkv.bias", "qkv", "bias", true},
                                             {"ffn_up.bias", "up", "bias", true},
                                             {"ffn_down.bias", "down", "bias", true}})
    row.tensors.push_back(tensor);
  return row;
}

GgufArchitecture gguf_gpt_oss() {
  GgufArchitecture row{
      "gpt-oss",
      false,
      {{"sinks", "1"},
       {"router", "2"},
       {"router_bias", "1"},
       {"expert_bias", "1"},
       {"activation", "4"}},
      {},
      {"ffn_norm"},
      both(kExpertTensors, {{"post_attention_norm.weight", "ffn_norm", "gamma", true},
                            {"attn_sinks.weight", "softmax", "sinks", true},
                            {"ffn_gate_inp.bias", "router", "bias", true},
                            {"ffn_gate_exps.bias", "gate_exps", "bias", true},
                            {"ffn_up_exps.bias", "up_exps", "bias", true},
                            {"ffn_down_exps.bias", "down_exps", "bias", true}})};
  row.mixture = {true, "expert_feed_forward_length", false, false};
  row.has_windows = true;
  row.period = 2;
  return row;
}

GgufArchitecture gguf_deepseek2() {
  GgufArchitecture row{"deepseek2",
                       true,
                       {{"score_scale", "=1 / sqrt(nope_dim + rope_dim)"}},
                       {},
                       {"k", "v"},
                       both(both(kExpertTensors, kSharedTensors),
                            {{"exp_probs_b.bias", "route", "bias", true},
                             {"attn_q_a.weight", "q_a", "weights", true},
                             {"attn_q_a_norm.weight", "q_a_norm", "gamma", true},
                             {"attn_q_b.weight", "q", "weights", true},
                             {"attn_kv_a_mqa.weight", "kv_a", "weights", true},
                             {"attn_kv_a_norm.weight", "kv_a_norm", "gamma", true},
                             {"attn_k_b.weight", "k_b", "weights", true},
                             {"attn_v_b.weight", "v_b", "weights", true}})};
  row.mixture = {true, "expert_feed_forward_length", false, false, true};
  row.latent = true;
  return row;
}

/// Without rotations; scores fall with the distance, which no key says.
GgufArchitecture gguf_bloom() {
  GgufArchitecture row = with_layernorm("bloom", "0");
  for (auto& [parameter, value] : row.fixed)
    if (parameter == std::string("activation")) value = "1";
  for (const auto& [parameter, value] :
       {std::pair("embed_norm", "1"), std::pair("alibi", "8"), std::pair("rotary", "0")})
    row.fixed.emplace_back(parameter, value);
  for (const ModelTensorRow& tensor : std::initializer_list<ModelTensorRow>{
           {"token_embd_norm.weight", "embed_norm", "gamma", false},
           {"token_embd_norm.bias", "embed_norm", "beta", false},
           {"ffn_norm.bias", "ffn_norm", "beta", true},
           {"attn_qkv.bias", "qkv", "bias", true},
           {"ffn_up.bias", "up", "bias", true},
           {"ffn_down.bias", "down", "bias", true}})
    row.tensors.push_back(tensor);
  return row;
}

GgufArchitecture gguf_t5() {
  constexpr std::size_t kDecoder = 1;
  GgufArchitecture row{"t5",
                       false,
                       {},
                       {},
                       {},
                       {{"token_embd.weight", "embed", "table", false},
                        {"enc.output_norm.weight", "enc.norm", "gamma", false},
                        {"dec.output_norm.weight", "norm", "gamma", false},
                        {"output.weight", "head", "weights", false},
                        {"cross_attn_norm.weight", "cross_norm", "gamma", true, kDecoder},
                        {"cross_attn_q.weight", "cross_q", "weights", true, kDecoder},
                        {"cross_attn_k.weight", "cross_k", "weights", true, kDecoder},
                        {"cross_attn_v.weight", "cross_v", "weights", true, kDecoder},
                        {"cross_attn_o.weight", "cross_o", "weights", true, kDecoder}}};
  for (const std::size_t stack : {std::size_t{0}, kDecoder})
    for (const ModelTensorRow& tensor : std::initializer_list<ModelTensorRow>{
             {"attn_norm.weight", "attn_norm", "gamma", true, stack},
             {"attn_q.weight", "q", "weights", true, stack},
             {"attn_k.weight", "k", "weights", true, stack},
             {"attn_v.weight", "v", "weights", true, stack},
             {"attn_o.weight", "o", "weights", true, stack},
             {"attn_rel_b.weight", "softmax", "distances", true, stack, true},
             {"ffn_norm.weight", "ffn_norm", "gamma", true, stack},
             {"ffn_gate.weight", "gate", "weights", true, stack},
             {"ffn_up.weight", "up", "weights", true, stack},
             {"ffn_down.weight", "down", "weights", true, stack}})
      row.tensors.push_back(tensor);
  row.base = "base/encoder_decoder.yaml";
  row.is_t5 = true;
  return row;
}

}  // namespace

ModelTensors GgufArchitecture::names() const {
  if (is_t5) {
    // Cross-attention has no scores of distances; old files have the tensor all the same.
    return {{{"enc.blk.", "enc.blk."}, {"dec.blk.", "dec.blk."}},
            tensors,
            "",
            {"dec.blk.0.cross_attn_rel_b.weight"}};
  }
  ModelTensors names{common_tensors().stacks, {}};
  for (const ModelTensorRow& row : common_tensors().rows)
    if (other_layers.count(row.layer) == 0) names.rows.push_back(row);
  names.rows.insert(names.rows.end(), tensors.begin(), tensors.end());
  return names;
}

const std::vector<GgufArchitecture>& gguf_architectures() {
  static const std::vector<GgufArchitecture> kRows = {
      gguf_llama("llama"),
      gguf_llama("mistral"),
      {"qwen2", false, {}, {}, {}, {}},
      gguf_qwen3(),
      gguf_gemma("gemma"),
      gguf_gemma2(),
      gguf_gemma3(),
      gguf_phi3(),
      {"smollm3", true, {{"rope_period", "4"}}, {}, {}, {}},
      gguf_granite(),
      gguf_olmo2(),
      gguf_falcon(),
      gguf_gptneox(),
      gguf_bloom(),
      gguf_qwen2moe(),
      gguf_qwen3moe(),
      gguf_deepseek2(),
      gguf_gpt_oss(),
      gguf_t5()};
  return kRows;
}

const std::set<std::string>& gguf_harmless_keys() {
  static const std::set<std::string> kHarmlessKeys = {"embedding_length",
                                                      "block_count",
                                                      "attention.head_count",
                                                      "attention.head_count_kv",
                                                      "attention.key_length",
                                                      "feed_forward_length",
                                                      "rope.freq_base",
                                                      "attention.layer_norm_rms_epsilon",
                                                      "context_length",
                                                      "vocab_size",
                                                      "tensor_data_layout",
                                                      "attention.sliding_window",
                                                      "rope.scaling.type",
                                                      "rope.scaling.factor",
                                                      "rope.scale_linear",
                                                      "rope.scaling.original_context_length",
                                                      "rope.scaling.finetuned",
                                                      "rope.scaling.attn_factor",
                                                      "rope.dimension_count",
                                                      "attention.value_length",
                                                      "attention.sliding_window_pattern",
                                                      "attention.layer_norm_epsilon"};
  return kHarmlessKeys;
}

}  // namespace bitjoule
