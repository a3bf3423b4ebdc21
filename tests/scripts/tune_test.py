"""`sim calibrate`, quantizers and static scales against numpy, and `sim tune` on a small network."""

import json
import math
import struct
import unittest

import numpy as np
import yaml

from simulator import ACCELERATOR, FLOAT, Simulator


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        tensors[name] = np.frombuffer(raw, types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def rounded(x, scale, most):
    return np.clip(np.round(x / scale), -most, most) * scale


def best_scale(x, weights, most):
    """Least squares among the largest times 0.3, 0.325, ... 1.2, and 1."""
    scales = [np.abs(x).max() * part / 40 / most for part in (40, *range(12, 49))]
    errors = [(weights * np.square(x - rounded(x, s, most))).sum() for s in scales]
    return scales[int(np.argmin(errors))]


def gptq(weights, moments, most):
    """Frantar et al., algorithm 1, per row; scales weighted by the conditional variances."""
    k = weights.shape[1]
    damped = moments + 0.01 * np.trace(moments) / k * np.eye(k)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    result = np.empty_like(weights)
    for row, original in enumerate(weights):
        x = original.copy()
        scale = best_scale(x, 1 / np.square(np.diag(factor)), most)
        for i in range(k):
            result[row, i] = rounded(x[i], scale, most)
            x[i:] -= (x[i] - result[row, i]) / factor[i, i] * factor[i, i:]
    return result


class TuneCase(Simulator):
    SEED = 23


class LinearTest(TuneCase):
    """One linear layer on inputs of 24 features, four at a time."""

    def setUp(self):
        super().setUp()
        self.weights = self.random.standard_normal((7, 24))
        self.weights = self.weights.astype(np.float32).astype(np.float64)
        mixing = self.random.standard_normal((24, 24))
        self.inputs = (self.random.standard_normal((202, 24)) @ mixing).astype(np.float32)
        self.others = (self.random.standard_normal((8, 24)) @ mixing).astype(np.float32)
        np.save(self.folder / "w.npy", self.weights.astype(np.float32))
        np.save(self.folder / "x.npy", self.inputs)
        np.save(self.folder / "y.npy", self.others)
        self.write("run.yaml", {
            **ACCELERATOR,
            "precision": {**FLOAT, "weights": {"format": "int4", "granularity": "per_channel"}},
            "network": {
                "name": "linear",
                "inputs": [{"name": "x", "shape": [4, 24]}],
                "layers": [{
                    "name": "fc", "gemm": {"m": 4, "n": 7, "k": 24}, "inputs": ["x"],
                    "tensors": {"weights": {"file": "w.npy"}}}],
            },
        })
        self.sim("calibrate", "run.yaml", "--data", "x.npy", "-o", "c.safetensors")
        self.seen = self.inputs[[*range(202), 201, 201]].astype(np.float64)  # the last batch is filled

    def sqnr(self, *settings):
        done = self.sim("evaluate", "run.yaml", "--data", "y.npy", "--json", "--quiet", "--set",
                        "calibration=c.safetensors", *(x for s in settings for x in ("--set", s)))
        return json.loads(done.stdout)["accuracy"]["sqnr_db"]

    def expected(self, weights, inputs=None):
        reference = self.others @ self.weights.T
        got = (self.others if inputs is None else inputs) @ weights.T
        return 10 * math.log10(np.square(reference).sum() / np.square(got - reference).sum())

    def test_statistics(self):
        found = read_safetensors(self.folder / "c.safetensors")
        self.assertEqual(sorted(found), ["fc.histogram", "fc.input_moments", "fc.range",
                                         "x.histogram", "x.range"])
        np.testing.assert_allclose(
            found["fc.input_moments"], self.seen.T @ self.seen / 204, rtol=1e-5, atol=1e-5)
        outputs = self.seen @ self.weights.T
        for name, values in (("x", self.seen), ("fc", outputs)):
            np.testing.assert_allclose(found[f"{name}.range"], [values.min(), values.max()], rtol=1e-6)
            bound = 2 ** math.ceil(math.log2(np.abs(values).max()))
            edges = np.linspace(-bound, bound, 4097)
            np.testing.assert_array_equal(
                found[f"{name}.histogram"], np.histogram(values, edges)[0])

    def test_quantizers(self):
        moments = self.seen.T @ self.seen / 204
        by_row = {
            "nearest": [rounded(w, np.abs(w).max() / 7, 7) for w in self.weights],
            "mse": [rounded(w, best_scale(w, np.ones(24), 7), 7) for w in self.weights],
            "importance": [rounded(w, best_scale(w, np.diag(moments), 7), 7) for w in self.weights],
            "gptq": gptq(self.weights, moments, 7),
        }
        for name, weights in by_row.items():
            with self.subTest(name):
                self.assertAlmostEqual(
                    self.sqnr(f"precision.quantizer={name}"), self.expected(np.array(weights)), 3)
        self.assertGreater(self.sqnr("precision.quantizer=gptq"), self.sqnr() + 2)

    def test_static_scales(self):
        weights = np.array([rounded(w, np.abs(w).max() / 7, 7) for w in self.weights])
        for rule, most in (("abs_max", np.abs(self.seen).max()), ("oracle", None)):
            # Of the very values: a scale for each batch of four.
            mosts = [np.abs(y).max() for y in self.others.reshape(2, 4, 24)] if most is None else [most] * 2
            inputs = np.concatenate([
                rounded(y.astype(np.float64), m / 127, 127)
                for y, m in zip(self.others.reshape(2, 4, 24), mosts)])
            with self.subTest(rule):
                self.assertAlmostEqual(
                    self.sqnr("precision.activations=int8", "precision.output=fp32",
                              "precision.mac=int8", f"precision.static_scales={rule}"),
                    self.expected(weights, inputs), 2)

    def test_refusals(self):
        layer = ["--set", "layer={gemm: {m: 4, n: 4, k: 32}}"]
        for arguments, message in (
            (["--set", "precision.quantizer=gptq"], "needs `calibration`"),
            (["--set", "precision.static_scales=mse"], "needs `calibration`"),
            (["--set", "precision.quantizer=gptq", "--set", "calibration=w.npy"], "fc.input_moments"),
            (["--set", "precision.quantizer=gptq", *layer], "needs a network"),
            (["--set", "calibration=c.safetensors", *layer], "calibration: needs a network"),
            (["--set", "mix={overrides: []}", *layer], "mix: needs a network"),
            (["--set", "precision.quantizer=mse", "--set", "precision.weights=q4_0",
              "--set", "network.layers.0.gemm.k=32", "--set", "network.layers.0.tensors={}",
              "--set", "network.inputs.0.shape=[4, 32]"], "brings a rule of its own"),
        ):
            with self.subTest(message):
                done = self.sim("run", "run.yaml", "--set", "values=on", "--set", "fidelity=fast",
                                *arguments, code=2)
                self.assertIn(message, done.stderr)

    def test_notes_on_what_has_no_effect(self):
        done = self.sim("run", "run.yaml", "--set", "precision.quantizer=mse")
        self.assertIn("precision.quantizer: no effect: values are off", done.stderr)
        done = self.sim("evaluate", "run.yaml", "--data", "y.npy", "--set", "precision.quantizer=mse")
        self.assertNotIn("no effect", done.stderr)


class TuneTest(TuneCase):
    """A Llama of random weights: two blocks, whose layers lose more in fewer bits."""

    INT8 = "{format: int8, granularity: per_channel}"
    INT4 = "{format: int4, granularity: per_channel}"

    def setUp(self):
        super().setUp()
        self.write("llama.yaml", {
            "name": "small", "base": "base/llama.yaml",
            "parameters": {"hidden": 16, "layers": 2, "heads": 2, "kv_heads": 1, "ffn": 24, "vocab": 32}})
        self.write("run.yaml", {
            **ACCELERATOR, "network": "llama.yaml", "phase": "decode", "precision": FLOAT})
        np.save(self.folder / "t.npy", self.random.integers(0, 32, (3, 16)))

    def tune(self, budget, *arguments, out="tuned"):
        self.sim("tune", "run.yaml", "--data", "t.npy", "--formats", self.INT8, self.INT4,
                 "--budget", budget, "-o", out, *arguments)
        return self.rows(f"{out}/mixes.csv")

    def measured(self, *arguments):
        done = self.sim("evaluate", "run.yaml", "--data", "t.npy", "--json", "--quiet", *arguments)
        result = json.loads(done.stdout)
        return result["accuracy"], result["energy"]["total_pj"]

    def test_mix_keeps_the_budget_and_beats_uniform_formats(self):
        uniform = {name: self.measured("--set", f"precision.weights={name}")
                   for name in (self.INT8, self.INT4)}
        budget = (uniform[self.INT8][0]["kl"] + uniform[self.INT4][0]["kl"]) / 2
        rows = self.tune(f"accuracy.kl <= {budget}")
        for row in rows[1:3]:  # uniform formats are those of the run's precision
            self.assertAlmostEqual(float(row["kl"]) / uniform[row["mix"]][0]["kl"], 1, 12)
            self.assertAlmostEqual(float(row["energy.total_pj"]) / uniform[row["mix"]][1], 1, 12)
        best = next(row for row in rows if row["best"] == "true")
        accuracy, energy = self.measured("--set", "mix=tuned/mix.yaml")
        self.assertLessEqual(accuracy["kl"], budget)
        self.assertAlmostEqual(accuracy["kl"] / float(best["kl"]), 1, 12)
        self.assertAlmostEqual(energy / float(best["energy.total_pj"]), 1, 12)
        self.assertLess(energy, uniform[self.INT8][1])
        self.assertIn("int4", (self.folder / "tuned/mix.yaml").read_text())
        within = [r for r in rows if float(r["kl"]) <= budget]
        self.assertEqual(min(float(r["energy.total_pj"]) for r in within),
                         float(best["energy.total_pj"]))
        front = [r for r in rows if r["front"] == "true"]
        for r in rows:
            beaten = any(float(f["kl"]) <= float(r["kl"]) and float(f["nll"]) != float(r["nll"])
                         and float(f["energy.total_pj"]) <= float(r["energy.total_pj"]) for f in front)
            self.assertEqual(r in front, not beaten, r["mix"])

    def test_sensitivity_is_that_of_a_layer_alone(self):
        self.tune("accuracy.kl <= 1")
        rows = self.rows("tuned/sensitivity.csv")
        self.assertEqual(len({r["group"] for r in rows}), 9)
        self.assertEqual(sum(int(r["weights"]) for r in rows) / 2,
                         2 * 32 * 16 + 2 * (16 * 16 * 2 + 2 * 8 * 16 + 3 * 16 * 24))
        row = next(r for r in rows if r["group"] == "blk.*.down" and r["format"] == self.INT4)
        self.write("mix.yaml", {"overrides": [
            {"layers": ["blk.*.down"], "precision": {"weights": yaml.safe_load(self.INT4)}}]})
        accuracy, energy = self.measured("--set", "mix=mix.yaml")
        self.assertAlmostEqual(float(row["kl"]) / accuracy["kl"], 1, 12)
        self.assertAlmostEqual(float(row["energy.total_pj"]) / energy, 1, 12)

    def test_by_layer_resumed_and_in_parallel(self):
        budget = "accuracy.perplexity <= 1.01x"
        self.tune(budget, "--by", "layer", "--store", "store", out="a")
        self.assertEqual(len({r["group"] for r in self.rows("a/sensitivity.csv")}), 16)
        for path in sorted((self.folder / "store/scores").iterdir())[::2]:
            path.unlink()
        self.tune(budget, "--by", "layer", "--store", "store", "-j", 2, out="b")
        for name in ("mix.yaml", "mixes.csv", "sensitivity.csv"):
            self.assertEqual((self.folder / "a" / name).read_bytes(),
                             (self.folder / "b" / name).read_bytes(), name)

    def test_refusals(self):
        for budget, message in (
            ("accuracy.kl <= 2x", "budget: expected accuracy.perplexity"),
            ("accuracy.perplexity < 3", "budget: expected accuracy.perplexity"),
            ("energy.total_pj <= 3", "budget: expected accuracy.perplexity"),
            ("accuracy.nll <= none", "budget: expected accuracy.perplexity"),
            ("accuracy.perplexity <= 1.5", "nothing keeps it"),
        ):
            done = self.sim("tune", "run.yaml", "--data", "t.npy", "--formats", "int8", "--budget",
                            budget, "-o", "t", code=2)
            self.assertIn(message, done.stderr)
        done = self.sim("tune", "run.yaml", "--data", "t.npy", "--formats", "int8", "--budget",
                        "accuracy.kl <= 1", "--minimize", "energy.totl", "-o", "t", code=2)
        self.assertIn('no number of the run\'s result is named "energy.totl"', done.stderr)


if __name__ == "__main__":
    unittest.main()
