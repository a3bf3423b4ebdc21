"""Figures of a sweep: DIR/results.csv."""

import copy
import math

from . import style
from .charts import LINES, POINTS, STACKS
from .panels import (
    PICO,
    bandwidth_panel,
    name_bars,
    share_panel,
    stack_panel,
    width_for,
    write_above,
)
from .style import plt, si

MOST_PANELS = 16  # combinations of the other axes that fit one page
MOST_LINES = 12
SHARED = 10  # panels of one quantity have one axis, unless their highest bars differ by more
LOG_FROM = 30  # lines that span more have a logarithmic axis
SIZES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "Hz": 1, "MHz": 1e6, "GHz": 1e9}


def _short(axis):
    """precision.weights.format -> weights format: the last two words tell axes apart."""
    return style.readable("_".join(axis.split(".")[-2:]))


def _label(value):
    """A swept value as it stands under a bar: a file without its folder and ending."""
    return value.rsplit("/", 1)[-1].removesuffix(".yaml")


def _panels(sweep):
    """The rows along the bit-width axis (or the first axis), one group per value of the others."""
    along = next((a for a in sweep.axes if a.endswith("weights.format")), sweep.axes[0])
    names = {}  # axes that change together to the same values are named together
    for axis in (a for a in sweep.axes if a != along):
        twin = next((t for t in names if all(r[t] == r[axis] for r in sweep.rows)), axis)
        names[twin] = f"{names[twin]} = {_short(axis)}" if twin in names else _short(axis)
    groups = {}
    for row in sweep.rows:
        key = "\n".join(f"{name}: {_label(row[axis])}" for axis, name in names.items())
        groups.setdefault(key, []).append(row)
    return along, groups


def _title(sweep, what, shown, groups):
    note = f"points without a result left out: {sweep.left_out}" if sweep.left_out else ""
    if shown < groups:
        note += f"{', ' if note else ''}the first {shown} of {groups} combinations"
    question = f"\n{sweep.question}" if sweep.question else ""
    return f"{what}: {sweep.name}" + question + (f"\n({note})" if note else "")


def _columns(keys):
    """Of the grid of panels: a row per value of the axes before the last, where that fits. Up to
    four panels stand in two columns, which a page's width leaves legible."""
    last = len({key.split("\n")[-1] for key in keys})
    if len(keys) > 4 and last in (3, 4) and len(keys) % last == 0:
        return last
    return min(2 if len(keys) <= 4 else 3 if len(keys) <= 9 else 4, len(keys))


def _share_axis(axes):
    """One scale for panels of one quantity. Returns what the title says where they have their own."""
    tops = [ax.get_ylim()[1] for ax in axes]
    if max(tops) > SHARED * min(tops):
        return "; panels have scales of their own"
    for ax in axes:
        ax.set_ylim(0, max(tops))
    return ""


def _legend(axes, shown, handles):
    """The common legend: in the place of a panel that the grid leaves free, or beside the grid."""
    for ax in axes.flat[shown:]:
        ax.set_axis_off()
    if not handles:
        return
    if shown < axes.size:
        axes.flat[shown].legend(handles=handles, loc="center left")
    else:
        axes[0][-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))


def _grid(sweep, what, draw, x_label=None, handles=None, shared=False):
    """One panel per combination of the other axes, drawn by draw(ax, labels, rows), which returns
    the parts that the common legend names (unless `handles` are its entries). `shared`: they show
    one quantity, from zero."""
    along, groups = _panels(sweep)
    shown = dict(list(groups.items())[:MOST_PANELS])
    cols = _columns(shown)
    rows = math.ceil(len(shown) / cols)
    panel = min(6.4, max(3.8, 1.0 + 0.5 * max(len(group) for group in shown.values())))
    size = (min(16.0, panel * cols + 1.6), 0.8 + 3.2 * rows)
    figure, axes = plt.subplots(rows, cols, squeeze=False, figsize=size)
    parts = {}  # in order, once each
    for ax, (key, group) in zip(axes.flat, shown.items()):
        parts.update(dict.fromkeys(draw(ax, [_label(row[along]) for row in group], group) or []))
        ax.set_xlabel(x_label or _short(along))
        if key:
            ax.set_title(style.wrapped(key, 0.85 * size[0] / cols, 9, bold=True), fontsize=9)
    if shared:
        what += _share_axis(list(axes.flat)[: len(shown)])
    _legend(axes, len(shown), handles or style.legend_for(reversed(parts)))
    style.title(figure, _title(sweep, what, len(shown), len(groups)))
    return figure


