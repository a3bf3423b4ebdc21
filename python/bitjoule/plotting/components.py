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
