"""scripts/article.py on results whose ratios are known: the table states them, and the sentences
name the cause that the numbers show."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).resolve().parent)]

from article import LAYERS, Run, reason, rows  # noqa: E402
from results import make_layer, make_result, write_result  # noqa: E402

MACHINES = {"a": (4, False), "b": (1, False), "c": (1, True)}


class ArticleTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name)

    def write(self, name, m, n, k, change=lambda layer: None):
        """Results of the three machines on one layer; `change` edits those of B and C."""
        for machine, (width, native) in MACHINES.items():
            layer = make_layer(m, n, k, width, native)
            if machine != "a":
                change(layer)
            write_result(self.dir / f"{name}-{machine}", make_result(name, [layer]))
        return [Run(self.dir / f"{name}-{machine}") for machine in MACHINES]

    def test_the_whole_experiment(self):
        for name, _ in LAYERS:
            self.write(name, 128, 1024, 1024)
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts/article.py"), str(self.dir)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for _, heading in LAYERS:
            self.assertIn(heading, done.stdout)
        self.assertEqual(
            sorted(file.name for file in (self.dir / "plots").iterdir()),
            sorted(
                f"{figure}.{extension}"
                for figure in ("bandwidth", "energy", "time", "traffic")
                for extension in ("png", "svg")
            ),
        )

    def test_ratios_come_from_the_results(self):
        table = dict(rows(self.write("x", 128, 4096, 4096)))
        # Weights alone: four bytes against one.
        self.assertEqual(
            table["  weights"],
            ["67.1 MB", "16.8 MB (4.00 times less)", "16.8 MB (4.00 times less)"],
        )
        # 2^31 MACs on 1024 PEs, and a quarter of the cycles with four MACs in each.
        self.assertEqual(table["here "], ["equal", "equal", "4.00 times less"])

    def test_promises_that_hold(self):
        a, b, _ = self.write("x", 1, 4096, 4096)
        sentence = reason(a, b, 4, 1)
        self.assertIn("traffic 4.00 times less, as promised", sentence)
        self.assertIn("cycles of the array alone as in A, as promised", sentence)
        # 4096 x 4096 x 4 B of weights and 32 KiB beside them at 12.8 B per cycle: 5.25e6 cycles, of
        # which the array works in 2^24 / 1024 + 96; then a quarter.
        self.assertIn("waits for memory 1.30 M cycles instead of 5.23 M", sentence)
        self.assertIn("held up by the memory's bandwidth, as A is", sentence)

    def test_the_tensor_that_spoils_the_traffic_is_named(self):
        def large_scales(layer):
            layer["dram"]["per_tensor"]["scales"]["read_bytes"] = 1024 * 1024

        a, b, _ = self.write("x", 1, 1024, 1024, large_scales)
        # A mebibyte of scales beside one of weights.
        self.assertIn("since scales (50 % of its traffic) are added", reason(a, b, 4, 1))

    def test_what_the_array_loses_is_stated(self):
        def slow_drain(layer):
            layer["cycles"] += layer["compute_cycles"]
            layer["compute_cycles"] *= 2

        a, _, c = self.write("x", 128, 1024, 1024, slow_drain)
        # Twice a quarter of the cycles: 2^27 MACs / (1024 PEs * 4) = 2^15 of 2 * (2^15 + 96).
        self.assertIn(
            "cycles of the array alone 2.00 times less, since the array multiplies in 49.9 % of its "
            "own cycles, in A 99.9 %",
            reason(a, c, 4, 4),
        )

    def test_a_tensor_that_is_fetched_less_often(self):
        def stays_in_buffer(layer):
            layer["dram"]["per_tensor"]["inputs"]["read_bytes"] //= 8

        a, _, c = self.write("x", 1024, 512, 1024, stays_in_buffer)
        self.assertIn("are 32.0 times less: more of them stays in the buffers", reason(a, c, 4, 4))

    def test_a_missing_result_is_one_error(self):
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts/article.py"), str(self.dir)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("filter-a/result.json: No such file", done.stderr)


if __name__ == "__main__":
    unittest.main()
