"""The parts of results by their keys: what type checkers and editors know of a ``Result``.

Written by scripts/python_fields.py from what the simulator says of itself; not to be edited. Nothing
here is made at run time, where every part is a ``Record``.
"""

from __future__ import annotations

import builtins
import typing
from typing import Any

from ._results import Record

Part = typing.TypeVar("Part")


class Named(Record, typing.Generic[Part]):
    """Parts of one kind by names of the run: causes, tensors, components."""

    def __getattr__(self, name: str) -> Part:
        raise NotImplementedError

    def __getitem__(self, key: str) -> Part:
        raise NotImplementedError


class Open(Record):
    """Parts that depend on the run: those of its configuration."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError


class Program(Record):
    """``program``: which ran: `name`, `version`, `commit`, `modified`, `sources` (their digest), as
    `sim --version` says"""

    name: str
    version: str
    commit: str
    modified: bool
    sources: str


class Estimate(Record):
    """``estimate``: with `fidelity: estimate`: how far to trust it (estimate.md)"""

    #: [share] of `fast`: 95 of 100 times are no further off; all that is counted is exact
    time_within: float
    #: activities of `counts[]` that are not exact
    estimated_counts: list[str]


class DmaCycles(Record):
    """``dma_cycles``: cycles in which transfers were under way, by what held them"""

    #: [core cycles] the memory's bandwidth
    dram: int
    #: [core cycles] all requests that may be outstanding were
    dma_window: int
    #: [core cycles] as many requests left per cycle as may
    dma_rate: int
    #: [core cycles] too little was asked for to cover an access
    dram_latency: int


class DramPerTensor(Record):
    """``dram.per_tensor.*``: one tensor"""

    #: [B] asked for
    read_bytes: int
    #: [B] asked for
    write_bytes: int
    #: [B] moved beyond that
    padding_bytes: int


class DramTimeline(Record):
    """``dram.timeline``: bytes over time; of several layers as dram.md says"""

    #: [s] the time of one element
    bin_s: float
    #: [B] read in each bin
    read_bytes: list[Any]
    #: [B] written in each bin
    write_bytes: list[Any]


class DramLatencyS(Record):
    """``dram.latency_s``: of requests, acceptance to the last data beat"""

    #: [s] the shortest
    min: float
    #: [s] the mean
    mean: float
    #: [s] the median
    p50: float
    #: [s] what 99 % do not exceed
    p99: float
    #: [s] the longest
    max: float


class DramRankClocks(Record):
    """``dram.rank_clocks``: clocks of the memory by state of its ranks; the first four sum to
    clocks x ranks of all channels; `model: cycle`"""

    #: [memory clocks] a bank is open, from ACT to PRE
    open: int
    #: [memory clocks] none is
    closed: int
    #: [memory clocks] none is, and a refresh under way
    refreshing: int
    #: [memory clocks] powered down (controller.power_down)
    power_down: int
    #: [memory clocks] that a bank is open, summed over banks
    open_banks: int


class DramDataBusShare(Record):
    """``dram.data_bus_share``: clocks of the data bus by cause; each has one, so they sum to 1
    (dram.md)"""

    #: [share] data moves
    busy: float
    #: [share] no request waits
    idle: float
    #: [share] a refresh since the last burst
    refresh: float
    #: [share] the burst's row was not open
    activate: float
    #: [share] a change of direction or rank
    turnaround: float
    #: [share] the rest: tCCD_L, command bus, queue not deep enough
    column: float


class Dram(Record):
    """``dram``: the memory"""

    #: [B] asked for by the mapping
    read_bytes: int
    #: [B] asked for by the mapping
    write_bytes: int
    #: [B] moved beyond that, because bursts are whole
    padding_bytes: int
    #: [B] that move at once, whatever was asked for
    burst_bytes: int
    #: the same by tensor; `scales`: scales, zero-points, minima, tables of all operands, in GGML's
    #: blocks too
    per_tensor: Named[DramPerTensor]
    #: [B/s] moved (padding included) over the time
    bandwidth_bytes_per_s: float
    #: [B/s] of the memory
    peak_bytes_per_s: float
    #: the name of the DRAM
    model: str
    #: bytes over time; of several layers as dram.md says
    timeline: DramTimeline
    #: of requests, acceptance to the last data beat
    latency_s: DramLatencyS
    #: clocks of the memory by state of its ranks; the first four sum to clocks x ranks of all
    #: channels; `model: cycle`
    rank_clocks: DramRankClocks
    #: [entries] into power-down; `model: cycle`
    power_downs: int
    #: [bursts] whose row was open; `model: cycle`
    row_hits: int
    #: [bursts] whose bank was closed; `model: cycle`
    row_misses: int
    #: [bursts] whose bank had another row open; `model: cycle`
    row_conflicts: int
    #: [share] hits of all bursts; `model: cycle`
    row_hit_rate: float
    #: [commands] by name, those that were sent; `model: cycle`
    commands: Named[int]
    #: clocks of the data bus by cause; each has one, so they sum to 1 (dram.md)
    data_bus_share: DramDataBusShare


class Sram(Record):
    """``sram.*``: one buffer"""

    #: [accesses] as wide as a port
    reads: int
    #: [accesses] as wide as a port
    writes: int
    #: [B] the most that it held
    peak_bytes: int


class Operands(Record):
    """``operands``: of the array's multipliers; `operand_counts`"""

    #: [MACs] whose input is zero
    zero_inputs: int
    #: [MACs] whose weight is zero
    zero_weights: int
    #: [MACs] with a zero among their operands
    zero_macs: int
    #: [bits] of inputs that differ from the multiplier's input before
    input_toggles: int
    #: [bits] of weights that differ from the multiplier's weight before
    weight_toggles: int


