// llama.cpp's models: sizes from the metadata, and every tensor's type as it is stored.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/numeric/format.h"
#include "sim/formats/gguf.h"
#include "sim/import/gguf_architectures.h"
#include "sim/import/gguf_metadata.h"
#include "sim/import/hf_families.h"
#include "sim/import/import.h"
#include "sim/import/transformer.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

/// Keys that change the model, and the number with which they do not.
struct RefusedKey {
  const char* key;
  double neutral;
  const char* changes;
};
const RefusedKey kRefusedKeys[] = {
    {"expert_count", 0, "the layers: a mixture of experts"},
    {"expert_used_count", 0, "the layers: a mixture of experts"},
    {"expert_shared_count", 0, "the layers: a mixture of experts"},
    {"expert_feed_forward_length", 0, "the layers: a mixture of experts"},
    {"expert_shared_feed_forward_length", 0, "the layers: a mixture of experts"},
    {"expert_group_count", 1, "which experts are chosen"},
    {"expert_weights_scale", 1, "the values of the layers"},
    {"attn_logit_softcapping", 0, "the values of attention"},
    {"final_logit_softcapping", 0, "the values of the logits"},
    {"logit_scale", 1, "the values of the logits"},
    {"residual_scale", 1, "the values of the layers"},
    {"embedding_scale", 1, "the values of the layers"},
    {"attention.scale", 0, "the values of attention"},
    {"attention.clamp_kqv", 0, "the values of attention"},
    {"attention.max_alibi_bias", 0, "the values of attention"},
    {"attention.causal", 1, "the keys that a token sees"},
    {"attention.q_lora_rank", 0, "the shapes of attention"},
    {"attention.kv_lora_rank", 0, "the shapes of attention"},
};

/// Llama 3.1 and later: a divisor for each frequency of RoPE. It changes values alone.
const char* const kRopeFactors = "rope_freqs.weight";
/// Phi-3's for long and short contexts, likewise.
const char* const kLongFactors[] = {"rope_factors_long.weight", "rope_factors_short.weight"};

const GgufArchitecture& architecture_of(const GgufFile& file) {
  const std::string& name = file.string("general.architecture");
  std::vector<std::string> names;
  for (const GgufArchitecture& row : gguf_architectures()) {
    if (name == row.name) return row;
    names.emplace_back(row.name);
  }
  throw input_error(fmt::format("{}: general.architecture: expected one of {}, got \"{}\"",
                                file.name, fmt::join(names, ", "), name));
}

bool is_rope_factors(const std::string& name) {
  return name == kRopeFactors || std::find(std::begin(kLongFactors), std::end(kLongFactors),
                                           name) != std::end(kLongFactors);
}

using Values = GgufParameters;

/// Rotations scaled otherwise than linearly cost what others cost, and yield other values.
void add_rope(const GgufFile& file, const GgufArchitecture& architecture, const std::string& prefix,
              double head_dim, Values& values, TransformerFile& network,
              std::vector<std::string>& notes) {
  const std::string dims = prefix + "rope.dimension_count";
  const double rotated = number_at(file, dims, head_dim);
  if (rotated != head_dim && !architecture.rotates_partly && !architecture.latent)
    refuse(file, dims,
           fmt::format("is not supported beside heads of {}: it changes the values of "
                       "attention",
                       head_dim));
  if (rotated != head_dim && !architecture.latent) values["rotated"] = fmt::format("{}", rotated);
  const std::string type_key = prefix + "rope.scaling.type";
  const std::string type = file.has(type_key) ? file.string(type_key) : "linear";
  const double factor = number_at(file, prefix + "rope.scaling.factor",
                                  number_at(file, prefix + "rope.scale_linear", 1));
  if (type == "none" || (type == "linear" && (factor == 1 || factor == 0))) return;
  if (type == "linear") {
    if (!(factor > 0)) refuse(file, prefix + "rope.scaling.factor", "expected a positive number");
    values["rope_factor"] = fmt::format("{}", factor);
    return;
  }
  network.timing_only.push_back(
      fmt::format("rope.scaling: rotations are those without \"{}\" scaling", type));
  notes.push_back(fmt::format(
      "rope.scaling: \"{}\" scaling changes no cycles or bytes; runs with values are refused",
      type));
}

