#include "core/numeric/value_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/scale_search.h"

namespace bitjoule {
namespace {

constexpr double kKept = 0.9999;  // of the percentile rule
constexpr double kUnseen = 1e-4;
constexpr std::int64_t kBins = ValueHistogram::kBins;

/// The least power of two that is not below x > 0.
double power_above(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);  // 0.5 <= mantissa < 1
  return std::ldexp(1.0, mantissa == 0.5 ? exponent - 1 : exponent);
}

/// Counts of magnitudes, from the bin at zero up.
std::vector<std::int64_t> magnitudes(const ValueHistogram& h) {
  std::vector<std::int64_t> counts(at(kBins));
  for (std::int64_t i = 0; i < kBins; ++i)
    counts[at(i)] = h.counts()[at(kBins + i)] + h.counts()[at(kBins - 1 - i)];
  return counts;
}

/// Bins from the front that hold the share of all counts.
std::int64_t bins_that_hold(const std::vector<std::int64_t>& counts, double share) {
  const auto total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += static_cast<double>(counts[i]);
    if (sum >= share * total) return static_cast<std::int64_t>(i) + 1;
  }
  return static_cast<std::int64_t>(counts.size());
}

/// c * log(c), of which and of logarithms of sums the KL of counts is made.
double information(double count) { return count > 0 ? count * std::log(count) : 0; }

/// Of the bins before each: a clip asks for sums over its parts, not for every bin.
struct SumsBefore {
  std::vector<double> counts = {0}, filled = {0}, information = {0};
};

SumsBefore sums_before(const std::vector<std::int64_t>& counts) {
  SumsBefore sums;
  for (const std::int64_t count : counts) {
    const auto real = static_cast<double>(count);
    sums.counts.push_back(sums.counts.back() + real);
    sums.filled.push_back(sums.filled.back() + (count != 0 ? 1 : 0));
    sums.information.push_back(sums.information.back() + information(real));
  }
  return sums;
}

/// KL of the first `bins` magnitudes, the rest counted in the last of them, from the same in
/// `steps` equal parts, each spread evenly over its bins that are not empty.
/// A part without values counts as kUnseen of one.
double divergence(const SumsBefore& sums, std::int64_t bins, std::int64_t steps) {
  const double all = sums.counts.back(), kept = sums.counts[at(bins)], outside = all - kept;
  const double last = kept - sums.counts[at(bins - 1)];
  double kl = (sums.information[at(bins - 1)] + information(last + outside)) / all - std::log(all);
  for (std::int64_t s = 0; s < steps; ++s) {
    const std::int64_t begin = s * bins / steps, end = (s + 1) * bins / steps;
    const double sum = sums.counts[at(end)] - sums.counts[at(begin)];
    double mass = sum, filled = sums.filled[at(end)] - sums.filled[at(begin)];
    if (end == bins) {
      mass += outside;
      if (last == 0 && outside > 0) ++filled;
    }
    if (mass > 0)
      kl -= mass / all * std::log(std::max(sum, kUnseen) / filled / std::max(kept, kUnseen));
  }
  return kl;
}

/// Bins of magnitudes that stay below the clip of the entropy rule.
std::int64_t entropy_bins(std::vector<std::int64_t> counts, std::int64_t steps) {
  counts[0] = counts[1];  // zeros, which every scale holds, would hide the rest
  const SumsBefore sums = sums_before(counts);
  std::int64_t best = kBins;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t bins = steps; bins <= kBins; ++bins) {
    const double kl = divergence(sums, bins, steps);
    if (kl < least) {
      least = kl;
      best = bins;
    }
  }
  return best;
}

}  // namespace

ValueHistogram::ValueHistogram(std::vector<std::int64_t> counts, double min, double max)
    : counts_(std::move(counts)), min_(min), max_(max) {
  if (counts_.size() != at(2 * kBins) || !(min <= 0) || !(max >= 0))
    throw input_error("expected " + std::to_string(2 * kBins) + " counts around zero, got " +
                      std::to_string(counts_.size()));
  const double largest = std::max(-min, max);
  if (largest > 0) range_ = power_above(largest);
}

std::int64_t ValueHistogram::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

/// Holds a magnitude of x.
void ValueHistogram::widen(double x) {
  const double wanted = power_above(x);
  if (range_ == 0) range_ = wanted;
  for (; range_ < wanted; range_ *= 2) {
    std::vector<std::int64_t> merged(counts_.size());
    for (std::int64_t i = 0; i < kBins; ++i) {
      merged[at(kBins + i / 2)] += counts_[at(kBins + i)];
      merged[at(kBins - 1 - i / 2)] += counts_[at(kBins - 1 - i)];
    }
    counts_ = std::move(merged);
  }
}

void ValueHistogram::add(const double* x, std::int64_t n) {
  check_interrupt_after(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const double magnitude = std::fabs(x[i]);
    if (!std::isfinite(magnitude)) continue;
    if (magnitude == 0) {
      ++counts_[at(kBins)];
      continue;
    }
    if (magnitude > range_) widen(magnitude);
    min_ = std::min(min_, x[i]);
    max_ = std::max(max_, x[i]);
    const auto bin =
        static_cast<std::int64_t>(std::ceil(magnitude / range_ * static_cast<double>(kBins)));
    // A denormal over a large range is in bin 0 as well.
    const std::int64_t place = std::max<std::int64_t>(bin, 1) - 1;
    ++counts_[at(x[i] > 0 ? kBins + place : kBins - 1 - place)];
  }
}

GroupParameters static_scale(const TensorFormat& format, const ValueHistogram& h, ScaleRule rule) {
  const StorageLayout layout = storage_layout(format);
  const double bin = h.range() / static_cast<double>(kBins);
  double low = h.min(), high = h.max();
  if (rule == ScaleRule::kMse && h.range() > 0) {
    std::vector<float> middles;
    std::vector<double> weights;
    for (std::int64_t i = 0; i < 2 * kBins; ++i) {
      if (h.counts()[at(i)] == 0) continue;
      middles.push_back(static_cast<float>((static_cast<double>(i - kBins) + 0.5) * bin));
      weights.push_back(static_cast<double>(h.counts()[at(i)]));
    }
    const auto n = static_cast<std::int64_t>(middles.size());
    return ScaleSearch(layout).best(middles.data(), n, weights.data(), n);
  }
  if (rule == ScaleRule::kPercentile && layout.symmetric) {
    const double clip = static_cast<double>(bins_that_hold(magnitudes(h), kKept)) * bin;
    low = std::max(low, -clip);
    high = std::min(high, clip);
  } else if (rule == ScaleRule::kPercentile) {
    const double share = 1 - (1 - kKept) / 2;
    const std::int64_t above = bins_that_hold(h.counts(), share);
    const std::vector<std::int64_t> down(h.counts().rbegin(), h.counts().rend());
    high = std::max(0.0, std::min(high, static_cast<double>(above - kBins) * bin));
    low = std::min(0.0,
                   std::max(low, static_cast<double>(kBins - bins_that_hold(down, share)) * bin));
  } else if (rule == ScaleRule::kEntropy) {
    const std::int64_t steps = std::min<std::int64_t>(kBins, layout.format->max_code + 1);
    const double clip = static_cast<double>(entropy_bins(magnitudes(h), steps)) * bin;
    low = std::max(low, -clip);
    high = std::min(high, clip);
  }
  const float ends[] = {static_cast<float>(low), static_cast<float>(high)};
  GroupStatistics statistics;
  statistics.add(layout, ends, 2);
  return affine_parameters(layout, statistics);
}

}  // namespace bitjoule
