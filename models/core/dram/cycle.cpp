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
  runs_ahead_ = channels_.size() == 1 && !standard_.split_bus;
  due_.resize(channels_.size(), kNever);
  changed_.resize(channels_.size());
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
  requests_[offered_request_] = {request.tag, single ? 1 : request.bytes / standard_.burst_bytes,
                                 -1};
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
    const auto lane = static_cast<std::size_t>(place_.channel);
    DramChannel& channel = channels_[lane].channel;
    if (!channel.has_room(offered_.write)) return false;
    const std::int64_t entry = std::max(port_cycle_, channel.last_accepted() + 1);
    channel.accept({place_.row, entry, static_cast<std::int32_t>(place_.bank), offered_request_,
                    offered_.write});
    change(lane);
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
  for (; changes_ > 0; --changes_) {
    const std::size_t c = changed_[changes_ - 1];
    channels_[c].changed = false;
    due_[c] = channels_[c].look();
  }
  earliest_ = kNever;
  for (std::size_t c = 0; c < due_.size(); ++c) {
    if (due_[c] >= earliest_) continue;
    earliest_ = due_[c];
    first_ = c;
  }
}

std::int64_t CycleDram::next() { return std::min(earliest(), accepted_at_); }

bool CycleDram::advance(std::int64_t limit, DramEvent* event) {
  for (;;) {
    if (runs_ahead_ && offer_is_blocked()) run_ahead(limit);
    Lane& ahead = channels_[0];
    if (!ahead.done.empty() && ahead.done.front().cycle <= ran_) {
      if (ahead.done.front().cycle >= limit) return false;
      change(0);
      if (finish_burst(&ahead, event)) return true;
      continue;
    }
    const std::int64_t cycle = accepted_at_ <= ran_ ? ran_ : earliest();
    if (accepted_at_ <= cycle) {
      if (accepted_at_ >= limit) return false;
      report_acceptance(event);
      return true;
    }
    if (cycle >= limit) return false;
    Lane& lane = channels_[first_];
    change(first_);
    if (lane.done_first) {
      if (finish_burst(&lane, event)) return true;
      continue;
    }
    issue(&lane);
    if (!offer_is_blocked()) continue;
    port_cycle_ = std::max(port_cycle_, cycle);  // the slot is taken again in the same clock
    if (!push_offered()) continue;
    accepted_at_ = entered_;
    if (accepted_at_ > cycle) continue;  // something else may come before it
    report_acceptance(event);
    return true;
  }
}

/// A command of `lane`. Where commands run ahead only the last burst of a request is waited for:
/// data ends in the order of the commands.
inline void CycleDram::issue(Lane* lane) {
  DramChannel::Served served;
  if (!lane->channel.step(&served)) return;
  totals_.timeline.add(served.end, standard_.burst_bytes, served.write);
  std::int64_t& left = requests_[served.request].bursts_left;
  if (runs_ahead_ && left > 1) {
    --left;
  } else {
    lane->done.push({served.end, served.request});
  }
}

/// While an offer waits, no other can come: what the one channel does until all of it is in a queue
/// is certain (and with one command bus each command is later than the one before), whatever its
/// user does at the events before. So commands go first and the events up to the last of them,
/// ran_, are told afterwards, in the order that they would have had.
inline void CycleDram::run_ahead(std::int64_t limit) {
  Lane& lane = channels_[0];
  change(0);
  while (offer_is_blocked()) {
    const std::int64_t cycle = lane.channel.next();
    if (cycle >= limit) return;
    ran_ = cycle;
    issue(&lane);
    port_cycle_ = std::max(port_cycle_, cycle);  // the slot is taken again in the same clock
    if (push_offered()) accepted_at_ = entered_;
  }
}

inline void CycleDram::report_acceptance(DramEvent* event) {
  event->kind = DramEvent::Kind::kAccepted;
  event->cycle = accepted_at_;
  event->tag = requests_[offered_request_].tag;
  accepted_at_ = kNever;
}

inline bool CycleDram::finish_burst(Lane* lane, DramEvent* event) {
  const Done done = lane->done.front();
  lane->done.pop();
  Request& request = requests_[done.request];
  if (--request.bursts_left > 0) return false;
  totals_.latency.add(done.cycle - request.accepted);
  event->kind = DramEvent::Kind::kCompleted;
  event->cycle = done.cycle;
  event->tag = request.tag;
  free_requests_.push_back(done.request);
  return true;
}

DramStats CycleDram::stats(std::int64_t cycle) {
  DramStats s = totals_;
  s.cycles = cycle;
  for (Lane& lane : channels_) {
    if (lane.channel.next() == kNever) lane.channel.catch_up(cycle);
    const ChannelCounts& c = lane.channel.counts();
    s.reads += c.reads;
    s.writes += c.writes;
    s.row_hits += c.row_hits;
    s.row_misses += c.row_misses;
    s.row_conflicts += c.row_conflicts;
    for (std::size_t i = 0; i < s.commands.size(); ++i) s.commands[i] += c.commands[i];
    s.states.add(lane.channel.states(cycle), 1);
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