class Roofline(Record):
    """``roofline``: what machine and memory allow"""

    #: [MAC/B] intensity: over the bytes moved
    macs_per_byte: float
    #: [MAC/s] of the array
    peak_macs_per_s: float
    #: [MAC/s] the peak, or what the memory's peak feeds
    attainable_macs_per_s: float
    #: [MAC/s] MACs over the time
    achieved_macs_per_s: float


class Count(Record):
    """``counts[]``"""

    #: of the machine
    component: str
    #: what for
    activity: str
    #: what was done
    primitive: str
    #: operand type of arithmetic
    type: str
    #: [bits] of an SRAM access, or of a word in the array
    width_bits: int
    #: [B] of the SRAM bank
    capacity_bytes: int
    #: how many
    count: int


class EnergyByTable(Record):
    """``energy.by_table``: all by the energy table's prices of the DRAM"""

    #: [pJ] of everything
    total_pj: float
    #: [pJ] the DRAM's part of it
    dram_pj: float
    #: [pJ] that part divided by the factors that its prices are unsure by
    dram_low_pj: float
    #: [pJ] that part times these factors
    dram_high_pj: float
    #: [pJ] that part by command and state, where these prices tell them apart; of a run
    dram_parts: Named[float]
    #: the name of these prices; of a run
    list: str
    #: what these prices of the DRAM include (energy.md)
    boundary: str
    #: activities of the DRAM without a price, and supplies that a price lacks; of a run
    unpriced: builtins.list[str]


class EnergyUnpricedItem(Record):
    """``energy.unpriced[]``"""

    #: of the machine
    component: str
    #: what for
    activity: str
    #: what was done
    primitive: str
    #: operand type of arithmetic
    type: str
    #: [bits] of an SRAM access, or of a word in the array
    width_bits: int
    #: [B] of the SRAM bank
    capacity_bytes: int
    #: how many
    count: int
    #: the table's reason
    why: str


class EnergyPrice(Record):
    """``energy.prices[]``"""

    #: of the machine
    component: str
    #: what for
    activity: str
    #: what was done
    primitive: str
    #: operand type of arithmetic
    type: str
    #: [bits] of an SRAM access, or of a word in the array
    width_bits: int
    #: [B] of the SRAM bank
    capacity_bytes: int
    #: how many
    count: int
    #: `quoted`, `derived`, `included` in another's, or `unpriced`
    price: str
    #: [pJ] of one
    unit_pj: float
    #: [pJ] of all
    energy_pj: float
    #: the factor by which sources differ, up or down; 1: not stated
    uncertainty: float
    #: source, rule or reason
    why: str