/// Layers with a sliding window.
void add_window(const GgufFile& file, const GgufArchitecture& architecture,
                const std::string& prefix, Values& values, std::vector<std::string>& notes) {
  const std::string key = prefix + "attention.sliding_window";
  const double window = number_at(file, key, static_cast<double>(architecture.window));
  if (window <= 0) return;
  if (!architecture.has_windows) {
    notes.push_back(
        fmt::format("metadata {}: no effect: {} reads the whole context", key, architecture.name));
    return;
  }
  values["window"] = fmt::format("{}", window);
  values["local_period"] = std::to_string(architecture.period);
  values["local_run"] = std::to_string(architecture.run);
  const std::string pattern = prefix + "attention.sliding_window_pattern";
  if (!file.has(pattern)) return;
  const double period = number_at(file, pattern, 0);
  if (period < 1) refuse(file, pattern, "expected a positive number");
  values["local_period"] = fmt::format("{}", period);
  values["local_run"] = fmt::format("{}", std::max(1.0, period - 1));
}

/// Keys of a mixture of experts, which say it with expert_count.
bool is_mixture_key(const GgufArchitecture& architecture, const std::string& key) {
  if (!architecture.mixture.exists) return false;
  if (key == "expert_count" || key == "expert_used_count") return true;
  if (architecture.mixture.width != nullptr && key == architecture.mixture.width) return true;
  if (architecture.mixture.has_shared_gate && key == "expert_shared_feed_forward_length")
    return true;
  static const std::set<std::string> kDeepSeek = {
      "expert_shared_count",    "leading_dense_block_count", "expert_gating_func",
      "expert_weights_norm",    "expert_weights_scale",      "expert_group_count",
      "expert_group_used_count"};
  return architecture.mixture.is_deepseek && kDeepSeek.count(key) != 0;
}

bool is_latent_key(const GgufArchitecture& architecture, const std::string& key) {
  static const std::set<std::string> kKeys = {
      "attention.q_lora_rank", "attention.kv_lora_rank", "attention.key_length_mla",
      "attention.value_length_mla", "rope.scaling.yarn_log_multiplier"};
  return architecture.latent && kKeys.count(key) != 0;
}

/// Files of before April 2025 hold both matrices behind the latent as one.
const char* const kOldLatent = "attn_kv_b.weight";

