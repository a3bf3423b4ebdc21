#include "core/dram/standard.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/dram/address_map.h"
#include "core/dram/checked.h"
#include "core/dram/formula.h"
#include "core/error.h"

namespace bitjoule {
namespace {

using C = DramCommand;

/// Timings of which the first is part of the second, so it cannot be longer.
constexpr std::array<std::pair<const char*, const char*>, 10> kOrdered = {{
    {"tRAS", "tRC"},
    {"tRCD", "tRAS"},
    {"tRCDW", "tRAS"},
    {"tRP", "tRC"},
    {"tRRD_S", "tRRD_L"},
    {"tCCD_S", "tCCD_L"},
    {"tWTR_S", "tWTR_L"},
    {"tRRD_S", "tFAW"},
    {"tRFCpb", "tRFC"},
    {"tRFC", "tREFI"},
}};

/// Pairs that every DRAM separates; a file without a row for one of them is incomplete.
constexpr std::array<std::pair<C, C>, 15> kEssential = {{
    {C::kAct, C::kAct},
    {C::kAct, C::kRead},
    {C::kAct, C::kWrite},
    {C::kAct, C::kPre},
    {C::kAct, C::kPreAll},
    {C::kRead, C::kRead},
    {C::kWrite, C::kWrite},
    {C::kRead, C::kWrite},
    {C::kWrite, C::kRead},
    {C::kRead, C::kPre},
    {C::kRead, C::kPreAll},
    {C::kWrite, C::kPre},
    {C::kWrite, C::kPreAll},
    {C::kPre, C::kAct},
    {C::kPreAll, C::kAct},
}};

class Resolver {
 public:
  explicit Resolver(const CycleDramConfig& config) : c_(config) {}

  DramStandard resolve() {
    check_ranges(c_);  // the rest divides by some of them
    sizes();
    bus();
    timings();
    rows();
    refresh();
    power_down();
    essential();
    unused();
    if (!problems_.empty()) throw input_error(problems_);
    return s_;
  }

 private:
  void problem(const std::string& message) {
    if (!problems_.empty()) problems_ += '\n';
    problems_ += message;
  }
  void positive(const char* key, std::int64_t value) {
    if (value <= 0) problem(fmt::format("{}: expected a positive number, got {}", key, value));
  }
  std::int64_t formula(const std::string& place, const std::string& text, std::int64_t least) {
    try {
      const std::int64_t value = evaluate_formula(text, c_.timing.values, &used_);
      if (value >= least) return value;
      problem(fmt::format("{}: {} is {} clocks, expected at least {}", place, text, value, least));
    } catch (const Error& e) {
      problem(place + ": " + e.what());
    }
    return least;
  }
  std::int64_t timing(const char* name) {
    used_.insert(name);
    const auto found = c_.timing.values.find(name);
    if (found == c_.timing.values.end()) {
      problem(fmt::format("timing.{}: missing", name));
      return 1;
    }
    positive(fmt::format("timing.{}", name).c_str(), found->second);
    return found->second;
  }

  void sizes() {
    const DramOrganization& o = c_.organization;
    const WatermarksConfig& w = c_.controller.watermarks;
    if (!(w.low >= 0.0 && w.low <= w.high && w.high <= 1.0)) {
      problem(fmt::format("controller.watermarks: expected 0 <= low <= high <= 1, got {} and {}",
                          w.low, w.high));
    }
    if (o.channel_width % o.device_width != 0 || o.channel_width % 8 != 0) {
      problem(fmt::format(
          "organization.channel_width: expected a multiple of device_width ({}) and of 8, got {}",
          o.device_width, o.channel_width));
    }
    s_.organization = o;
    s_.tCK = c_.timing.tCK;
    s_.burst_bytes = burst_bytes(o);
    s_.banks_per_rank = o.bank_groups * o.banks_per_group;
    s_.banks = o.ranks * s_.banks_per_rank;
    if (s_.banks > kMostBanks) {
      problem(fmt::format("organization: {} banks in a channel, expected at most {}", s_.banks,
                          kMostBanks));
    }
    if (o.channels > kMostBanksInAll / s_.banks) {
      problem(fmt::format("organization: {} channels of {} banks, expected at most {} in all",
                          o.channels, s_.banks, kMostBanksInAll));
    }
    const double bytes = static_cast<double>(o.channels) * static_cast<double>(s_.banks) *
                         static_cast<double>(o.rows) * static_cast<double>(o.columns) *
                         static_cast<double>(o.channel_width) / 8.0;
    if (bytes > 1e15) {
      problem("organization: more than 1 PB");
    } else {
      s_.capacity = o.channels * s_.banks * o.rows * o.columns * o.channel_width / 8;
    }
  }

  void bus() {
    const CommandBusConfig& b = c_.protocol.command_bus;
    s_.split_bus = b.split;
    s_.two_step_activate = b.two_step_activate;
    s_.bus_cycles = {b.activate, b.activate, b.precharge, b.precharge,
                     b.column,   b.column,   b.refresh,   b.refresh};
  }

