#include "core/dram/stats_sum.h"

#include <algorithm>
#include <limits>

namespace bitjoule {
namespace {

__extension__ using wide = __int128;

void add_counts(const DramStats& part, std::int64_t times, DramStats* sum) {
  sum->reads += times * part.reads;
  sum->writes += times * part.writes;
  sum->read_bytes += times * part.read_bytes;
  sum->write_bytes += times * part.write_bytes;
  sum->row_hits += times * part.row_hits;
  sum->row_misses += times * part.row_misses;
  sum->row_conflicts += times * part.row_conflicts;
  for (std::size_t i = 0; i < part.commands.size(); ++i) {
    sum->commands[i] += times * part.commands[i];
  }
  sum->states.add(part.states, times);
  sum->data_clock_syncs += times * part.data_clock_syncs;
  sum->latency.add(part.latency, times);
  sum->queued_cycles += times * part.queued_cycles;
  sum->max_queued = std::max(sum->max_queued, part.max_queued);
  sum->bus.busy += times * part.bus.busy;
  sum->bus.idle += times * part.bus.idle;
  sum->bus.refresh += times * part.bus.refresh;
  sum->bus.activate += times * part.bus.activate;
  sum->bus.turnaround += times * part.bus.turnaround;
  sum->bus.column += times * part.bus.column;
}

/// Bytes of one direction that repetitions of an epoch have moved by a time from the first's start.
class Moved {
 public:
  Moved(const std::vector<std::int64_t>& bins, std::int64_t width, std::int64_t cycles)
      : bins_(bins), width_(width), cycles_(cycles) {
    before_.push_back(0);
    for (const std::int64_t b : bins) before_.push_back(before_.back() + b);
  }
  std::int64_t by(wide time) const {
    const auto within = static_cast<std::int64_t>(time % cycles_);
    return static_cast<std::int64_t>(time / cycles_) * before_.back() + within_one(within);
  }

 private:
  std::int64_t within_one(std::int64_t time) const {
    const std::int64_t bin = time / width_;
    if (bin >= static_cast<std::int64_t>(bins_.size())) return before_.back();
    const std::int64_t length = std::min(width_, cycles_ - bin * width_);  // the last is cut off
    const std::size_t i = static_cast<std::size_t>(bin);
    return before_[i] + static_cast<std::int64_t>(wide(bins_[i]) * (time - bin * width_) / length);
  }

  const std::vector<std::int64_t>& bins_;
  std::int64_t width_, cycles_;
  std::vector<std::int64_t> before_;  // each bin
};

/// Adds what the epochs move in each bin; `start` is the first one's place.
void add_timeline(const DramEpochs& epochs, wide start, wide width,
                  std::vector<std::int64_t>* reads, std::vector<std::int64_t>* writes) {
  const DramStats& s = *epochs.stats;
  const Moved read(s.timeline.read_bytes(), s.timeline.bin_cycles(), s.cycles);
  const Moved written(s.timeline.write_bytes(), s.timeline.bin_cycles(), s.cycles);
  const wide end = start + wide(s.cycles) * epochs.times;
  for (wide from = start; from < end;) {
    const wide bin = from / width;
    const wide to = std::min(end, (bin + 1) * width);
    const auto i = static_cast<std::size_t>(bin);
    (*reads)[i] += read.by(to - start) - read.by(from - start);
    (*writes)[i] += written.by(to - start) - written.by(from - start);
    from = to;
  }
}

BandwidthTimeline timeline_of(const std::vector<DramEpochs>& epochs, wide cycles) {
  int log2_width = 62;
  for (const DramEpochs& e : epochs) {
    log2_width = std::min(log2_width, e.stats->timeline.log2_bin_cycles());
  }
  while (cycles > wide(BandwidthTimeline::kBins) << log2_width) ++log2_width;
  const wide width = wide(1) << log2_width;
  const auto bins = static_cast<std::size_t>((cycles + width - 1) / width);
  std::vector<std::int64_t> reads(bins), writes(bins);
  wide start = 0;
  for (const DramEpochs& e : epochs) {
    add_timeline(e, start, width, &reads, &writes);
    start += wide(e.stats->cycles) * e.times;
  }
  BandwidthTimeline result(log2_width);
  for (std::size_t i = 0; i < bins; ++i) result.append_bin(reads[i], writes[i]);
  return result;
}

}  // namespace

DramStats sum_of_epochs(const std::vector<DramEpochs>& epochs) {
  DramStats sum;
  std::vector<DramEpochs> used;
  wide cycles = 0;
  for (const DramEpochs& e : epochs) {
    if (e.times <= 0 || e.stats->cycles <= 0) continue;
    used.push_back(e);
    cycles += wide(e.stats->cycles) * e.times;
    add_counts(*e.stats, e.times, &sum);
  }
  if (used.empty()) return sum;
  sum.period = used[0].stats->period;
  sum.latency_unit = used[0].stats->latency_unit;
  sum.ranks = used[0].stats->ranks;
  sum.rank_refreshes = used[0].stats->rank_refreshes;
  sum.cycles =
      static_cast<std::int64_t>(std::min<wide>(cycles, std::numeric_limits<std::int64_t>::max()));
  sum.timeline = timeline_of(used, cycles);
  return sum;
}

}  // namespace bitjoule
