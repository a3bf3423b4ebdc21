#include "sim/import/hf_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace bitjoule {
namespace {

std::int64_t size_of(const HfReading& r, const char* parameter) {
  const auto found = r.parameters.find(parameter);
  return found == r.parameters.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
}

std::string real_text(double value) { return fmt::format("{}", value); }

/// Scores are divided by the root of a head's size, or what the family reads of the file.
void set_score_scale(const HfReading& r) {
  if (r.family.score_scalar > 0) {
    const double scalar = r.config.real("query_pre_attn_scalar", r.family.score_scalar);
    if (!(scalar > 0)) r.config.refuse("query_pre_attn_scalar", "expected a positive number");
    r.parameters["score_scale"] = fmt::format("=1 / sqrt({})", scalar);
    return;
  }
  if (r.config.find("query_pre_attn_scalar") == nullptr) return;
  const double scalar = r.config.real("query_pre_attn_scalar", 0);
  std::int64_t head_dim = size_of(r, "head_dim");
  if (head_dim == 0)
    head_dim = size_of(r, "hidden") / std::max<std::int64_t>(1, size_of(r, "heads"));
  if (scalar != static_cast<double>(head_dim))
    r.config.refuse("query_pre_attn_scalar",
                    fmt::format("{} is not supported: it changes the values of attention, whose "
                                "heads have {} elements",
                                scalar, head_dim));
}

void set_partial_rotation(const HfReading& r, const ConfigObject& from) {
  for (const char* key : {"partial_rotary_factor", "rotary_pct"}) {
    if (from.find(key) == nullptr) continue;
    const double share = from.real(key, 1);
    if (!(share > 0 && share <= 1)) from.refuse(key, "expected a number above 0, at most 1");
    const std::string rotated = fmt::format("=head_dim * {}", share);
    std::string& known = r.parameters["rotated"];
    if (known.rfind("=head_dim *", 0) == 0 && known != rotated)
      from.refuse(key, fmt::format("{} differs from another share in the file", share));
    known = rotated;
  }
}

double positive(const ConfigObject& from, const std::string& key) {
  const double value = from.real(key, 0);
  if (!(value > 0)) from.refuse(key, "expected a positive number");
  return value;
}

/// Scalings other than these cost what these cost, and yield other values.
void set_scaling(const HfReading& r, const char* key, const ConfigObject& rope) {
  static const std::set<std::string> kScaling = {
      "factor",           "original_max_position_embeddings",
      "low_freq_factor",  "high_freq_factor",
      "beta_fast",        "beta_slow",
      "mscale",           "mscale_all_dim",
      "attention_factor", "short_factor",
      "long_factor",      "truncate",
      "finetuned"};
  static const std::vector<UnsupportedKey> kUnsupported = {
      {"partial_rotary_factor", {"1"}, "the values of attention: a part of each head is rotated"},
      {"mrope_section", {}, "the values of attention: positions of several axes"},
      {"full_attention", {}, "the rotation, by kind of layer"},
      {"sliding_attention", {}, "the rotation, by kind of layer"}};
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (r.family.rotates_partly) set_partial_rotation(r, rope);
  if (type == "linear" || type == "llama3")
    r.parameters["rope_factor"] = real_text(positive(rope, "factor"));
  if (type == "llama3") {
    r.parameters["rope_low"] = real_text(positive(rope, "low_freq_factor"));
    r.parameters["rope_high"] = real_text(positive(rope, "high_freq_factor"));
    r.parameters["rope_original"] = real_text(positive(rope, "original_max_position_embeddings"));
  }
  const bool is_yarn = type == "yarn" && set_yarn(r, rope);
  rope.account(kScaling, kUnsupported, r.notes);
  if (is_yarn || type == "default" || type == "none" || type == "linear" || type == "llama3")
    return;
  r.network.timing_only.push_back(
      fmt::format("{}: rotations are those without \"{}\" scaling", key, type));
  r.notes.push_back(fmt::format(
      "{}: \"{}\" scaling changes no cycles or bytes; runs with values are refused", key, type));
}

/// A base of rotations that may stand in several places, which must agree.
void set_base(const HfReading& r, const char* parameter, const ConfigObject& from,
              const char* key) {
  if (from.find(key) == nullptr) return;
  const std::string theta = real_text(positive(from, key));
  std::string& known = r.parameters[parameter];
  if (!known.empty() && known != theta)
    from.refuse(key, fmt::format("{} differs from {} elsewhere in the file", theta, known));
  known = theta;
}

/// rope_theta and rope_scaling; since transformers 5 both in rope_parameters, for Gemma 3 one for
/// each kind of layer.
void set_rope(const HfReading& r) {
  set_base(r, "rope_theta", r.config, "rope_theta");
  if (r.family.theta_key != nullptr) set_base(r, "rope_theta", r.config, r.family.theta_key);
  const bool has_local = r.family.local_theta != nullptr;
  if (has_local) set_base(r, "rope_theta_local", r.config, "rope_local_base_freq");
  if (r.family.rotates_partly) set_partial_rotation(r, r.config);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (r.config.find(key) == nullptr) continue;
    ConfigObject rope = r.config.object(key);
    if (has_local && rope.find("full_attention") != nullptr) {
      const ConfigObject local = rope.object("sliding_attention");
      set_base(r, "rope_theta_local", local, "rope_theta");
      if (const std::string type = local.text("rope_type", "default"); type != "default")
        local.refuse("rope_type", fmt::format("\"{}\" is not supported: it changes the values of "
                                              "layers with a window",
                                              type));
      const ConfigObject full = rope.object("full_attention");
      rope.account({}, {}, r.notes);
      set_base(r, "rope_theta", full, "rope_theta");
      set_scaling(r, key, full);
      continue;
    }
    set_base(r, "rope_theta", rope, "rope_theta");
    set_scaling(r, key, rope);
  }
  if (r.family.theta != nullptr) r.parameters.emplace("rope_theta", r.family.theta);
  if (has_local) r.parameters.emplace("rope_theta_local", r.family.local_theta);
}

