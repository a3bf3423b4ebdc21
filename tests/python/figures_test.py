"""bitjoule.plot: what scripts/plot.py draws, byte by byte, and nothing of a notebook's settings."""

import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import bitjoule  # noqa: E402
from program import ROOT, sim  # noqa: E402

SMALL = {"layer": {"gemm": {"m": 1, "n": 64, "k": 64}}}


class FiguresTest(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore", bitjoule.SettingWarning)
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name)

    def script(self, *directories):
        """{name: bytes} of what scripts/plot.py draws."""
        out = self.dir / "script"
        command = [sys.executable, ROOT / "scripts/plot.py", *directories, "-o", out]
        done = subprocess.run([*command, "--formats", "svg"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {file.name: file.read_bytes() for file in out.iterdir()}

    def equal(self, written, script):
        self.assertEqual({file.name: file.read_bytes() for file in written}, script)

    def test_a_run(self):
        self.assertEqual(sim("run", "runs/article-b.yaml", "-o", self.dir / "b").returncode, 0)
        script = self.script(self.dir / "b")
        result = bitjoule.run("runs/article-b.yaml")
        self.equal(bitjoule.plot.write(result, self.dir / "own", ["svg"]), script)
        self.equal(bitjoule.plot.write(self.dir / "b", self.dir / "two", ["svg"]), script)

    def test_several_runs(self):
        for name in "ac":
            sim("run", f"runs/article-{name}.yaml", "-o", self.dir / name)
        results = [bitjoule.run(f"runs/article-{name}.yaml") for name in "ac"]
        self.equal(
            bitjoule.plot.write(results, self.dir / "own", ["svg"]),
            self.script(self.dir / "a", self.dir / "c"),
        )

    def test_a_sweep(self):
        axes = {"precision.weights.format": ["int8", "q4_0"], "layer.gemm.m": [1, 8]}
        text = (
            "{name: sweep, base: runs/quickstart.yaml, set: {layer: {gemm: {m: 1, n: 64, k: 64}}}, "
            "axes: [{path: precision.weights.format, values: [int8, q4_0]}, {path: layer.gemm.m, "
            "values: [1, 8]}]}"
        )
        (self.dir / "sweep.yaml").write_text(text, encoding="utf-8")
        done = sim("sweep", self.dir / "sweep.yaml", "-o", self.dir / "out", "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        sweep = bitjoule.sweep("runs/quickstart.yaml", axes, set=SMALL)
        self.equal(
            bitjoule.plot.write(sweep, self.dir / "own", ["svg"]),
            self.script(self.dir / "out"),
        )

    def test_every_function_draws(self):
        result = bitjoule.run("runs/mobilenet-v2.yaml", set={"energy": "chip-45nm.yaml"})
        sweep = bitjoule.sweep("runs/quickstart.yaml", {"seed": [1, 2, 3]}, set=SMALL)
        before = dict(matplotlib.rcParams)
        for name in bitjoule.plot.__all__:
            draw = getattr(bitjoule.plot, name)
            if name == "write":
                continue
            with self.subTest(name):
                if name.startswith("compare_"):
                    figure = draw(result, result)
                else:
                    figure = draw(sweep if name.startswith("sweep_") else result)
                figure.savefig(self.dir / f"{name}.png")
        self.assertEqual(dict(matplotlib.rcParams), before)
        from matplotlib import pyplot

        self.assertEqual(pyplot.get_fignums(), [])

    def test_what_cannot_be_drawn(self):
        result = bitjoule.run("runs/quickstart.yaml", set=SMALL)
        for call, message in [
            (lambda: bitjoule.plot.layers(result), "nothing to draw"),
            (lambda: bitjoule.plot.energy(3), "expected a Result or a directory, got int"),
            (lambda: bitjoule.plot.energy(self.dir), "result.json"),
            (lambda: bitjoule.plot.sweep_energy(result), "expected a Sweep"),
            (lambda: bitjoule.plot.write(result, self.dir, "png"), "formats: expected some of"),
            (lambda: bitjoule.plot.write(result, self.dir, ["gif"]), "formats: expected some of"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(bitjoule.InputError, message):
                call()


if __name__ == "__main__":
    unittest.main()
