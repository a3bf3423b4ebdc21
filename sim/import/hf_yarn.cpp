// YaRN (Peng et al., 2023) as the library computes it: pairs that turn often within the trained
// context keep their frequency, slow ones are divided by the factor, and scores grow.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sim/import/hf_attention.h"

namespace bitjoule {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr std::int64_t kMostColumns = 1 << 12;  // of a head

/// What multiplies cosines and sines.
double magnitude(double factor, double weight) {
  return factor > 1 ? 0.1 * weight * std::log(factor) + 1 : 1;
}

double parameter(const HfReading& r, const char* name, double otherwise) {
  const auto found = r.parameters.find(name);
  return found == r.parameters.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
}

std::int64_t rotated_columns(const HfReading& r) {
  if (r.family.latent) return r.config.integer("qk_rope_head_dim", 64);
  const double head = parameter(r, "hidden", 0) / std::max(1.0, parameter(r, "heads", 1));
  return static_cast<std::int64_t>(parameter(r, "head_dim", head));
}

}  // namespace

bool set_yarn(const HfReading& r, const ConfigObject& rope) {
  const HfFamily& family = r.family;
  if (family.rotates_partly || family.unrotated != 0 || family.local_theta != nullptr) return false;
  const double factor = rope.real("factor", 0), fast = rope.real("beta_fast", 32),
               slow = rope.real("beta_slow", 1);
  const double original =
      rope.real("original_max_position_embeddings", r.config.real("max_position_embeddings", 0));
  const double theta = parameter(
      r, "rope_theta", family.theta != nullptr ? std::strtod(family.theta, nullptr) : 10000);
  const std::int64_t columns = rotated_columns(r);
  if (!(factor >= 1 && fast > 0 && slow > 0 && original > 0 && theta > 1) || columns < 2 ||
      columns > kMostColumns)
    return false;
  // Of the scores: what multiplies queries and keys, and DeepSeek's own factor.
  const double all = rope.real("mscale_all_dim", 0), one = rope.real("mscale", 0);
  const bool has_both = all > 0 && one > 0;
  const double turned =
      rope.real("attention_factor",
                has_both ? magnitude(factor, one) / magnitude(factor, all) : magnitude(factor, 1));
  if (family.latent && turned != 1) return false;  // of a part of each head
  const double larger = family.latent ? magnitude(factor, all) : turned;

  const auto width = static_cast<double>(columns);
  const auto turns = [&](double count) {  // the column that turns so often in the trained context
    return width * std::log(original / (count * kTwoPi)) / (2 * std::log(theta));
  };
  const bool truncates = rope.flag("truncate", true);
  double low = turns(fast), high = turns(slow);
  if (truncates) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, width - 1);
  if (low == high) high += 0.001;
  boost::json::array divisors;
  for (std::int64_t i = 0; i < columns / 2; ++i) {
    const double slowed = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    divisors.emplace_back(1 / (slowed / factor + 1 - slowed));
  }
  boost::json::object source{{"values", std::move(divisors)}};
  r.network.overrides.push_back({{"layers", {"blk.*.rope_q", "blk.*.rope_k"}},
                                 {"tensors", {{"factors", std::move(source)}}}});
  std::string& scale = r.parameters["score_scale"];
  if (scale.empty()) scale = family.latent ? kLatentScale : "=1 / sqrt(head_dim)";
  scale = fmt::format("={} * {}", scale.substr(scale[0] == '=' ? 1 : 0), larger * larger);
  return true;
}

}  // namespace bitjoule
