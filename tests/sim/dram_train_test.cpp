// Decisions by keys and trains (core/dram/bids.h, train.h) change nothing: the same statistics and
// the same commands as where every bank is asked for every command.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <tuple>

#include "core/dram/cycle.h"
#include "core/dram/driver.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule::test::dram_train_test {
namespace {

/// One to four streams, each reads or writes a place of its own, in requests of one to sixteen
/// bursts; they take turns after runs of random length. Now and then there is a pause, or a stream
/// goes on elsewhere, in some cases after most of its runs. Requests of four, eight, ... bursts
/// begin with one for channel 0 of four.
class RandomStreams : public RequestSource {
 public:
  RandomStreams(const CycleDram& dram, std::int64_t bursts, unsigned seed)
      : left_(bursts), burst_(dram.burst().value), capacity_(dram.capacity().value), random_(seed) {
    streams_.resize(static_cast<std::size_t>(1 + below(4)));
    longest_ = std::int64_t{1} << below(9);
    bursts_ = below(2) == 0 ? 1 : 1 + below(16);
    pauses_ = below(3) == 0;
    mixed_ = below(3) == 0;
    stays_ = below(3) == 0 ? 2 : 40;
    unit_ = bursts_ % 4 == 0 ? 4 : 1;
    for (Stream& s : streams_) {
      s.write = below(5) < 2;
      s.at = place();
    }
  }
  bool next(TimedRequest* r) override {
    if (left_ <= 0) return false;
    if (run_-- == 0) {
      run_ = below(longest_);
      current_ = static_cast<std::size_t>(below(static_cast<std::int64_t>(streams_.size())));
      if (pauses_ && below(4) == 0) cycle_ += below(5000);
      if (below(stays_) == 0) streams_[current_].at = place();
    }
    if (mixed_)
      current_ = static_cast<std::size_t>(below(static_cast<std::int64_t>(streams_.size())));
    Stream& s = streams_[current_];
    if (s.at + bursts_ > capacity_ / burst_) s.at = 0;
    r->request = {s.at * burst_, bursts_ * burst_, s.write, 0};
    r->cycle = cycle_;
    s.at += bursts_;
    left_ -= bursts_;
    return true;
  }

 private:
  struct Stream {
    std::int64_t at = 0;
    bool write = false;
  };
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }
  std::int64_t place() { return below(capacity_ / burst_ / unit_) * unit_; }
  std::int64_t left_, burst_, capacity_, unit_ = 1;
  std::mt19937_64 random_;
  std::vector<Stream> streams_;
  std::size_t current_ = 0;
  std::int64_t run_ = 0, longest_ = 1, bursts_ = 1, cycle_ = 0, stays_ = 40;
  bool pauses_ = false, mixed_ = false;
};

/// How many samples there are of each value; the room that a histogram has does not count.
std::vector<std::int64_t> samples_of(const Histogram& h) {
  std::vector<std::int64_t> bins = std::get<0>(h.parts());
  while (!bins.empty() && bins.back() == 0) bins.pop_back();
  return bins;
}

/// Values of its own: the statistics may be gone when two are compared.
auto parts_of(const DramStats& s) {
  const auto copied = [](const auto&... part) { return std::make_tuple(part...); };
  return std::make_tuple(
      s.cycles, s.reads, s.writes, s.row_hits, s.row_misses, s.row_conflicts, s.commands,
      std::make_tuple(s.states.open, s.states.closed, s.states.power_down, s.states.refreshing,
                      s.states.open_banks, s.states.power_downs),
      s.data_clock_syncs, samples_of(s.latency), s.latency.max(), s.queued_cycles, s.max_queued,
      std::make_tuple(s.bus.busy, s.bus.idle, s.bus.refresh, s.bus.activate, s.bus.turnaround,
                      s.bus.column),
      std::apply(copied, s.timeline.parts()));
}

/// The commands are those of channel 0.
struct Course {
  DramStats stats;
  std::vector<DramCommandRecord> commands;
  DramShortcuts shortcuts;
};

enum class Way { kTrains, kTrainsByEvents, kOneByOne };

Course course_of(const CycleDramConfig& config, Way way, unsigned seed) {
  CycleDram dram(config);
  Course c;
  dram.record(&c.commands);
  if (way == Way::kOneByOne) dram.take_no_shortcuts();
  RandomStreams streams(dram, 4000, seed);
  c.stats = way == Way::kTrains ? drive(&dram, &streams) : drive_by_events(&dram, &streams);
  c.shortcuts = dram.shortcuts();
  return c;
}

