// Where outputs stay: the registers through which results leave, one beside each sum.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/index.h"
#include "core/mapping/array_work.h"
#include "hw/pe_registers.h"

namespace bitjoule {

template <class Sum>
class DrainRegisters {
 public:
  struct Result {
    Sum value{};
    bool overflow = false;
  };

  void build(const PeShape& shape) {
    cols_ = shape.cols;
    const std::size_t pes = shape.outputs_stay ? at(shape.rows * shape.cols) : 0;
    value_.assign(pes, Sum{});
    state_.assign(pes, 0);
  }
  void clear() {
    std::fill(value_.begin(), value_.end(), Sum{});
    std::fill(state_.begin(), state_.end(), std::uint8_t{0});
  }
  /// A sum that is complete; `is_result`: the PE works for the fold.
  void set(std::size_t pe, Sum value, bool overflow, bool is_result) {
    value_[pe] = value;
    state_[pe] = static_cast<std::uint8_t>((is_result ? kResult : 0) | (overflow ? kOverflow : 0));
  }
  /// The `shift`-th result of column c leaves at row `height` - 1, and those above move down by
  /// one. Counts their moves.
  Result shift(std::int64_t c, std::int64_t shift, std::int64_t height, ArrayMoves& moves) {
    const std::size_t foot = at((height - 1) * cols_ + c);
    const Result out = {value_[foot], (state_[foot] & kOverflow) != 0};
    for (std::int64_t r = height - 1; r > shift; --r) {
      const std::size_t pe = at(r * cols_ + c), above = pe - at(cols_);
      value_[pe] = value_[above];
      state_[pe] = state_[above];
      if ((state_[pe] & kResult) == 0) continue;
      ++moves[ArrayMove::kSumShift];
      ++moves[ArrayMove::kSumHop];
    }
    // It has left, or its register is empty behind it.
    state_[at(shift * cols_ + c)] &= static_cast<std::uint8_t>(~kResult);
    return out;
  }

 private:
  static constexpr int kResult = 1, kOverflow = 2;
  std::int64_t cols_ = 0;
  std::vector<Sum> value_;
  std::vector<std::uint8_t> state_;
};

}  // namespace bitjoule