bool is_old_latent(const std::string& name) {
  const std::string end = std::string(".") + kOldLatent;
  return name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

bool has_old_latent(const GgufFile& file) {
  return find_tensor(file, std::string("blk.0.") + kOldLatent) != nullptr;
}

/// Of attention with latent keys and values.
void add_latent(const GgufFile& file, const GgufArchitecture& architecture,
                const std::string& prefix, Values& values, TransformerFile& network) {
  if (!architecture.latent) return;
  const auto integer = [&](const char* key) { return file.integer(prefix + key); };
  const bool old = has_old_latent(file);
  const std::int64_t rope = integer("rope.dimension_count");
  const std::int64_t key = integer(old ? "attention.key_length" : "attention.key_length_mla");
  const std::int64_t value = integer(old ? "attention.value_length" : "attention.value_length_mla");
  if (rope < 1 || key <= rope)
    refuse(file, prefix + "rope.dimension_count",
           fmt::format("expected 1..{}, a part of a head, got {}", key - 1, rope));
  values["kv_lora"] = std::to_string(integer("attention.kv_lora_rank"));
  if (file.has(prefix + "attention.q_lora_rank"))
    values["q_lora"] = std::to_string(integer("attention.q_lora_rank"));
  values["rope_dim"] = std::to_string(rope);
  values["nope_dim"] = std::to_string(key - rope);
  values["value_dim"] = std::to_string(value);
  values.erase("kv_heads");
  values.erase("head_dim");
  if (old)
    network.timing_only.push_back(
        fmt::format("tensors {} hold two matrices of each head as one", kOldLatent));
}

void add_deepseek_router(const GgufFile& file, const std::string& prefix, Values& values) {
  const auto number = [&](const char* key, double otherwise) {
    return number_at(file, prefix + key, otherwise);
  };
  const double dense = number("leading_dense_block_count", 0);
  const bool biased = find_tensor(file, fmt::format("blk.{}.exp_probs_b.bias", dense)) != nullptr;
  const double gating = number("expert_gating_func", biased ? 2 : 1);
  if (gating != 1 && gating != 2)
    refuse(file, prefix + "expert_gating_func", "expected 1 (softmax) or 2 (sigmoid)");
  values["dense_layers"] = fmt::format("{}", dense);
  values["router"] = gating == 2 ? "1" : "0";
  values["choice_bias"] = biased ? "1" : "0";
  values["normalized"] = number("expert_weights_norm", 0) != 0 ? "1" : "0";
  if (const double scale = number("expert_weights_scale", 1); scale > 0)
    values["routed_scale"] = fmt::format("{}", scale);
  if (number("expert_group_count", 1) > 1) {
    values["expert_groups"] = fmt::format("{}", number("expert_group_count", 1));
    values["kept_groups"] = fmt::format("{}", number("expert_group_used_count", 1));
    values["group_best"] = "2";
  }
  values["shared_ffn"] = fmt::format("={} * expert_ffn", number("expert_shared_count", 0));
}

bool is_mixture(const GgufFile& file, const GgufArchitecture& architecture,
                const std::string& prefix) {
  return architecture.mixture.exists && number_at(file, prefix + "expert_count", 0) > 0;
}

void add_mixture(const GgufFile& file, const GgufArchitecture& architecture,
                 const std::string& prefix, Values& values) {
  if (!is_mixture(file, architecture, prefix)) return;
  const GgufMixture& rule = architecture.mixture;
  const auto integer = [&](const std::string& key) {
    return std::to_string(file.integer(prefix + key));
  };
  values["experts"] = integer("expert_count");
  values["experts_chosen"] = integer("expert_used_count");
  if (rule.width != nullptr && file.has(prefix + rule.width))
    values["expert_ffn"] = integer(rule.width);
  else if (const StoredTensor* gate = find_tensor(file, "blk.0.ffn_gate_exps.weight"))
    values["expert_ffn"] = std::to_string(gate->shape.size() == 3 ? gate->shape[1] : 0);
  if (rule.is_deepseek) add_deepseek_router(file, prefix, values);
  if (rule.normalized) values["normalized"] = "1";
  if (!rule.has_shared_gate) return;
  values["shared_gate"] = "1";
  const char* const kShared = "expert_shared_feed_forward_length";
  if (file.has(prefix + kShared))
    values["shared_ffn"] = integer(kShared);
  else if (const StoredTensor* gate = find_tensor(file, "blk.0.ffn_gate_shexp.weight"))
    values["shared_ffn"] = std::to_string(gate->shape.front());
}

/// Every key of the architecture is read, harmless, refused or told.
void account_keys(const GgufFile& file, const GgufArchitecture& architecture,
                  const std::string& prefix, double head_dim, std::vector<std::string>& notes) {
  const std::string values = prefix + "attention.value_length";
  if (!architecture.latent && number_at(file, values, head_dim) != head_dim)
    refuse(file, values, "is not supported beside another key_length: it changes the shapes");
  for (const auto& [name, value] : file.metadata) {
    if (name.rfind(prefix, 0) != 0) continue;
    const std::string key = name.substr(prefix.size());
    if (gguf_harmless_keys().count(key) != 0) continue;
    if (is_mixture_key(architecture, key) || is_latent_key(architecture, key)) continue;
    if (std::any_of(architecture.keys.begin(), architecture.keys.end(),
                    [&](const GgufKey& row) { return key == row.key; }))
      continue;
    const auto* row = std::find_if(std::begin(kRefusedKeys), std::end(kRefusedKeys),
                                   [&](const RefusedKey& k) { return key == k.key; });
    const double parallel = architecture.name == std::string("gptneox") ? 1 : 0;
    if (key == "use_parallel_residual") {
      if (number_of(value) != parallel)
        refuse(file, name, "is not supported: it changes the layers of a block");
      continue;
    }
    if (row == std::end(kRefusedKeys))
      notes.push_back(fmt::format("metadata {}: not known here, so it has no effect", name));
    else if (number_of(value) != row->neutral)
      refuse(file, name, fmt::format("is not supported: it changes {}", row->changes));
  }
}

void finish_parameters(const GgufFile& file, const ImportOptions& options, Values& values,
                       TransformerFile& network) {
  for (const auto& [name, size] : options.sizes) values[name] = std::to_string(size);
  network.parameters.assign(values.begin(), values.end());
  network.check_heads(file.name);
}

void add_parameters(const GgufFile& file, const GgufArchitecture& architecture,
                    const ImportOptions& options, TransformerFile& network,
                    std::vector<std::string>& notes) {
  const std::string prefix = std::string(architecture.name) + ".";
  const auto integer = [&](const std::string& key) { return file.integer(prefix + key); };
  const StoredTensor* embedding = find_tensor(file, "token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw input_error(file.name + ": tensor \"token_embd.weight\" is missing or no matrix");
  const std::int64_t heads = integer("attention.head_count");
  Values values = {
      {"hidden", std::to_string(integer("embedding_length"))},
      {"layers", std::to_string(integer("block_count"))},
      {"heads", std::to_string(heads)},
      {"kv_heads", std::to_string(file.has(prefix + "attention.head_count_kv")
                                      ? integer("attention.head_count_kv")
                                      : heads)},
      {"vocab", std::to_string(embedding->shape[0])},
      {"tied", find_tensor(file, "output.weight") == nullptr ? "1" : "0"},
      {"qkv_bias", find_tensor(file, "blk.0.attn_q.bias") != nullptr ||
                           find_tensor(file, "blk.0.attn_qkv.bias") != nullptr
                       ? "1"
                       : "0"},
      {"mlp_bias", find_tensor(file, "blk.0.ffn_up.bias") != nullptr ? "1" : "0"},
      {"o_bias", find_tensor(file, "blk.0.attn_output.bias") != nullptr ? "1" : "0"},
      {"interleaved_rope", architecture.interleaved_rope ? "1" : "0"},
      {"rope_theta", real_text(file, prefix + "rope.freq_base", "10000")},
      {"epsilon", real_text(file, prefix + architecture.epsilon, "0.00001")},
      {"batch", std::to_string(options.batch)},
  };
  if (!is_mixture(file, architecture, prefix) || file.has(prefix + "feed_forward_length"))
    values["ffn"] = std::to_string(integer("feed_forward_length"));
  double head_dim = static_cast<double>(integer("embedding_length")) / static_cast<double>(heads);
  if (file.has(prefix + "attention.key_length")) {
    values["head_dim"] = std::to_string(integer("attention.key_length"));
    head_dim = static_cast<double>(integer("attention.key_length"));
  }
  for (const auto& [name, value] : architecture.fixed) values[name] = value;
  for (const GgufKey& row : architecture.keys)
    if (file.has(prefix + row.key)) values[row.parameter] = real_text(file, prefix + row.key, "");
  if (architecture.other_scale_layers == integer("block_count"))
    values["score_scale"] = "=1 / sqrt(hidden / heads)";
  add_rope(file, architecture, prefix, head_dim, values, network, notes);
  add_window(file, architecture, prefix, values, notes);
  add_mixture(file, architecture, prefix, values);
  add_latent(file, architecture, prefix, values, network);
  account_keys(file, architecture, prefix, head_dim, notes);
  finish_parameters(file, options, values, network);
}

/// The rule that gives one layer its tensor and, for weights, the format it is stored in, unless
/// the run's is to be taken.
boost::json::object rule_of(const StoredTensor& tensor, const ModelTensorRow& row,
                            const std::string& layer, const std::string& reference,
                            bool requantize) {
  const std::size_t end = layer.rfind('.');
  boost::json::object rule{{"layers", {layer}}};
  if (row.of_all)
    rule["layers"] = {
        fmt::format("{}*.{}", layer.substr(0, layer.rfind('.', end - 1) + 1), row.layer)};
  static const std::set<std::string> kOfVectors = {"bias", "sinks", "distances"};
  if (kOfVectors.count(row.role) == 0 && !requantize)
    rule["precision"] = weights_in(tensor.type->format);
  if (tensor.data != nullptr)
    rule["tensors"] = {{row.role, {{"file", reference}, {"tensor", tensor.name}}}};
  return rule;
}

/// Where both matrices behind the latent are wanted as one, this file has no tensor: reading it
/// says so.
boost::json::object whole_latent(const StoredTensor& tensor, const std::string& layer,
                                 const std::string& reference) {
  const std::string block = layer.substr(0, layer.rfind('.') + 1);
  boost::json::object rule{{"layers", {block + kLatentMatrices}}, {"optional", true}};
  rule["precision"] = weights_in(tensor.type->format);
  if (tensor.data != nullptr)
    rule["tensors"] = {{"weights", {{"file", reference}, {"tensor", block + kOldLatent}}}};
  return rule;
}

/// Without the tensors of experts in a model that has none; of latent attention those that this
/// file's form has.
ModelTensors names_of(const GgufFile& file, const GgufArchitecture& architecture) {
  std::set<std::string> without;
  if (!is_mixture(file, architecture, std::string(architecture.name) + "."))
    for (const char* layer : {"router", "gate_exps", "up_exps", "down_exps"}) without.insert(layer);
  if (architecture.latent && has_old_latent(file)) without.insert({"k_b", "v_b"});
  const bool has_q_a = find_tensor(file, "blk.0.attn_q_a.weight") != nullptr;
  const std::string other_q = has_q_a ? "attn_q.weight" : "attn_q_b.weight";
  ModelTensors names = architecture.names();
  names.rows.erase(std::remove_if(names.rows.begin(), names.rows.end(),
                                  [&](const ModelTensorRow& row) {
                                    return without.count(row.layer) != 0 ||
                                           (architecture.latent && row.stored == other_q);
                                  }),
                   names.rows.end());
  return names;
}

}  // namespace

