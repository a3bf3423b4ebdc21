"""Draws the figures of a run, of a sweep, or of several runs side by side.

  scripts/plot.py DIR          DIR holds result.json (of `sim run` or `sim dram`) or results.csv
                               (of `sim sweep`), or mixes.csv (of `sim tune`)
  scripts/plot.py A B [C...]   runs side by side; ratios refer to A
"""

import argparse
import sys
from pathlib import Path

from . import compare, network, run, sweep, tune
from .load import InputError, Sweep, load_result
from .style import METADATA, save, use

# (file name, what draws it); a function returns None where the input has nothing for its figure.
RUN_FIGURES = [
    ("energy", run.energy),
    ("traffic", run.dram),
    ("bandwidth_over_time", run.bandwidth_over_time),
    ("power_over_time", run.power_over_time),
    ("area", run.area),
    ("data_bus", run.data_bus),
    ("stalls", run.stalls),
    ("roofline", run.roofline),
    ("layers", network.layers),
    ("layer_stalls", network.layer_stalls),
]
DRAM_FIGURES = [
    ("bandwidth_over_time", run.bandwidth_over_time),
    ("data_bus", run.data_bus),
]
SWEEP_FIGURES = [
    ("energy", sweep.energy),
    ("traffic", sweep.traffic),
    ("bandwidth", sweep.bandwidth),
    ("stalls", sweep.stalls),
    ("time", sweep.time),
    ("lines", sweep.lines),
    ("pareto", sweep.pareto),
    ("accuracy", sweep.accuracy),
]
TUNE_FIGURES = [
    ("mixes", tune.mixes),
    ("sensitivity", tune.sensitivity),
]
COMPARE_FIGURES = [
    ("compare_energy_time", compare.energy_and_time),
    ("compare_traffic", compare.dram),
    ("compare_stalls", compare.stall_shares),
]


def figures_for(directories):
    """(table of figures, their input) for the directories named on the command line."""
    for directory in directories:
        if not directory.is_dir():
            raise InputError(f"{directory}: no such directory")
    if len(directories) > 1:
        return COMPARE_FIGURES, [load_result(d) for d in directories]
    directory = directories[0]
    if (directory / "results.csv").exists():
        return SWEEP_FIGURES, Sweep.load(directory)
    if (directory / "result.json").exists():
        result = load_result(directory)
        return (DRAM_FIGURES if result.has("latency") else RUN_FIGURES), result
    if (directory / "mixes.csv").exists():
        return TUNE_FIGURES, tune.Tune(directory)
    raise InputError(
        f"{directory}: holds neither result.json (a run) nor results.csv (a sweep) nor mixes.csv "
        "(sim tune)"
    )


def main(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", nargs="+", type=Path, help="results to draw")
    parser.add_argument(
        "-o", "--output", type=Path, help="where to write (default: LAST_DIR/plots)"
    )
    parser.add_argument("--formats", default="png,svg,pdf", help="default: %(default)s")
    arguments = parser.parse_args(words)
    use()
    formats = arguments.formats.split(",")
    for name in formats:
        if name not in METADATA:
            parser.error(f"unknown format '{name}'; the formats are {', '.join(METADATA)}")
    output = arguments.output or arguments.directory[-1] / "plots"
    try:
        table, data = figures_for(arguments.directory)
        drawn = [(name, figure) for name, draw in table if (figure := draw(data)) is not None]
        output.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn:
            for file in save(figure, output, name, formats):
                print(file)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
