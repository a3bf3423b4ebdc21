"""Networks that keep a state, step by step, against the kernels' integer arithmetic written down in
numpy: SVDF with states of int8 and LSTM, in both roundings, and the LSTM of the built-in kernels, whose
outputs by the runtime itself have a known checksum."""

import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest
import zlib

import numpy as np

from tflite_golden_test import BUILTIN, DATA, REFERENCE, RUN, SINGLE, XNNPACK, Network
from tflite_models import Model, Table
from tflite_reader import TfliteFile

SIM = os.environ["BITJOULE_SIM"]
TABLE = np.load(DATA / "golden" / "sigmoid_table_uint16.npy").astype(np.int64)
# Of the outputs of mnist_lstm's LSTM for its first four samples, one after the other, by the runtime of
# TensorFlow Lite (@tensorflow/tfjs-tflite 0.0.1-alpha.10, WebAssembly), which keeps its states.
RUNTIME_LSTM = 0xB603D057
QUANTIZE, SVDF, DENSE, SOFTMAX, LSTM, RESHAPE = 114, 27, 9, 25, 44, 22


class Arithmetic:
    """x times a real factor, as TensorFlow Lite multiplies integers by it."""

    def __init__(self, single):
        self.single = single

    def multiplier(self, real):
        mantissa, exponent = math.frexp(float(real))
        m0 = math.floor(mantissa * 2**31 + 0.5)
        return (m0 // 2, exponent + 1) if m0 == 2**31 else (m0, exponent)

    def times(self, x, real):
        m0, exponent = self.multiplier(real)
        result = []
        for value in np.asarray(x).reshape(-1).tolist():
            if self.single:
                result.append((value * m0 + (1 << (30 - exponent))) >> (31 - exponent))
                continue
            product = (value << max(exponent, 0)) * m0
            nudged = product + (2**30 if product >= 0 else 1 - 2**30)
            high = nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)
            right = max(-exponent, 0)
            half = (1 << right) >> 1
            result.append((high + half) >> right if high >= 0 else -((-high + half) >> right))
        return np.array(result, np.int64).reshape(np.shape(x))


def sat(x, dtype):
    return np.clip(x, np.iinfo(dtype).min, np.iinfo(dtype).max)


def wide(tensor):
    return tensor.data.astype(np.int64)


def svdf(a, t, inputs, option, x, states):
    features, times, bias, state, rank = t[inputs[1]], t[inputs[2]], t[inputs[3]], inputs[4], option(0, "i")
    out = t["out"]
    dtype = np.int16 if t[state].dtype == np.int16 else np.int8
    kept = states.setdefault(state, np.full((features.shape[0], times.shape[1]), t[state].zero))
    kept[:, :-1] = kept[:, 1:].copy()
    scale = np.float32(np.float32(t[inputs[0]].scale * features.scale) / t[state].scale)
    new = sat(a.times(wide(features) @ (x - t[inputs[0]].zero), scale), dtype) + t[state].zero
    kept[:, -1] = new.astype(dtype)
    sums = (wide(times) * (kept - t[state].zero)).sum(1).reshape(-1, rank).sum(1) + wide(bias)
    scale = np.float32(np.float32(t[state].scale * times.scale) / out.scale)
    return sat(a.times(sums, scale) + out.zero, np.int8)


def curve(v, bits):
    magnitude = np.abs(v)
    index = np.minimum(magnitude >> bits, 254)
    between = (TABLE[index] << bits) + (magnitude & ((1 << bits) - 1)) * (TABLE[index + 1] - TABLE[index])
    most = 0x7FFF << 10 if bits == 9 else 0xFFFF << 8
    return np.where(magnitude >> bits >= 255, most, between)


def sigmoid(x):
    v = 3 * x
    y = curve(v, 9)
    return np.where(v >= 0, y + 512, 2**25 - y + 511) >> 10


def tanh(x, shift=0):
    v = (3 << shift) * x if shift >= 0 else (3 * x + (1 << (-shift - 1))) >> -shift
    y = curve(v, 8)
    return np.where(v >= 0, y - 2**23 + 128, -y + 2**23 + 127) >> 8


