#include "run/run_config.h"

namespace bitjoule {

std::vector<std::pair<std::int64_t, std::int64_t>> decode_samples(const Generation& g) {
  std::vector<std::pair<std::int64_t, std::int64_t>> samples;
  const std::int64_t last = g.prompt + g.tokens - 1;
  for (std::int64_t at = g.prompt + 1; at <= last;) {
    samples.emplace_back(at, 1);
    const std::int64_t rest = last - at;
    if (rest == 0) break;
    at += rest >= g.every ? g.every : (rest % 2 == 1 ? rest : 1);
  }
  // The steps between two samples, an even number, fall to both in equal parts.
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const std::int64_t between = samples[i].first - samples[i - 1].first - 1;
    samples[i - 1].second += between / 2;
    samples[i].second += between / 2;
  }
  return samples;
}

}  // namespace bitjoule
