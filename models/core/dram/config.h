// The parameters of a DRAM: plain values as a file under configs/dram/ states them.
// docs/dram.md explains every key; standard.h checks them and resolves the formulas.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/energy/table.h"
#include "core/units.h"

namespace bitjoule {

/// A pipe: every burst takes `latency`, then its share of `bandwidth`; requests never wait for
/// queues. For roofline studies.
struct IdealDramConfig {
  BytesPerSecond bandwidth{12'800'000'000};
  Femtoseconds latency{100'000'000};  ///< acceptance to the first byte
  Bytes burst{64};
  Bytes capacity{std::int64_t{16} << 30};
};

/// All commands a controller sends. PREA and REF address a rank, the others one bank. ACT2 is the
/// second half of an activate where the standard has two (LPDDR5).
enum class DramCommand { kAct, kAct2, kPre, kPreAll, kRead, kWrite, kRefAll, kRefBank };
inline constexpr int kDramCommands = 8;
/// Their names in files and reports, in the order of the enumeration.
inline constexpr std::array<const char*, kDramCommands> kDramCommandNames = {
    "ACT", "ACT2", "PRE", "PREA", "RD", "WR", "REF", "REFpb"};

/// How far a constraint reaches from the command that causes it.
enum class TimingLevel { kBank, kBankGroup, kRank, kOtherRanks, kChannel };

/// After any command of `preceding`, those of `following` wait at least `latency` clocks from start
/// to start. With `window` n > 1 the n-th preceding command back counts (tFAW: four ACTs).
struct ConstraintRow {
  TimingLevel level = TimingLevel::kBank;
  std::vector<DramCommand> preceding, following;
  std::string latency;  ///< a formula over the timing names, e.g. "CWL + tBURST + tWTR_S"
  std::int64_t window = 1;
};

/// Sizes are those of one channel; a channel is what shares one command bus.
struct DramOrganization {
  std::int64_t channels = 1;
  std::int64_t ranks = 1;
  std::int64_t bank_groups = 1;
  std::int64_t banks_per_group = 8;
  std::int64_t rows = 65536;
  std::int64_t columns = 1024;      ///< of `channel_width` each
  std::int64_t channel_width = 64;  ///< data bits of the channel
  std::int64_t device_width = 8;    ///< data bits of one chip
  std::int64_t burst_length = 8;    ///< transfers per column command
};

/// `tCK` and named values in clocks of tCK; formulas may use any of the names.
struct DramTiming {
  Femtoseconds tCK{0};
  std::map<std::string, std::int64_t> values;
};

/// Clocks that a command occupies the command bus. `split`: column commands (RD, WR) have a bus of
/// their own (HBM). `two_step_activate`: a row opens with ACT and ACT2, between which column
/// commands may go (LPDDR5).
struct CommandBusConfig {
  bool split = false;
  bool two_step_activate = false;
  std::int64_t activate = 1, precharge = 1, column = 1, refresh = 1;
};

/// What the device needs beyond the rows: all formulas over the timing names.
struct DramProtocol {
  CommandBusConfig command_bus;
  std::string read_latency = "CL";    ///< RD to the first data beat
  std::string write_latency = "CWL";  ///< WR to the first data beat
  /// LPDDR5: clocks after RD or WR during which the data clock still runs. A column command later
  /// than that is preceded by one bus clock of CAS (data clock synchronisation). Empty: never.
  std::string data_clock_after_read, data_clock_after_write;
  std::int64_t banks_per_refresh = 1;  ///< banks refreshed by one REFpb: b, b + banks / n, ...
  std::vector<ConstraintRow> constraints;
};

enum class PagePolicy { kOpen, kClosed };
enum class RefreshPolicy { kNone, kAllBank, kPerBank };
enum class DramScheduler { kFcfs, kFrFcfs };

struct WatermarksConfig {
  double high = 0.8;  ///< share of the write queue that starts a drain
  double low = 0.2;   ///< share that ends it
};

struct DramControllerConfig {
  DramScheduler scheduler = DramScheduler::kFrFcfs;
  PagePolicy page_policy = PagePolicy::kOpen;
  RefreshPolicy refresh = RefreshPolicy::kAllBank;
  std::int64_t read_queue = 32;      ///< bursts; the whole queue when `unified_queue`
  std::int64_t write_queue = 32;     ///< bursts
  bool unified_queue = false;        ///< reads and writes share one queue, without drain modes
  bool release_on_activate = false;  ///< an entry is free when its row has been opened for it
  WatermarksConfig watermarks;
  std::int64_t age_limit = 4096;  ///< clocks after which the oldest request goes before row hits
  /// Clocks without a burst after which the ranks of a channel close their banks and power down; 0:
  /// never.
  std::int64_t power_down = 0;
};

/// A cycle-level controller and device.
struct CycleDramConfig {
  DramOrganization organization;
  DramTiming timing;
  DramProtocol protocol;
  /// Address fields, most to least significant, above the offset within a burst: channel, rank,
  /// bank_group, bank, row, column. "column:3" takes the next three bits of it only.
  std::vector<std::string> mapping = {"row", "bank", "bank_group", "column"};
  DramControllerConfig controller;
};

struct DramConfig {
  std::string name = "ideal";
  std::variant<IdealDramConfig, CycleDramConfig> model;
  std::optional<DramPrices> energy;  ///< of this device, where the literature has it
};

}  // namespace bitjoule
