"""Figures of `sim tune`: what layers lose in each format, and what mixes cost and lose."""

import csv
import math
import re
from pathlib import Path

import matplotlib.pyplot as plt

from . import style
from .load import InputError, cell_text, require_file
from .sweep import draw_front

# Nats per prediction below which nothing is lost: a logarithm has no place for it.
NOTHING = 1e-9


class Tune:
    """mixes.csv and sensitivity.csv of a directory."""

    def __init__(self, directory):
        self.name = Path(directory).resolve().name
        self.mixes = self._rows(Path(directory) / "mixes.csv")
        self.sensitivity = self._rows(Path(directory) / "sensitivity.csv")
        self.objective = list(self.mixes[0])[1]

    @staticmethod
    def _rows(file):
        require_file(file)
        try:
            with open(file, newline="", encoding="utf-8") as stream:
                rows = [
                    {key: cell_text(value) for key, value in row.items()}
                    for row in csv.DictReader(stream)
                ]
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{file}: {error}") from error
        if not rows:
            raise InputError(f"{file}: no rows")
        return rows


def _short(text, others):
    """"int4" for "{format: int4, ...}", where that tells it from the others."""
    found = re.search(r"(?:format|weights): (\w+)", text)
    if not found:
        return text
    same = [o for o in others if re.search(rf"(?:format|weights): {found[1]}\b", o)]
    return found[1] if len(set(same)) == 1 else text


def mixes(tune):
    """KL of all that was measured, against the objective and against bits per weight: uniform
    formats by their names, mixes as dots, the one within the budget that costs least as a star."""
    names = [row["mix"] for row in tune.mixes]
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
    for ax, column in zip(axes, (tune.objective, "bits per weight")):
        points, size = [], 1e-12 if column.endswith("_pj") else 1
        for row in tune.mixes:
            x, y = float(row[column]) * size, float(row["kl"])
            if not y > NOTHING:
                continue
            points.append((x, -y))
            is_mix = row["mix"].startswith("mix ")
            is_best = row["best"] == "true"
            ax.scatter(
                x, y, s=140 if is_best else 40, marker="*" if is_best else "o" if is_mix else "s",
                color=style.LINES[1 if is_mix else 0], edgecolor="black", linewidth=0.5, zorder=3,
            )
            if not is_mix:
                ax.annotate(
                    _short(row["mix"], names), (x, y), textcoords="offset points", xytext=(5, 4),
                    fontsize=8,
                )
        draw_front(ax, points)
        style.log_losses(ax)
        if size != 1:
            style.axis_unit(ax.xaxis, "J")
        ax.set_xlabel(column)
        ax.margins(x=0.15, y=0.1)
        ax.grid()
    axes[1].set_ylabel("")
    handles = [
        style.point_handle("s", style.LINES[0], "a format everywhere"),
        style.point_handle("o", style.LINES[1], "a format for each group"),
        style.point_handle("*", style.LINES[1] if any(
            r["best"] == "true" and r["mix"].startswith("mix ") for r in tune.mixes
        ) else style.LINES[0], "the cheapest within the budget"),
    ]
    axes[1].legend(handles=handles, fontsize=8)
    style.title(figure, f"{tune.name}: cost against loss (dashed: the front)")
    return figure


def sensitivity(tune):
    """KL with one group of layers alone in a format, all else as the run says."""
    groups = list(dict.fromkeys(row["group"] for row in tune.sensitivity))
    formats = list(dict.fromkeys(row["format"] for row in tune.sensitivity))
    figure, ax = plt.subplots(figsize=(max(5, 0.5 * len(groups) + 2), 4))
    for i, name in enumerate(formats):
        kl = {row["group"]: float(row["kl"]) for row in tune.sensitivity if row["format"] == name}
        values = [kl[g] if kl[g] > NOTHING else math.nan for g in groups]
        ax.plot(
            range(len(groups)), values, linestyle="none", color=style.LINES[i % len(style.LINES)],
            marker=style.MARKERS[i % len(style.MARKERS)], label=_short(name, formats),
        )
    style.log_losses(ax)
    ax.set_xticks(range(len(groups)), groups, rotation=60, ha="right", fontsize=8)
    ax.grid()
    ax.legend(fontsize=8)
    style.title(figure, f"{tune.name}: what each group of layers loses alone")
    return figure
