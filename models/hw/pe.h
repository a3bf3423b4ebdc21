// One processing element: registers that move operands and results by one neighbour per cycle.
#pragma once

#include <cstdint>
#include <systemc>
#include <type_traits>
#include <vector>

#include "core/exec/operand_activity.h"
#include "core/mapping/machine_counts.h"
#include "core/numeric/mac.h"

namespace bitjoule {

/// A word of consecutive k on its way through the array. Panels do not change while words of them
/// are under way, so a register holds where its word stands rather than a copy of the lanes.
template <class T>
struct Word {
  const T* lanes = nullptr;  ///< null: values off
  std::int32_t count = 0;    ///< elements in it; 0: nothing to multiply
  std::int32_t row = 0;      ///< stationary operand: the row that keeps it
  std::int32_t group = 0;    ///< of the layer
  bool valid = false;
  bool last = false;  ///< of its fold: where outputs stay, the sum is complete with it
  std::uint32_t fold =
      0;  ///< number of its fold: odd and even ones use different stationary registers
  std::int32_t reach = 0;  ///< PEs that it still passes: those that take part in its fold's timing
};

template <class Sum>
struct PartialSum {
  Sum value{};
  bool overflow = false;
  bool valid = false;      ///< of what is on its way out
  std::int32_t reach = 0;  ///< of what moves with the steps: as a word's
};

/// What the PEs of an array have in common for a layer.
struct PeRules {
  bool tree = true;       ///< products are added in a tree
  bool operands = false;  ///< they are counted
  OperandCode west, north;
};

/// `T` and `Sum`: int16_t and int32_t, or float and float. The grid steps its PEs once per clock,
/// the far corner first, so that every PE still sees its neighbours' registers of the cycle before.
template <class T, class Sum>
class Pe : public sc_core::sc_module {
 public:
  explicit Pe(sc_core::sc_module_name name) : sc_module(name) {}

  // Registers, as the neighbours to the east and south see them.
  Word<T> east, south;
  PartialSum<Sum> sum;      ///< to the south; where outputs stay, the accumulator
  PartialSum<Sum> drained;  ///< where outputs stay: the result on its way out

  /// Weights or inputs stay: `passing` is the stationary operand on its way to its row.
  void step_stationary(const Word<T>& west, const Word<T>& passing, const PartialSum<Sum>& north,
                       std::int32_t row, const PeRules& rules, MachineCounts& counts) {
    if (take(west, east)) ++counts.moves[ArrayMove::kWestShift];
    sum = north;
    if (sum.reach > 0) --sum.reach, ++counts.moves[ArrayMove::kSumShift];
    const Word<T>& kept = stationary_[west.fold & 1];
    if (west.valid && kept.fold == west.fold) {
      ++counts.moves[ArrayMove::kStationaryRead];
      multiply(west, kept, rules, counts);
    }
    south = passing;
    if (!passing.valid) return;
    if (passing.row == row) {
      stationary_[passing.fold & 1] = passing;
      south.valid = false;
      ++counts.moves[ArrayMove::kStationaryWrite];
    } else {
      ++counts.moves[ArrayMove::kNorthShift];
    }
  }

  /// Outputs stay: a word from the west meets one from the north, of its group or not.
  void step_output(const Word<T>& west, const Word<T>& north, const PeRules& rules,
                   MachineCounts& counts) {
    if (take(west, east)) ++counts.moves[ArrayMove::kWestShift];
    if (take(north, south)) ++counts.moves[ArrayMove::kNorthShift];
    if (!west.valid || !north.valid) return;
    const bool works = west.group == north.group;
    if (works) {
      ++counts.moves[ArrayMove::kSumRead];
      ++counts.moves[ArrayMove::kSumWrite];
      multiply(west, north, rules, counts);
    }
    if (west.last) {
      drained = sum;
      drained.valid = works;
      if (works) ++counts.moves[ArrayMove::kSumShift];
      sum = PartialSum<Sum>{};
    }
  }

  void clear() {
    east = south = stationary_[0] = stationary_[1] = Word<T>{};
    sum = drained = PartialSum<Sum>{};
  }

  /// For a new layer: the multipliers' operands so far are zeros.
  void forget_operands() { west_codes_.clear(), north_codes_.clear(); }

  /// First lanes of the operand that moves and of the one that stays, 0 where there is none.
  T operand() const { return lane(east.valid ? east : Word<T>{}); }
  T stationary() const {
    const Word<T>& kept = stationary_[east.fold & 1];
    return lane(!east.valid || kept.fold == east.fold ? kept : Word<T>{});
  }

 private:
  static T lane(const Word<T>& w) {
    return !w.valid || w.lanes == nullptr || w.count == 0 ? T{} : w.lanes[0];
  }

  /// Whether a word that counts is written into `mine`.
  static bool take(const Word<T>& from, Word<T>& mine) {
    mine = from;
    if (!from.valid || from.reach == 0) return false;
    --mine.reach;
    return true;
  }

  void multiply(const Word<T>& a, const Word<T>& b, const PeRules& rules, MachineCounts& counts) {
    if (b.count == 0) return;
    counts.macs += a.count;
    count_adds(a.count, rules.tree, 1, counts.adds);
    if (rules.operands && a.lanes != nullptr) count_operands(a, b, rules, counts.operands);
    if (a.lanes != nullptr)
      for (std::int32_t i = 0; i < a.count; ++i) {
        if constexpr (std::is_same_v<Sum, float>)
          sum.value = mac_float(sum.value, a.lanes[i], b.lanes[i]);
        else if (accumulate(sum.value, std::int64_t{a.lanes[i]} * b.lanes[i]))
          sum.overflow = true;
      }
  }

  void count_operands(const Word<T>& a, const Word<T>& b, const PeRules& rules,
                      OperandCounts& counts) {
    const auto lanes = static_cast<std::size_t>(a.count);
    if (west_codes_.size() < lanes) west_codes_.resize(lanes), north_codes_.resize(lanes);
    for (std::size_t i = 0; i < lanes; ++i) {
      const bool west_zero = a.lanes[i] == T{}, north_zero = b.lanes[i] == T{};
      counts[rules.west.zeros] += west_zero ? 1 : 0;
      counts[rules.north.zeros] += north_zero ? 1 : 0;
      counts[OperandCount::kZeroMacs] += west_zero || north_zero ? 1 : 0;
      counts[rules.west.toggles] += toggle(west_codes_[i], rules.west(a.lanes[i]));
      counts[rules.north.toggles] += toggle(north_codes_[i], rules.north(b.lanes[i]));
    }
  }

  Word<T> stationary_[2];
  std::vector<std::uint32_t> west_codes_, north_codes_;  ///< last operands of each multiplier
};

}  // namespace bitjoule