class Energy(Record):
    """``energy``: counts x prices (energy.md)"""

    #: the name of the energy table
    table: str
    #: [pJ] the sum of `components`
    total_pj: float
    #: [pJ] by component, those that did something
    components: Named[float]
    #: [pJ] what is done costs
    dynamic_pj: float
    #: [pJ] what time costs apart from the clock: leakage, the DRAM's standby
    static_pj: float
    #: [pJ] the same by component, those that have some
    static: Named[float]
    #: whose prices of the DRAM these are: `table` or `device`
    dram_prices: str
    #: all by the energy table's prices of the DRAM
    by_table: EnergyByTable
    #: all by those of the DRAM's own file; null: it has none, or `unit` is no pJ
    by_device: EnergyByTable | None
    #: [pJ] the total with every price divided by its `uncertainty`; 1 where none is stated
    low_pj: float
    #: [pJ] the total with every price times its `uncertainty`
    high_pj: float
    #: `pJ`; `MAC`: ratios of what a MAC costs stand in the place of pJ
    unit: str
    #: technology of the table, and of its memories and areas where another
    node: str
    #: where the sums have figures of different kinds, or beyond their sources
    notes: list[str]
    #: the same by semicolons, for tables; null: there is none
    noted: str | None
    #: actions without a price, which no sum contains
    unpriced: list[EnergyUnpricedItem]
    #: the same in short, by semicolons; null: everything has a price
    not_priced: str | None
    #: every action, and what it costs
    prices: list[EnergyPrice]


class PowerTimeline(Record):
    """``power.timeline``: power over time, in the bins of `dram.timeline`"""

    #: [s] the time of one element
    bin_s: float
    #: [W] average of each bin; the last one ends with the run
    watts: list[Any]


class Power(Record):
    """``power``: what was drawn, DRAM included as far as it is priced (energy.md)"""

    #: [W] energy over time
    average_w: float
    #: [W] of the bin of the timeline with most
    peak_w: float
    #: [TOPS/W] two operations for each MAC done, over the energy
    tops_per_w: float
    #: power over time, in the bins of `dram.timeline`
    timeline: PowerTimeline


class AreaPart(Record):
    """``area.parts[]``"""

    #: that it belongs to
    component: str
    #: `mac`, `bank` of a memory, `lane`, or `once`
    kind: str
    #: how many
    units: int
    #: of MACs
    type: str
    #: of MACs: they compose wider products of narrower ones
    scalable: bool
    #: [bits] of a bank's port
    width_bits: int
    #: [B] of a bank
    capacity_bytes: int
    #: of banks: never read and written in one cycle
    shares_a_port: bool
    #: how many of what
    what: str
    #: `quoted`, `derived` or `unpriced`: not known
    price: str
    #: [um2] of one
    unit_um2: float
    #: [mm2] of all
    mm2: float
    #: [times] the truth lies within this factor; 1: not stated
    uncertainty: float
    #: source, rule or reason
    why: str


class Area(Record):
    """``area``: of the machine, on the chip (energy.md)"""

    #: whose figures; empty: the energy table has none
    table: str
    #: their technology
    node: str
    #: [mm2] of the machine; null: a part has no figure, see `unknown`
    total_mm2: float | None
    #: [mm2] if every figure is too high by its uncertainty; null likewise
    lowest_mm2: float | None
    #: [mm2] if every figure is too low by its uncertainty; null likewise
    highest_mm2: float | None
    #: [mm2] of the parts that have figures; null: none has
    known_mm2: float | None
    #: parts without a figure, by semicolons; null: there is none
    unknown: str | None
    #: [mm2] by component, those that have figures
    components: Named[float]
    #: what the machine consists of
    parts: list[AreaPart]
    #: what the figures leave out
    notes: list[str]
    #: [W/mm2] average power of the chip, without the DRAM's
    power_density_w_per_mm2: float | None
    #: [TOPS/mm2] two operations for each MAC done, over time and area
    tops_per_mm2: float | None


class Error(Record):
    """``error``: outputs against float64 before quantization; null: values off"""

    #: [dB] null: the outputs are equal, or nothing is compared
    sqnr_db: float
    #: the largest absolute difference
    max_abs: float
    #: the mean absolute difference
    mean_abs: float
    #: of the angle between both
    cosine: float
    #: [outputs] that were compared
    compared: int
    #: [outputs] NaN or infinite, here or in the reference: not compared
    not_finite: int


class Check(Record):
    """``check``: with values on"""

    #: [outputs] that there are
    outputs: int
    #: [outputs] compared with the oracle
    checked: int
    #: [outputs] that differ from it
    wrong: int
    #: [sums] that left the 32-bit accumulators
    overflows: int


