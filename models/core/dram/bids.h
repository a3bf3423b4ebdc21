// What the banks of a channel want sent next, as keys in arrays, and which of it goes first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/dram/device.h"
#include "core/dram/standard.h"
#include "core/simd.h"

namespace bitjoule {

/// The bids of all banks of a rank for both queues: for each queue a bank bids for at most one
/// column command and one row command. Every kind of bid has an array with a lane per bank. Lanes
/// go through the bank groups in turn, so that one vector of what groups allow serves all vectors
/// of lanes. All sizes are powers of two.
///
/// A decision is the least of packed keys: clocks from base() until the command could start, then
/// its rank: level, age, command and bank. Invariants: ranks differ; a lane's key is its bid's own,
/// the later of bank's and burst's cycle with the rank below it, or kNoKey. Of a bid that is held
/// back by what banks share, that cycle and the bid's rank make the key: max(key, gate) | rank in
/// both cases. All keys and cycles are integers below 2^62, whose order is that of the doubles with
/// the same bits, for which processors have a minimum.
class BankBids {
 public:
  static constexpr std::size_t kMostBanks = 64;
  static constexpr std::array<DramCommand, 4> kCommands = {DramCommand::kRead, DramCommand::kWrite,
                                                           DramCommand::kAct, DramCommand::kPre};
  /// RD and WR, then ACT for a burst of queue 0 and of queue 1, PRE for one of them.
  enum Kind : std::size_t { kReads, kWrites, kActivates, kPrecharges = 4, kKinds = 6 };
  static constexpr DramCommand command_of(std::size_t kind) {
    return kCommands[kind < 2 ? kind : kind / 2 + 1];
  }
  /// Kinds as bits.
  static constexpr unsigned bit_of(std::size_t kind) { return 1U << kind; }
  static constexpr unsigned kAllActivates = 0b1100;
  /// All of a queue. With two queues, reads wait in the first, writes in the other; else all in the
  /// first.
  static constexpr unsigned kinds_of(std::size_t queue, bool unified) {
    const unsigned rows = (bit_of(kActivates) | bit_of(kPrecharges)) << queue;
    return rows | (unified ? bit_of(kReads) | bit_of(kWrites) : bit_of(queue));
  }

  /// Of commands that could start in the same clock, those of a lower level go first, then those of
  /// the older burst: column commands of owners, others, the second half of an activate, the rest.
  static constexpr std::int64_t kOwner = 0, kColumn = 1, kSecondHalf = 2, kRow = 3;
  static constexpr int kBankBits = 10, kOrderBits = 33;
  static constexpr std::int64_t kOrders = std::int64_t{1} << kOrderBits;  ///< ages are below
  static constexpr std::int64_t rank_of(std::int64_t level, std::int64_t order, DramCommand command,
                                        std::int64_t bank) {
    const std::int64_t c = command == DramCommand::kRead    ? 0
                           : command == DramCommand::kWrite ? 1
                           : command == DramCommand::kAct   ? 2
                                                            : 3;
    return ((level << kOrderBits | order) << 2 | c) << kBankBits | bank;
  }
  static constexpr int kRankBits = kOrderBits + 2 + 2 + kBankBits;
  static constexpr std::int64_t kFar = (std::int64_t{1} << 15) - 1;  ///< clocks: this many or more
  static constexpr std::int64_t kFarKey = kFar << kRankBits;
  static constexpr std::int64_t kNoRank = (std::int64_t{1} << kRankBits) - 1;
  static constexpr std::int64_t kNoKey = kFarKey | kNoRank;

  /// Of a device of one rank that has no more than kMostBanks.
  BankBids(const DramDevice& device, std::int64_t banks, std::int64_t banks_per_group);

  /// Cycles count from here: no bid stands then. None from kFar on can be told from later ones.
  void begin(std::int64_t base);
  std::int64_t base() const { return base_; }

