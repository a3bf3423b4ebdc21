"""bitjoule.sweep: the points and numbers of the program; nothing is lost where one point fails."""

import csv
import os
import signal
import tempfile
import time
import unittest
import warnings
from pathlib import Path

import bitjoule
from bitjoule import _sweeps
from program import sim

RUN = "runs/quickstart.yaml"
SMALL = {"layer": {"gemm": {"m": 1, "n": 64, "k": 64}}, "precision.mac": "auto"}
AXES = {"precision.weights.format": ["int8", "q4_0", "fp32"], "layer.gemm.m": [1, 8]}


def crashing(index, how):
    """What runs a point, but for one that ends its process."""
    plain = _sweeps._answer

    def answer(runs, at):
        if at == index:
            how()
        return plain(runs, at)

    return answer


class SweepTest(unittest.TestCase):
    def patched(self, answer):
        before = _sweeps._answer
        _sweeps._answer = answer
        self.addCleanup(setattr, _sweeps, "_answer", before)

    def setUp(self):
        warnings.simplefilter("ignore", bitjoule.SettingWarning)

    def test_points_are_runs(self):
        for jobs in (0, 2):
            points = list(bitjoule.sweep(RUN, AXES, set=SMALL, jobs=jobs))
            self.assertEqual(len(points), 6)
            for point in points:
                run = bitjoule.run(RUN, set={**SMALL, **point.labels, "name": "layer"}).to_dict()
                result = point.result.to_dict()
                run.pop("name"), result.pop("name")
                run.pop("config_hash"), result.pop("config_hash")
                run["config"].pop("name", None), result["config"].pop("name", None)
                self.assertEqual(result, run)
                self.assertEqual(point.metrics["energy.total_pj"], point.result.energy.total_pj)
        self.assertEqual([point.index for point in bitjoule.sweep(RUN, AXES, set=SMALL)], [*range(6)])

    def test_a_sweep_file_equals_the_program(self):
        config = {
            "name": "mine",
            "base": RUN,
            "set": {"layer": {"gemm": {"m": 1, "n": 64, "k": 64}}},
            "axes": [
                {"path": "layer.gemm.m", "values": [1, 2, 3]},
                {"zip": [{"path": "seed", "values": [1, 2]},
                         {"path": "precision.weights.format", "values": ["int8", "q8_0"]}]},
            ],
            "exclude": [{"layer.gemm.m": 2, "seed": 2}],
        }
        import json

        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "mine.yaml")
            file.write_text(json.dumps(config), encoding="utf-8")
            done = sim("sweep", file, "-o", directory, "-q")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(Path(directory, "results.csv"), newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            mine = bitjoule.sweep(file)
            frame = mine.to_dataframe()
        self.assertEqual(len(rows), 5)
        self.assertEqual(len(frame), 5)
        for row, (_, point) in zip(rows, frame.iterrows()):
            for column, text in row.items():
                value = point[column]
                if column == "message" or text == "":
                    continue
                with self.subTest(column):
                    if isinstance(value, str):
                        self.assertEqual(value, text)
                    elif isinstance(value, bool):
                        self.assertEqual(str(value).lower(), text)
                    else:
                        self.assertEqual(float(value), float(text))
        self.assertEqual([p.hash for p in mine.points], [row["hash"] for row in rows])
        by_dict = bitjoule.sweep(config)
        self.assertEqual([p.hash for p in by_dict], [row["hash"] for row in rows])

    def test_results_tell_the_same_wherever_they_ran(self):
        here, there = (
            sorted(bitjoule.sweep(RUN, AXES, set=SMALL, jobs=jobs), key=lambda p: p.index)
            for jobs in (0, 2)
        )
        for one, other in zip(here, there):
            self.assertEqual(one.result.to_dict(), other.result.to_dict())
            self.assertEqual(one.metrics, other.metrics)
            self.assertEqual(str(one.result), str(other.result))
            self.assertTrue(
                one.result.to_dataframe("kinds").equals(other.result.to_dataframe("kinds"))
            )
            self.assertEqual(one.hash, one.result.config_hash)

    def test_equal_points_run_once(self):
        runs = []
        plain = _sweeps._answer
        self.patched(lambda r, i: runs.append(i) or plain(r, i))
        sweep = bitjoule.sweep(RUN, {"values": ["on", "true"]}, set=SMALL)
        self.assertEqual([p.labels["values"] for p in sweep], ["on", "true"])
        self.assertEqual([p.labels["values"] for p in sweep], ["on", "true"])
        self.assertEqual(runs, [0])

    def test_tuples_of_paths_vary_together(self):
        axes = {("seed", "layer.gemm.m"): [(1, 2), (3, 4)]}
        frame = bitjoule.sweep(RUN, axes, set=SMALL).to_dataframe()
        self.assertEqual(list(frame["layer.gemm.m"]), [2, 4])
        self.assertEqual(list(frame["seed"]), [1, 3])
        self.assertEqual(list(frame["macs"]), [2 * 64 * 64, 4 * 64 * 64])

    def test_an_impossible_point_is_told_before_any_runs(self):
        with self.assertRaisesRegex(bitjoule.InputError, "precision.weights.format=q4_9"):
            bitjoule.sweep(RUN, {"precision.weights.format": ["int8", "q4_9"]}, set=SMALL)
        with self.assertRaisesRegex(bitjoule.InputError, "max-points|points"):
            bitjoule.sweep(RUN, AXES, set=SMALL, max_points=3)

    def test_a_failure_is_its_points_alone(self):
        for jobs in (0, 2):
            axes = {"mapping.tile.k": [32, 17, 64]}
            blocks = {**SMALL, "precision.weights": "q4_0"}
            points = sorted(bitjoule.sweep(RUN, axes, set=blocks, jobs=jobs), key=lambda p: p.index)
            self.assertEqual([p.status for p in points], ["done", "failed", "done"])
            self.assertRegex(points[1].message, "mapping.tile.k: expected a multiple of 32")
            self.assertIsNone(points[1].result)
            frame = bitjoule.sweep(RUN, axes, set=blocks, jobs=jobs).to_dataframe()
            self.assertEqual(list(frame["status"]), ["done", "failed", "done"])
            self.assertTrue(frame["cycles"].isna()[1])

    def test_a_crash_loses_no_other_point(self):
        for how, message in [
            (os.abort, "killed by signal 6"),
            (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by signal 9"),
            (lambda: os._exit(7), "ended with exit code 7"),
        ]:
            with self.subTest(message):
                plain = _sweeps._answer
                _sweeps._answer = crashing(2, how)
                try:
                    points = list(bitjoule.sweep(RUN, AXES, set=SMALL, jobs=2))
                finally:
                    _sweeps._answer = plain
                failed = {p.index: p.message for p in points if p.status == "failed"}
                self.assertEqual(sorted(p.index for p in points), [*range(6)])
                self.assertEqual(list(failed), [2])
                self.assertIn(message, failed[2])

    def test_a_time_limit_loses_no_other_point(self):
        self.patched(crashing(1, lambda: time.sleep(600)))
        points = list(bitjoule.sweep(RUN, AXES, set=SMALL, jobs=2, timeout=5))
        failed = {p.index: p.message for p in points if p.status == "failed"}
        self.assertEqual(failed, {1: "took longer than 5 s"})
        self.assertEqual(len(points), 6)

    def test_a_loop_goes_on_where_one_was_left(self):
        runs = []
        plain = _sweeps._answer
        self.patched(lambda r, i: runs.append(i) or plain(r, i))
        sweep = bitjoule.sweep(RUN, AXES, set=SMALL)
        for point in sweep:
            if point.index == 2:
                break
        self.assertEqual(repr(sweep), "<bitjoule.Sweep sweep: 3 of 6 points>")
        self.assertEqual(len(list(sweep)), 6)
        self.assertEqual(runs, [*range(6)])

    def test_no_process_is_left(self):
        import multiprocessing

        for point in bitjoule.sweep(RUN, AXES, set=SMALL, jobs=3):
            if point.index >= 0:
                break
        del point
        import gc

        gc.collect()
        self.assertEqual(multiprocessing.active_children(), [])


if __name__ == "__main__":
    unittest.main()
