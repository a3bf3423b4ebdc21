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

const std::vector<DramPartRow>& dram_parts() {
  static const std::vector<DramPartRow> kRows = {
      {"dram_activate", "#8F3E00", "xxx"},
      {"dram_read_burst", "#D55E00", ""},
      {"dram_write_burst", "#F2A36B", R"(\\\\)"},
      {"dram_read_io", "#882255", ""},
      {"dram_write_io", "#B0709A", R"(\\\\)"},
      {"dram_phy", "#DDCC77", "xxx"},
      {"dram_refresh", "#000000", ""},
      {"dram_refresh_bank", "#444444", "////"},
      {"dram_background", "#AAAAAA", "..."},
      {"dram_background_open", "#BBBBBB", ""},
      {"dram_background_closed", "#DDDDDD", "////"},
      {"dram_background_power_down", "#EEEEEE", "..."},
      {"dram_background_refreshing", "#777777", R"(\\\\)"},
      {"dram_background_banks", "#CCCCCC", "++"},
  };
  return kRows;
}

const ComponentRow& machine_component(const std::string& name) {
  for (const ComponentRow& row : machine_components())
    if (row.name == name) return row;
  throw internal_error("no component of the machine: " + name);
}

}  // namespace bitjoule
