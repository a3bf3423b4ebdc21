// What the banks of a stretch want sent next, and which of it goes first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/dram/bids.h"
#include "core/simd.h"

namespace bitjoule {

/// The keys of BankBids, for one rank, one kind of column command and few clocks: cycles count from
/// base() and stand in the keys already, so that a decision is two maxima and a minimum per lane.
///
/// Invariants: a lane's key is its bid's own, the larger of bank's and burst's cycle with the rank
/// below it, or kNoKey; a gate is a key with rank 0. Of a bid that a gate holds back, the gate's
/// cycle and the bid's rank make the key: max(key, gate) | rank in both cases. Lanes go through the
/// groups in turn, so that one vector of gates, one for each group, serves all vectors of lanes.
class StretchBids {
 public:
  enum Kind : std::size_t { kColumn, kActivate, kPrecharge, kKinds };
  static constexpr std::size_t kMostBanks = 64;

  StretchBids(std::int64_t banks, std::int64_t banks_per_group);

  /// Empty. No cycle from `base` + BankBids::kFar on can be told from later ones.
  void begin(std::int64_t base, DramCommand column);

  /// Of a burst of `order`.
  void set(Kind kind, std::int64_t bank, std::int64_t ready, std::int64_t level,
           std::int64_t order) {
    const std::size_t lane = kind * kMostBanks + lane_[at(bank)];
    const std::int64_t rank = level << 45 | order << 12 | low_[kind] | bank;
    bidding_[kind] |= std::uint64_t{1} << bank;
    rank_[lane] = rank;
    key_[lane] = gate(ready) | rank;
  }
  void clear(Kind kind, std::int64_t bank) {
    const std::size_t lane = kind * kMostBanks + lane_[at(bank)];
    bidding_[kind] &= ~(std::uint64_t{1} << bank);
    rank_[lane] = kNoRank;
    key_[lane] = BankBids::kNoKey;
  }
  /// Commands of this kind go no earlier than at `all`, and to banks of the group of `bank` no
  /// earlier than at `group`.
  void set_gates(Kind kind, std::int64_t bank, std::int64_t group, std::int64_t all) {
    shared_[kind] = gate(all);
    for (std::size_t g = lane_[at(bank)] & group_mask_; g < gates_; g += groups_)
      gate_[kind * kMostBanks + g] = gate(group);
  }

  bool has_no_row_bids() const { return (bidding_[kActivate] | bidding_[kPrecharge]) == 0; }
  /// The key of the bid that goes first, the bus being free from `bus` on; kNoKey: there is none.
  std::int64_t first(std::int64_t bus, bool activates, Simd simd) const {
    return simd == Simd::kAvx2 ? first_avx2(gate(bus), activates)
                               : first_portable(gate(bus), activates);
  }
  /// The same among the bids of one bank.
  std::int64_t first_of(std::int64_t bank, std::int64_t bus, bool activates) const;
  /// A key that at the same cycle goes behind all column commands, and before all others.
  std::int64_t second_half(std::int64_t bus) const {
    return gate(bus) | BankBids::kSecondHalf << 45;
  }
  std::int64_t cycle_of(std::int64_t key) const { return base_ + BankBids::clocks_of(key); }
  static std::int64_t bank_of(std::int64_t key) { return key & (BankBids::kMostBanks - 1); }
  DramCommand command_of(Kind kind) const { return commands_[kind]; }

 private:
  static constexpr std::int64_t kNoRank = BankBids::kNoKey - BankBids::kFarKey;
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  std::int64_t gate(std::int64_t cycle) const {
    return std::clamp<std::int64_t>(cycle - base_, 0, BankBids::kFar) << BankBids::kRankBits;
  }
  std::int64_t first_portable(std::int64_t bus, bool activates) const;
  std::int64_t first_avx2(std::int64_t bus, bool activates) const;
  template <std::size_t Gates, std::size_t Lanes>
  std::int64_t first_vectors(std::int64_t bus, bool activates) const;

  using Lanes = std::array<std::int64_t, kKinds * kMostBanks>;  // by kind
  alignas(64) Lanes key_{}, rank_{};
  alignas(64) Lanes gate_{};                     // by kind and group, over and over up to gates_
  std::array<std::int64_t, kKinds> shared_{};    // gates of rank and channel
  std::array<std::uint64_t, kKinds> bidding_{};  // banks, as bits
  std::array<std::int64_t, kKinds> low_{};       // command in a rank
  std::array<DramCommand, kKinds> commands_{DramCommand::kRead, DramCommand::kAct,
                                            DramCommand::kPre};
  std::int64_t base_ = 0;
  std::size_t groups_, group_mask_, gates_, lanes_;  // gates_: groups_, but at least 4
  std::array<std::uint8_t, kMostBanks> lane_{};      // by bank
};

}  // namespace bitjoule