/// Which layers of a list are different, as the parameters of the base say it.
struct Pattern {
  std::int64_t from = 0, period = 1, run = 1;
  bool has(std::int64_t layer) const { return layer >= from && layer % period < run; }
};

bool fits(const Pattern& pattern, const std::vector<bool>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (pattern.has(static_cast<std::int64_t>(i)) != layers[i]) return false;
  return true;
}

/// Throws an input Error where there is no such pattern.
Pattern pattern_of(const HfReading& r, const std::vector<bool>& layers) {
  const auto first = std::find(layers.begin(), layers.end(), true) - layers.begin();
  if (const Pattern tail{first, 1, 1}; fits(tail, layers)) return tail;
  const auto run = std::find(layers.begin(), layers.end(), false) - layers.begin();
  for (std::int64_t period = run + 1; period <= static_cast<std::int64_t>(layers.size()); ++period)
    if (const Pattern periodic{0, period, run}; fits(periodic, layers)) return periodic;
  r.config.refuse("layer_types",
                  "layers with a window in no regular order are not supported: they change the "
                  "keys that a token sees");
}

/// The layers with a window, by layer_types; nothing where the file has none.
std::vector<bool> sliding_layers(const HfReading& r) {
  const std::vector<std::string> kinds = r.config.texts("layer_types");
  std::vector<bool> sliding;
  for (const std::string& kind : kinds) {
    if (kind != "full_attention" && kind != "sliding_attention")
      r.config.refuse("layer_types",
                      fmt::format("\"{}\" is not supported: it changes the layers", kind));
    sliding.push_back(kind == "sliding_attention");
  }
  const std::string& layers = r.parameters.at("layers");
  if (!kinds.empty() && std::to_string(kinds.size()) != layers)
    r.config.refuse("layer_types",
                    fmt::format("expected {} kinds of layers, got {}", layers, kinds.size()));
  return sliding;
}

