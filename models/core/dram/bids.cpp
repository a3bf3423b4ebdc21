#include "core/dram/bids.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitjoule {
namespace {

constexpr std::size_t kVector = 4;  // lanes

}  // namespace

BankBids::BankBids(const DramDevice& device, std::int64_t banks, std::int64_t banks_per_group)
    : groups_(static_cast<std::size_t>(banks / banks_per_group)) {
  while (std::int64_t{1} << log2_lanes_ < banks) ++log2_lanes_;
  for (std::int64_t b = 0; b < std::min<std::int64_t>(banks, kMostBanks); ++b) {
    const std::int64_t group = b / banks_per_group, bank = b % banks_per_group;
    lane_[static_cast<std::size_t>(b)] =
        static_cast<std::uint8_t>(bank * static_cast<std::int64_t>(groups_) + group);
  }
  first_avx2_ = first_vectors_of(groups_, std::size_t{1} << log2_lanes_);
  for (std::size_t k = 0; k < kKinds; ++k) shared_[k] = device.shared(command_of(k));
  begin(0);
}

void BankBids::begin(std::int64_t base) {
  base_ = base;
  banks_ = {};
  key_.fill(kNoKey);
  rank_.fill(kNoRank);
}

std::int64_t BankBids::first_portable(const Gates& gates, unsigned kinds) const {
  std::int64_t first = kNoKey;
  for (; kinds != 0; kinds &= kinds - 1) {
    const auto k = static_cast<std::size_t>(__builtin_ctz(kinds));
    if (banks_[k] == 0) continue;
    for (std::size_t g = 0; g < groups_; ++g) {
      const std::int64_t gate = gate_of(gates, k, g);
      const std::size_t end = (k + 1) << log2_lanes_;
      for (std::size_t lane = (k << log2_lanes_) + g; lane < end; lane += groups_)
        first = std::min(first, std::max(key_[lane], gate) | rank_[lane]);
    }
  }
  return first;
}

#if defined(__x86_64__)
/// As above in each of four places, then of the four. Of so many groups and lanes; 0: any, of
/// groups from 4 on.
template <std::size_t Groups, std::size_t Lanes>
__attribute__((target("avx2"))) std::int64_t BankBids::first_vectors(const BankBids& bids,
                                                                     const Gates& gates,
                                                                     unsigned kinds) {
  const std::size_t groups = Groups != 0 ? Groups : bids.groups_;
  const std::size_t lanes = Lanes != 0 ? Lanes : std::size_t{1} << bids.log2_lanes_;
  const std::size_t step = std::max(groups, kVector);
  const __m256i base = _mm256_set1_epi64x(bids.base_);
  const __m256d far = _mm256_castsi256_pd(_mm256_set1_epi64x(kFar));
  __m256d first = _mm256_castsi256_pd(_mm256_set1_epi64x(kNoKey));
  for (; kinds != 0; kinds &= kinds - 1) {
    const auto k = static_cast<std::size_t>(__builtin_ctz(kinds));
    if (bids.banks_[k] == 0) continue;
    const __m256d from = _mm256_castsi256_pd(
        _mm256_set1_epi64x(std::max(gates.bus[k / 2], gates.cycles[bids.shared_[k].rank])));
    const auto* const of_groups =
        reinterpret_cast<const double*>(gates.cycles + bids.shared_[k].groups);
    const auto* const keys = reinterpret_cast<const double*>(bids.key_.data() + k * lanes);
    const auto* const ranks = reinterpret_cast<const double*>(bids.rank_.data() + k * lanes);
    for (std::size_t g = 0; g < step; g += kVector) {
      __m256d cycle = from;
      if (groups == 1) {
        cycle = _mm256_max_pd(from, _mm256_broadcast_sd(of_groups));
      } else if (groups == 2) {
        cycle =
            _mm256_max_pd(from, _mm256_broadcast_pd(reinterpret_cast<const __m128d*>(of_groups)));
      } else {
        cycle = _mm256_max_pd(from, _mm256_loadu_pd(of_groups + g));
      }
      const __m256i clocks = _mm256_castpd_si256(_mm256_min_pd(
          _mm256_castsi256_pd(_mm256_sub_epi64(_mm256_castpd_si256(cycle), base)), far));
      const __m256d gate = _mm256_castsi256_pd(_mm256_slli_epi64(clocks, kRankBits));
#pragma GCC unroll 4
      for (std::size_t i = g; i < lanes; i += step)
        first = _mm256_min_pd(first, _mm256_or_pd(_mm256_max_pd(gate, _mm256_loadu_pd(keys + i)),
                                                  _mm256_loadu_pd(ranks + i)));
    }
  }
  __m128d least = _mm_min_pd(_mm256_castpd256_pd128(first), _mm256_extractf128_pd(first, 1));
  least = _mm_min_sd(least, _mm_unpackhi_pd(least, least));
  return _mm_cvtsi128_si64(_mm_castpd_si128(least));
}

/// The shapes of most standards have their loops unrolled.
BankBids::First BankBids::first_vectors_of(std::size_t groups, std::size_t lanes) {
  if (groups == 4 && lanes == 16) return first_vectors<4, 16>;
  if (groups == 1 && lanes == 8) return first_vectors<1, 8>;
  if (groups == 1) return first_vectors<1, 0>;
  if (groups == 2) return first_vectors<2, 0>;
  return first_vectors<0, 0>;
}
#else
BankBids::First BankBids::first_vectors_of(std::size_t, std::size_t) {
  return [](const BankBids& bids, const Gates& gates, unsigned kinds) {
    return bids.first_portable(gates, kinds);
  };
}
#endif

}  // namespace bitjoule