class FixedPoint:
    """gemmlowp's functions of int16: a code with b integer bits is code * 2^(b - 15)."""

    @staticmethod
    def wrap(x):
        return ((x + 32768) & 65535) - 32768

    @staticmethod
    def mul(a, b):
        return sat((a * b + 2**14) >> 15, np.int16)

    @staticmethod
    def halved(x, times):
        """Half away from zero."""
        return np.sign(x) * ((np.abs(x) + (1 << times >> 1)) >> times)

    @classmethod
    def constant(cls, value, bits=0):
        return int(cls.halved(np.int64(math.floor(value * 2 ** (31 - bits) + 0.5)), 16))

    @classmethod
    def exp(cls, a, bits):
        """Of a <= 0: a Taylor series for what is left of a quarter, a product for each power of two."""
        fraction = 15 - bits
        rest = a % 2 ** (fraction - 2) - 2 ** (fraction - 2)
        x = sat(rest << bits, np.int16) + 2**12
        x2 = cls.mul(x, x)
        x3, x4 = cls.mul(x2, x), cls.mul(x2, x2)
        higher = cls.mul(cls.halved(x4, 2) + x3, cls.constant(1 / 3)) + x2
        middle = cls.constant(math.exp(-1 / 8))
        y = sat(middle + cls.mul(np.int64(middle), x + cls.halved(higher, 1)), np.int16)
        quarters = (rest - a) >> (fraction - 2)
        for i in range(min(7, bits + 2)):
            y = np.where(quarters >> i & 1, cls.mul(y, cls.constant(math.exp(-(2.0 ** (i - 2))))), y)
        y = np.where((bits > 5) & (a < -(2 ** (fraction + 5))), 0, y)
        return np.where(a == 0, 32767, y)

    @classmethod
    def inverse(cls, e):
        """2 / (1 + e) with two integer bits."""
        half = (e + 32768) >> 1
        x = cls.constant(48 / 17, 2) + cls.mul(half, cls.constant(-32 / 17, 2))
        for _ in range(3):
            x = cls.wrap(x + sat(cls.mul(x, cls.wrap(8192 - cls.mul(half, x))) << 2, np.int16))
        return x

    @classmethod
    def sigmoid(cls, x):
        y = sat(cls.inverse(cls.exp(-np.abs(x), 3)) << 1, np.int16)
        return np.where(x == 0, 16384, np.where(x > 0, y, 32767 - y))

    @classmethod
    def tanh(cls, x, bits):
        y = sat((cls.inverse(cls.exp(-np.abs(x), bits + 1)) - 8192) << 2, np.int16)
        return np.where(x == 0, 0, np.where(x > 0, y, -y))


def builtin_lstm(t, inputs, x, states):
    """The built-in kernel: gates without tables, one rounding by powers of two."""
    a, f = Arithmetic(False), FixedPoint
    hidden, cell = inputs[18], inputs[19]
    h = states.setdefault(hidden, np.full(t[hidden].shape[-1], t[hidden].zero))
    c = states.setdefault(cell, np.zeros(t[cell].shape[-1], np.int64))
    exponent, outputs = int(math.log2(t[cell].scale)), []
    for row in x.reshape(t[inputs[0]].shape[1], -1):
        gates = []
        for i in range(4):
            w, r, bias = t[inputs[1 + i]], t[inputs[5 + i]], t[inputs[12 + i]]
            first = a.times(wide(w) @ (row - t[inputs[0]].zero) + wide(bias),
                            float(np.float32(t[inputs[0]].scale * w.scale)) * 4096)  # fmt: skip
            second = a.times(wide(r) @ (h - t[hidden].zero), float(np.float32(t[hidden].scale * r.scale)) * 4096)
            gates.append(sat(sat(first, np.int16) + sat(second, np.int16), np.int16))
        kept = f.halved(f.sigmoid(gates[1]) * c, 15)
        fresh = f.halved(f.sigmoid(gates[0]) * f.tanh(gates[2], 3), 30 + exponent)
        c = sat(kept + fresh, np.int16)
        product = f.sigmoid(gates[3]) * f.tanh(c, 15 + exponent)
        h = sat(a.times(product, 2.0**-30 / float(t[hidden].scale)) + t[hidden].zero, np.int8)
        outputs.append(h)
    states[hidden], states[cell] = h, c
    return np.array(outputs)