class LayerShape(Record):
    """``layers[].shape``: of the product, or rows"""

    #: of a vector operator
    rows: int
    #: of a vector operator
    cols: int
    #: products
    groups: int
    #: rows of each
    m: int
    #: columns
    n: int
    #: terms of a sum
    k: int


class LayerMappingTile(Record):
    """``layers[].mapping.tile``: sizes of a tile"""

    #: of the layer's groups
    groups: int
    #: images
    batch: int
    #: of an image's outputs
    out_rows: int
    #: of an image's outputs
    out_cols: int
    #: rows of the product
    m: int
    #: columns
    n: int
    #: terms of a sum
    k: int


class LayerMapping(Record):
    """``layers[].mapping``: of layers with MACs"""

    #: what the array was set to
    dataflow: str
    #: of the loops over tiles, outermost first
    order: str
    #: the innermost loop over the folds of a tile (timing.md)
    fold_order: str
    #: groups side by side on the array (timing.md)
    groups_at_once: int
    #: [elements] sizes of a tile
    tile: LayerMappingTile
    #: the input buffer holds whole rows
    input_holds_all_k: bool
    #: pins that were not taken as they were given
    notes: list[str]


class LayerBuffers(Record):
    """``layers[].buffers.*``: one role's"""

    #: [B] of its banks
    capacity_bytes: int
    #: that are its own
    banks: int
    #: whether it holds two tiles
    double_buffered: bool


class LayerFormats(Record):
    """``layers[].formats``: number formats"""

    #: stored
    weights: str
    #: stored
    activations: str
    #: stored
    output: str


class LayerScores(Record):
    """``layers[].scores``: fused attention: its first product; mac and formats are the second's"""

    #: the MAC type
    mac: str
    #: format of the keys
    weights: str
    #: format of the queries
    activations: str


class LayerDram(Record):
    """``layers[].dram``: the memory"""

    #: [B] asked for by the mapping
    read_bytes: int
    #: [B] asked for by the mapping
    write_bytes: int
    #: [B] moved beyond that, because bursts are whole
    padding_bytes: int
    #: [B] that move at once, whatever was asked for
    burst_bytes: int
    #: the same by tensor; `scales`: scales, zero-points, minima, tables of all operands, in GGML's
    #: blocks too
    per_tensor: Named[DramPerTensor]
    #: [B/s] moved (padding included) over the time
    bandwidth_bytes_per_s: float
    #: [B/s] of the memory
    peak_bytes_per_s: float
    #: the element of `timelines[]` that the layer shares with those that move equal bytes at equal
    #: times
    timeline: int
    #: of requests, acceptance to the last data beat
    latency_s: DramLatencyS
    #: clocks of the memory by state of its ranks; the first four sum to clocks x ranks of all
    #: channels; `model: cycle`
    rank_clocks: DramRankClocks
    #: [entries] into power-down; `model: cycle`
    power_downs: int
    #: [bursts] whose row was open; `model: cycle`
    row_hits: int
    #: [bursts] whose bank was closed; `model: cycle`
    row_misses: int
    #: [bursts] whose bank had another row open; `model: cycle`
    row_conflicts: int
    #: [share] hits of all bursts; `model: cycle`
    row_hit_rate: float
    #: [commands] by name, those that were sent; `model: cycle`
    commands: Named[int]
    #: clocks of the data bus by cause; each has one, so they sum to 1 (dram.md)
    data_bus_share: DramDataBusShare


class LayerOperands(Record):
    """``layers[].operands.*``: one operand"""

    #: that makes it
    layer: str
    #: that holds it
    file: str
    #: its name there
    tensor: str
    #: its type there
    stored: str
    #: whether its bytes were used; else quantized from its values
    as_stored: bool
    #: of its values
    generator: str


class LayerEnergyByTable(Record):
    """``layers[].energy.by_table``: all by the energy table's prices of the DRAM"""

    #: [pJ] of everything
    total_pj: float
    #: [pJ] the DRAM's part of it
    dram_pj: float
    #: what these prices of the DRAM include (energy.md)
    boundary: str


