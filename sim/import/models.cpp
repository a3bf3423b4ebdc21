#include "sim/import/models.h"

#include <algorithm>

#include "core/error.h"
#include "sim/import/gguf_architectures.h"
#include "sim/import/hf_families.h"

namespace bitjoule {
namespace {

/// What is said of a family, and the architecture that GGUF calls it; empty: there is none.
struct FamilyText {
  const char* name;
  const char* gguf;
  const char* particular;
};
constexpr FamilyText kTexts[] = {
    {"llama", "llama",
     "rotations by halves, or by neighbours in GGUF; rotary scaling of Llama 3.1"},
    {"mistral", "llama", "sliding window: 4096 where the key is missing, none where it is null"},
    {"qwen2", "qwen2",
     "biases of q, k and v; a window with `use_sliding_window`, from layer "
     "`max_window_layers` on"},
    {"qwen3", "qwen3", "norms of each head's queries and keys; heads of 128"},
    {"gemma", "gemma",
     "embedding times sqrt(hidden), GELU by tanh, heads of 256, tied; norms add 1, "
     "which GGUF has added already"},
    {"gemma2", "gemma2",
     "the same with four norms in a layer, soft caps of scores and logits, a window "
     "in every other layer"},
    {"gemma3_text", "gemma3",
     "four norms, norms of heads; of six layers five have a window and a base of "
     "rotations of their own"},
    {"phi3", "phi3",
     "one product for q, k and v, one for gate and up; a part of a head may be "
     "rotated; also Phi-4"},
    {"smollm3", "smollm3", "every fourth layer does not rotate"},
    {"granite", "granite", "multipliers of embedding, scores and residuals; logits are divided"},
    {"olmo2", "olmo2", "norms behind attention and MLP alone, and of all heads' queries and keys"},
    {"falcon", "falcon",
     "one norm for attention and MLP side by side, one head of keys; not the blocks "
     "of the 40B"},
    {"gpt_neox", "gptneox",
     "two norms, attention and MLP side by side, a quarter of each head rotated; "
     "exact GELU"},
    {"opt", "",
     "learned positions from row 2 on, biases everywhere, ReLU; not the 350m models, "
     "whose norms come last"},
    {"bloom", "bloom", "ALiBi, a norm behind the embedding, GELU by tanh"},
    {"mixtral", "llama",
     "a mixture of experts: softmax over all, weights of the chosen divided by their "
     "sum"},
    {"qwen2_moe", "qwen2moe", "the same beside a shared expert, which a sigmoid weighs"},
    {"qwen3_moe", "qwen3moe",
     "`norm_topk_prob`; `mlp_only_layers` of the first layers, `decoder_sparse_step`"},
    {"deepseek_v2", "deepseek2",
     "latent keys and values, shared experts; V3: sigmoid, groups of experts"},
    {"deepseek_v3", "deepseek2",
     "latent keys and values, shared experts; V3: sigmoid, groups of experts"},
    {"gpt_oss", "gpt-oss",
     "sinks, windows in every other layer, biases, clamped SwiGLU; experts alone in "
     "MXFP4"},
    {"gpt2", "", "learned positions"},
    {"bert", "", "an encoder: norms behind the residuals, learned positions, types, a pooler"},
    {"roberta", "", "the same; positions from row 2 on"},
    {"xlm-roberta", "", "the same"},
    {"distilbert", "", "the same without types of tokens and pooler"},
    {"electra", "", "the same without pooler; embeddings may be narrower than the layers"},
    {"albert", "", "the same with one layer's weights for all, and narrow embeddings"},
    {"t5", "t5",
     "an encoder and a decoder; trained scores of distances, scores not scaled; a gate since "
     "version 1.1"},
    {"mt5", "t5", "the same; gated, with a head of its own"},
    {"whisper", "",
     "an encoder of sound behind two convolutions, and a decoder; learned positions"},
};

const FamilyText& text_of(const std::string& family) {
  for (const FamilyText& text : kTexts)
    if (family == text.name) return text;
  throw internal_error("nothing is said of the family " + family);
}

bool is_architecture(const std::string& name) {
  const auto& all = gguf_architectures();
  return std::any_of(all.begin(), all.end(),
                     [&](const GgufArchitecture& row) { return name == row.name; });
}

}  // namespace

std::vector<ModelFamily> model_families() {
  std::vector<ModelFamily> families;
  for (const HfFamily& family : hf_families()) {
    const FamilyText& text = text_of(family.model_type);
    const std::string gguf = text.gguf;
    if (!gguf.empty() && !is_architecture(gguf))
      throw internal_error("no architecture " + gguf + " of GGUF files");
    families.push_back(
        {text.name, "yes", "with values", gguf.empty() ? "no" : gguf, text.particular});
  }
  return families;
}

}  // namespace bitjoule
