// Families whose MLP is a mixture of experts.
#include "sim/import/hf_family_parts.h"

namespace bitjoule::hf {

namespace {

std::vector<ModelTensorRow> expert_tensors(const char* router, const char* gate, const char* up,
                                           const char* down) {
  return {{router, "router", "weights", true},
          {gate, "gate_exps", "weights", true},
          {up, "up_exps", "weights", true},
          {down, "down_exps", "weights", true}};
}

}  // namespace

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

namespace {

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

}  // namespace

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

/// kv_b_proj holds two matrices of each head, one behind the other; k_b and v_b are its parts.
HfFamily deepseek(const char* model_type, bool is_v3) {
  static const ModelTensors kTensors = llama_tensors_but(
      {"q", "k", "v"},
      joined(expert_tensors("mlp.gate.weight", "mlp.experts.{expert}.gate_proj.weight",
                            "mlp.experts.{expert}.up_proj.weight",
                            "mlp.experts.{expert}.down_proj.weight"),
             std::vector<ModelTensorRow>{
                 {"mlp.gate.e_score_correction_bias", "route", "bias", true},
                 {"mlp.shared_experts.gate_proj.weight", "gate_shexp", "weights", true},
                 {"mlp.shared_experts.up_proj.weight", "up_shexp", "weights", true},
                 {"mlp.shared_experts.down_proj.weight", "down_shexp", "weights", true},
                 {"self_attn.q_proj.weight", "q", "weights", true},
                 {"self_attn.q_a_proj.weight", "q_a", "weights", true},
                 {"self_attn.q_a_layernorm.weight", "q_a_norm", "gamma", true},
                 {"self_attn.q_b_proj.weight", "q", "weights", true},
                 {"self_attn.kv_a_proj_with_mqa.weight", "kv_a", "weights", true},
                 {"self_attn.kv_a_layernorm.weight", "kv_a_norm", "gamma", true},
                 {"self_attn.kv_b_proj.weight", kLatentMatrices, "weights", true}}));
  HfFamily family = llama_like(model_type);
  family.fixed = {{"interleaved_rope", "1"}};
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "intermediate_size", nullptr},
      {"vocab", "vocab_size", nullptr},          {"epsilon", "rms_norm_eps", "0.000001"}};
  family.tensors = &kTensors;
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

/// The files hold all experts' gate and up as one tensor, whose outputs alternate: in MXFP4, or
/// turned where they are not quantized.
HfFamily gpt_oss() {
  constexpr TensorLayout kNative = TensorLayout::kNative, kTurned = TensorLayout::kTransposed;
  constexpr TensorShare kGate = {TensorShare::Kind::kAlternating, 0, 2},
                        kUp = {TensorShare::Kind::kAlternating, 1, 2};
  static const ModelTensors kTensors = llama_tensors_but(
      {"gate", "up", "down"},
      {{"self_attn.sinks", "softmax", "sinks", true},
       {"mlp.router.weight", "router", "weights", true},
       {"mlp.router.bias", "router", "bias", true},
       {"mlp.experts.gate_up_proj.weight", "gate_exps", "weights", true, 0, false, kNative, kGate},
       {"mlp.experts.gate_up_proj.weight", "up_exps", "weights", true, 0, false, kNative, kUp},
       {"mlp.experts.gate_up_proj", "gate_exps", "weights", true, 0, false, kTurned, kGate},
       {"mlp.experts.gate_up_proj", "up_exps", "weights", true, 0, false, kTurned, kUp},
       {"mlp.experts.gate_up_proj_bias", "gate_exps", "bias", true, 0, false, kNative, kGate},
       {"mlp.experts.gate_up_proj_bias", "up_exps", "bias", true, 0, false, kNative, kUp},
       {"mlp.experts.down_proj.weight", "down_exps", "weights", true},
       {"mlp.experts.down_proj", "down_exps", "weights", true, 0, false, kTurned},
       {"mlp.experts.down_proj_bias", "down_exps", "bias", true}});
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
  family.tensors = &kTensors;
  family.linears = {{"q", "self_attn.q_proj"},  {"k", "self_attn.k_proj"},
                    {"v", "self_attn.v_proj"},  {"o", "self_attn.o_proj"},
                    {"router", "mlp.router"},   {"gate_exps", "mlp.experts"},
                    {"up_exps", "mlp.experts"}, {"down_exps", "mlp.experts"}};
  family.mixture.count = "num_local_experts";
  family.mixture.missing_count = 128;
  family.mixture.missing_chosen = 4;
  return family;
}

}  // namespace bitjoule::hf
