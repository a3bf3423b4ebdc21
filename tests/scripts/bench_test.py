"""scripts/bench.py: rows that run, pairs with another program, figures as JSON, clear refusals."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from bench import ROWS, of_row, spread  # noqa: E402

SIM = os.environ.get("BITJOULE_SIM", str(ROOT / "build/dev/sim/sim"))


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-B", str(ROOT / "scripts" / "bench.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


class BenchTest(unittest.TestCase):
    def test_pairs_as_json(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "figures.json")
            done = bench("--sim", SIM, "--before", SIM, "--times", "2", "--only", "start", "-o", file)
            self.assertEqual(done.returncode, 0, done.stderr)
            [row] = json.loads(file.read_text())["rows"]
        self.assertEqual((row["name"], row["unit"], row["goal"]), ("start", "s", 0.003))
        for figure in (row["now"], row["before"]):
            self.assertLessEqual(figure["min"], figure["median"])
            self.assertLessEqual(figure["median"], figure["max"])
        self.assertGreater(row["ratio"], 0)
        self.assertIn("start", done.stdout)

    def test_programs_beside_the_present_directory(self):
        done = bench("--sim", os.path.relpath(SIM), "--times", "1", "--only", "start")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_ratio_says_how_much_better(self):
        seconds = {"name": "a", "unit": "s", "goal": 2}
        self.assertEqual(of_row(seconds, [1, 2, 4], [2, 4, 8])["ratio"], 2)
        self.assertTrue(of_row(seconds, [1, 2, 4], [])["reached"])
        rate = {"name": "b", "unit": "M bursts/s", "goal": 60}
        self.assertEqual(of_row(rate, [30, 30], [10, 15])["ratio"], 2.5)
        self.assertFalse(of_row(rate, [30, 30], [10, 15])["reached"])
        nothing = of_row(rate, [], [])
        self.assertEqual((nothing["now"], nothing["reached"]), (None, None))
        self.assertEqual(spread([3, 1, 2]), {"min": 1, "median": 2, "max": 3})

    def test_every_row_has_its_own_name_and_one_way_to_be_measured(self):
        self.assertEqual(len({row["name"] for row in ROWS}), len(ROWS))
        for row in ROWS:
            self.assertEqual(("command" in row) + ("bench" in row), 1, row["name"])

    def test_refusals(self):
        done = bench("--sim", "/nowhere/sim")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere/sim: no program", done.stderr)
        done = bench("--sim", SIM, "--only", "nothing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row has one of", done.stderr)


if __name__ == "__main__":
    unittest.main()