class LayerEnergy(Record):
    """``layers[].energy``: of the layer"""

    #: [pJ] the sum of `components`
    total_pj: float
    #: [pJ] by component, those that did something
    components: Named[float]
    #: [pJ] what is done costs
    dynamic_pj: float
    #: [pJ] what time costs apart from the clock: leakage, the DRAM's standby
    static_pj: float
    #: [pJ] the same by component, those that have some
    static: Named[float]
    #: whose prices of the DRAM these are: `table` or `device`
    dram_prices: str
    #: all by the energy table's prices of the DRAM
    by_table: LayerEnergyByTable
    #: all by those of the DRAM's own file; null: it has none, or `unit` is no pJ
    by_device: EnergyByTable | None


class LayerOutputs(Record):
    """``layers[].outputs``: with --save-outputs: what was written"""

    #: of the tensor
    shape: list[Any]
    #: of its elements
    format: str
    #: of its codes
    scale: float


class Layer(Record):
    """``layers[]``"""

    #: of the layer
    name: str
    #: what reports group by
    kind: str
    #: layers that this one stands for
    repeat: int
    #: the vector operator, which has no mapping
    op: str
    #: of a generation
    phase: str
    #: the MAC type
    mac: str
    #: of the product, or rows
    shape: LayerShape
    #: of layers with MACs
    mapping: LayerMapping
    #: where the mapper chooses of them: what these roles' are for the layer
    buffers: Named[LayerBuffers]
    #: number formats
    formats: LayerFormats
    #: fused attention: its first product; mac and formats are the second's
    scores: LayerScores
    #: [core cycles] start of the first load to the last byte written back
    cycles: int
    #: [core cycles] what the array needs if memory never makes it wait (timing.md)
    compute_cycles: int
    #: [s] the same as `cycles`
    time_s: float
    #: [MACs] done for the layer
    macs: int
    #: [MACs] slots of the array that had nothing to do while steps entered
    padded_macs: int
    #: [share] MACs / (cycles x MACs of the array per cycle)
    utilization: float
    #: what one would have to enlarge: `compute`, `dram`, `dma_window`, `dma_rate`, or a cause of
    #: `stalls`
    bound: str
    #: [core cycles] by cause; they sum to `cycles` (timing.md)
    stalls: Named[int]
    #: cycles in which transfers were under way, by what held them
    dma_cycles: DmaCycles
    #: the memory
    dram: LayerDram
    #: by buffer
    sram: Named[Sram]
    #: with values on: where they come from
    operands: Named[LayerOperands]
    #: what machine and memory allow
    roofline: Roofline
    #: how often it does each action of the run's `counts[]`, in its order
    counts: list[int]
    #: of the layer
    energy: LayerEnergy
    #: outputs against float64 before quantization; null: values off
    error: Error | None
    #: true: the checked outputs equal the oracle's bit by bit; null: nothing was checked
    verified: bool | None
    #: with values on
    check: Check
    #: with values on: the layer's output against the whole network in float64; `error` is what the
    #: layer itself adds
    network_error: Error
    #: with --save-outputs: what was written
    outputs: LayerOutputs


class Timeline(Record):
    """``timelines[]``"""

    bin_s: float
    read_bytes: list[Any]
    write_bytes: list[Any]


class NetworkKind(Record):
    """``network.kinds[]``"""

    #: its name, with its phase in a generation: "decode/attention"
    kind: str
    #: [core cycles] of all its layers
    cycles: int
    #: [s] of all its layers
    time_s: float
    #: [pJ] of all its layers
    energy_pj: float
    #: [B] moved by all its layers, padding included
    dram_bytes: int
    #: [MACs] of all its layers
    macs: int
    #: [share] of the array, also in the time of vector operators
    utilization: float
    #: as of a run
    bound: str
    #: [core cycles] by cause; they sum to `cycles` (timing.md)
    stalls: Named[int]
    #: cycles in which transfers were under way, by what held them
    dma_cycles: DmaCycles


class NetworkLargestCycle(Record):
    """``network.largest.cycles[]``"""

    #: of the layer
    name: str
    #: [core cycles] all repeats
    amount: float


class NetworkLargestEnergyPjItem(Record):
    """``network.largest.energy_pj[]``"""

    #: of the layer
    name: str
    #: [pJ] all repeats
    amount: float


class NetworkLargestDramByte(Record):
    """``network.largest.dram_bytes[]``"""

    #: of the layer
    name: str
    #: [B] all repeats
    amount: float


