// When refreshes fall due: at whole multiples of the interval, never postponed, the ranks evenly
// staggered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/dram/standard.h"

namespace bitjoule {

class RefreshTimer {
 public:
  RefreshTimer(const DramStandard& standard, RefreshPolicy policy)
      : interval_(policy == RefreshPolicy::kNone ? 0 : standard.refresh_interval),
        per_bank_(policy == RefreshPolicy::kPerBank),
        banks_per_rank_(standard.banks_per_rank),
        sets_(standard.banks_per_rank / standard.banks_per_refresh),
        ranks_(static_cast<std::size_t>(standard.organization.ranks)) {
    const std::int64_t ranks = standard.organization.ranks;
    for (std::int64_t r = 0; r < ranks; ++r) {
      ranks_[static_cast<std::size_t>(r)].due = interval_ == 0
                                                    ? std::numeric_limits<std::int64_t>::max()
                                                    : interval_ + r * interval_ / ranks;
    }
    find_soonest();
  }

  bool per_bank() const { return per_bank_; }
  std::int64_t interval() const { return interval_; }
  std::int64_t due(std::int64_t rank) const { return at(rank).due; }
  /// The smallest due of all ranks.
  std::int64_t soonest() const { return soonest_; }
  /// Per-bank refresh: the next set of banks is { first + i * stride }.
  std::int64_t first_bank(std::int64_t rank) const { return rank * banks_per_rank_ + at(rank).set; }
  std::int64_t stride() const { return sets_; }

  /// Whether commands to `bank` of `rank` must wait at `cycle` for a refresh that is due.
  bool blocks(std::int64_t rank, std::int64_t bank, std::int64_t cycle) const {
    return cycle >= at(rank).due && includes(rank, bank);
  }
  /// Whether the next refresh of `rank` takes its bank `bank`.
  bool includes(std::int64_t rank, std::int64_t bank) const {
    return !per_bank_ || (bank - rank * banks_per_rank_) % sets_ == at(rank).set;
  }
  bool is_like(const RefreshTimer& o) const {
    return std::equal(
        ranks_.begin(), ranks_.end(), o.ranks_.begin(),
        [](const Rank& a, const Rank& b) { return a.due == b.due && a.set == b.set; });
  }
  /// `n` refreshes of `rank` are done.
  void done(std::int64_t rank, std::int64_t n) {
    Rank& r = ranks_[static_cast<std::size_t>(rank)];
    r.due += n * interval_;
    r.set = (r.set + n) % sets_;
    find_soonest();
  }

 private:
  struct Rank {
    std::int64_t due = 0;
    std::int64_t set = 0;
  };
  void find_soonest() {
    soonest_ = ranks_[0].due;
    for (const Rank& r : ranks_) soonest_ = std::min(soonest_, r.due);
  }
  const Rank& at(std::int64_t rank) const { return ranks_[static_cast<std::size_t>(rank)]; }
  std::int64_t interval_;
  bool per_bank_;
  std::int64_t banks_per_rank_, sets_;
  std::vector<Rank> ranks_;
  std::int64_t soonest_ = 0;
};

}  // namespace bitjoule
