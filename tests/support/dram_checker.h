// An independent judge of DRAM command traces. It knows the rules of the JEDEC standards and a
// table of timings, and neither the constraint rows of configs/dram/protocols nor the controller.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "core/dram/config.h"
#include "core/dram/device.h"

namespace bitjoule::test {

/// The rules, in the standards' own terms: a command counts from its last clock (LPDDR4, HBM2's
/// ACT) and multi-clock commands may not overlap on their bus. One channel.
class TraceChecker {
 public:
  using C = DramCommand;
  using Record = DramCommandRecord;
  enum class Family { kDdr4, kLpddr4, kLpddr5, kHbm2 };

  TraceChecker(DramOrganization organization, std::map<std::string, std::int64_t> timing)
      : o_(organization), t_(std::move(timing)) {
    family_ = t_.count("tWCKPST") != 0  ? Family::kLpddr5
              : t_.count("tDQSCK") != 0 ? Family::kLpddr4
              : t_.count("tRCDW") != 0  ? Family::kHbm2
                                        : Family::kDdr4;
    fill_table();
  }

  /// The first broken rule of a trace in order of cycles, or an empty text.
  std::string check(const std::vector<Record>& trace) const {
    std::vector<std::int64_t> open(banks(), -1);
    std::int64_t bus_free[2] = {0, 0}, data_free = 0;
    TwoSteps steps;
    for (std::size_t i = 0; i < trace.size(); ++i) {
      const Record& r = trace[i];
      if (const std::string e = check_state(r, &open); !e.empty()) return say(r, e);
      if (family_ == Family::kLpddr5) {
        if (const std::string e = check_two_steps(r, bus_free[0], &steps); !e.empty()) {
          return say(r, e);
        }
      }
      std::int64_t& bus = bus_free[family_ == Family::kHbm2 && column(r.command) ? 1 : 0];
      if (!r.automatic) {
        if (r.cycle < bus) return say(r, "the command bus is taken");
        bus = r.cycle + length(r.command);
      }
      if (column(r.command)) {
        const std::int64_t data = r.cycle + (r.command == C::kRead ? read_data() : write_data());
        if (data < data_free) return say(r, "the data bus is taken");
        data_free = data + t("tBURST");
      }
      for (std::size_t j = i; j-- > 0 && trace[j].cycle + kLongest > r.cycle;) {
        const Record& before = trace[j];
        const bool off_bus = r.automatic || before.automatic;
        if (off_bus && closes(r) && closes(before)) continue;  // tPPD is for commands on the bus
        const std::int64_t wait = table_[static_cast<int>(before.command)]
                                        [static_cast<int>(r.command)][relation(before, r)];
        if (wait > 0 && reference(r) - reference(before) < wait) {
          return say(r, fmt::format("only {} clocks after {} at {}, needs {}",
                                    reference(r) - reference(before),
                                    kDramCommandNames[static_cast<std::size_t>(before.command)],
                                    before.cycle, wait));
        }
      }
      if (const std::string e = check_four_activates(trace, i); !e.empty()) return say(r, e);
    }
    return "";
  }

 private:
  static constexpr std::int64_t kLongest = 700;  // more than any timing

  /// Zero for what the family does not have; the tests see that every timing counts.
  std::int64_t t(const char* name) const { return t_.count(name) != 0 ? t_.at(name) : 0; }
  std::int64_t t(const char* name, const char* otherwise) const {
    return t(t_.count(name) != 0 ? name : otherwise);
  }
  std::size_t banks() const {
    return static_cast<std::size_t>(o_.ranks * o_.bank_groups * o_.banks_per_group);
  }
  std::int64_t rank(const Record& r) const {
    return r.bank / (o_.bank_groups * o_.banks_per_group);
  }
  std::int64_t group(const Record& r) const { return r.bank / o_.banks_per_group; }
  static bool column(C c) { return c == C::kRead || c == C::kWrite; }
  static bool closes(const Record& r) { return r.command == C::kPre || r.command == C::kPreAll; }
  static bool to_rank(C c) { return c == C::kPreAll || c == C::kRefAll; }
  std::string say(const Record& r, const std::string& what) const {
    return fmt::format("{} to bank {} at {}: {}",
                       kDramCommandNames[static_cast<std::size_t>(r.command)], r.bank, r.cycle,
                       what);
  }

