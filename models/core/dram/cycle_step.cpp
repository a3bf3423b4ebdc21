// Channels in step: when those that are simulated once become several, and one again (cycle.h).
#include <algorithm>
#include <utility>

#include "core/dram/cycle.h"

namespace bitjoule {

/// So many channels at most are in step from now on. A completion is reported when all channels
/// before its own have issued the commands of its cycle, so that here they do.
void CycleDram::part(std::int64_t alike) {
  constexpr std::int64_t kShort = 256, kLeastRest = 4, kMostRest = 1024;  // bursts, requests
  if (alike >= alike_) return;
  const bool is_midway = channels_[completed_channel_ >> log2_alike_].next() <= completed_;
  while (is_midway && (static_cast<std::int64_t>(completed_channel_) + 1) % alike != 0) alike /= 2;
  const std::int64_t copies = alike_ / alike;
  std::vector<DramChannel> channels;
  channels.reserve(channels_.size() * static_cast<std::size_t>(copies));
  for (DramChannel& channel : channels_) {
    channel.end_runs();
    for (std::int64_t c = 0; c < copies; ++c) {
      channels.push_back(channel);
      if (c > 0) channels.back().record(nullptr);
    }
  }
  replace_channels(&channels, alike);
  for (std::size_t c = 0; c < channels_.size() && last_of(c) < completed_channel_; ++c)
    issue_up_to(completed_, c);
  const bool pays = bursts_in_step_ - joined_ >= kShort;
  join_rest_ = pays ? kLeastRest : std::min(2 * join_rest_, kMostRest);
  join_wait_ = join_rest_;
}

void CycleDram::replace_channels(std::vector<DramChannel>* channels, std::int64_t alike) {
  channels_ = std::move(*channels);
  alike_ = alike;
  log2_alike_ = 0;
  while (std::int64_t{1} << log2_alike_ < alike) ++log2_alike_;
  set_bytes_ = alike * standard_.burst_bytes;
  is_alone_ = channels_.size() == 1;
  std::fill(due_.begin(), due_.end(), kNever);
  std::fill(is_changed_.begin(), is_changed_.end(), 0);
  changes_ = 0;
  first_ = 0;
  for (std::size_t c = 0; c < channels_.size(); ++c) change(c);
}

/// Where every channel is in the state of its neighbour, one of two goes on for both, and so on up
/// to `alike`. No burst is accepted before `port` from now on.
void CycleDram::join(std::int64_t alike, std::int64_t port) {
  constexpr std::int64_t kRest = 4;  // requests
  while (alike_ < std::min(alike, most_alike_) && join_pairs(port)) joined_ = bursts_in_step_;
  join_wait_ = kRest;
}

bool CycleDram::join_pairs(std::int64_t port) {
  for (std::size_t c = 0; c < channels_.size(); c += 2)
    if (!channels_[c].may_be_like(channels_[c + 1])) return false;
  std::int64_t now = port;
  for (DramChannel& channel : channels_) {
    channel.end_runs();
    now = std::min(now, channel.next());
  }
  bool are_alike = true;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (channels_[c].next() == kNever) channels_[c].catch_up(now);
    if (c % 2 == 1) are_alike = are_alike && channels_[c - 1].is_like(channels_[c], now, port);
    change(c);
  }
  if (!are_alike) return false;
  std::vector<DramChannel> lasts;
  lasts.reserve(channels_.size() / 2);
  for (std::size_t c = 0; c < channels_.size(); c += 2) {
    DramChannel &first = channels_[c], &last = channels_[c + 1];
    add_counts(first, now, alike_, &totals_);
    add_counts(last, now, -alike_, &totals_);
    shortcuts_.add(first.shortcuts(), alike_);
    shortcuts_.add(last.shortcuts(), -alike_);
    last.record(first.trace());
    lasts.push_back(std::move(last));
  }
  replace_channels(&lasts, 2 * alike_);
  return true;
}

}  // namespace bitjoule
