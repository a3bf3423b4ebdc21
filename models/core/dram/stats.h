// What a DRAM counted since its cycle 0: integers only, priced and printed elsewhere.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#include "core/dram/config.h"

namespace bitjoule {

/// Counts of integer samples, exact below 65536 and lumped together above.
class Histogram {
 public:
  void add(std::int64_t value, std::int64_t times = 1) {
    const std::int64_t bin = std::min(value, kExact);
    if (bin >= static_cast<std::int64_t>(bins_.size())) grow(bin);
    bins_[static_cast<std::size_t>(bin)] += times;
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = std::max(max_, value);
    sum_ += times * value;
    count_ += times;
  }
  /// All samples of `other`, each `times` times.
  void add(const Histogram& other, std::int64_t times);
  std::int64_t count() const { return count_; }
  std::int64_t min() const { return count_ > 0 ? min_ : 0; }
  std::int64_t max() const { return max_; }
  double mean() const;
  /// Everything that it holds, to be stored.
  auto parts() { return std::tie(bins_, count_, sum_, min_, max_); }
  auto parts() const { return std::tie(bins_, count_, sum_, min_, max_); }
  /// The smallest sample that at least `share` of the samples do not exceed (nearest rank).
  std::int64_t percentile(double share) const;

 private:
  static constexpr std::int64_t kExact = 65536;
  void grow(std::int64_t bin);
  std::vector<std::int64_t> bins_;
  std::int64_t count_ = 0, sum_ = 0, min_ = 0, max_ = 0;
};

/// Bytes moved over time in at most kBins bins; the bin width doubles when time outgrows them.
class BandwidthTimeline {
 public:
  /// Bins of 2^`log2_cycles` cycles at first.
  explicit BandwidthTimeline(int log2_cycles = 6) : log2_width_(log2_cycles) {}
  /// Adds bytes whose last beat ends at `cycle`.
  void add(std::int64_t cycle, std::int64_t bytes, bool write) {
    std::int64_t bin = (cycle - 1) >> log2_width_;
    while (bin >= kBins) halve(), bin = (cycle - 1) >> log2_width_;
    if (bin >= static_cast<std::int64_t>(read_.size())) grow(bin);
    (write ? write_ : read_)[static_cast<std::size_t>(bin)] += bytes;
  }
  /// The last cycle of the bin of `cycle`, as long as no later one comes.
  std::int64_t bin_end(std::int64_t cycle) const {
    return (((cycle - 1) >> log2_width_) + 1) << log2_width_;
  }
  /// Appends nothing but whole bins: for sums over several timelines.
  void append_bin(std::int64_t read_bytes, std::int64_t write_bytes) {
    read_.push_back(read_bytes);
    write_.push_back(write_bytes);
  }
  std::int64_t bin_cycles() const { return std::int64_t{1} << log2_width_; }
  int log2_bin_cycles() const { return log2_width_; }
  const std::vector<std::int64_t>& read_bytes() const { return read_; }
  const std::vector<std::int64_t>& write_bytes() const { return write_; }

  /// Everything that it holds, to be stored.
  auto parts() { return std::tie(log2_width_, read_, write_); }
  auto parts() const { return std::tie(log2_width_, read_, write_); }

  static constexpr std::int64_t kBins = 512;

 private:
  void halve();
  void grow(std::int64_t bin);
  int log2_width_;
  std::vector<std::int64_t> read_, write_;
};

/// Where the clocks of the data bus went, summed over the channels. The gap before a data burst is
/// charged to one cause, in this order: no request waiting (`idle`), a refresh since the last
/// burst, the burst's own row not open (`activate`), a change of direction or rank (`turnaround`),
/// and the rest (`column`: tCCD_L, command bus, queue not deep enough). They sum to channels *
/// cycles.
struct DataBusCycles {
  std::int64_t busy = 0, idle = 0, refresh = 0, activate = 0, turnaround = 0, column = 0;
};

/// Memory clocks of ranks by their state, summed over all of them: the first four sum to clocks x
/// ranks.
struct DramStates {
  std::int64_t open = 0;         ///< a bank is open: from ACT to PRE
  std::int64_t closed = 0;       ///< none is, and no refresh under way
  std::int64_t power_down = 0;   ///< nor is it awake
  std::int64_t refreshing = 0;   ///< none is, and a refresh under way
  std::int64_t open_banks = 0;   ///< clocks that a bank is open, summed over the banks
  std::int64_t power_downs = 0;  ///< entries into power-down

  void add(const DramStates& other, std::int64_t times) {
    open += times * other.open;
    closed += times * other.closed;
    power_down += times * other.power_down;
    refreshing += times * other.refreshing;
    open_banks += times * other.open_banks;
    power_downs += times * other.power_downs;
  }
};

struct DramStats {
  Femtoseconds period{0};              ///< of the clock that `cycles` and the timeline count
  std::int64_t cycles = 0;             ///< memory clocks since cycle 0; of the ideal model: fs
  std::int64_t reads = 0, writes = 0;  ///< bursts
  std::int64_t read_bytes = 0, write_bytes = 0;
  std::int64_t row_hits = 0, row_misses = 0, row_conflicts = 0;  ///< bursts; ideal: none
  std::array<std::int64_t, kDramCommands> commands{};            ///< by DramCommand
  std::int64_t ranks = 0;                                        ///< of all channels; ideal: 0
  std::int64_t rank_refreshes = 1;    ///< REFpb that refresh as much as one REF
  DramStates states;                  ///< ideal: none
  std::int64_t data_clock_syncs = 0;  ///< LPDDR5 CAS commands
  Femtoseconds latency_unit{0};       ///< tCK; of the ideal model: 1 ns
  Histogram latency;  ///< in latency_unit, a request's acceptance to its last data beat
  std::int64_t queued_cycles = 0;  ///< sum over bursts of the cycles spent in a queue
  std::int64_t max_queued = 0;     ///< most bursts queued at once in one channel
  DataBusCycles bus;
  BandwidthTimeline timeline;
};

}  // namespace bitjoule
