"""Figures of one run: DIR/result.json."""

import math

from . import style
from .charts import POINTS, STACKS
from .panels import PICO, bandwidth_panel, components, energy_unit, name_of
from .style import per_cent, plt, readable, si


def _named_bars(ax, values, unit):
    """Horizontal bars of {name: value}, largest first, each with its value and share (in per cent
    the value is the share)."""
    ordered = sorted(((n, v) for n, v in values.items() if v), key=lambda item: -item[1])
    total = sum(values.values())
    for row, (name, value) in enumerate(ordered):
        colour, hatch = style.look(name)
        ax.barh(row, value, 0.7, color=colour, hatch=hatch, edgecolor="black", linewidth=0.5)
        share = per_cent(value, total)
        amount = f"{value:.3g} {unit}" if unit == "mm2" else si(value, unit)
        ax.annotate(
            share if unit == "%" else f"{amount} ({share})",
            (value, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.set_yticks(range(len(ordered)), [readable(n) for n, _ in ordered])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.35 * ordered[0][1] if ordered else 1)
    ax.grid(axis="x")
    if unit != "mm2":  # a square has no such prefixes
        style.axis_unit(ax.xaxis, unit)


def energy(result):
    """Energy by component."""
    unit, size = energy_unit(result)
    parts = components(result, size)
    figure, ax = plt.subplots(figsize=(6.4, 0.6 + 0.32 * max(3, sum(map(bool, parts.values())))))
    _named_bars(ax, parts, unit)
    ax.set_xlabel(STACKS["energy"].axis)
    style.title(
        figure,
        f"{STACKS['energy'].title}: {name_of(result)}\n"
        f"total {si(sum(parts.values()), unit)}, table {result.at('energy.table').text()}",
    )
    return figure


def stalls(result):
    """Time by cause: what every core cycle was spent on."""
    causes = result.at("stalls").numbers()
    figure, ax = plt.subplots(figsize=(6.4, 0.6 + 0.32 * max(3, sum(map(bool, causes.values())))))
    _named_bars(ax, causes, "")
    ax.set_xlabel("core cycles")
    style.title(
        figure,
        f"{STACKS['stalls'].title}: {name_of(result)}\n"
        f"{si(result.at('cycles').number(), 'cycles')}, {si(result.at('time_s').number(), 's')}",
    )
    return figure


def dram(result):
    """Traffic by tensor and direction; achieved against peak bandwidth."""
    tensors = {t.path.rsplit(".", 1)[-1]: t for t in result.at("dram.per_tensor").items()}
    parts = {
        part: [t.at(f"{part}_bytes").number() for t in tensors.values()]
        for part in ("read", "write", "padding")
    }
    totals = [sum(amounts) for amounts in zip(*parts.values())]
    kept = [i for i, total in enumerate(totals) if total]
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2), width_ratios=[3, 1])
    names = [readable(list(tensors)[i]) for i in kept]
    drawn = style.stacked_bars(left, names, {p: [v[i] for i in kept] for p, v in parts.items()})
    for x, i in enumerate(kept):
        left.annotate(
            si(totals[i], "B"),
            (x, totals[i]),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    left.set_ylim(0, 1.12 * max(totals))
    style.axis_unit(left.yaxis, "B")
    left.set_ylabel("DRAM traffic")
    left.legend(
        handles=style.legend_for(drawn), ncols=len(drawn), loc="lower left", bbox_to_anchor=(0, 1)
    )
    bandwidth_panel(
        right,
        ["mean of run"],
        [result.at("dram.bandwidth_bytes_per_s").number()],
        [result.at("dram.peak_bytes_per_s").number()],
    )
    style.title(
        figure,
        f"DRAM traffic and bandwidth: {name_of(result)}\n"
        f"{si(sum(totals), 'B')} in all, model {result.at('dram.model').text()}",
    )
    return figure


def _memory(result):
    """What is said of the DRAM: a part of a run's result, all of `sim dram`'s."""
    return result.at("dram") if result.has("dram") else result


def data_bus(result):
    """Where the DRAM's data bus spent its time, its row hits and latencies; nothing for a model
    without commands."""
    memory = _memory(result)
    if memory.has("data_bus_share"):
        causes, latency, unit = memory.at("data_bus_share").numbers(), memory.at("latency_s"), 1
        hits = memory.at("row_hit_rate").number()
    elif memory.has("data_bus_cycles"):
        cycles, latency = memory.at("data_bus_cycles").numbers(), memory.at("latency")
        causes = {name: value / max(1, sum(cycles.values())) for name, value in cycles.items()}
        unit = latency.at("unit_s").number()
        bursts = [memory.at(f"row_{kind}").number() for kind in ("hits", "misses", "conflicts")]
        hits = bursts[0] / max(1, sum(bursts))
    else:
        return None
    figure, ax = plt.subplots(figsize=(6.4, 2.6))
    names = {**causes, "data": causes["busy"]}
    del names["busy"]
    _named_bars(ax, {name: 100 * share for name, share in names.items()}, "%")
    ax.set_xlim(0, 115)
    ax.set_xticks(range(0, 101, 20))
    ax.set_xlabel("share of the time of the DRAM's data bus")
    mean, p99 = (latency.at(key).number() * unit for key in ("mean", "p99"))
    style.title(
        figure,
        f"DRAM data bus: {name_of(result)}\nrow hits {per_cent(hits, 1)} of bursts; "
        f"latency mean {si(mean, 's')}, 99 % within {si(p99, 's')}",
    )
    return figure


def bandwidth_over_time(result):
    """Read and written bytes per second in bins of the run; nothing without a timeline."""
    memory = _memory(result)
    if not memory.has("timeline"):
        return None
    bin_s = memory.at("timeline.bin_s").number()
    read = [b / bin_s for b in memory.at("timeline.read_bytes").number_list()]
    write = [b / bin_s for b in memory.at("timeline.write_bytes").number_list()]
    edges = [i * bin_s for i in range(len(read) + 1)]
    figure, ax = plt.subplots(figsize=(6.4, 3.0))
    both = [r + w for r, w in zip(read, write)]
    ax.stairs(both, edges, baseline=read, fill=True, color=style.ORANGE, label="write")
    ax.stairs(read, edges, fill=True, color=style.BLUE, label="read")
    ax.axhline(
        memory.at("peak_bytes_per_s").number(),
        color=style.VERMILLION,
        linestyle="--",
        label="peak",
    )
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom=0)
    ax.grid()
    style.axis_unit(ax.xaxis, "s")
    style.axis_unit(ax.yaxis, "B/s")
    ax.set_xlabel("simulated time")
    ax.set_ylabel("DRAM bandwidth")
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    style.title(figure, f"Bandwidth over time: {name_of(result)}")
    return figure


