#!/usr/bin/python3
"""Sets the article's three machines side by side: table, reasons and figures from their results.

  scripts/article.py DIR     DIR/LAYER-MACHINE/result.json for every layer and machine below
"""

import argparse
import math
import sys
from pathlib import Path

# The figures of the package, without its compiled part.
sys.path.append(str(Path(__file__).resolve().parents[1] / "python" / "bitjoule"))

from plotting import style  # noqa: E402
from plotting.load import InputError, load_result  # noqa: E402
from plotting.panels import bandwidth_panel, components, stack_panel, traffic  # noqa: E402
from plotting.style import against, per_cent, plt, readable, si  # noqa: E402

# Name of the result's directory, heading.
LAYERS = [
    ("filter", "The article's filter, 3 × 3 × 256"),
    ("resnet50", "ResNet-50, stage 1, 3 × 3 on 56 × 56 × 64"),
    ("llama2-decode", "Llama-2-7B projection 4096 × 4096, decode (M = 1)"),
    ("llama2-prefill", "Llama-2-7B projection 4096 × 4096, prefill (M = 128)"),
]

# Name of the result's directory, heading, and what the article promises against A: how many times
# less memory traffic, how many times more compute.
MACHINES = [
    ("a", "A: fp32", 1, 1),
    ("b", "B: int8, dequantized", 4, 1),
    ("c", "C: int8, native", 4, 4),
]

TENSORS = ("weights", "scales", "inputs", "outputs", "padding")
COLUMN = 31
NAME = 28

# What the cycles of a run go to, in words, and the causes in it.
WORK = {
    "waits for memory": ("dram_read", "dram_write", "dma_window", "dma_rate", "dram_latency"),
    "the array's own work": ("array_busy", "weight_load", "fill_drain", "buffer_port", "output"),
    "waits for the dequantizer": ("dequantizer",),
    "the vector unit's work": ("vector",),
    "steps from tile to tile": ("idle",),
}
LEAST = 0.01  # of the cycles: what is less is not told

# What `bound` of a result names, as the end of "held up by ...".
BOUNDS = {
    "compute": "the steps of the array",
    "dram": "the memory's bandwidth",
    "weight_load": "the loading of weights into the array",
    "fill_drain": "the filling and draining of the array",
    "dequantizer": "the dequantizer",
    "output": "the output unit or its ports",
    "buffer_port": "the ports of a buffer",
    "vector": "the vector unit",
    "idle": "the steps from tile to tile",
    "dma_window": "the number of requests that the DMA may have under way",
    "dma_rate": "the number of requests that the DMA sends per cycle",
    "dram_latency": "the memory's latency",
}


class Run:
    """What the table needs of one result."""

    def __init__(self, directory):
        node = load_result(directory)
        self.cycles = node.at("cycles").number()
        self.compute_cycles = node.at("compute_cycles").number()
        self.time_s = node.at("time_s").number()
        self.stalls = node.at("stalls").numbers()
        self.tensors = traffic(node)
        self.traffic = sum(self.tensors.values())
        self.energy = components(node)
        self.joules = sum(self.energy.values())
        peak_macs = node.at("roofline.peak_macs_per_s").number() / node.at("clock_hz").number()
        self.ideal_cycles = node.at("macs").number() / peak_macs
        self.bandwidth = node.at("dram.bandwidth_bytes_per_s").number()
        self.peak = node.at("dram.peak_bytes_per_s").number()
        self.bound = node.at("bound").text()

    def share(self, *causes):
        """The part of the cycles that went to these causes."""
        return self.spent(causes) / self.cycles

    def spent(self, causes):
        """The cycles that went to these causes."""
        return sum(self.stalls.get(cause, 0) for cause in causes)


def near(measured, claimed):
    """Whether a ratio is what was promised, to 2 %."""
    return abs(measured / claimed - 1) <= 0.02


def traffic_reason(base, run, claim):
    """Why the traffic is not the promised fraction: the tensor that is furthest from its share."""
    gap = {name: run.tensors.get(name, 0) - base.tensors.get(name, 0) / claim for name in TENSORS}
    name = max(gap, key=lambda n: abs(gap[n]))
    before, after = base.tensors.get(name, 0), run.tensors.get(name, 0)
    part = f"{readable(name)} ({per_cent(after, run.traffic)} of its traffic)"
    if not before:
        return f"{part} are added"
    if before == after:
        return f"{part} stay what they are"
    more = ": more of them stays in the buffers" if before > claim * after else ""
    return f"{part} are {against(before, after)}{more}"


def compute_reason(base, run):
    """Why the array's own cycles do not shrink as promised: the part of them that multiplies."""
    return (
        f"the array multiplies in {per_cent(run.ideal_cycles, run.compute_cycles)} of its own "
        f"cycles, in A {per_cent(base.ideal_cycles, base.compute_cycles)} (the rest loads weights, "
        "fills, drains and pads)"
    )


def time_reason(base, run):
    """What of the cycles changed, and what holds both machines up."""
    changes = []
    for words, causes in WORK.items():
        before, after = base.spent(causes), run.spent(causes)
        if max(before / base.cycles, after / run.cycles) < LEAST:
            continue
        if abs(after - before) < LEAST * base.cycles:
            changes.append(f"{words} {si(after, '')} cycles as before")
        else:
            changes.append(f"{words} {si(after, '')} cycles instead of {si(before, '')}")
    held = f"it is held up by {BOUNDS[run.bound]}"
    also = "as A is" if run.bound == base.bound else f"A by {BOUNDS[base.bound]}"
    return f"{', '.join(changes)} ({held}, {also})"


