// From byte addresses to channel, bank, row and column.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/dram/config.h"

namespace bitjoule {

struct DramAddress {
  std::int64_t channel = 0;
  std::int64_t bank =
      0;  ///< within the channel: (rank * bank groups + group) * banks per group + bank
  std::int64_t row = 0;
  std::int64_t column = 0;  ///< in bursts
};

/// Slices of address bits. Throws an input Error naming the entry of `mapping` if an entry is
/// unknown, or if the entries together do not take every bit of every field exactly once.
class AddressMap {
 public:
  AddressMap(const DramOrganization& organization, const std::vector<std::string>& mapping);

  DramAddress decode(std::int64_t address) const {
    std::array<std::int64_t, kFields> value{};
    for (const Slice& s : slices_) {
      value[s.field] |= ((address >> s.from) & s.mask) << s.to;
    }
    return {value[0], value[1], value[2], value[3]};
  }

 private:
  // Members of DramAddress; rank, group and bank are slices of the second.
  static constexpr std::size_t kFields = 4;
  struct Slice {
    std::size_t field;
    int from, to;
    std::int64_t mask;
  };
  std::vector<Slice> slices_;
};

/// Decodes runs of neighbouring addresses fast: a table for the lowest bits, and the rest decoded
/// only when it changes. The column stays out.
class AddressDecoder {
 public:
  AddressDecoder(const AddressMap& map, std::int64_t burst_bytes);

  [[gnu::always_inline]] DramAddress decode(std::int64_t address) {
    const std::int64_t block = address >> shift_ >> kLowBits;
    if (block != block_) {
      block_ = block;
      high_ = map_.decode(block << kLowBits << shift_);
    }
    const DramAddress& low = low_[static_cast<std::size_t>((address >> shift_) & (kLow - 1))];
    return {high_.channel | low.channel, high_.bank | low.bank, high_.row | low.row, 0};
  }

  /// Whether neighbouring bursts go to so many channels in turn, otherwise to the same place.
  bool takes_turns(std::int64_t channels) const;

 private:
  static constexpr int kLowBits = 6;
  static constexpr std::int64_t kLow = std::int64_t{1} << kLowBits;
  const AddressMap& map_;
  int shift_ = 0;
  std::int64_t block_ = -1;
  DramAddress high_;
  std::array<DramAddress, kLow> low_;
};

/// Bytes that one column command moves.
std::int64_t burst_bytes(const DramOrganization& organization);

}  // namespace bitjoule
