"""Figures of results, as ``scripts/plot.py`` draws them: each function returns a matplotlib Figure.

``data`` is a Result, a directory with ``result.json`` (of ``sim run`` or ``sim dram``), or of the
figures of a sweep a Sweep or a directory with ``results.csv``. Raises InputError for anything else
and where ``data`` has nothing for the figure (the layers of a run with one). A figure belongs to no
window: show it as the last value of a notebook's cell, or ``savefig`` it. matplotlib's settings
stay as they are.
"""

from __future__ import annotations

import os
from collections import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from ._results import Result
from ._sweeps import Sweep
from .errors import InputError
from .plotting import command, compare, load, network, style, sweep
from .plotting import run as _run
from .plotting.style import plt

if TYPE_CHECKING:
    from matplotlib.figure import Figure as _Figure

__all__ = [
    "area",
    "bandwidth_over_time",
    "compare_energy_time",
    "compare_stalls",
    "compare_traffic",
    "data_bus",
    "energy",
    "layer_stalls",
    "layers",
    "power_over_time",
    "roofline",
    "stalls",
    "sweep_bandwidth",
    "sweep_energy",
    "sweep_lines",
    "sweep_pareto",
    "sweep_stalls",
    "sweep_time",
    "sweep_traffic",
    "traffic",
    "write",
]


def __dir__() -> list[str]:
    return sorted(__all__)


Data = Union[Result, Sweep, str, "os.PathLike[str]"]


def _result(data: Any, place: str = "run") -> load.Node:
    """`place` tells runs of one name apart, as their directories do."""
    if isinstance(data, Result):
        return load.checked_result(load.Node(Path(place, "result.json"), data.to_dict()))
    if isinstance(data, (str, os.PathLike)):
        return load.load_result(data)
    raise InputError(f"expected a Result or a directory, got {type(data).__name__}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _sweep(data: Any) -> load.Sweep:
    if isinstance(data, Sweep):
        rows = [{key: _text(value) for key, value in row.items()} for row in data._rows()]
        return load.Sweep(data.name, data.name, list(rows[0]), rows)
    if isinstance(data, (str, os.PathLike)):
        return load.Sweep.load(data)
    raise InputError(f"expected a Sweep or a directory, got {type(data).__name__}")


def _drawn(draw: abc.Callable[[Any], Any], read: abc.Callable[[Any], Any], data: Any) -> _Figure:
    try:
        with plt.rc_context(style.RC):
            figure = draw(read(data))
    except load.InputError as error:
        raise InputError(str(error)) from None
    if figure is None:
        raise InputError(f"{draw.__name__}: nothing to draw")
    plt.close(figure)
    return figure


def energy(data: Data) -> _Figure:
    """Energy by component, joules."""
    return _drawn(_run.energy, _result, data)


def traffic(data: Data) -> _Figure:
    """DRAM bytes by tensor; achieved against peak bandwidth."""
    return _drawn(_run.dram, _result, data)


def bandwidth_over_time(data: Data) -> _Figure:
    """DRAM bytes per second over the run."""
    return _drawn(_run.bandwidth_over_time, _result, data)


def power_over_time(data: Data) -> _Figure:
    """Power over the run."""
    return _drawn(_run.power_over_time, _result, data)


def area(data: Data) -> _Figure:
    """Area by component."""
    return _drawn(_run.area, _result, data)


def data_bus(data: Data) -> _Figure:
    """Where the time of the DRAM's data bus goes."""
    return _drawn(_run.data_bus, _result, data)


def stalls(data: Data) -> _Figure:
    """Core cycles by cause."""
    return _drawn(_run.stalls, _result, data)


def roofline(data: Data) -> _Figure:
    """MACs per second over MACs per byte, each layer a point below its ceilings."""
    return _drawn(_run.roofline, _result, data)


def layers(data: Data) -> _Figure:
    """Energy by component and cycles by cause of every layer, with its repetitions."""
    return _drawn(network.layers, _result, data)


def layer_stalls(data: Data) -> _Figure:
    """Share of each layer's cycles by cause."""
    return _drawn(network.layer_stalls, _result, data)


def _results(data: abc.Iterable[Data]) -> list[load.Node]:
    return [_result(one, f"run {i}") for i, one in enumerate(data, 1)]


def compare_energy_time(*data: Data) -> _Figure:
    """Energy by component and cycles by cause of several runs; ratios refer to the first."""
    return _drawn(compare.energy_and_time, _results, data)


def compare_traffic(*data: Data) -> _Figure:
    """DRAM bytes by tensor, and bandwidth, of several runs; ratios refer to the first."""
    return _drawn(compare.dram, _results, data)


def compare_stalls(*data: Data) -> _Figure:
    """Share of the cycles by cause of several runs."""
    return _drawn(compare.stall_shares, _results, data)


def sweep_energy(data: Data) -> _Figure:
    """Energy by component of every point of a sweep."""
    return _drawn(sweep.energy, _sweep, data)


def sweep_traffic(data: Data) -> _Figure:
    """DRAM bytes by tensor of every point of a sweep."""
    return _drawn(sweep.traffic, _sweep, data)


def sweep_bandwidth(data: Data) -> _Figure:
    """Achieved against peak bandwidth of every point of a sweep."""
    return _drawn(sweep.bandwidth, _sweep, data)


def sweep_stalls(data: Data) -> _Figure:
    """Share of the cycles by cause of every point of a sweep."""
    return _drawn(sweep.stalls, _sweep, data)


def sweep_time(data: Data) -> _Figure:
    """Seconds of every point of a sweep."""
    return _drawn(sweep.time, _sweep, data)


def sweep_lines(data: Data) -> _Figure:
    """Energy, time, traffic and error along the first axis of numbers of a sweep."""
    return _drawn(sweep.lines, _sweep, data)


def sweep_pareto(data: Data) -> _Figure:
    """Energy against error, with the points that none beats in both."""
    return _drawn(sweep.pareto, _sweep, data)


def write(
    data: Data | list[Result],
    directory: str | os.PathLike[str],
    formats: abc.Iterable[str] = ("png", "svg", "pdf"),
) -> list[Path]:
    """Writes every figure that ``data`` (of a list: several runs, compared) has to ``directory``,
    byte by byte as ``scripts/plot.py`` does. Returns the files."""
    if isinstance(formats, str) or not set(formats) <= set(style.METADATA):
        raise InputError(f"formats: expected some of {', '.join(style.METADATA)}, got {formats!r}")
    written: list[Path] = []
    try:
        with plt.rc_context(style.RC):
            table: list[tuple[str, abc.Callable[[Any], Any]]]
            read: Any
            if isinstance(data, list):
                table, read = command.COMPARE_FIGURES, _results(data)
            elif isinstance(data, Sweep):
                table, read = command.SWEEP_FIGURES, _sweep(data)
            elif isinstance(data, Result):
                table, read = command.RUN_FIGURES, _result(data)
            elif isinstance(data, (str, os.PathLike)):
                table, read = command.figures_for([Path(data)])
            else:
                raise InputError(f"expected a Result, a Sweep or a directory, got {data!r}")
            Path(directory).mkdir(parents=True, exist_ok=True)
            for name, draw in table:
                if (figure := draw(read)) is not None:
                    written += style.save(figure, Path(directory), name, list(formats))
    except load.InputError as error:
        raise InputError(str(error)) from None
    return written
