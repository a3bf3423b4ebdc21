#include "core/dram/cycle.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"

namespace bitjoule {

CycleDram::CycleDram(const CycleDramConfig& config) : CycleDram(config, resolve_standard(config)) {}

CycleDram::CycleDram(const CycleDramConfig& config, DramStandard standard)
    : standard_(std::move(standard)),
      map_(config.organization, config.mapping),
      decoder_(map_, standard_.burst_bytes) {
  const std::int64_t channels = config.organization.channels;
  if (decoder_.takes_turns(channels) && !standard_.split_bus) most_alike_ = channels;
  const auto all = static_cast<std::size_t>(channels);
  due_.resize(all);
  changed_.resize(all);
  is_changed_.resize(all);
  std::vector<DramChannel> first;
  for (std::int64_t c = 0; c < channels / most_alike_; ++c)
    first.emplace_back(standard_, config.controller);
  replace_channels(&first, most_alike_);
  totals_.period = standard_.tCK;
  totals_.ranks = config.organization.channels * config.organization.ranks;
  totals_.rank_refreshes = standard_.banks_per_rank / standard_.banks_per_refresh;
  totals_.latency_unit = standard_.tCK;
}

std::int64_t CycleDram::offer(const DramRequest& request, std::int64_t cycle) {
  if (offer_is_blocked() || accepted_at_ != kNever) {
    throw internal_error("dram: a request is offered while another waits for acceptance");
  }
  const bool single = request.bytes == standard_.burst_bytes;  // spares a division
  const std::int64_t bursts = single ? 1 : request.bytes / standard_.burst_bytes;
  check_interrupt_after(kBurstSteps * bursts);
  suit(request, cycle);
  begin_offer(request, new_request(request, bursts), cycle);
  if (!push_offered()) return kNever;
  return entered_;
}

inline std::uint32_t CycleDram::new_request(const DramRequest& request, std::int64_t bursts) {
  if (free_requests_.empty()) {
    free_requests_.push_back(static_cast<std::uint32_t>(requests_.size()));
    requests_.emplace_back();
  }
  const std::uint32_t index = free_requests_.back();
  free_requests_.pop_back();
  requests_[index] = {request.tag, bursts, -1, {-1, 0, index}};
  if (alike_ > 1) bursts_in_step_ += bursts;
  return index;
}

inline void CycleDram::begin_offer(const DramRequest& request, std::uint32_t index,
                                   std::int64_t cycle) {
  offered_request_ = index;
  offered_ = request;
  offered_bytes_ = request.bytes;
  place_ = decoder_.decode(request.address);
  port_cycle_ = std::max(port_cycle_, cycle);
  entered_ = port_cycle_;
}

[[gnu::noinline]] void CycleDram::ask_changed() {
  for (; changes_ > 0; --changes_) {
    const std::size_t c = changed_[changes_ - 1];
    is_changed_[c] = 0;
    due_[c] = channels_[c].next();
  }
}

[[gnu::always_inline]] inline void CycleDram::find_earliest() {
  if (changes_ > 0) ask_changed();
  is_stale_ = false;
  const std::int64_t* const due = due_.data();
  const std::size_t n = due_.size();
  std::int64_t earliest = due[0];
  std::size_t first = 0;
  for (std::size_t c = 1; c < n; ++c) {
    first = due[c] < earliest ? c : first;
    earliest = std::min(earliest, due[c]);
  }
  earliest_ = earliest;
  first_ = first;
}

std::int64_t CycleDram::next() {
  return std::min({earliest_command(), accepted_at_, completions_first_});
}

/// In the order of time; at one time acceptance first, then channel by channel the end of its data
/// before its command.
bool CycleDram::advance(std::int64_t limit, DramEvent* event) {
  for (;;) {
    if (is_alone_ && channels_.front().in_train()) follow_train(limit);
    const std::int64_t command = earliest_command();
    const bool done =
        completions_first_ < command || (completions_first_ == command && command != kNever &&
                                         completions_.front().channel <= last_of(first_));
    const std::int64_t cycle = done ? completions_first_ : command;
    if (std::min(cycle, accepted_at_) >= limit) return false;
    if (accepted_at_ <= cycle) {
      report_acceptance(event);
      return true;
    }
    if (done) {
      report_completion(event);
      return true;
    }
    if (const DramChannel::Served* served = issue(first_)) {
      if (const Completion* end = count_served(*served, first_)) add_completion(*end);
    }
    if (!offer_is_blocked()) continue;
    port_cycle_ = std::max(port_cycle_, cycle);  // the slot is taken again in the same clock
    if (!push_offered()) continue;
    accepted_at_ = entered_;
    if (accepted_at_ > cycle) continue;  // something else may come before it
    report_acceptance(event);
    return true;
  }
}

/// A command; what it moves, if it does.
[[gnu::always_inline]] inline const DramChannel::Served* CycleDram::issue(std::size_t channel) {
  const bool has_moved = channels_[channel].step(&served_);
  change(channel);
  if (!has_moved) return nullptr;
  totals_.timeline.add(served_.end, set_bytes_, served_.write);
  return &served_;
}

inline void CycleDram::report_acceptance(DramEvent* event) {
  event->kind = DramEvent::Kind::kAccepted;
  event->cycle = accepted_at_;
  event->tag = requests_[offered_request_].tag;
  accepted_at_ = kNever;
}

inline void CycleDram::report_completion(DramEvent* event) {
  const Completion done = completions_.front();
  completed_ = done.cycle;
  completed_channel_ = done.channel;
  completions_.pop();
  completions_first_ = completions_.empty() ? kNever : completions_.front().cycle;
  const Request& request = requests_[done.request];
  totals_.latency.add(done.cycle - request.accepted);
  event->kind = DramEvent::Kind::kCompleted;
  event->cycle = done.cycle;
  event->tag = request.tag;
  free_requests_.push_back(done.request);
}

/// The same cycles as by offer() and advance(): commands in order of time, and a request is offered
/// as soon as the one before it is in, all commands before that issued. That a request has ended
/// changes nothing here, so it is counted with its last command.
DramStats CycleDram::drive(RequestSource* source) {
  TimedRequest r;
  std::int64_t now = 0, end = 0;
  for (bool more = source->next(&r); more; more = source->next(&r)) {
    bool waited = false;
    if (is_alone_ && channels_.front().in_train()) {
      if (!drive_train(source, &r, {&now, &end, &waited})) break;
      while (earliest_command() < now) issue_alone(first_, &end);
    }
    const bool waits = r.request.bytes == standard_.burst_bytes
                           ? push_burst(r.request, std::max(now, r.cycle), &end)
                           : push_request(r.request, std::max(now, r.cycle), &end);
    if (!waits && !waited) continue;
    now = entered_;
    while (earliest_command() < now) issue_alone(first_, &end);
  }
  while (earliest_command() != kNever) issue_alone(first_, &end);
  return stats(end);
}

/// Offers a request from `cycle` on and goes on until all of it has entered the queues; true if it
/// had to wait.
bool CycleDram::push_request(const DramRequest& request, std::int64_t cycle, std::int64_t* end) {
  const std::int64_t bursts = request.bytes / standard_.burst_bytes;
  check_interrupt_after(kBurstSteps * bursts);
  suit(request, cycle);
  begin_offer(request, new_request(request, bursts), cycle);
  if (push_offered()) return false;
  do {
    port_cycle_ = std::max(port_cycle_, earliest_command());
    issue_alone(first_, end);
  } while (!push_offered());
  return true;
}

/// The same for one burst.
inline bool CycleDram::push_burst(const DramRequest& request, std::int64_t cycle,
                                  std::int64_t* end) {
  check_interrupt_after(kBurstSteps);
  if (alike_ > 1) part(1);
  const DramAddress place = decoder_.decode(request.address);
  const auto index = static_cast<std::size_t>(place.channel);
  DramChannel& channel = channels_[index];
  port_cycle_ = std::max(port_cycle_, cycle);
  bool waits = false;
  for (; !channel.has_room(request.write); waits = true) {
    port_cycle_ = std::max(port_cycle_, earliest_command());
    issue_alone(first_, end);
  }
  entered_ = std::max(port_cycle_, channel.last_accepted() + 1);
  channel.accept({place.row, entered_, static_cast<std::int32_t>(place.bank), DramBurst::kAlone,
                  request.write});
  change(index);
  return waits;
}

inline void CycleDram::issue_alone(std::size_t channel, std::int64_t* end) {
  const DramChannel::Served* const served = issue(channel);
  if (served == nullptr) return;
  *end = std::max(*end, served->end);
  count_alone(*served, channel);
}

/// Issues the commands of one channel that are due by `cycle`, and what they bring about.
void CycleDram::issue_up_to(std::int64_t cycle, std::size_t channel) {
  for (std::int64_t next = 0; (next = channels_[channel].next()) <= cycle;) {
    if (const DramChannel::Served* served = issue(channel))
      if (const Completion* end = count_served(*served, channel)) add_completion(*end);
    if (!offer_is_blocked()) continue;
    port_cycle_ = std::max(port_cycle_, next);
    if (push_offered()) accepted_at_ = entered_;
  }
}

DramStats CycleDram::stats(std::int64_t cycle) {
  // Midway, those before the one whose completion was reported may have issued more, see part().
  if (alike_ > 1 && channels_[completed_channel_ >> log2_alike_].next() <= completed_) part(1);
  DramStats s = totals_;
  s.cycles = cycle;
  for (DramChannel& channel : channels_) {
    if (channel.next() == kNever) channel.catch_up(cycle);
    add_counts(channel, cycle, alike_, &s);
  }
  s.read_bytes = s.reads * standard_.burst_bytes;
  s.write_bytes = s.writes * standard_.burst_bytes;
  return s;
}

/// What a channel has counted up to `cycle`, for so many.
void CycleDram::add_counts(const DramChannel& channel, std::int64_t cycle, std::int64_t times,
                           DramStats* s) {
  const ChannelCounts c = channel.counts();
  s->reads += times * c.reads;
  s->writes += times * c.writes;
  s->row_hits += times * c.row_hits;
  s->row_misses += times * c.row_misses;
  s->row_conflicts += times * c.row_conflicts;
  for (std::size_t i = 0; i < s->commands.size(); ++i) s->commands[i] += times * c.commands[i];
  s->states.add(channel.states(cycle), times);
  s->data_clock_syncs += times * c.data_clock_syncs;
  s->queued_cycles += times * c.queued_cycles;
  s->max_queued = std::max(s->max_queued, c.max_queued);
  s->bus.busy += times * c.bus.busy;
  s->bus.idle += times * (c.bus.idle + std::max<std::int64_t>(0, cycle - c.data_end));
  s->bus.refresh += times * c.bus.refresh;
  s->bus.activate += times * c.bus.activate;
  s->bus.turnaround += times * c.bus.turnaround;
  s->bus.column += times * c.bus.column;
}

}  // namespace bitjoule