def power_over_time(result):
    """Power in bins of the run, its average and its highest; nothing where results lack it."""
    if not result.has("power.timeline"):
        return None
    bin_s = result.at("power.timeline.bin_s").number()
    in_macs = energy_unit(result)[0] == "MAC"
    unit, size = ("MAC/s", 1 / PICO) if in_macs else ("W", 1)
    watts = [size * value for value in result.at("power.timeline.watts").number_list()]
    if not watts or not bin_s:
        return None
    edges = [i * bin_s for i in range(len(watts) + 1)]
    average = size * result.at("power.average_w").number()
    figure, ax = plt.subplots(figsize=(6.4, 3.0))
    ax.stairs(watts, edges, fill=True, color=style.SKY, label="each bin")
    ax.axhline(average, color=style.VERMILLION, linestyle="--", label="average")
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom=0)
    ax.grid()
    style.axis_unit(ax.xaxis, "s")
    style.axis_unit(ax.yaxis, unit)
    ax.set_xlabel("simulated time")
    ax.set_ylabel("power")
    ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    style.title(
        figure,
        f"Power over time: {name_of(result)}\n"
        f"average {si(average, unit)}, highest {si(max(watts), unit)}",
    )
    return figure


def area(result):
    """Area by component; nothing where the energy table has none."""
    parts = result.at("area.components").numbers() if result.has("area.components") else {}
    if not parts:
        return None
    figure, ax = plt.subplots(figsize=(6.4, 0.6 + 0.32 * max(3, len(parts))))
    _named_bars(ax, parts, "mm2")
    ax.set_xlabel(STACKS["area"].axis)
    known = result.has("area.total_mm2")
    mm2 = result.at("area.total_mm2").number() if known else sum(parts.values())
    what = f"total {mm2:.3g} mm2" if known else f"{mm2:.3g} mm2 and parts that are not known"
    style.title(
        figure,
        f"{STACKS['area'].title}: {name_of(result)}\n{what}, table {result.at('area.table').text()}",
    )
    return figure


