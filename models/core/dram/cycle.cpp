#include "core/dram/cycle.h"

#include <algorithm>

#include "core/error.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kBurstSteps = 64;  // of check_interrupt_after()

}  // namespace

CycleDram::CycleDram(const CycleDramConfig& config)
    : standard_(resolve_standard(config)),
      map_(config.organization, config.mapping),
      decoder_(map_, standard_.burst_bytes) {
  for (std::int64_t c = 0; c < config.organization.channels; ++c) {
    channels_.emplace_back(standard_, config.controller);
  }
  due_.resize(channels_.size(), kNever);
  changed_.resize(channels_.size());
  is_changed_.resize(channels_.size());
  totals_.period = standard_.tCK;
  totals_.ranks = config.organization.channels * config.organization.ranks;
  totals_.rank_refreshes = standard_.banks_per_rank / standard_.banks_per_refresh;
  totals_.latency_unit = standard_.tCK;
}

std::int64_t CycleDram::offer(const DramRequest& request, std::int64_t cycle) {
  if (offer_is_blocked() || accepted_at_ != kNever) {
    throw internal_error("dram: a request is offered while another waits for acceptance");
  }
  if (free_requests_.empty()) {
    free_requests_.push_back(static_cast<std::uint32_t>(requests_.size()));
    requests_.emplace_back();
  }
  offered_request_ = free_requests_.back();
  free_requests_.pop_back();
  const bool single = request.bytes == standard_.burst_bytes;  // spares a division
  requests_[offered_request_] = {request.tag,
                                 single ? 1 : request.bytes / standard_.burst_bytes,
                                 -1,
                                 {-1, 0, offered_request_}};
  check_interrupt_after(kBurstSteps * requests_[offered_request_].bursts_left);
  offered_ = request;
  offered_bytes_ = request.bytes;
  place_ = decoder_.decode(request.address);
  port_cycle_ = std::max(port_cycle_, cycle);
  entered_ = port_cycle_;
  if (!push_offered()) return kNever;
  return entered_;
}

/// Moves bursts of the offered request into queues while there is room; true when all are in.
inline bool CycleDram::push_offered() {
  while (offered_bytes_ > 0) {
    const auto index = static_cast<std::size_t>(place_.channel);
    DramChannel& channel = channels_[index];
    if (!channel.has_room(offered_.write)) return false;
    const std::int64_t entry = std::max(port_cycle_, channel.last_accepted() + 1);
    channel.accept({place_.row, entry, static_cast<std::int32_t>(place_.bank), offered_request_,
                    offered_.write});
    change(index);
    Request& request = requests_[offered_request_];
    if (request.accepted < 0) request.accepted = entry;
    entered_ = std::max(entered_, entry);
    offered_.address += standard_.burst_bytes;
    offered_bytes_ -= standard_.burst_bytes;
    if (offered_bytes_ > 0) place_ = decoder_.decode(offered_.address);
  }
  return true;
}

inline void CycleDram::find_earliest() {
  while (changes_ > 0) {
    const std::size_t c = changed_[--changes_];
    is_changed_[c] = 0;
    due_[c] = channels_[c].next();
  }
  earliest_ = due_[0];
  first_ = 0;
  for (std::size_t c = 1; c < due_.size(); ++c) {
    if (due_[c] >= earliest_) continue;
    earliest_ = due_[c];
    first_ = c;
  }
}

std::int64_t CycleDram::next() {
  const std::int64_t done = completions_.empty() ? kNever : completions_.front().cycle;
  return std::min({earliest_command(), accepted_at_, done});
}

/// In the order of time; at one time acceptance first, then channel by channel the end of its data
/// before its command.
bool CycleDram::advance(std::int64_t limit, DramEvent* event) {
  for (;;) {
    const std::int64_t command = earliest_command();
    const Completion* done = completions_.empty() ? nullptr : &completions_.front();
    if (done != nullptr &&
        (done->cycle > command || (done->cycle == command && done->channel > first_))) {
      done = nullptr;
    }
    const std::int64_t cycle = done != nullptr ? done->cycle : command;
    if (std::min(cycle, accepted_at_) >= limit) return false;
    if (accepted_at_ <= cycle) {
      report_acceptance(event);
      return true;
    }
    if (done != nullptr) {
      report_completion(event);
      return true;
    }
    issue(first_);
    if (!offer_is_blocked()) continue;
    port_cycle_ = std::max(port_cycle_, cycle);  // the slot is taken again in the same clock
    if (!push_offered()) continue;
    accepted_at_ = entered_;
    if (accepted_at_ > cycle) continue;  // something else may come before it
    report_acceptance(event);
    return true;
  }
}

/// A command. With the last one of a request it is certain when that ends.
inline void CycleDram::issue(std::size_t channel) {
  change(channel);
  DramChannel::Served served;
  if (!channels_[channel].step(&served)) return;
  totals_.timeline.add(served.end, standard_.burst_bytes, served.write);
  Request& request = requests_[served.request];
  const Completion end{served.end, channel, served.request};
  if (request.end.goes_before(end)) request.end = end;
  if (--request.bursts_left > 0) return;
  completions_.insert(request.end,
                      [](const Completion& a, const Completion& b) { return a.goes_before(b); });
}

inline void CycleDram::report_acceptance(DramEvent* event) {
  event->kind = DramEvent::Kind::kAccepted;
  event->cycle = accepted_at_;
  event->tag = requests_[offered_request_].tag;
  accepted_at_ = kNever;
}

inline void CycleDram::report_completion(DramEvent* event) {
  const Completion done = completions_.front();
  completions_.pop();
  const Request& request = requests_[done.request];
  totals_.latency.add(done.cycle - request.accepted);
  event->kind = DramEvent::Kind::kCompleted;
  event->cycle = done.cycle;
  event->tag = request.tag;
  free_requests_.push_back(done.request);
}

DramStats CycleDram::stats(std::int64_t cycle) {
  DramStats s = totals_;
  s.cycles = cycle;
  for (DramChannel& channel : channels_) {
    if (channel.next() == kNever) channel.catch_up(cycle);
    const ChannelCounts& c = channel.counts();
    s.reads += c.reads;
    s.writes += c.writes;
    s.row_hits += c.row_hits;
    s.row_misses += c.row_misses;
    s.row_conflicts += c.row_conflicts;
    for (std::size_t i = 0; i < s.commands.size(); ++i) s.commands[i] += c.commands[i];
    s.states.add(channel.states(cycle), 1);
    s.data_clock_syncs += c.data_clock_syncs;
    s.queued_cycles += c.queued_cycles;
    s.max_queued = std::max(s.max_queued, c.max_queued);
    s.bus.busy += c.bus.busy;
    s.bus.idle += c.bus.idle + std::max<std::int64_t>(0, cycle - c.data_end);
    s.bus.refresh += c.bus.refresh;
    s.bus.activate += c.bus.activate;
    s.bus.turnaround += c.bus.turnaround;
    s.bus.column += c.bus.column;
  }
  s.read_bytes = s.reads * standard_.burst_bytes;
  s.write_bytes = s.writes * standard_.burst_bytes;
  return s;
}

}  // namespace bitjoule