  /// The bid of `bank`, which may have had another of this kind.
  void set(std::size_t kind, std::int64_t bank, std::int64_t ready, std::int64_t rank) {
    const std::size_t lane = lane_of(kind, bank);
    banks_[kind] |= std::uint64_t{1} << bank;
    rank_[lane] = rank;
    key_[lane] = gate(ready) | rank;
  }
  /// Which may have had none.
  void clear(std::size_t kind, std::int64_t bank) {
    if ((banks_[kind] >> bank & 1) == 0) return;
    const std::size_t lane = lane_of(kind, bank);
    banks_[kind] &= ~(std::uint64_t{1} << bank);
    rank_[lane] = kNoRank;
    key_[lane] = kNoKey;
  }
  /// Banks with a bid of this kind, as bits.
  std::uint64_t banks(std::size_t kind) const { return banks_[kind]; }

  /// When commands may start as far as bank and burst go: no earlier than `cycles` of the device
  /// has it for what banks share, and than the bus is free for column commands, for ACT and for
  /// PRE; none of this is before base().
  struct Gates {
    const std::int64_t* cycles;
    std::array<std::int64_t, 3> bus;
  };
  /// Of these kinds the key of the bid that goes first, or one from kFarKey on: none, or none near.
  std::int64_t first(const Gates& gates, unsigned kinds, Simd simd) const {
    return simd == Simd::kAvx2 ? first_avx2_(*this, gates, kinds) : first_portable(gates, kinds);
  }
  /// The key of one bid.
  std::int64_t key_of(const Gates& gates, std::size_t kind, std::int64_t bank) const {
    const std::size_t lane = lane_of(kind, bank);
    return std::max(key_[lane], gate_of(gates, kind, lane_[static_cast<std::size_t>(bank)])) |
           rank_[lane];
  }
  /// The same of a command at `cycle`.
  std::int64_t key_at(std::int64_t cycle, std::int64_t rank) const { return gate(cycle) | rank; }

  std::int64_t cycle_of(std::int64_t key) const { return base_ + (key >> kRankBits); }
  static std::int64_t level_of(std::int64_t key) { return key >> (kRankBits - 2) & 3; }
  static std::int64_t bank_of(std::int64_t key) {
    return key & ((std::int64_t{1} << kBankBits) - 1);
  }
  static DramCommand command_of_key(std::int64_t key) {
    return kCommands[static_cast<std::size_t>(key) >> kBankBits & 3U];
  }

 private:
  std::size_t lane_of(std::size_t kind, std::int64_t bank) const {
    return (kind << log2_lanes_) + lane_[static_cast<std::size_t>(bank)];
  }
  std::int64_t gate(std::int64_t cycle) const {
    return std::clamp<std::int64_t>(cycle - base_, 0, kFar) << kRankBits;
  }
  /// Of what banks of a lane's group share.
  std::int64_t gate_of(const Gates& gates, std::size_t kind, std::size_t lane) const {
    return gate(std::max({gates.bus[kind / 2], gates.cycles[shared_[kind].rank],
                          gates.cycles[shared_[kind].groups + (lane & (groups_ - 1))]}));
  }
  std::int64_t first_portable(const Gates& gates, unsigned kinds) const;
  template <std::size_t Groups, std::size_t Lanes>
  static std::int64_t first_vectors(const BankBids& bids, const Gates& gates, unsigned kinds);
  using First = std::int64_t (*)(const BankBids& bids, const Gates& gates, unsigned kinds);
  static First first_vectors_of(std::size_t groups, std::size_t lanes);

  using Lanes = std::array<std::int64_t, kKinds * kMostBanks>;  // by kind, so many of each as used
  alignas(64) Lanes key_{}, rank_{};
  std::array<std::uint64_t, kKinds> banks_{};  // that bid, as bits
  std::array<DramDevice::Shared, kKinds> shared_{};
  First first_avx2_;
  std::int64_t base_ = 0;
  std::size_t groups_, log2_lanes_ = 2;          // lanes of a kind: at least 4
  std::array<std::uint8_t, kMostBanks> lane_{};  // by bank
};

}  // namespace bitjoule
