// What an accelerator is described by: every member with its name, meaning and range, for files
// (sim/schema) and for what programs give (checked.h). Where it is instantiated, it is compiled.
#pragma once

#include <cstdint>
#include <vector>

#include "core/enums.h"
#include "core/machine/machine.h"
#include "core/rule.h"

namespace bitjoule {

/// Throw an input Error where banks, ports and roles do not go together.
void check_banks(const BufferConfig& buffer);
void check_roles(const UnifiedBufferConfig& buffer, const std::vector<BufferRole>& given);

template <class V>
void describe(V& v, PeConfig& c) {
  v.field("width", c.width, "bits of multiplier operands per PE", range(2, 1024));
  v.field("packing", c.packing, "how many narrow MACs a PE holds");
  v.field("adders", c.adders, "how integer products of one PE are added; costs energy, not time");
}

template <class V>
void describe(V& v, ArrayConfig& c) {
  v.required("rows", c.rows, "PE rows", range(1, 1024));
  v.required("cols", c.cols, "PE columns", range(1, 1024));
  std::vector<Dataflow> dataflows = {c.dataflow};
  dataflows.insert(dataflows.end(), c.other_dataflows.begin(), c.other_dataflows.end());
  v.one_or_more("dataflow", dataflows,
                "which operand stays in the PEs; a list: the mapper chooses for each layer");
  c.dataflow = dataflows.front();
  c.other_dataflows.assign(dataflows.begin() + 1, dataflows.end());
  v.field("overlap", c.overlap, "how consecutive folds share time");
  v.field("edge_folds", c.edge_folds, "timing of folds that do not fill the array");
  v.field("group_folds", c.group_folds, "whether folds of several groups share the array");
  v.field("weight_tiles", c.weight_tiles, "weights of a tile that does not fill the array");
  v.field("pe", c.pe, "the processing element");
}

template <class V>
void describe(V& v, BufferConfig& c) {
  v.field("capacity", c.capacity, "total size, both halves together",
          range(1, std::int64_t{1} << 40));
  v.field("banks", c.banks, "equal banks, each with one read and one write port", range(1, 4096));
  v.field("port_width", c.port_width, "bits per access of a bank", range(8, 65536));
  BoolOrAuto halves{c.double_buffered, c.either_buffering};
  v.field("double_buffered", halves,
          "one half fills while the other is read; auto: as the mapper chooses for each layer");
  c.double_buffered = halves.value || halves.is_auto;
  c.either_buffering = halves.is_auto;
  v.check([&] { check_banks(c); });
}

template <class V>
void describe(V& v, UnifiedBufferConfig& c) {
  std::vector<BufferRole> roles;
  for (const BufferRole role : kBufferRoles)
    if (c.roles.has(role)) roles.push_back(role);
  v.field("roles", roles, "what its banks are for: two roles or more");
  c.roles = {};
  for (const BufferRole role : roles) c.roles.add(role);
  describe(v, c.sram);
  v.check([&] { check_roles(c, roles); });
}

template <class V>
void describe(V& v, BuffersConfig& c) {
  v.field("unified", c.unified, "one SRAM whose banks are divided among roles, layer by layer");
  for (const BufferRole role : kBufferRoles) {
    const EnumRow<BufferRole>& row = enum_row(role);
    v.when(!c.unifies(role), "a unified buffer of other roles",
           [&] { v.field(row.name.c_str(), c.of(role), row.summary.c_str()); });
  }
}

template <class V>
void describe(V& v, DequantizerConfig& c) {
  v.field("lanes", c.lanes, "elements per cycle", range(1, 1 << 20));
  v.field("latency", c.latency, "pipeline depth in cycles", range(0, 1024));
  v.field("placement", c.placement, "where codes become floats");
}

template <class V>
void describe(V& v, OutputUnitConfig& c) {
  v.field("lanes", c.lanes, "accumulators converted per cycle", range(1, 1 << 20));
  v.field("latency", c.latency, "pipeline depth in cycles", range(0, 1024));
}

template <class V>
void describe(V& v, VectorUnitConfig& c) {
  v.field("lanes", c.lanes, "elements per cycle of one primitive operation", range(1, 1 << 20));
  v.field("latency", c.latency, "pipeline depth in cycles", range(0, 1024));
}

template <class V>
void describe(V& v, DmaConfig& c) {
  v.field("request", c.request, "bytes of a request at most: whole bursts, at least one",
          range(1, 1 << 16));
  v.field("outstanding", c.outstanding, "requests in flight at most", range(1, 1 << 16));
  v.field("requests_per_cycle", c.requests_per_cycle, "requests that may leave in one core cycle",
          range(1, 1024));
  v.field("queue", c.queue, "transfers that each stream holds", range(1, 1024));
}

template <class V>
void describe(V& v, AcceleratorConfig& c) {
  v.field("name", c.name, "shown in reports");
  v.field("clock", c.clock, "core clock", range(1'000, 100'000'000'000));
  v.field("voltage", c.voltage, "supply of the core; default: the energy table's");
  v.field("max_clock", c.max_clock, "highest clock at the energy table's supply",
          range(1'000, 100'000'000'000));
  v.required("array", c.array, "the systolic array");
  v.field("buffers", c.buffers, "on-chip memories");
  v.field("dequantizer", c.dequantizer, "integer weights to floats");
  v.field("output_unit", c.output_unit, "accumulators to the output format");
  v.field("vector_unit", c.vector_unit, "everything that is not a MAC");
  v.field("dma", c.dma, "moves tiles between DRAM and buffers");
}

}  // namespace bitjoule