def _ceilings(result):
    """{operand bits: peak MAC/s}: the array's for every width that its PEs can be split into."""
    array = result.at("config.accelerator.array")
    pes = array.at("rows").number() * array.at("cols").number() * result.at("clock_hz").number()
    width = int(array.at("pe.width").number())
    if array.at("pe.packing").value == "none":
        return {width: pes}
    return {bits: pes * (width // bits) for bits in (32, 16, 8, 4, 2) if bits <= width}


def _kind(node):
    return node.at("kind").text() if node.has("kind") else "layer"


def roofline(result):
    """Each layer a point under the memory roof and the ceilings of the operand widths."""
    layers = (result.at("layers").items() if result.has("layers") else []) or [result]
    chart = POINTS["roofline"]
    ceilings, peak_bytes = _ceilings(result), result.at("dram.peak_bytes_per_s").number()
    points = [
        (n.at(chart.x.metric).number(), n.at(chart.y.metric).number(), n)
        for n in layers
        if n.has(chart.x.metric) and n.at(chart.y.metric).number() > 0
    ]
    if not points:
        return None
    figure, ax = plt.subplots(figsize=(6.4, 4.2))
    ridges = [peak / peak_bytes for peak in ceilings.values()]
    x_low = min([p[0] for p in points] + [min(ridges)]) / 3
    x_high = max([p[0] for p in points] + [max(ridges)]) * 20
    top = max(ceilings.values())
    ax.plot([x_low, top / peak_bytes], [x_low * peak_bytes, top], color="black", linewidth=1.5)
    ax.annotate(
        f"DRAM {si(peak_bytes, 'B/s')}",
        (x_low * 1.3, x_low * 1.3 * peak_bytes),
        xytext=(-3, 5),
        textcoords="offset points",
        fontsize=8,
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
    )
    for bits, peak in ceilings.items():
        ax.plot([peak / peak_bytes, x_high], [peak, peak], color="black", linewidth=1.2)
        ax.annotate(
            f"{bits}-bit MACs: {si(peak, 'MAC/s')}",
            (x_high, peak),
            xytext=(0, 3),
            ha="right",
            textcoords="offset points",
            fontsize=8,
        )
    kinds = list(dict.fromkeys(_kind(n) for _, _, n in points))
    for kind, marker, colour in zip(kinds, style.MARKERS * len(kinds), style.LINES * len(kinds)):
        chosen = [(x, y) for x, y, n in points if _kind(n) == kind]
        ax.scatter(
            *zip(*chosen),
            s=36,
            marker=marker,
            color=colour,
            edgecolor="black",
            linewidth=0.5,
            zorder=3,
            label=f"{readable(kind)} ({len(chosen)})",
            alpha=0.85,
        )
    style.log_axes(ax)
    ax.set_xlim(x_low, x_high)
    low = min([p[1] for p in points] + [min(ceilings.values())])
    ax.set_ylim(10 ** math.floor(math.log10(low / 2)), top * 3)
    ax.grid(which="major")
    ax.set_xlabel(f"{chart.x.axis} ({chart.x.unit} of DRAM traffic)")
    ax.set_ylabel(f"{chart.y.axis} ({chart.y.unit})")
    ax.legend(loc="lower right")
    style.title(figure, f"{chart.title}: {name_of(result)}")
    return figure
