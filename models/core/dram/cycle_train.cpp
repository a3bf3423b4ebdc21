// The only channel's train: a run of it from one event to the next, or to the end of what a source
// has for it (cycle.h).
#include <algorithm>

#include "core/dram/cycle.h"
#include "core/dram/train_run.h"
#include "core/interrupt.h"

namespace bitjoule {

/// Adds the bursts of a run, whose ends rise, bin by bin.
class CycleDram::BinnedBytes {
 public:
  BinnedBytes(BandwidthTimeline* timeline, std::int64_t set_bytes, bool write)
      : timeline_(timeline), set_bytes_(set_bytes), write_(write) {}
  void add(std::int64_t end) {
    if (end > bin_end_) {
      tell();
      bin_end_ = timeline_->bin_end(end);
    }
    end_ = end;
    bytes_ += set_bytes_;
  }
  void tell() {
    if (bytes_ > 0) timeline_->add(end_, bytes_, write_);
    bytes_ = 0;
  }

 private:
  BandwidthTimeline* const timeline_;
  const std::int64_t set_bytes_;
  const bool write_;
  std::int64_t end_ = 0, bin_end_ = -1, bytes_ = 0;
};

/// With an event for each request: what is offered enters in the place of what is served.
class CycleDram::EventTrain {
 public:
  EventTrain(CycleDram& dram, std::int64_t until)
      : d_(dram),
        until_(until),
        write_(d_.channels_.front().train_is_write()),
        waits_(d_.offer_is_blocked()),
        feeds_(d_.channels_.front().train_makes_room(d_.offered_.write)),
        port_cycle_(d_.port_cycle_),
        bytes_(&d_.totals_.timeline, d_.set_bytes_, write_) {}

  /// Bursts of one request end in the order of their commands.
  std::int64_t served(const Train::Burst& burst, std::int64_t end) {
    bytes_.add(end);
    if ((d_.requests_[burst.request].bursts_left -= d_.alike_) == 0) {
      d_.add_completion({end, d_.last_of(0), burst.request});
      until_ = std::min(until_, d_.completions_first_);
    }
    return until_;
  }
  const DramAddress* waiting(std::int64_t cycle) {
    if (!waits_) return nullptr;
    port_cycle_ = std::max(port_cycle_, cycle);  // the slot is taken again in the same clock
    return feeds_ ? &d_.place_ : nullptr;
  }
  DramBurst enter(std::int64_t last_accepted, std::int64_t* until) {
    const std::int64_t entry = std::max(port_cycle_, last_accepted + 1);
    const DramBurst burst{d_.place_.row, entry, static_cast<std::int32_t>(d_.place_.bank),
                          d_.offered_request_, write_};
    Request& request = d_.requests_[d_.offered_request_];
    if (request.accepted < 0) request.accepted = entry;
    d_.entered_ = entry;
    d_.offered_bytes_ -= d_.set_bytes_;
    waits_ = d_.offered_bytes_ > 0;
    if (waits_) {
      d_.offered_.address += d_.set_bytes_;
      d_.place_ = d_.decoder_.decode(d_.offered_.address);
    } else {
      d_.accepted_at_ = entry;
      *until = until_ = std::min(until_, entry);
    }
    return burst;
  }
  void tell() {
    bytes_.tell();
    d_.port_cycle_ = port_cycle_;
  }

