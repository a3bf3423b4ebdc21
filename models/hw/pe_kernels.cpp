#include "hw/pe_kernels.h"

// The loops stand here once. They are compiled for every processor and, by the functions that are
// marked so, for AVX2: the compiler makes both of the same statements, so both give the same bits.
#define BITJOULE_LOOP inline __attribute__((always_inline))
#if defined(__x86_64__)
#define BITJOULE_AVX2 __attribute__((target("avx2")))
#else
#define BITJOULE_AVX2
#endif

namespace bitjoule {
namespace {

BITJOULE_LOOP std::int64_t count_reach(const std::uint16_t* reach, std::int64_t n,
                                       std::int64_t place) {
  const auto beyond = static_cast<std::uint16_t>(place);
  std::uint16_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += reach[i] > beyond ? 1 : 0;
  return count;
}

/// Of words in columns from `column` on: those that have not passed all the PEs that count them.
BITJOULE_LOOP std::int64_t count_reach_across(const std::uint16_t* reach, std::int64_t n,
                                              std::int64_t column) {
  auto place = static_cast<std::uint16_t>(column);
  std::uint16_t count = 0;
  for (std::int64_t i = 0; i < n; ++i, ++place) count += reach[i] > place ? 1 : 0;
  return count;
}

BITJOULE_LOOP PeRowCounts passing(const PeRowStep& s, std::uint32_t* meets) {
  const std::uint32_t* const __restrict fold = s.fold, * const __restrict even = s.kept[0], * const __restrict odd = s.kept[1];
  std::uint32_t* const __restrict out = meets;
  const std::int64_t n = s.pes;
  std::uint32_t meet = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t here = (fold[i] == even[i] ? ~0U : 0U) | (fold[i] == odd[i] ? ~0U : 0U);
    out[i] = here;
    meet -= here;  // all ones are -1
  }
  return {count_reach_across(s.reach, s.pes, s.column), count_reach(s.sum_reach, s.pes, s.row),
          meet};
}

BITJOULE_LOOP PeRowCounts meeting(const PeRowStep& s, std::uint32_t* meets) {
  const std::uint32_t* const __restrict west = s.fold, * const __restrict north = s.north_fold;
  const std::int32_t* const __restrict group = s.group, * const __restrict other = s.north_group;
  std::uint32_t* const __restrict out = meets;
  const std::int64_t n = s.pes;
  std::uint32_t meet = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t here = (west[i] != kNoWord ? ~0U : 0U) & (north[i] != kNoWord ? ~0U : 0U) &
                               (group[i] == other[i] ? ~0U : 0U);
    out[i] = here;
    meet -= here;
  }
  return {count_reach_across(s.reach, s.pes, s.column), count_reach(s.north_reach, s.pes, s.row),
          meet};
}

BITJOULE_LOOP void multiply(const LaneStep& s, const std::int16_t* __restrict west,
                            const std::int16_t* __restrict north,
                            const std::int16_t* __restrict odd, std::int32_t* __restrict sum,
                            std::uint8_t* __restrict overflow) {
  const std::uint32_t* const __restrict fold = s.fold, * const __restrict meets = s.meets;
  const std::int64_t n = s.pes;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t other = (fold[i] & 1) != 0 ? odd[i] : north[i];
    const auto product = static_cast<std::uint32_t>(std::int32_t{west[i]} * other) & meets[i];
    const auto before = static_cast<std::uint32_t>(sum[i]);
    const std::uint32_t after = before + product;
    overflow[i] |= static_cast<std::uint8_t>(((before ^ after) & (product ^ after)) >> 31);
    sum[i] = static_cast<std::int32_t>(after);
  }
}

BITJOULE_LOOP void multiply(const LaneStep& s, const float* __restrict west,
                            const float* __restrict north, const float* __restrict odd,
                            float* __restrict sum, std::uint8_t* /*overflow*/) {
  const std::uint32_t* const __restrict fold = s.fold, * const __restrict meets = s.meets;
  const std::int64_t n = s.pes;
  for (std::int64_t i = 0; i < n; ++i) {
    const float other = (fold[i] & 1) != 0 ? odd[i] : north[i];
    const float product = west[i] * other;
    const float after = sum[i] + product;
    sum[i] = meets[i] != 0 ? after : sum[i];
  }
}

PeRowCounts passing_portable(const PeRowStep& s, std::uint32_t* m) { return passing(s, m); }
PeRowCounts meeting_portable(const PeRowStep& s, std::uint32_t* m) { return meeting(s, m); }
BITJOULE_AVX2 PeRowCounts passing_avx2(const PeRowStep& s, std::uint32_t* m) {
  return passing(s, m);
}
BITJOULE_AVX2 PeRowCounts meeting_avx2(const PeRowStep& s, std::uint32_t* m) {
  return meeting(s, m);
}
template <class T, class Sum>
void multiply_portable(const LaneStep& s, const T* w, const T* n, const T* odd, Sum* sum,
                       std::uint8_t* overflow) {
  multiply(s, w, n, odd, sum, overflow);
}
template <class T, class Sum>
BITJOULE_AVX2 void multiply_avx2(const LaneStep& s, const T* w, const T* n, const T* odd, Sum* sum,
                                 std::uint8_t* overflow) {
  multiply(s, w, n, odd, sum, overflow);
}

}  // namespace

PeRowCounts step_passing(const PeRowStep& step, std::uint32_t* meets, Simd simd) {
  return simd == Simd::kAvx2 ? passing_avx2(step, meets) : passing_portable(step, meets);
}
PeRowCounts step_meeting(const PeRowStep& step, std::uint32_t* meets, Simd simd) {
  return simd == Simd::kAvx2 ? meeting_avx2(step, meets) : meeting_portable(step, meets);
}

void multiply_lane(const LaneStep& step, const std::int16_t* west, const std::int16_t* north,
                   const std::int16_t* odd, std::int32_t* sum, std::uint8_t* overflow, Simd simd) {
  (simd == Simd::kAvx2
       ? multiply_avx2<std::int16_t, std::int32_t>
       : multiply_portable<std::int16_t, std::int32_t>)(step, west, north, odd, sum, overflow);
}
void multiply_lane(const LaneStep& step, const float* west, const float* north, const float* odd,
                   float* sum, std::uint8_t* overflow, Simd simd) {
  (simd == Simd::kAvx2 ? multiply_avx2<float, float>
                       : multiply_portable<float, float>)(step, west, north, odd, sum, overflow);
}

}  // namespace bitjoule
