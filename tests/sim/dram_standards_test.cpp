// Every shipped standard on random traffic, judged by a checker that knows only JEDEC's rules.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "core/dram/cycle.h"
#include "core/dram/driver.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"
#include "support/dram_checker.h"

namespace bitjoule::test::dram_standards_test {
namespace {

constexpr unsigned kSeed = 20240611;

/// Bursts to a few rows of random banks, in runs, with pauses now and then.
class RandomTraffic : public RequestSource {
 public:
  RandomTraffic(std::int64_t count, std::int64_t burst, std::int64_t capacity, unsigned seed)
      : left_(count), burst_(burst), capacity_(capacity), random_(seed) {}
  bool next(TimedRequest* r) override {
    if (left_-- == 0) return false;
    if (run_-- == 0) {
      run_ = static_cast<std::int64_t>(random_() % 12);
      write_ = random_() % 3 == 0;
      const std::uint64_t place = random_() % 4 == 0 ? random_() : random_() % 4096 * 8191;
      address_ = static_cast<std::int64_t>(place % static_cast<std::uint64_t>(capacity_ / burst_)) *
                 burst_;
      if (random_() % 64 == 0) cycle_ += static_cast<std::int64_t>(random_() % 4000);
    }
    r->request = {address_, burst_, write_, 0};
    r->cycle = cycle_;
    address_ = (address_ + burst_) % capacity_;
    return true;
  }