def _in_one_unit(sweep):
    """(sweep, unit, size of a picojoule in it, what to add to the title): joules; MACs where all
    points have ratios of one in the place of picojoules, and then those of the first point's table,
    as MACs of two tables have no common scale. Points in other units are left out."""
    macs = [
        f"MAC of {row.get('energy.table')}" if row.get("energy.unit") == "MAC" else ""
        for row in sweep.rows
    ]
    shown = "" if "" in macs else macs[0]
    unit, size = ("MAC", 1) if shown else ("J", PICO)
    left_out = sum(mac != shown for mac in macs)
    if not left_out:
        return sweep, unit, size, ""
    some = copy.copy(sweep)
    some.rows = [row for row, mac in zip(sweep.rows, macs) if mac == shown]
    points = "1 point" if left_out == 1 else f"{left_out} points"
    other = "of another MAC" if shown else "of a MAC"
    return some, unit, size, f"; without {points} in ratios {other}"


def _mark_baseline(ax, sweep, rows, total_of):
    """A line at the height of the baseline's bar, where it stands among the bars."""
    base = sweep.baseline_of(rows[0])
    if base is not None and base in rows and len(rows) > 1:
        label = "baseline: " + ", ".join(_label(base[path]) for path in sweep.baseline)
        ax.axhline(total_of(base), color="black", linewidth=1, linestyle=":", zorder=0)
        ax.annotate(
            label,
            (len(rows) - 0.45, total_of(base)),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
        )


def _stack(sweep, chart):
    """One bar per point of the parts that the chart's description names."""
    groups = [sweep.group(chart.prefix, suffix) for suffix in chart.suffixes]
    if not groups[0]:
        return None
    unit, scale, without = chart.unit, chart.scale, ""
    if chart.total.startswith("energy."):
        sweep, unit, scale, without = _in_one_unit(sweep)

    def parts_of(row):
        parts = {}
        for group in groups:
            for name, size in sweep.parts(row, group).items():
                parts[name] = parts.get(name, 0) + size * scale
        return parts

    def draw(ax, labels, rows):
        stacks = [parts_of(row) for row in rows]
        if not unit:
            return share_panel(ax, labels, stacks, chart.axis.removeprefix("share of "), False)
        drawn = stack_panel(ax, labels, stacks, unit, chart.axis, legend=False)
        _mark_baseline(ax, sweep, rows, lambda row: sum(parts_of(row).values()))
        return drawn

    return _grid(sweep, chart.title + without, draw, shared=bool(unit))


def energy(sweep):
    """Energy by component, stacked, against bit-width."""
    return _stack(sweep, STACKS["energy"])


def traffic(sweep):
    """DRAM traffic by tensor."""
    return _stack(sweep, STACKS["traffic"])


def bandwidth(sweep):
    """Achieved against peak bandwidth."""
    got, peak = "dram.bandwidth_bytes_per_s", "dram.peak_bytes_per_s"
    if not (sweep.has(got) and sweep.has(peak)):
        return None

    def draw(ax, labels, rows):
        bandwidth_panel(
            ax, labels, [sweep.number(r, got) for r in rows], [sweep.number(r, peak) for r in rows]
        )

    return _grid(sweep, "Achieved and peak bandwidth", draw)


def stalls(sweep):
    """Share of the time by cause."""
    return _stack(sweep, STACKS["stalls"])


def time(sweep):
    """Simulated time of each point."""
    if not sweep.has("time_s"):
        return None

    def draw(ax, labels, rows):
        seconds = [sweep.number(row, "time_s") for row in rows]
        ax.bar(range(len(labels)), seconds, 0.7, color=style.SKY, edgecolor="black", linewidth=0.5)
        for x, value in enumerate(seconds if len(labels) <= 12 else []):
            write_above(ax, x, value, si(value, "s"))
        ax.set_ylim(0, 1.18 * max(seconds, default=0) or 1)
        style.axis_unit(ax.yaxis, "s")
        ax.set_ylabel("time")
        ax.grid(axis="y")
        name_bars(ax, labels)
        _mark_baseline(ax, sweep, rows, lambda row: sweep.number(row, "time_s"))

    return _grid(sweep, "Time", draw, shared=True)


