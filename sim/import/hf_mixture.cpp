// Keys of config.json that describe a mixture of experts.
#include <fmt/format.h>

#include <cstdlib>

#include "sim/import/hf_attention.h"

namespace bitjoule {
namespace {

/// A size that a null does not leave open: there would be nothing of it.
std::int64_t positive(const ConfigObject& config, const char* key, std::int64_t missing) {
  if (config.is_null(key)) config.refuse(key, "expected a positive number, got null");
  const std::int64_t value = config.integer(key, missing);
  if (value < 1) config.refuse(key, fmt::format("expected a positive number, got {}", value));
  return value;
}

/// mlp_only_layers: none, or the first ones.
std::int64_t dense_layers(const HfReading& r) {
  const boost::json::value* list = r.config.find("mlp_only_layers");
  if (list == nullptr) return 0;
  if (!list->is_array()) r.config.refuse("mlp_only_layers", "expected a list of layers");
  std::int64_t count = 0;
  for (const boost::json::value& layer : list->get_array())
    if (layer != boost::json::value(count++))
      r.config.refuse("mlp_only_layers",
                      "layers other than the first ones are not supported: it changes the layers");
  return count;
}

/// Keys of DeepSeek's routers. Predictions of later tokens are no part of a step.
void set_groups(const HfReading& r) {
  const bool v3 = r.family.mixture.is_v3;
  const auto set = [&r](const char* parameter, std::int64_t value) {
    r.parameters[parameter] = std::to_string(value);
  };
  const std::string method = r.config.text("topk_method", v3 ? "noaux_tc" : "greedy");
  const std::string scores = r.config.text("scoring_func", v3 ? "sigmoid" : "softmax");
  if (scores != "sigmoid" && scores != "softmax")
    r.config.refuse("scoring_func", fmt::format("expected softmax or sigmoid, got \"{}\"", scores));
  set("router", scores == "sigmoid" ? 1 : 0);
  const bool biased = method == "noaux_tc";
  if (!biased && method != "greedy" && method != "group_limited_greedy")
    r.config.refuse("topk_method", fmt::format("expected greedy, group_limited_greedy or noaux_tc, "
                                               "got \"{}\"",
                                               method));
  set("choice_bias", biased ? 1 : 0);
  const std::int64_t groups = r.config.integer("n_group", v3 ? 8 : 1);
  const std::int64_t kept = r.config.integer("topk_group", v3 ? 4 : 1);
  if (method != "greedy" && groups > 1) {
    set("expert_groups", groups);
    set("kept_groups", positive(r.config, "topk_group", kept));
    set("group_best", biased ? 2 : 1);
  }
  const double scale = r.config.real("routed_scaling_factor", v3 ? 2.5 : 1);
  if (!(scale > 0)) r.config.refuse("routed_scaling_factor", "expected a positive number");
  r.parameters["routed_scale"] = fmt::format("{}", scale);
  if (positive(r.config, "moe_layer_freq", 1) != 1)
    r.config.refuse("moe_layer_freq", "other than 1 is not supported: it changes the layers");
  const std::int64_t dense = r.config.integer("first_k_dense_replace", v3 ? 3 : 0);
  if (dense < 0) r.config.refuse("first_k_dense_replace", "expected at least 0");
  set("dense_layers", dense);
  if (const std::int64_t more = r.config.integer("num_nextn_predict_layers", 0); more > 0)
    r.notes.push_back(
        fmt::format("num_nextn_predict_layers: {}: left out: layers that predict "
                    "later tokens are not run",
                    more));
}

}  // namespace

void set_latent(const HfReading& r) {
  if (!r.family.latent) return;
  const auto set = [&r](const char* parameter, const char* key, std::int64_t missing) {
    r.parameters[parameter] = std::to_string(positive(r.config, key, missing));
  };
  set("kv_lora", "kv_lora_rank", 512);
  set("rope_dim", "qk_rope_head_dim", 64);
  set("nope_dim", "qk_nope_head_dim", 128);
  set("value_dim", "v_head_dim", 128);
  if (r.config.is_null("q_lora_rank"))
    r.config.find("q_lora_rank");  // there is none
  else
    set("q_lora", "q_lora_rank", 1536);
  r.parameters.emplace("score_scale", kLatentScale);  // or that of YaRN
  // Of no meaning here: all heads share one row, and a head's size is that of its parts.
  for (const char* key : {"num_key_value_heads", "head_dim", "qk_head_dim"}) r.config.find(key);
}

void set_mixture(const HfReading& r) {
  const HfMixture& rule = r.family.mixture;
  if (rule.count == nullptr) return;
  const auto set = [&r](const char* parameter, std::int64_t value) {
    r.parameters[parameter] = std::to_string(value);
  };
  const std::int64_t experts = positive(r.config, rule.count, rule.missing_count);
  std::int64_t chosen = positive(r.config, "num_experts_per_tok", rule.missing_chosen);
  if (const std::int64_t other = r.config.integer("experts_per_token", chosen); other != chosen) {
    if (r.config.find("num_experts_per_tok") != nullptr)
      r.config.refuse("experts_per_token", "contradicts num_experts_per_tok");
    chosen = positive(r.config, "experts_per_token", chosen);
  }
  if (chosen > experts)
    r.config.refuse("num_experts_per_tok",
                    fmt::format("expected at most the {} experts, got {}", experts, chosen));
  set("experts", experts);
  set("experts_chosen", chosen);
  if (rule.width != nullptr) set("expert_ffn", positive(r.config, rule.width, rule.missing_width));
  if (rule.shared_width != nullptr)
    set("shared_ffn", positive(r.config, rule.shared_width, rule.missing_shared_width));
  if (rule.shared_count != nullptr) {
    const bool has_none = r.config.is_null(rule.shared_count);
    const std::int64_t shared =
        r.config.integer(rule.shared_count, has_none ? 0 : rule.missing_shared_count);
    if (shared < 0) r.config.refuse(rule.shared_count, "expected at least 0");
    set("shared_ffn", shared * positive(r.config, rule.width, rule.missing_width));
  }
  if (rule.always_normalized || r.config.flag("norm_topk_prob", rule.is_v3)) set("normalized", 1);
  if (rule.has_groups) set_groups(r);
  if (!rule.has_sparse_step) return;
  set("mixture_period", positive(r.config, "decoder_sparse_step", 1));
  set("dense_layers", dense_layers(r));
}

}  // namespace bitjoule
