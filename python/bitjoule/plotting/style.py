"""How figures look: readable in print and by colour-blind people, the same bytes each time."""

import math
import textwrap

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    EngFormatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from .charts import PARTS
from .components import COMPONENTS, DRAM_PARTS

# Okabe and Ito's palette (Color Universal Design, 2008) and a grey; the hatches tell the parts
# apart where colours cannot.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#BBBBBB",
)

# Each part keeps its look in every figure.
LOOKS = {
    **PARTS,
    **DRAM_PARTS,  # the DRAM's energy by a table that prices its commands apart
    **{name: (colour, hatch) for name, (_, colour, hatch) in COMPONENTS.items()},
}
SPARE = [
    (PURPLE, "..."),
    (GREY, ""),
    (GREEN, "xxx"),
    (ORANGE, "\\\\\\\\"),
    (YELLOW, ""),
    (PURPLE, ""),
]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">"]
LINES = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, "#7A5195", "#999999"]  # as pages have them

RC = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 2.4,
    "legend.handleheight": 1.1,
    "savefig.dpi": 200,
    "text.parse_math": False,  # a $ in a name is a dollar sign
    "svg.hashsalt": "bitjoule",  # element ids follow from the content alone
}


def use():
    """For a process that writes figures and does nothing else."""
    matplotlib.use("Agg")
    plt.rcParams.update(RC)


# Without dates, so that equal results give equal files.
METADATA = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def look(name):
    """(colour, hatch) of a part; a name without an entry gets a spare look of its own."""
    if name in LOOKS:
        return LOOKS[name]
    return SPARE[sum(name.encode()) % len(SPARE)]


def in_order(names):
    """Names of one figure's parts in its order: components as operands pass them, parts of the DRAM;
    causes and tensors as PARTS has them; others behind them by name."""
    known = list(PARTS) if set(names) <= set(PARTS) else [*COMPONENTS, *DRAM_PARTS]
    return sorted(names, key=lambda n: (known.index(n) if n in known else len(known), n))


def readable(name):
    """A key of result.json as prose: "fill_drain" -> "fill drain"; a component by its title."""
    if name in COMPONENTS:
        return COMPONENTS[name][0]
    return " ".join("DRAM" if word == "dram" else word for word in name.split("_"))


def si(value, unit):
    """Three significant digits with an SI prefix: (1.234e-6, "J") -> "1.23 µJ"."""
    if not value or (not unit and abs(value) < 1000 and value == int(value)):
        return f"{value:.0f} {unit}".strip()
    value = float(f"{value:.3g}")
    places = 2 - math.floor(math.log10(abs(value))) % 3
    return EngFormatter(unit=unit, places=places, sep=" ")(value).strip()


def per_cent(part, whole):
    """A share in three digits, without a string of zeros for what is next to nothing."""
    share = 100 * part / whole if whole else 0
    return "<0.01 %" if 0 < share < 0.01 else f"{share:.3g} %"


def against(first, value):
    """How `value` compares with the first: "4.00 times less", "1.30 times more", "equal" or nearly."""
    if not first or not value:
        return ""
    if first == value:
        return "equal"
    ratio = max(value / first, first / value)
    if ratio < 1.005:
        return "nearly equal"
    digits = 2 if ratio < 10 else 1 if ratio < 100 else 0
    return f"{ratio:.{digits}f} times {'more' if value > first else 'less'}"


def legend_for(names):
    """Legend entries of stacked parts, in the order of the stack."""
    return [
        Patch(
            facecolor=look(n)[0],
            hatch=look(n)[1],
            edgecolor="black",
            linewidth=0.5,
            label=readable(n),
        )
        for n in names
    ]


def legend_name(name):
    """A name that a legend shows; matplotlib leaves out those that begin with "_"."""
    return f" {name}" if name.startswith("_") else name


def point_handle(marker, colour, label):
    """A legend entry for points."""
    look_of = {"markerfacecolor": colour, "markeredgecolor": "black", "markeredgewidth": 0.5}
    return Line2D([], [], linestyle="", marker=marker, label=legend_name(label), **look_of)


def stacked_bars(ax, labels, parts):
    """Draws parts = {name: value per label} on top of each other, without those that are zero
    throughout. Returns the names drawn."""
    bottoms = [0.0] * len(labels)
    drawn = [name for name, values in parts.items() if any(values)]
    for name in drawn:
        colour, hatch = look(name)
        ax.bar(
            range(len(labels)),
            parts[name],
            0.7,
            bottom=bottoms,
            color=colour,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.5,
        )
        bottoms = [b + v for b, v in zip(bottoms, parts[name])]
    ax.set_xticks(range(len(labels)), labels)
    ax.grid(axis="y")
    return drawn


def axis_unit(axis, unit):
    """Few ticks, with SI prefixes of a unit."""
    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(EngFormatter(unit=unit, sep=" "))


def _power(value, _):
    """A power of ten: "10⁹"."""
    exponent = str(round(math.log10(value)))
    return "10" + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def log_axes(ax):
    """Both axes logarithmic, with powers of ten."""
    ax.set(xscale="log", yscale="log")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(_power))
        axis.set_minor_formatter(NullFormatter())


def log_losses(ax):
    """A logarithmic axis upwards of what is lost, its powers of ten as they are read."""
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(_power))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel("KL from the float network (nats)")


def log_axis_unit(ax, unit):
    """A logarithmic x axis with a few labelled ticks."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(unit=unit, sep=" "))
    ax.xaxis.set_minor_formatter(NullFormatter())


def wrapped(text, inches, points, bold=False):
    """`text` in lines that fit a width, broken at spaces and hyphens."""
    # DejaVu Sans: a letter is 0.6 of the font's size wide on average, a bold one 0.66.
    letters = max(1, int(inches * 72 / (points * (0.66 if bold else 0.6))))
    lines = text.split("\n")
    return "\n".join(
        part for line in lines for part in textwrap.wrap(line, letters, break_long_words=False)
    )


def title(figure, text):
    """The figure's title, over all of its panels."""
    width = figure.get_size_inches()[0]
    figure.suptitle(wrapped(text, width, 10, bold=True), fontsize=10, fontweight="bold")


def save(figure, directory, name, formats):
    """Writes directory/name.FORMAT for each format and closes the figure. Returns the files."""
    files = []
    for extension in formats:
        file = directory / f"{name}.{extension}"
        figure.savefig(file, metadata=METADATA[extension])
        files.append(file)
    plt.close(figure)
    return files
