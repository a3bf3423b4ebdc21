"""What each chart shows. Written from sim/report/chart_table.cpp by sim_tests
with BITJOULE_UPDATE_DOCS=1."""

from collections import namedtuple

# `scale`: of a metric's value in the unit; `prefix`, `suffixes`: of the metrics of the parts
Stack = namedtuple("Stack", "title asks axis unit scale prefix suffixes total")
Measure = namedtuple("Measure", "metric axis unit scale hint")
Points = namedtuple("Points", "title asks x y")

STACKS = {
    "energy": Stack(
        "Energy by component",
        "Where does the energy go?",
        "energy",
        "J",
        1e-12,
        "energy.components.",
        ("",),
        "energy.total_pj",
    ),
    "static": Stack(
        "Leakage and standby by component",
        "What does it cost to be switched on?",
        "energy",
        "J",
        1e-12,
        "energy.static.",
        ("",),
        "energy.static_pj",
    ),
    "traffic": Stack(
        "DRAM traffic by tensor",
        "What crosses the pins of the memory?",
        "DRAM traffic",
        "B",
        1,
        "dram.per_tensor.",
        (".read_bytes", ".write_bytes"),
        "",
    ),
    "stalls": Stack(
        "Time by cause",
        "What does each cycle wait for?",
        "share of the time",
        "",
        1,
        "stalls.",
        ("",),
        "time_s",
    ),
    "area": Stack(
        "Area by component",
        "What does each part take on the chip?",
        "area, mm2",
        "",
        1,
        "area.components.",
        ("",),
        "area.total_mm2",
    ),
}
POINTS = {
    "pareto": Points(
        "Energy against error",
        "What does a saving cost in accuracy?",
        Measure("energy.total_pj", "energy", "J", 1e-12, "less is better"),
        Measure("error.sqnr_db", "SQNR of the output", "dB", 1, "more is better"),
    ),
    "accuracy": Points(
        "Energy against accuracy",
        "What does a saving cost the model?",
        Measure("energy.total_pj", "energy", "J", 1e-12, "less is better"),
        Measure("accuracy.kl", "KL from the float network, nats", "", 1, "less is better"),
    ),
    "accuracy-weights": Points(
        "Bytes of the weights against accuracy",
        "How many bits do the weights need?",
        Measure("network.memory.weights_bytes", "weights", "B", 1, "less is better"),
        Measure("accuracy.kl", "KL from the float network, nats", "", 1, "less is better"),
    ),
    "roofline": Points(
        "Roofline",
        "Is it the array or the memory that limits?",
        Measure("roofline.macs_per_byte", "arithmetic intensity", "MAC/B", 1, "more reuse"),
        Measure("roofline.achieved_macs_per_s", "achieved", "MAC/s", 1, "more is better"),
    ),
}
LINES = [
    Measure("energy.total_pj", "energy", "J", 1e-12, "less is better"),
    Measure("time_s", "time", "s", 1, "less is better"),
    Measure("dram.read_bytes", "read from DRAM", "B", 1, "less is better"),
    Measure("error.sqnr_db", "SQNR of the output", "dB", 1, "more is better"),
    Measure("area.total_mm2", "area", "mm2", 1, "less is better"),
]

# colour, hatch: of causes of time, tensors, and what else is no component
PARTS = {
    "array_busy": ("#E69F00", ""),
    "weight_load": ("#0072B2", "////"),
    "fill_drain": ("#F0E442", "..."),
    "dram_read": ("#D55E00", ""),
    "dram_write": ("#EBAF80", "xxx"),
    "dequantizer": ("#CC79A7", "////"),
    "output": ("#009E73", ""),
    "buffer_port": ("#56B4E9", "\\\\\\\\"),
    "vector": ("#999999", "xxx"),
    "dma_window": ("#000000", ""),
    "dma_rate": ("#BBBBBB", ""),
    "dram_latency": ("#F2C9A1", "..."),
    "idle": ("#FFFFFF", ""),
    "weights": ("#0072B2", "////"),
    "scales": ("#F0E442", "..."),
    "inputs": ("#56B4E9", ""),
    "biases": ("#CC79A7", "..."),
    "outputs": ("#009E73", "\\\\\\\\"),
    "padding": ("#BBBBBB", "xxx"),
    "data": ("#009E73", ""),
    "refresh": ("#000000", ""),
    "activate": ("#D55E00", "xxx"),
    "turnaround": ("#CC79A7", ""),
    "column": ("#56B4E9", ""),
    "read": ("#0072B2", "////"),
    "write": ("#E69F00", ""),
}
