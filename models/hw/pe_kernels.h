// One clock of a row of PEs, over arrays that hold a register of each: plain loops, in a form for
// every processor and in one with AVX2.
#pragma once

#include <cstdint>

#include "core/simd.h"

namespace bitjoule {

/// In place of a fold's number, which is 1 at least: a register that holds no word, and one in
/// which no word has come to stay.
inline constexpr std::uint32_t kNoWord = 0, kNothingKept = ~0U;

/// PEs side by side, from column `column` of row `row` on; what was there before the clock edge is
/// with the neighbours to the east and south by now. Where words stay, those of even folds and of
/// odd ones have registers of their own: a word that moves meets the one of its own fold.
struct PeRowStep {
  std::int64_t pes = 0, column = 0, row = 0;
  const std::uint32_t* fold = nullptr;   ///< of the word from the west
  const std::uint16_t* reach = nullptr;  ///< columns that count its moves
  const std::uint32_t* kept[2] = {};     ///< folds of the words that stay
  const std::uint16_t* sum_reach =
      nullptr;  ///< rows that count the moves of the sum from the north
  const std::uint32_t* north_fold =
      nullptr;  ///< where outputs stay: of the word from the north, ...
  const std::uint16_t* north_reach = nullptr;
  const std::int32_t *group = nullptr,
                     *north_group = nullptr;  ///< ... which meets one of its group
};

/// What happens in them, in PEs.
struct PeRowCounts {
  std::int64_t west = 0;   ///< words from the west that count
  std::int64_t north = 0;  ///< words, or sums, from the north that count
  std::int64_t meet = 0;   ///< words that meet another, with which they are multiplied
};

/// Where weights or inputs stay, and where outputs do. `meets[i]` becomes all ones where words
/// meet.
PeRowCounts step_passing(const PeRowStep& step, std::uint32_t* meets, Simd simd);
PeRowCounts step_meeting(const PeRowStep& step, std::uint32_t* meets, Simd simd);

/// sum += west * north where words meet, for one lane, each addition rounded or wrapped by itself;
/// `overflow` becomes 1 where a sum has left int32. `odd` where words stay: the lanes of odd folds.
struct LaneStep {
  std::int64_t pes = 0;
  const std::uint32_t* meets = nullptr;
  const std::uint32_t* fold = nullptr;
};
void multiply_lane(const LaneStep& step, const std::int16_t* west, const std::int16_t* north,
                   const std::int16_t* odd, std::int32_t* sum, std::uint8_t* overflow, Simd simd);
void multiply_lane(const LaneStep& step, const float* west, const float* north, const float* odd,
                   float* sum, std::uint8_t* overflow, Simd simd);

}  // namespace bitjoule
