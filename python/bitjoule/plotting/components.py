"""The machine's components. Written from models/core/mapping/components.cpp by sim_tests
with BITJOULE_UPDATE_DOCS=1."""

# title, colour, hatch
COMPONENTS = {
    "array": ("systolic array", "#E69F00", ""),
    "array_registers": ("registers of the array", "#C77F00", "////"),
    "array_wires": ("wires of the array", "#FFC95C", "..."),
    "array_clock": ("clock of the array", "#8A5800", "xxx"),
    "input_buffer": ("input buffer", "#56B4E9", ""),
    "weight_buffer": ("weight buffer", "#0072B2", "////"),
    "scale_buffer": ("scales, zero-points", "#F0E442", "..."),
    "accumulator_buffer": ("accumulators", "#009E73", "\\\\\\\\"),
    "dequantizer": ("dequantizer", "#CC79A7", "////"),
    "output_unit": ("output unit", "#80CFB9", ""),
    "vector_unit": ("vector unit", "#999999", "xxx"),
    "output_buffer": ("output buffer", "#AADAF4", "xxx"),
    "unified_buffer": ("unified buffer", "#7FB3D5", ""),
    "dram": ("DRAM", "#D55E00", ""),
}

# colour, hatch: of a DRAM that is priced by commands and states
DRAM_PARTS = {
    "dram_activate": ("#8F3E00", "xxx"),
    "dram_read_burst": ("#D55E00", ""),
    "dram_write_burst": ("#F2A36B", "\\\\\\\\"),
    "dram_read_io": ("#882255", ""),
    "dram_write_io": ("#B0709A", "\\\\\\\\"),
    "dram_phy": ("#DDCC77", "xxx"),
    "dram_refresh": ("#000000", ""),
    "dram_refresh_bank": ("#444444", "////"),
    "dram_background": ("#AAAAAA", "..."),
    "dram_background_open": ("#BBBBBB", ""),
    "dram_background_closed": ("#DDDDDD", "////"),
    "dram_background_power_down": ("#EEEEEE", "..."),
    "dram_background_refreshing": ("#777777", "\\\\\\\\"),
    "dram_background_banks": ("#CCCCCC", "++"),
}
