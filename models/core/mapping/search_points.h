// Single tilings that a search tries beside its boxes: all over the space, and around a good one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "core/few.h"
#include "core/mapping/bounds.h"

namespace bitjoule {

/// Always the same: most searches need few, which are made once.
class RandomNumbers {
 public:
  std::uint32_t next() {
    if (used_ < first().size()) return first()[used_++];
    if (!more_) (more_ = std::mt19937(kSeed))->discard(used_);
    return static_cast<std::uint32_t>((*more_)());
  }

 private:
  static constexpr std::uint32_t kSeed = 1;
  using First = std::array<std::uint32_t, 1024>;
  static const First& first();

  std::size_t used_ = 0;
  std::optional<std::mt19937> more_;
};

class SearchPoints {
 public:
  /// Both outlive it.
  SearchPoints(const MappingProblem& problem, const MappingSpace& space);

  /// One of all, sizes of every magnitude as often; the same ones in every search of a space.
  Box random();

  /// Entries of an axis around one: the next two, half and double, whole ones of the array, those
  /// that make as many tiles or a few more or less, and the first and the last.
  using Entries = Few<std::uint16_t, 15>;
  const Entries& beside(std::size_t axis, std::uint16_t from);

  /// With the least size along an axis that makes no more tiles.
  Box even(Box box, std::size_t axis) const;

  /// With the largest size along an axis, no larger than it is, all of whose tiles are equal.
  Box without_rest(Box box, std::size_t axis) const;

 private:
  std::uint16_t entry(std::size_t axis, std::int64_t size) const;
  std::int64_t below(std::int64_t end) { return random_.next() % static_cast<std::uint32_t>(end); }

  const MappingSpace& space_;
  std::array<std::int64_t, kAxes> totals_{}, whole_{};  // of the layer; that the array holds
  std::array<bool, kAxes> has_all_{};                   // sizes 1, 2, 3, ...
  std::array<std::vector<Entries>, kAxes> beside_;      // empty: not yet asked for
  RandomNumbers random_;
};

}  // namespace bitjoule