  std::int64_t length(C c) const {
    if (family_ == Family::kLpddr4) return c == C::kAct || column(c) ? 4 : 2;
    return family_ == Family::kHbm2 && c == C::kAct ? 2 : 1;
  }
  std::int64_t reference(const Record& r) const { return r.cycle + length(r.command) - 1; }
  std::int64_t read_data() const {
    return family_ == Family::kLpddr4 ? 3 + t("CL") + t("tDQSCK") : t("CL");
  }
  std::int64_t write_data() const { return t("CWL") + (family_ == Family::kLpddr4 ? 4 : 0); }
  /// Banks that one per-bank refresh takes: in LPDDR5 two, of bank groups two apart.
  bool touches(const Record& refresh, std::int64_t bank) const {
    const std::int64_t n = o_.bank_groups * o_.banks_per_group;
    const std::int64_t sets = family_ == Family::kLpddr5 ? n / 2 : n;
    return refresh.bank / n == bank / n && refresh.bank % sets == bank % sets;
  }

  std::string check_state(const Record& r, std::vector<std::int64_t>* open) const {
    const std::size_t n = static_cast<std::size_t>(o_.bank_groups * o_.banks_per_group);
    const std::size_t first = static_cast<std::size_t>(rank(r)) * n;
    std::int64_t& row = (*open)[static_cast<std::size_t>(r.bank)];
    switch (r.command) {
      case C::kAct:
        if (row != -1) return "a row is open";
        row = r.row;
        return "";
      case C::kAct2:
        return row == -1 ? "no ACT came first" : "";
      case C::kRead:
      case C::kWrite:
        return row != r.row ? "its row is not open" : "";
      case C::kPre:
        if (row == -1) return "no row is open";
        row = -1;
        return "";
      case C::kPreAll:
        std::fill_n(open->begin() + static_cast<std::ptrdiff_t>(first), n, -1);
        return "";
      case C::kRefAll:
        for (std::size_t b = first; b < first + n; ++b) {
          if ((*open)[b] != -1) return "a row is open";
        }
        return "";
      case C::kRefBank:
        for (std::size_t b = first; b < first + n; ++b) {
          if (touches(r, static_cast<std::int64_t>(b)) && (*open)[b] != -1) return "a row is open";
        }
    }
    return "";
  }

  /// LPDDR5: the bank between its ACT-1 and ACT-2, and until when WCK runs.
  struct TwoSteps {
    std::int64_t opening = -1, rank = 0, since = 0;
    std::map<std::int64_t, std::int64_t> clock_until;  // by rank
  };
  /// ACT-2 follows ACT-1 within 8 clocks (tAAD), no other ACT-1 and no command to the bank between
  /// them; a burst after WCK has stopped needs a clock of the bus for CAS before it.
  std::string check_two_steps(const Record& r, std::int64_t bus_free, TwoSteps* s) const {
    if (r.command == C::kAct2) {
      if (s->opening != r.bank) return "no ACT came first";
      s->opening = -1;
      return r.cycle - s->since > 8 ? "later than tAAD after ACT" : "";
    }
    if (s->opening != -1 && (r.bank == s->opening || r.command == C::kAct ||
                             (to_rank(r.command) && rank(r) == s->rank))) {
      return "between ACT and ACT2";
    }
    if (r.command == C::kAct) {
      s->opening = r.bank;
      s->rank = rank(r);
      s->since = r.cycle;
    }
    if (!column(r.command)) return "";
    std::int64_t& until = s->clock_until.emplace(rank(r), -1).first->second;
    const bool stopped = r.cycle > until;
    until = r.cycle + (r.command == C::kRead ? t("CL") : t("CWL")) + t("tBURST_L") + t("tWCKPST");
    return stopped && bus_free >= r.cycle ? "no clock for CAS before it" : "";
  }

  /// How two commands to the banks of a channel concern each other.
  enum Relation { kOtherRank, kSameRank, kSameGroup, kSameBank, kRelations };

  Relation relation(const Record& a, const Record& b) const {
    if (rank(a) != rank(b)) return kOtherRank;
    const bool same_bank = a.command == C::kRefBank ? touches(a, b.bank)
                           : b.command == C::kRefBank
                               ? touches(b, a.bank)
                               : a.bank == b.bank || to_rank(a.command) || to_rank(b.command);
    if (same_bank) return kSameBank;
    return group(a) == group(b) ? kSameGroup : kSameRank;
  }
  /// JEDEC's least distance; 0 if there is none.
  std::int64_t distance(C a, C b, Relation r) const {
    if (r == kOtherRank) return other_rank(a, b);
    const std::int64_t least = same_rank(a, b, r != kSameRank);
    return r == kSameBank ? std::max(least, bank_distance(a, b)) : least;
  }
  void fill_table() {
    for (int a = 0; a < kDramCommands; ++a) {
      for (int b = 0; b < kDramCommands; ++b) {
        for (int r = 0; r < kRelations; ++r) {
          table_[a][b][r] =
              distance(static_cast<C>(a), static_cast<C>(b), static_cast<Relation>(r));
        }
      }
    }
  }