/// The family's own order of layers, or that of a key.
Pattern own_pattern(const HfReading& r) {
  const HfWindow& window = r.family.window;
  if (window.flagged) return {r.config.integer("max_window_layers", 28), 1, 1};
  Pattern pattern{0, window.period, window.run};
  for (const char* key : {"sliding_window_pattern", "_sliding_window_pattern"}) {
    if (!window.has_pattern || r.config.find(key) == nullptr) continue;
    pattern.period = r.config.integer(key, window.period);
    pattern.run = pattern.period - 1;
    if (pattern.period < 2) r.config.refuse(key, "expected at least 2");
  }
  return pattern;
}

void set_windows(const HfReading& r) {
  const HfWindow& rule = r.family.window;
  const std::vector<bool> sliding = sliding_layers(r);
  const bool missing = !r.config.json().contains("sliding_window");
  const std::int64_t window =
      missing ? rule.missing : r.config.integer("sliding_window", 0);  // null: none
  if (window < 0) r.config.refuse("sliding_window", "expected a positive number");
  const bool is_used = !rule.flagged || r.config.flag("use_sliding_window", false);
  const bool any = std::count(sliding.begin(), sliding.end(), true) > 0;
  if (!rule.exists) {
    if (any)
      r.config.refuse("layer_types",
                      fmt::format("sliding_attention is not supported for {}: it changes the keys "
                                  "that a token sees",
                                  r.family.model_type));
    if (window > 0 && r.config.flag("use_sliding_window", false))
      r.config.refuse("use_sliding_window",
                      fmt::format("true is not supported for {}: it changes the keys that a token "
                                  "sees",
                                  r.family.model_type));
    if (window > 0 && !missing)
      r.notes.push_back(fmt::format("sliding_window: no effect: {} reads the whole context",
                                    r.family.model_type));
    return;
  }
  Pattern pattern = own_pattern(r);
  if (window == 0 || !is_used) {
    if (any && window == 0)
      r.config.refuse("layer_types", "sliding_attention without a sliding_window");
    if (any)
      r.config.refuse("layer_types", "sliding_attention contradicts use_sliding_window: false");
    return;
  }
  if (!sliding.empty()) {
    if (!any) return;
    const Pattern stated = pattern_of(r, sliding);
    const bool has_key = r.config.find("sliding_window_pattern") != nullptr ||
                         r.config.find("_sliding_window_pattern") != nullptr;
    if (rule.has_pattern && has_key && !fits(pattern, sliding))
      r.config.refuse("layer_types", "contradicts sliding_window_pattern");
    pattern = stated;
  }
  if (pattern.from >= size_of(r, "layers")) return;
  r.parameters["window"] = std::to_string(window);
  r.parameters["local_from"] = std::to_string(pattern.from);
  r.parameters["local_period"] = std::to_string(pattern.period);
  r.parameters["local_run"] = std::to_string(pattern.run);
}

/// SmolLM3: one layer of `interval` does not rotate; a list says it layer by layer (1: rotates).
void set_unrotated(const HfReading& r) {
  if (r.family.unrotated == 0) return;
  const std::int64_t interval = r.config.integer("no_rope_layer_interval", r.family.unrotated);
  if (interval < 1) r.config.refuse("no_rope_layer_interval", "expected a positive number");
  r.parameters["rope_period"] = std::to_string(interval);
  const boost::json::value* list = r.config.find("no_rope_layers");
  if (list == nullptr) return;
  const std::int64_t layers = size_of(r, "layers");
  bool is_regular =
      list->is_array() && static_cast<std::int64_t>(list->get_array().size()) == layers;
  for (std::int64_t i = 0; is_regular && i < layers; ++i)
    is_regular = list->get_array()[static_cast<std::size_t>(i)] ==
                 boost::json::value((i + 1) % interval != 0 ? 1 : 0);
  if (!is_regular)
    r.config.refuse("no_rope_layers",
                    fmt::format("expected a 0 for every {} layers of {}, and 1 for the others",
                                interval, layers));
}

}  // namespace

void set_attention(const HfReading& reading) {
  set_score_scale(reading);
  set_rope(reading);
  set_windows(reading);
  set_unrotated(reading);
}

}  // namespace bitjoule
