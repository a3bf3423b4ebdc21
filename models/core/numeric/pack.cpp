#include "core/numeric/pack.h"

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

BITJOULE_VECTORIZE void pack8(const std::uint16_t* codes, std::int64_t n, std::uint8_t* bytes) {
  for (std::int64_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(codes[i]);
}

BITJOULE_VECTORIZE void unpack8(const std::uint8_t* bytes, std::int64_t n, std::uint16_t* codes) {
  for (std::int64_t i = 0; i < n; ++i) codes[i] = bytes[i];
}

// A pair of codes seen as one 32-bit word keeps the loops free of strided accesses.
BITJOULE_VECTORIZE void pack4(const std::uint16_t* codes, std::int64_t pairs, std::uint8_t* bytes) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    std::uint32_t pair;
    std::memcpy(&pair, codes + 2 * i, sizeof pair);
    bytes[i] = static_cast<std::uint8_t>((pair & 15) | ((pair >> 12) & 0xf0));
  }
}

BITJOULE_VECTORIZE void unpack4(const std::uint8_t* bytes, std::int64_t pairs,
                                std::uint16_t* codes) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::uint32_t b = bytes[i];
    const std::uint32_t pair = (b & 15) | ((b & 0xf0) << 12);
    std::memcpy(codes + 2 * i, &pair, sizeof pair);
  }
}

// Eight codes of `bits` < 8 bits fill `bits` bytes. Four codes are one word, whose neighbours move
// together in two steps, instead of one after the other.
constexpr std::uint64_t repeated(std::uint64_t field, int distance) {
  std::uint64_t word = 0;
  for (int at = 0; at < 64; at += distance) word |= field << at;
  return word;
}

template <int Bits>
struct PackedFours {
  static constexpr std::uint64_t kCodes = repeated((1u << Bits) - 1, 16);
  static constexpr std::uint64_t kPairs = repeated((1u << 2 * Bits) - 1, 32);
  static constexpr std::uint64_t kFour = (std::uint64_t{1} << 4 * Bits) - 1;

  static BITJOULE_INLINE std::uint64_t packed(const std::uint16_t* codes) {
    std::uint64_t word;
    std::memcpy(&word, codes, sizeof word);
    word &= kCodes;
    word = (word | word >> (16 - Bits)) & kPairs;
    return (word | word >> (32 - 2 * Bits)) & kFour;
  }
  static BITJOULE_INLINE void unpack(std::uint64_t word, std::uint16_t* codes) {
    word &= kFour;
    word = (word | word << (32 - 2 * Bits)) & kPairs;
    word = (word | word << (16 - Bits)) & kCodes;
    std::memcpy(codes, &word, sizeof word);
  }
};

template <int Bits>
void pack_eights(const std::uint16_t* codes, std::int64_t eights, std::uint8_t* bytes) {
  using Fours = PackedFours<Bits>;
  for (std::int64_t i = 0; i < eights; ++i, codes += 8, bytes += Bits) {
    const std::uint64_t word = Fours::packed(codes) | Fours::packed(codes + 4) << 4 * Bits;
    std::memcpy(bytes, &word, Bits);
  }
}

template <int Bits>
void unpack_eights(const std::uint8_t* bytes, std::int64_t eights, std::uint16_t* codes) {
  using Fours = PackedFours<Bits>;
  for (std::int64_t i = 0; i < eights; ++i, codes += 8, bytes += Bits) {
    std::uint64_t word = 0;
    // A whole word is one load; bits of the codes behind are masked out.
    if ((eights - i) * Bits >= 8)
      std::memcpy(&word, bytes, sizeof word);
    else
      std::memcpy(&word, bytes, Bits);
    Fours::unpack(word, codes);
    Fours::unpack(word >> 4 * Bits, codes + 4);
  }
}

// By the number of bits; 4, 8 and 16 have loops of their own.
constexpr decltype(&pack_eights<1>) kPackEights[] = {nullptr,        pack_eights<1>, pack_eights<2>,
                                                     pack_eights<3>, nullptr,        pack_eights<5>,
                                                     pack_eights<6>, pack_eights<7>};
constexpr decltype(&unpack_eights<1>) kUnpackEights[] = {
    nullptr, unpack_eights<1>, unpack_eights<2>, unpack_eights<3>,
    nullptr, unpack_eights<5>, unpack_eights<6>, unpack_eights<7>};

// Elements that the loops above leave over, `done` being a multiple of 8.
std::int64_t whole_eights(std::int64_t n) { return n / 8 * 8; }

}  // namespace

std::uint32_t get_bits(const std::uint8_t* bytes, std::int64_t position, int bits) {
  std::uint64_t word = 0;
  const std::int64_t first = position / 8;
  const int offset = static_cast<int>(position % 8);
  for (int b = 0; 8 * b < offset + bits; ++b) word |= std::uint64_t{bytes[first + b]} << (8 * b);
  return static_cast<std::uint32_t>((word >> offset) & ((std::uint64_t{1} << bits) - 1));
}

void put_bits(std::uint8_t* bytes, std::int64_t position, int bits, std::uint32_t value) {
  const std::int64_t first = position / 8;
  const int offset = static_cast<int>(position % 8);
  const std::uint64_t mask = ((std::uint64_t{1} << bits) - 1) << offset;
  const std::uint64_t word = (std::uint64_t{value} << offset) & mask;
  for (int b = 0; 8 * b < offset + bits; ++b) {
    bytes[first + b] =
        static_cast<std::uint8_t>((bytes[first + b] & ~(mask >> (8 * b))) | (word >> (8 * b)));
  }
}

void pack_codes(const std::uint16_t* codes, std::int64_t n, int bits, std::uint8_t* bytes) {
  if (bits == 16) {
    if (n > 0) std::memcpy(bytes, codes, static_cast<std::size_t>(2 * n));
    return;
  }
  const std::int64_t done = whole_eights(n);
  if (bits == 8) {
    pack8(codes, done, bytes);
  } else if (bits == 4) {
    pack4(codes, done / 2, bytes);
  } else {
    kPackEights[bits](codes, done / 8, bytes);
  }
  for (std::int64_t b = done * bits / 8; 8 * b < n * bits; ++b) bytes[b] = 0;
  for (std::int64_t i = done; i < n; ++i) put_bits(bytes, i * bits, bits, codes[i]);
}

void unpack_codes(const std::uint8_t* bytes, int bits, std::int64_t first, std::int64_t n,
                  std::uint16_t* codes) {
  std::int64_t done = 0;
  if (first * bits % 8 == 0) {
    const std::uint8_t* start = bytes + first * bits / 8;
    done = whole_eights(n);
    if (bits == 16) {
      if (done > 0) std::memcpy(codes, start, static_cast<std::size_t>(2 * done));
    } else if (bits == 8) {
      unpack8(start, done, codes);
    } else if (bits == 4) {
      unpack4(start, done / 2, codes);
    } else {
      kUnpackEights[bits](start, done / 8, codes);
    }
  }
  for (std::int64_t i = done; i < n; ++i) {
    codes[i] = static_cast<std::uint16_t>(get_bits(bytes, (first + i) * bits, bits));
  }
}

}  // namespace bitjoule
