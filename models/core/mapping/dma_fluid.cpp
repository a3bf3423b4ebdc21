#include "core/mapping/dma_fluid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/mapping/memory_rates.h"

namespace bitjoule {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-7;  // of a request, or a cycle

}  // namespace

DmaFluid::DmaFluid(const MappingProblem& problem, MemoryRates& rates)
    : p_(problem),
      rates_(rates),
      window_(static_cast<double>(problem.machine.dma.outstanding)),
      rate_(static_cast<double>(problem.machine.dma.requests_per_cycle)),
      queue_(problem.machine.dma.queue) {}

void DmaFluid::push(std::size_t stream, const TileTransfer& transfer) {
  streams_[stream].taking.push_back(transfer);
  ++streams_[stream].pushed;
}

/// A stream holds `dma.queue` transfers: the next is issued when one is complete.
double DmaFluid::wakes(const Stream& s) const {
  if (s.taking.empty()) return kForever;
  const std::int64_t index = s.pushed - static_cast<std::int64_t>(s.taking.size());
  if (index - s.finished >= queue_) return kForever;
  return std::max(s.taking.front().usable, index >= queue_ ? s.queued_until : -kForever);
}

std::size_t DmaFluid::earliest() const {
  std::size_t first = 0;
  for (std::size_t i = 1; i < pending_.size(); ++i)
    if (pending_[i].at < pending_[first].at) first = i;
  return first;
}

bool DmaFluid::next(Done* done) {
  for (;;) {
    const std::size_t first = earliest();
    const double complete = pending_.empty() ? kForever : pending_[first].at;
    if (complete <= now_ + kTiny) {
      *done = pending_[first];
      pending_[first] = pending_.back();
      pending_.pop_back();
      Stream& s = streams_[done->stream];
      ++s.finished;
      s.queued_until = done->at + 2;
      return true;
    }
    unsigned streams = 0;  // that have something to take
    double until = complete;
    for (std::size_t i = 0; i < kDmaStreams; ++i) {
      const double wake = wakes(streams_[i]);
      if (wake <= now_ + kTiny)
        streams |= 1U << i;
      else
        until = std::min(until, wake);
    }
    if (streams == 0) {
      if (until == kForever) return false;
      now_ = until;
      continue;
    }
    flow(streams, until);
  }
}

/// Requests complete by now.
double DmaFluid::completed() {
  while (!history_.empty() && history_.front().c1 <= now_ + kTiny) {
    complete_ = history_.front().x1;
    history_.erase(0);
  }
  if (history_.empty() || history_.front().c0 >= now_) return complete_;
  const Stretch& s = history_.front();
  return s.x0 + (now_ - s.c0) / s.slope();
}

/// Takes requests of `streams` in turn until one of them has none left, or until then.
void DmaFluid::flow(unsigned streams, double until) {
  double count = 0, least = kForever;
  for (std::size_t i = 0; i < kDmaStreams; ++i) {
    if ((streams >> i & 1U) == 0) continue;
    ++count;
    least = std::min(least, streams_[i].taking.front().requests);
    // Also what is left where it takes less time than a double can tell.
    if (least <= kTiny || now_ + least / rate_ <= now_) return finish_taken(i, now_);
  }
  const double outstanding = taken_ - completed();
  // How fast places become free, and until when.
  double freed = 0, change = kForever;
  if (!history_.empty()) {
    const Stretch& s = history_.front();
    const bool flowing = s.c0 <= now_ + kTiny;
    freed = flowing ? 1 / s.slope() : 0;
    change = flowing ? s.c1 : s.c0;
  }
  const bool full = outstanding >= window_ - kTiny;
  const double speed = full ? std::min(freed, rate_) : rate_;
  double end = std::min(until, change);
  if (!full && rate_ > freed) end = std::min(end, now_ + (window_ - outstanding) / (rate_ - freed));
  if (full && history_.size() == 1 && freed > 0) end = until;  // what is taken continues it
  if (speed <= 0) {
    now_ = end;
    return;
  }
  end = std::min(end, now_ + least * count / speed);
  take(streams, speed * (end - now_));
  now_ = end;
  for (std::size_t i = 0; i < kDmaStreams; ++i)
    if ((streams >> i & 1U) != 0 && streams_[i].taking.front().requests <= kTiny)
      finish_taken(i, last_complete_);
}

/// The memory serves what was taken in its order, not faster than the window or the DMA allow.
void DmaFluid::take(unsigned streams, double requests) {
  double count = 0, bursts = 0;
  for (std::size_t i = 0; i < kDmaStreams; ++i) {
    if ((streams >> i & 1U) == 0) continue;
    ++count;
    bursts += streams_[i].taking.front().bursts;
  }
  const double memory = bursts / count * rates_.burst_cycles(streams);
  const double latency = request_latency(p_.memory, streams);
  // A refresh stops what waits for answers as well as what moves data.
  const double served = std::max(memory, (latency + memory) / window_) / rates_.available();
  const double slope = std::max(served, 1 / rate_);
  const bool idle = last_complete_ < now_;
  const double begin =
      std::max(last_complete_, now_ + latency + (idle ? rates_.open_latency(streams) : 0));
  const double end = begin + requests * slope;
  for (std::size_t i = 0; i < kDmaStreams; ++i) {
    if ((streams >> i & 1U) == 0) continue;
    TileTransfer& t = streams_[i].taking.front();
    if (t.first_arrival == 0) t.first_arrival = begin + slope;
    t.requests -= requests / count;
  }
  if (!history_.empty() && std::abs(history_.back().c1 - begin) < kTiny &&
      std::abs(history_.back().slope() - slope) < kTiny * slope) {
    history_.back().x1 += requests;
    history_.back().c1 = end;
  } else if (requests > 0) {
    history_.push_back({taken_, begin, taken_ + requests, end});
  }
  taken_ += requests;
  last_complete_ = end;
}

void DmaFluid::finish_taken(std::size_t stream, double at) {
  Stream& s = streams_[stream];
  Done done;
  done.stream = stream;
  done.transfer = s.taking.front();
  s.taking.erase(0);
  s.retired = std::max({s.retired, std::ceil(at - 1e-6), done.transfer.usable});
  done.at = s.retired;
  pending_.push_back(done);
}

bool DmaFluid::append_state(double from, std::vector<double>* state) const {
  for (const Stream& s : streams_) {
    state->push_back(static_cast<double>(s.pushed - s.finished));
    for (const TileTransfer& t : s.taking) {
      state->push_back(t.requests);
      state->push_back(std::max(t.usable, now_) - from);
    }
  }
  for (const Done& d : pending_) state->push_back(d.at - from);
  state->push_back(now_ - from);
  state->push_back(std::max(last_complete_, now_) - from);
  return true;
}

}  // namespace bitjoule
