"""TensorFlow Lite models of real numbers, layer by layer within 100 dB of the same in float64; comparisons,
choices and other operators of reals, bools and plain integers against numpy."""

import pathlib
import tempfile
import unittest

import numpy as np
import yaml

from tflite_golden_test import DATA, Network, sim
from tflite_models import Model, Table
from tflite_reader import TfliteFile

ADD, POOL, CONV, DEPTHWISE, DENSE, RESHAPE, SOFTMAX = 0, 1, 3, 4, 9, 22, 25
RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: fp32, activations: fp32, mac: fp32}
"""


def real(tensor):
    """Stored numbers, dequantized where they are codes (one scale) of a hybrid model."""
    values = tensor.data.astype(np.float64)
    return values if tensor.data.dtype.kind == "f" else (values - tensor.zero) * float(tensor.scale)


def windows(x, kernel, option, out, fill):
    """[images, rows, columns, kernel rows, kernel columns, channels] by padding and strides."""
    strides = (option(2, "i"), option(1, "i"))
    pads = [(0, 0)]
    for axis in (0, 1):
        more = max((out[1 + axis] - 1) * strides[axis] + kernel[axis] - x.shape[1 + axis], 0)
        pads.append((more // 2, more - more // 2))
    x = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(x, kernel, (1, 2))
    return np.moveaxis(seen[:, :: strides[0], :: strides[1]], 3, 5)


def computed(code, x, t, inputs, option, out):
    """The activation lies where the operator's options have it."""
    activation = {ADD: 0, CONV: 3, DEPTHWISE: 4, DENSE: 0, POOL: 5}.get(code)
    if code == CONV:
        w = real(t[inputs[1]])
        y = np.einsum("bijuvc,fuvc->bijf", windows(x[0], w.shape[1:3], option, out, 0), w)
    elif code == DEPTHWISE:
        w = real(t[inputs[1]])[0]
        y = np.einsum("bijuvc,uvc->bijc", windows(x[0], w.shape[:2], option, out, 0), w)
    elif code == DENSE:
        w = real(t[inputs[1]])
        y = x[0].reshape(-1, w.shape[1]) @ w.T
    elif code == POOL:
        kernel = (option(4, "i"), option(3, "i"))
        y = np.nanmean(windows(x[0], kernel, option, out, np.nan), axis=(3, 4))
    elif code == ADD:
        y = x[0] + x[1]
    elif code == SOFTMAX:
        powers = np.exp(x[0] - x[0].max(-1, keepdims=True))
        y = powers / powers.sum(-1, keepdims=True)
    else:
        assert code == RESHAPE, code
        y = x[0]
    if code in (CONV, DEPTHWISE, DENSE) and len(inputs) > 2 and inputs[2] >= 0:
        y = y + real(t[inputs[2]])
    kind = option(activation, "b") if activation is not None else 0
    return np.clip(y, 0, {1: np.inf, 3: 6}[kind]).reshape(out) if kind else y.reshape(out)


class TfliteFloatTest(unittest.TestCase):
    def test_every_layer_is_within_100_db(self):
        for name in ("ad01", "ic01_resnet8", "vww_96", "kws_dscnn"):
            path = DATA / "models" / f"{name}_fp32.tflite"
            model = TfliteFile(path)
            stored = TfliteFile(DATA / "models" / f"{name}_int8.tflite")
            codes = np.load(DATA / "golden" / f"{name}_input.npy")[0]
            entry = stored.tensors[stored.inputs[0]]
            x = ((codes.astype(np.float64) - entry.zero) * float(entry.scale)).astype(np.float32)
            t = model.tensors
            values = {int(model.inputs[0]): x.astype(np.float64).reshape(t[model.inputs[0]].shape)}
            with tempfile.TemporaryDirectory() as folder:
                network = Network(path, pathlib.Path(folder) / name, layers=True)
                (network.folder / "run.yaml").write_text(RUN)
                layers = yaml.safe_load(network.file.read_text())["layers"]
                results = network.run("real", [x.reshape(t[model.inputs[0]].shape)])
            # Of reals an activation behind a sum is a layer of its own.
            got = [y for y, layer in zip(results, layers) if ".before_" not in layer["name"]]
            self.assertEqual(len(got), len(model.operators), name)
            for i, (code, inputs, outputs, option) in enumerate(model.operators):
                operands = [values[int(k)] for k in inputs if int(k) in values]
                shape = tuple(t[outputs[0]].shape)
                y = values[int(outputs[0])] = computed(code, operands, t, inputs, option, shape)
                noise = np.sum((got[i].reshape(shape).astype(np.float64) - y) ** 2)
                self.assertLessEqual(noise, 1e-10 * np.sum(y**2), f"{name}: layer {i}")


class OperatorTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        (self.folder / "run.yaml").write_text(RUN)
        self.random = np.random.default_rng(8)

    def computed(self, code, operands, result, options_type=0, options=None, codes=()):
        """The operator's result; `result` says its type and shape. `codes`: scale and zero-point of int8."""
        model, given = Model(), []
        scale = {"scales": codes[:1], "zeros": codes[1:]} if codes else {}
        places = []
        for i, x in enumerate(operands):
            places.append(model.tensor(f"x{i}", x.shape, str(x.dtype), **(scale if x.dtype == np.int8 else {})))
            np.save(self.folder / f"x{i}.npy", x)
            given += ["--input", f"x{i}={self.folder / f'x{i}.npy'}"]
        y = model.tensor("y", result.shape, str(result.dtype), **(scale if result.dtype == np.int8 else {}))
        model.add(code, places, [y], options_type, options)
        (self.folder / "m.tflite").write_bytes(model.bytes(places, [y]))
        sim("run", self.folder / "run.yaml", "--network", self.folder / "m.tflite", *given, "--save-outputs", "-q",
            "-o", self.folder / "out")  # fmt: skip
        return np.load(self.folder / "out" / "outputs" / "y.npy")

    def arg_min(self, x):
        """Along the third axis, whose index is a constant."""
        model = Model()
        a = model.tensor("x", x.shape, "float32")
        axis = model.tensor("axis", (1,), "int32", np.array([2], np.int32))
        y = model.tensor("y", (*x.shape[:2], x.shape[3]), "int32")
        model.add(79, [a, axis], [y], 57, Table(s0=("b", 2)))
        (self.folder / "m.tflite").write_bytes(model.bytes([a], [y]))
        np.save(self.folder / "x.npy", np.round(x))
        sim("run", self.folder / "run.yaml", "--network", self.folder / "m.tflite", "--input",
            f"x={self.folder / 'x.npy'}", "--save-outputs", "-q", "-o", self.folder / "out")  # fmt: skip
        return np.load(self.folder / "out" / "outputs" / "y.npy")

    def test_comparisons(self):
        kinds = {71: np.equal, 72: np.not_equal, 61: np.greater, 62: np.greater_equal, 58: np.less, 63: np.less_equal}
        reals = [self.random.integers(-2, 3, s).astype(np.float32) / 2 for s in ((3, 4), (4,))]
        numbers = [self.random.integers(-2, 3, s).astype(np.int32) for s in ((3, 1), (3, 4))]
        codes = [self.random.integers(-2, 3, (3, 4)).astype(np.int8) for _ in range(2)]
        for code, function in kinds.items():
            for operands in (reals, numbers, codes):
                want = function(*operands)
                got = self.computed(code, operands, want, codes=(0.5, 1))
                self.assertEqual(got.dtype, bool)
                np.testing.assert_array_equal(got, want, f"{code} {operands[0].dtype}")

    def test_bools_and_choices(self):
        a, b = (self.random.integers(0, 2, (3, 4)).astype(bool) for _ in range(2))
        for code, operands, want in ((86, (a, b), a & b), (84, (a, b), a | b), (87, (a,), ~a)):
            np.testing.assert_array_equal(self.computed(code, operands, want), want, str(code))
        rows = np.array([True, False, True])
        for dtype in (np.float32, np.int32, np.int8):
            x, y = (self.random.integers(-100, 100, (3, 4)).astype(dtype) for _ in range(2))
            for code, choice, want in ((64, a, np.where(a, x, y)), (64, rows, np.where(rows[:, None], x, y)),
                                       (123, a[:, :1], np.where(a[:, :1], x, y))):  # fmt: skip
                got = self.computed(code, (choice, x, y), want, codes=(0.5, 1))
                np.testing.assert_array_equal(got, want, f"{code} {dtype}")

    def test_of_reals(self):
        x = self.random.standard_normal((1, 6, 5, 8)).astype(np.float32)
        y = self.random.standard_normal(8).astype(np.float32)
        squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (0, 0), (0, 0), (2, 2)))
        sums = sum(squares[..., i : i + 8] for i in range(5))
        window = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64) ** 2, (3, 2), (1, 2))
        pool = Table(s0=("b", 1), s1=("i", 1), s2=("i", 1), s3=("i", 2), s4=("i", 3))
        response = Table(s0=("i", 2), s1=("f", 1.5), s2=("f", 0.25), s3=("f", 0.75))
        for what, got, want in (
            ("arg_min", self.arg_min(x), np.round(x).argmin(2)),
            ("floor_div", self.computed(90, (x, y), x), np.floor(x / y)),
            ("response", self.computed(13, (x,), x, 13, response), x / (1.5 + 0.25 * sums) ** 0.75),
            ("l2 pool", self.computed(12, (x,), x[:, :4, :4], 5, pool), np.sqrt(window.mean((-2, -1)))),
        ):
            np.testing.assert_allclose(got, want, 1e-5, 1e-6, err_msg=what)


if __name__ == "__main__":
    unittest.main()