  void timings() {
    for (const auto& [part, whole] : kOrdered) {
      const auto a = c_.timing.values.find(part), b = c_.timing.values.find(whole);
      if (a == c_.timing.values.end() || b == c_.timing.values.end()) continue;
      if (a->second > b->second) {
        problem(fmt::format("timing.{}: {} is longer than {} = {}, of which it is a part", part,
                            a->second, whole, b->second));
      }
    }
    s_.burst_cycles = timing("tBURST");
    const DramProtocol& p = c_.protocol;
    s_.read_latency = formula("protocol.read_latency", p.read_latency, 1);
    s_.write_latency = formula("protocol.write_latency", p.write_latency, 1);
    if (!p.data_clock_after_read.empty() || !p.data_clock_after_write.empty()) {
      s_.data_clock_after_read =
          formula("protocol.data_clock_after_read", p.data_clock_after_read, 1);
      s_.data_clock_after_write =
          formula("protocol.data_clock_after_write", p.data_clock_after_write, 1);
    }
  }

  void rows() {
    for (std::size_t i = 0; i < c_.protocol.constraints.size(); ++i) {
      const ConstraintRow& row = c_.protocol.constraints[i];
      const std::string place = fmt::format("protocol.constraints[{}]", i);
      const std::int64_t latency = formula(place + ".latency", row.latency, 1);
      if (row.window > 1 && row.level == TimingLevel::kOtherRanks) {
        problem(place + ".window: there is none between ranks");
      }
      if (row.preceding.empty() || row.following.empty()) {
        problem(place + ": preceding and following need a command each");
      }
      for (const C before : row.preceding) {
        for (const C after : row.following) {
          s_.rules[index_of(before)].push_back({row.level, after, latency, row.window});
        }
      }
    }
  }

  bool has_rule(C before, C after) const {
    const auto& rules = s_.rules[index_of(before)];
    return std::any_of(rules.begin(), rules.end(), [after](const TimingRule& r) {
      return r.following == after && r.window == 1;
    });
  }
  void require_rule(C before, C after) {
    if (has_rule(before, after)) return;
    problem(fmt::format("protocol.constraints: no row says when {} may follow {}",
                        kDramCommandNames[index_of(after)], kDramCommandNames[index_of(before)]));
  }
  void essential() {
    for (const auto& [before, after] : kEssential) {
      require_rule(before, after);
    }
    if (c_.organization.ranks < 2) return;
    for (const C before : {C::kRead, C::kWrite}) {
      for (const C after : {C::kRead, C::kWrite}) require_rule_between_ranks(before, after);
    }
  }
  /// Ranks share the data bus.
  void require_rule_between_ranks(C before, C after) {
    const auto& rules = s_.rules[index_of(before)];
    if (std::any_of(rules.begin(), rules.end(), [after](const TimingRule& r) {
          return r.following == after &&
                 (r.level == TimingLevel::kOtherRanks || r.level == TimingLevel::kChannel);
        })) {
      return;
    }
    problem(
        fmt::format("organization.ranks: no row of protocol.constraints says when {} may follow {} "
                    "of another rank",
                    kDramCommandNames[index_of(after)], kDramCommandNames[index_of(before)]));
  }

  void refresh() {
    const RefreshPolicy policy = c_.controller.refresh;
    used_.insert({"tREFI", "tREFIpb"});
    if (policy == RefreshPolicy::kNone) return;
    const bool all = policy == RefreshPolicy::kAllBank;
    const C command = all ? C::kRefAll : C::kRefBank;
    s_.refresh_interval = timing(all ? "tREFI" : "tREFIpb");
    s_.banks_per_refresh = c_.protocol.banks_per_refresh;
    if (s_.banks_per_refresh < 1 || s_.banks_per_rank % s_.banks_per_refresh != 0) {
      problem(fmt::format("protocol.banks_per_refresh: expected a divisor of {}, got {}",
                          s_.banks_per_rank, s_.banks_per_refresh));
    }
    require_rule(command, C::kAct);
    require_rule(command, command);
    require_rule(C::kPre, command);
    if (all) require_rule(C::kPreAll, command);
    for (const TimingRule& r : s_.rules[index_of(command)]) {
      std::int64_t& cycles = s_.refresh_cycles[index_of(command)];
      std::int64_t& busy = s_.refresh_busy[index_of(command)];
      if (r.following == C::kAct) cycles = std::max(cycles, r.latency);
      if (r.following == C::kAct || r.following == command) busy = std::max(busy, r.latency);
    }
    if (s_.refresh_cycles[index_of(command)] >= s_.refresh_interval) {
      problem(fmt::format("timing: a refresh takes {} clocks, longer than the {} between two",
                          s_.refresh_cycles[index_of(command)], s_.refresh_interval));
    }
  }

  void power_down() {
    used_.insert({"tXP", "tCKE"});
    if (c_.controller.power_down == 0) return;
    s_.power_down_exit = timing("tXP");
    s_.power_down_least = timing("tCKE");
  }

  void unused() {
    for (const auto& [name, value] : c_.timing.values) {
      if (used_.count(name) == 0) {
        problem(fmt::format("timing.{}: no formula of this protocol uses it", name));
      }
    }
  }

  static constexpr std::int64_t kMostBanks = 1024, kMostBanksInAll = 65536;
  const CycleDramConfig& c_;
  DramStandard s_;
  std::set<std::string> used_;
  std::string problems_;
};

}  // namespace

DramStandard resolve_standard(const CycleDramConfig& config) { return Resolver(config).resolve(); }

BytesPerSecond peak_bandwidth(const DramStandard& standard) {
  __extension__ using wide = __int128;
  constexpr std::int64_t kFemtosecondsPerSecond = 1'000'000'000'000'000;
  const wide bytes = wide(standard.burst_bytes) * standard.organization.channels;
  return BytesPerSecond(static_cast<std::int64_t>(
      bytes * kFemtosecondsPerSecond / (wide(standard.burst_cycles) * standard.tCK.value)));
}

}  // namespace bitjoule