class NetworkLargest(Record):
    """``network.largest``: the layers with most of something, ten at most"""

    #: [core cycles] by cycles
    cycles: list[NetworkLargestCycle]
    #: [pJ] by energy
    energy_pj: list[NetworkLargestEnergyPjItem]
    #: [B] by bytes moved
    dram_bytes: list[NetworkLargestDramByte]


class NetworkMemory(Record):
    """``network.memory``: of the pass that needs most"""

    #: [B] weights, tables, biases and norm parameters
    weights_bytes: int
    #: [B] keys and values that the products read
    kv_cache_bytes: int
    #: [B] the most that is alive while one layer runs
    activations_bytes: int
    #: [B] all of these
    total_bytes: int
    #: [B] of the DRAM
    capacity_bytes: int
    #: whether it holds them
    fits: bool


class NetworkPrefillStalls(Record):
    """``network.prefill.stalls``: by cause; they sum to `cycles` (timing.md)"""

    #: [core cycles] because of this cause
    array_busy: int
    #: [core cycles] because of this cause
    weight_load: int
    #: [core cycles] because of this cause
    fill_drain: int
    #: [core cycles] because of this cause
    dram_read: int
    #: [core cycles] because of this cause
    dram_write: int
    #: [core cycles] because of this cause
    dequantizer: int
    #: [core cycles] because of this cause
    output: int
    #: [core cycles] because of this cause
    buffer_port: int
    #: [core cycles] because of this cause
    vector: int
    #: [core cycles] because of this cause
    idle: int
    #: [core cycles] because of this cause
    dma_window: int
    #: [core cycles] because of this cause
    dma_rate: int
    #: [core cycles] because of this cause
    dram_latency: int


class NetworkPrefill(Record):
    """``network.prefill``: of a generation: its sum, with the keys of `pass`"""

    #: empty: a network without phases
    phase: str
    #: [tokens] of a decode step; 0: none
    context: int
    #: [passes] that this one stands for
    weight: int
    #: [core cycles] of its layers
    cycles: int
    #: [s] of its layers
    time_s: float
    #: [pJ] of its layers
    energy_pj: float
    #: [B] moved, padding included
    dram_bytes: int
    #: [B] of these, with `overlap: layers`, while the layer ahead ran
    ahead_bytes: int
    #: [B] of keys and values, asked for
    kv_read_bytes: int
    #: [B] of keys and values, asked for
    kv_written_bytes: int
    #: [tokens] that it yields or reads, all sequences
    tokens: float
    #: [1/s] over its time
    tokens_per_s: float
    #: [J] its energy over them
    joules_per_token: float
    #: [B] its DRAM bytes over them
    bytes_per_token: float
    #: [1/s] what the DRAM's peak feeds
    limit_tokens_per_s: float
    #: as of a run
    bound: str
    #: [core cycles] by cause; they sum to `cycles` (timing.md)
    stalls: NetworkPrefillStalls
    #: cycles in which transfers were under way, by what held them
    dma_cycles: DmaCycles


class NetworkPassesItemStalls(Record):
    """``network.passes[].stalls``"""

    array_busy: int
    weight_load: int
    fill_drain: int
    dram_read: int
    dram_write: int
    dequantizer: int
    output: int
    buffer_port: int
    vector: int
    idle: int
    dma_window: int
    dma_rate: int
    dram_latency: int


class NetworkPassesItemDmaCycles(Record):
    """``network.passes[].dma_cycles``"""

    dram: int
    dma_window: int
    dma_rate: int
    dram_latency: int


class NetworkPassesItem(Record):
    """``network.passes[]``"""

    phase: str
    context: int
    weight: int
    cycles: int
    time_s: float
    energy_pj: float
    dram_bytes: int
    ahead_bytes: int
    kv_read_bytes: int
    kv_written_bytes: int
    tokens: float
    tokens_per_s: float
    joules_per_token: float
    bytes_per_token: float
    limit_tokens_per_s: float
    bound: str
    stalls: NetworkPassesItemStalls
    dma_cycles: NetworkPassesItemDmaCycles


class NetworkValuesOutput(Record):
    """``network.values.outputs[]``"""

    #: of the tensor
    name: str
    #: of the tensor
    shape: list[Any]
    #: of its elements
    type: str
    #: against the whole network in float64
    error: Error


