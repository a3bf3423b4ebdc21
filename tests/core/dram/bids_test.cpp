// The least of the keys, in each form, and against one bid compared with the next.
#include "core/dram/bids.h"

#include <doctest/doctest.h>

#include <random>
#include <tuple>
#include <vector>

#include "support/dram_configs.h"

namespace bitjoule::test::bids_test {
namespace {

struct Shape {
  std::int64_t groups, banks;  // of a group
  std::int64_t all() const { return groups * banks; }
};

DramStandard standard_of(const Shape& shape) {
  DramStandard s = resolve_standard(small_dram());
  s.organization.bank_groups = shape.groups;
  s.organization.banks_per_group = shape.banks;
  s.banks = s.banks_per_rank = shape.all();
  return s;
}

struct OneBid {
  std::size_t kind = 0;
  std::int64_t bank = 0, ready = 0, level = 0, order = 0;
};

}  // namespace

TEST_CASE("dram bids: portable and vector form find the bid that is first by time and then rank") {
  constexpr unsigned kSeed = 20241107;
  MESSAGE("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (const Shape& shape : {Shape{4, 4}, Shape{1, 8}, Shape{2, 4}, Shape{8, 4}, Shape{1, 2},
                             Shape{2, 1}, Shape{1, 16}, Shape{8, 8}}) {
    const DramStandard standard = standard_of(shape);
    for (int round = 0; round < 300; ++round) {
      DramDevice device(standard);
      const std::int64_t base = 100 + below(1'000'000);
      for (std::int64_t i = below(6); i > 0; --i)
        device.issue(BankBids::kCommands[static_cast<std::size_t>(below(4))], below(shape.all()), 0,
                     base + below(30) - 20);
      BankBids bids(device, shape.all(), shape.banks);
      bids.begin(base);
      const std::int64_t row = base + below(9), column = base + below(9);
      const BankBids::Gates gates{device.cycles(), {column, row, row}};
      const auto kinds = static_cast<unsigned>(below(64));
      const std::int64_t spread = below(2) != 0 ? 30 : 100'000;  // clocks: also beyond what is near
      std::vector<OneBid> all;
      for (std::int64_t bank = 0; bank < shape.all(); ++bank) {
        for (std::size_t k = 0; k < BankBids::kKinds; ++k) {
          const DramCommand command = BankBids::command_of(k);
          const OneBid bid{k, bank, base + below(spread) - 10,
                           is_column(command) ? below(2) : BankBids::kRow,
                           BankBids::kOrders - 1 - static_cast<std::int64_t>(all.size())};
          if (below(3) == 0) continue;
          bids.set(k, bank, bid.ready, BankBids::rank_of(bid.level, bid.order, command, bank));
          if (below(2) == 0) {
            all.push_back(bid);
          } else {
            bids.clear(k, bank);
            bids.clear(k, bank);  // which has none now
          }
        }
      }
      const OneBid* best = nullptr;
      std::int64_t best_cycle = 0, least = BankBids::kNoKey;
      for (const OneBid& bid : all) {
        CHECK((bids.banks(bid.kind) >> bid.bank & 1) == 1);
        if ((kinds & BankBids::bit_of(bid.kind)) == 0) continue;
        const DramCommand command = BankBids::command_of(bid.kind);
        const std::int64_t cycle = std::max({bid.ready, is_column(command) ? column : row,
                                             device.earliest_beyond(command, bid.bank)});
        least = std::min(least, bids.key_of(gates, bid.kind, bid.bank));
        if (best != nullptr &&
            std::tie(best_cycle, best->level, best->order) < std::tie(cycle, bid.level, bid.order))
          continue;
        best = &bid;
        best_cycle = cycle;
      }
      const std::int64_t key = bids.first(gates, kinds, Simd::kPortable);
      CHECK(bids.first(gates, kinds, best_simd()) == key);
      CHECK(least == key);
      if (best == nullptr) {
        CHECK(key == BankBids::kNoKey);
      } else if (best_cycle - base >= BankBids::kFar) {
        CHECK(key >= BankBids::kFarKey);
        CHECK(key < BankBids::kNoKey);
      } else {
        CHECK(bids.cycle_of(key) == best_cycle);
        CHECK(BankBids::level_of(key) == best->level);
        CHECK(BankBids::bank_of(key) == best->bank);
        CHECK(BankBids::command_of_key(key) == BankBids::command_of(best->kind));
        const std::int64_t half = bids.key_at(
            best_cycle, BankBids::rank_of(BankBids::kSecondHalf, 0, DramCommand::kAct, 0));
        CHECK((key < half) == (best->level < BankBids::kSecondHalf));
      }
    }
  }
}

}  // namespace bitjoule::test::bids_test
