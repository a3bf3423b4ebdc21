#include "core/dram/stretch_bids.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitjoule {
namespace {

constexpr std::size_t kLanesAtOnce = 4;

}  // namespace

StretchBids::StretchBids(std::int64_t banks, std::int64_t banks_per_group)
    : groups_(at(banks / banks_per_group)),
      group_mask_(groups_ - 1),
      gates_(std::max(groups_, kLanesAtOnce)),
      lanes_(std::max(at(banks), kLanesAtOnce)) {
  for (std::size_t b = 0; b < at(banks) && b < kMostBanks; ++b) {
    const std::size_t per_group = at(banks_per_group);
    lane_[b] = static_cast<std::uint8_t>(b % per_group * groups_ + b / per_group);
  }
}

void StretchBids::begin(std::int64_t base, DramCommand column) {
  base_ = base;
  commands_[kColumn] = column;
  for (std::size_t k = 0; k < kKinds; ++k) low_[k] = BankBids::rank_of(0, 0, commands_[k], 0);
  bidding_ = {};
  key_.fill(BankBids::kNoKey);
  rank_.fill(kNoRank);
}

std::int64_t StretchBids::first_of(std::int64_t bank, std::int64_t bus, bool activates) const {
  std::int64_t first = BankBids::kNoKey;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (k == kActivate && !activates) continue;
    const std::size_t lane = k * kMostBanks + lane_[at(bank)];
    const std::size_t group = k * kMostBanks + (lane_[at(bank)] & group_mask_);
    const std::int64_t held = std::max({gate(bus), shared_[k], gate_[group]});
    first = std::min(first, std::max(key_[lane], held) | rank_[lane]);
  }
  return first;
}

std::int64_t StretchBids::first_portable(std::int64_t bus, bool activates) const {
  std::int64_t first = BankBids::kNoKey;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (bidding_[k] == 0 || (k == kActivate && !activates)) continue;
    const std::int64_t from = std::max(bus, shared_[k]);
    const std::size_t begin = k * kMostBanks;
    for (std::size_t i = 0; i < lanes_; ++i) {
      const std::int64_t held = std::max(from, gate_[begin + i % gates_]);
      first = std::min(first, std::max(key_[begin + i], held) | rank_[begin + i]);
    }
  }
  return first;
}

#if defined(__x86_64__)
/// As above in each of four places, then of the four. Keys are compared as doubles: see BankBids.
/// Of so many gates and lanes; 0: any.
template <std::size_t Gates, std::size_t Lanes>
__attribute__((target("avx2"))) std::int64_t StretchBids::first_vectors(std::int64_t bus,
                                                                        bool activates) const {
  const std::size_t gates = Gates != 0 ? Gates : gates_, lanes = Lanes != 0 ? Lanes : lanes_;
  __m256d first = _mm256_castsi256_pd(_mm256_set1_epi64x(BankBids::kNoKey));
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (bidding_[k] == 0 || (k == kActivate && !activates)) continue;
    const __m256d from = _mm256_castsi256_pd(_mm256_set1_epi64x(std::max(bus, shared_[k])));
    const auto* const keys = reinterpret_cast<const double*>(key_.data() + k * kMostBanks);
    const auto* const ranks = reinterpret_cast<const double*>(rank_.data() + k * kMostBanks);
    const auto* const held_back = reinterpret_cast<const double*>(gate_.data() + k * kMostBanks);
    for (std::size_t g = 0; g < gates; g += kLanesAtOnce) {
      const __m256d held = _mm256_max_pd(from, _mm256_load_pd(held_back + g));
#pragma GCC unroll 4
      for (std::size_t i = g; i < lanes; i += gates) {
        first = _mm256_min_pd(first, _mm256_or_pd(_mm256_max_pd(_mm256_load_pd(keys + i), held),
                                                  _mm256_load_pd(ranks + i)));
      }
    }
  }
  __m128d least = _mm_min_pd(_mm256_castpd256_pd128(first), _mm256_extractf128_pd(first, 1));
  least = _mm_min_sd(least, _mm_unpackhi_pd(least, least));
  return _mm_cvtsi128_si64(_mm_castpd_si128(least));
}

/// The shapes of most standards have their loops unrolled.
std::int64_t StretchBids::first_avx2(std::int64_t bus, bool activates) const {
  if (gates_ == 4 && lanes_ == 16) return first_vectors<4, 16>(bus, activates);
  if (gates_ == 4 && lanes_ == 8) return first_vectors<4, 8>(bus, activates);
  return first_vectors<0, 0>(bus, activates);
}
#else
std::int64_t StretchBids::first_avx2(std::int64_t bus, bool activates) const {
  return first_portable(bus, activates);
}
#endif

}  // namespace bitjoule
