"""How the figures of scripts/plot.py look: no text is cut off at the edge, none covers another."""

import json
import sys
import tempfile
import unittest
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python/bitjoule"), str(Path(__file__).resolve().parent)]

from matplotlib.text import Text  # noqa: E402
from plotting.command import (  # noqa: E402
    COMPARE_FIGURES,
    RUN_FIGURES,
    SWEEP_FIGURES,
    figures_for,
)
from plotting.style import plt, use, wrapped  # noqa: E402
from results import make_layer, make_result, write_result, write_sweep  # noqa: E402

use()

LONG = "llama2-7b-attention-projections-decode"


def texts(figure):
    """(words, box in pixels) of all that can be read, without ticks outside of their axis."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    ticks = {}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                for label in (tick.label1, tick.label2):
                    ticks[label] = ax.get_visible() and low <= tick.get_loc() <= high
    hidden = {t for ax in figure.axes if not ax.get_visible() for t in ax.findobj(Text)}
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_text().strip()
        and text.get_visible()
        and text not in hidden
        and ticks.get(text, True)
    ]


class LayoutTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.addCleanup(plt.close, "all")
        self.dir = Path(holder.name)

    def check(self, figures, *directories):
        """All of the table's figures are drawn, and can be read."""
        table, data = figures_for(list(directories))
        self.assertIs(table, figures)
        drawn = 0
        for name, draw in table:
            figure = draw(data)
            if figure is None:
                continue
            drawn += 1
            words = texts(figure)
            edge = figure.bbox
            for text, box in words:
                with self.subTest(f"{name}: {text} is cut off"):
                    self.assertGreaterEqual(min(box.x0, box.y0), -1)
                    self.assertLessEqual(box.x1, edge.x1 + 1)
                    self.assertLessEqual(box.y1, edge.y1 + 1)
            for (text, box), (other, its) in combinations(words, 2):
                across = min(box.x1, its.x1) - max(box.x0, its.x0)
                down = min(box.y1, its.y1) - max(box.y0, its.y0)
                # Boxes include the room of letters that go below the line.
                with self.subTest(f"{name}: {text} over {other}"):
                    self.assertFalse(across > 1 and down > 5, (box.bounds, its.bounds))
        return drawn

    def test_a_run_with_a_long_name(self):
        write_result(self.dir, make_result(LONG * 2, [make_layer(8, 256, 256, 1, True)], 40))
        self.assertEqual(self.check(RUN_FIGURES, self.dir), 5)

    def test_a_network_of_many_layers(self):
        kinds = ("conv", "depthwise", "linear", "matmul")
        layers = [
            make_layer(1 + 7 * n, 64, 64 * (1 + n % 9), 1, True, f"block{n}_projection", kind)
            for n in range(60)
            for kind in [kinds[n % 4]]
        ]
        write_result(self.dir, make_result("network", layers))
        self.assertEqual(self.check(RUN_FIGURES, self.dir), 6)

    def test_sweeps_of_one_to_four_axes(self):
        formats = {"fp32": 4, "int8 to fp32": 1, "int8": 1, "int4 with groups of 32": 1}
        axes = {
            "precision.weights.format": list(formats),
            "layer": [f"layers/{LONG}.yaml", "conv.yaml"],
            "accelerator.buffers.input.capacity": ["32 KiB", "512 KiB"],
            "accelerator.dequantizer.lanes": [4, 256],
        }
        for count in range(1, 5):
            points = [{}]
            for path in list(axes)[:count]:
                points = [{**point, path: value} for point in points for value in axes[path]]
            directory = self.dir / str(count)
            write_sweep(
                directory,
                [
                    (p, make_layer(1 + 9 * i, 64, 64, formats[p["precision.weights.format"]], True))
                    for i, p in enumerate(points)
                ],
            )
            with self.subTest(axes=count):
                self.assertEqual(self.check(SWEEP_FIGURES, directory), 6)

    def test_lines_questions_and_baselines(self):
        points = [
            (
                {"format": name, "buffers.input.capacity": size, "layer": layer},
                make_layer(m, n, 64, width, width == 1),
            )
            for size, n in (("32 KiB", 256), ("128 KiB", 128), ("1 MiB", 64))
            for name, width in (("fp32", 4), ("int8", 1))
            for layer, m in ((f"layers/{LONG}.yaml", 8), ("conv.yaml", 400))
        ]
        write_sweep(self.dir, points)
        question = "How much buffer does a bit replace, and what does the next kilobyte bring?"
        said = {"name": "sizes", "question": question, "baseline": {"format": ["fp32"]}}
        (self.dir / "results.json").write_text(json.dumps(said), encoding="utf-8")
        self.assertEqual(self.check(SWEEP_FIGURES, self.dir), 7)

    def test_three_runs_with_long_names(self):
        directories = [self.dir / name for name in "abc"]
        for directory in directories:
            layer = make_layer(8, 64, 64, 4, False)
            write_result(directory, make_result(f"{LONG}-{directory.name}", [layer]))
        self.assertEqual(self.check(COMPARE_FIGURES, *directories), 3)


class WrapTest(unittest.TestCase):
    def test_lines_break_at_spaces_and_hyphens(self):
        # 36 points hold 36 / (10 * 0.6) = 6 letters.
        self.assertEqual(wrapped("int8 to fp32", 0.5, 10), "int8\nto\nfp32")
        self.assertEqual(wrapped("a-b\nlonger-words", 0.5, 10), "a-b\nlonger-\nwords")


if __name__ == "__main__":
    unittest.main()
