// What moves inside the array, and the additions of its PEs, as integer counts (docs/energy.md,
// "What moves inside the array").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bitjoule {

/// Words and sums by what happens to them. "West" is the operand that is streamed through the rows,
/// "north" the one from the north: what stays, or, where outputs stay, the other that is streamed.
enum class ArrayMove : std::size_t {
  kWestEntry,  ///< a word from the buffer to the edge
  kWestShift,  ///< ... written into a register from which the neighbour takes it
  kWestHop,    ///< ... over the wire from PE to PE
  kNorthEntry,
  kNorthShift,
  kNorthHop,
  kStationaryWrite,  ///< a word into the register of a PE where it stays
  kStationaryRead,   ///< ... from there to the multiplier
  kSumShift,         ///< a sum written into a register from which the neighbour takes it
  kSumHop,
  kSumWrite,  ///< a sum that stays, into its register: once for each MAC, or for those that a PE
              ///< adds
  kSumRead,
  kSumExit,  ///< a sum from the edge to the accumulator buffer
};
inline constexpr std::size_t kArrayMoves = static_cast<std::size_t>(ArrayMove::kSumExit) + 1;

/// Counts by ArrayMove.
struct ArrayMoves {
  std::array<std::int64_t, kArrayMoves> counts{};

  std::int64_t& operator[](ArrayMove move) { return counts[static_cast<std::size_t>(move)]; }
  std::int64_t operator[](ArrayMove move) const { return counts[static_cast<std::size_t>(move)]; }
};

/// Levels of the largest tree: 4096 products in a PE (packing `product`).
inline constexpr std::size_t kTreeLevels = 12;

/// Additions in PEs: into the partial sum, and before it in a tree, by level: those of two products
/// at the first.
struct PeAdds {
  std::int64_t wide = 0;
  std::array<std::int64_t, kTreeLevels> tree{};
};

/// Adds `words` words of `products` products each. In a tree half of them, rounded down, add two at
/// the first level, and so on, until one is left, which the wide adder adds; an odd one goes up a
/// level. Without a tree each product has a wide addition.
void count_adds(std::int64_t products, bool tree, std::int64_t words, PeAdds& adds);

/// What the operands of the multipliers are, with values: a multiplier's operands are those that it
/// multiplies one after the other in a layer, the first after zeros.
enum class OperandCount : std::size_t {
  kInputZeros,  ///< MACs whose input is zero
  kWeightZeros,
  kZeroMacs,      ///< MACs with a zero among their operands
  kInputToggles,  ///< bits of inputs that differ from the input before, of all multipliers
  kWeightToggles,
};
inline constexpr std::size_t kOperandCounts =
    static_cast<std::size_t>(OperandCount::kWeightToggles) + 1;

struct OperandCounts {
  std::array<std::int64_t, kOperandCounts> counts{};

  std::int64_t& operator[](OperandCount count) { return counts[static_cast<std::size_t>(count)]; }
  std::int64_t operator[](OperandCount count) const {
    return counts[static_cast<std::size_t>(count)];
  }
};

}  // namespace bitjoule
