// What the banks of a channel want sent next, as keys in arrays, and which of it goes first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/dram/device.h"
#include "core/dram/standard.h"
#include "core/simd.h"

namespace bitjoule {

/// A command that a bank wants sent for one of its bursts. `ready` is when the bank and the burst
/// allow it; what banks share (bus, bank group, rank) comes on top.
struct Bid {
  std::int64_t ready = 0;
  std::int64_t rank = 0;  ///< at equal times the smaller one goes first: BankBids::rank_of()
  std::int32_t entry = -1;
  std::int32_t bank = 0;
  DramCommand command = DramCommand::kAct;
  bool owner = false;  ///< of the bank's row
};

/// The bids of all banks for one queue: a bank bids for at most one column command and one row
/// command. Every command that can be bid for has an array with a lane per bank, the banks of a
/// group side by side and padded to whole vectors. All sizes are powers of two.
///
/// A decision is the least of packed keys, one per lane: clocks from now until the command could
/// start, then its rank: level, age, command and bank. Invariants: ranks differ; a lane without a
/// bid has the largest key, kNoKey; all keys and cycles are integers below 2^62, whose order is
/// that of the doubles with the same bits, for which processors have a minimum.
class BankBids {
 public:
  static constexpr std::array<DramCommand, 4> kCommands = {DramCommand::kRead, DramCommand::kWrite,
                                                           DramCommand::kAct, DramCommand::kPre};

  /// Of commands that could start in the same clock, those of a lower level go first, then those of
  /// the older burst: column commands of owners, others, the second half of an activate, the rest.
  static constexpr std::int64_t kOwner = 0, kColumn = 1, kSecondHalf = 2, kRow = 3;
  static constexpr std::int64_t kOrders = std::int64_t{1} << 33;  ///< ages are below
  static constexpr int kBankBits = 10;
  static constexpr std::int64_t kMostBanks = std::int64_t{1} << kBankBits;  ///< resolve_standard()
  static std::int64_t rank_of(std::int64_t level, std::int64_t order, DramCommand command,
                              std::int64_t bank) {
    const auto c = static_cast<std::int64_t>(position_of(command));
    return ((level * kOrders + order) << 2 | c) << kBankBits | bank;
  }

  BankBids(std::int64_t banks, std::int64_t banks_per_group);

  /// Adds a bid of its bank.
  void add(const Bid& bid) {
    const std::size_t c = position_of(bid.command), lane = lane_of(c, bid.bank);
    ready_[lane] = bid.ready;
    rank_[lane] = bid.rank;
    entry_[lane] = bid.entry;
    present_[at(bid.bank)] |= static_cast<std::uint8_t>(1U << c);
    if (count_[c]++ == 0) commands_ |= 1U << c;
  }
  /// Removes what `bank` bids for.
  void remove(std::int64_t bank) {
    if (present_[at(bank)] != 0) remove_all(bank);
  }
  bool has_row_commands() const { return (commands_ & kRowCommands) != 0; }

  /// When commands may start as far as bank and burst go: no earlier than `now`, than `bus` by
  /// position in kCommands, and than `device` says of what banks share.
  struct Gates {
    DramDevice::Beyond device;
    std::int64_t now;
    std::array<std::int64_t, kCommands.size()> bus;
    bool activates = true;  ///< false: ACT may not go at all
  };
  /// The key of the bid that goes first, or one from kFarKey on: none, or none near.
  std::int64_t first(const Gates& gates, Simd simd) const {
    return simd == Simd::kAvx2 ? first_avx2(gates) : first_portable(gates);
  }
  Bid bid_of(std::int64_t key) const {
    return bid_at(lane_of(at(key) >> kBankBits & 3U, key & (kMostBanks - 1)));
  }
  static constexpr std::int64_t key_of(std::int64_t clocks, std::int64_t rank) {
    return std::min(clocks, kFar) << kRankBits | rank;
  }
  static std::int64_t clocks_of(std::int64_t key) { return key >> kRankBits; }
  static constexpr int kRankBits = 47;
  static constexpr std::int64_t kFar = (std::int64_t{1} << 15) - 1;  ///< clocks: this many or more
  static constexpr std::int64_t kFarKey = kFar << kRankBits;
  static constexpr std::int64_t kNoKey = kFarKey | ((std::int64_t{1} << kRankBits) - 1);

  /// Calls take(bid) for each of `bank`, or for each.
  template <class Take>
  void for_each_of(std::int64_t bank, Take take) const {
    for (unsigned left = present_[at(bank)]; left != 0; left &= left - 1)
      take(bid_at(lane_of(static_cast<std::size_t>(__builtin_ctz(left)), bank)));
  }
  template <class Take>
  void for_each(Take take) const {
    for (std::size_t lane = 0; lane < ready_.size(); ++lane) {
      if (ready_[lane] != kNoBid) take(bid_at(lane));
    }
  }

 private:
  static constexpr unsigned kRowCommands = 0b1100;  // bits of positions in kCommands
  static std::size_t position_of(DramCommand command) {
    return command == DramCommand::kRead    ? 0
           : command == DramCommand::kWrite ? 1
           : command == DramCommand::kAct   ? 2
                                            : 3;
  }
  static constexpr std::int64_t kNoBid = std::int64_t{1} << 61;
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  std::size_t lane_of(std::size_t command, std::int64_t bank) const {
    return (command << log2_width_) + lane_[at(bank)];
  }
  Bid bid_at(std::size_t lane) const {
    const std::int64_t rank = rank_[lane];
    return {ready_[lane],
            rank,
            entry_[lane],
            static_cast<std::int32_t>(rank & (kMostBanks - 1)),
            kCommands[at(rank) >> kBankBits & 3U],
            false};
  }
  void remove_all(std::int64_t bank);
  unsigned commands(const Gates& gates) const {
    return gates.activates ? commands_ : commands_ & ~(1U << position_of(DramCommand::kAct));
  }
  std::int64_t key_at(std::size_t lane, std::int64_t gate, std::int64_t now) const {
    return key_of(std::max(ready_[lane], gate) - now, rank_[lane]);
  }
  std::int64_t first_portable(const Gates& gates) const;
  std::int64_t first_avx2(const Gates& gates) const;
  template <std::size_t Groups, std::size_t Vectors>
  std::int64_t first_vectors(const Gates& gates) const;

  std::size_t stride_, groups_, log2_width_;  // lanes of a group, groups, lanes of a command
  std::vector<std::uint32_t> lane_;           // by bank: its lane among those of a command
  std::array<std::int64_t, 4> count_{};       // of banks that bid, by command
  unsigned commands_ = 0;
  std::vector<std::uint8_t> present_;       // by bank
  std::vector<std::int64_t> ready_, rank_;  // by lane
  std::vector<std::int32_t> entry_;
};

}  // namespace bitjoule