 private:
  std::int64_t left_, burst_, capacity_;
  std::mt19937_64 random_;
  std::int64_t run_ = 0, address_ = 0, cycle_ = 0;
  bool write_ = false;
};

/// The commands of channel 0 for so many bursts per channel.
std::vector<DramCommandRecord> trace_of(const CycleDramConfig& config, std::int64_t per_channel,
                                        bool shortcuts = true) {
  const std::int64_t bursts = per_channel * config.organization.channels;
  CycleDram dram(config);
  std::vector<DramCommandRecord> trace;
  dram.record(&trace);
  if (!shortcuts) dram.take_no_shortcuts();
  RandomTraffic traffic(bursts, dram.burst().value, dram.capacity().value, kSeed);
  const DramStats stats = drive(&dram, &traffic);
  CHECK(stats.reads + stats.writes == bursts);
  std::stable_sort(trace.begin(), trace.end(),
                   [](const auto& a, const auto& b) { return a.cycle < b.cycle; });
  return trace;
}

CycleDramConfig standard(const std::string& file, const std::vector<Override>& overrides = {}) {
  return std::get<CycleDramConfig>(read_document<DramConfig>(file_source(file), overrides).model);
}

std::vector<std::string> cycle_files() {
  std::vector<std::string> files;
  for (const std::string& file : shipped_files("dram")) {
    const DramConfig config = read_document<DramConfig>(file_source(file), {});
    if (std::holds_alternative<CycleDramConfig>(config.model)) files.push_back(file);
  }
  REQUIRE(files.size() == 9);
  return files;
}

std::int64_t shortest_activate_distance(const CycleDramConfig& config) {
  const auto& t = config.timing.values;
  return t.count("tRRD") != 0 ? t.at("tRRD") : t.at("tRRD_S");
}

void check_legal(const std::string& file, const std::vector<Override>& overrides) {
  const CycleDramConfig config = standard(file, overrides);
  const TraceChecker checker(config.organization, config.timing.values);
  const std::vector<DramCommandRecord> trace = trace_of(config, 6000);
  CHECK(checker.check(trace) == "");
  const std::vector<DramCommandRecord> slow = trace_of(config, 6000, false);
  CHECK(std::equal(trace.begin(), trace.end(), slow.begin(), slow.end(),
                   [](const DramCommandRecord& a, const DramCommandRecord& b) {
                     return a.cycle == b.cycle && a.command == b.command && a.bank == b.bank &&
                            a.row == b.row && a.automatic == b.automatic;
                   }));
}

struct Told {
  DramEvent::Kind kind;
  std::int64_t cycle;
  std::uint64_t tag;
  bool operator==(const Told& o) const {
    return kind == o.kind && cycle == o.cycle && tag == o.tag;
  }
};

/// All events for random requests of one to eight bursts, by a user who looks a random time ahead
/// and offers the next request when the one before was accepted, or a while later.
std::vector<Told> events_of(const CycleDramConfig& config, bool shortcuts,
                            std::int64_t bursts_before = 0) {
  CycleDram dram(config);
  dram.skip_orders(bursts_before);
  if (!shortcuts) dram.take_no_shortcuts();
  std::mt19937_64 random(kSeed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  const std::int64_t burst = dram.burst().value;
  std::vector<Told> told;
  DramEvent event;
  std::int64_t now = 0, address = 0;
  bool waits = false;
  const auto work = [&](std::int64_t limit) {
    while (dram.advance(limit, &event)) {
      REQUIRE(event.cycle < limit);
      now = std::max(now, event.cycle);
      told.push_back({event.kind, event.cycle, event.tag});
      if (event.kind == DramEvent::Kind::kAccepted) waits = false;
      if (below(3) == 0) return;
    }
    if (limit != kNever) now = std::max(now, limit);
  };
  for (std::uint64_t tag = 0; tag < 3000;) {
    if (!waits) {
      DramRequest r;
      r.bytes = burst * (1 + below(8));
      if (below(4) == 0) address = below(1 << 14) * 64 * burst;
      r.address = address;
      address += r.bytes;
      r.write = below(4) == 0;
      r.tag = tag++;
      const std::int64_t accepted = dram.offer(r, now);
      waits = accepted == kNever;
      if (!waits) told.push_back({DramEvent::Kind::kAccepted, accepted, r.tag});
    }
    work(now + 1 + below(40));
  }
  for (std::size_t before = 0; before != told.size();) {
    before = told.size();
    work(kNever);
  }
  return told;
}

}  // namespace

TEST_CASE("dram standards: commands that run ahead change no event") {
  const std::vector<std::vector<Override>> policies = {
      {},
      {{"controller.page_policy", "closed"}},
      {{"controller.unified_queue", "true"}},
      {{"controller.read_queue", "4"}, {"controller.write_queue", "3"}},
      {{"controller.age_limit", "50"}}};
  for (const std::string& file : cycle_files()) {
    for (const std::vector<Override>& overrides : policies) {
      CAPTURE(file);
      CAPTURE((overrides.empty() ? "" : overrides[0].path + "=" + overrides[0].value));
      const CycleDramConfig config = standard(file, overrides);
      const std::vector<Told> told = events_of(config, true);
      CHECK(told.size() == 2 * 3000);
      CHECK((told == events_of(config, false)));
    }
  }
}

TEST_CASE("dram standards: ages begin anew without a change of events") {
  for (const std::string& file : cycle_files()) {
    CAPTURE(file);
    const CycleDramConfig config = standard(file, {{"controller.age_limit", "200"}});
    CHECK((events_of(config, true, BankBids::kOrders - 300) == events_of(config, false)));
  }
}

TEST_CASE("dram standards: random traffic is legal, and shortcuts change no command") {
  MESSAGE("seed " << kSeed);
  const std::vector<std::vector<Override>> policies = {
      {},
      {{"mapping", "[row, column, bank, bank_group, channel]"}},
      {{"controller.page_policy", "closed"}},
      {{"controller.unified_queue", "true"}},
      {{"controller.scheduler", "fcfs"}},
      {{"controller.age_limit", "50"}},
      {{"controller.read_queue", "4"}, {"controller.write_queue", "3"}},
      {{"controller.release_on_activate", "true"}, {"controller.read_queue", "4"}},
      {{"controller.release_on_activate", "true"}, {"controller.scheduler", "fcfs"}}};
  for (const std::string& file : cycle_files()) {
    for (const std::vector<Override>& overrides : policies) {
      CAPTURE(file);
      CAPTURE((overrides.empty() ? "" : overrides[0].path + "=" + overrides[0].value));
      check_legal(file, overrides);
    }
  }
}

TEST_CASE("dram standards: per-bank refresh and several ranks are legal too") {
  for (const char* file : {"lpddr4-3200.yaml", "lpddr4-4266.yaml", "lpddr5-6400.yaml"}) {
    CAPTURE(file);
    check_legal(file, {{"controller.refresh", "per_bank"}});
    check_legal(file, {{"controller.refresh", "per_bank"}, {"controller.page_policy", "closed"}});
  }
  const std::vector<Override> two_ranks = {{"organization.ranks", "2"},
                                           {"mapping", "[row, bank, column, rank, bank_group]"}};
  for (const char* file :
       {"ddr4-2400-x8.yaml", "ddr4-3200-x8.yaml", "ddr4-3200-x16.yaml", "lpddr5-6400.yaml"}) {
    CAPTURE(file);
    check_legal(file, two_ranks);
  }
  for (const char* file : {"lpddr4-3200.yaml", "lpddr4-4266.yaml"}) {
    CAPTURE(file);
    check_legal(file, {two_ranks[0], {"mapping", "[row, bank, column, rank]"}});
  }
}

TEST_CASE("dram standards: the controller waits for no timing longer than it must") {
  // A trace that is legal must become illegal for every timing that is one clock longer: some
  // command came exactly when it was due. And so the checker is seen to check it.
  for (const std::string& file : cycle_files()) {
    const CycleDramConfig config = standard(file);
    const std::vector<DramCommandRecord> trace = trace_of(config, 40000);
    for (const auto& entry : config.timing.values) {
      const std::string& name = entry.first;
      const std::int64_t value = entry.second;
      if (name == "tXP" || name == "tCKE") continue;  // never powered down
      if (name.rfind("tREFI", 0) == 0 || name == "tRFCpb" || name.rfind("tPBR", 0) == 0) continue;
      if (name == "tCS" || name == "tWCKPST") continue;  // of several ranks, of the CAS command
      if (name == "tFAW" && value < 4 * shortest_activate_distance(config)) continue;  // hidden
      CAPTURE(file);
      CAPTURE(name);
      auto longer = config.timing.values;
      // LPDDR5's WCK has stopped by the end of tWTR_S, so that CAS takes the clock after it.
      longer[name] += name == "tWTR_S" && longer.count("tWCKPST") != 0 ? 2 : 1;
      CHECK(TraceChecker(config.organization, longer).check(trace) != "");
    }
  }
}

TEST_CASE("dram standards: refreshes keep their pace, and pauses change nothing") {
  for (const std::string& file : cycle_files()) {
    CAPTURE(file);
    const CycleDramConfig config = standard(file);
    const std::vector<DramCommandRecord> trace = trace_of(config, 20000);
    const std::int64_t interval = config.timing.values.at("tREFI");
    std::int64_t refreshes = 0;
    for (const DramCommandRecord& r : trace) {
      if (r.command != DramCommand::kRefAll) continue;
      ++refreshes;
      CHECK(r.cycle >= refreshes * interval);
      CHECK(r.cycle < refreshes * interval + 400);  // never postponed beyond closing the banks
    }
    CHECK(refreshes == trace.back().cycle / interval);
  }
}

}  // namespace bitjoule::test::dram_standards_test
