"""scripts/plot.py on small results: the figures appear, equal input gives equal bytes, and input
that cannot be plotted gives one clear error and exit code 2."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).resolve().parent)]

from plot import main  # noqa: E402
from plotting import run, sweep, tune  # noqa: E402
from plotting.load import Sweep, load_result  # noqa: E402
from plotting.style import against, per_cent, si, use  # noqa: E402
from plotting.sweep import pareto_front  # noqa: E402
from results import make_layer, make_result, write_result, write_sweep  # noqa: E402

use()


def plot(*arguments):
    """The outcome of plot.py's main() with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def plot_process(*arguments):
    """The same in a process of its own."""
    command = [sys.executable, str(ROOT / "scripts/plot.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def title_of(figure):
    """Without the ends of its lines."""
    return " ".join(figure._suptitle.get_text().split())


class PlotTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name)

    def names(self, directory):
        return sorted(file.name for file in directory.iterdir())

    def draw(self, *arguments):
        """The names of the SVG files that a successful call writes."""
        out = self.dir / "out"
        done = plot(*arguments, "-o", out, "--formats", "svg")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.names(out)

    def test_a_run_of_one_layer(self):
        write_result(self.dir, make_result("decode", [make_layer(1, 256, 256, 1, False)], 20))
        self.assertEqual(
            self.draw(self.dir),
            ["bandwidth_over_time.svg", "energy.svg", "roofline.svg", "stalls.svg", "traffic.svg"],
        )

    def test_a_network_adds_the_layers(self):
        layers = [make_layer(64, 64, 64 * n, 1, True, f"layer{n}", repeat=n) for n in (1, 2, 3)]
        write_result(self.dir, make_result("network", layers))
        self.assertEqual(
            self.draw(self.dir),
            [
                "energy.svg",
                "layer_stalls.svg",
                "layers.svg",
                "roofline.svg",
                "stalls.svg",
                "traffic.svg",
            ],
        )

    def test_names_are_drawn_as_they_are(self):
        """$ begins no formula, _ hides nothing, % and backslashes stand for themselves."""
        names = ["$x", "$x$", "a_$b_{", "_hidden", "100 %d", "\\frac{", "$\\bad$", "=1", "\x1b[31m"]
        layers = [
            make_layer(64, 64, 64 * n, 1, True, name, kind=name, repeat=n)
            for n, name in enumerate(names, 1)
        ]
        result = make_result("$net$ \\$", layers, 24)
        result["config"]["accelerator"]["name"] = "$"
        write_result(self.dir, result)
        shutil.copytree(self.dir, self.dir / "b")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.draw(self.dir)
            self.draw(self.dir, self.dir / "b")
            for file in (self.dir / "out").iterdir():
                ElementTree.parse(file)
            figure = run.roofline(load_result(self.dir))
            figure.canvas.draw()
        shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        self.assertEqual(len(shown), len(names))
        self.assertIn("$x$ (1)", shown)
        self.assertIn(" hidden (1)", shown)
        self.assertIn("\\x1b[31m (1)", shown)
        ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        self.assertIn("10¹²", ticks)

    def test_names_in_a_sweep(self):
        names = ["$a", "_b", "'=c", "$d$", "'-x", "e"]
        layer = make_layer(1, 256, 256, 1, False)
        write_sweep(self.dir, [({"precision.weights.format": name}, layer) for name in names])
        (self.dir / "results.json").write_text('{"name": "$s$ \\\\"}', encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.draw(self.dir)
        table = Sweep.load(self.dir)
        shown = [row["precision.weights.format"] for row in table.rows]
        self.assertEqual(shown, ["$a", "_b", "=c", "$d$", "-x", "e"])

    def test_accuracy_of_a_sweep(self):
        layer = make_layer(1, 256, 256, 1, False)
        write_sweep(self.dir, [({"precision.weights.format": name}, layer) for name in ("a", "b")])
        table = (self.dir / "results.csv").read_text(encoding="utf-8").splitlines()
        lines = [f"{line},{more}" for line, more in zip(table, ("accuracy.kl", "0.5", "0.01"))]
        (self.dir / "results.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.assertIn("accuracy.svg", self.draw(self.dir))

    def test_mixes(self):
        int8, int4 = "{format: int8, granularity: per_channel}", "{format: int4}"
        (self.dir / "mixes.csv").write_text(
            "mix,energy.total_pj,bits per weight,kl,best\n"
            f'as it is,9e6,32,0,false\n"{int8}",3e6,8,0.001,false\n{int4},2e6,4,0.5,false\n'
            "mix 1,2.5e6,6,0.02,true\n", encoding="utf-8")
        (self.dir / "sensitivity.csv").write_text(
            f'group,format,kl\nq,"{int8}",0.001\nq,{int4},0.1\nk,"{int8}",0\nk,{int4},0.2\n',
            encoding="utf-8")
        self.assertEqual(self.draw(self.dir), ["mixes.svg", "sensitivity.svg"])
        first = (self.dir / "out/mixes.svg").read_bytes()
        self.draw(self.dir)
        self.assertEqual(first, (self.dir / "out/mixes.svg").read_bytes())
        figure = tune.mixes(tune.Tune(self.dir))
        left, right = figure.axes
        self.assertEqual([t.get_text() for t in left.texts], ["int8", "int4"])
        self.assertEqual(len(left.collections), 3)  # what loses nothing has no place
        self.assertEqual(right.get_xlabel(), "bits per weight")
        (self.dir / "mixes.csv").write_text("mix\n", encoding="utf-8")
        done = plot(self.dir, "-o", self.dir / "again")
        self.assertEqual(done.returncode, 2)
        self.assertIn("mixes.csv: no rows", done.stderr)

    def test_pipes_are_not_read(self):
        os.mkfifo(self.dir / "result.json")
        done = plot(self.dir, self.dir)
        self.assertEqual(done.returncode, 2)
        self.assertIn("result.json: is not a regular file", done.stderr)

    def test_the_bandwidth_of_a_network_is_that_of_its_timeline(self):
        layers = [make_layer(64, 64, 64 * n, 1, True, f"layer{n}", repeat=n) for n in (1, 2, 3)]
        result = make_result("network", layers, 24)
        timeline = result["dram"]["timeline"]
        # Every bin counts: a network's end with the bandwidth of its last layer.
        timeline["read_bytes"][-1] = 2 * max(timeline["read_bytes"])
        write_result(self.dir, result)
        figure = run.bandwidth_over_time(load_result(self.dir))
        written, read = (patch.get_data() for patch in figure.axes[0].patches)
        bin_s = timeline["bin_s"]
        self.assertEqual(list(read.edges), [i * bin_s for i in range(25)])
        self.assertEqual(list(read.values), [b / bin_s for b in timeline["read_bytes"]])
        self.assertEqual(list(written.baseline), list(read.values))
        self.assertEqual(figure.axes[0].get_xlim(), (0, 24 * bin_s))
        self.assertIn("bandwidth_over_time.svg", self.draw(self.dir))

    def test_a_sweep(self):
        points = [
            ({"precision.weights.format": f, "layer.gemm.m": m}, make_layer(m, 64, 64, b, b < 4))
            for f, b in (("fp32", 4), ("int8", 1))
            for m in (1, 8)
        ]
        write_sweep(
            self.dir, points + [({"precision.weights.format": "int4", "layer.gemm.m": 1}, None)]
        )
        self.assertEqual(
            self.draw(self.dir),
            ["bandwidth.svg", "energy.svg", "pareto.svg", "stalls.svg", "time.svg", "traffic.svg"],
        )

    def numeric_sweep(self):
        """Three buffer sizes that two axes share, two formats, a declared baseline."""
        points = []
        for size, n in (("32 KiB", 64), ("64 KiB", 32), ("1 MiB", 16)):
            for name, width in (("fp32", 4), ("int8", 1)):
                axes = {"format": name, "buffers.input.capacity": size, "buffers.weight.capacity": size}
                points.append((axes, make_layer(8, n, 64, width, width == 1)))
        write_sweep(self.dir, points)
        (self.dir / "results.json").write_text(
            json.dumps({"name": "sizes", "question": "How large?", "baseline": {"format": ["fp32"]}})
        )
        return Sweep.load(self.dir)

    def test_an_axis_of_numbers_is_drawn_as_lines(self):
        loaded = self.numeric_sweep()
        figure = sweep.lines(loaded)
        energy = figure.axes[0]
        self.assertEqual(energy.get_xlabel(), "input capacity = weight capacity")
        self.assertEqual(energy.get_ylabel(), "energy (less is better)")
        for line, name in zip(energy.get_lines(), ("fp32", "int8"), strict=True):
            rows = [row for row in loaded.rows if row["format"] == name]
            self.assertEqual(list(line.get_xdata()), [32 * 2**10, 64 * 2**10, 2**20])
            for seen, row in zip(line.get_ydata(), rows, strict=True):
                self.assertAlmostEqual(seen, float(row["energy.total_pj"]) * 1e-12)
        self.assertIn("lines.svg", self.draw(self.dir))

    def test_the_question_and_the_baseline_are_drawn(self):
        loaded = self.numeric_sweep()
        self.assertEqual(loaded.baseline_of(loaded.rows[3]), loaded.rows[2])
        figure = sweep.time(loaded)
        self.assertIn("How large?", title_of(figure))
        loaded.axes = ["format"]  # a panel whose bars the baseline stands among
        loaded.rows = loaded.rows[:2]
        ax = sweep.time(loaded).axes[0]
        self.assertIn("baseline: fp32", [text.get_text() for text in ax.texts])
        (line,) = ax.get_lines()
        self.assertEqual(line.get_ydata()[0], loaded.number(loaded.rows[0], "time_s"))

    def test_panels_of_one_quantity_share_their_axis(self):
        points = [
            ({"precision.weights.format": f, "layer.gemm.m": m}, make_layer(m, 64, 64, b, b < 4))
            for f, b in (("fp32", 4), ("int8", 1))
            for m in (1, 2, 512)
        ]
        write_sweep(self.dir, points[:2] + points[3:5])
        tops = {ax.get_ylim()[1] for ax in sweep.energy(Sweep.load(self.dir)).axes[:2]}
        self.assertEqual(len(tops), 1)
        write_sweep(self.dir, points)  # too far apart: each its own, and the title says so
        figure = sweep.energy(Sweep.load(self.dir))
        self.assertEqual(len({ax.get_ylim()[1] for ax in figure.axes[:3]}), 3)
        self.assertIn("panels have scales of their own", title_of(figure))

    def test_two_runs(self):
        for name, width in (("a", 4), ("b", 1)):
            write_result(self.dir / name, make_result(name, [make_layer(8, 64, 64, width, False)]))
        self.assertEqual(
            self.draw(self.dir / "a", self.dir / "b"),
            ["compare_energy_time.svg", "compare_stalls.svg", "compare_traffic.svg"],
        )

    def texts(self, file):
        """All that an SVG file of the last call says in glyphs' comments."""
        return (self.dir / "out" / file).read_text(encoding="utf-8")

    def test_ratios_of_a_mac_are_drawn_as_such(self):
        layers = [make_layer(8, 64, 64, 2, False, f"layer{n}") for n in (1, 2)]
        result = make_result("ratios", layers)
        result["energy"] = {**result["energy"], "unit": "MAC"}
        result["power"] = {
            "average_w": 1e-3,
            "timeline": {"bin_s": 1e-6, "watts": [1e-3, 2e-3]},
        }
        write_result(self.dir, result)
        self.draw(self.dir)
        for file, unit in (
            ("energy.svg", "MAC"),
            ("layers.svg", "MAC"),
            ("power_over_time.svg", "GMAC/s"),
        ):
            text = self.texts(file)
            self.assertRegex(text, rf"<!-- .*{unit}", file)
            self.assertNotRegex(text, r"<!-- .*\d [munµ]?[JW]\b", file)

    def test_a_sweep_of_joules_and_ratios_mixes_neither(self):
        points = [
            ({"energy": table}, make_layer(8, 64, 64, 2, False))
            for table in ("horowitz", "jouppi", "eyeriss")
        ]
        points[2][1]["energy"]["unit"] = "MAC"
        write_sweep(self.dir, points)
        self.draw(self.dir)
        for file in ("energy.svg", "pareto.svg"):
            self.assertIn("1 point in ratios of a MAC", self.texts(file).replace("\n", " "))
        for name, layer in (("a", points[0][1]), ("b", points[2][1])):
            write_result(self.dir / name, make_result(name, [layer]))
        self.draw(self.dir / "a", self.dir / "b")
        self.assertIn("share of energy", self.texts("compare_energy_time.svg"))

    def test_ratios_of_two_macs_are_mixed_no_more_than_joules_and_ratios(self):
        points = [
            ({"energy": table}, make_layer(8, 64, 64, 2, False))
            for table in ("eyeriss", "other", "other")
        ]
        for axes, layer in points:
            layer["energy"] |= {"unit": "MAC", "table": axes["energy"]}
        write_sweep(self.dir, points)
        self.draw(self.dir)
        for file in ("energy.svg", "pareto.svg"):
            text = self.texts(file).replace("\n", " ")
            self.assertIn("2 points in ratios of another", text)
        for name, layer in (("a", points[0][1]), ("b", points[1][1]), ("c", points[2][1])):
            write_result(self.dir / name, make_result(name, [layer]))
        self.draw(self.dir / "a", self.dir / "b")
        self.assertIn("share of energy", self.texts("compare_energy_time.svg"))
        self.draw(self.dir / "b", self.dir / "c")
        self.assertNotIn("share of energy", self.texts("compare_energy_time.svg"))

    def test_equal_input_gives_equal_bytes_in_every_format(self):
        write_result(self.dir, make_result("decode", [make_layer(1, 256, 256, 1, False)], 20))
        for out in ("first", "second"):
            self.assertEqual(plot_process(self.dir, "-o", self.dir / out).returncode, 0)
        first = self.names(self.dir / "first")
        self.assertEqual(len(first), 5 * len(("png", "svg", "pdf")))
        for name in first:
            self.assertEqual(
                (self.dir / "first" / name).read_bytes(),
                (self.dir / "second" / name).read_bytes(),
                name,
            )

    def test_every_figure_names_the_configuration(self):
        write_result(self.dir, make_result("my decode run", [make_layer(1, 256, 256, 1, False)]))
        self.assertEqual(plot(self.dir, "--formats", "svg").returncode, 0)
        for figure in (self.dir / "plots").iterdir():
            self.assertRegex(figure.read_text(encoding="utf-8"), "<!-- [^>]*my decode run")

    def refused(self, message, *arguments):
        done = plot(*(arguments or [self.dir]))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertFalse((self.dir / "plots").exists())

    def test_input_that_is_missing(self):
        self.refused("nowhere: no such directory", self.dir / "nowhere")
        self.assertEqual(plot_process(self.dir).returncode, 2)
        self.refused("holds neither result.json (a run) nor results.csv (a sweep) nor mixes.csv (sim tune)")

    def test_json_that_is_broken(self):
        for text, message in (
            ('{"schema_version": 1, ', "result.json: not valid JSON"),
            ('{"schema_version": NaN}', "NaN is not a JSON number"),
            ("[1]", "schema_version: expected a number, got nothing"),
            ('{"schema_version": 1}', "schema_version: expected 2, got 1"),
        ):
            with self.subTest(text):
                (self.dir / "result.json").write_text(text, encoding="utf-8")
                self.refused(message)

    def test_a_key_that_is_missing_or_mistyped_is_named(self):
        good = make_result("decode", [make_layer(1, 256, 256, 1, False)])
        for value, message in (
            (None, "energy.components: expected an object of numbers, got nothing"),
            ({"dram": "x"}, 'energy.components.dram: expected a number, got "x"'),
        ):
            bad = json.loads(json.dumps(good))
            bad["energy"]["components"] = value
            write_result(self.dir, bad)
            with self.subTest(message):
                self.refused(message)

    def test_tables_that_are_broken(self):
        for text, message in (
            ("a,b\n1,2\n", "expected the columns point, swept paths, status, metrics"),
            ("point,x,status,time_s\np0,1,failed,\n", "no point is done"),
            ("point,x,status,time_s\np0,1,done,soon\n", "time_s: expected a number, got 'soon'"),
        ):
            with self.subTest(text):
                (self.dir / "results.csv").write_text(text, encoding="utf-8")
                self.refused(message)


class NumbersTest(unittest.TestCase):
    def test_si(self):
        for value, unit, text in (
            (0, "J", "0 J"),
            (1.234e-6, "J", "1.23 µJ"),
            (999.9, "B", "1.00 kB"),
            (64, "", "64"),
            (12800000000, "B/s", "12.8 GB/s"),
        ):
            self.assertEqual(si(value, unit), text)

    def test_shares_and_ratios(self):
        self.assertEqual(
            [per_cent(1, 8), per_cent(1, 10**6), per_cent(0, 5)], ["12.5 %", "<0.01 %", "0 %"]
        )
        self.assertEqual(
            [against(8, 2), against(2, 3), against(5, 5), against(0, 5)],
            ["4.00 times less", "1.50 times more", "equal", ""],
        )

    def test_pareto_front(self):
        points = [(1, 10), (2, 30), (2, 20), (3, 25), (4, 40), (1, 5)]
        self.assertEqual(pareto_front(points), [(1, 10), (2, 30), (4, 40)])


if __name__ == "__main__":
    unittest.main()
