// The multipliers of all PEs: what they do with the words that meet in a cycle.
#pragma once

#include <cstdint>
#include <vector>

#include "core/exec/operand_activity.h"
#include "core/index.h"
#include "core/mapping/machine_counts.h"
#include "hw/pe_kernels.h"
#include "hw/pe_registers.h"

namespace bitjoule {

/// What the PEs of an array have in common for a layer.
struct PeRules {
  bool tree = true;       ///< products are added in a tree
  bool operands = false;  ///< they are counted
  OperandCode west, north;
};

template <class T, class Sum>
class Multipliers {
 public:
  Multipliers(const EastRegisters<T>& east, const SouthRegisters<T>& south,
              const KeptRegisters<T>& kept, SumRegisters<Sum>& sums, Simd simd)
      : east_(east), south_(south), kept_(kept), sums_(sums), simd_(simd) {}

  /// For a layer with words of up to `lanes` elements. The operands so far are zeros.
  void begin(const PeShape& shape, const PeRules& rules, std::int64_t lanes) {
    shape_ = shape;
    rules_ = rules;
    words_.assign(at(lanes + 1), 0);
    const std::size_t n = rules.operands ? at(shape.rows * shape.cols * shape.lanes) : 0;
    west_codes_.assign(n, 0);
    north_codes_.assign(n, 0);
  }

  /// In row r words meet where `meets` is all ones, `meet` of them. They are counted by their
  /// elements, and multiplied where the layer has values.
  void work(std::int64_t r, const Columns& columns, std::int64_t meet, std::uint32_t* meets,
            MachineCounts& counts) {
    const std::int64_t elements = east_.common_count(r);
    if (elements > 0) {
      words_[at(elements)] += meet;
    } else {
      for (std::int64_t c = columns.begin; c < columns.end; ++c)
        if (meets[c - columns.begin] != 0) ++words_[east_.count[east_.begin(r) + at(c)]];
    }
    if (shape_.lanes == 0) return;
    if (rules_.operands) count_operands(r, columns, meets, counts.operands);
    if (elements > 0) {
      for (std::int64_t l = 0; l < elements; ++l) multiply(r, columns, l, meets);
      return;
    }
    for (std::int64_t l = 0; l < shape_.lanes; ++l) {
      for (std::int64_t c = columns.begin; c < columns.end; ++c)
        if (east_.count[east_.begin(r) + at(c)] <= l) meets[c - columns.begin] = 0;
      multiply(r, columns, l, meets);
    }
  }

  /// What was multiplied in this cycle.
  void count_words(MachineCounts& counts) {
    for (std::size_t elements = 1; elements < words_.size(); ++elements) {
      const std::int64_t words = words_[elements];
      if (words == 0) continue;
      const auto n = static_cast<std::int64_t>(elements);
      counts.macs += n * words;
      count_adds(n, rules_.tree, words, counts.adds);
      words_[elements] = 0;
    }
  }

 private:
  void multiply(std::int64_t r, const Columns& columns, std::int64_t l,
                const std::uint32_t* meets) {
    const std::size_t first = at(columns.begin), east = east_.begin(r) + first,
                      sum = sums_.begin(r) + first;
    const LaneStep step = {columns.end - columns.begin, meets, &east_.fold[east]};
    const T *even = nullptr, *odd = nullptr;
    if (shape_.outputs_stay) {
      even = odd = south_.lane(l) + south_.begin(r) + first;
    } else {
      even = kept_.lane(0, l) + kept_.begin(r) + first;
      odd = kept_.lane(1, l) + kept_.begin(r) + first;
    }
    multiply_lane(step, east_.lane(l) + east, even, odd, &sums_.value[sum], &sums_.overflow[sum],
                  simd_);
  }

  void count_operands(std::int64_t r, const Columns& columns, const std::uint32_t* meets,
                      OperandCounts& counts) {
    for (std::int64_t c = columns.begin; c < columns.end; ++c) {
      if (meets[c - columns.begin] == 0) continue;
      const std::size_t east = east_.begin(r) + at(c);
      for (std::int64_t l = 0; l < east_.count[east]; ++l) {
        const T west = east_.lane(l)[east];
        const T north = shape_.outputs_stay
                            ? south_.lane(l)[south_.begin(r) + at(c)]
                            : kept_.lane(east_.fold[east] & 1, l)[kept_.begin(r) + at(c)];
        const std::size_t multiplier = at((r * shape_.cols + c) * shape_.lanes + l);
        const bool west_zero = west == T{}, north_zero = north == T{};
        counts[rules_.west.zeros] += west_zero ? 1 : 0;
        counts[rules_.north.zeros] += north_zero ? 1 : 0;
        counts[OperandCount::kZeroMacs] += west_zero || north_zero ? 1 : 0;
        counts[rules_.west.toggles] += toggle(west_codes_[multiplier], rules_.west(west));
        counts[rules_.north.toggles] += toggle(north_codes_[multiplier], rules_.north(north));
      }
    }
  }

  const EastRegisters<T>& east_;
  const SouthRegisters<T>& south_;
  const KeptRegisters<T>& kept_;
  SumRegisters<Sum>& sums_;
  const Simd simd_;
  PeShape shape_;
  PeRules rules_;
  std::vector<std::int64_t> words_;  // multiplied in this cycle, by their elements
  std::vector<std::uint32_t> west_codes_, north_codes_;  // last operands of each multiplier
};

}  // namespace bitjoule
