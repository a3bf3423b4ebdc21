"""Figures of the layers of one run: DIR/result.json with more than one element in layers[]."""

from . import style
from .panels import components, energy_unit, name_of, share_panel, stack_panel, width_for
from .style import plt


def _layers(result):
    """(names, repetitions, nodes) of the layers; names tell how often a layer repeats."""
    nodes = result.at("layers").items() if result.has("layers") else []
    repeats = [node.at("repeat").number() if node.has("repeat") else 1 for node in nodes]
    names = [
        node.at("name").text() + (f" (x{repeat})" if repeat > 1 else "")
        for node, repeat in zip(nodes, repeats)
    ]
    return names, repeats, nodes


def _in_all(parts, repeat):
    return {name: size * repeat for name, size in parts.items()}


def layers(result):
    """Energy by component and cycles by cause of every layer with its repetitions; nothing for a
    single layer."""
    names, repeats, nodes = _layers(result)
    if len(nodes) < 2:
        return None
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(width_for(len(nodes)), 6.4), sharex=True)
    unit, size = energy_unit(result)
    energy = [_in_all(components(n, size), times) for n, times in zip(nodes, repeats)]
    cycles = [_in_all(n.at("stalls").numbers(), times) for n, times in zip(nodes, repeats)]
    stack_panel(top, names, energy, unit, "energy")
    stack_panel(bottom, names, cycles, "", "core cycles")
    style.title(figure, f"Energy and cycles per layer: {name_of(result)}")
    return figure


def layer_stalls(result):
    """Share of each layer's cycles by cause; nothing for a single layer."""
    names, _, nodes = _layers(result)
    if len(nodes) < 2:
        return None
    figure, ax = plt.subplots(figsize=(width_for(len(nodes)), 3.8))
    share_panel(ax, names, [n.at("stalls").numbers() for n in nodes])
    style.title(figure, f"Time by cause per layer: {name_of(result)}")
    return figure
