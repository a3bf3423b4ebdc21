#include "core/mapping/machine_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/mapping/components.h"

namespace bitjoule {
namespace {

/// The multipliers of a PE, and its adders, as a MAC of their type.
MachinePart pe_part(const ArrayConfig& array, const DataPath& path) {
  MachinePart part;
  part.component = "array";
  part.kind = PartKind::kMac;
  part.type = path.mac.name;
  std::int64_t macs = path.macs_per_pe;
  if (path.mac.is_integer && array.pe.packing == Packing::kPasses)
    part.type = fmt::format("int{}", array.pe.width);
  if (path.mac.is_integer && array.pe.packing == Packing::kProduct) {
    part.is_scalable = true;
    macs = std::max<std::int64_t>(1, array.pe.width / path.mac.operand_bits);
  }
  part.units = array.rows * array.cols * macs;
  return part;
}

MachinePart sram_part(const ComponentRow& row, const BufferConfig& buffer) {
  MachinePart part;
  part.component = row.name;
  part.kind = PartKind::kSram;
  part.units = buffer.banks;
  part.width = buffer.port_width;
  part.capacity = Bytes(buffer.capacity.value / buffer.banks);
  part.shares_a_port = buffer.double_buffered && !buffer.either_buffering;
  return part;
}

MachinePart lanes(const ComponentRow& row, std::int64_t units) {
  MachinePart part;
  part.component = row.name;
  part.units = units;
  return part;
}

bool is_same(const MachinePart& a, const MachinePart& b) {
  return a.component == b.component && a.kind == b.kind && a.type == b.type &&
         a.is_scalable == b.is_scalable && a.units == b.units;
}

/// Whether a buffer has no memory of its own.
bool is_unified(const BuffersConfig& buffers, const BufferConfig& buffer) {
  return std::any_of(kBufferRoles.begin(), kBufferRoles.end(), [&](BufferRole role) {
    return buffers.unifies(role) && &buffers.of(role) == &buffer;
  });
}

}  // namespace

namespace parts {

void of_array(const ComponentRow&, const AcceleratorConfig& machine, const Paths& paths,
              Parts* parts) {
  for (const DataPath& path : paths) {
    const MachinePart part = pe_part(machine.array, path);
    const bool is_known = std::any_of(parts->begin(), parts->end(), [&](const MachinePart& other) {
      return is_same(part, other);
    });
    if (!is_known) parts->push_back(part);
  }
}

void of_buffer(const ComponentRow& row, const AcceleratorConfig& machine, const Paths&,
               Parts* parts) {
  const BufferConfig& buffer = machine.buffers.*row.config;
  if (!is_unified(machine.buffers, buffer)) parts->push_back(sram_part(row, buffer));
}

void of_unified_buffer(const ComponentRow& row, const AcceleratorConfig& machine, const Paths&,
                       Parts* parts) {
  if (machine.buffers.unified) parts->push_back(sram_part(row, machine.buffers.unified->sram));
}

void of_dequantizer(const ComponentRow& row, const AcceleratorConfig& machine, const Paths&,
                    Parts* parts) {
  parts->push_back(lanes(row, machine.dequantizer.lanes));
}

void of_output_unit(const ComponentRow& row, const AcceleratorConfig& machine, const Paths&,
                    Parts* parts) {
  parts->push_back(lanes(row, machine.output_unit.lanes));
}

void of_vector_unit(const ComponentRow& row, const AcceleratorConfig& machine, const Paths&,
                    Parts* parts) {
  parts->push_back(lanes(row, machine.vector_unit.lanes));
}

}  // namespace parts

std::vector<MachinePart> machine_parts(const AcceleratorConfig& machine,
                                       const std::vector<DataPath>& paths) {
  std::vector<MachinePart> parts;
  for (const ComponentRow& row : machine_components())
    if (row.parts != nullptr) row.parts(row, machine, paths, &parts);
  MachinePart rest;  // no component: it has neither counts nor energies
  rest.component = "control_and_dma";
  rest.kind = PartKind::kOnce;
  parts.push_back(rest);
  return parts;
}

std::int64_t whole_nanoseconds(Cycles cycles, Hertz clock) {
  __extension__ using wide = __int128;
  return static_cast<std::int64_t>(wide(cycles.value) * 1'000'000'000 / clock.value);
}

}  // namespace bitjoule