Imported import_gguf(const Blob& blob, const ImportOptions& options) {
  const GgufFile file = parse_gguf(blob);
  TransformerFile network;
  network.unroll = true;
  network.name = file.has("general.name") ? file.string("general.name")
                                          : std::filesystem::path(file.name).stem().string();
  Imported result;
  result.parameters = given_parameters(options);
  const GgufArchitecture& architecture = architecture_of(file);
  network.base = architecture.base;
  const ModelTensors names = names_of(file, architecture);
  if (architecture.is_t5) {
    network.whole = "prefill";
    Values values = t5_parameters(file, options, result.notes);
    finish_parameters(file, options, values, network);
  } else {
    add_parameters(file, architecture, options, network, result.notes);
  }
  const std::string reference = options.reference.empty()
                                    ? std::filesystem::path(file.name).filename().string()
                                    : options.reference;
  std::vector<std::string> unknown;
  std::vector<const StoredTensor*> tensors;
  for (const StoredTensor& tensor : file.tensors) {
    tensors.push_back(&tensor);
    const std::vector<ModelTensorUse> uses = names.uses(tensor.name);
    const ModelTensorRow* row = uses.empty() ? nullptr : uses.front().row;
    const auto is_format = [&](const Format& f) { return f.name == tensor.type->format; };
    if (tensor.name == kRopeFactors && tensor.data != nullptr) {
      network.overrides.push_back(
          {{"layers", {"blk.*.rope_q", "blk.*.rope_k"}},
           {"tensors", {{"factors", {{"file", reference}, {"tensor", tensor.name}}}}}});
    } else if (is_rope_factors(tensor.name)) {
      network.timing_only.push_back("rotations are those without tensor " + tensor.name);
      result.notes.push_back(
          fmt::format("tensor {}: its frequencies change no cycles or bytes; runs with values are "
                      "refused",
                      tensor.name));
    } else if (row == nullptr && architecture.latent && is_old_latent(tensor.name)) {
      const std::string block =
          tensor.name.substr(0, tensor.name.size() - std::string(kOldLatent).size());
      for (const char* part : {"k_b", "v_b"})
        if (!options.requantize)
          network.overrides.push_back(
              {{"layers", {block + part}}, {"precision", weights_in(tensor.type->format)}});
    } else if (names.is_unread(tensor.name)) {
      continue;
    } else if (row == nullptr) {
      unknown.push_back(tensor.name);
    } else if (std::none_of(formats().begin(), formats().end(), is_format)) {
      throw input_error(fmt::format("{}: tensor \"{}\": there is no number format \"{}\"",
                                    file.name, tensor.name, tensor.type->format));
    } else {
      const std::string& layer = uses.front().layer;
      network.overrides.push_back(rule_of(tensor, *row, layer, reference, options.requantize));
      if (row->layer == std::string("k_b"))
        network.overrides.push_back(whole_latent(tensor, layer, reference));
    }
  }
  // The tied head and an encoder read the embedding's rows as they are stored.
  const StoredTensor* embedding = find_tensor(file, "token_embd.weight");
  if (find_tensor(file, "output.weight") == nullptr)
    network.overrides.push_back(
        rule_of(*embedding, {"", "head", "weights", false}, "head", reference, options.requantize));
  if (architecture.is_t5)
    network.overrides.push_back(rule_of(*embedding, {"", "enc.embed", "table", false}, "enc.embed",
                                        reference, options.requantize));
  if (!unknown.empty() && !options.skip_unknown)
    throw input_error(fmt::format("{}: unknown tensors (--skip-unknown leaves them out): {}",
                                  file.name, fmt::join(unknown, ", ")));
  for (const std::string& name : unknown) result.notes.push_back("left out: tensor " + name);
  const Network built = network.build(file.name, network.whole);
  check_tensors(file.name, built, names, tensors,
                file.has("split.count") ? "; the model is split: merge its files "
                                          "(llama-gguf-split --merge)"
                                        : "");
  result.what = std::move(network);
  return result;
}

}  // namespace bitjoule