def lstm(a, t, inputs, option, x, states):
    hidden, cell = inputs[18], inputs[19]
    h = states.setdefault(hidden, np.full(t[hidden].shape[-1], t[hidden].zero))
    c = states.setdefault(cell, np.zeros(t[cell].shape[-1], np.int64))
    clip = option(1, "f") / float(t[cell].scale)
    shift = 12 + int(math.log2(t[cell].scale))
    outputs = []
    for row in x.reshape(t[inputs[0]].shape[1], -1):
        def gate(i, row=row, h=h):
            w, r, bias = t[inputs[1 + i]], t[inputs[5 + i]], t[inputs[12 + i]]
            first = a.times(wide(w) @ (row - t[inputs[0]].zero) + wide(bias),
                            float(np.float32(t[inputs[0]].scale * w.scale)) * 4096)  # fmt: skip
            second = a.times(wide(r) @ (h - t[hidden].zero), float(np.float32(t[hidden].scale * r.scale)) * 4096)
            return sat(sat(first, np.int16) + sat(second, np.int16), np.int16)
        i, f, g, o = sigmoid(gate(0)), sigmoid(gate(1)), tanh(gate(2)), sigmoid(gate(3))
        kept = sat(a.times(f * c, 2.0**-15), np.int16)
        c = sat(kept + sat(a.times(i * g, 2.0**-30 / float(t[cell].scale)), np.int16), np.int16)
        if clip > 0:
            c = np.clip(c, -int(min(clip, 32767)), int(min(clip, 32767)))
        h = sat(a.times(o * tanh(c, shift), 2.0**-30 / float(t[hidden].scale)) + t[hidden].zero, np.int8)
        outputs.append(h)
    states[hidden], states[cell] = h, c
    return np.array(outputs)


class View(dict):
    """Tensors by index; "out" is the operator's."""


class StateTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def expected(self, model, samples, single):
        """The network up to its softmax, whose input is compared."""
        a, states, results = Arithmetic(single), {}, []
        for sample in samples:
            values = {int(model.inputs[0]): sample.astype(np.int64).reshape(-1)}
            for code, inputs, outputs, option in model.operators:
                t = View(enumerate(model.tensors))
                t["out"] = model.tensors[outputs[0]]
                x = values[int(inputs[0])]
                if code == SOFTMAX:
                    break
                if code == QUANTIZE:
                    real = float(t[inputs[0]].scale) / float(t["out"].scale)
                    y = sat(a.times(x - t[inputs[0]].zero, real) + t["out"].zero, np.int8)
                elif code == SVDF:
                    y = svdf(a, t, inputs, option, x, states)
                elif code == LSTM:
                    y = lstm(a, t, inputs, option, x, states).reshape(-1)
                elif code == DENSE:
                    w = t[inputs[1]]
                    real = float(np.float32(t[inputs[0]].scale * w.scale)) / float(t["out"].scale)
                    y = a.times(wide(w) @ (x - t[inputs[0]].zero) + wide(t[inputs[2]]), real) + t["out"].zero
                    y = np.clip(y, max(-128, t["out"].zero) if option(0, "b") == 1 else -128, 127)
                else:
                    self.assertEqual(code, RESHAPE)
                    y = x
                values[int(outputs[0])] = y
            results.append(values[int(inputs[0])])
        return np.array(results)

    def test_states_are_kept_from_step_to_step(self):
        for name, layer in (("keyword_scrambled", -3), ("mnist_lstm", -2)):
            path = DATA / "models_tflm" / f"{name}_int8.tflite"
            samples = np.load(DATA / "models_tflm" / f"{name}_input.npy")[:4]
            model = TfliteFile(path)
            network = Network(path, self.folder / name, layers=True)
            for single, mode in ((False, REFERENCE), (True, SINGLE)):
                got = network.run(mode, [samples], mode, steps=len(samples))[layer]
                expected = self.expected(model, samples, single)
                self.assertEqual(np.count_nonzero(got.reshape(expected.shape) != expected), 0, f"{name} {mode}")

    def test_the_lstm_of_the_builtin_kernels(self):
        path = DATA / "models_tflm" / "mnist_lstm_int8.tflite"
        samples = np.load(DATA / "models_tflm" / "mnist_lstm_input.npy")[:4]
        model, states = TfliteFile(path), {}
        _, inputs, _, _ = model.operators[0]
        t = View(enumerate(model.tensors))
        expected = np.array([builtin_lstm(t, inputs, x.astype(np.int64), states) for x in samples], np.int8)
        self.assertEqual(zlib.crc32(expected.tobytes()), RUNTIME_LSTM)
        network = Network(path, self.folder / "mnist_lstm", layers=True)
        for mode in (BUILTIN, XNNPACK):
            got = network.run(mode, [samples], mode, steps=len(samples))[-4]
            self.assertEqual(np.count_nonzero(got.reshape(expected.shape) != expected), 0, mode)

    def test_an_input_gate_that_is_what_the_forget_gate_leaves(self):
        """CIFG: three gates of weights, in both roundings."""
        random = np.random.default_rng(3)
        cells, inputs, steps = 4, 6, 5
        model = Model()
        x = model.tensor("x", (1, steps, inputs), scales=(0.05,), zeros=(3,))
        weights, scales = [], np.array([0.004, 0.006, 0.005, 0.007, 0.003, 0.008], np.float32)
        for i in range(6):
            shape = (cells, inputs if i < 3 else cells)
            data = random.integers(-127, 128, shape).astype(np.int8)
            weights.append((model.tensor(f"w{i}", shape, "int8", data, (scales[i],), (0,)), data.astype(np.int64)))
        biases = [random.integers(-2000, 2000, cells).astype(np.int32) for _ in range(3)]
        stored = [model.tensor(f"b{i}", (cells,), "int32", b) for i, b in enumerate(biases)]
        h_scale, c_scale = np.float32(1 / 100), 2.0**-11
        hidden = model.tensor("h", (1, cells), scales=(h_scale,), zeros=(-4,), variable=True)
        cell = model.tensor("c", (1, cells), "int16", scales=(c_scale,), zeros=(0,), variable=True)
        y = model.tensor("y", (1, steps, cells), scales=(h_scale,), zeros=(-4,))
        w = [place for place, _ in weights]
        operands = [x, -1, *w[:3], -1, *w[3:], -1, -1, -1, -1, *stored, -1, -1, hidden, cell, -1, -1, -1, -1]
        model.add(LSTM, operands, [y], 71, Table(s0=("b", 4)))
        path = self.folder / "cifg.tflite"
        path.write_bytes(model.bytes([x], [y]))
        network = Network(path, self.folder / "cifg")
        codes = random.integers(-128, 128, (1, steps, inputs)).astype(np.int8)
        for single, mode in ((False, REFERENCE), (True, SINGLE)):
            a, h, c, expected = Arithmetic(single), np.full(cells, -4), np.zeros(cells, np.int64), []
            for row in codes[0].astype(np.int64):
                gates = []
                for i in range(3):
                    first = a.times(weights[i][1] @ (row - 3) + biases[i], float(np.float32(0.05) * scales[i]) * 4096)
                    second = a.times(weights[3 + i][1] @ (h + 4), float(h_scale * scales[3 + i]) * 4096)
                    gates.append(sat(sat(first, np.int16) + sat(second, np.int16), np.int16))
                f, g, o = sigmoid(gates[0]), tanh(gates[1]), sigmoid(gates[2])
                fresh = sat(a.times((32767 - f) * g, 2.0**-30 / c_scale), np.int16)
                c = sat(sat(a.times(f * c, 2.0**-15), np.int16) + fresh, np.int16)
                h = sat(a.times(o * tanh(c, 1), 2.0**-30 / float(h_scale)) - 4, np.int8)
                expected.append(h)
            got = network.run(mode, [codes], mode)[0]
            self.assertEqual(np.count_nonzero(got.reshape(steps, cells) != expected), 0, mode)
        # The built-in kernel subtracts another tensor's zero-point from the hidden state.
        with self.assertRaisesRegex(AssertionError, "hidden states without a zero-point alone"):
            network.run(BUILTIN, [codes], BUILTIN)

    def test_without_values_all_steps_cost_the_same(self):
        path = DATA / "models_tflm" / "keyword_scrambled_int8.tflite"
        (self.folder / "run.yaml").write_text(RUN)
        cycles = []
        for steps in (1, 5):
            subprocess.run([SIM, "run", self.folder / "run.yaml", "--network", path, "--set", f"steps={steps}",
                            "--set", "values=off", "-q", "-o", self.folder / f"s{steps}"], check=True)  # fmt: skip
            result = json.loads((self.folder / f"s{steps}" / "result.json").read_text())
            cycles.append(result["cycles"])
        self.assertEqual(cycles[1], 5 * cycles[0])


if __name__ == "__main__":
    unittest.main()
