// What a DRAM is described by: every member with its name, meaning and range, for files
// (sim/schema) and for what programs give (engine.h). Where it is instantiated, it is compiled.
#pragma once

#include <cstdint>

#include "core/dram/config.h"
#include "core/enums.h"
#include "core/rule.h"

namespace bitjoule {

inline Rule clocks() { return range(0, 1 << 24); }

template <class V>
void describe(V& v, DramOrganization& c) {
  const Rule size = range(1, 1 << 24);
  v.field("channels", c.channels, "each with a command bus and queues of its own", range(1, 1024));
  v.field("ranks", c.ranks, "of a channel", range(1, 64));
  v.field("bank_groups", c.bank_groups, "of a rank", range(1, 64));
  v.required("banks_per_group", c.banks_per_group, "banks of a bank group", range(1, 64));
  v.required("rows", c.rows, "of a bank", size);
  v.required("columns", c.columns, "of a row, each channel_width wide", size);
  v.required("channel_width", c.channel_width, "data bits of a channel", range(8, 4096));
  v.required("device_width", c.device_width, "data bits of one chip", range(4, 4096));
  v.required("burst_length", c.burst_length, "transfers per RD or WR", range(1, 256));
}

template <class V>
void describe(V& v, DramTiming& c) {
  v.required("tCK", c.tCK, "period of the memory clock", range(1, 1'000'000'000));
  v.rest(c.values, "a timing in clocks, for the formulas of the protocol", clocks());
}

template <class V>
void describe(V& v, CommandBusConfig& c) {
  v.field("split", c.split, "RD and WR have a bus of their own");
  v.field("two_step_activate", c.two_step_activate, "a row opens with ACT and ACT2");
  v.field("activate", c.activate, "clocks that ACT takes", range(1, 64));
  v.field("precharge", c.precharge, "clocks that PRE and PREA take", range(1, 64));
  v.field("column", c.column, "clocks that RD and WR take", range(1, 64));
  v.field("refresh", c.refresh, "clocks that REF and REFpb take", range(1, 64));
}

template <class V>
void describe(V& v, ConstraintRow& c) {
  v.required("level", c.level, "what the constraint holds for");
  v.required("preceding", c.preceding, "commands that cause it");
  v.required("following", c.following, "commands that wait");
  v.required("latency", c.latency, "formula in clocks, from start to start");
  v.field("window", c.window, "count from the n-th preceding command back", range(1, 64));
}

template <class V>
void describe(V& v, DramProtocol& c) {
  v.field("command_bus", c.command_bus, "how long commands take");
  v.field("read_latency", c.read_latency, "formula: RD to the first beat");
  v.field("write_latency", c.write_latency, "formula: WR to the first beat");
  v.field("data_clock_after_read", c.data_clock_after_read,
          "formula: clocks after RD until the data clock stops (LPDDR5); empty: never");
  v.field("data_clock_after_write", c.data_clock_after_write, "the same after WR");
  v.field("banks_per_refresh", c.banks_per_refresh, "banks that one REFpb refreshes", range(1, 64));
  v.required("constraints", c.constraints, "which command waits for which");
}

template <class V>
void describe(V& v, WatermarksConfig& c) {
  v.field("high", c.high, "share of the write queue that starts a drain", range(0, 1));
  v.field("low", c.low, "share of the write queue that ends it", range(0, 1));
}

template <class V>
void describe(V& v, DramControllerConfig& c) {
  const Rule depth = range(1, 1 << 16);
  v.field("scheduler", c.scheduler, "which burst is served first");
  v.field("page_policy", c.page_policy, "what happens to a row that nobody waits for");
  v.field("refresh", c.refresh, "which refresh command, if any");
  v.field("read_queue", c.read_queue, "bursts; the shared queue if unified_queue", depth);
  v.field("write_queue", c.write_queue, "bursts; unused if unified_queue", depth);
  v.field("unified_queue", c.unified_queue, "one queue for reads and writes, without drains");
  v.field("release_on_activate", c.release_on_activate,
          "a burst leaves its queue when its row has been opened for it, and waits at its bank");
  v.field("watermarks", c.watermarks, "when writes drain");
  v.field("age_limit", c.age_limit, "clocks after which the oldest burst goes first",
          range(1, std::int64_t{1} << 40));
  v.field("power_down", c.power_down,
          "clocks without a burst after which a channel's ranks close their banks and power down; "
          "0: never; needs timing.tXP and tCKE",
          clocks());
}

template <class V>
void describe_ideal(V& v, IdealDramConfig& c) {
  v.field("bandwidth", c.bandwidth, "bytes per second", range(1, std::int64_t{1} << 50));
  v.field("latency", c.latency, "acceptance to the first byte", range(0, 1'000'000'000'000));
  v.field("burst", c.burst, "smallest access", range(1, 1 << 20));
  v.field("capacity", c.capacity, "size", range(1, std::int64_t{1} << 50));
}

template <class V>
void describe_cycle(V& v, CycleDramConfig& c) {
  v.required("organization", c.organization, "sizes of one channel, and how many there are");
  v.required("timing", c.timing, "period of the clock, and timings in clocks");
  v.required("protocol", c.protocol, "commands and their constraints");
  v.field("mapping", c.mapping,
          "address fields above a burst, most significant first; \"column:3\" is three bits of it");
  v.field("controller", c.controller, "queues and policies");
}

}  // namespace bitjoule
