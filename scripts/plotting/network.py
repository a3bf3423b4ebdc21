"""Figures of the layers of one run: DIR/result.json with more than one element in layers[]."""

from plotting import style
from plotting.panels import components, name_of, share_panel, stack_panel, width_for
from plotting.style import plt


def _layers(result):
    """(names, nodes) of the layers; names tell how often a layer repeats."""
    nodes = result.at("layers").items() if result.has("layers") else []
    names = []
    for node in nodes:
        repeat = node.at("repeat").number() if node.has("repeat") else 1
        names.append(node.at("name").text() + (f" ×{repeat}" if repeat > 1 else ""))
    return names, nodes


def layers(result):
    """Energy by component and cycles by cause of every layer; nothing for a single layer."""
    names, nodes = _layers(result)
    if len(nodes) < 2:
        return None
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(width_for(len(nodes)), 6.4), sharex=True)
    stack_panel(top, names, [components(n) for n in nodes], "J", "energy")
    stack_panel(bottom, names, [n.at("stalls").numbers() for n in nodes], "", "core cycles")
    note = "\none of each layer that repeats" if any("×" in name for name in names) else ""
    style.title(figure, f"Energy and cycles per layer: {name_of(result)}{note}")
    return figure


def layer_stalls(result):
    """Share of each layer's cycles by cause; nothing for a single layer."""
    names, nodes = _layers(result)
    if len(nodes) < 2:
        return None
    figure, ax = plt.subplots(figsize=(width_for(len(nodes)), 3.8))
    share_panel(ax, names, [n.at("stalls").numbers() for n in nodes])
    style.title(figure, f"Time by cause per layer: {name_of(result)}")
    return figure
