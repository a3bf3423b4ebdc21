// A channel's train, many bursts at a time (DramChannel::run_train).
#pragma once

#include "core/dram/channel.h"

namespace bitjoule {

/// What a train's run brings about in its channel.
template <class User>
class DramChannel::TrainRun {
 public:
  TrainRun(DramChannel& channel, User& user)
      : user_(user),
        channel_(channel),
        last_accepted_(channel.last_accepted_),
        latency_(channel.train_latency_) {}

  std::int64_t served(const Train::Burst& burst, std::int64_t cycle, std::int64_t start) {
    ++served_;
    queued_cycles_ += start - burst.accepted;
    if (start != cycle) ++syncs_;
    data_end_ = start + latency_;
    if (channel_.trace_ != nullptr)
      channel_.trace_->push_back({start, channel_.train_command_, burst.bank,
                                  channel_.device_.open_row(burst.bank), false});
    return user_.served(burst, data_end_);
  }
  const DramAddress* waiting(std::int64_t cycle) { return user_.waiting(cycle); }
  Train::Burst enter(std::int64_t* until) {
    const DramBurst burst = user_.enter(last_accepted_, until);
    last_accepted_ = burst.accepted;
    ++entered_;
    return {burst.accepted, Train::kNoOrder, burst.bank, burst.request};
  }
  /// A burst enters where one was served: no more wait than before.
  void tell() {
    if (served_ == 0) return;
    channel_.last_accepted_ = last_accepted_;
    channel_.counts_.data_end = data_end_;
    channel_.counts_.queued_cycles += queued_cycles_;
    channel_.counts_.data_clock_syncs += syncs_;
    channel_.train_bursts_ += served_;
    channel_.held_[channel_.train_queue_] += entered_ - served_;
    channel_.entries_[channel_.train_queue_] += entered_ - served_;
  }

 private:
  User& user_;
  DramChannel& channel_;
  std::int64_t last_accepted_;
  const std::int64_t latency_;
  std::int64_t served_ = 0, entered_ = 0, queued_cycles_ = 0, syncs_ = 0, data_end_ = 0;
};

template <class User>
[[gnu::always_inline]] inline void DramChannel::run_train(std::int64_t until, User& user) {
  TrainRun<User> run(*this, user);
  const bool goes_on = train_.run(until, run);
  run.tell();
  if (!goes_on) end_train();
}

}  // namespace bitjoule
