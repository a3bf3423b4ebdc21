#include "core/numeric/scale_search.h"

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/elements.h"

namespace bitjoule {
namespace {

// Largest elements are taken times kLeast / kParts, ... kMost / kParts.
constexpr int kParts = 40, kLeast = 12, kMost = 48;

GroupStatistics scaled(GroupStatistics s, float factor) {
  s.abs_max *= factor;
  s.min *= factor;
  s.max *= factor;
  s.abs_sum *= static_cast<double>(factor);
  return s;
}

}  // namespace

ScaleSearch::ScaleSearch(const StorageLayout& layout)
    : layout_(layout), mask_(static_cast<std::uint16_t>((1u << layout.format->bits) - 1)) {}

GroupParameters ScaleSearch::best(const float* x, std::int64_t n, const double* weights,
                                  std::int64_t period) {
  codes_.resize(at(n));
  decoded_.resize(at(n));
  GroupStatistics statistics;
  statistics.add(layout_, x, n);
  GroupParameters best = group_parameters(layout_, statistics);
  double least = error(best, x, n, weights, period);
  for (int part = kLeast; part <= kMost; ++part) {
    const auto factor = static_cast<float>(part) / static_cast<float>(kParts);
    const GroupParameters p = group_parameters(layout_, scaled(statistics, factor));
    const double with = error(p, x, n, weights, period);
    if (with < least) {
      least = with;
      best = p;
    }
  }
  return best;
}

double ScaleSearch::error(GroupParameters p, const float* x, std::int64_t n, const double* weights,
                          std::int64_t period) {
  check_interrupt_after(n);
  encode_elements(layout_, p, x, n, codes_.data());
  for (std::uint16_t& code : codes_) code &= mask_;
  decode_elements(layout_, p, codes_.data(), n, decoded_.data());
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double e = static_cast<double>(x[i]) - static_cast<double>(decoded_[at(i)]);
    sum += weights == nullptr ? e * e : weights[i % period] * e * e;
  }
  return sum;
}

}  // namespace bitjoule
