#include "sim/schema/describe_machine.h"

#include "sim/config/visitors.h"

namespace bitjoule {

static Rule size_range() { return range(1, std::int64_t{1} << 40); }

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
  v.field("capacity", c.capacity, "total size, both halves together", size_range());
  v.field("banks", c.banks, "equal banks, each with one read and one write port", range(1, 4096));
  v.field("port_width", c.port_width, "bits per access of a bank", range(8, 65536));
  BoolOrAuto halves{c.double_buffered, c.either_buffering};
  v.field("double_buffered", halves,
          "one half fills while the other is read; auto: as the mapper chooses for each layer");
  c.double_buffered = halves.value || halves.is_auto;
  c.either_buffering = halves.is_auto;
  v.check([&] {
    if (c.capacity.value % c.banks != 0)
      throw input_error(fmt::format("capacity: expected a multiple of banks ({}), got {} bytes",
                                    c.banks, c.capacity.value));
    if (c.port_width.value % 8 != 0)
      throw input_error(
          fmt::format("port_width: expected a multiple of 8 bits, got {}", c.port_width.value));
    const std::int64_t word = c.port_width.value / 8;
    if (c.capacity.value / c.banks < word)
      throw input_error(fmt::format("capacity: a bank of {} bytes is smaller than its port of {}",
                                    c.capacity.value / c.banks, word));
  });
}

template <class V>
void describe(V& v, UnifiedBufferConfig& c) {
  std::vector<BufferRole> roles;
  for (const BufferRole role : kBufferRoles)
    if (c.roles.has(role)) roles.push_back(role);
  v.field("roles", roles, "what its banks are for: two roles or more");
  c.roles = {};
  std::vector<std::string> names;
  for (const BufferRole role : roles) {
    c.roles.add(role);
    names.push_back(enum_name(role));
  }
  describe(v, c.sram);
  v.check([&] {
    if (c.roles.size() < 2 || static_cast<std::size_t>(c.roles.size()) != roles.size())
      throw input_error(fmt::format("roles: expected two roles or more, each once, got {}",
                                    fmt::join(names, ", ")));
    if (c.sram.banks < c.roles.size())
      throw input_error(
          fmt::format("banks: expected at least one for each of {} roles, got {}; a bank is not "
                      "shared, so that roles never wait for one another's accesses",
                      c.roles.size(), c.sram.banks));
  });
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

BITJOULE_DESCRIBED(PeConfig)
BITJOULE_DESCRIBED(ArrayConfig)
BITJOULE_DESCRIBED(BufferConfig)
BITJOULE_DESCRIBED(UnifiedBufferConfig)
BITJOULE_DESCRIBED(BuffersConfig)
BITJOULE_DESCRIBED(DequantizerConfig)
BITJOULE_DESCRIBED(OutputUnitConfig)
BITJOULE_DESCRIBED(VectorUnitConfig)
BITJOULE_DESCRIBED(DmaConfig)
BITJOULE_DESCRIBED(AcceleratorConfig)

}  // namespace bitjoule
