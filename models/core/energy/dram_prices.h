// What DRAM costs: by the bits moved, or by its commands and the states that its ranks are in.
// docs/energy-dram.md explains the formulas.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/energy/action.h"
#include "core/energy/provenance.h"
#include "core/units.h"

namespace bitjoule {

/// What a price list of a DRAM says of itself besides its Provenance.
struct DramOrigin {
  std::string name;       ///< shown in reports; empty: the table's, or the DRAM's own
  std::string node;       ///< technology, or the part and its die
  std::string certainty;  ///< how sure the figures are
};

/// DRAM by the bits moved: an access of `width` bits.
struct DramPerAccess {
  Bits width{0};
  Picojoules read, write;
  Provenance from;
  DramOrigin origin{};
  bool ratios = false;  ///< of what a MAC costs, in the place of pJ
};

/// Currents of one supply of one device in mA, named as JEDEC's data sheets name them.
struct DramSupply {
  std::string name;
  double volts = 0;
  bool io = false;  ///< feeds the data lines: its bursts are the interface's
  double idd0 = 0, idd2n = 0, idd3n = 0, idd4r = 0, idd4w = 0;
  /// Empty: not listed; a refresh then draws no more of this supply than its time costs, and is
  /// told to lack it (DramPrice::lacks).
  std::optional<double> idd5b;
  std::optional<double> idd2p,
      idd5pb;  ///< power-down; per-bank refresh, averaged over its interval
};

/// What IDD3N is of, and so what the activate's price leaves to the background.
enum class DramStandby {
  kAnyBank,  ///< a rank with any bank open draws IDD3N
  kPerBank,  ///< IDD3N is of all banks open: k of B draw IDD2N + k / B (IDD3N - IDD2N)
};

/// A data sheet. Times are those that the currents were measured with.
struct DramCurrents {
  std::int64_t devices = 1;  ///< of a rank
  std::int64_t banks = 8;    ///< of a device
  Bytes burst{64};           ///< of the rank
  DramStandby standby = DramStandby::kAnyBank;
  Femtoseconds tRC{0}, tRAS{0}, tRP{0}, tBURST{0}, tRFC{0};
  /// Of the memory that the list is for, where its bursts, of another rate, are taken to cost as
  /// much.
  std::optional<Femtoseconds> tBURST_used;
  std::optional<Femtoseconds> tRFCpb, tREFI;  ///< for IDD5PB
  std::vector<DramSupply> supplies;
};

/// Data lines whose drivers and terminations draw a current at one of the two levels, both ends.
struct DramTermination {
  double volts = 0, driver_ohms = 0, termination_ohms = 0;
  double share = 0.5;  ///< of the bits that are at the level that draws: of random data a half
  Femtoseconds bit_time{0};
};

/// Lines without termination: energy per bit that differs from the one before.
struct DramToggling {
  Picojoules read, write;
  double rate = 0.5;  ///< toggles per bit: of random data a half
};

/// PHY, controller and wires on the chip, per bit moved either way.
struct DramPhy {
  Picojoules energy;
  Provenance from;
};

/// Factors by which sources differ, up or down; 1: not stated.
struct DramUncertainty {
  double activate = 1, read = 1, write = 1, refresh = 1, refresh_bank = 1, read_io = 1,
         write_io = 1, background = 1;
};

/// DRAM by its commands and states. A figure given here counts; what has none follows from
/// `currents`, and the interface from `termination` and `toggling`, where they are given. Without
/// any, bits moved are within the figures of bursts, states within `background`, a refresh of banks
/// is its share of a refresh of all; another absent price is an error if counted. Of bursts by
/// `currents`, which are measured without the lines, bits moved are not priced.
struct DramPerCommand {
  std::optional<Picojoules> activate;           ///< ACT + PRE pair
  std::optional<Picojoules> read, write;        ///< per burst
  std::optional<Picojoules> refresh;            ///< per all-bank refresh
  std::optional<Picojoules> refresh_bank;       ///< per REFpb
  std::optional<Picojoules> read_io, write_io;  ///< per bit
  /// Per nanosecond of a rank in that state; `refreshing` without a figure of its own as `open`.
  std::optional<Picojoules> open, closed, power_down, refreshing;
  std::optional<Picojoules> open_bank;   ///< per nanosecond of each open bank, besides `open`
  std::optional<Picojoules> background;  ///< per nanosecond of a rank in any state, besides those
  std::optional<DramCurrents> currents;
  std::optional<DramTermination> termination;
  std::optional<DramToggling> toggling;
  std::optional<DramPhy> phy;  ///< empty: not priced, and said
  DramUncertainty uncertainty;
  Provenance from;
  DramOrigin origin;
};

struct DramPrices {
  std::variant<DramPerAccess, DramPerCommand> scheme;
};

/// What the prices include, with the PHY's where it has one.
Boundary boundary_of(const DramPrices& prices);
/// What the list says of itself.
DramOrigin& origin_of(DramPrices& prices);
const DramOrigin& origin_of(const DramPrices& prices);
/// What the prices include without the PHY's, and their source.
Provenance& provenance(DramPrices& prices);
const Provenance& provenance(const DramPrices& prices);

/// What one of an action costs, and why.
struct DramPrice {
  enum class Kind { kGiven, kComputed, kIncluded } kind = Kind::kGiven;
  Picojoules energy;
  std::string formula;  ///< with its numbers; where included, in what
  double uncertainty = 1;
  std::string lacks = {};  ///< of what it has nothing: "VDD1"; empty: it is whole
};

/// Empty: `action` has no price. Of the primitives of a DRAM only.
std::optional<DramPrice> command_price(const DramPerCommand& prices, const Action& action);

/// What a list that has no price of `action` lacks: "no `power_down`, and no IDD2P of VDD, VPP".
std::string missing_price(const DramPerCommand& prices, const Action& action);

/// Whether states have prices of their own.
bool prices_states(const DramPerCommand& prices);

/// Throws an input Error if currents contradict each other (an energy below zero), or are listed of
/// some supplies where a price needs those of all, or of the main one.
void check_dram_prices(const DramPrices& prices);

/// Throws an input Error where a DRAM's own prices, not an energy table's, are ratios: they name no
/// MAC.
void check_own_prices(const DramPrices& prices);

}  // namespace bitjoule