bool same(const std::vector<DramCommandRecord>& a, const std::vector<DramCommandRecord>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const DramCommandRecord& x, const DramCommandRecord& y) {
                      return std::tie(x.cycle, x.command, x.bank, x.row, x.automatic) ==
                             std::tie(y.cycle, y.command, y.bank, y.row, y.automatic);
                    });
}

struct Windowed {
  DramStats stats;
  std::vector<std::int64_t> ends;                 // cycle and tag of every event
  std::vector<decltype(parts_of(stats))> midway;  // in the cycles of some of them
};

/// Of requests for several channels: each of the first `sets` has one or two bursts for each of
/// `channels`, but for one of `odd`, which has them for some neighbours, as all the others do.
struct Sets {
  std::uint64_t sets = 0;
  std::int64_t channels = 1, odd = 1 << 30;
  std::size_t looks = 1 << 30;  // statistics after every so many events
};

/// Requests of a random kind to one of a few rows, so many at most in flight.
Windowed windowed(CycleDram* dram, unsigned seed, const Sets& sets = {}) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  const std::int64_t window = 1 + below(24), burst = dram->burst().value;
  Windowed w;
  DramEvent event;
  std::int64_t now = 0, in_flight = 0;
  bool waits = false;
  for (std::uint64_t i = 0; i < 1500 || in_flight > 0;) {
    if (i < 1500 && !waits && in_flight < window) {
      const bool whole = i < sets.sets && below(static_cast<std::uint64_t>(sets.odd)) > 0;
      const std::int64_t unit = whole ? sets.channels * burst : burst;
      const std::int64_t address = below(48) * 32768 + below(64) * unit;
      waits = dram->offer({address, (1 + below(2)) * unit, below(3) == 0, i++}, now) == kNever;
      ++in_flight;
    } else if (dram->advance(kNever, &event)) {
      now = event.cycle;
      w.ends.insert(w.ends.end(), {event.cycle, static_cast<std::int64_t>(event.tag)});
      if (w.ends.size() / 2 % sets.looks == 0) w.midway.push_back(parts_of(dram->stats(now)));
      if (event.kind == DramEvent::Kind::kAccepted) {
        waits = false;
      } else {
        --in_flight;
      }
    } else {
      break;
    }
  }
  w.stats = dram->stats(now);
  return w;
}

}  // namespace

TEST_CASE("dram trains: no cycle, command or count differs from burst by burst") {
  const std::vector<std::vector<Override>> policies = {
      {},
      {{"controller.unified_queue", "true"}},
      {{"controller.refresh", "none"}},
      {{"controller.refresh", "all_bank"}, {"timing.tREFI", "700"}},
      {{"controller.age_limit", "150"}},
      {{"controller.power_down", "60"}},
      {{"controller.read_queue", "70"}, {"controller.write_queue", "6"}},
      {{"controller.watermarks", "{high: 1, low: 0}"}, {"controller.write_queue", "64"}},
      {{"controller.release_on_activate", "true"}},
      {{"controller.release_on_activate", "false"}},
      {{"mapping", "[row, bank, bank_group, column, channel]"}},
      {{"mapping", "[row, column, bank, bank_group, channel]"}}};
  unsigned seed = 1;
  DramShortcuts shortcuts;
  std::int64_t bursts = 0;
  for (const std::string& file : shipped_files("dram")) {
    for (const std::vector<Override>& overrides : policies) {
      const DramConfig read = read_document<DramConfig>(file_source(file), {});
      if (!std::holds_alternative<CycleDramConfig>(read.model)) continue;
      const auto config =
          std::get<CycleDramConfig>(read_document<DramConfig>(file_source(file), overrides).model);
      for (int i = 0; i < 5; ++i, ++seed) {
        CAPTURE(file);
        CAPTURE((overrides.empty() ? "" : overrides[0].path + "=" + overrides[0].value));
        CAPTURE(seed);
        const Course trains = course_of(config, Way::kTrains, seed);
        const Course one_by_one = course_of(config, Way::kOneByOne, seed);
        CHECK(one_by_one.shortcuts.in_trains + one_by_one.shortcuts.by_keys == 0);
        CHECK((parts_of(trains.stats) == parts_of(one_by_one.stats)));
        CHECK(same(trains.commands, one_by_one.commands));
        const Course events = course_of(config, Way::kTrainsByEvents, seed);
        CHECK((parts_of(events.stats) == parts_of(one_by_one.stats)));
        CHECK(same(events.commands, one_by_one.commands));
        shortcuts.add(trains.shortcuts, 1);
        bursts += trains.stats.reads + trains.stats.writes;
      }
    }
  }
  MESSAGE(shortcuts.in_trains << " of " << bursts << " bursts went in trains, " << shortcuts.by_keys
                              << " by keys, seeds 1 to " << seed - 1);
  CHECK(shortcuts.in_trains > bursts / 5);
  CHECK(shortcuts.in_trains + shortcuts.by_keys > bursts / 10 * 9);
}

