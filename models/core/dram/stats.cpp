#include "core/dram/stats.h"

#include <algorithm>
#include <cmath>

namespace bitjoule {

void Histogram::grow(std::int64_t bin) {
  bins_.resize(static_cast<std::size_t>(std::min(std::max(bin + 1, 2 * bin), kExact + 1)));
}

void Histogram::add(const Histogram& other, std::int64_t times) {
  if (other.count_ == 0 || times <= 0) return;
  bins_.resize(std::max(bins_.size(), other.bins_.size()));
  for (std::size_t i = 0; i < other.bins_.size(); ++i) bins_[i] += times * other.bins_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += times * other.sum_;
  count_ += times * other.count_;
}

double Histogram::mean() const {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::int64_t Histogram::percentile(double share) const {
  const auto rank =
      std::max<std::int64_t>(1, std::llround(std::ceil(share * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
    seen += bins_[bin];
    if (seen >= rank) {
      const auto value = static_cast<std::int64_t>(bin);
      return value < kExact ? value : max_;
    }
  }
  return 0;
}

void BandwidthTimeline::halve() {
  ++log2_width_;
  for (std::vector<std::int64_t>* bins : {&read_, &write_}) {
    const std::size_t n = bins->size();
    for (std::size_t i = 0; 2 * i < n; ++i) {
      (*bins)[i] = (*bins)[2 * i] + (2 * i + 1 < n ? (*bins)[2 * i + 1] : 0);
    }
    bins->resize((n + 1) / 2);
  }
}

void BandwidthTimeline::grow(std::int64_t bin) {
  read_.resize(static_cast<std::size_t>(bin + 1));
  write_.resize(static_cast<std::size_t>(bin + 1));
}

}  // namespace bitjoule
