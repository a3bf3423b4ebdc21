// What the tiles of one stream depend on: tilings that have it in common move the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/mapping/reuse.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// The sizes that some figures depend on, and one thing besides; 0 where they do not.
struct SizesKey : std::array<std::int64_t, 7> {
  struct Hash {
    std::size_t operator()(const SizesKey& key) const {
      std::uint64_t hash = 0;
      for (const std::int64_t size : key)
        hash = (hash ^ static_cast<std::uint64_t>(size)) * 0x9E3779B97F4A7C15U;
      return static_cast<std::size_t>(hash ^ hash >> 32U);
    }
  };
};

/// Whatever the order of the loops. Where a tensor begins is left out: with a burst.
SizesKey stream_key(const Tiling& tiling, Stream stream);

}  // namespace bitjoule
