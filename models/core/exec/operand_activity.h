// What the operands of the array's multipliers are, fold by fold: zeros, and bits that toggle.
#pragma once

#include <cstdint>
#include <vector>

#include "core/mapping/folds.h"
#include "core/mapping/machine_counts.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {

class LayerValues;

/// The bits of an operand as a multiplier has them: an integer's two's complement in the width of
/// its code, a float in the MAC's format.
struct OperandCode {
  std::uint32_t mask = 0;
  FloatSpec fp;
  OperandCount zeros = OperandCount::kInputZeros, toggles = OperandCount::kInputToggles;  ///< its

  std::uint32_t operator()(std::int16_t value) const {
    return static_cast<std::uint32_t>(value) & mask;
  }
  std::uint32_t operator()(float value) const { return encode_float(fp, value); }
};
/// Of the operand that comes from the west, and of the one from the north.
OperandCode west_code(const MappingProblem& problem);
OperandCode north_code(const MappingProblem& problem);

/// Takes the next operand of a multiplier; returns how many of its bits differ.
inline std::int64_t toggle(std::uint32_t& last, std::uint32_t next) {
  const std::int64_t bits = __builtin_popcount(last ^ next);
  last = next;
  return bits;
}

/// Counts what the array PE by PE finds out multiplier by multiplier, from whole rows of operands.
class OperandActivity {
 public:
  explicit OperandActivity(const MappingProblem& problem);

  /// The next fold of the layer, of a tile whose panels are loaded.
  void count(const LayerValues& values, const Tile& tile, const FoldJob& job,
             OperandCounts& counts);

 private:
  template <class T>
  void count_panels(const T* inputs, const T* weights, std::int64_t row, const Tile& tile,
                    const FoldJob& job, OperandCounts& counts);
  /// Elements of the fold, of one group: `west(i, k)` and `north(j, k)`.
  template <class West, class North>
  void count_zeros(std::int64_t rows, std::int64_t cols, std::int64_t depth, West west, North north,
                   OperandCounts& counts) const;
  template <class West, class North>
  void count_stationary(const FoldJob& job, std::int64_t group, West west, North north,
                        OperandCounts& counts);
  template <class West, class North>
  void count_outputs(const FoldJob& job, std::int64_t group, West west, North north,
                     OperandCounts& counts);
  std::size_t multiplier(std::int64_t row, std::int64_t column, std::int64_t lane) const;

  const MappingProblem& p_;
  OperandCode west_code_, north_code_;
  std::vector<std::uint32_t> west_, north_;  ///< last operands, by row, column and lane
};

}  // namespace bitjoule
