"""Figures of a sweep: DIR/results.csv."""

import copy
import math

from . import style
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
    return f"{what}: {sweep.name}" + (f"\n({note})" if note else "")


def _columns(keys):
    """Of the grid of panels: a row per value of the axes before the last, where that fits."""
    last = len({key.split("\n")[-1] for key in keys})
    if last in (3, 4) and len(keys) % last == 0:
        return last
    return 2 if len(keys) == 4 else min(3 if len(keys) <= 9 else 4, len(keys))


def _grid(sweep, what, draw, x_label=None, handles=None):
    """One panel per combination of the other axes, drawn by draw(ax, labels, rows), which returns
    the parts that the common legend names (unless `handles` are its entries)."""
    along, groups = _panels(sweep)
    shown = dict(list(groups.items())[:MOST_PANELS])
    cols = _columns(shown)
    rows = math.ceil(len(shown) / cols)
    panel = min(6.4, max(3.8, 1.0 + 0.5 * max(len(group) for group in shown.values())))
    size = (min(16.0, panel * cols + 1.6), 0.8 + 3.2 * rows)
    figure, axes = plt.subplots(rows, cols, squeeze=False, figsize=size)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    parts = {}  # in order, once each
    for ax, (key, group) in zip(axes.flat, shown.items()):
        parts.update(dict.fromkeys(draw(ax, [_label(row[along]) for row in group], group) or []))
        ax.set_xlabel(x_label or _short(along))
        if key:
            ax.set_title(style.wrapped(key, 0.85 * size[0] / cols, 9, bold=True), fontsize=9)
    handles = handles or style.legend_for(reversed(parts))
    if handles:
        axes[0][-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))
    style.title(figure, _title(sweep, what, len(shown), len(groups)))
    return figure


def _stacks(sweep, rows, group):
    return [sweep.parts(row, group) for row in rows]


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


def energy(sweep):
    """Energy by component, stacked, against bit-width."""
    parts = sweep.group("energy.components.")
    if not parts:
        return None
    sweep, unit, size, without = _in_one_unit(sweep)

    def draw(ax, labels, rows):
        stacks = [{n: pj * size for n, pj in s.items()} for s in _stacks(sweep, rows, parts)]
        return stack_panel(ax, labels, stacks, unit, "energy", legend=False)

    return _grid(sweep, "Energy by component" + without, draw)


def traffic(sweep):
    """DRAM traffic by tensor."""
    reads = sweep.group("dram.per_tensor.", ".read_bytes")
    writes = sweep.group("dram.per_tensor.", ".write_bytes")
    if not reads:
        return None

    def draw(ax, labels, rows):
        stacks = []
        for row in rows:
            read, written = sweep.parts(row, reads), sweep.parts(row, writes)
            stacks.append({name: read[name] + written.get(name, 0) for name in read})
        return stack_panel(ax, labels, stacks, "B", "DRAM traffic", legend=False)

    return _grid(sweep, "DRAM traffic by tensor", draw)


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
    """Share of the cycles by cause."""
    causes = sweep.group("stalls.")
    if not causes:
        return None
    return _grid(
        sweep,
        "Time by cause",
        lambda ax, labels, rows: share_panel(
            ax, labels, _stacks(sweep, rows, causes), legend=False
        ),
    )


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

    return _grid(sweep, "Time", draw)


def pareto_front(points):
    """The points (energy, sqnr) that no other beats in both, in order of energy."""
    front, best = [], -math.inf
    for energy_j, sqnr, *rest in sorted(points, key=lambda p: (p[0], -p[1])):
        if sqnr > best:
            front.append((energy_j, sqnr, *rest))
            best = sqnr
    return front


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
    if not (sweep.has("energy.total_pj") and sweep.has("error.sqnr_db")):
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
            x, y = sweep.number(row, "energy.total_pj") * size, sweep.number(row, "error.sqnr_db")
            if math.isfinite(x) and math.isfinite(y):  # an exact result has no place on the axis
                points.append((x, y, name, row.get("workload", "")))
        if points:
            _pareto_panel(ax, points, looks, unit)
        ax.grid()
        ax.set_ylabel("SQNR of the output (dB)")

    title = "Energy against error (dashed: Pareto front, less energy and a higher SQNR)" + without
    return _grid(sweep, title, draw, x_label="energy", handles=handles)
