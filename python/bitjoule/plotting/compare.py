"""Figures that set several runs side by side; ratios refer to the first."""

from . import style
from .panels import (
    bandwidth_panel,
    components,
    energy_unit,
    mac_of,
    share_panel,
    stack_panel,
    traffic,
    width_for,
)
from .style import plt


def _labels(results):
    names = [r.at("name").text() for r in results]
    if len(set(names)) < len(names):  # equal names: the directories tell the runs apart
        names = [f"{name}\n({r.file.parent.name})" for name, r in zip(names, results)]
    return names


def _title(what, labels):
    return f"{what}: " + " against ".join(label.replace("\n", " ") for label in labels)


def energy_and_time(results):
    """Energy by component and cycles by cause."""
    labels = _labels(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(1.5 * width_for(len(labels)), 3.8))
    units = {(energy_unit(r), mac_of(r)) for r in results}
    if len(units) > 1:  # joules and ratios of a MAC, or of two MACs, have no common scale
        share_panel(left, labels, [components(r) for r in results], "energy, in units of its own")
    else:
        (unit, size), _ = units.pop()
        energies = [components(r, size) for r in results]
        stack_panel(left, labels, energies, unit, "energy", ratios=True)
    stack_panel(
        right, labels, [r.at("stalls").numbers() for r in results], "", "core cycles", ratios=True
    )
    style.title(figure, _title("Energy and time", labels))
    return figure


def dram(results):
    """Traffic by tensor; achieved against peak bandwidth."""
    labels = _labels(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(1.4 * width_for(len(labels)), 3.6))
    stack_panel(left, labels, [traffic(r) for r in results], "B", "DRAM traffic", ratios=True)
    bandwidth_panel(
        right,
        labels,
        [r.at("dram.bandwidth_bytes_per_s").number() for r in results],
        [r.at("dram.peak_bytes_per_s").number() for r in results],
    )
    style.title(figure, _title("DRAM", labels))
    return figure


def stall_shares(results):
    """Share of the cycles by cause."""
    labels = _labels(results)
    figure, ax = plt.subplots(figsize=(width_for(len(labels)), 3.6))
    share_panel(ax, labels, [r.at("stalls").numbers() for r in results])
    style.title(figure, _title("Time by cause", labels))
    return figure
