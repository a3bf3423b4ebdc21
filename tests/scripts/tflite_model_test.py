"""TensorFlow Lite models that are written here: values by hand, and what is refused, with which words."""

import math
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import unittest

import numpy as np

from tflite_state_test import Arithmetic, sigmoid, tanh
from tflite_models import (
    CUSTOM,
    FULLY_CONNECTED,
    FULLY_CONNECTED_OPTIONS,
    RELU,
    RESHAPE,
    SAME,
    SLICE,
    STRIDED_SLICE,
    STRIDED_SLICE_OPTIONS,
    TRANSPOSE_CONV,
    TRANSPOSE_CONV_OPTIONS,
    UNIQUE,
    VALID,
    WHERE,
    Model,
    Table,
    file_of,
    small_conv,
)

SIM = os.environ["BITJOULE_SIM"]
DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "tflite"

RUN = """
accelerator: accelerators/edge-16x16.yaml
dram: {model: ideal, bandwidth: 12.8 GB/s}
layer: {gemm: {m: 1, n: 1, k: 1}}
precision: {weights: int8, activations: int8}
verify: full
"""


class TfliteModelTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        (self.folder / "run.yaml").write_text(RUN)

    def sim(self, *words, code=0):
        done = subprocess.run([SIM, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def refused(self, data, *said, words=()):
        (self.folder / "m.tflite").write_bytes(data)
        text = self.sim("import", "m.tflite", "-o", "m.yaml", *words, code=2)
        for part in said:
            self.assertIn(part, text)

    def test_a_convolution_by_hand(self):
        model, inputs, outputs = small_conv()
        (self.folder / "m.tflite").write_bytes(model.bytes(inputs, outputs))
        x = np.random.default_rng(5).integers(-128, 128, (1, 4, 4, 1)).astype(np.int8)
        np.save(self.folder / "x.npy", x)
        self.sim("run", "run.yaml", "--network", "m.tflite", "--input", "x=x.npy", "--save-outputs", "-q",
                 "-o", "out")  # fmt: skip
        got = np.load(self.folder / "out" / "outputs" / "y.npy")
        padded = np.zeros((6, 6), np.int64)
        padded[1:5, 1:5] = x[0, :, :, 0].astype(np.int64) + 3
        weights = np.arange(-9, 9).reshape(2, 9)
        for filter_, (scale, bias) in enumerate(((0.5, 7), (0.25, -9))):
            # Factors 1/8 and 1/16: shifts alone. The doubling high multiplication by 1/2 rounds
            # halves up, the shift by 2 or 3 bits behind it half away from zero.
            shift = {0.5: 2, 0.25: 3}[scale]
            for row in range(4):
                for column in range(4):
                    window = padded[row : row + 3, column : column + 3].reshape(9)
                    half = (int(window @ weights[filter_]) + bias + 1) >> 1
                    magnitude = (abs(half) + (1 << (shift - 1))) >> shift
                    code = (magnitude if half > 0 else -magnitude) + 5
                    self.assertEqual(got[0, row, column, filter_], min(max(code, 5), 127))

    def test_slices_as_numpy_takes_them(self):
        def ints(values):
            return np.array(values, np.int32)

        x = np.arange(2 * 5 * 6, dtype=np.int8).reshape(2, 5, 6)
        cases = [
            (STRIDED_SLICE, ([0, 1, -4], [2, 5, 6], [1, 2, 3]), (0, 0, 0), x[0:2, 1:5:2, -4:6:3]),
            (STRIDED_SLICE, ([1, 3, 2], [9, -1, 1], [1, 1, 1]), (2, 4, 0), x[1:9, :-1, 2:]),
            (STRIDED_SLICE, ([-1, 2], [0, 4], [1, 1]), (0, 0, 1), x[-1, 2:4]),
            (STRIDED_SLICE, ([1, 4, -1], [-3, 0, 1], [-1, -2, -3]), (0, 0, 0), x[1:-3:-1, 4:0:-2, -1:1:-3]),
            (STRIDED_SLICE, ([0, 0, 0], [0, 0, 0], [1, -1, 1]), (7, 7, 0), x[:, ::-1]),
            (SLICE, ([0, 2, 1], [1, -1, 4]), None, x[0:1, 2:, 1:5]),
        ]
        for i, (code, operands, masks, expected) in enumerate(cases):
            model = Model()
            inputs = [model.tensor("x", x.shape, scales=(1,), zeros=(0,))]
            inputs += [model.tensor(f"c{j}", (len(v),), "int32", ints(v)) for j, v in enumerate(operands)]
            y = model.tensor("y", expected.shape, scales=(1,), zeros=(0,))
            begin, end, shrink = masks or (0, 0, 0)
            options = Table(s0=("i", begin), s1=("i", end), s4=("i", shrink)) if masks else None
            model.add(code, inputs, [y], STRIDED_SLICE_OPTIONS if masks else 0, options)
            (self.folder / "m.tflite").write_bytes(model.bytes(inputs[:1], [y]))
            np.save(self.folder / "x.npy", x)
            self.sim("run", "run.yaml", "--network", "m.tflite", "--input", "x=x.npy", "--save-outputs", "-q",
                     "-o", f"out{i}")  # fmt: skip
            got = np.load(self.folder / f"out{i}" / "outputs" / "y.npy")
            np.testing.assert_array_equal(got, expected)
        model = Model()
        x = model.tensor("x", (1, 4), scales=(1,), zeros=(0,))
        operands = [model.tensor(f"c{j}", (2,), "int32", ints(v)) for j, v in enumerate(([0, 3], [1, 0], [1, 0]))]
        y = model.tensor("y", (1, 3), scales=(1,), zeros=(0,))
        model.add(STRIDED_SLICE, [x, *operands], [y], STRIDED_SLICE_OPTIONS, Table())
        self.refused(model.bytes([x], [y]), 'node "y" (STRIDED_SLICE): strides: expected no 0')

    def test_every_unsupported_operator_is_told_at_once(self):
        model = Model()
        x = model.tensor("x", (1, 4), scales=(1,), zeros=(0,))
        before = x
        for i, (code, custom) in enumerate(((UNIQUE, None), (WHERE, None), (RELU, None),
                                            (UNIQUE, None), (CUSTOM, "Detect"), (200, None))):  # fmt: skip
            after = model.tensor(f"t{i}", (1, 4), scales=(1,), zeros=(0,))
            model.add(code, [before], [after], custom=custom)
            before = after
        data = model.bytes([x], [before])
        self.refused(data, 'm.tflite: operators that are not supported (TensorFlow Lite): 2 x UNIQUE (first: node '
                           '"t0"), 1 x WHERE (node "t1"), 1 x CUSTOM Detect (node "t4"), 1 x BUILTIN '
                           '200 (node "t5"); --skip-unknown leaves them out')  # fmt: skip
        said = self.sim("import", "m.tflite", "-o", "m.yaml", "--skip-unknown")
        self.assertIn('left out: 2 x UNIQUE (first: node "t0")', said)
        self.assertIn("name: t1, ", (self.folder / "m.yaml").read_text().replace('"', ""))

    def test_what_does_not_fit_is_refused(self):
        model, inputs, outputs = small_conv()
        good = model.bytes(inputs, outputs)
        self.refused(b"", "m.tflite: no TensorFlow Lite model: its bytes 4 to 7 are not TFL3")
        self.refused(good[:4] + b"TFL2" + good[8:], "bytes 4 to 7 are not TFL3")
        self.refused(good[:60], "m.tflite: the flatbuffer is damaged")
        self.refused(b"\xff\xff\xff\xff" + good[4:], "m.tflite: the flatbuffer is damaged")
        self.refused(model.bytes(inputs, outputs, version=4), "schema version 4: expected 3")
        self.refused(file_of(Table(s0=("I", 3))), "m.tflite: no graph")
        self.refused(model.bytes([99], outputs), "input 0: expected one of 4 tensors, got 99")
        self.refused(model.bytes([], outputs), 'node "y" (CONV_2D): reads "x" before it is produced')
        loose = model.tensor("loose", (1, 4))
        self.refused(model.bytes(inputs, [loose]), 'output "loose" is never produced')
        self.refused(good, "the model's inputs have no such open size", words=("--batch", 2))
        self.refused(small_conv((0.5, 0.0))[0].bytes(inputs, outputs), 'node "y" (CONV_2D): "w": expected '
                     "positive scales, got 0")  # fmt: skip
        self.refused(small_conv((0.5, 0.5, 0.5))[0].bytes(inputs, outputs), 'node "y" (CONV_2D): "w": 3 scales '
                     "along axis 0 are not those of 2 output channels")  # fmt: skip
        self.refused(small_conv(bias=(1, 2, 3))[0].bytes(inputs, outputs), 'tensor "b": the shape needs 8 bytes, '
                     "the file has 12")  # fmt: skip

    def run_one(self, model, inputs, outputs, values, *words):
        """The outputs of a model on the values of its inputs."""
        (self.folder / "m.tflite").write_bytes(model.bytes(inputs, outputs))
        given = []
        for i, value in enumerate(values):
            np.save(self.folder / f"in{i}.npy", value)
            given += ["--input", f"{model.names[inputs[i]]}=in{i}.npy"]
        self.sim("run", "run.yaml", "--network", "m.tflite", *given, *words, "--save-outputs", "-q", "-o", "out")
        folder = self.folder / "out" / "outputs"
        return [np.load(folder / f"{model.names[o]}.npy") for o in outputs]

    def test_weights_of_codes_meet_real_activations(self):
        model, inputs, outputs = small_conv(hybrid=True)
        x = np.random.default_rng(6).standard_normal((1, 4, 4, 1)).astype(np.float32)
        got = self.run_one(model, inputs, outputs, [x], "--set", "precision.activations=fp32",
                           "--set", "precision.weights=fp32")[0]  # fmt: skip
        padded = np.pad(x[0, :, :, 0].astype(np.float64), 1)
        weights = np.arange(-9, 9).reshape(2, 3, 3) * np.array([0.5, 0.25]).reshape(2, 1, 1)
        for filter_, bias in enumerate((7, -9)):
            for row in range(4):
                for column in range(4):
                    sum_ = (padded[row : row + 3, column : column + 3] * weights[filter_]).sum() + bias
                    self.assertAlmostEqual(got[0, row, column, filter_], max(sum_, 0), places=4)
        mixed = Model()
        x = mixed.tensor("x", (1, 4), "int32")
        y = mixed.tensor("y", (1, 4), "int32")
        mixed.add(RELU, [x], [y])
        self.refused(mixed.bytes([x], [y]), 'node "y" (RELU): "x" is int32 without a scale: supported are')
        model, inputs, outputs = small_conv(hybrid=True, bias_type="int32")
        self.refused(model.bytes(inputs, outputs), 'bias "b": expected a constant of fp32, got int32')

    def test_sums_of_int16_meet_15_bits_of_the_factor(self):
        """16 x 8: sums of 64 bits, where the bias has as many."""
        for bias_type, scale in (("int64", 0.7), ("int32", 0.7)):
            model = Model()
            rng = np.random.default_rng(7)
            x = model.tensor("x", (3, 20), "int16", scales=(0.01,), zeros=(0,))
            weights = rng.integers(-127, 128, (5, 20)).astype(np.int8)
            scales = np.array([0.02, 0.011, 0.3, 0.004, 0.05], np.float32)
            w = model.tensor("w", weights.shape, "int8", weights, scales, [0] * 5)
            bias = rng.integers(-(10**6), 10**6, 5).astype(bias_type)
            b = model.tensor("b", (5,), bias_type, bias)
            y = model.tensor("y", (3, 5), "int16", scales=(scale,), zeros=(0,))
            model.add(FULLY_CONNECTED, [x, w, b], [y], FULLY_CONNECTED_OPTIONS, Table())
            codes = rng.integers(-32768, 32768, (3, 20)).astype(np.int16)
            got = self.run_one(model, [x], [y], [codes])[0]
            sums = codes.astype(np.int64) @ weights.T.astype(np.int64) + bias
            for row in range(3):
                for column in range(5):
                    real = float(np.float32(0.01)) * float(scales[column]) / float(np.float32(scale))
                    mantissa, exponent = math.frexp(real)
                    m0 = math.floor(mantissa * 2**31 + 0.5)
                    sum_ = int(sums[row, column])
                    if bias_type == "int64":
                        upper, shift = min((m0 + 2**15) >> 16, 0x7FFF), 15 - exponent
                        code = (sum_ * upper + (1 << (shift - 1))) >> shift
                    else:
                        product = sum_ * m0
                        high = (product + 2**30) // 2**31 if product >= 0 else -((-product - 1 + 2**30) // 2**31)
                        half = (1 << -exponent) >> 1
                        code = (abs(high) + half) >> -exponent
                        code = code if high >= 0 else -code
                    self.assertEqual(got[row, column], min(max(code, -32768), 32767), bias_type)

    def test_uint8_has_zero_points_on_both_sides(self):
        model = Model()
        rng = np.random.default_rng(8)
        x = model.tensor("x", (2, 6), "uint8", scales=(0.5,), zeros=(121,))
        weights = rng.integers(0, 256, (3, 6)).astype(np.uint8)
        w = model.tensor("w", weights.shape, "uint8", weights, (0.25,), (137,))
        b = model.tensor("b", (3,), "int32", np.array([400, -300, 5], np.int32))
        y = model.tensor("y", (2, 3), "uint8", scales=(4.0,), zeros=(100,))
        model.add(FULLY_CONNECTED, [x, w, b], [y], FULLY_CONNECTED_OPTIONS, Table())
        codes = rng.integers(0, 256, (2, 6)).astype(np.uint8)
        got = self.run_one(model, [x], [y], [codes])[0]
        sums = (codes.astype(int) - 121) @ (weights.astype(int).T - 137) + [400, -300, 5]
        # 1/32 is 1/2 * 2^-4: halves up, then to the nearest, away from zero.
        half = (sums + 1) >> 1
        scaled = np.sign(half) * ((np.abs(half) + 8) >> 4)
        np.testing.assert_array_equal(got, np.clip(scaled + 100, 0, 255))

    def test_four_bits_a_weight(self):
        model = Model()
        weights = np.array([[-8, 7, 3], [1, -2, 5]], np.int8)
        packed = np.array([0x78, 0x13, 0x5E], np.uint8)  # the first in the low bits
        x = model.tensor("x", (1, 3), scales=(1.0,), zeros=(2,))
        w = model.tensor("w", weights.shape, "int4", packed, (1.0,), (0,))
        y = model.tensor("y", (1, 2), scales=(2.0,), zeros=(0,))
        model.add(FULLY_CONNECTED, [x, w], [y], FULLY_CONNECTED_OPTIONS, Table())
        codes = np.array([[5, -7, 12]], np.int8)
        got = self.run_one(model, [x], [y], [codes])[0]
        sums = (codes.astype(int) - 2) @ weights.T.astype(int)  # -57, 71
        np.testing.assert_array_equal(got, (sums + 1) >> 1)  # half of it, halves up
        self.assertIn('format: "int4"', self.sim("import", "m.tflite", "-o", "m.yaml")
                      + (self.folder / "m.yaml").read_text())  # fmt: skip

    def test_a_transposed_convolution_scatters(self):
        for padding, size in ((SAME, (6, 8)), (VALID, (7, 9))):
            model = Model()
            rng = np.random.default_rng(9)
            shape = model.tensor("s", (4,), "int32", np.array([1, *size, 2], np.int32))
            weights = rng.integers(-5, 6, (2, 3, 3, 3)).astype(np.int8)
            w = model.tensor("w", weights.shape, "int8", weights, (1.0, 0.5), (0, 0))
            x = model.tensor("x", (1, 3, 4, 3), scales=(1.0,), zeros=(4,))
            y = model.tensor("y", (1, *size, 2), scales=(4.0,), zeros=(-3,))
            options = Table(s0=("b", padding), s1=("i", 2), s2=("i", 2))
            model.add(TRANSPOSE_CONV, [shape, w, x], [y], TRANSPOSE_CONV_OPTIONS, options)
            codes = rng.integers(-20, 20, (1, 3, 4, 3)).astype(np.int8)
            got = self.run_one(model, [x], [y], [codes])[0]
            whole = np.zeros((7, 9, 2), int)
            for row in range(3):
                for column in range(4):
                    part = np.einsum("oijc,c->ijo", weights.astype(int), codes[0, row, column].astype(int) - 4)
                    whole[2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += part
            # SAME takes (2 * 2 + 3 - 6) / 2 = 0 rows off before: the result begins where it does.
            sums = whole[: size[0], : size[1]]
            half = (sums + 1) >> 1
            away = np.sign(half) * ((np.abs(half) + np.array([1, 2])) >> np.array([1, 2]))
            expected = np.clip(away - 3, -128, 127)
            np.testing.assert_array_equal(got[0], expected)

    def test_two_operands_by_the_kernels_integers(self):
        rng = np.random.default_rng(10)
        a_scale, b_scale, y_scale = np.float32(0.021), np.float32(0.013), np.float32(0.03)

        def run(code, dtype, options_type=0, options=None, scales=(a_scale, b_scale, y_scale), zeros=(3, -5, 7)):
            zeros = zeros if dtype == np.int8 else (0, 0, 0)
            model = Model()
            name = np.dtype(dtype).name
            a = model.tensor("a", (4, 9), name, scales=(scales[0],), zeros=(zeros[0],))
            b = model.tensor("b", (1, 9), name, scales=(scales[1],), zeros=(zeros[1],))
            y = model.tensor("y", (4, 9), name, scales=(scales[2],), zeros=(zeros[2],))
            model.add(code, [a, b], [y], options_type, options)
            info = np.iinfo(dtype)
            x = rng.integers(info.min, info.max + 1, (4, 9)).astype(dtype)
            w = rng.integers(info.min, info.max + 1, (1, 9)).astype(dtype)
            w[w == zeros[1]] += 1
            got = self.run_one(model, [a, b], [y], [x, w])[0].astype(np.int64)
            return got - zeros[2], x.astype(np.int64) - zeros[0], w.astype(np.int64) - zeros[1]

        times = Arithmetic(False).times
        wide = [float(s) for s in (a_scale, b_scale, y_scale)]
        lo, hi = -128 - 7, 127 - 7
        got, a, b = run(54, np.int8)  # PRELU
        below = times(a * b, wide[0] * wide[1] / wide[2])
        np.testing.assert_array_equal(got, np.clip(np.where(a >= 0, times(a, wide[0] / wide[2]), below), lo, hi))
        got, a, b = run(99, np.int8)  # SQUARED_DIFFERENCE: 7 more bits, at half the larger scale
        d = times(a * 128, 0.5) - times(b * 128, wide[1] / (2 * wide[0]))
        last = (2 * wide[0]) ** 2 / float(np.float32(2**14) * y_scale)
        np.testing.assert_array_equal(got, np.clip(times(d * d, last), lo, hi))
        got, a, b = run(42, np.int8, 29, Table())  # DIV, by a reciprocal of 31 bits
        quotient = np.clip(a * wide[0] / (b * wide[1]) / wide[2], lo, hi)
        self.assertLess(np.abs(got - quotient).max(), 0.5001)
        got, a, b = run(0, np.int16, 11, Table(s1=("b", 0)))  # ADD of int16: 15 more bits
        first, second = times(a << 15, 0.5), times(b << 15, wide[1] / (2 * wide[0]))
        sums = times(first + second, 2 * wide[0] / (2**15 * wide[2]))
        np.testing.assert_array_equal(got, np.clip(sums, -32768, 32767))
        same = (a_scale, a_scale, a_scale)
        for code, function in ((55, np.maximum), (57, np.minimum)):
            got, a, b = run(code, np.int8, scales=same, zeros=(3, 3, 3))
            np.testing.assert_array_equal(got, function(a, b))

    def test_curves_of_int16(self):
        x = np.arange(-32768, 32768, 7, dtype=np.int16).reshape(1, -1)
        for code, curve, exact in ((14, sigmoid, lambda v: 1 / (1 + np.exp(-v))), (28, tanh, np.tanh)):
            for scale in (2.0**-12, 0.00031):
                model = Model()
                a = model.tensor("a", x.shape, "int16", scales=(scale,), zeros=(0,))
                y = model.tensor("y", x.shape, "int16", scales=(2.0**-15,), zeros=(0,))
                model.add(code, [a], [y])
                got = self.run_one(model, [a], [y], [x])[0].astype(np.int64)
                if scale == 2.0**-12:
                    np.testing.assert_array_equal(got, curve(x.astype(np.int64)))
                real = exact(x * float(np.float32(scale))) * 32768
                self.assertLess(np.abs(got - real).max(), 20)

    def test_movement_as_numpy_has_it(self):
        x = np.arange(2 * 3 * 4, dtype=np.int8).reshape(1, 2, 3, 4)
        ints = np.int32
        cases = [
            (69, 0, None, [np.array([1, 2, 1, 3], ints)], np.tile(x, (1, 2, 1, 3))),
            (36, 23, Table(s0=("i", 2)), [np.array([2, 0, 0], ints)], x[:, :, [2, 0, 0]]),
            (36, 23, Table(s0=("i", 3)), [np.array([3, 1], ints)], x[..., [3, 1]]),
            (5, 94, Table(s0=("i", 2)), [], x.reshape(1, 2, 3, 2, 2, 1).transpose(0, 1, 3, 2, 4, 5)
             .reshape(1, 4, 6, 1)),  # fmt: skip
            (130, 0, None, [np.array([3, 2, 3, 4], ints)], np.broadcast_to(x, (3, 2, 3, 4))),
            (74, 27, Table(), [np.array([1, 3], ints)], None),
            (82, 27, Table(s0=("b", 1)), [np.array([-1], ints)], x.max(-1, keepdims=True)),
            (89, 27, Table(), [np.array([0, 2], ints)], x.min((0, 2))),
        ]
        for code, options_type, options, operands, expected in cases:
            if expected is None:
                expected = np.clip(x.sum((1, 3), dtype=int), -128, 127).astype(np.int8)
            model = Model()
            inputs = [model.tensor("x", x.shape, scales=(1,), zeros=(0,))]
            inputs += [model.tensor(f"c{i}", v.shape, "int32", v) for i, v in enumerate(operands)]
            y = model.tensor("y", expected.shape, scales=(1,), zeros=(0,))
            model.add(code, inputs, [y], options_type, options)
            got = self.run_one(model, inputs[:1], [y], [x])[0]
            np.testing.assert_array_equal(got.reshape(expected.shape), expected, f"operator {code}")

    def test_states_and_recurrent_layers_that_do_not_fit_are_refused(self):
        def svdf(memory=4, rank=1, state_scale=(1.0,), variable=True):
            model = Model()
            x = model.tensor("x", (1, 3), scales=(1,), zeros=(0,))
            f = model.tensor("f", (2, 3), "int8", np.ones((2, 3), np.int8), (1,), (0,))
            t = model.tensor("t", (2, 4), "int8", np.ones((2, 4), np.int8), (1,), (0,))
            state = model.tensor("state", (1, 2 * memory), scales=state_scale, zeros=(0,), variable=variable)
            y = model.tensor("y", (1, 2), scales=(1,), zeros=(0,))
            model.add(27, [x, f, t, -1, state], [y], 6, Table(s0=("i", rank)))
            return model.bytes([x], [y])

        self.refused(svdf(memory=5), 'node "y" (SVDF): the state "state" has another size')
        self.refused(svdf(rank=3), 'node "y" (SVDF): its operands and rank do not fit together')
        self.refused(svdf(state_scale=(0.0,)), 'node "y" (SVDF): "state": expected a positive scale')
        self.refused(svdf(variable=False), 'node "y" (SVDF): "state": expected a variable')
        self.refused(svdf(state_scale=()), 'node "y" (SVDF): the state "state" is int8')
        model = Model()
        x = model.tensor("x", (1, 2, 3), "float32")
        y = model.tensor("y", (1, 2, 2), "float32")
        parts = [model.tensor(f"w{i}", (2, 3) if i < 4 else (2, 2), "float32",
                              np.ones((2, 3) if i < 4 else (2, 2), np.float32)) for i in range(8)]  # fmt: skip
        biases = [model.tensor(f"b{i}", (2,), "float32", np.ones(2, np.float32)) for i in range(4)]
        states = [model.tensor(f"s{i}", (1, 2), "float32", variable=True) for i in range(2)]
        operands = [x, *parts, -1, -1, -1, *biases, -1, -1, *states, -1, -1, -1, -1]
        for change, said in (({9: biases[0]}, "peepholes, projections and norms are not supported"),
                             ({1: -1}, "operands 5 and 12 are those of an input gate"),
                             ({2: -1}, "operand 2 is missing"), ({3: biases[0]}, '"b0": expected a constant of'),
                             ({18: x}, "its operands do not fit together")):  # fmt: skip
            changed = [change.get(i, operand) for i, operand in enumerate(operands)]
            broken = Model()
            broken.__dict__.update({k: list(v) for k, v in model.__dict__.items()})
            broken.add(44, changed, [y], 71, Table(s0=("b", 4)))
            self.refused(broken.bytes([x], [y]), 'node "y" (UNIDIRECTIONAL_SEQUENCE_LSTM): ', said)
        # And one that fits: real values, two steps.
        model.add(44, operands, [y], 71, Table(s0=("b", 4)))
        values = np.array([[[0.1, -0.2, 0.3], [0.0, 0.5, -0.4]]], np.float32)
        got = self.run_one(model, [x], [y], [values], "--set", "precision.activations=fp32",
                           "--set", "precision.weights=fp32")[0]  # fmt: skip
        h, c = np.zeros(2), np.zeros(2)
        for step in range(2):
            gate = values[0, step].sum() + h.sum() + 1
            share = 1 / (1 + np.exp(-gate))
            c = share * c + share * np.tanh(gate)
            h = share * np.tanh(c)
            np.testing.assert_allclose(got[0, step], h, atol=1e-6)

    def test_the_manual_lists_the_operators(self):
        manual = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "networks.md").read_text()
        for front, name in (("TensorFlow Lite", "tflite_operators"), ("ONNX", "onnx_operators")):
            if name == "onnx_operators" and subprocess.run([SIM, "list", name], capture_output=True).returncode:
                continue  # built without ONNX
            lines = [line.split() for line in self.sim("list", name).splitlines()]
            rows = [words[0] for words in lines if words and "constants" not in words]
            listed = re.search(rf"\n\*{front}:\* (.*?)\n\n", manual, re.DOTALL).group(1)
            self.assertEqual(sorted(re.findall(r"`([\w.]+)`", listed)), sorted(rows), front)

    def test_names_are_made_unique(self):
        model = Model()
        tensors = [model.tensor(name, (1, 4), scales=(1,), zeros=(0,)) for name in ("a", "a", "", "a.scale")]
        for before, after in zip(tensors, tensors[1:]):
            model.add(RESHAPE, [before], [after])
        (self.folder / "m.tflite").write_bytes(model.bytes(tensors[:1], tensors[-1:]))
        self.sim("import", "m.tflite", "-o", "m.yaml")
        text = (self.folder / "m.yaml").read_text().replace('"', "")
        for name in ("name: a.1", "name: tensor2", "name: a.scale.3"):
            self.assertIn(name, text)

    def test_a_large_file_is_imported_in_a_second(self):
        """200 MB of weights, which nothing converts."""
        model = Model()
        x = first = model.tensor("x", (1, 2048), scales=[0.1], zeros=[0])
        for i in range(50):
            weights = np.frombuffer(np.random.default_rng(i).bytes(4 << 20), np.int8).reshape(2048, 2048)
            w = model.tensor(f"w{i}", weights.shape, data=np.maximum(weights, -127), scales=[0.01], zeros=[0])
            y = model.tensor(f"y{i}", (1, 2048), scales=[0.1], zeros=[0])
            model.add(FULLY_CONNECTED, [x, w], [y], FULLY_CONNECTED_OPTIONS, Table())
            x = y
        (self.folder / "large.tflite").write_bytes(model.bytes([first], [x]))

        def seconds():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime

        before = seconds()
        self.sim("import", "large.tflite", "-o", "large.yaml")
        took = seconds() - before  # of the processor: others may use the machine
        size = (self.folder / "large.tflite").stat().st_size
        print(f"{size / 1e6:.0f} MB imported in {took:.2f} s of the processor")
        self.assertGreater(size, 200e6)
        self.assertLess(took, 1)


if __name__ == "__main__":
    unittest.main()
