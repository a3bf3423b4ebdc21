// How long a rank is in which state, to the clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/dram/stats.h"

namespace bitjoule {

/// Fed with commands in order of time; precharges that come by themselves may be told in advance.
class RankStates {
 public:
  void activate(std::int64_t cycle) {
    pass_to(cycle);
    ++open_;
  }
  void precharge(std::int64_t cycle, std::int64_t banks) {
    pass_to(cycle);
    open_ -= banks;
  }
  /// One bank closes at `cycle`, which is to come.
  void precharge_later(std::int64_t cycle) {
    closing_.insert(std::upper_bound(closing_.begin(), closing_.end(), cycle), cycle);
  }
  void refresh(std::int64_t cycle, std::int64_t until) {
    pass_to(cycle);
    refreshing_until_ = std::max(refreshing_until_, until);
  }
  /// With all banks closed, `times` refreshes of `length`, the first at `first`; ends at the next.
  /// In power-down each is preceded by `wake` clocks out of it.
  void refresh_idle(std::int64_t first, std::int64_t interval, std::int64_t times,
                    std::int64_t length, std::int64_t wake) {
    pass_to(first);
    sum_.refreshing += times * length;
    if (is_down_) {
      sum_.closed += times * wake;
      sum_.power_down += times * (interval - wake - length);
      sum_.power_downs += times;
      down_since_ = first + (times - 1) * interval + wake + length;
    } else {
      sum_.closed += times * (interval - length);
    }
    now_ = first + times * interval;
  }
  void power_down(std::int64_t cycle) {
    pass_to(cycle);
    is_down_ = true;
    down_since_ = cycle;
    ++sum_.power_downs;
  }
  void wake(std::int64_t cycle) {
    pass_to(cycle);
    is_down_ = false;
  }
  bool is_down() const { return is_down_; }
  std::int64_t down_since() const { return down_since_; }
  /// When no bank closes by itself and no refresh is under way any more.
  std::int64_t quiet_from() const {
    return closing_.empty() ? refreshing_until_ : std::max(refreshing_until_, closing_.back());
  }

  /// Everything up to `cycle`, which is no earlier than the last command.
  DramStates until(std::int64_t cycle) const {
    RankStates copy = *this;
    copy.pass_to(cycle);
    return copy.sum_;
  }

  /// Whether both count the same from `cycle` on, which is no earlier than either's last command.
  bool is_like(const RankStates& o, std::int64_t cycle) const {
    RankStates a = *this, b = o;
    a.pass_to(cycle);
    b.pass_to(cycle);
    return a.now_ == b.now_ && a.open_ == b.open_ && a.closing_ == b.closing_ &&
           std::max(a.refreshing_until_, cycle) == std::max(b.refreshing_until_, cycle) &&
           a.is_down_ == b.is_down_ && (!a.is_down_ || a.down_since_ == b.down_since_);
  }

 private:
  void pass_to(std::int64_t cycle) {
    if (!closing_.empty()) close_until(cycle);
    pass(cycle);
  }
  void close_until(std::int64_t cycle) {
    while (!closing_.empty() && closing_.front() <= cycle) {
      pass(closing_.front());
      --open_;
      closing_.erase(closing_.begin());
    }
  }
  void pass(std::int64_t cycle) {
    const std::int64_t time = std::max<std::int64_t>(0, cycle - now_);
    if (open_ > 0) {
      sum_.open += time;
      sum_.open_banks += open_ * time;
    } else {
      const std::int64_t refreshing = std::clamp<std::int64_t>(refreshing_until_ - now_, 0, time);
      sum_.refreshing += refreshing;
      (is_down_ ? sum_.power_down : sum_.closed) += time - refreshing;
    }
    now_ += time;
  }

  DramStates sum_;
  std::int64_t now_ = 0;
  std::int64_t open_ = 0;  // banks
  std::int64_t refreshing_until_ = 0, down_since_ = 0;
  bool is_down_ = false;
  std::vector<std::int64_t> closing_;  // rising
};

}  // namespace bitjoule
