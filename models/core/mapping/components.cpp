#include "core/mapping/components.h"

#include "core/error.h"

namespace bitjoule {

const std::vector<ComponentRow>& machine_components() {
  using B = BuffersConfig;
  using C = MachineCounts;
  static const std::vector<ComponentRow> kRows = {
      {"array", "systolic array", "#E69F00", "", nullptr, nullptr, nullptr},
      {"array_registers", "registers of the array", "#C77F00", "////", nullptr, nullptr, nullptr},
      {"array_wires", "wires of the array", "#FFC95C", "...", nullptr, nullptr, nullptr},
      {"array_clock", "clock of the array", "#8A5800", "xxx", nullptr, nullptr, nullptr},
      {"input_buffer", "input buffer", "#56B4E9", "", "input", &B::input, &C::input},
      {"weight_buffer", "weight buffer", "#0072B2", "////", "weight", &B::weight, &C::weight},
      {"scale_buffer", "scales, zero-points", "#F0E442", "...", "scale", &B::scale, &C::scale},
      {"accumulator_buffer", "accumulators", "#009E73", R"(\\\\)", "accumulator", &B::accumulator,
       &C::accumulator},
      {"dequantizer", "dequantizer", "#CC79A7", "////", nullptr, nullptr, nullptr},
      {"output_unit", "output unit", "#80CFB9", "", nullptr, nullptr, nullptr},
      {"vector_unit", "vector unit", "#999999", "xxx", nullptr, nullptr, nullptr},
      {"output_buffer", "output buffer", "#AADAF4", "xxx", "output", &B::output, &C::output},
      {"unified_buffer", "unified buffer", "#7FB3D5", "", nullptr, nullptr, nullptr},
      {"dram", "DRAM", "#D55E00", "", nullptr, nullptr, nullptr},
  };
  return kRows;
}

const ComponentRow& machine_component(const std::string& name) {
  for (const ComponentRow& row : machine_components())
    if (row.name == name) return row;
  throw internal_error("no component of the machine: " + name);
}

}  // namespace bitjoule
