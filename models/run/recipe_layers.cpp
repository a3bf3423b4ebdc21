#include "run/recipe_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/numeric/recipe.h"
#include "core/workload/lowering.h"

namespace bitjoule {
namespace {

std::int64_t parameter(const Network& network, const char* name) {
  const auto found = network.parameters.find(name);
  if (found == network.parameters.end())
    throw input_error(
        fmt::format("precision.recipe: needs a decoder with the parameters of base/llama.yaml; the "
                    "network \"{}\" has no \"{}\"",
                    network.name, name));
  return found->second;
}

RecipeModel model_of(const Network& network) {
  constexpr std::int64_t kParallelBehindOneNorm = 2;  // Falcon's alone
  RecipeModel model;
  model.layers = parameter(network, "layers");
  model.heads = parameter(network, "heads");
  model.kv_heads = std::max<std::int64_t>(1, parameter(network, "kv_heads"));
  model.experts = parameter(network, "experts");
  model.is_falcon = parameter(network, "parallel") == kParallelBehindOneNorm;
  return model;
}

/// Elements of a row of a layer's weights, along the products' k; nothing: it has no matrix.
std::optional<std::int64_t> row_of(const NetworkLayer& layer) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op))
    return op->kind == VectorKind::kEmbedding ? std::optional(op->cols) : std::nullopt;
  if (std::holds_alternative<Matmul>(layer.op)) return std::nullopt;
  const auto* gemm = std::get_if<Gemm>(&layer.op);
  return gemm != nullptr ? gemm->k : gemm_extents(std::get<Conv2d>(layer.op)).k;
}

/// "blk.3.q": 3 and "q"; of layers outside of blocks the name alone.
struct LayerName {
  std::int64_t block = 0;
  std::string part;
};
LayerName parse(const std::string& name) {
  constexpr std::string_view kBlock = "blk.";
  if (name.rfind(kBlock, 0) != 0) return {0, name};
  LayerName parsed;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kBlock.size(), end, parsed.block);
  if (error != std::errc() || rest == end || *rest != '.')
    throw input_error(fmt::format(
        "precision.recipe: layer \"{}\" stands for several, which have formats of their own: "
        "unroll the network",
        name));
  parsed.part.assign(rest + 1, end);
  return parsed;
}

RecipePart part_of(const std::string& part, bool is_tied) {
  static const std::map<std::string, RecipePart> kParts = {
      {"head", RecipePart::kHead},      {"v", RecipePart::kValues},
      {"qkv", RecipePart::kValues},     {"k", RecipePart::kKeys},
      {"o", RecipePart::kOutput},       {"down", RecipePart::kDown},
      {"down_exps", RecipePart::kDown}, {"down_shexp", RecipePart::kDown}};
  if (part == "embed") return is_tied ? RecipePart::kHead : RecipePart::kEmbedding;
  const auto found = kParts.find(part);
  return found == kParts.end() ? RecipePart::kOther : found->second;
}

bool stays_fp32(const std::string& part) {
  return part == "router" || part == "router_shexp" || part == "position";
}

}  // namespace

bool apply_recipe(const std::string& recipe, Network& network) {
  const RecipeModel model = model_of(network);
  const bool is_tied = parameter(network, "tied") == 1;
  bool has_any = false;
  for (NetworkLayer& layer : network.layers) {
    const std::optional<std::int64_t> row = row_of(layer);
    if (!row || layer.precision.weights) continue;
    const LayerName name = parse(layer.name);
    TensorFormat format;
    format.format = stays_fp32(name.part) ? "fp32"
                                          : recipe_format(recipe, model,
                                                          {part_of(name.part, is_tied), name.block,
                                                           *row, layer.experts.has_value()});
    layer.precision.weights = format;
    has_any = true;
  }
  return has_any;
}

}  // namespace bitjoule
