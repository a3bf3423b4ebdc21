// Pieces of the families' rows, and the families by file.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/import/hf_families.h"

namespace bitjoule::hf {

const ModelTensors& llama_tensors();
/// Those of Llama, but for the rows of some layers, and with others.
ModelTensors llama_tensors_but(const std::set<std::string>& without,
                               const std::vector<ModelTensorRow>& more);
inline const std::vector<ModelTensorRow> kQkNorms = {
    {"self_attn.q_norm.weight", "q_norm", "gamma", true},
    {"self_attn.k_norm.weight", "k_norm", "gamma", true}};

template <class... Parts>
std::vector<ModelTensorRow> joined(const std::vector<ModelTensorRow>& first,
                                   const Parts&... parts) {
  std::vector<ModelTensorRow> all = first;
  (all.insert(all.end(), parts.begin(), parts.end()), ...);
  return all;
}

/// A family with Llama's keys; `head_dim`: of a head where its key is missing.
HfFamily llama_like(const char* model_type, const char* head_dim = "");

/// Its sizes.
std::vector<SizeRow> llama_sizes(const char* head_dim);

// hf_families.cpp
HfFamily qwen2();
HfFamily qwen3();
// hf_layernorm_families.cpp
HfFamily falcon();
HfFamily gpt_neox();
HfFamily opt();
HfFamily bloom();
HfFamily gpt2();
// hf_encoder_families.cpp
HfFamily bert();
HfFamily roberta(const char* model_type);
HfFamily distilbert();
HfFamily electra();
HfFamily albert();
HfFamily t5(const char* model_type);
HfFamily whisper();
// hf_mixture_families.cpp
HfFamily mixtral();
HfFamily qwen2_moe();
HfFamily qwen3_moe();
HfFamily deepseek(const char* model_type, bool is_v3);
HfFamily gpt_oss();

}  // namespace bitjoule::hf