def reason(base, run, less, faster):
    """One sentence that explains by the numbers what became of the promise."""

    def told(what, before, after, claim, why):
        ratio = against(before, after)
        words = f"{what} as in A" if ratio.endswith("equal") else f"{what} {ratio}"
        return f"{words}, as promised" if near(before / after, claim) else f"{words}, since {why}"

    parts = [
        told("traffic", base.traffic, run.traffic, less, traffic_reason(base, run, less)),
        told(
            "cycles of the array alone",
            base.compute_cycles,
            run.compute_cycles,
            faster,
            compute_reason(base, run),
        ),
        f"time {against(base.time_s, run.time_s)}: {time_reason(base, run)}",
    ]
    return "; ".join(parts) + "."


def rows(runs):
    """(heading, value per machine) of the table; ratios refer to the first machine."""
    base = runs[0]

    def compared(heading, unit, values):
        first, *others = values
        ratios = [f" ({against(first, value)})" if first and value else "" for value in others]
        return heading, [si(first, unit)] + [si(v, unit) + r for v, r in zip(others, ratios)]

    yield compared("DRAM traffic", "B", [r.traffic for r in runs])
    for tensor in TENSORS:
        if any(r.tensors.get(tensor) for r in runs):
            yield compared(f"  {tensor}", "B", [r.tensors.get(tensor, 0) for r in runs])
    yield compared("cycles", "", [r.cycles for r in runs])
    yield compared("  if memory never waits", "", [r.compute_cycles for r in runs])
    for cause in base.stalls:
        if any(r.stalls.get(cause) for r in runs):
            yield f"  {readable(cause)}", [per_cent(r.share(cause), 1) for r in runs]
    yield "DRAM bandwidth used", [
        f"{si(r.bandwidth, 'B/s')} ({per_cent(r.bandwidth, r.peak)})" for r in runs
    ]
    yield compared("energy", "J", [r.joules for r in runs])
    for component in dict.fromkeys(name for r in runs for name in r.energy):
        if any(r.energy.get(component) for r in runs):
            values = [r.energy.get(component, 0) for r in runs]
            yield compared(f"  {readable(component)}", "J", values)
    yield "bound by", [readable(r.bound) for r in runs]

    def promise(times):
        return f"{times} times less" if times > 1 else "equal"

    yield "article: traffic", [promise(less) for _, _, less, _ in MACHINES]
    yield "here", [against(base.traffic, r.traffic) for r in runs]
    yield "article: array's cycles", [promise(faster) for _, _, _, faster in MACHINES]
    yield "here ", [against(base.compute_cycles, r.compute_cycles) for r in runs]


def print_table(heading, runs):
    print(f"\n{heading}\n{'=' * len(heading)}")
    print(" " * NAME + "".join(f"{title:<{COLUMN}}" for _, title, _, _ in MACHINES).rstrip())
    for name, values in rows(runs):
        print(f"{name:<{NAME}}" + "".join(f"{value:<{COLUMN}}" for value in values).rstrip())
    for (_, title, less, faster), run in list(zip(MACHINES, runs))[1:]:
        print(f"{title[0]}: {reason(runs[0], run, less, faster)}")


def grid(title, draw, results):
    """One panel per layer, drawn by draw(ax, runs), which returns the parts for the legend."""
    figure, axes = plt.subplots(2, math.ceil(len(results) / 2), figsize=(10.5, 6.8))
    parts = {}
    for ax, ((_, heading), runs) in zip(axes.flat, results):
        parts.update(dict.fromkeys(draw(ax, runs) or []))
        ax.set_title(heading, fontsize=9)
    if parts:
        handles = style.legend_for(reversed(parts))
        axes[0][-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))
    style.title(figure, title)
    return figure


def figures(results):
    """(file name, figure) of every figure."""
    labels = [machine[1].replace(": ", "\n") for machine in MACHINES]

    def stacks(what, label, unit, parts):
        def draw(ax, runs):
            stacked = [parts(run) for run in runs]
            return stack_panel(ax, labels, stacked, unit, label, ratios=True, legend=False)

        return grid(f"{what}: the article's three machines", draw, results)

    def bandwidth(ax, runs):
        bandwidth_panel(ax, labels, [r.bandwidth for r in runs], [r.peak for r in runs])

    yield "energy", stacks("Energy by component", "energy", "J", lambda run: run.energy)
    yield "traffic", stacks("DRAM traffic by tensor", "DRAM traffic", "B", lambda run: run.tensors)
    yield "time", stacks("Time by cause", "core cycles", "", lambda run: run.stalls)
    yield "bandwidth", grid("DRAM bandwidth: the article's three machines", bandwidth, results)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    style.use()
    try:
        results = [
            (layer, [Run(directory / f"{layer[0]}-{machine[0]}") for machine in MACHINES])
            for layer in LAYERS
        ]
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for (_, heading), runs in results:
        print_table(heading, runs)
    print(
        "\nIn brackets and after 'here': against A's value; 'as promised' is within 2 %."
        "\nThe joules are counts times published energies per action: good for ratios, not for the"
        "\nwatts of a chip."
    )
    print()
    plots = directory / "plots"
    plots.mkdir(exist_ok=True)
    for name, figure in figures(results):
        for file in style.save(figure, plots, name, ["png", "svg"]):
            print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