class NetworkValues(Record):
    """``network.values``: with values on: what was computed"""

    #: of the last pass
    outputs: list[NetworkValuesOutput]
    #: [outputs] of all layers with MACs
    computed: int
    #: [outputs] of these, compared with the oracle
    checked: int
    #: [outputs] of these, that differ from it
    wrong: int
    #: [sums] that left the 32-bit accumulators
    overflows: int


class NetworkPass(Record):
    """``network.pass``: one inference, or the sum of its steps"""

    #: empty: a network without phases
    phase: str
    #: [tokens] of a decode step; 0: none
    context: int
    #: [passes] that this one stands for
    weight: int
    #: [core cycles] of its layers
    cycles: int
    #: [s] of its layers
    time_s: float
    #: [pJ] of its layers
    energy_pj: float
    #: [B] moved, padding included
    dram_bytes: int
    #: [B] of these, with `overlap: layers`, while the layer ahead ran
    ahead_bytes: int
    #: [B] of keys and values, asked for
    kv_read_bytes: int
    #: [B] of keys and values, asked for
    kv_written_bytes: int
    #: [tokens] that it yields or reads, all sequences
    tokens: float
    #: [1/s] over its time
    tokens_per_s: float
    #: [J] its energy over them
    joules_per_token: float
    #: [B] its DRAM bytes over them
    bytes_per_token: float
    #: [1/s] what the DRAM's peak feeds
    limit_tokens_per_s: float
    #: [images] of a network without tokens: the batch
    images: float
    #: [1/s] over its time
    images_per_s: float
    #: [J] its energy over them
    joules_per_image: float
    #: [B] its DRAM bytes over them
    bytes_per_image: float
    #: [1/s] what the DRAM's peak feeds
    limit_images_per_s: float
    #: as of a run
    bound: str
    #: [core cycles] by cause; they sum to `cycles` (timing.md)
    stalls: Named[int]
    #: cycles in which transfers were under way, by what held them
    dma_cycles: DmaCycles


class Network(Record):
    """``network``: of a run with a network (networks.md)"""

    #: of the network
    name: str
    #: what its sizes follow from
    parameters: Open
    #: layers of one kind and phase, all repeats
    kinds: list[NetworkKind]
    #: the layers with most of something, ten at most
    largest: NetworkLargest
    #: of the pass that needs most
    memory: NetworkMemory
    #: [layers] that were simulated; the others equal one of them
    simulated_layers: int
    #: [s] of a generation: of its prefill
    time_to_first_token_s: float
    #: of a generation: its sum, with the keys of `pass`
    prefill: NetworkPrefill
    #: of a generation: its sum, with the keys of `pass`
    decode: NetworkPrefill
    #: of a generation: every simulated pass, with the keys of `pass`
    passes: list[NetworkPassesItem]
    #: with values on: what was computed
    values: NetworkValues


class AccuracyCorrect(Record):
    """``accuracy.correct``: what is right, by its rank in the prediction"""

    #: share of predictions whose likeliest is right
    top1: float
    #: standard error of `top1`
    top1_error: float
    #: share of predictions with it among the likeliest five
    top5: float
    #: standard error of `top5`
    top5_error: float


class AccuracyFloat(Record):
    """``accuracy.float``: the same data by the network in float64, nothing rounded"""

    #: whose values these are; empty: the run's own
    network: str
    #: of tokens, exp(nll): as if it chose among so many
    perplexity: float | None
    #: [bits] of tokens, nll / log(2)
    bits_per_token: float | None
    #: [nats] -log of the probability of what is right, on average
    nll: float | None
    #: [nats] standard error of `nll`
    nll_error: float | None
    #: share of predictions whose likeliest is right
    top1: float


class AccuracyChange(Record):
    """``accuracy.change``: against `float`, errors paired over predictions"""

    #: [nats] rise of the loss
    nll: float | None
    #: [nats] standard error of it
    nll_error: float | None
    #: of tokens, perplexity over that of `float`
    perplexity_ratio: float | None
    #: the rise exceeds two standard errors, up or down
    is_told: bool
    #: rise of the share of right predictions
    top1: float
    #: standard error of it
    top1_error: float