  std::int64_t bank_distance(C a, C b) const {
    const bool close = b == C::kPre || b == C::kPreAll;
    const bool refresh = b == C::kRefAll || b == C::kRefBank;
    if (a == C::kAct && b == C::kRead) return t("tRCD");
    if (a == C::kAct && b == C::kWrite) return t("tRCDW", "tRCD");
    if (a == C::kAct && close) return t("tRAS");
    if (a == C::kAct && (b == C::kAct || refresh)) return t("tRC");
    if (a == C::kRead && close) return read_to_precharge();
    if (a == C::kWrite && close) return write_end(true) + t("tWR");
    if (a == C::kPre && (b == C::kAct || refresh)) return t("tRP");
    if (a == C::kPreAll && (b == C::kAct || refresh)) return t("tRPab", "tRP");
    if (a == C::kRefAll && (b == C::kAct || b == C::kRefAll)) return t("tRFC");
    if (a == C::kRefBank && b == C::kAct) return t("tRFCpb");
    return 0;
  }
  std::int64_t read_to_precharge() const {
    if (family_ != Family::kLpddr4) return t("tRTP");
    return t("tBURST") + std::max<std::int64_t>(8, t("tRTP")) - 8;
  }
  /// From WR to the end of its data; for a burst to its own group LPDDR5 counts longer (BL/n_max).
  std::int64_t write_end(bool other_group) const {
    const std::int64_t strobe = family_ == Family::kLpddr4 ? 1 : 0;
    return t("CWL") + strobe + (other_group ? t("tBURST") : t("tBURST_L", "tBURST"));
  }

  std::int64_t same_rank(C a, C b, bool near) const {
    const auto by_group = [&](const char* far, const char* close, const char* only) {
      return t_.count(only) != 0 ? t(only) : t(near ? close : far);
    };
    const bool precharges = (a == C::kPre || a == C::kPreAll) && (b == C::kPre || b == C::kPreAll);
    if (precharges && t_.count("tPPD") != 0) return t("tPPD");
    if (a == C::kAct && b == C::kAct) return by_group("tRRD_S", "tRRD_L", "tRRD");
    if (a == C::kRefBank && b == C::kRefBank) return t("tPBR2PBR", "tRFCpb");
    if (a == C::kRefBank && b == C::kAct) return t("tPBR2ACT", "tRRD");
    if (!column(a) || !column(b)) return 0;
    if (a == b) return by_group("tCCD_S", "tCCD_L", "tCCD");
    if (a == C::kWrite) return write_end(!near) + by_group("tWTR_S", "tWTR_L", "tWTR");
    if (family_ == Family::kLpddr4) {
      return t("CL") + t("tDQSCK") + t("tBURST") - t("CWL") + t("tWPRE");
    }
    return t("CL") + t("tBURST") + 2 - t("CWL");
  }
  std::int64_t other_rank(C a, C b) const {
    if (!column(a) || !column(b)) return 0;
    const std::int64_t start_a = a == C::kRead ? read_data() : write_data();
    const std::int64_t start_b = b == C::kRead ? read_data() : write_data();
    return start_a + t("tBURST_L", "tBURST") + t("tCS") - start_b;
  }

  std::string check_four_activates(const std::vector<Record>& trace, std::size_t i) const {
    const Record& r = trace[i];
    if (r.command != C::kAct) return "";
    int seen = 0;
    for (std::size_t j = i; j-- > 0 && trace[j].cycle + kLongest > r.cycle;) {
      if (trace[j].command != C::kAct || rank(trace[j]) != rank(r)) continue;
      if (++seen < 4) continue;
      return r.cycle - trace[j].cycle < t("tFAW") ? "the fifth ACT within tFAW" : "";
    }
    return "";
  }

  DramOrganization o_;
  std::map<std::string, std::int64_t> t_;
  Family family_ = Family::kDdr4;
  std::int64_t table_[kDramCommands][kDramCommands][kRelations] = {};
};

}  // namespace bitjoule::test