def _amount(label):
    """What a swept value is worth: a number, or bytes; None for a name."""
    number, _, unit = label.partition(" ")
    if unit not in SIZES:
        return None
    try:
        return float(number) * SIZES[unit]
    except ValueError:
        return None


def lines(sweep):
    """Along the first axis of numbers with three values at least: a panel per measure, a line per
    combination of the other axes; nothing without such an axis."""
    sweep, unit, size, without = _in_one_unit(sweep)
    amounts = {axis: {row[axis]: _amount(row[axis]) for row in sweep.rows} for axis in sweep.axes}
    numeric = [a for a, worth in amounts.items() if len(worth) > 2 and None not in worth.values()]
    shown = [m for m in LINES if sweep.has(m.metric)]
    if not numeric or not shown:
        return None
    axis = numeric[0]
    ticks = sorted(amounts[axis].items(), key=lambda item: item[1])
    twins = [a for a in sweep.axes if _changes_with(sweep, a, axis)]
    title = " = ".join(map(_short, twins))
    groups = {}
    for row in sweep.rows:
        key = ", ".join(_label(row[a]) for a in sweep.axes if a not in twins)
        groups.setdefault(key, []).append(row)
    kept = dict(list(groups.items())[:MOST_LINES])
    cols = _columns([measure.metric for measure in shown])
    down = math.ceil(len(shown) / cols)
    inches = (3.6 * cols + 1.6, 0.4 + 3.2 * down)
    figure, axes = plt.subplots(down, cols, squeeze=False, figsize=inches)
    repeat = -(-len(kept) // len(style.LINES))
    looks = list(zip(style.MARKERS * repeat, style.LINES * repeat))
    for ax, measure in zip(axes.flat, shown):
        scale = size if measure.metric.startswith("energy.") else measure.scale
        for place, ((name, rows), (marker, colour)) in enumerate(zip(kept.items(), looks)):
            points = [(amounts[axis][r[axis]], sweep.number(r, measure.metric) * scale) for r in rows]
            points = sorted(p for p in points if math.isfinite(p[1]))
            if points:
                ax.plot(
                    *zip(*points), marker=marker, color=colour, label=style.legend_name(name),
                    linestyle="-" if place < len(style.LINES) else "--",
                )
        if ticks[0][1] > 0 and ticks[-1][1] > 8 * ticks[0][1]:
            ax.set_xscale("log")
        ax.set_xticks([x for _, x in ticks], [text for text, _ in ticks], fontsize=8)
        ax.xaxis.set_minor_formatter(style.NullFormatter())
        style.axis_unit(ax.yaxis, unit if measure.metric.startswith("energy.") else measure.unit)
        heights = [y for line in ax.get_lines() for y in line.get_ydata()]
        if measure.unit == "dB":
            pass
        elif min(heights) > 0 and max(heights) > LOG_FROM * min(heights):
            ax.set_yscale("log")
            style.axis_unit(ax.yaxis, unit if measure.metric.startswith("energy.") else measure.unit)
            ax.yaxis.set_major_locator(style.LogLocator(subs=(1, 3)))
            ax.yaxis.set_minor_formatter(style.NullFormatter())
        else:
            ax.set_ylim(bottom=0)
        ax.set_xlabel(title)
        ax.set_ylabel(f"{measure.axis} ({measure.hint})")
        ax.grid()
    _legend(axes, len(shown), axes[0][0].get_legend_handles_labels()[0] if len(kept) > 1 else [])
    style.title(figure, _title(sweep, f"Along {title}{without}", len(kept), len(groups)))
    return figure


def _changes_with(sweep, axis, other):
    """Whether two axes change together, as those of a zip do."""
    pairs = {(row[axis], row[other]) for row in sweep.rows}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def pareto_front(points):
    """The points (energy, sqnr) that no other beats in both, in order of energy."""
    front, best = [], -math.inf
    for energy_j, sqnr, *rest in sorted(points, key=lambda p: (p[0], -p[1])):
        if sqnr > best:
            front.append((energy_j, sqnr, *rest))
            best = sqnr
    return front


def draw_front(ax, points):
    """The front of points (x, -y) as a dashed step: less of x and of y."""
    front = pareto_front(points)
    ax.step(
        [x for x, _ in front], [-y for _, y in front], where="post", color="black", linewidth=1,
        linestyle="--",
    )


def _pareto_panel(ax, points, looks, unit):
    """Points (energy, sqnr, label, workload) with their looks, and of each workload the front of
    those that no other beats."""
    for x, y, label, _ in points:
        marker, colour = looks[label]
        ax.scatter(
            x, y, s=40, marker=marker, color=colour, edgecolor="black", linewidth=0.5, zorder=3
        )
    for workload in dict.fromkeys(point[3] for point in points):
        front = [p[:2] for p in pareto_front([p for p in points if p[3] == workload])]
        ax.step(*zip(*front), where="post", color="black", linewidth=1, linestyle="--")
    energies = [point[0] for point in points]
    if max(energies) > 8 * min(energies) > 0:
        style.log_axis_unit(ax, unit)
    else:
        style.axis_unit(ax.xaxis, unit)
    ax.margins(x=0.1, y=0.1)


def pareto(sweep):
    """Energy against SQNR, and the front of the points that no other beats in both; one panel per
    combination of the axes that are not the bit-width."""
    chart = POINTS["pareto"]
    if not (sweep.has(chart.x.metric) and sweep.has(chart.y.metric)):
        return None
    sweep, unit, size, without = _in_one_unit(sweep)
    along, _ = _panels(sweep)
    labels = list(dict.fromkeys(_label(row[along]) for row in sweep.rows))
    repeat = -(-len(labels) // len(style.LINES))
    looks = dict(zip(labels, zip(style.MARKERS * repeat, style.LINES * repeat)))
    handles = [
        style.point_handle(marker, colour, label) for label, (marker, colour) in looks.items()
    ]

    def draw(ax, names, rows):
        points = []
        for name, row in zip(names, rows):
            x, y = sweep.number(row, chart.x.metric) * size, sweep.number(row, chart.y.metric)
            if math.isfinite(x) and math.isfinite(y):  # an exact result has no place on the axis
                points.append((x, y, name, row.get("workload", "")))
        if points:
            _pareto_panel(ax, points, looks, unit)
        ax.grid()
        ax.set_ylabel(f"{chart.y.axis} ({chart.y.unit}, {chart.y.hint})")

    title = f"{chart.title} (dashed: Pareto front, less energy and a higher SQNR)" + without
    return _grid(
        sweep, title, draw, x_label=f"{chart.x.axis} ({chart.x.hint})", handles=handles
    )


def accuracy(sweep):
    """Energy against KL from the float network, and the front of the points that no other beats in
    both; one panel per combination of the axes that are not the bit-width."""
    if not (sweep.has("energy.total_pj") and sweep.has("accuracy.kl")):
        return None
    sweep, unit, size, without = _in_one_unit(sweep)

    def draw(ax, names, rows):
        points = []
        for name, row in zip(names, rows):
            x, y = sweep.number(row, "energy.total_pj") * size, sweep.number(row, "accuracy.kl")
            # What rounds nothing loses some 1e-12 nats to fp32, which would stretch the axis.
            if math.isfinite(x) and y > 1e-9:
                points.append((x, -y))
                ax.scatter(x, y, s=30, color=style.LINES[0], edgecolor="black", linewidth=0.5)
                ax.annotate(
                    name, (x, y), textcoords="offset points", xytext=(4, 3), fontsize=7
                )
        draw_front(ax, points)
        style.log_losses(ax)
        style.axis_unit(ax.xaxis, unit)
        ax.margins(x=0.15, y=0.1)
        ax.grid()

    chart = POINTS["accuracy"]
    title = f"{chart.title} (dashed: Pareto front, less of both){without}"
    return _grid(sweep, title, draw, x_label=f"{chart.x.axis} ({chart.x.hint})")
