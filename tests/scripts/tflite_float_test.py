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

f4 = np.float32
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
            ("floor_mod", self.computed(95, (1e6 * x, y), x), np.mod(np.float32(1e6) * x, y)),
            ("atan2", self.computed(156, (x, y), x), np.arctan2(x, y)),
            ("response", self.computed(13, (x,), x, 13, response), x / (1.5 + 0.25 * sums) ** 0.75),
            ("l2 pool", self.computed(12, (x,), x[:, :4, :4], 5, pool), np.sqrt(window.mean((-2, -1)))),
        ):
            np.testing.assert_allclose(got, want, 1e-5, 1e-6, err_msg=what)

    def test_of_integers_and_indices(self):
        x = self.random.integers(-9, 10, (3, 5)).astype(np.int32)
        y = self.random.choice([-4, -3, 2, 5], 5).astype(np.int32)
        r = self.random.standard_normal((2, 6, 3)).astype(np.float32)
        at = np.array([[1, 4], [0, 5], [1, 0]], np.int32)
        sums = np.cumsum(r[:, ::-1], 1)[:, ::-1]
        hot = np.where(x[..., None] == np.arange(4), np.float32(5), np.float32(-1))
        for what, got, want in (
            ("add", self.computed(0, (x, y), x, 11, Table()), x + y),
            ("mul", self.computed(18, (x, y), x, 21, Table()), x * y),
            ("div", self.computed(42, (x, y), x, 29, Table()), np.trunc(x / y).astype(np.int32)),
            ("floor_div", self.computed(90, (x, y), x), x // y),
            ("floor_mod", self.computed(95, (x, y), x), x % y),
            ("cast", self.computed(53, (r * 9,), r.astype(np.int32)), (r * 9).astype(np.int32)),
            ("to bool", self.computed(53, (x,), x.astype(bool)), x != 0),
            ("neg", self.computed(59, (x,), x), -x),
            ("gather_nd", self.computed(107, (r, at), r[0, :3]), r[at[:, 0], at[:, 1]]),
            ("rsqrt", self.computed(76, (abs(r) + 0.1,), r), 1 / np.sqrt(abs(r) + np.float32(0.1))),
            ("l2", self.computed(11, (r,), r), r / np.sqrt((r.astype(float) ** 2).sum(-1, keepdims=True))),
            ("cumsum", self.with_constants(128, r, [np.array([1], np.int32)], r, 102, Table(s1=("B", 1))), sums),
            ("exclusive", self.with_constants(128, r, [np.array([-2], np.int32)], r, 102, Table(s0=("B", 1))),
             np.cumsum(r, 1) - r),
            ("one_hot", 1e8 * self.with_constants(85, x, [np.array(v) for v in (np.int32(4), f4(1), f4(1e-8))], hot, 61),
             np.where(hot == 5, 1e8, 1).astype(np.float32)),
            ("one_hot", self.with_constants(85, x, [np.array(v) for v in (np.int32(4), f4(5), f4(-1))], hot, 61), hot),
        ):  # fmt: skip
            self.assertEqual(got.dtype, want.dtype if want.dtype != np.float64 else np.float32, what)
            np.testing.assert_allclose(got, want, 1e-5, 1e-5, err_msg=what)

    def test_places_of_rows(self):
        x = self.random.standard_normal((2, 3, 5, 4)).astype(np.float32)
        at = self.random.integers(0, 5, (2, 3, 6)).astype(np.int32)
        flat = at[:, 0]
        each = np.stack([x[i][:, flat[i]] for i in range(2)])
        for what, index, shared, axis, want in (
            ("one batch", flat, 1, 1, np.stack([x[i, flat[i] % 3] for i in range(2)])),
            ("an axis between", flat, 1, 2, each),
            ("batches from behind", flat, -1, -2, each),
            ("two batches", at, 2, 2, np.take_along_axis(x, at[..., None], 2)),
        ):
            index = index % (3 if axis == 1 else 5)
            options = 23, Table(s0=("i", axis), s1=("i", shared))
            np.testing.assert_array_equal(self.with_constants(36, x, [index], want, *options), want, what)
            np.testing.assert_array_equal(self.computed(36, (x, index), want, *options), want, what)
        wrong = np.array([[0, 5], [0, 1]], np.int32)
        for run in (lambda *how: self.computed(36, (x, wrong), x[:, :, :2], *how),
                    lambda *how: self.with_constants(36, x, [wrong], x[:, :, :2], *how)):  # fmt: skip
            with self.assertRaisesRegex(AssertionError, "index -[0-9]* is outside of|index 5 of an axis of 5"):
                run(23, Table(s0=("i", 2), s1=("i", 1)))
        for batch, sequence, lengths in ((0, 1, [3, 1]), (1, 0, [2, 0, 1]), (0, 3, [2, 4]), (3, 1, [0, 1, 2, 3])):
            want = np.moveaxis(x, (batch, sequence), (0, 1)).copy()
            for row, length in zip(want, lengths):
                row[:length] = row[:length][::-1].copy()
            want = np.moveaxis(want, (0, 1), (batch, sequence))
            got = self.with_constants(112, x, [np.array(lengths, np.int32)], want, 87,
                                      Table(s0=("i", sequence), s1=("i", batch)))  # fmt: skip
            np.testing.assert_array_equal(got, want)
        rows, places = x[0, 0], np.array([[2, 1], [0, 3], [1, 0], [2, 3], [0, 0]], np.int32)
        want = np.zeros((3, 4, 4), np.float32)
        want[tuple(places.T)] = rows
        for order in (places, places[::-1].copy()):
            model = Model()
            inputs = [model.tensor("i", order.shape, "int32", order), model.tensor("u", rows.shape, "float32"),
                      model.tensor("s", (3,), "int32", np.array(want.shape, np.int32))]  # fmt: skip
            y = model.tensor("y", want.shape, "float32")
            model.add(122, inputs, [y], 97, Table())
            got = self.run_model(model, inputs[1:2], [y], [rows if order is places else rows[::-1].copy()])[0]
            np.testing.assert_array_equal(got, want)

    def with_constants(self, code, x, constants, result, options_type=0, options=None):
        model = Model()
        places = [model.tensor("x", x.shape, str(x.dtype))]
        places += [model.tensor(f"c{i}", c.shape, str(c.dtype), c) for i, c in enumerate(constants)]
        y = model.tensor("y", result.shape, str(result.dtype))
        model.add(code, places, [y], options_type, options or Table())
        return self.run_model(model, places[:1], [y], [x])[0]

    def run_model(self, model, inputs, outputs, values, *words):
        (self.folder / "m.tflite").write_bytes(model.bytes(inputs, outputs))
        given = []
        for place, x in zip(inputs, values):
            np.save(self.folder / f"{place}.npy", x)
            given += ["--input", f"{model.names[place]}={self.folder / f'{place}.npy'}"]
        sim("run", self.folder / "run.yaml", "--network", self.folder / "m.tflite", *given, *words,
            "--save-outputs", "-q", "-o", self.folder / "out")  # fmt: skip
        return [np.load(self.folder / "out" / "outputs" / f"{model.names[y]}.npy") for y in outputs]

    def test_largest_and_transforms(self):
        x = self.random.standard_normal((5, 16)).astype(np.float32)
        x[3], x[4, 2:] = -np.inf, -np.inf
        x[4, 5:7] = np.finfo(np.float32).min, np.inf
        whole = self.random.integers(-9, 9, (5, 16)).astype(np.int32)
        whole[4, :4] = 1 - 2**24, 2**24 - 1, 1 - 2**24, 5
        for x in (whole, x):
            model = Model()
            a = model.tensor("x", x.shape, str(x.dtype))
            k = model.tensor("k", (), "int32", np.array(6, np.int32))
            values, places = model.tensor("v", (5, 6), str(x.dtype)), model.tensor("p", (5, 6), "int32")
            model.add(48, [a, k], [values, places], 34, Table())
            got = self.run_model(model, [a], [values, places], [x])
            order = np.argsort(-x, -1, kind="stable")[:, :6]
            np.testing.assert_array_equal(got[1], order)
            np.testing.assert_array_equal(got[0], np.take_along_axis(x, order, -1))
        x = x[:3]
        model = Model()
        a = model.tensor("x", (3, 1, 16), "float32")
        size = model.tensor("n", (2,), "int32", np.array([1, 16], np.int32))
        bins, flat = model.tensor("bins", (3, 1, 9), "complex64"), model.tensor("flat", (3, 9), "complex64")
        shape = model.tensor("shape", (2,), "int32", np.array([3, 9], np.int32))
        y = model.tensor("y", (3, 9), "float32")
        model.add(131, [a, size], [bins], 105, Table())
        model.add(22, [bins, shape], [flat])
        model.add(135, [flat], [y])
        got = self.run_model(model, [a], [y], [x[:, None]])[0]
        np.testing.assert_allclose(got, abs(np.fft.rfft(x)), 1e-4, 1e-4)

    def test_batches_of_what_files_leave_open(self):
        x = self.random.standard_normal((3, 1, 8)).astype(np.float32)
        model = Model()
        a = model.tensor("x", (1, 1, 8), "float32", signature=[-1, 1, 8])
        k, size = (model.tensor(name, np.shape(v), "int32", np.array(v, np.int32)) for name, v in (("k", 2), ("n", [1, 8])))
        hot = [model.tensor(f"h{i}", (), str(v.dtype), v) for i, v in enumerate((np.array(8, np.int32), np.array(f4(2)), np.array(f4(-1))))]
        values, places = model.tensor("v", (1, 1, 2), "float32"), model.tensor("p", (1, 1, 2), "int32")
        one_hot = model.tensor("o", (1, 1, 2, 8), "float32")
        bins, size_of_bins = model.tensor("bins", (1, 1, 5), "complex64"), model.tensor("b", (1, 1, 5), "float32")
        model.add(48, [a, k], [values, places], 34, Table())
        model.add(85, [places, *hot], [one_hot], 61, Table(s0=("i", -1)))
        model.add(131, [a, size], [bins], 105, Table())
        model.add(135, [bins], [size_of_bins])
        got = self.run_model(model, [a], [values, places, one_hot, size_of_bins], [x], "--batch", 3)
        order = np.argsort(-x, -1, kind="stable")[..., :2]
        wanted = (np.take_along_axis(x, order, -1), order, np.where(order[..., None] == np.arange(8), 2, -1), abs(np.fft.rfft(x)))
        for found, want in zip(got, wanted):
            np.testing.assert_allclose(found, want, 1e-5, 1e-5)

    def test_weights_in_fp16_and_sparse_ones(self):
        """Dense weights of a layer that are fp16, of blocks with elements that are not 0, and codes."""
        dense = np.zeros((4, 8), np.float16)
        dense[0, 4:], dense[1, :4], dense[3] = 0.5 + np.arange(4), -1.5, np.arange(8) / 4 + 1
        blocks, segments, indices = dense.reshape(4, 2, 4), [0, 1, 2, 2, 4], [1, 0, 0, 1]
        kept = np.concatenate([blocks[0, 1], blocks[1, 0], blocks[3].reshape(-1)])
        level = lambda size: Table(s1=("i", size))
        vector = lambda v: Table(s0=np.array(v, np.uint8))
        sparsity = Table(s0=np.array([0, 1, 2], np.int32), s1=np.array([1], np.int32), s2=[
            level(4), Table(s0=("b", 1), s2=("B", 3), s3=vector(segments), s4=("B", 3), s5=vector(indices)), level(4)])  # fmt: skip
        codes = self.random.integers(-99, 99, (4, 4)).astype(np.int8)
        model = Model()
        x = model.tensor("x", (2, 8), "float32")
        stored = model.tensor("stored", (4, 8), "float16", kept, sparsity=sparsity)
        whole, w = model.tensor("whole", (4, 8), "float16"), model.tensor("w", (4, 8), "float32")
        c = model.tensor("c", (4, 4), "int8", codes, [0.5, 0.25, 0.125, 2], [0] * 4)
        second = model.tensor("second", (4, 4), "float32")
        between, y = model.tensor("between", (2, 4), "float32"), model.tensor("y", (2, 4), "float32")
        model.add(124, [stored], [whole], 99)
        model.add(6, [whole], [w])
        model.add(6, [c], [second])
        model.add(DENSE, [x, w, -1], [between], 8, Table())
        model.add(DENSE, [between, second, -1], [y], 8, Table())
        given = self.random.standard_normal((2, 8)).astype(np.float32)
        got = self.run_model(model, [x], [y], [given])[0]
        scales = np.array([[0.5], [0.25], [0.125], [2]])
        np.testing.assert_allclose(got, given @ dense.astype(float).T @ (codes * scales).T, 1e-5, 1e-4)

    def test_operands_that_are_not_where_they_are_mostly(self):
        """Weights that the network computes; a constant taken apart along its second axis."""
        x, w = (self.random.standard_normal(s).astype(np.float32) for s in ((3, 4), (5, 4)))
        got = self.computed(DENSE, (x, w), np.zeros((3, 5), np.float32), 8, Table())
        np.testing.assert_allclose(got, x.astype(float) @ w.T, 1e-5, 1e-5)
        model = Model()
        table = model.tensor("table", w.shape, "float32", w)
        at = model.tensor("at", (3,), "int32")
        y = model.tensor("y", (5, 3), "float32")
        model.add(36, [table, at], [y], 23, Table(s0=("i", 1)))
        given = np.array([3, 0, 3], np.int32)
        np.testing.assert_array_equal(self.run_model(model, [at], [y], [given])[0], w[:, given])

    def test_sizes_that_are_computed(self):
        """[batch, 4] as [batch, 2, 2], with a batch that the file leaves open."""
        model = Model()
        x = model.tensor("x", (1, 4), "float32", signature=(-1, 4))
        shape, batch = model.tensor("shape", (2,), "int32"), model.tensor("batch", (), "int32")
        ends = [model.tensor(f"e{i}", (1,), "int32", np.array([v], np.int32)) for i, v in enumerate((0, 1, 1))]
        two = model.tensor("two", (), "int32", np.array(2, np.int32))
        sizes, y = model.tensor("sizes", (3,), "int32"), model.tensor("y", (1, 2, 2), "float32", signature=(-1, 2, 2))
        z = model.tensor("z", (1, 2), "float32", signature=(-1, 2))
        axis = model.tensor("axis", (1,), "int32", np.array([2], np.int32))
        model.add(77, [x], [shape])
        model.add(45, [shape, *ends], [batch], 32, Table(s4=("i", 1)))
        model.add(83, [batch, two, two], [sizes], 59, Table(s0=("i", 3)))
        model.add(22, [x, sizes], [y])
        model.add(74, [y, axis], [z], 27, Table())
        for n in (1, 3):
            given = self.random.standard_normal((n, 4)).astype(np.float32)
            got = self.run_model(model, [x], [z], [given], "--batch", n)[0]
            np.testing.assert_allclose(got, given.reshape(n, 2, 2).sum(2), 1e-6)

    def test_graphs_in_graphs_and_variables(self):
        """Three turns of y = 2 y + 1, and then, as a constant says, y plus what all passes before were."""
        model = Model()
        x = model.tensor("x", (2,), "float32")
        zero = model.tensor("zero", (), "int32", np.array(0, np.int32))
        turns, doubled, total = model.tensor("turns", (), "int32"), model.tensor("doubled", (2,), "float32"), model.tensor("y", (2,), "float32")  # fmt: skip
        handle, kept = model.tensor("handle", (1,), "resource"), model.tensor("kept", (2,), "float32")
        truth, chosen = model.tensor("truth", (), "bool", np.array(True)), model.tensor("chosen", (2,), "float32")
        first = model.graph()
        a, b = first.tensor("i", (), "int32"), first.tensor("v", (2,), "float32")
        most, goes = first.tensor("three", (), "int32", np.array(3, np.int32)), first.tensor("goes", (), "bool")
        first.add(58, [a, most], [goes])
        first.ends = [a, b], [goes]
        body = model.graph()
        a, b = body.tensor("i2", (), "int32"), body.tensor("v2", (2,), "float32")
        one, unit = body.tensor("one", (), "int32", np.array(1, np.int32)), body.tensor("unit", (1,), "float32", np.ones(1, np.float32))  # fmt: skip
        up, twice, more = body.tensor("up", (), "int32"), body.tensor("twice", (2,), "float32"), body.tensor("more", (2,), "float32")  # fmt: skip
        body.add(0, [a, one], [up], 11, Table())
        body.add(0, [b, b], [twice], 11, Table())
        body.add(0, [twice, unit], [more], 11, Table())
        body.ends = [a, b], [up, more]
        sums, less = model.graph(), model.graph()
        for graph, code, kind in ((sums, 0, 11), (less, 41, 28)):
            a, b, c = (graph.tensor(f"{code}{name}", (2,), "float32") for name in "abc")
            graph.add(code, [a, b], [c], kind, Table())
            graph.ends = [a, b], [c]
        start = model.graph()
        own = start.tensor("handle2", (1,), "resource")
        begin = start.tensor("begin", (2,), "float32", np.full(2, 0.5, np.float32))
        start.add(142, [], [own], 111, Table(s1="state"))
        start.add(144, [own, begin], [], 113, Table())
        start.ends = [], []
        model.add(129, [], [], 103, Table(s0=("i", 5)))
        model.add(142, [], [handle], 111, Table(s1="state"))
        model.add(143, [handle], [kept], 112, Table())
        model.add(119, [zero, x], [turns, doubled], 93, Table(s0=("i", 1), s1=("i", 2)))
        model.add(118, [truth, doubled, kept], [total], 92, Table(s0=("i", 3), s1=("i", 4)))
        model.add(144, [handle, total], [], 113, Table())
        steps = self.random.standard_normal((4, 2)).astype(np.float32)
        got = self.run_model(model, [x], [total], [steps], "--set", "steps=4")[0]
        np.testing.assert_allclose(got, 0.5 + np.cumsum(8 * steps.astype(float) + 7, 0), 1e-5)

    def test_variables_of_constants(self):
        """A constant that is assigned is what the next pass reads; of another type it is refused."""
        for stored in (np.array([5, -2], np.float32), np.array([5, -2], np.int32)):
            model = Model()
            x, y = model.tensor("x", (2,), "float32"), model.tensor("y", (2,), "float32")
            reset = model.tensor("reset", (2,), str(stored.dtype), stored)
            handle, kept = model.tensor("handle", (1,), "resource"), model.tensor("kept", (2,), "float32")
            model.add(142, [], [handle], 111, Table(s1="state"))
            model.add(143, [handle], [kept], 112, Table())
            model.add(0, [x, kept], [y], 11, Table())
            model.add(144, [handle, reset], [], 113, Table())
            steps = self.random.standard_normal((3, 2)).astype(np.float32)
            if stored.dtype == np.float32:
                got = self.run_model(model, [x], [y], [steps], "--set", "steps=3")[0]
                np.testing.assert_array_equal(got, steps + np.array([[0, 0], [5, -2], [5, -2]], np.float32))
                continue
            with self.assertRaisesRegex(AssertionError, '"reset" is int32: the variable is read as fp32'):
                self.run_model(model, [x], [y], [steps], "--set", "steps=3")

    def test_hostile_numbers_are_refused(self):
        """Graphs in graphs without an end, and indices of one axis that lie in the flat table."""
        model = Model()
        x, y, truth = model.tensor("x", (2,), "float32"), model.tensor("y", (2,), "float32"), np.array(True)
        model.add(118, [model.tensor("t", (), "bool", truth), x], [y], 92, Table(s0=("i", 1), s1=("i", 1)))
        for i in range(1, 100):
            graph = model.graph()
            a, b = graph.tensor(f"a{i}", (2,), "float32"), graph.tensor(f"b{i}", (2,), "float32")
            graph.add(118, [graph.tensor(f"t{i}", (), "bool", truth), a], [b], 92,
                      Table(s0=("i", min(i + 1, 99)), s1=("i", min(i + 1, 99))))  # fmt: skip
            graph.ends = [a], [b]
        with self.assertRaisesRegex(AssertionError, "graphs in graphs, more than 64 deep"):
            self.run_model(model, [x], [y], [np.zeros(2, np.float32)])
        model = Model()
        x, y = model.tensor("x", (2,), "float32"), model.tensor("y", (2,), "float32")
        size, value = model.tensor("n", (1,), "int32", np.array([2**20], np.int32)), model.tensor("c", (), "float32", f4(3))
        last = model.tensor("f", (2**20,), "float32")
        model.add(94, [size, value], [last], 0, Table())
        for i in range(65):
            before, last = last, model.tensor(f"f{i}", (2**20,), "float32")
            model.add(0, [before, value], [last], 11, Table())
        model.add(0, [x, x], [y], 11, Table())
        with self.assertRaisesRegex(AssertionError, "what follows from constants has more than 67108864 elements"):
            self.run_model(model, [x], [y], [np.zeros(2, np.float32)])
        table = np.arange(24, dtype=np.float32).reshape(4, 6)
        for wrong in ([0, 6], [1, -1], [-1, 5]):
            at = np.array([[1, 2], wrong], np.int32)
            with self.assertRaisesRegex(AssertionError, "embedding: index -[0-9]* is outside of 0..23"):
                self.computed(107, (table, at), table[0, :2])
            with self.assertRaisesRegex(AssertionError, "index -?[0-9] of an axis of [46]"):
                self.with_constants(107, table, [at], table[0, :2])


if __name__ == "__main__":
    unittest.main()
