// The least of a stretch's keys, in each form, and against one bid compared with the next.
#include "core/dram/stretch_bids.h"

#include <doctest/doctest.h>

#include <random>
#include <tuple>
#include <vector>

namespace bitjoule::test::stretch_bids_test {
namespace {

struct Shape {
  std::int64_t groups, banks;  // of a group
};

struct OneBid {
  std::int64_t bank = 0, ready = 0, level = 0, order = 0;
  StretchBids::Kind kind = StretchBids::kColumn;
};

/// When commands of each kind may go: in general, and to each group.
struct Gates {
  std::int64_t all[StretchBids::kKinds];
  std::vector<std::int64_t> groups[StretchBids::kKinds];
};

}  // namespace

TEST_CASE(
    "dram stretch: portable and vector form find the bid that is first by time and then rank") {
  constexpr unsigned kSeed = 20261130;
  MESSAGE("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (const Shape& shape :
       {Shape{4, 4}, Shape{1, 8}, Shape{2, 4}, Shape{8, 4}, Shape{1, 2}, Shape{8, 8}}) {
    const std::int64_t banks = shape.groups * shape.banks;
    for (int round = 0; round < 300; ++round) {
      StretchBids bids(banks, shape.banks);
      const std::int64_t base = below(1'000'000), bus = base + below(20);
      bids.begin(base, below(2) == 0 ? DramCommand::kRead : DramCommand::kWrite);
      Gates gates;
      for (const auto k : {StretchBids::kColumn, StretchBids::kActivate, StretchBids::kPrecharge}) {
        gates.all[k] = base + below(30) - 5;
        for (std::int64_t g = 0; g < shape.groups; ++g) {
          gates.groups[k].push_back(base + below(30) - 5);
          bids.set_gates(k, g * shape.banks, gates.groups[k].back(), gates.all[k]);
        }
      }
      std::vector<OneBid> all;
      for (std::int64_t bank = 0; bank < banks; ++bank) {
        for (const auto k :
             {StretchBids::kColumn, StretchBids::kActivate, StretchBids::kPrecharge}) {
          const OneBid bid{bank, base + below(40) - 10, k == StretchBids::kColumn ? below(2) : 3,
                           1000 - static_cast<std::int64_t>(all.size()), k};
          bids.set(k, bank, bid.ready, bid.level, bid.order);
          if (below(3) == 0) {
            all.push_back(bid);
          } else {
            bids.clear(k, bank);
          }
        }
      }
      const bool activates = below(3) != 0;
      const OneBid* best = nullptr;
      std::int64_t best_cycle = 0;
      for (const OneBid& bid : all) {
        if (bid.kind == StretchBids::kActivate && !activates) continue;
        const auto group = static_cast<std::size_t>(bid.bank / shape.banks);
        const std::int64_t cycle =
            std::max({bid.ready, bus, gates.all[bid.kind], gates.groups[bid.kind][group]});
        if (best != nullptr &&
            std::tie(best_cycle, best->level, best->order) < std::tie(cycle, bid.level, bid.order))
          continue;
        best = &bid;
        best_cycle = cycle;
      }
      const std::int64_t key = bids.first(bus, activates, Simd::kPortable);
      CHECK(bids.first(bus, activates, best_simd()) == key);
      std::int64_t least = BankBids::kNoKey;
      for (std::int64_t bank = 0; bank < banks; ++bank)
        least = std::min(least, bids.first_of(bank, bus, activates));
      CHECK(least == key);
      if (best == nullptr) {
        CHECK(key == BankBids::kNoKey);
        continue;
      }
      CHECK(bids.cycle_of(key) == best_cycle);
      CHECK(StretchBids::bank_of(key) == best->bank);
      CHECK((key < bids.second_half(best_cycle)) == (best->level < BankBids::kSecondHalf));
    }
  }
}

}  // namespace bitjoule::test::stretch_bids_test
