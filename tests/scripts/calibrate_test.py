"""`sim calibrate`, quantizers and static scales against numpy."""

import json
import math
import unittest

import numpy as np

from quantizers import Groups, entropy_clips, hadamard, smooth
from simulator import ACCELERATOR, FLOAT, Simulator, read_safetensors


INT4, INT8 = Groups(7), Groups(127)


def nearest(weights):
    return INT4.quantized(weights)


class CalibrateCase(Simulator):
    SEED = 23


class LinearTest(CalibrateCase):
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
        self.assertEqual(sorted(found), ["fc.histogram", "fc.input_magnitudes", "fc.input_moments",
                                         "fc.range", "x.histogram", "x.range"])
        np.testing.assert_allclose(
            found["fc.input_magnitudes"],
            [np.abs(self.seen).max(axis=0), np.abs(self.seen).mean(axis=0)], rtol=1e-6)
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
            "nearest": nearest(self.weights),
            "mse": INT4.quantized(self.weights, 1),
            "importance": INT4.quantized(self.weights, np.diag(moments)),
            "gptq": INT4.gptq(self.weights, moments),
        }
        for name, weights in by_row.items():
            with self.subTest(name):
                self.assertAlmostEqual(
                    self.sqnr(f"precision.quantizer={name}"), self.expected(weights), 3)
        self.assertGreater(self.sqnr("precision.quantizer=gptq"), self.sqnr() + 2)

    def transformed(self):
        """By what inputs are multiplied, for each transformation."""
        return {
            "awq": np.diag(INT4.awq(self.seen.T @ self.seen, np.abs(self.seen).mean(axis=0), self.weights)),
            "smooth": np.diag(smooth(self.seen, self.weights, 0.5)),
            "{kind: smooth, strength: 0.8}": np.diag(smooth(self.seen, self.weights, 0.8)),
            "hadamard": hadamard(24),
        }

    def test_transformations(self):
        """A pass of the vector unit before the layer, whose input nothing of the network produces."""
        moments = self.seen.T @ self.seen / 204
        for name, matrix in self.transformed().items():
            inverse = np.linalg.inv(matrix)
            weights = self.weights @ inverse.T
            inputs = self.others @ matrix
            for quantizer, expected in (
                ("nearest", nearest(weights)),
                ("gptq", INT4.gptq(weights, matrix.T @ moments @ matrix)),
            ):
                with self.subTest(name, quantizer=quantizer):
                    got = self.sqnr(f"precision.transform={name}", f"precision.quantizer={quantizer}")
                    self.assertAlmostEqual(got, self.expected(expected, inputs), 3)
        self.assertGreater(self.sqnr("precision.transform=awq"), self.sqnr() + 0.3)

    def test_static_scales_of_transformed_inputs(self):
        """The histograms of a calibration are those of the network as it is transformed. With strength
        1 every channel has a scale of its own, which its weights take over."""
        for transform in ("{kind: smooth, strength: 1}", "hadamard"):
            settings = [f"precision.transform={transform}", "precision.activations=int8",
                        "precision.output=fp32", "precision.mac=int8", "precision.static_scales=abs_max"]
            self.sim("calibrate", "run.yaml", "--data", "x.npy", "-o", "c.safetensors",
                     *(x for s in settings for x in ("--set", s)))
            matrix = (hadamard(24) if transform == "hadamard"
                      else np.diag(1 / np.abs(self.seen).max(axis=0).astype(np.float32)))
            weights = nearest(self.weights @ np.linalg.inv(matrix).T)
            raw = INT8.rounded(self.others, np.abs(self.seen).max() / 127)  # as the pass reads them
            inputs = raw @ matrix
            scale = np.abs(self.seen @ matrix).max() / 127
            with self.subTest(transform):
                self.assertAlmostEqual(
                    self.sqnr(*settings), self.expected(weights, INT8.rounded(inputs, scale)), 2)
        done = self.sim("evaluate", "run.yaml", "--data", "y.npy", "--set", "calibration=c.safetensors",
                        "--set", "precision.transform=awq", "--set", "precision.activations=int8",
                        "--set", "precision.output=fp32", "--set", "precision.static_scales=abs_max",
                        code=2)
        self.assertIn("other transformations", done.stderr)

    def per_input_channel(self, rule, data="x.npy"):
        """The settings, and what codes of each input reach."""
        settings = ["precision.activations={format: int8, granularity: per_input_channel}",
                    "precision.output=fp32", "precision.mac=int8", f"precision.static_scales={rule}"]
        rows = 4 if data == "x.npy" else 1000  # at once
        batch = [f"network.inputs.0.shape=[{rows}, 24]", f"network.layers.0.gemm.m={rows}"]
        self.sim("calibrate", "run.yaml", "--data", data, "-o", "c.safetensors",
                 *(x for s in settings + batch for x in ("--set", s)))
        seen = self.seen if data == "x.npy" else np.load(self.folder / data).astype(np.float64)
        most = np.abs(seen).max(axis=0)
        # Each value stands for the bin that it is in.
        bins = 2.0 ** np.ceil(np.log2(most)) / 2048
        if rule == "mse":
            for i, x in enumerate(seen.T):
                counts, edges = np.histogram(x, np.arange(-2048, 2049) * bins[i])
                middles = ((edges[1:] + edges[:-1]) / 2)[None, counts > 0]
                most[i] = 127 * INT8.best_scale(middles, counts[counts > 0])[0, 0]
        upper = np.ceil(np.abs(seen) / bins)  # as bins of magnitudes are numbered, from 1
        if rule == "percentile":
            kept = np.sort(upper, axis=0)[math.ceil(0.9999 * len(seen)) - 1]
            most = np.minimum(most, kept * bins)
        if rule == "entropy":
            counts = np.stack([np.bincount(x, minlength=2049)[1:] for x in upper.T[:6].astype(int)])
            most = np.minimum(most, np.tile(entropy_clips(counts, 128), 4) * bins)
        return settings, most

    def test_a_static_scale_for_each_input(self):
        """x_i / s_i in 8 bits meets s_i * w_i in 4: the weights take the scales over before they are
        quantized, and nothing but a multiplication of each input is left of them."""
        # Enough values that one of them is less than 1 in 10,000, some of them far from the others; six
        # distributions, each in four sizes.
        wide = (self.random.standard_normal((12000, 6)) ** 3 * np.logspace(-1, 1, 6)).astype(np.float32)
        np.save(self.folder / "wide.npy", np.concatenate([wide, wide / 4, wide * 2, wide * 8], axis=1))
        reached = {}
        for rule, data in (("abs_max", "x.npy"), ("mse", "x.npy"), ("percentile", "wide.npy"),
                           ("entropy", "wide.npy")):
            settings, reached[rule] = self.per_input_channel(rule, data)
            most = reached[rule]
            t = (1 / most).astype(np.float32)
            inputs = INT8.rounded(self.others * t, np.float64(np.float32(1) / np.float32(127)))
            with self.subTest(rule):
                self.assertAlmostEqual(
                    self.sqnr(*settings), self.expected(nearest(self.weights / t), inputs), 2)
        largest = np.abs(np.load(self.folder / "wide.npy")).max(axis=0)
        self.assertTrue((reached["percentile"] < largest).all())
        self.assertTrue((reached["entropy"] < reached["percentile"]).all())
        self.refused_for_inputs()

    def refused_for_inputs(self):
        for settings, message in (
            (["static_scales=oracle"], "needs precision.static_scales: abs_max, percentile"),
            (["static_scales=mse", "transform=hadamard"], "take the place of precision.transform"),
            (["static_scales=mse", "weights={format: int8, granularity: per_input_channel}"],
             "precision.weights: granularity per_input_channel is of activations"),
            (["static_scales=mse", "output={format: int8, granularity: per_input_channel}"],
             "precision.output: granularity per_input_channel is of activations"),
        ):
            with self.subTest(message):
                done = self.sim("evaluate", "run.yaml", "--data", "y.npy", "--set",
                                "calibration=c.safetensors", "--set",
                                "precision.activations={format: int8, granularity: per_input_channel}",
                                *(x for s in settings for x in ("--set", f"precision.{s}")), code=2)
                self.assertIn(message, done.stderr)

    def test_static_scales(self):
        weights = nearest(self.weights)
        for rule, most in (("abs_max", np.abs(self.seen).max()), ("oracle", None)):
            # Of the very values: a scale for each batch of four.
            mosts = [np.abs(y).max() for y in self.others.reshape(2, 4, 24)] if most is None else [most] * 2
            inputs = np.concatenate([
                INT8.rounded(y.astype(np.float64), m / 127)
                for y, m in zip(self.others.reshape(2, 4, 24), mosts)])
            with self.subTest(rule):
                self.assertAlmostEqual(
                    self.sqnr("precision.activations=int8", "precision.output=fp32",
                              "precision.mac=int8", f"precision.static_scales={rule}"),
                    self.expected(weights, inputs), 2)
        # Found when the values are there: the scale is a multiple of 1 / 127 in fp32, of the fp16 that
        # the pass reads.
        halves = self.others.astype(np.float16).astype(np.float64).reshape(2, 4, 24)
        inputs = np.concatenate([INT8.rounded(y, np.abs(y).max() / 127) for y in halves])
        self.assertAlmostEqual(
            self.sqnr("precision.activations={format: int8, granularity: dynamic_tensor}",
                      "precision.mac=int8"),
            self.expected(weights, inputs), 1)

    def test_refusals(self):
        layer = ["--set", "layer={gemm: {m: 4, n: 4, k: 32}}"]
        for arguments, message in (
            (["--set", "precision.quantizer=gptq"], "needs `calibration`"),
            (["--set", "precision.static_scales=mse"], "needs `calibration`"),
            (["--set", "precision.quantizer=gptq", "--set", "calibration=w.npy"], "fc.input_moments"),
            (["--set", "precision.quantizer=gptq", *layer], "needs a network"),
            (["--set", "precision.transform=awq"], "needs `calibration`"),
            (["--set", "precision.transform=hadamard", *layer], "needs a network"),
            (["--set", "precision.transform={kind: awq, strength: 1}"], "only smooth has one"),
            (["--set", "precision.transform=hadamard", "--set", "network.layers.0.gemm.k=25",
              "--set", "network.inputs.0.shape=[4, 25]"], "odd number of elements"),
            (["--set", "calibration=c.safetensors", *layer], "calibration: needs a network"),
            (["--set", "mix={overrides: []}", *layer], "mix: needs a network"),
            (["--set", "precision.quantizer=mse", "--set", "precision.weights=q4_0",
              "--set", "network.layers.0.gemm.k=32", "--set", "network.layers.0.tensors={}",
              "--set", "network.inputs.0.shape=[4, 32]"], "expected nearest or importance"),
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


class FoldTest(CalibrateCase):
    """A norm whose output two layers read, one of which is multiplied by what the other gates, and a
    third layer on that: n (16) -> gate, up (24) -> relu(gate) * up -> down (8)."""

    def setUp(self):
        super().setUp()
        self.random_arrays()
        self.write("run.yaml", {
            **ACCELERATOR, "values": "on", "fidelity": "fast",
            "precision": {**FLOAT, "weights": {"format": "int4", "granularity": "per_channel"}},
            "network": {
                "name": "mlp",
                "inputs": [{"name": "x", "shape": [4, 16], "file": "y.npy"}],
                "layers": [
                    {"name": "norm", "vector": {"op": "rmsnorm", "rows": 4, "cols": 16},
                     "inputs": ["x"], "tensors": {"gamma": {"file": "gamma.npy"}}},
                    self.linear("gate", 24, 16, "norm"),
                    {"name": "relu", "vector": {"op": "relu", "rows": 4, "cols": 24}},
                    self.linear("up", 24, 16, "norm"),
                    {"name": "mul", "vector": {"op": "mul", "rows": 4, "cols": 24},
                     "inputs": ["relu", "up"]},
                    self.linear("down", 8, 24, "mul"),
                ],
            },
        })

    @staticmethod
    def linear(name, n, k, reads):
        return {"name": name, "gemm": {"m": 4, "n": n, "k": k}, "inputs": [reads],
                "tensors": {"weights": {"file": f"{name}.npy"}}}

    def random_arrays(self):
        self.arrays = {}
        for name, shape in (("gate", (24, 16)), ("up", (24, 16)), ("down", (8, 24)),
                            ("gamma", 16), ("y", (4, 16)), ("x", (40, 16))):
            self.arrays[name] = self.random.standard_normal(shape).astype(np.float32)
        self.arrays["gamma"] *= np.logspace(-1, 1, 16).astype(np.float32)
        for name, array in self.arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    def normed(self, x, gamma):
        x = x.astype(np.float64)
        return x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + 1e-5) * gamma

    def middle(self, x, gate, up):
        return np.maximum(x @ gate.T, 0) * (x @ up.T)

    def run_it(self, *settings):
        self.sim("run", "run.yaml", "-o", "out", "--save-outputs", "--quiet",
                 *(x for s in settings for x in ("--set", s)))
        return (np.load(self.folder / "out/outputs/down.npy").astype(np.float64),
                json.loads((self.folder / "out/result.json").read_text()))

    @staticmethod
    def primitives(result):
        return {row["activity"]: row["count"] for row in result["energy"]["prices"]
                if row["component"] == "vector_unit" and row["activity"] != "leakage"}

    def test_folded_factors_cost_nothing(self):
        self.sim("calibrate", "run.yaml", "--data", "x.npy", "-o", "c.safetensors")
        a = {name: array.astype(np.float64) for name, array in self.arrays.items()}
        seen = self.normed(a["x"], a["gamma"])
        plain, before = self.run_it()
        got, after = self.run_it("precision.transform=smooth", "calibration=c.safetensors")
        first = smooth(seen, np.concatenate([a["gate"], a["up"]]), 0.5)
        second = smooth(self.middle(seen, a["gate"], a["up"]), a["down"], 0.5)
        x = self.normed(a["y"], (a["gamma"] * first).astype(np.float32))
        gate, up = nearest(a["gate"] / first), nearest(a["up"] / first * second[:, None])
        expected = self.middle(x, gate, up) @ nearest(a["down"] / second).T
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        self.assertGreater(np.abs(got - plain).max(), 1e-3 * np.abs(expected).max())
        for key in ("cycles", "energy", "dram"):
            self.assertEqual(before[key], after[key])

    def test_scales_of_inputs_are_folded(self):
        """The norm stores 8 bits for `gate` and `up`, the product for `down`; scales are the norm's gamma,
        and the rows of `up`."""
        settings = ["precision.activations={format: int8, granularity: per_input_channel}",
                    "precision.output=fp32", "precision.mac=int8", "precision.static_scales=abs_max"]
        self.sim("calibrate", "run.yaml", "--data", "x.npy", "-o", "c.safetensors",
                 *(x for s in settings for x in ("--set", s)))
        a = {name: array.astype(np.float64) for name, array in self.arrays.items()}
        got, result = self.run_it(*settings, "calibration=c.safetensors")
        seen = self.normed(a["x"], a["gamma"])
        first = 1 / np.abs(seen).max(axis=0)
        second = 1 / np.abs(self.middle(seen, a["gate"], a["up"])).max(axis=0)
        x = INT8.rounded(self.normed(a["y"], a["gamma"] * first), 1 / 127)
        gate, up = nearest(a["gate"] / first), nearest(a["up"] / first * second[:, None])
        expected = INT8.rounded(self.middle(x, gate, up), 1 / 127) @ nearest(a["down"] / second).T
        self.assertGreater(np.square(expected).sum() / np.square(got - expected).sum(), 1e5)
        layers = {layer["name"]: layer for layer in result["layers"]}
        self.assertEqual(set(layers), {"norm", "gate", "relu", "up", "mul", "down"})

    def test_passes_are_vector_work(self):
        """A rotation of rows of 16 is 4 stages of additions and a multiplication; of 24, 3 stages."""
        _, before = self.run_it()
        got, after = self.run_it("precision.transform=hadamard")
        a = {name: array.astype(np.float64) for name, array in self.arrays.items()}
        first, second = hadamard(16), hadamard(24)
        x = self.normed(a["y"], a["gamma"])
        gate, up = (nearest(a[name] @ first) for name in ("gate", "up"))
        expected = self.middle(x @ first, gate, up) @ second @ nearest(a["down"] @ second).T
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
        added = {layer["name"]: layer for layer in after["layers"]
                 if layer["name"] not in {old["name"] for old in before["layers"]}}
        self.assertEqual(sorted(added), ["down.rotate", "gate.rotate"])
        self.assertGreater(after["cycles"], before["cycles"])
        self.assertGreater(after["energy"]["total_pj"], before["energy"]["total_pj"])
        more = {key: self.primitives(after)[key] - self.primitives(before)[key]
                for key in ("add", "multiply")}
        self.assertEqual(more, {"add": 4 * (16 * 4 + 24 * 3), "multiply": 4 * (16 + 24)})
        self.sim("run", "run.yaml", "-o", "estimate", "--quiet", "--set", "values=off", "--set",
                 "fidelity=estimate", "--set", "precision.transform=hadamard")
        estimate = json.loads((self.folder / "estimate/result.json").read_text())
        self.assertEqual(self.primitives(estimate), self.primitives(after))
        self.assertEqual(estimate["dram"]["read_bytes"], after["dram"]["read_bytes"])

    def test_a_tensor_with_other_readers_needs_a_pass(self):
        """Only `gate` is transformed: its factors cannot be those of the norm, which `up` reads too."""
        self.sim("calibrate", "run.yaml", "--data", "x.npy", "-o", "c.safetensors")
        overrides = "[{layers: [up, down], precision: {transform: none}}]"
        done = self.sim("run", "run.yaml", "--set", "precision.transform=awq", "--set",
                        "calibration=c.safetensors", "--set", f"network.overrides={overrides}",
                        "-o", "out")
        self.assertIn("transform awq of gate: a pass of the vector unit, gate.scale", done.stderr)
        self.assertIn("gate.scale", [layer["name"] for layer in json.loads(
            (self.folder / "out/result.json").read_text())["layers"]])


if __name__ == "__main__":
    unittest.main()
