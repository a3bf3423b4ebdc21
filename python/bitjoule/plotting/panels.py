"""The panels that figures are made of: stacks of parts, one bar per run or layer."""

from . import style
from .style import against, per_cent, si

PICO = 1e-12
MOST_LINES = 4  # of a bar's name; longer ones stand upright
MOST_NAMES = 70  # more names than this do not fit under the bars; then every n-th is printed


def name_of(result):
    """The configuration's name, with its layer where that is another, and the machine."""
    if not result.has("name"):  # of `sim dram`
        return result.at("config.name").text()
    name, machine = result.at("name").text(), result.at("config.accelerator.name")
    layers = result.at("layers").items() if result.has("layers") else []
    if len(layers) == 1 and layers[0].at("name").text() != name:
        name += f", {layers[0].at('name').text()}"
    return f"{name} on {machine.text()}" if machine.value else name


def energy_unit(result):
    """(unit, size of a picojoule in it) of a run's energies: joules, or MACs where its table has
    ratios of one in the place of picojoules."""
    in_macs = result.has("energy.unit") and result.at("energy.unit").text() == "MAC"
    return ("MAC", 1) if in_macs else ("J", PICO)


def mac_of(result):
    """The table whose MAC a run's energies are ratios of: those of two tables have no common scale;
    empty where they are in joules."""
    in_macs = energy_unit(result)[0] == "MAC"
    return result.at("energy.table").text() if in_macs else ""


def components(node, size=PICO):
    """{component: joules} of a run or a layer; `size`: of a picojoule in another unit."""
    return {name: pj * size for name, pj in node.at("energy.components").numbers().items()}


def traffic(node):
    """{tensor: DRAM bytes read and written, without padding} of a run or a layer, and "padding"."""
    tensors, padding = {}, 0
    for tensor in node.at("dram.per_tensor").items():
        name = tensor.path.rsplit(".", 1)[-1]
        tensors[name] = tensor.at("read_bytes").number() + tensor.at("write_bytes").number()
        padding += tensor.at("padding_bytes").number()
    return {**tensors, "padding": padding}


def columns(stacks):
    """[{part: value}] per bar -> {part: [value per bar]}."""
    names = style.in_order({name for stack in stacks for name in stack})
    return {name: [stack.get(name, 0) for stack in stacks] for name in names}


def write_above(ax, x, value, text, points=2):
    """Text centred above a bar, so many points above `value`."""
    ax.annotate(
        text, (x, value), xytext=(0, points), ha="center", textcoords="offset points", fontsize=8
    )


def stack_panel(ax, labels, stacks, unit, title, ratios=False, legend=True):
    """Stacked parts per label, the total above each bar; `ratios` compares it with the first.
    Returns the parts drawn."""
    drawn = style.stacked_bars(ax, labels, columns(stacks))
    totals = [sum(stack.values()) for stack in stacks]
    if len(labels) <= 12:
        for x, total in enumerate(totals):
            ratio = f"\n{against(totals[0], total)}" if ratios and x else ""
            write_above(ax, x, total, si(total, unit) + ratio)
    ax.set_ylim(0, 1.18 * max(totals, default=0) or 1)
    style.axis_unit(ax.yaxis, unit)
    ax.set_ylabel(title)
    if legend:
        ax.legend(
            handles=style.legend_for(reversed(drawn)), loc="center left", bbox_to_anchor=(1, 0.5)
        )
    name_bars(ax, labels)
    return drawn


def bandwidth_panel(ax, labels, achieved, peak):
    """Achieved bandwidth as bars, the peak as a line above each, and the share it reaches."""
    ax.bar(range(len(labels)), achieved, 0.7, color=style.SKY, edgecolor="black", linewidth=0.5)
    for x, (got, most) in enumerate(zip(achieved, peak)):
        ax.plot([x - 0.42, x + 0.42], [most, most], color=style.VERMILLION, linewidth=2)
        if len(labels) <= 12:
            write_above(ax, x, most, per_cent(got, most), points=3)
    ax.set_ylim(0, 1.15 * max(*peak, *achieved))
    ax.grid(axis="y")
    style.axis_unit(ax.yaxis, "B/s")
    ax.set_ylabel("DRAM bandwidth\n(line: peak)")
    name_bars(ax, labels)


def share_panel(ax, labels, stacks, what="core cycles", legend=True):
    """Each bar's parts in per cent of its sum, of `what`. Returns the parts drawn."""
    shares = []
    for stack in stacks:
        total = sum(stack.values())
        shares.append({name: 100 * value / total if total else 0 for name, value in stack.items()})
    drawn = style.stacked_bars(ax, labels, columns(shares))
    ax.set_ylim(0, 100)
    ax.set_ylabel(f"share of {what} (%)")
    if legend:
        ax.legend(
            handles=style.legend_for(reversed(drawn)), loc="center left", bbox_to_anchor=(1, 0.5)
        )
    name_bars(ax, labels)
    return drawn


def name_bars(ax, labels):
    """Labels under the bars: in lines where they would collide, upright where that is not enough,
    thinned where they cannot fit."""
    figure_width = ax.get_figure().get_size_inches()[0]
    room = 0.7 * figure_width / ax.get_subplotspec().get_gridspec().ncols / len(labels)
    size = 6 if len(labels) > 40 else 8
    in_lines = [style.wrapped(label, room, size) for label in labels]
    lines = [line for label in in_lines for line in label.split("\n")]
    upright = (
        max(map(len, lines)) * 0.6 * size / 72 > room
        or max(label.count("\n") for label in in_lines) >= MOST_LINES
    )
    step = -(-len(labels) // MOST_NAMES)
    ax.set_xticks(
        range(0, len(labels), step),
        (labels if upright else in_lines)[::step],
        rotation=90 if upright else 0,
        fontsize=size,
    )
    ax.set_xlim(-0.6, len(labels) - 0.4)


def width_for(bars):
    """A figure's width in inches that gives every bar room."""
    return min(14.0, max(6.4, 2.5 + 0.18 * bars))