/// As a DMA does that keeps a window of requests in flight: few reads beside few writes, so that
/// half an activate is often all that can go, up to the next refresh.
TEST_CASE("dram trains: half an activate beside bursts of the other queue") {
  unsigned seed = 1;
  for (const char* interval : {"300", "450", "700"}) {
    const std::vector<Override> overrides = {{"timing.tREFI", interval}, {"timing.tRFC", "100"}};
    const auto config = std::get<CycleDramConfig>(
        read_document<DramConfig>(file_source("lpddr5-6400.yaml"), overrides).model);
    for (int i = 0; i < 20; ++i, ++seed) {
      CAPTURE(seed);
      CycleDram fast(config), slow(config);
      slow.take_no_shortcuts();
      const Windowed a = windowed(&fast, seed), b = windowed(&slow, seed);
      CHECK(a.ends == b.ends);
      CHECK((parts_of(a.stats) == parts_of(b.stats)));
    }
  }
}

/// Channels in step (core/dram/cycle.h), which requests for some of them part, and their joining.
TEST_CASE("dram trains: channels in step do what each would do for itself") {
  const char* const in_turn = "[row, bank, column, bank_group, channel]";
  const std::vector<std::vector<Override>> machines = {
      {},
      {{"timing.tREFI", "900"}},
      {{"controller.unified_queue", "true"}},
      {{"controller.page_policy", "closed"}},
      {{"controller.power_down", "20"}},
      {{"controller.read_queue", "6"}, {"controller.write_queue", "5"}},
      {{"controller.age_limit", "150"}, {"controller.release_on_activate", "false"}},
      {{"organization.channels", "2"}}};
  unsigned seed = 1;
  std::int64_t in_step = 0, bursts = 0, joined = 0, parted = 0;
  for (const char* file : {"lpddr5-6400-x64.yaml", "ddr4-2400-x8.yaml"}) {
    for (std::vector<Override> overrides : machines) {
      CAPTURE(file);
      CAPTURE((overrides.empty() ? "" : overrides[0].path + "=" + overrides[0].value));
      overrides.insert(overrides.begin(), {"mapping", in_turn});
      if (overrides.back().path != "organization.channels")
        overrides.push_back({"organization.channels", "4"});
      const auto config =
          std::get<CycleDramConfig>(read_document<DramConfig>(file_source(file), overrides).model);
      for (int i = 0; i < 8; ++i, ++seed) {
        CAPTURE(seed);
        CycleDram fast(config), slow(config);
        std::vector<DramCommandRecord> mine, theirs;
        fast.record(&mine);
        slow.record(&theirs);
        slow.take_no_shortcuts();
        Sets sets{1500, config.organization.channels};
        if (i % 4 == 1) sets.sets = 100 * seed % 701;
        if (i % 4 >= 2) sets.odd = 60;
        if (i >= 4) sets.looks = 31;
        const Windowed a = windowed(&fast, seed, sets);
        const Windowed b = windowed(&slow, seed, sets);
        CHECK(a.ends == b.ends);
        CHECK((a.midway == b.midway));
        CHECK((parts_of(a.stats) == parts_of(b.stats)));
        CHECK(same(mine, theirs));
        CHECK(slow.bursts_in_step() == 0);
        (sets.odd == 60 ? joined : in_step) += fast.bursts_in_step();
        (sets.odd == 60 ? parted : bursts) += a.stats.reads + a.stats.writes;
      }
    }
  }
  MESSAGE(in_step << " of " << bursts << " bursts went in step, beside requests for some channels "
                  << joined << " of " << parted << ", seeds 1 to " << seed - 1);
  CHECK(in_step > bursts / 2);
  CHECK(joined > parted / 4);
}

}  // namespace bitjoule::test::dram_train_test
