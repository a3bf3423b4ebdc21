// One processing element: registers that move operands and results by one neighbour per cycle.
#pragma once

#include <cstdint>
#include <systemc>
#include <type_traits>

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
};

template <class Sum>
struct PartialSum {
  Sum value{};
  bool overflow = false;
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

  /// Weights or inputs stay: `passing` is the stationary operand on its way to its row. Returns the
  /// MACs done.
  std::int64_t step_stationary(const Word<T>& west, const Word<T>& passing,
                               const PartialSum<Sum>& north, std::int32_t row) {
    std::int64_t macs = 0;
    east = west;
    sum = north;
    const Word<T>& kept = stationary_[west.fold & 1];
    if (west.valid && kept.fold == west.fold) macs = multiply(west, kept);
    south = passing;
    if (passing.valid && passing.row == row) {
      stationary_[passing.fold & 1] = passing;
      south.valid = false;
    }
    return macs;
  }

  /// Outputs stay: a word from the west meets one from the north, of its group or not. Returns the
  /// MACs done.
  std::int64_t step_output(const Word<T>& west, const Word<T>& north) {
    east = west;
    south = north;
    if (!west.valid || !north.valid) return 0;
    const std::int64_t macs = west.group == north.group ? multiply(west, north) : 0;
    if (west.last) {
      drained = sum;
      sum = PartialSum<Sum>{};
    }
    return macs;
  }

  void clear() {
    east = south = stationary_[0] = stationary_[1] = Word<T>{};
    sum = drained = PartialSum<Sum>{};
  }

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

  std::int64_t multiply(const Word<T>& a, const Word<T>& b) {
    if (b.count == 0) return 0;
    if (a.lanes != nullptr)
      for (std::int32_t i = 0; i < a.count; ++i) {
        if constexpr (std::is_same_v<Sum, float>)
          sum.value = mac_float(sum.value, a.lanes[i], b.lanes[i]);
        else if (accumulate(sum.value, std::int64_t{a.lanes[i]} * b.lanes[i]))
          sum.overflow = true;
      }
    return a.count;
  }

  Word<T> stationary_[2];
};

}  // namespace bitjoule
