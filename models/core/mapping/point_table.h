// Tables of what is known of boxes of tilings, and of single ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "core/mapping/space.h"

namespace bitjoule {

/// Every tiling of one scheme whose sizes are entries lo..hi (both included) of the space's lists.
struct Box {
  std::uint16_t scheme = 0;
  std::array<std::uint16_t, kAxes> lo{}, hi{};
  bool is_point() const { return lo == hi; }
};

/// A key of entries in whole words: a search asks its tables some thousand times for the smallest
/// layer.
template <std::size_t Words>
struct EntriesKey {
  std::array<std::uint64_t, Words> words{};

  friend bool operator==(const EntriesKey& a, const EntriesKey& b) {
    std::uint64_t differ = 0;
    for (std::size_t i = 0; i < Words; ++i) differ |= a.words[i] ^ b.words[i];
    return differ == 0;
  }
  struct Hash {
    std::size_t operator()(const EntriesKey& key) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t word : key.words) {
        hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 32U;
      }
      return static_cast<std::size_t>(hash);
    }
  };

 protected:
  static constexpr std::size_t kFirst = 4;  // of a box's entries; others follow beside the scheme
  static_assert(kAxes == kFirst + 2);
  static std::uint64_t first(const std::array<std::uint16_t, kAxes>& entries) {
    std::uint64_t word = 0;
    std::memcpy(&word, entries.data(), sizeof word);
    return word;
  }
  static std::uint64_t others(const std::array<std::uint16_t, kAxes>& entries) {
    std::uint32_t word = 0;
    std::memcpy(&word, entries.data() + kFirst, sizeof word);
    return word;
  }
};

/// The place of a single tiling in the space, for tables.
struct PointKey : EntriesKey<2> {
  explicit PointKey(const Box& point)
      : EntriesKey{{first(point.lo), others(point.lo) | std::uint64_t{point.scheme} << 32U}} {}
};

/// The same of a box.
struct BoxKey : EntriesKey<4> {
  explicit BoxKey(const Box& box)
      : EntriesKey{{first(box.lo), others(box.lo) | std::uint64_t{box.scheme} << 32U, first(box.hi),
                    others(box.hi)}} {}
};

/// What is known of single tilings, of boxes, or of something else that has a key.
template <class T, class Key = PointKey, std::size_t LeastSlots = 256>
class PointTable {
 public:
  PointTable() : slots_(LeastSlots) { entries_.reserve(LeastSlots / 2); }

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

}  // namespace bitjoule
