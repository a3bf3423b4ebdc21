#include "core/mapping/memory_rates.h"

#include <algorithm>
#include <cmath>

#include "core/dram/engine.h"
#include "core/mapping/memory_port.h"

namespace bitjoule {
namespace {

constexpr std::array<Stream, 3> kSampled = {Stream::kInputs, Stream::kWeights, Stream::kOutputs};

// Of the layer's steps, in parts; bursts of each until the queues are as always, and then measured.
constexpr std::int64_t kPlaces = 4, kWarm = 64, kMeasured = 160;

/// A stream's requests from some tile on.
class Requests {
 public:
  Requests(const StepOrder& order, const TileLayout& layout, Stream stream, std::int64_t step,
           RequestSize size)
      : order_(order), layout_(layout), stream_(stream), size_(size) {
    fills_ = order.total() / order.period(stream);
    fill_ = std::min(fills_ - 1, step / order.period(stream));
    next_tile();
  }
  std::int64_t address() const { return cursor_.address(); }
  std::int64_t bursts() const { return cursor_.bursts(); }
  void next() {
    cursor_.next();
    if (cursor_.done()) next_tile();
  }

 private:
  void next_tile() {
    for (std::int64_t tried = 0; tried <= fills_; ++tried) {
      const Transfer t = layout_.transfer(stream_, order_.index(fill_ * order_.period(stream_)));
      fill_ = (fill_ + 1) % fills_;
      cursor_ = RequestCursor(t.region, size_);
      if (!cursor_.done()) return;
    }
  }

  const StepOrder& order_;
  const TileLayout& layout_;
  Stream stream_;
  RequestSize size_;
  RequestCursor cursor_;
  std::int64_t fills_ = 1, fill_ = 0;
};

}  // namespace

double request_latency(const MemoryPort& memory, unsigned streams) {
  constexpr unsigned kResults = 4;
  return streams == kResults ? memory.write_latency : memory.hit_latency;
}

PeakRates::PeakRates(const MemoryPort& memory)
    : burst_cycles_(static_cast<double>(memory.burst_bytes) / memory.bytes_per_cycle),
      open_latency_(memory.open_latency) {}

SampledRates::SampledRates(const MappingProblem& problem, const Tiling& tiling,
                           const TileLayout& layout)
    : p_(problem), layout_(layout), order_(tiling, layout) {}

double SampledRates::burst_cycles(unsigned streams) { return rate(streams).cycles; }
double SampledRates::open_latency(unsigned streams) { return rate(streams).open; }

const SampledRates::Rate& SampledRates::rate(unsigned streams) {
  Rate& rate = rates_[streams];
  if (rate.cycles == 0) rate = sample(streams);
  return rate;
}

SampledRates::Rate SampledRates::sample(unsigned streams) const {
  const std::unique_ptr<DramEngine> engine = without_stops(p_.memory.sampled->config()).engine();
  const DmaConfig& dma = p_.machine.dma;
  const RequestSize size{p_.memory.burst_bytes, dma.bursts_per_request(p_.memory.burst_bytes)};
  const double core = static_cast<double>(p_.memory.core_period.value) /
                      static_cast<double>(engine->clock().edge(Cycles(1)).value);
  double now = 0, sent = 0, measured = 0, opened = 0;  // engine cycles
  std::int64_t outstanding = 0, bursts = 0;
  std::vector<std::int64_t> bursts_of_tag;
  std::vector<std::uint64_t> free_tags;
  for (std::int64_t place = 0; place < kPlaces; ++place) {
    const std::int64_t step = order_.total() * (2 * place + 1) / (2 * kPlaces);
    std::vector<Requests> sources;
    for (std::size_t i = 0; i < kSampled.size(); ++i)
      if ((streams >> i & 1U) != 0) sources.emplace_back(order_, layout_, kSampled[i], step, size);
    std::vector<bool> writes;
    for (std::size_t i = 0; i < kSampled.size(); ++i)
      if ((streams >> i & 1U) != 0) writes.push_back(kSampled[i] == Stream::kOutputs);
    std::size_t turn = 0;
    bool offered = false;
    std::int64_t done = 0, warm = -1;
    double begin = now, first_sent = -1;
    while (done < kWarm + kMeasured) {
      while (!offered && outstanding < dma.outstanding) {
        Requests& source = sources[turn];
        DramRequest request;
        request.address = source.address();
        request.bytes = source.bursts() * size.burst_bytes;
        request.write = writes[turn];
        if (free_tags.empty()) {
          free_tags.push_back(bursts_of_tag.size());
          bursts_of_tag.push_back(0);
        }
        request.tag = free_tags.back();
        free_tags.pop_back();
        bursts_of_tag[request.tag] = source.bursts();
        source.next();
        turn = turn + 1 < sources.size() ? turn + 1 : 0;
        sent = std::max(sent + core / static_cast<double>(dma.requests_per_cycle), now);
        ++outstanding;
        if (first_sent < 0) first_sent = std::round(sent);
        const std::int64_t accepted = engine->offer(request, std::llround(sent));
        offered = accepted == kNever;
        if (!offered) sent = std::max(sent, static_cast<double>(accepted));
      }
      DramEvent event;
      if (!engine->advance(kNever, &event)) break;
      now = std::max(now, static_cast<double>(event.cycle));
      if (event.kind == DramEvent::Kind::kAccepted) {
        offered = false;
        sent = std::max(sent, now);
        continue;
      }
      --outstanding;
      const std::int64_t served = bursts_of_tag[event.tag];
      free_tags.push_back(event.tag);
      if (done == 0) {
        const double alone =
            request_latency(p_.memory, streams) +
            static_cast<double>(served) * PeakRates(p_.memory).burst_cycles(streams);
        opened += std::max(0.0, (now - first_sent) / core - alone);
      }
      done += served;
      if (warm < 0 && done >= kWarm) warm = done, begin = now;
    }
    bursts += done - warm;
    measured += now - begin;
    while (outstanding > 0) {  // the place is left with nothing in flight
      DramEvent event;
      if (!engine->advance(kNever, &event)) break;
      now = std::max(now, static_cast<double>(event.cycle));
      if (event.kind == DramEvent::Kind::kAccepted) continue;
      --outstanding;
      free_tags.push_back(event.tag);
    }
  }
  Rate rate;
  rate.cycles = measured / core / static_cast<double>(std::max<std::int64_t>(1, bursts));
  rate.open = opened / static_cast<double>(kPlaces);
  return rate;
}

}  // namespace bitjoule