class AccuracyAgreement(Record):
    """``accuracy.agreement``: with the likeliest of `float`"""

    #: share of predictions with the same likeliest
    top1: float
    #: standard error of `top1`
    top1_error: float
    #: share of predictions that have it among the likeliest five
    top5: float
    #: standard error of `top5`
    top5_error: float


class AccuracyWorst(Record):
    """``accuracy.worst``: the input whose outputs are furthest from float64"""

    #: its place, from 0
    input: int
    #: [dB] of its outputs
    sqnr_db: float | None


class Accuracy(Record):
    """``accuracy``: of an evaluation: how good the values are (accuracy.md)"""

    #: the file
    data: str
    #: `tokens` of a language model, inputs with `classes`, or `outputs` without labels
    kind: str
    #: that were judged: windows of tokens, or inputs
    inputs: int
    #: [tokens] read at once
    window: int
    #: [tokens] from one window to the next
    stride: int
    #: that were judged
    predictions: int
    #: of tokens, exp(nll): as if it chose among so many
    perplexity: builtins.float | None
    #: [bits] of tokens, nll / log(2)
    bits_per_token: builtins.float | None
    #: [nats] -log of the probability of what is right, on average
    nll: builtins.float | None
    #: [nats] standard error of `nll`
    nll_error: builtins.float | None
    #: what is right, by its rank in the prediction
    correct: AccuracyCorrect
    #: the same data by the network in float64, nothing rounded
    float: AccuracyFloat
    #: against `float`, errors paired over predictions
    change: AccuracyChange
    #: [nats] divergence from `float`, KL(float, network), per prediction
    kl: builtins.float | None
    #: [nats] standard error of `kl`
    kl_error: builtins.float | None
    #: [nats] of one prediction
    kl_largest: builtins.float | None
    #: with the likeliest of `float`
    agreement: AccuracyAgreement
    #: [dB] of the outputs against float64; null: nothing differs
    sqnr_db: builtins.float | None
    #: the input whose outputs are furthest from float64
    worst: AccuracyWorst


class Described(Record):
    """A run."""

    #: of this layout
    schema_version: int
    #: which ran: `name`, `version`, `commit`, `modified`, `sources` (their digest), as `sim
    #: --version` says
    program: Program
    #: of the run
    name: str
    #: what is done, whatever does it: Pareto fronts rank points within one
    workload: str
    #: over the configuration, the program, and the tensors that the run reads from files
    config_hash: str
    #: `fast`, `pe` or `estimate`
    fidelity: str
    #: [Hz] of the core
    clock_hz: int
    #: with `fidelity: estimate`: how far to trust it (estimate.md)
    estimate: Estimate
    #: [core cycles] start of the first load to the last byte written back
    cycles: int
    #: [core cycles] what the array needs if memory never makes it wait (timing.md)
    compute_cycles: int
    #: [s] the same as `cycles`
    time_s: float
    #: [MACs] done for the layer
    macs: int
    #: [MACs] slots of the array that had nothing to do while steps entered
    padded_macs: int
    #: [share] MACs / (cycles x MACs of the array per cycle)
    utilization: float
    #: what one would have to enlarge: `compute`, `dram`, `dma_window`, `dma_rate`, or a cause of
    #: `stalls`
    bound: str
    #: [core cycles] by cause; they sum to `cycles` (timing.md)
    stalls: Named[int]
    #: cycles in which transfers were under way, by what held them
    dma_cycles: DmaCycles
    #: the memory
    dram: Dram
    #: by buffer
    sram: Named[Sram]
    #: of the array's multipliers; `operand_counts`
    operands: Operands
    #: what machine and memory allow
    roofline: Roofline
    #: every priced action
    counts: list[Count]
    #: counts x prices (energy.md)
    energy: Energy
    #: what was drawn, DRAM included as far as it is priced (energy.md)
    power: Power
    #: of the machine, on the chip (energy.md)
    area: Area
    #: outputs against float64 before quantization; null: values off
    error: Error | None
    #: true: the checked outputs equal the oracle's bit by bit; null: nothing was checked
    verified: bool | None
    #: with values on
    check: Check
    #: one element each
    layers: list[Layer]
    #: traffic over time, shared by layers
    timelines: list[Timeline]
    #: what was run, resolved
    config: Open
    #: of a run with a network (networks.md)
    network: Network
    #: of an evaluation: how good the values are (accuracy.md)
    accuracy: Accuracy
