// Codes of 1..16 bits packed from the least significant bit of each byte upwards.
#pragma once

#include <cstdint>

namespace bitjoule {

/// Writes ceil(n * bits / 8) bytes; unused bits of the last byte are zero. Only the low `bits` of a
/// code count.
void pack_codes(const std::uint16_t* codes, std::int64_t n, int bits, std::uint8_t* bytes);

/// Reads elements first..first + n - 1, zero-extended.
void unpack_codes(const std::uint8_t* bytes, int bits, std::int64_t first, std::int64_t n,
                  std::uint16_t* codes);

/// One field of 1..32 bits at bit `position`.
std::uint32_t get_bits(const std::uint8_t* bytes, std::int64_t position, int bits);
void put_bits(std::uint8_t* bytes, std::int64_t position, int bits, std::uint32_t value);

}  // namespace bitjoule
