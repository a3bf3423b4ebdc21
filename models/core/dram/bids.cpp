#include "core/dram/bids.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>

namespace bitjoule {
namespace {

constexpr std::size_t kVector = 4;  // lanes

std::size_t log2_of(std::size_t n) {
  std::size_t bits = 0;
  while ((std::size_t{1} << bits) < n) ++bits;
  return bits;
}

}  // namespace

BankBids::BankBids(std::int64_t banks, std::int64_t banks_per_group)
    : stride_(std::max(at(banks_per_group), kVector)),
      groups_(at(banks / banks_per_group)),
      log2_width_(log2_of(stride_ * groups_)),
      lane_(at(banks)),
      present_(at(banks)),
      ready_(kCommands.size() << log2_width_, kNoBid),
      rank_(ready_.size(), kNoKey - kFarKey),
      entry_(ready_.size(), -1) {
  for (std::size_t b = 0; b < lane_.size(); ++b) {
    const std::size_t group = b / at(banks_per_group), bank = b % at(banks_per_group);
    lane_[b] = static_cast<std::uint32_t>(group * stride_ + bank);
  }
}

void BankBids::remove_all(std::int64_t bank) {
  for (unsigned left = present_[at(bank)]; left != 0; left &= left - 1) {
    const auto c = static_cast<std::size_t>(__builtin_ctz(left));
    const std::size_t lane = lane_of(c, bank);
    ready_[lane] = kNoBid;
    rank_[lane] = kNoKey - kFarKey;
    if (--count_[c] == 0) commands_ &= ~(1U << c);
  }
  present_[at(bank)] = 0;
}

std::int64_t BankBids::first_portable(const Gates& gates) const {
  std::int64_t first = kNoKey;
  for (unsigned left = commands(gates); left != 0; left &= left - 1) {
    const auto c = static_cast<std::size_t>(__builtin_ctz(left));
    const std::size_t command = index_of(kCommands[c]);
    const std::int64_t from = std::max(gates.bus[c], gates.device.channel[command]);
    const std::int64_t* rank = gates.device.ranks + command;
    const std::int64_t* group = gates.device.groups + command;
    std::size_t lane = c << log2_width_;
    for (std::size_t g = 0; g < groups_; rank += kDramCommands) {
      const std::int64_t shared = std::max(from, *rank);
      for (const std::size_t end = g + gates.device.groups_per_rank; g < end; ++g) {
        const std::int64_t gate = std::max(shared, *group);
        group += kDramCommands;
        for (const std::size_t last = lane + stride_; lane < last; ++lane) {
          first = std::min(first, key_at(lane, gate, gates.now));
        }
      }
    }
  }
  return first;
}

#if defined(__x86_64__)
/// As above in each of four places, then of the four. Of one rank, so many groups of so many
/// vectors; 0: any.
template <std::size_t Groups, std::size_t Vectors>
__attribute__((target("avx2"))) std::int64_t BankBids::first_vectors(const Gates& gates) const {
  const std::size_t groups = Groups != 0 ? Groups : groups_;
  const std::size_t per_rank = Groups != 0 ? Groups : gates.device.groups_per_rank;
  const std::size_t vectors = Vectors != 0 ? Vectors : stride_ / kVector;
  const __m256i now = _mm256_set1_epi64x(gates.now);
  const __m256d far = _mm256_castsi256_pd(_mm256_set1_epi64x(kFar));
  __m256d first = _mm256_castsi256_pd(_mm256_set1_epi64x(kNoKey));
  for (unsigned left = commands(gates); left != 0; left &= left - 1) {
    const auto c = static_cast<std::size_t>(__builtin_ctz(left));
    const std::size_t command = index_of(kCommands[c]);
    const std::int64_t from = std::max(gates.bus[c], gates.device.channel[command]);
    const std::int64_t* rank = gates.device.ranks + command;
    const std::int64_t* group = gates.device.groups + command;
    const std::int64_t* ready = ready_.data() + (c << log2_width_);
    const std::int64_t* ranks = rank_.data() + (c << log2_width_);
    for (std::size_t g = 0; g < groups; g += per_rank, rank += kDramCommands) {
      const std::int64_t shared = std::max(from, *rank);
      for (std::size_t i = 0; i < per_rank; ++i, group += kDramCommands) {
        const __m256d gate = _mm256_castsi256_pd(_mm256_set1_epi64x(std::max(shared, *group)));
        for (std::size_t v = 0; v < vectors; ++v, ready += kVector, ranks += kVector) {
          const __m256i own = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ready));
          const __m256i of_lane = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranks));
          const __m256i cycle = _mm256_castpd_si256(_mm256_max_pd(_mm256_castsi256_pd(own), gate));
          const __m256i clocks = _mm256_castpd_si256(
              _mm256_min_pd(_mm256_castsi256_pd(_mm256_sub_epi64(cycle, now)), far));
          const __m256i key = _mm256_or_si256(_mm256_slli_epi64(clocks, kRankBits), of_lane);
          first = _mm256_min_pd(first, _mm256_castsi256_pd(key));
        }
      }
    }
  }
  __m128d least = _mm_min_pd(_mm256_castpd256_pd128(first), _mm256_extractf128_pd(first, 1));
  least = _mm_min_sd(least, _mm_unpackhi_pd(least, least));
  return _mm_cvtsi128_si64(_mm_castpd_si128(least));
}

/// The shapes of most standards have their loops unrolled.
std::int64_t BankBids::first_avx2(const Gates& gates) const {
  const bool one_rank = groups_ == gates.device.groups_per_rank;
  if (one_rank && groups_ == 4 && stride_ == kVector) return first_vectors<4, 1>(gates);
  if (one_rank && groups_ == 1 && stride_ == 2 * kVector) return first_vectors<1, 2>(gates);
  return first_vectors<0, 0>(gates);
}
#else
std::int64_t BankBids::first_avx2(const Gates& gates) const { return first_portable(gates); }
#endif

}  // namespace bitjoule