 private:
  CycleDram& d_;
  std::int64_t until_;
  const bool write_;
  bool waits_;  // some of a request
  const bool feeds_;
  std::int64_t port_cycle_;
  BinnedBytes bytes_;
};

/// What advance() does while the train goes on and there is nothing to report.
void CycleDram::follow_train(std::int64_t limit) {
  DramChannel& channel = channels_.front();
  while (channel.in_train()) {
    const std::int64_t until = std::min({limit, accepted_at_, completions_first_});
    const std::int64_t cycle = channel.train_cycle();
    if (cycle >= until) return;
    const bool turns = offer_is_blocked() && offered_.write != channel.train_is_write() &&
                       channel.train_makes_room(offered_.write);
    if (channel.may_run_train() && !turns) {
      EventTrain user(*this, until);
      channel.run_train(until, user);
      user.tell();
    } else {
      DramChannel::Served served;
      channel.serve_train(&served);
      totals_.timeline.add(served.end, set_bytes_, served.write);
      if ((requests_[served.request].bursts_left -= alike_) == 0)
        add_completion({served.end, last_of(0), served.request});
      if (offer_is_blocked()) port_cycle_ = std::max(port_cycle_, cycle);
    }
    if (offer_is_blocked() && push_offered()) accepted_at_ = entered_;
  }
}

/// Without events: requests of one burst each, as a source has them.
class CycleDram::SourceTrain {
 public:
  SourceTrain(CycleDram& dram, RequestSource* source, const TimedRequest& first,
              const Driven& driven)
      : d_(dram),
        source_(source),
        next_(first),
        place_(dram.decoder_.decode(first.request.address)),
        now_(*driven.now),
        end_(*driven.end),
        write_(first.request.write),
        port_cycle_(std::max({dram.port_cycle_, now_, first.cycle})),
        bytes_(&d_.totals_.timeline, d_.set_bytes_, write_) {}

  std::int64_t served(const Train::Burst& burst, std::int64_t end) {
    bytes_.add(end);
    end_ = std::max(end_, end);
    if (burst.request != DramBurst::kAlone) {
      d_.count_alone({burst.request, write_, burst.accepted, end}, 0);
      return until_;
    }
    if (end - burst.accepted != latency_) tell_latency();
    latency_ = end - burst.accepted;
    ++so_long_;
    return until_;
  }
  const DramAddress* waiting(std::int64_t cycle) {
    waits_ = waits_ || cycle >= now_;
    port_cycle_ = std::max(port_cycle_, cycle);
    return &place_;
  }
  DramBurst enter(std::int64_t last_accepted, std::int64_t* until) {
    const std::int64_t entry = std::max(port_cycle_, last_accepted + 1);
    const DramBurst burst{place_.row, entry, static_cast<std::int32_t>(place_.bank),
                          DramBurst::kAlone, write_};
    if (waits_) now_ = entry;
    waits_ = false;
    ++entered_;
    has_next_ = source_->next(&next_);
    if (has_next_ && next_.request.bytes == d_.set_bytes_ && next_.request.write == write_ &&
        next_.cycle <= entry) {
      place_ = d_.decoder_.decode(next_.request.address);
    } else {
      *until = until_ = -1;
    }
    return burst;
  }
  /// False where the source has no more.
  bool tell(TimedRequest* next, const Driven& driven) {
    bytes_.tell();
    tell_latency();
    check_interrupt_after(kBurstSteps * entered_);
    d_.port_cycle_ = port_cycle_;
    *next = next_;
    *driven.now = now_;
    *driven.end = end_;
    *driven.waited = waits_;
    return has_next_;
  }

 private:
  void tell_latency() {
    if (so_long_ > 0) d_.totals_.latency.add(latency_, so_long_);
    so_long_ = 0;
  }

  CycleDram& d_;
  RequestSource* const source_;
  TimedRequest next_;
  DramAddress place_;
  std::int64_t now_, end_, entered_ = 0, until_ = kNever;
  const bool write_;
  bool has_next_ = true, waits_ = false;
  std::int64_t latency_ = 0, so_long_ = 0;  // of so many requests in a row
  std::int64_t port_cycle_;
  BinnedBytes bytes_;
};

/// What drive() does while the train goes on with a request that waits for it, and those after it.
/// False where the source has no more.
bool CycleDram::drive_train(RequestSource* source, TimedRequest* next, const Driven& driven) {
  DramChannel& channel = channels_.front();
  const DramRequest& request = next->request;
  if (alike_ > 1 || !channel.may_run_train() || request.bytes != set_bytes_ ||
      request.write != channel.train_is_write() || !channel.train_makes_room(request.write) ||
      channel.has_room(request.write))
    return true;
  SourceTrain user(*this, source, *next, driven);
  channel.run_train(kNever, user);
  return user.tell(next, driven);
}

}  // namespace bitjoule
