// The least of the keys, in each form, and against one bid compared with the next.
#include "core/dram/bids.h"

#include <doctest/doctest.h>

#include <random>

namespace bitjoule::test::bids_test {
namespace {

/// Cycles of groups, ranks and the channel that a device could have.
struct Shared {
  std::vector<std::int64_t> groups, ranks, channel;
  DramDevice::Beyond beyond(std::size_t groups_per_rank) const {
    return {groups.data(), ranks.data(), channel.data(), groups_per_rank};
  }
};

struct Case {
  std::int64_t ranks, groups, banks;  // of the next larger
};

}  // namespace

TEST_CASE("dram bids: portable and vector form find the bid that is first by time and then rank") {
  constexpr unsigned kSeed = 20241107;
  MESSAGE("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (const Case& c :
       {Case{1, 4, 4}, Case{1, 1, 8}, Case{2, 2, 4}, Case{4, 4, 1}, Case{1, 2, 2}}) {
    const std::int64_t groups = c.ranks * c.groups, banks = groups * c.banks;
    for (int round = 0; round < 300; ++round) {
      BankBids bids(banks, c.banks);
      const std::int64_t now = below(1'000'000);
      const auto cycles = [&](std::int64_t n) {
        std::vector<std::int64_t> v(static_cast<std::size_t>(n * kDramCommands));
        for (std::int64_t& cycle : v) cycle = now + below(12) - 4;
        return v;
      };
      const Shared shared{cycles(groups), cycles(c.ranks), cycles(1)};
      const BankBids::Gates gates{shared.beyond(static_cast<std::size_t>(c.groups)),
                                  now,
                                  {now + below(3), now, now + below(3), now},
                                  below(4) != 0};
      const std::int64_t spread = below(2) != 0 ? 12 : 100'000;  // clocks: also beyond what is near
      std::int64_t order = 0, best_cycle = 0;
      Bid best;
      for (std::int64_t bank = 0; bank < banks; ++bank) {
        for (std::size_t i = 0; i < 4; ++i) {
          if (below(3) != 0) continue;
          Bid bid;
          bid.bank = static_cast<std::int32_t>(bank);
          bid.command = BankBids::kCommands[i];
          bid.ready = now + below(spread);
          bid.entry = static_cast<std::int32_t>(order);
          bid.rank = BankBids::rank_of(is_column(bid.command) ? BankBids::kColumn : BankBids::kRow,
                                       BankBids::kOrders - 1 - order++, bid.command, bank);
          bids.add(bid);
          if (bid.command == DramCommand::kAct && !gates.activates) continue;
          const auto at = [&](const std::vector<std::int64_t>& v, std::int64_t node) {
            return v[static_cast<std::size_t>(node * kDramCommands) + index_of(bid.command)];
          };
          const std::int64_t cycle =
              std::max({bid.ready, gates.bus[i], at(shared.groups, bank / c.banks),
                        at(shared.ranks, bank / (c.banks * c.groups)), at(shared.channel, 0)});
          const bool first =
              best.entry < 0 || cycle < best_cycle || (cycle == best_cycle && bid.rank < best.rank);
          if (!first) continue;
          best = bid;
          best_cycle = cycle;
        }
      }
      const std::int64_t key = bids.first(gates, Simd::kPortable);
      CHECK(bids.first(gates, best_simd()) == key);
      if (best.entry < 0) {
        CHECK(key == BankBids::kNoKey);
      } else if (best_cycle - now >= BankBids::kFar) {
        CHECK(key >= BankBids::kFarKey);
        CHECK(key < BankBids::kNoKey);
      } else {
        CHECK(now + BankBids::clocks_of(key) == best_cycle);
        CHECK(bids.bid_of(key).entry == best.entry);
        CHECK(bids.bid_of(key).bank == best.bank);
        CHECK(bids.bid_of(key).command == best.command);
      }
      for (std::int64_t bank = 0; bank < banks; ++bank) bids.remove(bank);
      CHECK(bids.first(gates, best_simd()) == BankBids::kNoKey);
    }
  }
}

}  // namespace bitjoule::test::bids_test
