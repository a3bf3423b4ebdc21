#include "sim/schema/describe_dram_prices.h"

#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe_origin(V& v, DramOrigin& c) {
  v.field("name", c.name, "shown in reports; default: the table's, or \"the DRAM's own\"");
  v.field("node", c.node, "technology, or the part and its die");
  v.field("certainty", c.certainty, "how sure the figures are, and why");
}

template <class V>
void describe(V& v, DramPerAccess& c) {
  v.required("width", c.width, "bits of one access; what is charged is the energy per bit",
             range(1, 1 << 20));
  v.required("read", c.read, "energy of one read access");
  v.required("write", c.write, "energy of one write access");
  v.field("ratios", c.ratios, "of what a MAC costs, in the place of pJ: for tables of such alone");
  describe_provenance(v, c.from);
  describe_origin(v, c.origin);
}

template <class V>
void describe(V& v, DramSupply& c) {
  v.required("name", c.name, "of the supply: VDD, VPP, VDDQ");
  v.required("volts", c.volts, "its voltage", amount());
  v.field("io", c.io, "it feeds the data lines: its part of a burst is the interface's, per bit");
  v.required("IDD0", c.idd0, "mA of one device: one bank activates and precharges", amount());
  v.required("IDD2N", c.idd2n, "mA, all banks closed", amount());
  v.required("IDD3N", c.idd3n, "mA, banks open", amount());
  v.required("IDD4R", c.idd4r, "mA, reading burst after burst", amount());
  v.required("IDD4W", c.idd4w, "mA, writing burst after burst", amount());
  v.field("IDD5B", c.idd5b,
          "mA, during a refresh of all banks; not listed: this supply gives a refresh no more than "
          "IDD3N",
          amount());
  v.field("IDD2P", c.idd2p, "mA, powered down, all banks closed", amount());
  v.field("IDD5PB", c.idd5pb, "mA, refreshing bank after bank, averaged over tREFI / banks",
          amount());
}

template <class V>
void describe(V& v, DramCurrents& c) {
  const Rule time = range(1, 1'000'000'000'000);
  v.required("devices", c.devices, "of a rank", range(1, 256));
  v.required("banks", c.banks, "of a device", range(1, 1024));
  v.required("burst", c.burst, "bytes of one burst of the rank", range(1, 1 << 20));
  v.field("standby", c.standby, "what IDD3N is of");
  v.required("tRC", c.tRC, "ACT to ACT of a bank, as IDD0 was measured", time);
  v.required("tRAS", c.tRAS, "ACT to PRE, as IDD0 was measured", time);
  v.required("tRP", c.tRP, "PRE to ACT, as IDD0 was measured", time);
  v.required("tBURST", c.tBURST, "a burst's time on the data lines, as IDD4 was measured", time);
  v.field("tBURST_used", c.tBURST_used,
          "of a memory of another rate, whose bursts are taken to cost as much; default: no other",
          time);
  v.required("tRFC", c.tRFC, "a refresh of all banks", time);
  v.field("tRFCpb", c.tRFCpb, "a refresh of a bank, for IDD5PB", time);
  v.field("tREFI", c.tREFI, "from refresh to refresh, for IDD5PB", time);
  v.required("supplies", c.supplies, "each with its currents");
}

template <class V>
void describe(V& v, DramTermination& c) {
  v.required("volts", c.volts, "of the data lines", range(0, 100));
  v.required("driver_ohms", c.driver_ohms, "of the end that drives", amount());
  v.required("termination_ohms", c.termination_ohms, "of the other", amount());
  v.field("share", c.share, "of the bits that draw: zeros of DDR4, ones of LPDDR", range(0, 1));
  v.required("bit_time", c.bit_time, "of one bit on a line", range(1, 1'000'000'000));
}

template <class V>
void describe(V& v, DramToggling& c) {
  v.required("read", c.read, "energy per toggle of a bit that is read");
  v.required("write", c.write, "energy per toggle of a bit that is written");
  v.field("rate", c.rate, "toggles per bit", range(0, 1));
}

template <class V>
void describe(V& v, DramPhy& c) {
  v.required("energy", c.energy, "per bit, read or written");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, DramUncertainty& c) {
  v.field("activate", c.activate, "of this price", factor());
  v.field("read", c.read, "of this price", factor());
  v.field("write", c.write, "of this price", factor());
  v.field("refresh", c.refresh, "of this price", factor());
  v.field("refresh_bank", c.refresh_bank, "of this price", factor());
  v.field("read_io", c.read_io, "of this price", factor());
  v.field("write_io", c.write_io, "of this price", factor());
  v.field("background", c.background, "of the prices of states and of `background`", factor());
}

template <class V>
void describe(V& v, DramPerCommand& c) {
  v.field("activate", c.activate, "per ACT + PRE pair");
  v.field("read", c.read, "per read burst");
  v.field("write", c.write, "per write burst");
  v.field("refresh", c.refresh, "per all-bank refresh");
  v.field("refresh_bank", c.refresh_bank, "per REFpb; default: its share of `refresh`");
  v.field("read_io", c.read_io, "interface, per bit read");
  v.field("write_io", c.write_io, "interface, per bit written");
  v.field("open", c.open, "per nanosecond of a rank with any bank open");
  v.field("closed", c.closed, "per nanosecond of a rank with all banks closed");
  v.field("power_down", c.power_down, "per nanosecond of a rank powered down");
  v.field("refreshing", c.refreshing,
          "per nanosecond of a refresh, besides its own price; default: as `open`");
  v.field("open_bank", c.open_bank, "per nanosecond of each open bank, besides `open`");
  v.field("background", c.background, "per nanosecond of a rank in any state, besides the states");
  v.field("currents", c.currents, "of a data sheet: what has no figure above follows from them");
  v.field("termination", c.termination,
          "of the data lines, where `read_io`, `write_io` are absent");
  v.field("toggling", c.toggling, "of unterminated data lines, likewise");
  v.field("phy", c.phy, "PHY, controller and wires on the chip; default: not priced, and told so");
  v.field("uncertainty", c.uncertainty, "factors by which sources differ, up or down");
  describe_source(v, c.from);
  describe_origin(v, c.origin);
}

template <class V>
void describe(V& v, DramPrices& c) {
  v.variant(c.scheme, alternative<DramPerAccess>("per_access", "DRAM by the bits moved"),
            alternative<DramPerCommand>("per_command", "DRAM by its commands"));
  v.check([&] { check_dram_prices(c); });
}

BITJOULE_DESCRIBED(DramPerAccess)
BITJOULE_DESCRIBED(DramSupply)
BITJOULE_DESCRIBED(DramCurrents)
BITJOULE_DESCRIBED(DramTermination)
BITJOULE_DESCRIBED(DramToggling)
BITJOULE_DESCRIBED(DramPhy)
BITJOULE_DESCRIBED(DramUncertainty)
BITJOULE_DESCRIBED(DramPerCommand)
BITJOULE_DESCRIBED(DramPrices)

}  // namespace bitjoule
