"""The scripts on what the program really writes: machines A, B and C on a small layer."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts")]

from article import MACHINES, Run, reason, rows  # noqa: E402
from plot import main  # noqa: E402


class SimResultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.dirs = []
        for machine, *_ in MACHINES:
            out = Path(holder.name) / machine
            run = ROOT / f"configs/runs/article-{machine}.yaml"
            command = [os.environ["BITJOULE_SIM"], "run", run, "--quiet", "-o", out]
            subprocess.run([*command, "--set", "layer={gemm: {m: 1, n: 256, k: 512}}"], check=True)
            cls.dirs.append(out)

    def names(self, *directories):
        """The figures that plot.py draws of them."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(main([*map(str, directories), "--formats", "svg"]), 0)
        return sorted(file.stem for file in (directories[-1] / "plots").iterdir())

    def test_a_run_has_every_figure_of_a_single_layer(self):
        self.assertEqual(
            self.names(self.dirs[0]),
            [
                "bandwidth_over_time",
                "data_bus",
                "energy",
                "power_over_time",
                "roofline",
                "stalls",
                "traffic",
            ],
        )

    def test_the_dram_alone_has_its_own(self):
        out = self.dirs[0].parent / "dram"
        command = [os.environ["BITJOULE_SIM"], "dram", "--dram", "ddr4-2400-x8.yaml", "-o", out]
        command += ["--pattern", "random", "--count", "500"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(self.names(out), ["bandwidth_over_time", "data_bus"])

    def test_runs_side_by_side(self):
        self.assertEqual(
            self.names(*self.dirs), ["compare_energy_time", "compare_stalls", "compare_traffic"]
        )

    def test_the_article_reads_them(self):
        runs = [Run(directory) for directory in self.dirs]
        table = dict(rows(runs))
        # 256 x 512 weights: four bytes each, then one.
        self.assertEqual(table["  weights"], ["524 kB", "131 kB (4.00 times less)", "131 kB (4.00 times less)"])
        for run in runs:
            self.assertEqual(sum(run.stalls.values()), run.cycles)
        self.assertIn("traffic", reason(runs[0], runs[1], 4, 1))


if __name__ == "__main__":
    unittest.main()
