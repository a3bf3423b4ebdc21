#include "core/mapping/dma_requests.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bitjoule {

DmaRequests::DmaRequests(const MappingProblem& problem, const TileLayout& layout,
                         const ResolvedDram& memory)
    : DmaRequests(
          problem,
          [&layout](const TileTransfer& t) { return layout.transfer(t.tensor, t.tile).region; },
          memory) {}

DmaRequests::DmaRequests(const MappingProblem& problem, Regions regions, const ResolvedDram& memory)
    : p_(problem),
      regions_(std::move(regions)),
      engine_(memory.engine()),
      core_(Clock::from_frequency(problem.machine.clock)),
      dram_(engine_->clock()),
      size_{problem.memory.burst_bytes,
            problem.machine.dma.bursts_per_request(problem.memory.burst_bytes)},
      requests_(static_cast<std::size_t>(problem.machine.dma.outstanding)) {
  free_.reserve(requests_.size());
  for (std::uint64_t tag = 0; tag < requests_.size(); ++tag) free_.push_back(tag);
}

void DmaRequests::push(std::size_t stream, const TileTransfer& transfer) {
  streams_[stream].queued.push_back(transfer);
  note_wake();
}

/// A stream holds `dma.queue` transfers: the next is issued when one is complete.
std::int64_t DmaRequests::wakes(const DmaStream& s) const {
  if (s.queued.empty() || static_cast<std::int64_t>(s.issued.size()) >= p_.machine.dma.queue)
    return kNever;
  return std::max(s.queued_until, static_cast<std::int64_t>(std::ceil(s.queued.front().usable)));
}

void DmaRequests::note_wake() {
  wake_ = kNever;
  for (const DmaStream& s : streams_) wake_ = std::min(wake_, wakes(s));
}

bool DmaRequests::next(Done* done) {
  for (;;) {
    if (!done_.empty()) {
      *done = done_.front();
      done_.pop_front();
      return true;
    }
    issue();
    fill_window();
    if (!done_.empty()) continue;
    DramEvent event;
    if (engine_->advance(wake_ == kNever ? kNever : dram_cycle(wake_), &event)) {
      last_cycle_ = event.cycle;
      now_ = std::max(now_, core_cycle(event.cycle));
      if (event.kind == DramEvent::Kind::kAccepted) {
        awaiting_ = false;
        send(now_);
      } else {
        complete(event.tag);
      }
    } else if (wake_ == kNever) {
      return false;
    } else {
      now_ = std::max(now_, wake_);
    }
  }
}

/// What is usable by now. A transfer without bytes (a tile that lies in the padding) is done at
/// once.
void DmaRequests::issue() {
  if (wake_ > now_) return;
  for (std::size_t i = 0; i < kDmaStreams; ++i) {
    DmaStream& s = streams_[i];
    while (wakes(s) <= now_) {
      Issued& issued = s.issued.emplace_back();
      issued.transfer = s.queued.front();
      s.queued.pop_front();
      const TileTransfer& t = issued.transfer;
      if (t.requests > 0) issued.requests = RequestCursor(regions_(t), size_);
      while (s.current() != nullptr && s.current()->requests.done()) ++s.taking;
      retire(i);
    }
  }
  note_wake();
}

void DmaRequests::fill_window() {
  while (!free_.empty() && take()) {
  }
  send(now_);
}

/// The streams take turns.
bool DmaRequests::take() {
  for (std::size_t i = 0; i < kDmaStreams; ++i) {
    const std::size_t stream = turn_;
    turn_ = turn_ + 1 < kDmaStreams ? turn_ + 1 : 0;
    DmaStream& s = streams_[stream];
    Issued* const current = s.current();
    if (current == nullptr) continue;
    const std::uint64_t tag = free_.back();
    free_.pop_back();
    Request& r = requests_[tag];
    r.stream = stream;
    r.transfer = current;
    r.request.address = current->requests.address();
    taken_ += current->requests.bursts();
    r.request.bytes = current->requests.bursts() * size_.burst_bytes;
    r.request.write = current->transfer.tensor == Stream::kOutputs;
    r.request.tag = tag;
    ++current->waiting;
    current->requests.next();
    while (s.current() != nullptr && s.current()->requests.done()) ++s.taking;
    window_.push(tag);
    return true;
  }
  return false;
}

/// At most `requests_per_cycle`, none before the one ahead was accepted.
void DmaRequests::send(std::int64_t earliest) {
  while (!awaiting_ && !window_.empty()) {
    std::int64_t at = std::max(earliest, last_sent_);
    if (at == last_sent_ && sent_in_cycle_ == p_.machine.dma.requests_per_cycle) ++at;
    sent_in_cycle_ = at == last_sent_ ? sent_in_cycle_ + 1 : 1;
    last_sent_ = at;
    const Request& r = requests_[window_.front()];
    window_.pop();
    const std::int64_t accepted = engine_->offer(r.request, std::max(dram_cycle(at), last_cycle_));
    awaiting_ = accepted == kNever;
    if (!awaiting_) earliest = core_cycle(accepted);
  }
}

void DmaRequests::complete(std::uint64_t tag) {
  const Request& r = requests_[tag];
  Issued& t = *r.transfer;
  --t.waiting;
  if (t.first_arrival < 0) t.first_arrival = now_;
  t.last_arrival = now_;
  free_.push_back(tag);
  if (t.waiting == 0 && t.requests.done()) retire(r.stream);
}

/// In the order of the stream.
void DmaRequests::retire(std::size_t stream) {
  DmaStream& s = streams_[stream];
  while (!s.issued.empty()) {
    Issued& t = s.issued.front();
    if (t.waiting != 0 || !t.requests.done()) break;
    s.retired = std::max(
        {s.retired, t.last_arrival, static_cast<std::int64_t>(std::ceil(t.transfer.usable))});
    s.queued_until = s.retired + 2;
    Done done;
    done.stream = stream;
    done.at = static_cast<double>(s.retired);
    done.transfer = t.transfer;
    done.transfer.first_arrival = static_cast<double>(std::max<std::int64_t>(0, t.first_arrival));
    s.issued.pop_front();
    if (s.taking > 0) --s.taking;
    done_.push_back(done);
  }
  note_wake();
}

}  // namespace bitjoule
