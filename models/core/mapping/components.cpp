#include "core/mapping/components.h"

#include "core/error.h"

namespace bitjoule {

const std::vector<ComponentRow>& machine_components() {
  using B = BuffersConfig;
  using C = MachineCounts;
  constexpr auto kNone = nullptr;
  static const std::vector<ComponentRow> kRows = {
      {"array", "systolic array", "#E69F00", "", kNone, kNone, kNone, actions::of_array,
       parts::of_array},
      {"array_registers", "registers of the array", "#C77F00", "////", kNone, kNone, kNone,
       actions::of_moves, kNone},
      {"array_wires", "wires of the array", "#FFC95C", "...", kNone, kNone, kNone,
       actions::of_moves, kNone},
      {"array_clock", "clock of the array", "#8A5800", "xxx", kNone, kNone, kNone, kNone, kNone},
      {"input_buffer", "input buffer", "#56B4E9", "", "input", &B::input, &C::input,
       actions::of_buffer, parts::of_buffer},
      {"weight_buffer", "weight buffer", "#0072B2", "////", "weight", &B::weight, &C::weight,
       actions::of_buffer, parts::of_buffer},
      {"scale_buffer", "scales, zero-points", "#F0E442", "...", "scale", &B::scale, &C::scale,
       actions::of_buffer, parts::of_buffer},
      {"accumulator_buffer", "accumulators", "#009E73", R"(\\\\)", "accumulator", &B::accumulator,
       &C::accumulator, actions::of_accumulators, parts::of_buffer},
      {"dequantizer", "dequantizer", "#CC79A7", "////", kNone, kNone, kNone,
       actions::of_dequantizer, parts::of_dequantizer},
      {"output_unit", "output unit", "#80CFB9", "", kNone, kNone, kNone, actions::of_output_unit,
       parts::of_output_unit},
      {"vector_unit", "vector unit", "#999999", "xxx", kNone, kNone, kNone, actions::of_vector_unit,
       parts::of_vector_unit},
      {"output_buffer", "output buffer", "#AADAF4", "xxx", "output", &B::output, &C::output,
       actions::of_buffer, parts::of_buffer},
      {"unified_buffer", "unified buffer", "#7FB3D5", "", kNone, kNone, kNone, kNone,
       parts::of_unified_buffer},
      {"dram", "DRAM", "#D55E00", "", kNone, kNone, kNone, actions::of_dram, kNone},
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
