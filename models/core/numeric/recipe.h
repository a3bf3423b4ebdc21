// llama.cpp's mixes of formats: "Q4_K_M" gives each matrix of a decoder a format of its own.
// The rules are those of llama-quant.cpp without an importance matrix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// What the rules ask of a model.
struct RecipeModel {
  std::int64_t layers = 0, heads = 1, kv_heads = 1;
  std::int64_t experts = 0;  ///< of each mixture; 0: there is none
  bool is_falcon = false;
};

/// What they ask of a matrix.
enum class RecipePart {
  kHead,       ///< the output's, also where the embedding is it
  kEmbedding,  ///< beside a head of its own
  kValues,     ///< attn_v, or attn_qkv
  kKeys,       ///< attn_k
  kOutput,     ///< attn_output
  kDown,       ///< ffn_down, of experts too
  kOther,
};
struct RecipeMatrix {
  RecipePart part = RecipePart::kOther;
  std::int64_t layer = 0;
  std::int64_t row = 0;  ///< elements of a row, along the products' k
  bool is_of_experts = false;
};

/// Names as in `precision.recipe`: "q4_k_m".
std::vector<std::string> recipe_names();

/// The format of a matrix; blocks that do not fill a row give way to smaller ones, and these to
/// fp16. Throws an input Error that lists the names for one that there is not.
std::string recipe_format(const std::string& recipe, const RecipeModel& model,
                          const RecipeMatrix& matrix);

}  // namespace bitjoule
