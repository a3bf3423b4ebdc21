// The boxes that a search has yet to open.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/objective.h"

namespace bitjoule {

struct SearchNode {
  MappingCost bound;
  Box box;
  std::int64_t number = 0;  ///< in the order of creation
  bool counted = false;     ///< a tiling that fits, whose bound has its exact traffic
};

/// In two steps: a search asks its tables some ten thousand times for the smallest layer.
inline std::size_t hash_of_entries(std::uint64_t before,
                                   const std::array<std::uint16_t, kAxes>& entries) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;
  std::uint64_t first = 0;
  std::uint32_t others = 0;
  constexpr std::size_t kFirst = 4;  // of the entries
  static_assert(kAxes == kFirst + 2);
  std::memcpy(&first, entries.data(), sizeof first);
  std::memcpy(&others, entries.data() + kFirst, sizeof others);
  std::uint64_t hash = (first ^ before) * kFactor;
  hash = (hash ^ hash >> 32U ^ others) * kFactor;
  return static_cast<std::size_t>(hash ^ hash >> 32U);
}

/// The place of a single tiling in the space, for tables.
struct PointKey {
  std::uint16_t scheme = 0;
  std::array<std::uint16_t, kAxes> sizes{};

  explicit PointKey(const Box& point) : scheme(point.scheme), sizes(point.lo) {}
  friend bool operator==(const PointKey& a, const PointKey& b) {
    return a.scheme == b.scheme && a.sizes == b.sizes;
  }
  struct Hash {
    std::size_t operator()(const PointKey& key) const {
      return hash_of_entries(key.scheme, key.sizes);
    }
  };
};

/// The same of a box.
struct BoxKey {
  std::uint16_t scheme = 0;
  std::array<std::uint16_t, kAxes> lo{}, hi{};

  explicit BoxKey(const Box& box) : scheme(box.scheme), lo(box.lo), hi(box.hi) {}
  friend bool operator==(const BoxKey& a, const BoxKey& b) {
    return a.scheme == b.scheme && a.lo == b.lo && a.hi == b.hi;
  }
  struct Hash {
    std::size_t operator()(const BoxKey& key) const {
      return hash_of_entries(hash_of_entries(key.scheme, key.lo), key.hi);
    }
  };
};

/// What is known of single tilings, or of boxes.
template <class T, class Key = PointKey>
class PointTable {
 public:
  PointTable() : slots_(kLeastSlots) {}

  /// Valid until another tiling is asked for. One that is new has a T{}.
  T& operator[](const Key& key) {
    std::size_t slot = slot_of(key);
    if (slots_[slot] == 0) {
      if (2 * (entries_.size() + 1) > slots_.size()) {
        grow();
        slot = slot_of(key);
      }
      entries_.emplace_back(key, T{});
      slots_[slot] = static_cast<std::uint32_t>(entries_.size());
    }
    return entries_[slots_[slot] - 1].second;
  }

 private:
  static constexpr std::size_t kLeastSlots = 1024;

  /// Where the key is, or would be.
  std::size_t slot_of(const Key& key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = typename Key::Hash()(key) & mask;
    while (slots_[slot] != 0 && !(entries_[slots_[slot] - 1].first == key))
      slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    slots_.assign(2 * slots_.size(), 0);
    for (std::size_t i = 0; i < entries_.size(); ++i)
      slots_[slot_of(entries_[i].first)] = static_cast<std::uint32_t>(i + 1);
  }

  std::vector<std::uint32_t> slots_;  // entries, numbered from 1; 0: none
  std::vector<std::pair<Key, T>> entries_;
};

/// The lowest bound first; of equal ones the newest, down to a single tiling.
class SearchBoxes {
 public:
  bool empty() const { return heap_.empty(); }
  void push(SearchNode node);
  const SearchNode& front() const { return heap_.front(); }
  SearchNode pop();

 private:
  std::vector<SearchNode> heap_;
  std::int64_t pushed_ = 0;
};

/// The halves of a box along the axis along which its sizes differ most.
std::array<Box, 2> halves(const MappingSpace& space, const Box& box);

/// All tilings of a scheme.
Box whole_box(const MappingSpace& space, std::size_t scheme);

}  // namespace bitjoule
